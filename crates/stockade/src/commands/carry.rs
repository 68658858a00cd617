//! Carrying out a plan that somebody approved by its hash: the same for containing, eradicating and recovering.

use clap::Args;
use jiff::SignedDuration;
use stockade_respond::approve;
use stockade_respond::incident;
use stockade_respond::pace::Pace;
use stockade_respond::plan::PlanKind;
use stockade_respond::report::{run_text, verdict_text};
use stockade_respond::run::RunOutcome;
use stockade_respond::verify::{Outcome, Verdict, VerifyOptions};
use stockade_store::{IncidentId, PlanRecord};

use super::target::{Session, approver};
use crate::out::{self, Status};

/// The approval of a plan.
#[derive(Args, Clone)]
pub struct Approval {
    /// Approve and run the plan with this hash; its first 12 characters or more will do
    #[arg(long, value_name = "HASH")]
    approve: Option<String>,
    /// Approve this step too, which cannot be taken back; may be given more than once
    #[arg(long, value_name = "STEP", requires = "approve")]
    one_way: Vec<String>,
    /// Who approves; without it the user of this machine
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl Approval {
    /// The hash that was given, or nothing.
    pub fn hash(&self) -> &str {
        self.approve.as_deref().unwrap_or_default()
    }

    /// Whether a hash was given.
    pub fn is_given(&self) -> bool {
        self.approve.is_some()
    }
}

/// Approves and runs a plan of an incident, and verifies a containment.
pub async fn run(
    session: &Session,
    incident: IncidentId,
    kind: PlanKind,
    approval: &Approval,
) -> Result<Status, Status> {
    let hash = approval.hash();
    let plan = find(session, incident, kind, hash).await?;
    let (who, now) = (approver(approval.by.as_deref()), session.pace.now());
    // The steps first: a step that is not there must not leave an approval of the plan behind.
    for step in &approval.one_way {
        approve::approve_one_way(&session.store, &plan.id, step, hash, &who, now)
            .await
            .map_err(|error| out::fail(&error))?;
    }
    approve::approve(&session.store, &plan.id, hash, &who, now)
        .await
        .map_err(|error| out::fail(&error))?;
    let report = session
        .engine()
        .run(&plan.id)
        .await
        .map_err(|error| out::fail(&error))?;
    out::print(&run_text(&report));
    match report.outcome {
        RunOutcome::Done if kind == PlanKind::Contain => {
            verify(session, incident, None, None).await
        }
        RunOutcome::Done => Ok(Status::Fine),
        RunOutcome::Waiting | RunOutcome::Unknown => Ok(Status::Incomplete),
        RunOutcome::Drift | RunOutcome::Failed => Ok(Status::Failed),
    }
}

/// The plan of an incident with this hash.
async fn find(
    session: &Session,
    incident: IncidentId,
    kind: PlanKind,
    hash: &str,
) -> Result<PlanRecord, Status> {
    let plans = session
        .store
        .plans(incident)
        .await
        .map_err(|error| out::fail(&error))?;
    let of_kind: Vec<PlanRecord> = plans
        .into_iter()
        .filter(|plan| plan.kind == kind.as_str())
        .collect();
    let known: Vec<String> = of_kind
        .iter()
        .map(|plan| plan.hash.chars().take(16).collect())
        .collect();
    let found = of_kind.into_iter().find(|plan| has_hash(plan, hash));
    found.ok_or_else(|| {
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let given = hash.trim();
        out::fail(&format!(
            "no plan to {kind} of {incident} has the hash `{given}` (12 characters at the least); there are: {known}. Nothing was done"
        ))
    })
}

/// Whether this is the beginning of the plan's hash, or all of it.
pub fn has_hash(plan: &PlanRecord, hash: &str) -> bool {
    let given = hash.trim().to_ascii_lowercase();
    given.len() >= 12 && plan.hash.starts_with(&given)
}

/// The newest plan of a kind that an incident has.
pub async fn newest(
    session: &Session,
    incident: IncidentId,
    kind: PlanKind,
) -> Result<PlanRecord, Status> {
    // Says that there is no such incident, rather than that it has no plan.
    session
        .store
        .incident(incident)
        .await
        .map_err(|error| out::fail(&error))?;
    let mut plans = session
        .store
        .plans(incident)
        .await
        .map_err(|error| out::fail(&error))?;
    plans.retain(|plan| plan.kind == kind.as_str());
    plans.sort_by_key(|plan| plan.created_at);
    plans
        .pop()
        .ok_or_else(|| out::fail(&format!("{incident} has no plan to {kind} yet")))
}

/// Gives the verdict on an incident's containment, once or for as long as `watch` says.
pub async fn verify(
    session: &Session,
    id: IncidentId,
    watch: Option<SignedDuration>,
    trail_delay: Option<SignedDuration>,
) -> Result<Status, Status> {
    let incident = session
        .store
        .incident(id)
        .await
        .map_err(|error| out::fail(&error))?;
    let facts = incident::facts(&incident).map_err(|error| out::fail(&error))?;
    let plan = newest(session, id, PlanKind::Contain).await?;
    let usual = VerifyOptions::new();
    let options = VerifyOptions {
        lookup: Some(session.regions.clone()),
        trail_delay: trail_delay.unwrap_or(usual.trail_delay),
        ..usual
    };
    let engine = session.engine();
    let verdict: Result<Verdict, _> = match watch {
        Some(total) => {
            let each = |verdict: &Verdict| {
                out::note(&format!(
                    "{}  {} after {} s",
                    verdict.at,
                    verdict.outcome.as_str(),
                    verdict.watched
                ));
            };
            engine
                .watch(
                    &plan.id,
                    &facts,
                    &options,
                    total,
                    SignedDuration::from_secs(60),
                    each,
                )
                .await
        }
        None => engine.verify(&plan.id, &facts, &options).await,
    };
    let verdict = verdict.map_err(|error| out::fail(&error))?;
    out::print(&verdict_text(&verdict));
    Ok(match verdict.outcome {
        Outcome::Contained => Status::Fine,
        Outcome::NotContained => Status::Found,
        Outcome::Unknown => Status::Incomplete,
    })
}
