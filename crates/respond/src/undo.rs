//! Undo: the steps of a plan taken back, the last one first.
//!
//! A step is taken back only while its state is the one that it left; what is there already as
//! before counts as taken back. What somebody else has changed since is drift, and is left alone
//! with its diff. A step whose outcome was unknown is looked at and taken back too.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions;
use crate::diff;
use crate::journal::{Progress, Stage, Trace, word};
use crate::pace::Moment;
use crate::plan::{Before, Change, Step};
use crate::run::{Engine, RunError, Running, Shown};
use crate::status::{self, ACTED, STUCK, UNDONE};
use stockade_store::IncidentId;

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undone {
    /// It was taken back, and that was read back.
    Undone,
    /// Its state was as before already.
    Already,
    /// Somebody has changed the state since; it was left alone. The diff from what the step left.
    Drift(String),
    /// It could not be taken back.
    Failed(String),
    /// It was not tried, for another step failed or drifted.
    NotTried,
}

/// How an undo ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UndoOutcome {
    /// Everything is as it was before the plan.
    Undone,
    /// Somebody has changed something since: decide about it, then undo the rest.
    Drift,
    /// A step could not be taken back: the incident is stuck.
    Stuck,
}

/// What became of an undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndoReport {
    /// The plan.
    pub plan: String,
    /// The incident.
    pub incident: IncidentId,
    /// How it ended.
    pub outcome: UndoOutcome,
    /// Every step that had been begun, the last one first: its id, its title, what became of it.
    pub steps: Vec<(String, String, Undone)>,
    /// What to do next.
    pub next: String,
}

impl Engine<'_> {
    /// Takes the plan back. With `past_drift` a step that somebody has changed since is left alone
    /// and the others are taken back all the same; without, the undo stops there.
    ///
    /// Errors: [`RunError::OneWayDone`] when a step has no way back; nothing is undone then.
    pub async fn undo(&self, plan: &str, past_drift: bool) -> Result<UndoReport, RunError> {
        let mut running = self.begin(plan, "undo").await?;
        let mut steps = running.progress.steps(&running.plan);
        steps.reverse();
        let one_way: Vec<String> = steps
            .iter()
            .filter(|step| {
                let stage = running.progress.stage(&step.id);
                step.is_one_way()
                    && matches!(stage, Some(Stage::Done | Stage::Applying | Stage::Unknown))
            })
            .map(|step| format!("{} ({})", step.id, step.title))
            .collect();
        if !one_way.is_empty() {
            return Err(RunError::OneWayDone {
                plan: plan.to_owned(),
                steps: one_way.join(", "),
            });
        }
        running.open("undo").await?;
        let mut outcome = UndoOutcome::Undone;
        let mut stopped = false;
        let mut report = Vec::new();
        for step in &steps {
            let (Some(change), Some(trace)) = (
                step.change(),
                running.progress.traces.get(&step.id).cloned(),
            ) else {
                continue;
            };
            if trace.params.is_null() {
                continue;
            }
            let undone = if stopped {
                Undone::NotTried
            } else {
                running.take_back(step, change, &trace).await?
            };
            match &undone {
                Undone::Failed(_) => (outcome, stopped) = (UndoOutcome::Stuck, true),
                Undone::Drift(_) => (outcome, stopped) = (UndoOutcome::Drift, !past_drift),
                Undone::Undone | Undone::Already | Undone::NotTried => {}
            }
            report.push((step.id.clone(), step.title.clone(), undone));
        }
        let (status, word, next) = match outcome {
            UndoOutcome::Undone => (
                UNDONE,
                UNDONE,
                "everything is as it was before the plan; the attacker, if there is one, is free again",
            ),
            UndoOutcome::Drift => (
                "partly-undone",
                "drift",
                "somebody has changed what the plan had set; read the diffs, then set it right by hand, or undo the others past the drift",
            ),
            UndoOutcome::Stuck => (
                STUCK,
                STUCK,
                "STUCK: a step could not be taken back. Read why, set it right (permissions, the network, or the state by hand), then undo again",
            ),
        };
        running.note(status, outcome).await?;
        running.close(word).await?;
        Ok(UndoReport {
            plan: plan.to_owned(),
            incident: running.record.incident,
            outcome,
            steps: report,
            next: next.to_owned(),
        })
    }
}

impl Running<'_> {
    /// Sets the incident's status.
    async fn note(&self, word: &str, outcome: UndoOutcome) -> Result<(), RunError> {
        let (store, id) = (self.engine.store, self.record.incident);
        let mut before = store.incident(id).await?.status;
        let was_stuck = before == STUCK;
        if was_stuck {
            // What stood there before is told by the last verdict.
            let verdicts = store.verdicts(id).await?;
            before = match verdicts.last() {
                Some(verdict) => status::judged(ACTED, &verdict.outcome),
                None => ACTED.to_owned(),
            };
        }
        let stuck =
            outcome == UndoOutcome::Stuck || (was_stuck && self.is_stuck_still(outcome).await?);
        let status = if stuck {
            STUCK.to_owned()
        } else {
            status::moved(&before, self.plan.kind, word)
        };
        Ok(store
            .set_status(id, &status, self.engine.pace.now())
            .await?)
    }

    /// Whether this undo of a stuck incident has not set that right: it stopped at drift, or it was of another plan
    /// than the one that is stuck.
    async fn is_stuck_still(&self, outcome: UndoOutcome) -> Result<bool, RunError> {
        let (store, id) = (self.engine.store, self.record.incident);
        let entries = store.journal(id).await?;
        let plans = store.plans(id).await?;
        let failed = plans.iter().any(|plan| {
            let progress = Progress::read(&entries, &plan.id);
            let mut traces = progress.traces.values();
            traces.any(|trace| trace.stage == Stage::UndoFailed)
        });
        Ok(failed || outcome != UndoOutcome::Undone)
    }

    /// What was there before the first of the steps that this one builds on.
    fn first_before<'t>(&'t self, change: &'t Change, trace: &'t Trace) -> &'t serde_json::Value {
        let Before::After(earlier) = &change.before else {
            return &trace.before;
        };
        let step = self.plan.step(earlier).and_then(Step::change);
        match step.zip(self.progress.traces.get(earlier)) {
            Some((change, trace)) if change.before != Before::After(earlier.clone()) => {
                self.first_before(change, trace)
            }
            _ => &trace.before,
        }
    }

    async fn take_back(
        &mut self,
        step: &Step,
        change: &Change,
        trace: &Trace,
    ) -> Result<Undone, RunError> {
        let now = || self.engine.pace.now();
        if trace.stage == Stage::Undone {
            return Ok(Undone::Already);
        }
        let observed = match self.observe(step, change, &trace.params).await? {
            Ok(observed) => observed,
            Err(why) => return self.not_undone(step, why).await,
        };
        if observed.state == trace.before || observed.state == *self.first_before(change, trace) {
            let body = json!({"note": "was as before already"});
            self.journal
                .write(now(), word::UNDONE, Some(&step.id), body)
                .await?;
            return Ok(Undone::Already);
        }
        if observed.state != trace.after {
            let diff = diff::json(&trace.after, &observed.state);
            let body = json!({ "diff": diff });
            self.journal
                .write(now(), word::DRIFT, Some(&step.id), body)
                .await?;
            return Ok(Undone::Drift(diff));
        }
        let action = actions::named(&change.action)?;
        let inverse = action.inverse(&trace.params, &trace.before, &observed.handles)?;
        let Some(call) = inverse else {
            return self
                .not_undone(step, "the step has no way back".to_owned())
                .await;
        };
        let body = json!({ "call": call });
        self.journal
            .write(now(), word::UNDOING, Some(&step.id), body)
            .await?;
        let answer = match self.engine.reach.account(&step.account).await {
            Ok(aws) => aws.call(&call).await,
            Err(error) => Err(error),
        };
        let shown = self
            .read_back(step, change, &trace.params, &trace.before, &trace.after)
            .await?;
        let error = answer.err().map(|error| error.to_string());
        let why = match (shown, error) {
            (Shown::Wanted, _) => {
                self.journal
                    .write(now(), word::UNDONE, Some(&step.id), json!({}))
                    .await?;
                let moment = Moment::Undone(&step.id, &step.title);
                self.engine.pace.at(moment).await;
                return Ok(Undone::Undone);
            }
            (_, Some(error)) => error,
            (Shown::Unchanged, None) => {
                "the write was acknowledged, but it does not show".to_owned()
            }
            (Shown::Other(diff), None) => format!("another state is there now:\n{diff}"),
            (Shown::Blind(why), None) => format!("the state could not be read back: {why}"),
        };
        self.not_undone(step, why).await
    }

    async fn not_undone(&self, step: &Step, why: String) -> Result<Undone, RunError> {
        let now = self.engine.pace.now();
        let body = json!({ "note": why });
        self.journal
            .write(now, word::UNDO_FAILED, Some(&step.id), body)
            .await?;
        Ok(Undone::Failed(why))
    }
}
