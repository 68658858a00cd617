//! Checking detections: do the examples fire, do the look-alikes stay quiet, is the rule complete?
//!
//! Owns what a detection's folder must hold. Must not change a rule.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde::Serialize;
use stockade_model::{Event, LogKind, Origin, Tactic};

use crate::builtin;
use crate::files;
use crate::hunt::RuleSet;
use crate::load::{Loader, Problem};
use crate::rule::{Kind, Meta};

/// The outcome of [`rules_test`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TestReport {
    /// How many detections were checked.
    pub detections: usize,
    /// How many example events were run.
    pub examples: usize,
    /// What failed.
    pub failures: Vec<Failure>,
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Failure {
    /// The detection's folder: `<tactic>/<name>`.
    pub detection: String,
    /// The file in it.
    pub file: String,
    /// The line, counted from 1, where it is one line's fault.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(
                f,
                "{}/{}:{line}: {}",
                self.detection, self.file, self.message
            ),
            None => write!(f, "{}/{}: {}", self.detection, self.file, self.message),
        }
    }
}

impl TestReport {
    /// Whether all is well.
    pub fn passed(&self) -> bool {
        self.failures.is_empty() && self.detections > 0
    }
}

/// A detection's folder, read.
struct Folder {
    path: String,
    rule: String,
    fires: Option<String>,
    quiet: Option<String>,
}

/// Runs the examples of every detection: each line of `fires.ndjson` must raise the detection
/// (for a correlation, the file as a whole), and no line of `quiet.ndjson` may. `root` holds
/// `<tactic>/<name>/` folders; none tests the built-in ones.
pub fn rules_test(root: Option<&Path>) -> Result<TestReport, Problem> {
    let folders = folders(root)?;
    let mut loader = Loader::new();
    for folder in &folders {
        loader = loader.text(&format!("{}/rule.yml", folder.path), &folder.rule);
    }
    let rules = loader.load();
    let mut report = TestReport {
        detections: folders.len(),
        ..TestReport::default()
    };
    for problem in rules.problems() {
        report.failures.push(of_problem(problem));
    }
    for folder in &folders {
        test(folder, &rules, &mut report);
    }
    report.failures.sort();
    Ok(report)
}

/// Checks that each detection says what a responder needs: a unique id, a title and description,
/// a level, its folder's tactic and a technique among the tags, false positives, what to do next,
/// and examples. Answers what is missing; `root` as for [`rules_test`].
pub fn rules_lint(root: Option<&Path>) -> Result<Vec<Failure>, Problem> {
    let folders = folders(root)?;
    let mut loader = Loader::new();
    for folder in &folders {
        loader = loader.text(&format!("{}/rule.yml", folder.path), &folder.rule);
    }
    let rules = loader.load();
    let mut failures: Vec<Failure> = rules.problems().iter().map(of_problem).collect();
    for other in rules.not_applicable() {
        failures.push(Failure {
            detection: folder_of(&other.rule.source),
            file: "rule.yml".to_owned(),
            line: None,
            message: format!(
                "is for a log that is not read ({}): use product aws and a service such as cloudtrail",
                other.logsource
            ),
        });
    }
    let mut titles = BTreeSet::new();
    for folder in &folders {
        let mut say = |file: &str, message: String| {
            failures.push(Failure {
                detection: folder.path.clone(),
                file: file.to_owned(),
                line: None,
                message,
            });
        };
        if folder
            .fires
            .as_deref()
            .is_none_or(|text| text.trim().is_empty())
        {
            say(
                "fires.ndjson",
                "is missing or empty: give an event that must raise the detection".to_owned(),
            );
        }
        if folder
            .quiet
            .as_deref()
            .is_none_or(|text| text.trim().is_empty())
        {
            say(
                "quiet.ndjson",
                "is missing or empty: give the nearest honest look-alike".to_owned(),
            );
        }
        let source = format!("{}/rule.yml", folder.path);
        for meta in rules.detections().filter(|meta| *meta.source == *source) {
            for message in rules.impossible(&meta.id) {
                say("rule.yml", format!("rule `{}`: {message}", meta.title));
            }
        }
        for meta in mains(folder, &rules) {
            for message in lint(meta, folder) {
                say("rule.yml", message);
            }
            if !titles.insert(meta.title.to_lowercase()) {
                say(
                    "rule.yml",
                    format!("has the title of another detection: `{}`", meta.title),
                );
            }
        }
    }
    failures.sort();
    Ok(failures)
}

fn lint(meta: &Meta, folder: &Folder) -> Vec<String> {
    let mut found = Vec::new();
    let mut need = |holds: bool, message: &str| {
        if !holds {
            found.push(message.to_owned());
        }
    };
    need(is_uuid(&meta.id), "`id` must be a UUID in lower case");
    need(
        meta.title.len() >= 8 && meta.title.len() <= 110,
        "`title` must say in 8 to 110 characters what happened",
    );
    need(
        meta.description.len() >= 20,
        "`description` must say what it means",
    );
    need(
        folder.rule.lines().any(|line| line.starts_with("level:")),
        "`level` is missing",
    );
    need(
        !meta.techniques.is_empty(),
        "`tags` must name a technique (attack.t1078.004)",
    );
    need(
        !meta.falsepositives.is_empty(),
        "`falsepositives` must say what raises it wrongly, as text (quote one that holds a colon)",
    );
    need(
        meta.next.is_some(),
        "`stockade.next` must say what a responder does next",
    );
    if let Some(kind) = &meta.guardduty {
        let shaped = kind.contains(':') && kind.contains('/') && !kind.contains(' ');
        need(
            shaped,
            "`stockade.guardduty` must be a finding type, like Policy:IAMUser/RootCredentialUsage",
        );
    }
    let tactic = folder.path.split('/').next().unwrap_or_default();
    match tactic.parse::<Tactic>() {
        Ok(tactic) => need(
            meta.tactics.contains(&tactic),
            &format!("`tags` must name its folder's tactic (attack.{tactic})"),
        ),
        Err(_) => need(
            false,
            &format!("lies in `{tactic}`, which is no tactic of ATT&CK"),
        ),
    }
    found
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
        && text
            .bytes()
            .all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The detections that a folder is there for: its correlations, or else its rules.
fn mains<'a>(folder: &Folder, rules: &'a RuleSet) -> Vec<&'a Meta> {
    let source = format!("{}/rule.yml", folder.path);
    let own: Vec<&Meta> = rules
        .detections()
        .filter(|meta| *meta.source == *source)
        .collect();
    let correlations: Vec<&Meta> = own
        .iter()
        .copied()
        .filter(|meta| meta.kind == Kind::Correlation)
        .collect();
    if correlations.is_empty() {
        own.into_iter()
            .filter(|meta| !rules.is_part(&meta.id))
            .collect()
    } else {
        correlations
    }
}

fn test(folder: &Folder, rules: &RuleSet, report: &mut TestReport) {
    // Examples are records of the log that the folder's rules are for.
    let kind = rules
        .kind_of(&format!("{}/rule.yml", folder.path))
        .unwrap_or_default();
    let mut failures = Vec::new();
    let mut say = |file: &str, line: Option<usize>, message: String| {
        failures.push(Failure {
            detection: folder.path.clone(),
            file: file.to_owned(),
            line,
            message,
        });
    };
    let mut read = |file: &'static str, text: &Option<String>| -> Vec<(usize, Event)> {
        match text {
            None => {
                say(file, None, "is missing".to_owned());
                Vec::new()
            }
            Some(text) => events(text, kind, file, &mut |line, message| {
                say(file, Some(line), message)
            }),
        }
    };
    let fires = read("fires.ndjson", &folder.fires);
    let quiet = read("quiet.ndjson", &folder.quiet);
    if fires.is_empty() {
        say("fires.ndjson", None, "has no event".to_owned());
    }
    if quiet.is_empty() {
        say("quiet.ndjson", None, "has no event".to_owned());
    }
    report.examples += fires.len() + quiet.len();
    let mains = mains(folder, rules);
    if mains.is_empty() {
        say("rule.yml", None, "did not load".to_owned());
    }
    for meta in mains {
        if meta.kind == Kind::Correlation {
            let raised = |events: &[(usize, Event)]| {
                let events: Vec<Event> = events.iter().map(|(_, event)| event.clone()).collect();
                rules
                    .hunt(&events)
                    .iter()
                    .any(|finding| finding.detection == meta.id)
            };
            if !fires.is_empty() && !raised(&fires) {
                say(
                    "fires.ndjson",
                    None,
                    format!("does not raise `{}`, taken as a whole", meta.title),
                );
            }
            if raised(&quiet) {
                say("quiet.ndjson", None, format!("raises `{}`", meta.title));
            }
        } else {
            let raised =
                |event: &Event| rules.matches(event).iter().any(|other| other.id == meta.id);
            for (line, event) in &fires {
                if !raised(event) {
                    say(
                        "fires.ndjson",
                        Some(*line),
                        format!("does not raise `{}`", meta.title),
                    );
                }
            }
            for (line, event) in &quiet {
                if raised(event) {
                    say(
                        "quiet.ndjson",
                        Some(*line),
                        format!("raises `{}`", meta.title),
                    );
                }
            }
        }
    }
    report.failures.extend(failures);
}

fn events(
    text: &str,
    kind: LogKind,
    file: &str,
    wrong: &mut dyn FnMut(usize, String),
) -> Vec<(usize, Event)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let origin = Origin {
            source: file.into(),
            index: number as u64,
        };
        let event = serde_json::from_str(line)
            .map_err(|error| format!("is not JSON: {error}"))
            .and_then(|record| Event::of(kind, record, origin).map_err(|error| error.to_string()));
        match event {
            Ok(event) => found.push((number + 1, event)),
            Err(message) => wrong(number + 1, message),
        }
    }
    found
}

fn folders(root: Option<&Path>) -> Result<Vec<Folder>, Problem> {
    let Some(root) = root else {
        return Ok(builtin::DETECTIONS
            .iter()
            .map(|detection| Folder {
                path: detection.path.to_owned(),
                rule: detection.rule.to_owned(),
                fires: detection.fires.map(str::to_owned),
                quiet: detection.quiet.map(str::to_owned),
            })
            .collect());
    };
    files::detections(root)?
        .into_iter()
        .map(|(path, folder)| {
            let optional = |name: &str| {
                let file = folder.join(name);
                file.exists().then(|| files::text(&file)).transpose()
            };
            Ok(Folder {
                path,
                rule: files::text(&folder.join("rule.yml"))?,
                fires: optional("fires.ndjson")?,
                quiet: optional("quiet.ndjson")?,
            })
        })
        .collect()
}

fn folder_of(source: &str) -> String {
    source
        .strip_suffix("/rule.yml")
        .unwrap_or(source)
        .to_owned()
}

fn of_problem(problem: &Problem) -> Failure {
    Failure {
        detection: folder_of(&problem.source),
        file: "rule.yml".to_owned(),
        line: problem.line,
        message: problem.message.clone(),
    }
}
