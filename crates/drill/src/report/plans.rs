//! A plan in the report: what was approved, step by step, with its diffs, and what became of it.

use maud::{Markup, html};
use stockade_respond::journal::Stage;
use stockade_respond::plan::{Change, Impact, Step, Work};
use stockade_respond::run::StepReport;

use super::items;
use crate::outcome::PlanRun;

pub(super) fn plan(run: &PlanRun) -> Markup {
    let plan = &run.plan;
    html! {
        h3 { "To " (plan.kind) ": " code { (run.id) } }
        p.m { "approved by its hash, sha256 " code { (run.hash) } }
        @if let Some(report) = &run.report {
            p { "The run: " (report.outcome.as_str()) ". " span.m { (report.next) } }
        }
        table {
            tr { th { "step" } th { "what" } th { "state" } }
            @for step in &plan.steps { (step_of(step, run)) }
        }
        (impact(&plan.impact))
        (items("Not known when it was made", "warn", &plan.unknowns))
        (items("Notes", "m", &plan.notes))
        (items("Nobody is locked out", "m", &plan.lockout))
    }
}

fn step_of(step: &Step, run: &PlanRun) -> Markup {
    let reports = run.report.iter().flat_map(|report| &report.steps);
    let below = format!("{}.", step.id);
    let own = reports.clone().find(|report| report.id == step.id);
    html! {
        tr {
            td { (step.id) }
            td {
                (step.title)
                @if step.is_one_way() { " " b.bad { "no way back" } }
                div.m { "account " (step.account) ": " (step.why) }
                @match &step.work {
                    Work::Save(subjects) => {
                        div.m { @for subject in subjects { (subject.arn) " " } }
                    }
                    Work::Sweep(sweep) => { div.m { "may " (sweep.may) } }
                    Work::Change(change) => { (change_of(change)) }
                }
            }
            td { (state(own)) }
        }
        // What a sweep found is known only when it has run.
        @for report in reports.filter(|report| report.id.starts_with(&below)) {
            tr { td { (report.id) } td { (report.title) } td { (state(Some(report))) } }
        }
    }
}

fn state(report: Option<&StepReport>) -> Markup {
    let (class, word) = match report.and_then(|report| report.stage) {
        None => ("m", "not begun"),
        Some(Stage::Done) => ("good", "done"),
        Some(Stage::Applying) => ("warn", "begun"),
        Some(Stage::Failed) => ("bad", "failed"),
        Some(Stage::Unknown) => ("warn", "unknown"),
        Some(Stage::Undoing) => ("warn", "being undone"),
        Some(Stage::Undone) => ("m", "undone"),
        Some(Stage::UndoFailed) => ("bad", "undo failed"),
    };
    html! {
        span class={"word " (class)} { (word) }
        @if let Some(detail) = report.and_then(|report| report.detail.as_ref()) { div.m { (detail) } }
    }
}

fn change_of(change: &Change) -> Markup {
    html! {
        details {
            summary { code { (change.call) } }
            pre { (change.call.input) }
            @match &change.inverse {
                Some(inverse) => { div.m { "taken back by " code { (inverse) } } }
                None => { div.bad { "cannot be taken back" } }
            }
            div.m { "check: " (change.check) }
            pre {
                @for line in change.diff.lines() {
                    span class=(line_class(line)) { (line) } "\n"
                }
            }
        }
    }
}

fn line_class(line: &str) -> &'static str {
    match line.chars().next() {
        Some('+') => "add",
        Some('-') => "take",
        _ => "",
    }
}

fn impact(impact: &[Impact]) -> Markup {
    html! {
        @if !impact.is_empty() {
            h4 { "Who was foretold to be hurt" }
            table {
                tr { th { "who" } th { "from, with" } th { "calls in 30 days" } th { "what will happen" } }
                @for hurt in impact {
                    tr {
                        td { (hurt.identity) }
                        td { (hurt.source_address) div.m { (hurt.user_agent) } }
                        td { (hurt.calls) div.m { (hurt.actions.join(", ")) } }
                        td { (hurt.effect) }
                    }
                }
            }
        }
    }
}
