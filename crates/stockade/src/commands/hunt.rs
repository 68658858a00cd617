//! `stockade hunt PATH…`: reads logs, runs the detections, and tells the story of each principal.

use std::io::IsTerminal as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use stockade_detect::render::{self, Hunted, Read, Skip};
use stockade_detect::{Common, Hunt, Hunter, Loader, RuleSet, Seen};
use stockade_ingest::{IngestError, Options, Position, Progress, Record, Sink, Summary};
use stockade_model::{LogKind, Severity, Timestamp};

use crate::out::{self, Status};

/// Exit status: 0 nothing found, 1 findings, 2 nothing to work on, 3 some of the input could not be read.
#[derive(Args)]
pub struct Arguments {
    /// Log files or folders, plain, gzip or zstd; `-` reads standard input
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Take every file for this kind of log: cloudtrail, vpc-flow, s3-access, resolver-query, waf, alb-access,
    /// nlb-access, clb-access, guardduty or securityhub; told by content without it
    #[arg(long, value_name = "KIND")]
    kind: Option<LogKind>,
    /// How many files to read at once; as many as there are cores without it
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
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
    let (hunt, summary) = match read(arguments, &rules) {
        Ok(read) => read,
        Err(error) => {
            if let IngestError::NoEvents(summary) = &error {
                name_skipped(summary);
            }
            return out::fail(&error);
        }
    };
    name_skipped(&summary);
    if hunt.events == 0 {
        return out::fail(&format!(
            "none of the {} events in the logs is in the time that was asked for: check --since and --until",
            summary.events
        ));
    }
    show(arguments, &rules, &hunt, &summary)
}

fn load(arguments: &Arguments) -> RuleSet {
    let loader = if arguments.only_rules {
        Loader::new()
    } else {
        Loader::new().builtin()
    };
    loader.paths(&arguments.rules).load()
}

/// A worker that holds the rules against what it is handed.
struct Worker<'r>(Hunter<'r>);

impl Sink for Worker<'_> {
    fn take(&mut self, record: &Record<'_>) -> Result<(), String> {
        let seen = Seen {
            kind: record.kind,
            base: record.base,
            record: record.bytes(),
            members: record.members,
            source: record.source,
            index: record.index,
        };
        self.0.take(&seen).map_err(|error| error.to_string())
    }
}

/// Hunts through the events in the time that was asked for.
fn read(arguments: &Arguments, rules: &RuleSet) -> Result<(Hunt, Summary), IngestError> {
    let common = Arc::new(Common::new());
    let progress = Progress::default();
    let options = Options {
        kind: arguments.kind,
        workers: arguments.workers,
    };
    let worker = || {
        Worker(Hunter::with(
            rules,
            Arc::clone(&common),
            arguments.since,
            arguments.until,
        ))
    };
    let done = AtomicBool::new(false);
    let (workers, summary) = std::thread::scope(|scope| {
        if std::io::stderr().is_terminal() {
            scope.spawn(|| watch(&progress, &common, &done));
        }
        let read = stockade_ingest::read(&arguments.paths, options, &progress, worker);
        done.store(true, Ordering::Release);
        read
    })?;
    let hunters = workers.into_iter().map(|worker| worker.0).collect();
    Ok((rules.finish(hunters), summary))
}

/// Shows how far reading is, until it is done.
fn watch(progress: &Progress, common: &Common, done: &AtomicBool) {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {bytes} read, {bytes_per_sec}, {msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    while !done.load(Ordering::Acquire) {
        bar.set_position(progress.bytes.load(Ordering::Relaxed));
        bar.set_message(format!(
            "{} events, {} of them matched a detection",
            progress.events.load(Ordering::Relaxed),
            common.matched(),
        ));
        std::thread::sleep(Duration::from_millis(100));
    }
    bar.finish_and_clear();
}

fn name_skipped(summary: &Summary) {
    for skipped in &summary.skipped {
        out::note(&format!("stockade: skipped {skipped}"));
    }
    for left in &summary.left_out {
        tracing::info!(file = left.source, "left out: {}", left.reason);
    }
}

fn show(arguments: &Arguments, rules: &RuleSet, hunt: &Hunt, summary: &Summary) -> Status {
    let mut findings = hunt.findings.clone();
    findings.retain(|finding| finding.severity >= arguments.min_level);
    let stories = hunt.stories(&findings);
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
        events: hunt.events,
        bytes: summary.bytes,
        first: hunt.span.map(|(first, _)| first),
        last: hunt.span.map(|(_, last)| last),
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
