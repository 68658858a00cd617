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
use stockade_detect::{
    Baseline, Common, Given, Hunt, Hunter, Intel, Loader, Places, RuleSet, Seen, Suppressions,
};
use stockade_ingest::{IngestError, Options, Position, Progress, Record, Sink, Summary};
use stockade_model::{Clock as _, LogKind, Severity, SystemClock, Timestamp};

use super::timeline;
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
    /// What was usual in earlier hunts: read where the file is there, and written with what these logs add
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Lists of your own of bad addresses, networks, domains and keys: one entry a line, and what it is
    #[arg(long, value_name = "FILE")]
    intel: Vec<PathBuf>,
    /// Findings to take out, each with a reason and a last day; the summary says how many
    #[arg(long, value_name = "FILE")]
    suppress: Option<PathBuf>,
    /// Write every event of the principals with findings, in order, as one JSON object a line
    #[arg(long, value_name = "FILE")]
    timeline: Option<PathBuf>,
    /// Say who did what from where instead: principals, keys, addresses, programs, services, errors
    #[arg(long)]
    summary: bool,
    /// A database of places in MaxMind's format (GeoLite2-City.mmdb), for travel that nobody makes
    #[arg(long, value_name = "FILE")]
    geo: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: by principal and tactic, with the story in order
    Table,
    /// For programs: one JSON document
    Json,
    /// One finding a line
    Ndjson,
    /// OCSF Detection Findings, one a line
    Ocsf,
    /// Security Hub's format, ready for BatchImportFindings
    Asff,
    /// For spreadsheets
    Csv,
    /// For code hosts
    Sarif,
    /// One page that can be sent on: timeline, tactics, findings with their records
    Html,
}

pub fn run(arguments: &Arguments) -> Status {
    let rules = load(arguments);
    for problem in rules.problems() {
        out::note(&format!("stockade: {problem}"));
    }
    if rules.is_empty() {
        return out::fail(&"no rule could be loaded: check --rules");
    }
    let known = match Known::read(arguments) {
        Ok(known) => known,
        Err(message) => return out::fail(&message),
    };
    let (hunt, summary) = match read(arguments, &rules, &known) {
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
    let status = show(arguments, &rules, &hunt, &summary, &known);
    match known.keep(arguments, &hunt) {
        Ok(()) => status,
        Err(message) => out::fail(&message),
    }
}

/// What the user gives besides the logs.
struct Known {
    given: Given,
    suppressions: Suppressions,
}

impl Known {
    fn read(arguments: &Arguments) -> Result<Self, String> {
        let baseline = match &arguments.baseline {
            Some(path) => match std::fs::read_to_string(path) {
                Ok(text) => Baseline::read(&text)
                    .map_err(|error| format!("`{}` {error}", path.display()))?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Baseline::default(),
                Err(error) => return Err(format!("`{}` cannot be read: {error}", path.display())),
            },
            None => Baseline::default(),
        };
        let places = match &arguments.geo {
            Some(path) => {
                let bytes = std::fs::read(path)
                    .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
                let places =
                    Places::read(bytes).map_err(|error| format!("`{}` {error}", path.display()))?;
                Some(places)
            }
            None => None,
        };
        let text = |path: &PathBuf| {
            std::fs::read_to_string(path)
                .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))
        };
        let mut intel = Intel::default();
        for path in &arguments.intel {
            intel
                .add(&text(path)?)
                .map_err(|error| format!("`{}`, {error}", path.display()))?;
        }
        let suppressions = match &arguments.suppress {
            Some(path) => Suppressions::read(&text(path)?)
                .map_err(|error| format!("`{}` {error}", path.display()))?,
            None => Suppressions::default(),
        };
        Ok(Self {
            given: Given {
                baseline,
                places,
                intel,
            },
            suppressions,
        })
    }

    /// Writes the baseline with what is usual now. The old one stays until the new one is whole.
    fn keep(self, arguments: &Arguments, hunt: &Hunt) -> Result<(), String> {
        let Some(path) = &arguments.baseline else {
            return Ok(());
        };
        let mut baseline = self.given.baseline;
        baseline.add(hunt.baseline());
        let failed =
            |why: &dyn std::fmt::Display| format!("`{}` cannot be written: {why}", path.display());
        let text = baseline.written().map_err(|error| failed(&error))?;
        let mut fresh = path.clone().into_os_string();
        fresh.push(".new");
        std::fs::write(&fresh, text).map_err(|error| failed(&error))?;
        std::fs::rename(&fresh, path).map_err(|error| failed(&error))
    }
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
fn read(
    arguments: &Arguments,
    rules: &RuleSet,
    known: &Known,
) -> Result<(Hunt, Summary), IngestError> {
    let intel = Arc::new(known.given.intel.clone());
    let common = Arc::new(Common::new().with_intel(intel));
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
    let hunt = rules.finish_with(hunters, &known.given);
    Ok((hunt, summary))
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

fn show(
    arguments: &Arguments,
    rules: &RuleSet,
    hunt: &Hunt,
    summary: &Summary,
    known: &Known,
) -> Status {
    let mut findings = hunt.findings.clone();
    findings.retain(|finding| finding.severity >= arguments.min_level);
    let now = SystemClock.now();
    let suppressed = known.suppressions.apply(&mut findings, now);
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
        detections: u64::try_from(rules.detections().count()).unwrap_or(u64::MAX),
        skipped: summary.skipped_count,
    };
    let hunted = Hunted {
        read: &read,
        findings: &findings,
        stories: &stories,
        suppressed: &suppressed,
        skipped: &skipped,
        problems: rules.problems(),
    };
    if let Some(path) = &arguments.timeline
        && let Err(message) =
            timeline::write(path, &arguments.paths, arguments.kind, &findings, hunt)
    {
        return out::fail(&message);
    }
    let text = if arguments.summary {
        overview(arguments, hunt)
    } else {
        shown(arguments, &hunted)
    };
    match text {
        Ok(text) => out::print(&text),
        Err(message) => return out::fail(&message),
    }
    // In the other forms there is no room for it.
    if !matches!(arguments.format, Format::Table | Format::Json) || arguments.summary {
        for one in &suppressed {
            out::note(&format!("stockade: {}", render::said(one)));
        }
    }
    if summary.skipped_count > 0 || !rules.problems().is_empty() {
        Status::Incomplete
    } else if findings.is_empty() {
        Status::Fine
    } else {
        Status::Found
    }
}

fn overview(arguments: &Arguments, hunt: &Hunt) -> Result<String, String> {
    let overview = hunt.overview();
    match arguments.format {
        Format::Table => Ok(overview.table()),
        Format::Json => serde_json::to_string_pretty(&overview)
            .map(|text| text + "\n")
            .map_err(|error| error.to_string()),
        _ => Err("--summary is shown as table or json".to_owned()),
    }
}

fn shown(arguments: &Arguments, hunted: &Hunted<'_>) -> Result<String, String> {
    let text = match arguments.format {
        Format::Table => {
            let style = render::table::Style {
                width: out::width(),
                colour: out::colour(),
                next: arguments.next,
            };
            return Ok(render::table::render(hunted, style));
        }
        Format::Json => render::json::render(hunted),
        Format::Ndjson => render::ndjson::render(hunted),
        Format::Ocsf => render::ocsf::render(hunted),
        Format::Asff => render::asff::render(hunted),
        Format::Csv => return Ok(render::csv::render(hunted)),
        Format::Sarif => render::sarif::render(hunted),
        Format::Html => {
            let records = timeline::records(&arguments.paths, arguments.kind, hunted.findings)?;
            return Ok(render::html::render(hunted, &records));
        }
    };
    text.map_err(|error| error.to_string())
}
