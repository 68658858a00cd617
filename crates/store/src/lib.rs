//! Incidents, plans, approvals, runs, journals, saved pre-states, findings and verdicts, in
//! one SQLite file.
//!
//! Owns the durability: what [`Store::append`] has answered survives a crash, and the journal
//! is append-only, each entry chained to the one before by a hash. Must not hold logic: what a
//! plan or an entry means is the caller's; here they are JSON. Must not be given a secret.

mod error;
mod incident;
mod journal;
mod lock;
mod open;
mod plan;
mod record;
mod run;
mod seal;

pub use error::StoreError;
pub use lock::IncidentLock;
pub use open::Store;
pub use record::{
    Approval, Entry, Incident, IncidentId, NewEntry, NewIncident, PlanRecord, PreState, Run, RunId,
    VerdictRecord,
};
pub use seal::sha256;
