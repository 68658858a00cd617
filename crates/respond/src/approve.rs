//! A person approves a plan by its hash; nothing is written to AWS before.

use jiff::Timestamp;
use serde_json::json;
use stockade_store::{Approval, IncidentId, PlanRecord, Store, StoreError};

use crate::journal::{Journal, word};
use crate::plan::Plan;

/// What an approval of the whole plan is of.
pub(crate) const WHOLE: &str = "plan";
/// The fewest characters of a hash that stand for it.
const SHORTEST: usize = 12;

/// Why a plan could not be approved or read.
#[derive(Debug, thiserror::Error)]
pub enum ApproveError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored plan cannot be read.
    #[error("plan `{0}` cannot be read: it was made by another version; make a new plan")]
    Unreadable(String),
    /// The stored plan does not have its hash.
    #[error(
        "plan `{0}` was altered in the store: it does not have its hash any more; do not run it, make a new plan"
    )]
    Altered(String),
    /// The hash is another one's.
    #[error(
        "`{given}` is not the hash of plan `{plan}`: its hash is {actual}. Read the plan again, it may have changed; nothing was approved"
    )]
    WrongHash {
        /// The plan.
        plan: String,
        /// What was given.
        given: String,
        /// What it is.
        actual: String,
    },
    /// No such step, or none that needs an approval of its own.
    #[error("plan `{plan}` has no one-way step `{step}`; it has: {steps}")]
    NoOneWayStep {
        /// The plan.
        plan: String,
        /// What was given.
        step: String,
        /// Those that it has.
        steps: String,
    },
}

/// The plan of this id, its hash checked.
pub async fn load(store: &Store, id: &str) -> Result<(PlanRecord, Plan), ApproveError> {
    let record = store.plan(id).await?;
    let plan: Plan = serde_json::from_value(record.body.clone())
        .map_err(|_| ApproveError::Unreadable(id.to_owned()))?;
    let as_stored = crate::canonical::hash(&record.body);
    let whole = as_stored == record.hash && plan.hash() == record.hash;
    if !whole || plan.incident != record.incident {
        return Err(ApproveError::Altered(id.to_owned()));
    }
    Ok((record, plan))
}

/// Stores a plan, so that it can be approved and run.
pub async fn propose(store: &Store, plan: &Plan) -> Result<PlanRecord, StoreError> {
    let record = PlanRecord {
        id: plan.id(),
        incident: plan.incident,
        kind: plan.kind.as_str().to_owned(),
        hash: plan.hash(),
        created_at: plan.created,
        body: serde_json::to_value(plan).map_err(|error| StoreError::Unreadable {
            what: "a plan",
            why: error.to_string(),
        })?,
    };
    store.add_plan(&record).await?;
    Ok(record)
}

/// Approves the whole plan but its one-way steps. `hash` is the plan's, or its beginning of 12
/// characters or more.
pub async fn approve(
    store: &Store,
    plan: &str,
    hash: &str,
    who: &str,
    at: Timestamp,
) -> Result<Approval, ApproveError> {
    write(store, plan, WHOLE, hash, who, at).await
}

/// Approves one one-way step of the plan.
pub async fn approve_one_way(
    store: &Store,
    plan: &str,
    step: &str,
    hash: &str,
    who: &str,
    at: Timestamp,
) -> Result<Approval, ApproveError> {
    let (_, content) = load(store, plan).await?;
    if !content.one_way().any(|s| s.id == step) {
        let steps: Vec<&str> = content.one_way().map(|s| s.id.as_str()).collect();
        return Err(ApproveError::NoOneWayStep {
            plan: plan.to_owned(),
            step: step.to_owned(),
            steps: if steps.is_empty() {
                "none".to_owned()
            } else {
                steps.join(", ")
            },
        });
    }
    write(store, plan, &scope(step), hash, who, at).await
}

/// What an approval of one step is of.
pub(crate) fn scope(step: &str) -> String {
    format!("step {step}")
}

async fn write(
    store: &Store,
    plan: &str,
    scope: &str,
    hash: &str,
    who: &str,
    at: Timestamp,
) -> Result<Approval, ApproveError> {
    let (record, _) = load(store, plan).await?;
    let given = hash.trim().to_ascii_lowercase();
    if given.len() < SHORTEST || !record.hash.starts_with(&given) {
        return Err(ApproveError::WrongHash {
            plan: plan.to_owned(),
            given: hash.chars().take(80).collect(),
            actual: record.hash,
        });
    }
    let approval = Approval {
        plan: plan.to_owned(),
        scope: scope.to_owned(),
        hash: record.hash,
        who: who.to_owned(),
        at,
    };
    let stored = store.approve(&approval).await?;
    if stored == approval {
        let body = json!({"scope": scope, "hash": stored.hash, "who": who});
        journal(store, record.incident, plan)
            .write(at, word::APPROVED, None, body)
            .await?;
    }
    Ok(stored)
}

fn journal<'a>(store: &'a Store, incident: IncidentId, plan: &str) -> Journal<'a> {
    Journal {
        store,
        incident,
        run: None,
        plan: plan.to_owned(),
    }
}

/// Whether the plan, or a step of it, is approved by its hash.
pub(crate) async fn is_approved(
    store: &Store,
    record: &PlanRecord,
    scope: &str,
) -> Result<bool, StoreError> {
    let approvals = store.approvals(&record.id).await?;
    Ok(approvals
        .iter()
        .any(|approval| approval.scope == scope && approval.hash == record.hash))
}
