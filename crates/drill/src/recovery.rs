//! After the verdict: what the attacker left is removed, and the application gets a role in place of its key.

use std::path::Path;

use jiff::SignedDuration;
use serde_json::json;
use stockade_model::Timestamp;
use stockade_respond::plan::{self, EradicateOptions, Plan, RecoverOptions};
use stockade_respond::run::RunOutcome;
use stockade_respond::survey;
use stockade_respond::triage::{self, UserFacts};
use stockade_respond::verify::VerifyOptions;
use stockade_respond::{Engine, approve};
use tokio::sync::Mutex;

use crate::company::Host;
use crate::error::DrillError;
use crate::logs;
use crate::outcome::PlanRun;
use crate::pace::{Cast, DrillPace};
use crate::response::{Case, Hunt, approve_all, reach, told};
use crate::state::{self, Snapshot};
use crate::telling::{Teller, Voice};
use crate::world::{World, client};

/// For how long nothing may come back before anything is deleted for good, in hours.
const SOAK: i64 = 24;
/// How many steps of a plan are told one by one.
const TOLD: usize = 12;
/// The role that the application gets.
const ROLE: &str = "orders-app";

/// What was removed, and what was not.
pub(crate) struct Eradicated {
    pub facts: UserFacts,
    pub run: PlanRun,
    /// What is still there.
    pub left: Vec<String>,
}

/// Looks again, for the race may have left more; plans, approves, removes, and checks.
pub(crate) async fn eradicate(
    world: &World,
    case: &Case,
    hunt: &Hunt,
    cast: &Mutex<Cast>,
    baseline: &Snapshot,
    folder: &Path,
    teller: &Teller<'_>,
) -> Result<Eradicated, DrillError> {
    let reach = reach(world).await?;
    let pace = DrillPace::silent(&world.range, cast);
    let responder = client(&world.range, &world.region, world.responder.clone())?;
    let delivered = logs::fetch(&responder, &world.buckets.logs, &folder.join("again")).await?;
    let still = DrillPace::alone(&world.range);
    let options = told(world, hunt, &delivered.events);
    let facts = triage::user(&reach, &still, &case.facts.arn.to_string(), &options).await?;
    let items = survey::survey(&reach, &facts).await;
    let there = items.iter().filter(|item| item.left().is_some()).count();
    teller.tell(
        Voice::Responder,
        format!(
            "by the trail the attacker made or changed {} things; {there} of them are there still",
            items.len()
        ),
    );
    let options = EradicateOptions {
        incident: case.id,
        now: world.range.now(),
        propagation: case.plan.propagation,
    };
    let plan = plan::eradicate(&facts, &items, &options)?;
    let engine = Engine {
        store: &case.store,
        reach: &reach,
        pace: &pace,
    };
    let run = carry_out(&engine, &plan, world.range.now(), teller).await?;
    let after = state::read(&world.admin, &[&world.accounts.shop, &world.accounts.data]).await?;
    let mut left = state::left_behind(baseline, &after);
    left.extend(
        survey::survey(&reach, &facts)
            .await
            .iter()
            .filter_map(survey::Item::left),
    );
    let text = match left.as_slice() {
        [] => "both accounts hold nothing that was not there before the attack, but the quarantine"
            .to_owned(),
        left => format!("still there: {}", left.join("; ")),
    };
    teller.tell(Voice::Proof, text);
    Ok(Eradicated { facts, run, left })
}

/// Proposes, approves and runs a plan.
async fn carry_out(
    engine: &Engine<'_>,
    plan: &Plan,
    now: Timestamp,
    teller: &Teller<'_>,
) -> Result<PlanRun, DrillError> {
    let record = approve::propose(engine.store, plan).await?;
    approve_all(engine.store, &record, plan, now, teller).await?;
    let report = engine.run(&record.id).await?;
    let (done, open) = report.counts();
    let mut steps: Vec<&str> = report
        .steps
        .iter()
        .filter(|s| s.stage.is_some())
        .map(|s| s.title.as_str())
        .collect();
    // Saving comes first in every plan, and our own deny must go before a user can.
    steps.retain(|title| !title.starts_with("save ") && !title.contains(" Stockade"));
    for title in steps.iter().take(TOLD) {
        teller.tell(Voice::Responder, (*title).to_owned());
    }
    let more = match steps.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!("and {more} steps more; "),
    };
    teller.tell(
        Voice::Responder,
        format!(
            "{more}{}: {}, {done} steps done, {open} open",
            record.id,
            report.outcome.as_str()
        ),
    );
    Ok(PlanRun {
        id: record.id,
        hash: record.hash,
        plan: plan.clone(),
        report: Some(report),
    })
}

/// What the recovery came to.
pub(crate) struct Recovered {
    pub run: PlanRun,
    /// When the application worked again.
    pub works_since: Option<Timestamp>,
    /// The long-term keys that the user has in the end.
    pub keys: Vec<String>,
}

/// Gives the application a role, waits for a clean soak, and retires the keys.
pub(crate) async fn recover(
    world: &World,
    case: &Case,
    eradicated: &Eradicated,
    contained_at: Timestamp,
    cast: &Mutex<Cast>,
    teller: &Teller<'_>,
) -> Result<Recovered, DrillError> {
    let shop = &world.accounts.shop;
    let host = format!("arn:aws:iam::{shop}:role/orders-host");
    let role = format!("arn:aws:iam::{shop}:role/{ROLE}");
    let first = reach(world).await?;
    let survey = plan::recover_survey(&first, &eradicated.facts).await?;
    let options = RecoverOptions {
        incident: case.id,
        now: world.range.now(),
        role: ROLE.to_owned(),
        trust: json!({ "AWS": host }),
        contained_at,
        soak_hours: SOAK,
        propagation: case.plan.propagation,
    };
    let plan = plan::recover(&eradicated.facts, &survey, &options)?;
    let pace = DrillPace::silent(&world.range, cast);
    let engine = Engine {
        store: &case.store,
        reach: &first,
        pace: &pace,
    };
    let mut run = carry_out(&engine, &plan, world.range.now(), teller).await?;
    let works_since = adopt(world, &role, host, cast, teller).await;
    if run.outcome() == Some(RunOutcome::Waiting) {
        teller.tell(
            Voice::Responder,
            format!("the rest waits for a clean soak of {SOAK} hours"),
        );
        soak(world, cast).await;
        let second = reach(world).await?;
        let still = DrillPace::alone(&world.range);
        let engine = Engine {
            reach: &second,
            pace: &still,
            ..engine
        };
        let options = VerifyOptions {
            lookup: Some(vec![world.region.clone()]),
            ..VerifyOptions::new()
        };
        let verdict = engine
            .verify(&case.record.id, &eradicated.facts, &options)
            .await?;
        teller.tell(
            Voice::Proof,
            format!("verdict after {SOAK} hours: {}", verdict.outcome),
        );
        let report = engine.run(&run.id).await?;
        let (done, open) = report.counts();
        teller.tell(
            Voice::Responder,
            format!(
                "{}: {}, {done} steps done, {open} open",
                run.id,
                report.outcome.as_str()
            ),
        );
        if report.outcome != RunOutcome::Done {
            teller.tell(Voice::Responder, report.next.clone());
        }
        run.report = Some(report);
    }
    let keys = keys(world, &eradicated.facts.name).await?;
    Ok(Recovered {
        run,
        works_since,
        keys,
    })
}

/// The application takes the role, and works.
async fn adopt(
    world: &World,
    role: &str,
    host: String,
    cast: &Mutex<Cast>,
    teller: &Teller<'_>,
) -> Option<Timestamp> {
    let now = world.range.advance(SignedDuration::from_secs(5));
    let mut cast = cast.lock().await;
    let worker = cast.company.worker("orders application")?;
    let host = Host {
        platform: world.admin.clone(),
        role: host,
    };
    worker.adopt(role, host);
    let works = worker.turn(now).await;
    let text = if works {
        "the orders application takes the role orders-app and works again"
    } else {
        "the orders application takes the role orders-app, and still does not work"
    };
    teller.tell(Voice::Honest, text);
    works.then_some(now)
}

/// A day goes by, with everybody at what they do.
async fn soak(world: &World, cast: &Mutex<Cast>) {
    for _ in 0..SOAK {
        let now = world.range.advance(SignedDuration::from_hours(1));
        let mut cast = cast.lock().await;
        cast.adversary.strike().await;
        cast.company.work(now).await;
    }
    world.range.advance(SignedDuration::from_mins(20));
}

async fn keys(world: &World, user: &str) -> Result<Vec<String>, DrillError> {
    let role = crate::world::access_role(&world.accounts.shop);
    let admin = world.admin.assume_role(&role, "referee").await?;
    let found = admin
        .pages(
            "iam",
            "ListAccessKeys",
            json!({"UserName": user}),
            "AccessKeyMetadata",
        )
        .await?;
    let ids = found
        .iter()
        .filter_map(|key| key.get("AccessKeyId")?.as_str());
    Ok(ids.map(str::to_owned).collect())
}
