//! `stockade hunt PATH…`: reads logs, runs the detections, and tells the story of each principal.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use stockade_detect::render::{self, Hunted, Read, Skip};
use stockade_detect::{Loader, RuleSet, stories};
use stockade_ingest::{IngestError, Position, Summary, read_paths};
use stockade_model::{Event, Severity, Timestamp};

use crate::out::{self, Status};

/// Exit status: 0 nothing found, 1 findings, 2 nothing to work on, 3 some of the input could not be read.
#[derive(Args)]
pub struct Arguments {
    /// CloudTrail files or folders, plain or gzip; `-` reads standard input
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Rules to add: Sigma files, or folders of them
    #[arg(long, value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// Only the rules of --rules, without the program's own
    #[arg(long, requires = "rules")]
    only_rules: bool,
    /// How to show what was found
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Leave out what is less bad than this: informational, low, medium, high or critical
    #[arg(long, value_name = "LEVEL", default_value = "low")]
    min_level: Severity,
    /// Only events from this time on, as in 2026-03-01T08:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Only events up to this time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Say under each finding what to do next
    #[arg(long)]
    next: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: by principal and tactic, with the story in order
    Table,
    /// For programs: one JSON document
    Json,
}

pub fn run(arguments: &Arguments) -> Status {
    let rules = load(arguments);
    for problem in rules.problems() {
        out::note(&format!("stockade: {problem}"));
    }
    if rules.is_empty() {
        return out::fail(&"no rule could be loaded: check --rules");
    }
    let (events, summary) = match read(arguments) {
        Ok(read) => read,
        Err(error) => {
            if let IngestError::NoEvents(summary) = &error {
                name_skipped(summary);
            }
            return out::fail(&error);
        }
    };
    name_skipped(&summary);
    if events.is_empty() {
        return out::fail(&format!(
            "none of the {} events in the logs is in the time that was asked for: check --since and --until",
            summary.events
        ));
    }
    show(arguments, &rules, &events, &summary)
}

fn load(arguments: &Arguments) -> RuleSet {
    let loader = if arguments.only_rules {
        Loader::new()
    } else {
        Loader::new().builtin()
    };
    loader.paths(&arguments.rules).load()
}

/// The events in the time that was asked for.
fn read(arguments: &Arguments) -> Result<(Vec<Event>, Summary), IngestError> {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} events read, {per_sec}")
    {
        bar.set_style(style);
    }
    let mut events = Vec::new();
    let summary = read_paths(&arguments.paths, &mut |event| {
        bar.inc(1);
        let from = arguments.since.is_none_or(|since| event.time() >= since);
        if from && arguments.until.is_none_or(|until| event.time() <= until) {
            events.push(event);
        }
    });
    bar.finish_and_clear();
    Ok((events, summary?))
}

fn name_skipped(summary: &Summary) {
    for skipped in &summary.skipped {
        out::note(&format!("stockade: skipped {skipped}"));
    }
    for left in &summary.left_out {
        tracing::info!(file = left.source, "left out: {}", left.reason);
    }
}

fn show(arguments: &Arguments, rules: &RuleSet, events: &[Event], summary: &Summary) -> Status {
    let mut findings = rules.hunt(events);
    findings.retain(|finding| finding.severity >= arguments.min_level);
    let stories = stories(&findings, events);
    let skipped: Vec<Skip> = summary
        .skipped
        .iter()
        .map(|skipped| Skip {
            source: skipped.source.clone(),
            position: (skipped.position != Position::Whole).then(|| skipped.position.to_string()),
            reason: skipped.reason.clone(),
        })
        .collect();
    let read = Read {
        files: summary.files,
        events: u64::try_from(events.len()).unwrap_or(u64::MAX),
        bytes: summary.bytes,
        first: events.iter().map(Event::time).min(),
        last: events.iter().map(Event::time).max(),
        detections: u64::try_from(rules.len()).unwrap_or(u64::MAX),
        skipped: summary.skipped_count,
    };
    let hunted = Hunted {
        read: &read,
        findings: &findings,
        stories: &stories,
        skipped: &skipped,
        problems: rules.problems(),
    };
    let text = match arguments.format {
        Format::Table => {
            let style = render::table::Style {
                width: out::width(),
                colour: out::colour(),
                next: arguments.next,
            };
            render::table::render(&hunted, style)
        }
        Format::Json => match render::json::render(&hunted) {
            Ok(text) => text,
            Err(error) => return out::fail(&error),
        },
    };
    out::print(&text);
    if summary.skipped_count > 0 || !rules.problems().is_empty() {
        Status::Incomplete
    } else if findings.is_empty() {
        Status::Fine
    } else {
        Status::Found
    }
}
