//! The report of a drill: one HTML file without outside references, for the screen (light and dark) and for paper.
//!
//! Owns how an outcome looks; `report/plans.rs` shows the plans with their diffs. Must not compute anything that the
//! outcome does not say.

mod plans;
mod style;

use jiff::{SignedDuration, Timestamp};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use stockade_detect::Story;
use stockade_respond::verify::{Outcome as Proof, Verdict};

use crate::outcome::{Attacker, Honest, Met, Outcome, Tally, Times, UndoProof};
use crate::telling::{Line, Voice};

/// The report.
pub fn html(outcome: &Outcome) -> String {
    let (met, all) = outcome.points();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Drill " (outcome.drill) ": " (met) " of " (all) }
                style { (PreEscaped(style::SHEET)) }
            }
            body {
                header {
                    h1 { "Drill: " (outcome.drill) }
                    p.m {
                        "seed " (outcome.seed)
                        @for (name, id) in &outcome.accounts { " · " (name) " " code { (id) } }
                    }
                    p {
                        span class={"banner " (if outcome.is_passed() { "good" } else { "bad" })} {
                            (met) " of " (all) " criteria met"
                        }
                        @if let Some(verdict) = &outcome.verdict {
                            " " span class={"banner " (proof_class(verdict.outcome))} { (verdict.outcome) }
                        }
                    }
                    (times(&outcome.times))
                }
                nav { @for (id, title) in PARTS { a href={"#" (id)} { (title) } " " } }
                (score(outcome))
                section id="timeline" { h2 { "Timeline" } (timeline(&outcome.lines)) }
                section id="findings" {
                    h2 { "What was found in the delivered logs" }
                    @for story in &outcome.stories { (story_of(story)) }
                    @if outcome.stories.is_empty() { p.bad { "Nothing." } }
                }
                section id="plans" { h2 { "Plans" } @for run in &outcome.plans { (plans::plan(run)) } }
                section id="verdict" {
                    h2 { "The verdict" }
                    @match &outcome.verdict {
                        Some(given) => { (verdict(given)) }
                        None => { p.warn { "No verdict was given." } }
                    }
                }
                section id="people" {
                    h2 { "Who was hurt" }
                    (attacker(&outcome.attacker))
                    (honest(&outcome.honest))
                }
                section id="undo" {
                    h2 { "The undo, on a copy of everything" }
                    @match &outcome.undo {
                        Some(proof) => { (undo(proof)) }
                        None => { p.warn { "It was not tried." } }
                    }
                }
                (left(outcome))
            }
        }
    }
    .into_string()
}

const PARTS: [(&str, &str); 7] = [
    ("score", "Score"),
    ("timeline", "Timeline"),
    ("findings", "Findings"),
    ("plans", "Plans"),
    ("verdict", "Verdict"),
    ("people", "Who was hurt"),
    ("undo", "Undo"),
];

fn proof_class(outcome: Proof) -> &'static str {
    match outcome {
        Proof::Contained => "good",
        Proof::NotContained => "bad",
        Proof::Unknown => "warn",
    }
}

fn met_word(met: Met) -> (&'static str, &'static str) {
    match met {
        Met::Met => ("good", "met"),
        Met::NotMet => ("bad", "NOT MET"),
        Met::Unknown => ("warn", "unknown"),
    }
}

/// A time as people read it, to the second.
fn at(time: Timestamp) -> Markup {
    html! { time datetime=(time) { (time.strftime("%Y-%m-%d %H:%M:%S")) " UTC" } }
}

/// A span of time in words.
fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).max(SignedDuration::ZERO).as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

fn times(times: &Times) -> Markup {
    let rows = [
        ("the attack began", times.attack_began),
        ("its first finding", times.first_finding),
        ("detected, when the logs were read", times.detected),
        ("the plan was approved", times.approved),
        ("contained", times.contained),
        ("the application worked again", times.recovered),
    ];
    html! {
        table.times {
            tr { th { "what" } th { "when, by events and journal" } th { "after the first call" } }
            @for (what, time) in rows {
                tr {
                    td { (what) }
                    @match time {
                        Some(time) => {
                            td { (at(time)) }
                            td { @if let Some(began) = times.attack_began { (span(began, time)) } }
                        }
                        None => { td.warn { "did not come to pass" } td {} }
                    }
                }
            }
        }
    }
}

fn score(outcome: &Outcome) -> Markup {
    html! {
        section id="score" {
            h2 { "Score" }
            table {
                tr { th { "" } th { "criterion" } th { "how it is known" } }
                @for criterion in &outcome.score {
                    @let (class, word) = met_word(criterion.met);
                    tr { td class={"word " (class)} { (word) } td { (criterion.name) } td.m { (criterion.how) } }
                }
            }
        }
    }
}

fn timeline(lines: &[Line]) -> Markup {
    html! {
        table.timeline {
            @for line in lines {
                @match line.voice {
                    Voice::Phase => { tr { th colspan="3" { (line.text) } } }
                    voice => {
                        @let (class, who) = speaker(voice);
                        tr {
                            td { time datetime=(line.time) { (line.time.strftime("%a %H:%M:%S")) } }
                            td class=(class) { (who) }
                            td { (line.text) }
                        }
                    }
                }
            }
        }
    }
}

fn speaker(voice: Voice) -> (&'static str, &'static str) {
    match voice {
        Voice::Attacker => ("bad", "attacker"),
        Voice::Honest => ("good", "honest"),
        Voice::Responder => ("act", "responder"),
        Voice::Proof | Voice::Phase => ("warn", "proof"),
    }
}

fn story_of(story: &Story) -> Markup {
    html! {
        h3 { (story.principal) " " span.word { (story.severity) } }
        p.m {
            (story.calls) " calls, " (story.refused) " refused, "
            (at(story.first)) " to " (at(story.last))
            @for seen in story.addresses.iter().take(4) { " · " (seen.value) " (" (seen.calls) ")" }
        }
        @if !story.became.is_empty() {
            p { "It became: " @for seen in &story.became { code { (seen.value) } " " } }
        }
        table {
            tr { th { "tactic" } th { "what" } th { "when" } th { "what to do next" } }
            @for phase in &story.tactics {
                @for step in &phase.steps {
                    tr {
                        td { (phase.tactic.map_or("", stockade_model::Tactic::as_str)) }
                        td {
                            span.word { (step.severity) } " " (step.title)
                            @if step.attempt { " " span.m { "(tried)" } }
                            div.m { (step.calls.join(", ")) }
                            @if !step.targets.is_empty() { div.m { (step.targets.join(", ")) } }
                        }
                        td { (at(step.first)) }
                        td.m { (step.next.as_deref().unwrap_or_default()) }
                    }
                }
            }
        }
    }
}

fn items(title: &str, class: &str, items: &[String]) -> Markup {
    html! {
        @if !items.is_empty() {
            h4 class=(class) { (title) }
            ul { @for item in items { li { (item) } } }
        }
    }
}

fn verdict(given: &Verdict) -> Markup {
    html! {
        p {
            span class={"banner " (proof_class(given.outcome))} { (given.outcome) } " " (at(given.at))
            ", watched for " (given.watched / 60) " minutes; no call may succeed from " (at(given.from)) " on"
        }
        @for layer in &given.layers {
            h3 class=(proof_class(layer.outcome)) { (layer.name) ": " (layer.outcome) }
            (items("Against it", "bad", &layer.evidence))
            (items("Not known", "warn", &layer.missing))
            @if !layer.proved.is_empty() {
                details {
                    summary { (layer.proved.len()) " proofs" }
                    (items("For it", "good", &layer.proved))
                }
            }
            (items("Besides", "m", &layer.remarks))
        }
        p { "Next: " (given.next) }
    }
}

fn tally(what: &str, tally: Tally) -> Markup {
    html! {
        tr { td { (what) } td { (tally.calls()) } td { (tally.done) } td { (tally.refused) } td { (tally.failed) } }
    }
}

fn attacker(attacker: &Attacker) -> Markup {
    html! {
        h3 { "The attacker" }
        table {
            tr { th { "calls" } th { "all" } th { "done" } th { "refused" } th { "let in, and failed" } }
            (tally("before the response", attacker.before))
            (tally("while the plan was on its way", attacker.race))
            (tally("after the containment counted", attacker.after))
        }
        p.m { (attacker.credentials.len()) " keys and sessions at last, " (attacker.records_read) " customers' records read before the response" }
        @if !attacker.won_after.is_empty() {
            h4.bad { "Done after the containment" }
            ul {
                @for deed in attacker.won_after.iter().take(30) {
                    li { (at(deed.time)) " " (deed.call) " with " code { (deed.key) } }
                }
            }
        }
    }
}

fn honest(callers: &[Honest]) -> Markup {
    html! {
        h3 { "The honest, from the first step of the response on" }
        table {
            tr { th { "who" } th { "from" } th { "calls done" } th { "calls failed" } th { "foretold" } }
            @for caller in callers {
                tr {
                    td { (caller.name) div.m { (caller.identity) } }
                    td { (caller.source_address) }
                    td { (caller.done) }
                    td class=(if caller.failed > 0 { "bad" } else { "" }) { (caller.failed) }
                    td { (caller.foretold.as_deref().unwrap_or("nothing")) }
                }
            }
        }
    }
}

fn undo(proof: &UndoProof) -> Markup {
    let class = if proof.differences.is_empty() {
        "good"
    } else {
        "bad"
    };
    html! {
        p {
            "Run: " (proof.run) ". Verdict on the copy: " (proof.verdict) ". Undo: " (proof.undo) ". "
            (proof.compared) " things were compared, " (proof.changed_by_plan) " of them changed by the plan; "
            span class=(class) { (proof.differences.len()) " differ afterwards" } ". Left out: " (proof.left_out) "."
        }
        (items("Not as before", "bad", &proof.differences))
    }
}

fn left(outcome: &Outcome) -> Markup {
    html! {
        @if let Some(left) = &outcome.left_behind {
            section id="left" {
                h2 { "What the attacker left" }
                @if left.is_empty() { p.good { "Nothing, after the eradication." } }
                (items("Still there", "bad", left))
            }
        }
    }
}
