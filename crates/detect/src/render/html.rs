//! The hunt as one HTML file without outside references: when and who, which tactics, what was found, and the
//! record behind each finding.
//!
//! Text from logs is written by attackers too: all of it goes through the template's escaping, and the page
//! runs no script.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use stockade_model::{Finding, Severity, Tactic, Timestamp};

use super::{Hunted, Records, VERSION};
use crate::story::Story;

/// Findings that are shown one by one.
const FINDINGS: usize = 2_000;
/// Events that a finding lists.
const EVENTS: usize = 12;
/// Rows of the plot and of the table of tactics.
const ROWS: usize = 40;
/// The plot's measures.
const WIDTH: f64 = 1_100.0;
const LEFT: f64 = 240.0;
const ROW: f64 = 26.0;

/// The page.
pub fn render(hunted: &Hunted<'_>, records: &Records) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "Hunt: " (hunted.findings.len()) " findings" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (summary(hunted))
                @if !hunted.findings.is_empty() {
                    (timeline(hunted))
                    (tactics(hunted))
                    (principals(hunted))
                    (findings(hunted, records))
                }
                (faults(hunted))
                footer { "Stockade " (VERSION) }
            }
        }
    };
    page.into_string()
}

fn summary(hunted: &Hunted<'_>) -> Markup {
    let read = hunted.read;
    let by = |severity: Severity| {
        hunted
            .findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    html! {
        header {
            h1 { "Hunt" }
            p {
                (read.events) " events in " (read.files) " files, held to " (read.detections) " detections"
                @if let (Some(first), Some(last)) = (read.first, read.last) {
                    ", " (written(first)) " to " (written(last)) " UTC"
                }
            }
            div class="counts" {
                @for severity in LEVELS {
                    div class=(format!("count {severity}")) {
                        b { (by(severity)) }
                        span { (severity) }
                    }
                }
                div class="count" { b { (hunted.stories.len()) } span { "principals" } }
            }
        }
    }
}

const LEVELS: [Severity; 5] = [
    Severity::Critical,
    Severity::High,
    Severity::Medium,
    Severity::Low,
    Severity::Informational,
];

/// By story, the findings that are behind its steps.
fn of_story<'a>(story: &'a Story, hunted: &'a Hunted<'_>) -> impl Iterator<Item = &'a Finding> {
    story
        .tactics
        .iter()
        .flat_map(|phase| &phase.steps)
        .flat_map(|step| &step.findings)
        .filter_map(|place| hunted.findings.get(*place))
}

/// When each principal did what was found: a dot for each finding, from its first event to its last.
fn timeline(hunted: &Hunted<'_>) -> Markup {
    let times = || {
        hunted
            .findings
            .iter()
            .flat_map(|finding| [finding.first, finding.last])
    };
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return html! {};
    };
    #[expect(clippy::cast_precision_loss, reason = "a place on a page")]
    let span = ((last.as_second() - first.as_second()).max(1)) as f64;
    #[expect(clippy::cast_precision_loss, reason = "a place on a page")]
    let x = |time: Timestamp| {
        let at = (time.as_second() - first.as_second()) as f64 / span;
        LEFT + 10.0 + at * (WIDTH - LEFT - 30.0)
    };
    let rows: Vec<&Story> = hunted.stories.iter().take(ROWS).collect();
    #[expect(clippy::cast_precision_loss, reason = "a place on a page")]
    let height = rows.len() as f64 * ROW + 40.0;
    let ticks: Vec<Timestamp> = (0..=4i64)
        .filter_map(|n| {
            Timestamp::from_second(
                first.as_second() + (last.as_second() - first.as_second()) * n / 4,
            )
            .ok()
        })
        .collect();
    html! {
        section {
            h2 { "Timeline" }
            div class="wide" {
                svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label="When each principal did what was found" {
                    @for tick in &ticks {
                        line class="grid" x1=(x(*tick)) x2=(x(*tick)) y1="0" y2=(height - 30.0) {}
                        text class="tick" x=(x(*tick)) y=(height - 12.0) text-anchor="middle" { (written(*tick)) }
                    }
                    @for (n, story) in rows.iter().enumerate() {
                        @let y = place(n) + 16.0;
                        text class="who" x="4" y=(y + 4.0) { (cut(short(&story.principal), 34)) title { (story.principal) } }
                        line class="lane" x1=(LEFT) x2=(WIDTH - 10.0) y1=(y) y2=(y) {}
                        @for finding in of_story(story, hunted) {
                            @if finding.last > finding.first {
                                line class=(format!("span {}", finding.severity)) x1=(x(finding.first)) x2=(x(finding.last)) y1=(y) y2=(y) {}
                            }
                            circle class=(format!("dot {}", finding.severity)) cx=(x(finding.first)) cy=(y) r="5" {
                                title { (written(finding.first)) " " (finding.title) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a place on a page")]
fn place(row: usize) -> f64 {
    row as f64 * ROW
}

/// Principals by tactics, the darker the more events.
fn tactics(hunted: &Hunted<'_>) -> Markup {
    let used: Vec<Tactic> = Tactic::ALL
        .into_iter()
        .filter(|tactic| {
            hunted.stories.iter().any(|story| {
                story
                    .tactics
                    .iter()
                    .any(|phase| phase.tactic == Some(*tactic))
            })
        })
        .collect();
    html! {
        section {
            h2 { "Tactics" }
            div class="wide" {
                table class="heat" {
                    thead { tr { th {} @for tactic in &used { th { (tactic.as_str().replace('-', " ")) } } } }
                    tbody {
                        @for story in hunted.stories.iter().take(ROWS) {
                            tr {
                                th scope="row" title=(story.principal) { (cut(short(&story.principal), 44)) }
                                @for tactic in &used {
                                    @let phase = story.tactics.iter().find(|phase| phase.tactic == Some(*tactic));
                                    @match phase {
                                        Some(phase) => {
                                            td class=(format!("h{}", depth(phase.done + phase.attempts)))
                                                title=(format!("{} done, {} tried in vain", phase.done, phase.attempts)) {
                                                (phase.done + phase.attempts)
                                            }
                                        }
                                        None => { td {} }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn depth(events: u64) -> u8 {
    match events {
        0..=1 => 1,
        2..=5 => 2,
        6..=20 => 3,
        21..=100 => 4,
        _ => 5,
    }
}

fn principals(hunted: &Hunted<'_>) -> Markup {
    let listed = |seen: &[crate::story::Seen]| -> String {
        let mut all: Vec<String> = seen
            .iter()
            .filter(|one| !one.value.is_empty())
            .take(6)
            .map(|one| format!("{} ({})", one.value, one.calls))
            .collect();
        if seen.len() > 6 {
            all.push(format!("and {} more", seen.len() - 6));
        }
        all.join(", ")
    };
    html! {
        section {
            h2 { "Principals" }
            @for story in hunted.stories {
                details class="principal" {
                    summary { span class=(format!("mark {}", story.severity)) { (story.severity) } code { (story.principal) } }
                    dl {
                        dt { "when" } dd { (written(story.first)) " to " (written(story.last)) " UTC" }
                        dt { "calls" } dd { (story.calls) ", " (story.refused) " refused" }
                        dt { "from" } dd { (listed(&story.addresses)) }
                        dt { "with" } dd { (listed(&story.user_agents)) }
                        dt { "keys" } dd { (listed(&story.keys)) }
                        dt { "regions" } dd { (listed(&story.regions)) }
                        @if !story.became.is_empty() { dt { "became" } dd { (listed(&story.became)) } }
                        @if !story.neighbours.is_empty() { dt { "near" } dd { (story.neighbours.join(", ")) } }
                    }
                    ol {
                        @for phase in &story.tactics {
                            @for step in &phase.steps {
                                li {
                                    time { (written(step.first)) } " "
                                    span class=(format!("mark {}", step.severity)) { (step.severity) } " "
                                    (step.title)
                                    @if step.events > 1 { " ×" (step.events) }
                                    @if step.attempt { em { " tried in vain" } }
                                    @if !step.targets.is_empty() { " on " (step.targets.iter().take(5).cloned().collect::<Vec<_>>().join(", ")) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn findings(hunted: &Hunted<'_>, records: &Records) -> Markup {
    let mut by_level: BTreeMap<std::cmp::Reverse<Severity>, Vec<&Finding>> = BTreeMap::new();
    for finding in hunted.findings.iter().take(FINDINGS) {
        by_level
            .entry(std::cmp::Reverse(finding.severity))
            .or_default()
            .push(finding);
    }
    html! {
        section {
            h2 { "Findings" }
            @if hunted.findings.len() > FINDINGS {
                p { "The first " (FINDINGS) " of " (hunted.findings.len()) " are shown." }
            }
            @for (level, list) in &by_level {
                h3 { (level.0) }
                @for finding in list {
                    (one(finding, records))
                }
            }
        }
    }
}

fn one(finding: &Finding, records: &Records) -> Markup {
    html! {
        details class="finding" {
            summary {
                time { (written(finding.first)) }
                span class=(format!("mark {}", finding.severity)) { (finding.severity) }
                b { (finding.title) }
                @if finding.attempt { em { "tried in vain" } }
                code { (short(&finding.principal)) }
            }
            dl {
                dt { "principal" } dd { code { (finding.principal) } }
                @for (name, value) in [("key", &finding.access_key), ("from", &finding.source_address), ("account", &finding.account), ("region", &finding.region), ("GuardDuty", &finding.guardduty_type)] {
                    @if let Some(value) = value { dt { (name) } dd { (value) } }
                }
                dt { "techniques" }
                dd { @for technique in &finding.techniques { span class="tag" { (technique.as_str()) } " " } }
                @if let Some(next) = &finding.next { dt { "next" } dd { (next) } }
                dt { "detection" } dd { code { (finding.detection) } }
            }
            p { (finding.proof.len()) " events prove it" @if finding.proof.len() > EVENTS { ", the first " (EVENTS) " are" } ":" }
            ul class="proof" {
                @for proof in finding.proof.iter().take(EVENTS) {
                    li {
                        @let place = format!("{}, record {}", proof.origin.source, proof.origin.index);
                        @match records.get(&proof.origin) {
                            Some(record) => {
                                details {
                                    summary { time { (written(proof.time)) } " " b { (proof.name) } " " small { (place) } }
                                    pre { (record) }
                                }
                            }
                            None => { time { (written(proof.time)) } " " b { (proof.name) } " " small { (place) } }
                        }
                    }
                }
            }
        }
    }
}

fn faults(hunted: &Hunted<'_>) -> Markup {
    html! {
        @if hunted.read.skipped > 0 || !hunted.problems.is_empty() {
            section class="faults" {
                h2 { "Not read" }
                p { (hunted.read.skipped) " faults; what is in there is not known." }
                ul {
                    @for skip in hunted.skipped.iter().take(50) {
                        li { (skip.source) @if let Some(position) = &skip.position { ", " (position) } ": " (skip.reason) }
                    }
                    @for problem in hunted.problems.iter().take(50) { li { (problem.to_string()) } }
                }
            }
        }
        @if hunted.findings.is_empty() { p { "Nothing found." } }
    }
}

fn written(time: Timestamp) -> String {
    let time = TimeZone::UTC.to_datetime(time);
    format!(
        "{} {:02}:{:02}:{:02}",
        time.date(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

fn short(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars()
        .take(most.saturating_sub(1))
        .chain(['…'])
        .collect()
}

const STYLE: &str = "
:root { color-scheme: light dark; --bg: #fff; --fg: #1b1f24; --soft: #6a737d; --line: #d8dee4; --card: #f6f8fa;
  --critical: #8b0000; --high: #cf222e; --medium: #bf6a02; --low: #0969da; --informational: #6e7781; --heat: 9, 105, 218; }
@media (prefers-color-scheme: dark) { :root { --bg: #0d1117; --fg: #e6edf3; --soft: #8d96a0; --line: #30363d; --card: #161b22;
  --critical: #ff6b6b; --high: #ff7b72; --medium: #e3a03c; --low: #58a6ff; --informational: #8b949e; --heat: 88, 166, 255; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); margin: 0 auto; max-width: 1180px; padding: 1.5rem; }
h1 { margin: 0; } h2 { margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); } h3 { text-transform: capitalize; margin: 1.2rem 0 .4rem; }
code, pre { font: 13px/1.45 ui-monospace, monospace; } pre { background: var(--card); padding: .8rem; overflow: auto; max-height: 30rem; white-space: pre-wrap; word-break: break-word; }
.counts { display: flex; gap: .8rem; flex-wrap: wrap; } .count { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--soft); border-radius: 6px; padding: .5rem 1rem; }
.count b { display: block; font-size: 1.6rem; line-height: 1.2; } .count span { color: var(--soft); }
.count.critical { border-left-color: var(--critical); } .count.high { border-left-color: var(--high); } .count.medium { border-left-color: var(--medium); } .count.low { border-left-color: var(--low); } .count.informational { border-left-color: var(--informational); }
.wide { overflow-x: auto; } svg { width: 100%; min-width: 700px; height: auto; } .grid { stroke: var(--line); } .lane { stroke: var(--line); stroke-dasharray: 2 4; }
.tick, .who { font: 12px system-ui, sans-serif; fill: var(--soft); } .who { fill: var(--fg); } .dot { stroke: var(--bg); stroke-width: 1.5; } .span { stroke-width: 3; opacity: .45; }
.dot.critical { fill: var(--critical); } .dot.high { fill: var(--high); } .dot.medium { fill: var(--medium); } .dot.low { fill: var(--low); } .dot.informational { fill: var(--informational); }
.span.critical { stroke: var(--critical); } .span.high { stroke: var(--high); } .span.medium { stroke: var(--medium); } .span.low { stroke: var(--low); } .span.informational { stroke: var(--informational); }
.heat { border-collapse: collapse; } .heat th { font-weight: 500; text-align: left; padding: .25rem .5rem; font-size: 13px; } .heat thead th { vertical-align: bottom; color: var(--soft); }
.heat td { border: 2px solid var(--bg); text-align: center; min-width: 3.2rem; background: var(--card); }
.heat .h1 { background: rgba(var(--heat), .18); } .heat .h2 { background: rgba(var(--heat), .32); } .heat .h3 { background: rgba(var(--heat), .5); } .heat .h4 { background: rgba(var(--heat), .7); } .heat .h5 { background: rgba(var(--heat), .9); }
.mark { border-radius: 4px; padding: 0 .4rem; font-size: 12px; border: 1px solid currentColor; } .mark.critical { color: var(--critical); } .mark.high { color: var(--high); } .mark.medium { color: var(--medium); } .mark.low { color: var(--low); } .mark.informational { color: var(--informational); }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; padding: .3rem .8rem; } summary { cursor: pointer; display: flex; gap: .6rem; align-items: baseline; flex-wrap: wrap; } summary code { color: var(--soft); word-break: break-all; }
.proof details { border: 0; margin: 0; padding: 0; } .proof small, time, em { color: var(--soft); } time { font-variant-numeric: tabular-nums; white-space: nowrap; }
dl { display: grid; grid-template-columns: 7rem 1fr; gap: .1rem .8rem; } dt { color: var(--soft); } dd { margin: 0; word-break: break-word; } .tag { background: var(--card); border-radius: 4px; padding: 0 .3rem; }
.faults { border-left: 4px solid var(--high); padding-left: 1rem; } footer { margin-top: 3rem; color: var(--soft); }
@media print { details { break-inside: avoid; } }
";
