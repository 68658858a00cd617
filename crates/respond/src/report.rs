//! What happened, for people and for machines: text, JSON, and HTML in one file.
//!
//! Owns the rendering. Must not decide: verdicts, impacts and unknowns are shown as they were given.

mod html;
mod text;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use stockade_model::Finding;
use stockade_store::{Approval, Entry, Incident, IncidentId, Run, Store, StoreError};

pub use html::html;
pub use text::{plan as plan_text, run as run_text, text, triage as triage_text};
pub use text::{undo as undo_text, verdict as verdict_text};

use crate::journal::{Progress, Stage, Trace};
use crate::plan::{Plan, PlanKind, Step};
use crate::triage::UserFacts;
use crate::verify::{Outcome, Verdict};

/// A step with what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepStory {
    /// The step.
    pub step: Step,
    /// What the journal has of it; none when it was not begun.
    pub trace: Option<Trace>,
}

/// A plan with what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanStory {
    /// Its id.
    pub id: String,
    /// Its hash.
    pub hash: String,
    /// The plan.
    pub plan: Plan,
    /// Who approved what of it.
    pub approvals: Vec<Approval>,
    /// Its steps, with those of its sweeps.
    pub steps: Vec<StepStory>,
    /// When its last step was done; none while one is not.
    pub completed: Option<Timestamp>,
}

/// A state that was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// Of what.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// SHA-256 of what is stored.
    pub sha256: String,
}

/// How long things took, from the times of events. None while it has not come to that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    /// The first event of a finding, or of a caller that something speaks against.
    pub attack_began: Option<Timestamp>,
    /// When the incident was opened.
    pub opened: Option<Timestamp>,
    /// When the containment was first complete.
    pub contained: Option<Timestamp>,
    /// The first verdict "contained".
    pub proved: Option<Timestamp>,
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// `attack`, `decision`, `step`, `verdict`.
    pub kind: &'static str,
    /// What.
    pub text: String,
}

/// Everything about an incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The incident; its facts stand in `facts`.
    pub id: IncidentId,
    /// A line for people.
    pub title: String,
    /// Whom it is about.
    pub subject: String,
    /// Where it stands.
    pub status: String,
    /// How long things took.
    pub times: Times,
    /// What happened, in order.
    pub timeline: Vec<Line>,
    /// What was detected.
    pub findings: Vec<Finding>,
    /// What the triage found.
    pub facts: Option<UserFacts>,
    /// The plans.
    pub plans: Vec<PlanStory>,
    /// The runs.
    pub runs: Vec<Run>,
    /// The verdicts, oldest first.
    pub verdicts: Vec<Verdict>,
    /// The states that were saved.
    pub saved: Vec<Saved>,
    /// How many entries the journal has; its chain was checked.
    pub journal_entries: usize,
    /// The hash of the journal's last entry: whoever has it can tell whether the journal was cut.
    pub journal_head: Option<String>,
}

/// Gathers the report. Errors when the journal or a saved state was altered.
pub async fn gather(store: &Store, id: IncidentId) -> Result<Report, StoreError> {
    let incident = store.incident(id).await?;
    let entries = store.journal(id).await?;
    let mut plans = Vec::new();
    for record in store.plans(id).await? {
        if let Ok(plan) = serde_json::from_value::<Plan>(record.body.clone()) {
            let approvals = store.approvals(&record.id).await?;
            plans.push(story(record.id, record.hash, plan, approvals, &entries));
        }
    }
    let verdicts: Vec<Verdict> = store
        .verdicts(id)
        .await?
        .into_iter()
        .filter_map(|record| serde_json::from_value(record.body).ok())
        .collect();
    let saved = store.pre_states(id).await?.into_iter().map(|state| Saved {
        name: state.name,
        at: state.saved_at,
        sha256: state.sha256,
    });
    let findings = store.findings(id).await?;
    let facts = crate::incident::facts(&incident).ok();
    let times = times(
        &incident,
        facts.as_ref(),
        &findings,
        &plans,
        &entries,
        &verdicts,
    );
    Ok(Report {
        id,
        timeline: timeline(
            &incident,
            facts.as_ref(),
            &findings,
            &plans,
            &entries,
            &verdicts,
        ),
        title: incident.title,
        subject: incident.subject,
        status: incident.status,
        times,
        findings,
        facts,
        plans,
        runs: store.runs(id).await?,
        verdicts,
        saved: saved.collect(),
        journal_entries: entries.len(),
        journal_head: entries.last().map(|entry| entry.hash.clone()),
    })
}

fn story(
    id: String,
    hash: String,
    plan: Plan,
    approvals: Vec<Approval>,
    entries: &[Entry],
) -> PlanStory {
    let progress = Progress::read(entries, &id);
    let steps: Vec<StepStory> = progress
        .steps(&plan)
        .into_iter()
        .map(|step| StepStory {
            trace: progress.traces.get(&step.id).cloned(),
            step,
        })
        .collect();
    let done = |story: &StepStory| {
        let trace = story.trace.as_ref()?;
        (trace.stage == Stage::Done).then_some(trace.at)
    };
    let all: Option<Vec<Timestamp>> = steps.iter().map(done).collect();
    PlanStory {
        id,
        hash,
        plan,
        approvals,
        steps,
        completed: all.and_then(|times| times.into_iter().max()),
    }
}

fn times(
    incident: &Incident,
    facts: Option<&UserFacts>,
    findings: &[Finding],
    plans: &[PlanStory],
    entries: &[Entry],
    verdicts: &[Verdict],
) -> Times {
    let callers = facts.into_iter().flat_map(|facts| &facts.callers);
    let suspects = callers.filter(|caller| caller.suspect.is_some());
    let firsts = findings.iter().map(|finding| finding.first);
    // The journal and not the steps: after an undo these are not done any more.
    let contained = entries.iter().find(|entry| {
        let is = |name: &str, value: &str| {
            entry.body.get(name).and_then(serde_json::Value::as_str) == Some(value)
        };
        let contains =
            |story: &PlanStory| story.plan.kind == PlanKind::Contain && is("plan", &story.id);
        entry.kind == crate::journal::word::ENDED
            && is("outcome", "done")
            && plans.iter().any(contains)
    });
    Times {
        attack_began: firsts.chain(suspects.map(|caller| caller.first)).min(),
        opened: Some(incident.opened_at),
        contained: contained.map(|entry| entry.at),
        proved: verdicts
            .iter()
            .find(|verdict| verdict.outcome == Outcome::Contained)
            .map(|verdict| verdict.at),
    }
}

fn timeline(
    incident: &Incident,
    facts: Option<&UserFacts>,
    findings: &[Finding],
    plans: &[PlanStory],
    entries: &[Entry],
    verdicts: &[Verdict],
) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |at, kind, text| lines.push(Line { at, kind, text });
    for finding in findings {
        let attempt = if finding.attempt { " (refused)" } else { "" };
        let from = finding.source_address.as_deref().unwrap_or("nowhere");
        let (title, by) = (&finding.title, &finding.principal);
        add(
            finding.first,
            "attack",
            format!("{title}{attempt}: {by} from {from}"),
        );
    }
    for left in facts.into_iter().flat_map(|facts| &facts.persistence) {
        let what = crate::survey::describe(left);
        add(left.at, "attack", format!("left behind: {what}"));
    }
    add(
        incident.opened_at,
        "decision",
        format!("incident {} opened", incident.id),
    );
    for story in plans {
        let (id, kind) = (&story.id, story.plan.kind);
        let made = format!(
            "plan `{id}` to {kind} made, {} steps",
            story.plan.steps.len()
        );
        add(story.plan.created, "decision", made);
        for approval in &story.approvals {
            let what = format!("{} of `{id}` approved by {}", approval.scope, approval.who);
            add(approval.at, "decision", what);
        }
    }
    for entry in entries {
        if let Some(text) = entry_text(entry, plans) {
            add(entry.at, "step", text);
        }
    }
    for verdict in verdicts {
        add(verdict.at, "verdict", verdict.outcome.to_string());
    }
    lines.sort_by_key(|line| line.at);
    lines
}

fn entry_text(entry: &Entry, plans: &[PlanStory]) -> Option<String> {
    use crate::journal::word;
    let text = |name: &str| entry.body.get(name).and_then(serde_json::Value::as_str);
    let plan = text("plan")?;
    let Some(step) = &entry.step else {
        return match entry.kind.as_str() {
            word::BEGAN => Some(format!(
                "{} of `{plan}` began as {}",
                text("kind")?,
                text("as")?
            )),
            word::ENDED => Some(format!("run of `{plan}` ended: {}", text("outcome")?)),
            _ => None,
        };
    };
    let story = plans.iter().find(|story| story.id == plan)?;
    let title = story.steps.iter().find(|known| known.step.id == *step)?;
    let title = &title.step.title;
    let note = text("note").map_or(String::new(), |note| format!(": {note}"));
    match entry.kind.as_str() {
        word::DONE => Some(format!("step {step} done: {title}")),
        word::FAILED => Some(format!("step {step} FAILED, {title}{note}")),
        word::UNKNOWN => Some(format!("step {step} UNKNOWN, {title}{note}")),
        word::DRIFT => Some(format!("step {step} drift: {title}")),
        word::UNDONE => Some(format!("step {step} undone: {title}")),
        word::UNDO_FAILED => Some(format!("step {step} UNDO FAILED, {title}{note}")),
        _ => None,
    }
}

/// A span between two times in words: `1h 2m 3s`.
pub(crate) fn span(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<String> {
    let seconds = to?
        .duration_since(from?)
        .max(SignedDuration::ZERO)
        .as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    Some(match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m {seconds}s"),
        _ => format!("{hours}h {minutes}m {seconds}s"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        let at = |s| Timestamp::from_second(s).ok();
        assert_eq!(span(at(0), at(3_723)).as_deref(), Some("1h 2m 3s"));
        assert_eq!(span(at(0), at(59)).as_deref(), Some("59s"));
        assert_eq!(span(at(9), at(3)).as_deref(), Some("0s"));
        assert_eq!(span(None, at(3)), None);
    }
}
