//! The plan run and undone on a copy of everything, before it touches the real thing.

use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use stockade_model::Region;
use stockade_range::server::Range;
use stockade_respond::aws::Reach;
use stockade_respond::plan::Plan;
use stockade_respond::triage::UserFacts;
use stockade_respond::undo::UndoOutcome;
use stockade_respond::verify::VerifyOptions;
use stockade_respond::{Engine, approve};
use stockade_store::{NewIncident, Store};

use crate::error::DrillError;
use crate::outcome::UndoProof;
use crate::pace::DrillPace;
use crate::state;
use crate::world::{World, client};

const LEFT_OUT: &str = "RoleLastUsed, which AWS itself moves when somebody takes a role";

/// Runs the plan on a copy, verifies, undoes, and compares what is there with what was there.
pub(crate) async fn rehearse(
    world: &World,
    facts: &UserFacts,
    plan: &Plan,
    incident: &NewIncident,
    folder: &Path,
) -> Result<UndoProof, DrillError> {
    let copy = world.range.copy().await?;
    let done = on(&copy, world, facts, plan, incident, folder).await;
    copy.stop().await;
    done
}

async fn on(
    copy: &Range,
    world: &World,
    facts: &UserFacts,
    plan: &Plan,
    incident: &NewIncident,
    folder: &Path,
) -> Result<UndoProof, DrillError> {
    let members = [&world.accounts.shop, &world.accounts.data];
    let admin = client(
        copy,
        &world.region,
        world.admin.config().credentials.clone(),
    )?;
    let responder = client(copy, &world.region, world.responder.clone())?;
    let before = state::read(&admin, &members).await?;
    let store = Store::open(&folder.join("rehearsal.db")).await?;
    store.open_incident(incident).await?;
    let reach = Reach::new(Arc::new(responder)).await?;
    let pace = DrillPace::alone(copy);
    let engine = Engine {
        store: &store,
        reach: &reach,
        pace: &pace,
    };
    let record = approve::propose(&store, plan).await?;
    approve::approve(&store, &record.id, &record.hash, "ines", copy.now()).await?;
    let run = engine.run(&record.id).await?;
    copy.advance(SignedDuration::from_mins(16));
    // Also what the trail must show: that both accounts had events since.
    let during = state::read(&admin, &members).await?;
    let regions: Vec<Region> = vec![world.region.clone()];
    let options = VerifyOptions {
        lookup: Some(regions),
        ..VerifyOptions::new()
    };
    let verdict = engine.verify(&record.id, facts, &options).await?;
    let undo = engine.undo(&record.id, false).await?;
    let after = state::read(&admin, &members).await?;
    let mut differences = state::differences(&before, &after);
    if undo.outcome != UndoOutcome::Undone {
        differences.push(undo.next.clone());
    }
    store.close().await;
    Ok(UndoProof {
        run: run.outcome.as_str().to_owned(),
        verdict: verdict.outcome.as_str().to_owned(),
        undo: format!("{:?}", undo.outcome).to_lowercase(),
        compared: before.len(),
        changed_by_plan: state::differences(&before, &during).len(),
        differences,
        left_out: LEFT_OUT.to_owned(),
    })
}
