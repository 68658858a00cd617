//! One step of a run.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{LOOKS, RunOutcome, Running, Stop};
use crate::actions::{self, ActionError, Observed};
use crate::diff;
use crate::journal::{Progress, Stage, word};
use crate::moment;
use crate::pace::Moment;
use crate::plan::{Before, Change, Step, Subject, Sweep};
use crate::{snapshot, sweep};

/// What reading back showed.
pub(crate) enum Shown {
    /// The state that was wanted.
    Wanted,
    /// The state as it was.
    Unchanged,
    /// Another state: its diff from the wanted one.
    Other(String),
    /// Nothing could be read.
    Blind(String),
}

impl Running<'_> {
    /// Reads the part of the state that the change owns. The inner error is a text for people.
    pub(crate) async fn observe(
        &self,
        step: &Step,
        change: &Change,
        params: &Value,
    ) -> Result<Result<Observed, String>, ActionError> {
        let action = actions::named(&change.action)?;
        let aws = match self.engine.reach.account(&step.account).await {
            Ok(aws) => aws,
            Err(error) => {
                return Ok(Err(format!(
                    "account {} is not reached: {error}",
                    step.account
                )));
            }
        };
        let observed = action.observe(aws.as_ref(), params).await?;
        Ok(observed.map_err(|error| error.to_string()))
    }

    /// Reads back until the state is the wanted one, or for long enough.
    pub(crate) async fn read_back(
        &self,
        step: &Step,
        change: &Change,
        params: &Value,
        wanted: &Value,
        unchanged: &Value,
    ) -> Result<Shown, ActionError> {
        let mut shown = Shown::Unchanged;
        for wait in LOOKS {
            if wait > 0 {
                let why = format!("until step {} shows", step.id);
                let wait = SignedDuration::from_secs(wait);
                self.engine.pace.wait(wait, &why).await;
            }
            shown = match self.observe(step, change, params).await? {
                Ok(observed) if observed.state == *wanted => return Ok(Shown::Wanted),
                Ok(observed) if observed.state == *unchanged => Shown::Unchanged,
                Ok(observed) => Shown::Other(diff::json(wanted, &observed.state)),
                Err(why) => Shown::Blind(why),
            };
        }
        Ok(shown)
    }

    pub(super) async fn save(&mut self, step: &Step, subjects: &[Subject]) -> Result<(), Stop> {
        let plan = self.record.id.clone();
        for subject in subjects {
            let saved = async {
                let aws = self.engine.reach.account(&subject.account).await?;
                snapshot::take(aws.as_ref(), &subject.arn).await
            };
            let state = match saved.await {
                Ok(state) => state,
                Err(error) => {
                    let why = format!(
                        "the state of {} could not be saved: {error}. Nothing is changed that was not saved",
                        subject.arn
                    );
                    self.mark(step, word::FAILED, json!({ "note": why }))
                        .await?;
                    return Err(Stop::Ends(RunOutcome::Failed, why));
                }
            };
            let (name, now) = (subject.arn.to_string(), self.engine.pace.now());
            let sha256 = self
                .engine
                .store
                .save_pre_state(self.record.incident, &plan, &name, &state, now)
                .await?;
            let body = json!({"of": name, "sha256": sha256});
            self.mark(step, word::SAVED, body).await?;
        }
        self.mark(step, word::DONE, json!({})).await
    }

    /// The writes that a sweep asks for: those of the journal, or of a look now.
    pub(super) async fn expand(&mut self, step: &Step, sweep: &Sweep) -> Result<Vec<Step>, Stop> {
        if let Some(known) = self.progress.expanded.get(&step.id) {
            return Ok(known.clone());
        }
        let now = self.engine.pace.now();
        let swept = match sweep::look(self.engine.reach, step, sweep, now).await {
            Ok(swept) => swept,
            Err(error) => {
                let why = error.to_string();
                self.mark(step, word::FAILED, json!({ "note": why }))
                    .await?;
                return Err(Stop::Ends(RunOutcome::Failed, why));
            }
        };
        let note = swept.notes.join("\n");
        let body = json!({"steps": swept.steps, "notes": note});
        self.mark(step, word::EXPANDED, body).await?;
        self.progress
            .expanded
            .insert(step.id.clone(), swept.steps.clone());
        Ok(swept.steps)
    }

    /// What the step must find: what the plan saw, or what an earlier step left.
    async fn expected(&self, change: &Change) -> Result<Option<Value>, Stop> {
        match &change.before {
            Before::Observed(state) => Ok(Some(state.clone())),
            Before::After(step) => {
                let entries = self.engine.store.journal(self.record.incident).await?;
                let progress = Progress::read(&entries, &self.record.id);
                Ok(progress
                    .traces
                    .get(step)
                    .filter(|trace| trace.stage == Stage::Done)
                    .map(|trace| trace.after.clone()))
            }
        }
    }

    pub(super) async fn change(&mut self, step: &Step, change: &Change) -> Result<(), Stop> {
        let action = actions::named(&change.action)?;
        let trace = self.progress.traces.get(&step.id).cloned();
        let begun = trace.filter(|trace| !trace.params.is_null());
        let left = begun.as_ref().map(|trace| trace.after.clone());
        // A step whose write may have happened keeps its own times, before and after.
        let open = begun.filter(|trace| trace.stage != Stage::Failed);
        let (params, before, after) = match open {
            Some(trace) => (trace.params, trace.before, trace.after),
            None => {
                let Some(before) = self.expected(change).await? else {
                    let why = "the step that it builds on is not done".to_owned();
                    return Err(Stop::Ends(RunOutcome::Failed, why));
                };
                let params = moment::resolve(&change.params, self.engine.pace.now());
                let after = action.after(&params, &before)?;
                (params, before, after)
            }
        };
        let observed = match self.observe(step, change, &params).await? {
            Ok(observed) => observed,
            Err(why) => return Err(Stop::Ends(RunOutcome::Failed, why)),
        };
        if left.is_some_and(|left| observed.state == left) {
            let note = "found applied when the run went on";
            return self.mark(step, word::DONE, json!({ "note": note })).await;
        }
        if observed.state != before {
            let diff = diff::json(&before, &observed.state);
            self.mark(step, word::DRIFT, json!({ "diff": diff }))
                .await?;
            let why = format!("the state is not the one that was expected:\n{diff}");
            return Err(Stop::Ends(RunOutcome::Drift, why));
        }
        let call = action.apply(&params, &before, &observed.handles)?;
        let body = json!({
            "action": change.action, "account": step.account, "params": params,
            "before": before, "after": after, "call": call,
        });
        self.mark(step, word::APPLYING, body).await?;
        let pace = self.engine.pace;
        pace.at(Moment::BeforeWrite(&step.id, &step.title)).await;
        let answer = match self.engine.reach.account(&step.account).await {
            Ok(aws) => aws.call(&call).await,
            Err(error) => Err(error),
        };
        pace.at(Moment::AfterWrite(&step.id, &step.title)).await;
        let shown = self
            .read_back(step, change, &params, &after, &before)
            .await?;
        let error = answer.err().map(|error| error.to_string());
        self.judge(step, shown, error).await
    }

    /// What was read back decides, whatever the call answered.
    async fn judge(
        &mut self,
        step: &Step,
        shown: Shown,
        error: Option<String>,
    ) -> Result<(), Stop> {
        let (kind, outcome, why) = match (shown, error) {
            (Shown::Wanted, None) => return self.mark(step, word::DONE, json!({})).await,
            (Shown::Wanted, Some(error)) => {
                let note = format!("the call failed ({error}), but its effect is there");
                return self.mark(step, word::DONE, json!({ "note": note })).await;
            }
            (Shown::Unchanged, Some(error)) => (word::FAILED, RunOutcome::Failed, error),
            (Shown::Unchanged, None) => (
                word::UNKNOWN,
                RunOutcome::Unknown,
                "the write was acknowledged, but it does not show".to_owned(),
            ),
            (Shown::Other(diff), error) => (
                word::UNKNOWN,
                RunOutcome::Unknown,
                format!(
                    "{}neither the old nor the new state is there; somebody else changes it:\n{diff}",
                    error.map(|e| format!("{e}; ")).unwrap_or_default()
                ),
            ),
            (Shown::Blind(blind), error) => (
                word::UNKNOWN,
                RunOutcome::Unknown,
                format!(
                    "{}the state could not be read back: {blind}",
                    error.map(|e| format!("{e}; ")).unwrap_or_default()
                ),
            ),
        };
        self.mark(step, kind, json!({ "note": why })).await?;
        Err(Stop::Ends(outcome, why))
    }
}
