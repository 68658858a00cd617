//! What can go wrong with the store, and what to do about it.

use std::path::PathBuf;

use crate::record::{IncidentId, RunId};

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or its folder cannot be made, opened or protected.
    #[error(
        "cannot use the incident store {path}: {why}; name another place or check its permissions"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        why: String,
    },
    /// SQLite refused.
    #[error("the incident store failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A newer program has written the file.
    #[error(
        "the incident store has version {found}, this program knows up to {known}: use a newer program"
    )]
    TooNew {
        /// The version in the file.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// No such incident.
    #[error("there is no incident {0}: list the incidents to see which there are")]
    NoIncident(IncidentId),
    /// Not the name of an incident.
    #[error("`{0}` is not an incident's name: it reads like INC-7")]
    NotAnIncidentId(String),
    /// No such plan.
    #[error("there is no plan `{0}`: list the incident's plans to see which there are")]
    NoPlan(String),
    /// No such run.
    #[error("there is no run {0}")]
    NoRun(RunId),
    /// The plan is there already, with another content.
    #[error("plan `{0}` is stored already with another content: a stored plan is never changed")]
    PlanExists(String),
    /// Approved already, with another hash.
    #[error("{scope} of plan `{plan}` is approved already by {who}: an approval is never changed")]
    AlreadyApproved {
        /// The plan.
        plan: String,
        /// What was approved.
        scope: String,
        /// By whom.
        who: String,
    },
    /// Another process works on the incident.
    #[error("another run is at work on {0}: wait until it ends, or end it; nothing was done here")]
    Busy(IncidentId),
    /// The journal's chain does not hold.
    #[error(
        "the journal of {incident} was altered at entry {number}: {why}; do not rely on it, and compare it with a copy"
    )]
    Altered {
        /// The incident.
        incident: IncidentId,
        /// The first entry that does not fit.
        number: i64,
        /// What does not fit.
        why: &'static str,
    },
    /// A saved pre-state does not have its hash any more.
    #[error("the saved state `{0}` was altered: its hash does not fit; do not restore from it")]
    PreStateAltered(String),
    /// What is stored cannot be read.
    #[error("the incident store holds {what} that cannot be read: {why}")]
    Unreadable {
        /// Which record.
        what: &'static str,
        /// Why not.
        why: String,
    },
}
