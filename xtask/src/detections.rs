//! `cargo xtask detections`: the page of everything that is detected, told by the rules.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;

use stockade_detect::{Meta, RuleSet};
use stockade_model::Tactic;

/// How to make the page.
#[derive(clap::Args)]
pub struct DetectionsArgs {
    /// Write nothing: fail if the page is not what the rules say
    #[arg(long)]
    check: bool,
}

/// Why the page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DetectionsError {
    /// A rule did not load.
    #[error("{0}")]
    Rule(String),
    /// The page cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `--check` found a difference.
    #[error("{0} is not what the rules say: run cargo xtask detections")]
    Stale(PathBuf),
}

/// Writes the page, or checks it.
pub fn run(arguments: &DetectionsArgs) -> Result<(), DetectionsError> {
    let text = page()?;
    let path = crate::root().join("docs/reference/detections.md");
    let file = |source| DetectionsError::File {
        path: path.clone(),
        source,
    };
    if arguments.check {
        let there = fs::read_to_string(&path).map_err(file)?;
        return if there == text {
            Ok(())
        } else {
            Err(DetectionsError::Stale(path))
        };
    }
    fs::write(&path, text).map_err(file)?;
    println!("{}", path.display());
    Ok(())
}

/// One line of the page.
struct Line {
    folder: String,
    log: String,
    meta: Meta,
}

fn page() -> Result<String, DetectionsError> {
    let root = crate::root().join("content/detections");
    let rules = RuleSet::load_paths(std::slice::from_ref(&root));
    if let Some(problem) = rules.problems().first() {
        return Err(DetectionsError::Rule(problem.to_string()));
    }
    let mut tactics: BTreeMap<Tactic, Vec<Line>> = BTreeMap::new();
    let mut count = 0;
    for meta in rules.detections().filter(|meta| !rules.is_part(&meta.id)) {
        let file = PathBuf::from(&*meta.source);
        let folder = file
            .parent()
            .and_then(|folder| folder.strip_prefix(&root).ok())
            .map(|folder| folder.display().to_string())
            .unwrap_or_default();
        let tactic = folder.split('/').next().unwrap_or_default();
        let Ok(tactic) = tactic.parse::<Tactic>() else {
            return Err(DetectionsError::Rule(format!(
                "{}: lies in no tactic's folder",
                meta.source
            )));
        };
        let text = fs::read_to_string(&file).map_err(|source| DetectionsError::File {
            path: file.clone(),
            source,
        })?;
        count += 1;
        tactics.entry(tactic).or_default().push(Line {
            folder,
            log: log_of(&text).to_owned(),
            meta: meta.clone(),
        });
    }
    let mut out = format!(
        "# What is detected\n\nMade by `cargo xtask detections` from `content/detections`: {count} rules. The behavioural detectors come on top. The title leads to \
         the rule, which says what raises it wrongly, and what to do next; beside it lie an event that raises it and the nearest honest look-alike.\n"
    );
    for (tactic, mut lines) in tactics {
        lines.sort_by(|a, b| a.folder.cmp(&b.folder));
        let _ = write!(
            out,
            "\n## {}\n\n| detection | level | techniques | log | GuardDuty says |\n|---|---|---|---|---|\n",
            heading(tactic.as_str())
        );
        for line in lines {
            let techniques: Vec<&str> = line.meta.techniques.iter().map(|t| t.as_str()).collect();
            let _ = writeln!(
                out,
                "| [{}](../../content/detections/{}/rule.yml) | {} | {} | {} | {} |",
                line.meta.title,
                line.folder,
                line.meta.severity,
                techniques.join(", "),
                line.log,
                line.meta.guardduty.as_deref().unwrap_or_default()
            );
        }
    }
    Ok(out)
}

/// The log that the first rule of the file is for.
fn log_of(text: &str) -> &str {
    text.lines()
        .find_map(|line| line.strip_prefix("  service: "))
        .unwrap_or("cloudtrail")
}

fn heading(tactic: &str) -> String {
    let mut words = tactic.replace('-', " ");
    if let Some(first) = words.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_stands_on_the_page_once() {
        let page = page().unwrap();
        let folders = page.matches("/rule.yml)").count();
        assert!(folders > 200, "{folders}");
        assert!(page.contains("## Defense evasion"));
        assert!(page.contains("| vpcflow |"));
        let mut links: Vec<&str> = page
            .lines()
            .filter_map(|line| line.split("](").nth(1))
            .collect();
        let all = links.len();
        links.dedup();
        assert_eq!(links.len(), all);
    }
}
