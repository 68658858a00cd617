//! What the journal says of a plan: which steps are done, begun, taken back.
//!
//! Owns the words of the journal's entries. A step is journalled as `applying` before its write
//! is sent, so that after a crash its outcome is known to be unknown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_store::{Entry, IncidentId, NewEntry, RunId, Store, StoreError};

use crate::plan::{Plan, Step};
use crate::scrub::scrub;

/// The words of the journal.
pub mod word {
    /// A plan was approved.
    pub const APPROVED: &str = "approved";
    /// A run began.
    pub const BEGAN: &str = "began";
    /// A state was saved.
    pub const SAVED: &str = "saved";
    /// The state is not the one that was expected.
    pub const DRIFT: &str = "drift";
    /// The write is about to be sent.
    pub const APPLYING: &str = "applying";
    /// The write was read back.
    pub const DONE: &str = "done";
    /// The write did not happen.
    pub const FAILED: &str = "failed";
    /// Nobody knows whether the write happened.
    pub const UNKNOWN: &str = "unknown";
    /// A sweep looked, and these writes follow.
    pub const EXPANDED: &str = "expanded";
    /// The inverse write is about to be sent.
    pub const UNDOING: &str = "undoing";
    /// The inverse write was read back.
    pub const UNDONE: &str = "undone";
    /// The inverse write did not work.
    pub const UNDO_FAILED: &str = "undo-failed";
    /// A run ended.
    pub const ENDED: &str = "ended";
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Its write may have been sent.
    Applying,
    /// Its write was read back.
    Done,
    /// Its write did not happen.
    Failed,
    /// Nobody knows whether its write happened.
    Unknown,
    /// Its inverse may have been sent.
    Undoing,
    /// Its inverse was read back.
    Undone,
    /// Its inverse did not work.
    UndoFailed,
}

/// What the journal has of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// How far it is.
    pub stage: Stage,
    /// Its parameters, with the times put in; null for a step that writes nothing itself.
    pub params: Value,
    /// What was there before.
    pub before: Value,
    /// What it makes of that.
    pub after: Value,
    /// When it began.
    pub began: Timestamp,
    /// When it came to its stage.
    pub at: Timestamp,
    /// What else is to be said.
    pub note: Option<String>,
}

/// What the journal has of a plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// The steps that were begun, by id.
    pub traces: BTreeMap<String, Trace>,
    /// The writes that sweeps asked for, by the sweep's id.
    pub expanded: BTreeMap<String, Vec<Step>>,
}

impl Progress {
    /// Reads the progress of a plan out of its incident's journal.
    pub fn read(entries: &[Entry], plan: &str) -> Self {
        let mut progress = Self::default();
        for entry in entries {
            let ours = entry.body.get("plan").and_then(Value::as_str) == Some(plan);
            if let (true, Some(step)) = (ours, &entry.step) {
                progress.take(entry, step);
            }
        }
        progress
    }

    fn take(&mut self, entry: &Entry, step: &str) {
        if entry.kind == word::EXPANDED {
            let steps = entry.body.get("steps").cloned().unwrap_or_default();
            if let Ok(steps) = serde_json::from_value(steps) {
                self.expanded.insert(step.to_owned(), steps);
            }
            return;
        }
        let stage = match entry.kind.as_str() {
            word::APPLYING => Stage::Applying,
            word::DONE => Stage::Done,
            word::FAILED => Stage::Failed,
            word::UNKNOWN => Stage::Unknown,
            word::UNDOING => Stage::Undoing,
            word::UNDONE => Stage::Undone,
            word::UNDO_FAILED => Stage::UndoFailed,
            _ => return,
        };
        let member = |name: &str| entry.body.get(name).cloned().unwrap_or_default();
        let note = entry
            .body
            .get("note")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let trace = self.traces.entry(step.to_owned()).or_insert_with(|| Trace {
            stage,
            params: Value::Null,
            before: Value::Null,
            after: Value::Null,
            began: entry.at,
            at: entry.at,
            note: None,
        });
        if stage == Stage::Applying {
            trace.params = member("params");
            trace.before = member("before");
            trace.after = member("after");
        }
        trace.stage = stage;
        trace.at = entry.at;
        trace.note = note;
    }

    /// The plan's steps with the writes of its sweeps, in the order in which they run.
    pub fn steps(&self, plan: &Plan) -> Vec<Step> {
        let mut steps = Vec::new();
        for step in &plan.steps {
            steps.push(step.clone());
            if let Some(more) = self.expanded.get(&step.id) {
                steps.extend(more.iter().cloned());
            }
        }
        steps
    }

    /// How far the step is; none when it was not begun.
    pub fn stage(&self, step: &str) -> Option<Stage> {
        self.traces.get(step).map(|trace| trace.stage)
    }

    /// Whether something of the plan was taken back.
    pub fn is_undone(&self) -> bool {
        self.traces.values().any(|trace| {
            matches!(
                trace.stage,
                Stage::Undoing | Stage::Undone | Stage::UndoFailed
            )
        })
    }
}

/// Writes the journal of a plan.
pub(crate) struct Journal<'a> {
    pub(crate) store: &'a Store,
    pub(crate) incident: IncidentId,
    pub(crate) run: Option<RunId>,
    pub(crate) plan: String,
}

impl Journal<'_> {
    /// Appends an entry. When this answers, it is on the disk.
    pub(crate) async fn write(
        &self,
        at: Timestamp,
        kind: &str,
        step: Option<&str>,
        mut body: Value,
    ) -> Result<(), StoreError> {
        if let Some(members) = body.as_object_mut() {
            members.insert("plan".to_owned(), json!(self.plan));
        }
        let entry = NewEntry {
            run: self.run,
            at,
            kind: kind.to_owned(),
            step: step.map(str::to_owned),
            body: scrub(&body),
        };
        self.store.append(self.incident, &entry).await?;
        Ok(())
    }
}
