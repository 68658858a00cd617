//! An incident in the store: opened with the facts of its triage.

use jiff::Timestamp;
use serde::{Deserialize as _, Serialize as _};
use serde_json::Value;
use stockade_model::Finding;
use stockade_store::{Incident, IncidentId, NewIncident, Store, StoreError};

use crate::scrub::scrub;
use crate::triage::UserFacts;

/// The playbook of a compromised user.
pub const COMPROMISED_USER: &str = "compromised-user";

fn unreadable(error: &serde_json::Error) -> StoreError {
    StoreError::Unreadable {
        what: "the facts of an incident",
        why: error.to_string(),
    }
}

fn body(facts: &UserFacts) -> Result<Value, StoreError> {
    let value = facts
        .serialize(serde_json::value::Serializer)
        .map_err(|error| unreadable(&error))?;
    Ok(scrub(&value))
}

/// Opens an incident about a user.
pub async fn open(
    store: &Store,
    facts: &UserFacts,
    findings: &[Finding],
    at: Timestamp,
) -> Result<Incident, StoreError> {
    let new = NewIncident {
        kind: COMPROMISED_USER.to_owned(),
        subject: facts.arn.to_string(),
        title: format!("Compromised user {}", facts.name),
        at,
        body: body(facts)?,
    };
    let incident = store.open_incident(&new).await?;
    store.add_findings(incident.id, findings).await?;
    Ok(incident)
}

/// Keeps the facts of a newer triage, and what it has found that the incident does not know yet.
pub async fn update(
    store: &Store,
    id: IncidentId,
    facts: &UserFacts,
    at: Timestamp,
) -> Result<(), StoreError> {
    store.set_body(id, &body(facts)?, at).await?;
    let known = store.findings(id).await?;
    let is_new = |finding: &&Finding| !known.iter().any(|other| is_same(other, finding));
    let new: Vec<Finding> = facts.findings.iter().filter(is_new).cloned().collect();
    store.add_findings(id, &new).await
}

/// Whether both say the same of the same caller; the later one may have more proof.
fn is_same(one: &Finding, other: &Finding) -> bool {
    one.detection == other.detection
        && one.principal == other.principal
        && one.access_key == other.access_key
        && one.source_address == other.source_address
        && one.attempt == other.attempt
        && one.first == other.first
}

/// The facts of the incident's last triage.
pub fn facts(incident: &Incident) -> Result<UserFacts, StoreError> {
    UserFacts::deserialize(&incident.body).map_err(|error| unreadable(&error))
}
