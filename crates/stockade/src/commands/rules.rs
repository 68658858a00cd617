//! `stockade rules`: what is detected, and whether the detections hold.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use stockade_detect::{RuleSet, rules_lint, rules_test};

use crate::out::{self, Status};

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List the program's own detections, or those of the given files and folders
    List {
        /// Sigma files, or folders of them
        paths: Vec<PathBuf>,
    },
    /// Run the examples of every detection: what must fire it, and what must not
    Test {
        /// A folder of `<tactic>/<name>/` folders; the program's own detections without it
        folder: Option<PathBuf>,
    },
    /// Check that every detection says what a responder needs
    Lint {
        /// A folder of `<tactic>/<name>/` folders; the program's own detections without it
        folder: Option<PathBuf>,
    },
}

pub fn run(arguments: &Arguments) -> Status {
    match &arguments.what {
        What::List { paths } => list(paths),
        What::Test { folder } => match rules_test(folder.as_deref()) {
            Ok(report) => {
                for failure in &report.failures {
                    out::note(&failure.to_string());
                }
                out::print(&format!(
                    "{} detections tested, {} failures\n",
                    report.detections,
                    report.failures.len()
                ));
                if report.passed() {
                    Status::Fine
                } else {
                    Status::Found
                }
            }
            Err(problem) => out::fail(&problem),
        },
        What::Lint { folder } => match rules_lint(folder.as_deref()) {
            Ok(failures) => {
                for failure in &failures {
                    out::note(&failure.to_string());
                }
                out::print(&format!("{} faults\n", failures.len()));
                if failures.is_empty() {
                    Status::Fine
                } else {
                    Status::Found
                }
            }
            Err(problem) => out::fail(&problem),
        },
    }
}

fn list(paths: &[PathBuf]) -> Status {
    let rules = if paths.is_empty() {
        RuleSet::builtin()
    } else {
        RuleSet::load_paths(paths)
    };
    let mut lines: Vec<String> = rules
        .detections()
        .map(|meta| {
            let techniques: Vec<&str> = meta
                .techniques
                .iter()
                .map(|technique| technique.as_str())
                .collect();
            format!(
                "{:<14} {:<36} {:<20} {}",
                meta.severity,
                meta.id,
                techniques.join(","),
                meta.title
            )
        })
        .collect();
    lines.sort();
    out::print(&(lines.join("\n") + "\n"));
    for problem in rules.problems() {
        out::note(&format!("stockade: {problem}"));
    }
    if rules.problems().is_empty() {
        Status::Fine
    } else {
        Status::Incomplete
    }
}
