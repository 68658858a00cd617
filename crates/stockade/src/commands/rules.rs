//! `stockade rules`: what is detected, and whether the detections hold.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use stockade_detect::{Loader, RuleSet, coverage, rules_lint, rules_test};

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
    /// Print the page of a detection: what it means, what raises it wrongly, what to do, its rule
    Explain {
        /// The id, or the title or a part of it
        id: String,
        /// Sigma files, or folders of them, besides the program's own
        #[arg(long, value_name = "PATH")]
        rules: Vec<PathBuf>,
    },
    /// Which techniques of ATT&CK are detected, as a table or as a layer for the Navigator
    Coverage {
        /// How to show it
        #[arg(long, value_enum, default_value_t = Form::Table)]
        format: Form,
        /// Sigma files, or folders of them, besides the program's own
        #[arg(long, value_name = "PATH")]
        rules: Vec<PathBuf>,
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

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Table,
    /// A layer that ATT&CK Navigator opens
    Navigator,
}

pub fn run(arguments: &Arguments) -> Status {
    match &arguments.what {
        What::List { paths } => list(paths),
        What::Explain { id, rules } => explain(id, rules),
        What::Coverage { format, rules } => {
            let rules = Loader::new().builtin().paths(rules).load();
            match format {
                Form::Table => out::print(&coverage::table(&rules)),
                Form::Navigator => match coverage::navigator(&rules) {
                    Ok(text) => out::print(&text),
                    Err(error) => return out::fail(&error),
                },
            }
            Status::Fine
        }
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

fn explain(id: &str, paths: &[PathBuf]) -> Status {
    let rules = Loader::new().builtin().paths(paths).load();
    let found = rules.named(id);
    match found.as_slice() {
        [] => out::fail(&format!(
            "no detection is called `{id}`: `stockade rules list` has them all"
        )),
        [one] => {
            out::print(&rules.page(one));
            Status::Fine
        }
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|meta| format!("  {}  {}", meta.id, meta.title))
                .collect();
            out::fail(&format!(
                "`{id}` may be each of these:\n{}",
                names.join("\n")
            ))
        }
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
