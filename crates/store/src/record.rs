//! The records, as callers see them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::StoreError;

/// An incident's name: `INC-7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IncidentId(pub(crate) i64);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "INC-{}", self.0)
    }
}

impl FromStr for IncidentId {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let number = text
            .get(..4)
            .filter(|head| head.eq_ignore_ascii_case("inc-"))
            .and_then(|_| text.get(4..))
            .unwrap_or(text);
        match number.parse() {
            Ok(n) if n > 0 && number.bytes().all(|b| b.is_ascii_digit()) => Ok(Self(n)),
            _ => Err(StoreError::NotAnIncidentId(text.chars().take(40).collect())),
        }
    }
}

impl TryFrom<String> for IncidentId {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self, StoreError> {
        text.parse()
    }
}

impl From<IncidentId> for String {
    fn from(id: IncidentId) -> Self {
        id.to_string()
    }
}

/// A run's number, counted over the whole store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(pub(crate) i64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {}", self.0)
    }
}

/// An incident to be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct NewIncident {
    /// The playbook's name, as in `compromised-user`.
    pub kind: String,
    /// What it is about: an ARN.
    pub subject: String,
    /// A line for people.
    pub title: String,
    /// When it was opened.
    pub at: Timestamp,
    /// The facts of the triage, or whatever the caller keeps with it.
    pub body: Value,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its name.
    pub id: IncidentId,
    /// The playbook's name.
    pub kind: String,
    /// What it is about: an ARN.
    pub subject: String,
    /// A line for people.
    pub title: String,
    /// Where it stands; the caller's word.
    pub status: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When something last changed.
    pub updated_at: Timestamp,
    /// What the caller keeps with it.
    pub body: Value,
}

/// A plan, stored once and never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// Its id.
    pub id: String,
    /// The incident.
    pub incident: IncidentId,
    /// `contain`, `eradicate`, `recover`.
    pub kind: String,
    /// The hash that a person approves.
    pub hash: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The plan.
    pub body: Value,
}

/// That a person approved a plan, or one one-way step of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// The plan.
    pub plan: String,
    /// What was approved: the caller's word, as in `plan` or a step's id.
    pub scope: String,
    /// The hash that was approved.
    pub hash: String,
    /// Who approved.
    pub who: String,
    /// When.
    pub at: Timestamp,
}

/// A run of a plan, or of its undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// The incident.
    pub incident: IncidentId,
    /// The plan.
    pub plan: String,
    /// `run` or `undo`.
    pub kind: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none while it goes on, or when it died.
    pub ended_at: Option<Timestamp>,
    /// How it ended; the caller's word.
    pub outcome: Option<String>,
}

/// An entry to be written to the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// The run that writes it; none for what happens outside of one (an approval).
    pub run: Option<RunId>,
    /// When.
    pub at: Timestamp,
    /// What happened; the caller's word, as in `applying`.
    pub kind: String,
    /// The step it is about.
    pub step: Option<String>,
    /// The rest.
    pub body: Value,
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The incident.
    pub incident: IncidentId,
    /// Its number in the incident's journal, counted from 1.
    pub number: i64,
    /// The run that wrote it.
    pub run: Option<RunId>,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// The step it is about.
    pub step: Option<String>,
    /// The rest.
    pub body: Value,
    /// The hash of the entry before; 64 zeros for the first.
    pub previous: String,
    /// SHA-256 over all of the above, in hexadecimal.
    pub hash: String,
}

/// A state that was saved before a write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreState {
    /// The plan that was about to be run.
    pub plan: String,
    /// What it is of, as in `arn:aws:iam::111122223333:user/anna`.
    pub name: String,
    /// When it was saved.
    pub saved_at: Timestamp,
    /// The state.
    pub body: Value,
    /// SHA-256 of the stored text, in hexadecimal.
    pub sha256: String,
}

/// A verdict on an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerdictRecord {
    /// When it was given.
    pub at: Timestamp,
    /// The verdict in a word, as in `contained`.
    pub outcome: String,
    /// Its reasons.
    pub body: Value,
}
