//! One HTML file without outside references, for the screen (light and dark) and for paper.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{PlanStory, Report, span};
use crate::plan::Work;
use crate::verify::{Outcome, Verdict};

const STYLE: &str = "
:root{color-scheme:light dark;--b:#fff;--f:#1a1f26;--m:#5b6672;--l:#d9dee4;--c:#f4f6f8;--good:#0a7a3c;--bad:#b3261e;--warn:#8a5a00}
@media(prefers-color-scheme:dark){:root{--b:#12161b;--f:#e6eaee;--m:#9aa5b1;--l:#2c343d;--c:#1a2027;--good:#4cc27f;--bad:#ff8a80;--warn:#e0b050}}
body{background:var(--b);color:var(--f);font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.2rem;border-bottom:1px solid var(--l);margin-top:2.2rem}
h3{font-size:1rem;margin-bottom:.2rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid var(--l);overflow-wrap:anywhere}
th{color:var(--m);font-weight:600}pre{background:var(--c);padding:.6rem;overflow-x:auto;white-space:pre-wrap;font-size:.8rem;border-radius:4px}
.m{color:var(--m)}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}.add{color:var(--good)}.take{color:var(--bad)}
.verdict{border:2px solid currentColor;border-radius:6px;padding:.2rem .6rem;font-weight:700;display:inline-block}
time{white-space:nowrap;font-variant-numeric:tabular-nums}
@media print{body{max-width:none;margin:0}details>*{display:block}h2{break-after:avoid}tr,pre{break-inside:avoid}}
";

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Contained => "good",
        Outcome::NotContained => "bad",
        Outcome::Unknown => "warn",
    }
}

fn diff(text: &str) -> Markup {
    html! {
        pre {
            @for line in text.lines() {
                @let class = match line.chars().next() { Some('+') => "add", Some('-') => "take", _ => "" };
                span class=(class) { (line) } "\n"
            }
        }
    }
}

fn items(title: &str, class: &str, items: &[String]) -> Markup {
    html! {
        @if !items.is_empty() {
            h3 class=(class) { (title) }
            ul { @for item in items { li { (item) } } }
        }
    }
}

fn verdict(given: &Verdict) -> Markup {
    html! {
        p { span class={"verdict " (class(given.outcome))} { (given.outcome) } " " time { (given.at) }
            @if given.watched > 0 { " watched for " (given.watched) " s" } }
        table {
            tr { th { "layer" } th { "verdict" } th { "reasons" } }
            @for layer in &given.layers {
                tr {
                    td { (layer.name) }
                    td class=(class(layer.outcome)) { (layer.outcome) }
                    td {
                        (items("against it", "bad", &layer.evidence))
                        (items("not known", "warn", &layer.missing))
                        (items("for it", "good", &layer.proved))
                        (items("besides", "m", &layer.remarks))
                    }
                }
            }
        }
        p { "Next: " (given.next) }
    }
}

fn plan(story: &PlanStory) -> Markup {
    let plan = &story.plan;
    html! {
        h2 { "Plan to " (plan.kind) " " code { (story.id) } }
        p.m { "sha256 " code { (story.hash) } }
        @for approval in &story.approvals {
            p { (approval.scope) " approved by " (approval.who) " " time { (approval.at) } }
        }
        table {
            tr { th { "step" } th { "what" } th { "state" } }
            @for step in &story.steps {
                tr {
                    td { (step.step.id) }
                    td {
                        (step.step.title)
                        @if step.step.is_one_way() { " " b.bad { "no way back" } }
                        div.m { "account " (step.step.account) ": " (step.step.why) }
                        @match &step.step.work {
                            Work::Save(_) => {},
                            Work::Sweep(sweep) => { div.m { "may " (sweep.may) } },
                            Work::Change(change) => {
                                details {
                                    summary { code { (change.call) } }
                                    pre { (change.call.input) }
                                    @if let Some(inverse) = &change.inverse {
                                        div.m { "taken back by " code { (inverse) } }
                                    }
                                    div.m { "check: " (change.check) }
                                    (diff(&change.diff))
                                }
                            },
                        }
                    }
                    td {
                        @match &step.trace {
                            Some(trace) => { (format!("{:?}", trace.stage)) " " time { (trace.at) }
                                @if let Some(note) = &trace.note { div.m { (note) } } },
                            None => { span.m { "not begun" } },
                        }
                    }
                }
            }
        }
        h3 { "Who was foretold to be hurt" }
        @if plan.impact.is_empty() { p { "No honest caller was known of the 30 days before." } }
        @else {
            table {
                tr { th { "who" } th { "from, with" } th { "calls" } th { "effect" } }
                @for hurt in &plan.impact {
                    tr {
                        td { (hurt.identity) @if let Some(key) = &hurt.access_key { br; code { (key) } } }
                        td { (hurt.source_address) br; span.m { (hurt.user_agent) } }
                        td { (hurt.calls) br; span.m { (hurt.actions.join(", ")) } }
                        td { (hurt.effect) }
                    }
                }
            }
        }
        (items("Not known", "warn", &plan.unknowns))
        (items("Notes", "m", &plan.notes))
        (items("No lockout", "m", &plan.lockout))
    }
}

/// The report as one HTML file.
pub fn html(report: &Report) -> String {
    let times = &report.times;
    let spans = [
        ("attack to incident", span(times.attack_began, times.opened)),
        (
            "incident to containment",
            span(times.opened, times.contained),
        ),
        ("containment to proof", span(times.contained, times.proved)),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { (report.id) " " (report.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (report.id) " " (report.title) }
                p.m { (report.subject) " · status " (report.status) }
                @if let Some(last) = report.verdicts.last() { (verdict(last)) }
                @else { p { span.verdict.warn { "NO VERDICT" } " nobody has verified the containment" } }
                table { tr { @for (name, _) in &spans { th { (name) } } }
                    tr { @for (_, span) in &spans { td { (span.as_deref().unwrap_or("not yet")) } } } }
                h2 { "Timeline" }
                table {
                    @for line in &report.timeline {
                        tr { td { time { (line.at) } } td.m { (line.kind) } td { (line.text) } }
                    }
                }
                @if let Some(facts) = &report.facts {
                    h2 { "Triage" }
                    pre { (super::text::triage(facts)) }
                }
                @for story in &report.plans { (plan(story)) }
                @if report.verdicts.len() > 1 {
                    h2 { "All verdicts" }
                    @for given in &report.verdicts { (verdict(given)) }
                }
                h2 { "Evidence" }
                table {
                    tr { th { "saved" } th { "of" } th { "sha256" } }
                    @for saved in &report.saved {
                        tr { td { time { (saved.at) } } td { (saved.name) } td { code { (saved.sha256) } } }
                    }
                }
                p.m { "Journal: " (report.journal_entries) " entries, chain intact, head "
                    code { (report.journal_head.as_deref().unwrap_or("none")) } }
            }
        }
    };
    page.into_string()
}
