//! The response as far as the verdict: logs, findings, incident, triage, plan, approval, run, watch.
//!
//! Owns the order in which the responder works; all of it is `stockade-respond`'s and `stockade-detect`'s doing.

use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;
use stockade_cloud::Client;
use stockade_detect::{RuleSet, Story, stories};
use stockade_model::{Event, Finding, Severity, Timestamp};
use stockade_respond::aws::Reach;
use stockade_respond::pace::Pace;
use stockade_respond::plan::{self, ContainOptions, Plan, PlanOrder};
use stockade_respond::run::RunReport;
use stockade_respond::triage::{self, TriageOptions, UserFacts};
use stockade_respond::verify::{Outcome as Proof, Verdict, VerifyOptions};
use stockade_respond::{Engine, approve};
use stockade_store::{IncidentId, NewIncident, PlanRecord, Store};
use tokio::sync::Mutex;

use crate::adversary::Against;
use crate::compromised_user::{Options, Order};
use crate::error::DrillError;
use crate::logs;
use crate::outcome::PlanRun;
use crate::pace::{Cast, DrillPace};
use crate::telling::{Teller, Voice};
use crate::world::{World, client};

/// For how long the attacker is watched after the containment.
const WATCH: SignedDuration = SignedDuration::from_mins(30);
/// How often the verdict is given meanwhile.
const LOOK: SignedDuration = SignedDuration::from_mins(15);

/// What the delivered logs tell.
pub(crate) struct Hunt {
    pub events: Vec<Event>,
    pub findings: Vec<Finding>,
    pub stories: Vec<Story>,
    /// When they were read.
    pub at: Timestamp,
}

impl Hunt {
    /// The story to begin with: the worst of a user's.
    pub(crate) fn worst(&self) -> Option<&Story> {
        self.stories
            .iter()
            .find(|story| story.principal.contains(":user/"))
    }
}

/// Fetches and hunts.
pub(crate) async fn hunt(
    world: &World,
    folder: &Path,
    teller: &Teller<'_>,
) -> Result<Hunt, DrillError> {
    let responder = client(&world.range, &world.region, world.responder.clone())?;
    let delivered = logs::fetch(&responder, &world.buckets.logs, &folder.join("logs")).await?;
    let rules = RuleSet::builtin();
    let findings = rules.hunt(&delivered.events);
    let stories = stories(&findings, &delivered.events);
    let bad = findings
        .iter()
        .filter(|finding| finding.severity >= Severity::High)
        .count();
    teller.tell(
        Voice::Responder,
        format!(
            "ines fetches {} log files and hunts through {} events with {} detections: {} findings, {bad} of them high or critical",
            delivered.files,
            delivered.events.len(),
            rules.detections().count(),
            findings.len(),
        ),
    );
    for line in &delivered.unread {
        teller.tell(Voice::Responder, format!("cannot read {line}"));
    }
    Ok(Hunt {
        events: delivered.events,
        findings,
        stories,
        at: world.range.now(),
    })
}

/// An incident with its triage and the plan to contain it.
pub(crate) struct Case {
    pub store: Store,
    pub id: IncidentId,
    pub opened: NewIncident,
    pub facts: UserFacts,
    pub plan: Plan,
    pub record: PlanRecord,
}

/// The responder's way into all accounts. Sessions end after an hour, so each part takes a new one.
pub(crate) async fn reach(world: &World) -> Result<Reach, DrillError> {
    let responder: Client = client(&world.range, &world.region, world.responder.clone())?;
    Ok(Reach::new(Arc::new(responder)).await?)
}

/// What the triage is told.
pub(crate) fn told(world: &World, hunt: &Hunt, events: &[Event]) -> TriageOptions {
    TriageOptions {
        account: Some(world.accounts.shop.clone()),
        events: events.to_vec(),
        lookup: Some(vec![world.region.clone()]),
        findings: hunt.findings.clone(),
        ..TriageOptions::default()
    }
}

/// Opens the incident, gathers the facts, makes the plan.
pub(crate) async fn open(
    world: &World,
    hunt: &Hunt,
    order: Order,
    folder: &Path,
    teller: &Teller<'_>,
) -> Result<Case, DrillError> {
    let worst = hunt.worst().ok_or_else(|| {
        DrillError::stuck("the hunt", "no story of a user is in the delivered logs")
    })?;
    let subject = worst.principal.clone();
    let store = Store::open(&folder.join("stockade.db")).await?;
    let opened = NewIncident {
        kind: "compromised-user".to_owned(),
        subject: subject.clone(),
        title: format!(
            "{} acts from strange places",
            subject.rsplit('/').next().unwrap_or_default()
        ),
        at: world.range.now(),
        body: json!({}),
    };
    let incident = store.open_incident(&opened).await?;
    store.add_findings(incident.id, &hunt.findings).await?;
    teller.tell(
        Voice::Responder,
        format!("opens {} about {subject}", incident.id),
    );
    let reach = reach(world).await?;
    let pace = DrillPace::alone(&world.range);
    let facts = triage::user(&reach, &pace, &subject, &told(world, hunt, &hunt.events)).await?;
    tell_facts(&facts, teller);
    world.range.advance(SignedDuration::from_mins(2));
    let options = ContainOptions {
        order: match order {
            Order::Plan => PlanOrder::Safe,
            Order::Naive => PlanOrder::NaiveForDrillsOnly,
        },
        ..ContainOptions::new(incident.id, world.range.now())
    };
    let plan = plan::contain(&facts, &options)?;
    let record = approve::propose(&store, &plan).await?;
    Ok(Case {
        store,
        id: incident.id,
        opened,
        facts,
        plan,
        record,
    })
}

fn tell_facts(facts: &UserFacts, teller: &Teller<'_>) {
    let keys = facts.keys.known().map_or(0, Vec::len);
    if let Some(lineage) = facts.lineage.known() {
        teller.tell(
            Voice::Responder,
            format!(
                "triage: {keys} keys of the user; its lineage is {} keys and sessions, {} users made, {} roles, in {} accounts",
                lineage.keys.len(),
                lineage.users.len(),
                facts.roles.len(),
                lineage.accounts().len(),
            ),
        );
    }
    for caller in &facts.callers {
        let who = if caller.suspect.is_some() {
            "attacker"
        } else {
            "honest"
        };
        // Sessions and refusals make many rows; the first of each kind tells enough.
        if caller.identity == facts.arn.to_string() && caller.calls > 5 {
            teller.tell(
                Voice::Responder,
                format!(
                    "caller from {}: {} calls, {who}",
                    caller.source_address, caller.calls
                ),
            );
        }
    }
    for unknown in facts.unknowns() {
        teller.tell(Voice::Responder, format!("unknown: {unknown}"));
    }
}

/// Tells the plan, as a person reads it.
pub(crate) fn tell_plan(plan: &Plan, record: &PlanRecord, teller: &Teller<'_>) {
    let writes = plan
        .steps
        .iter()
        .filter(|step| step.change().is_some())
        .count();
    teller.tell(
        Voice::Responder,
        format!(
            "plan {}: {} steps, {writes} of them writes",
            record.id,
            plan.steps.len()
        ),
    );
    for hurt in &plan.impact {
        let name = hurt.identity.rsplit(':').next().unwrap_or_default();
        teller.tell(
            Voice::Responder,
            format!(
                "who will be hurt: {name} from {}, {}",
                hurt.source_address, hurt.effect
            ),
        );
    }
    let checks = plan.lockout.len();
    teller.tell(
        Voice::Proof,
        format!("{checks} checks show that the responder is not locked out and can still undo everything"),
    );
    for unknown in &plan.unknowns {
        teller.tell(Voice::Responder, format!("unknown: {unknown}"));
    }
}

/// Approves the whole plan and each of its one-way steps, by hash.
pub(crate) async fn approve_all(
    store: &Store,
    record: &PlanRecord,
    plan: &Plan,
    at: Timestamp,
    teller: &Teller<'_>,
) -> Result<(), DrillError> {
    let short = record.hash.get(..12).unwrap_or(&record.hash);
    approve::approve(store, &record.id, short, "ines", at).await?;
    let mut one_way = 0;
    for step in plan.one_way() {
        approve::approve_one_way(store, &record.id, &step.id, short, "ines", at).await?;
        one_way += 1;
    }
    let more = match one_way {
        0 => String::new(),
        n => format!(", and each of {n} steps without a way back by itself"),
    };
    teller.tell(
        Voice::Responder,
        format!("approves {} by its hash {short}{more}", record.id),
    );
    Ok(())
}

/// What the race came to.
pub(crate) struct Race {
    pub began: Timestamp,
    pub contained: Option<Timestamp>,
    pub counted_from: Timestamp,
    pub verdict: Verdict,
    pub run: PlanRun,
}

/// Runs the plan while everybody acts, and watches.
pub(crate) async fn race(
    world: &World,
    case: &Case,
    cast: &Mutex<Cast>,
    options: Options,
    folder: &Path,
    teller: &Teller<'_>,
) -> Result<Race, DrillError> {
    {
        let mut cast = cast.lock().await;
        cast.company.pace(SignedDuration::from_secs(20));
        let against = Against {
            user_policy: plan::user_policy_name(case.id),
            role_policy: plan::role_policy_name(case.id),
        };
        cast.adversary.learn(against, options.opens_doors);
    }
    let began = world.range.now();
    let reach = reach(world).await?;
    let pace = DrillPace::race(&world.range, cast, teller);
    let engine = Engine {
        store: &case.store,
        reach: &reach,
        pace: &pace,
    };
    let report = engine.run(&case.record.id).await?;
    let contained = engine.completed_at(&case.record.id).await?;
    let propagation = SignedDuration::from_secs(case.plan.propagation);
    let ended = contained.unwrap_or_else(|| world.range.now());
    let counted_from = ended.checked_add(propagation).unwrap_or(ended);
    tell_run(cast, began, &report, teller).await;
    teller.phase("The verdict, and a watch of 30 minutes");
    cast.lock().await.company.pace(SignedDuration::from_mins(1));
    let silent = DrillPace::silent(&world.range, cast);
    let engine = Engine {
        pace: &silent,
        ..engine
    };
    let verifying = VerifyOptions {
        lookup: Some(vec![world.region.clone()]),
        ..VerifyOptions::new()
    };
    let mut looks = Vec::new();
    let watched = engine
        .watch(
            &case.record.id,
            &case.facts,
            &verifying,
            WATCH,
            LOOK,
            |verdict| {
                let mut missing = verdict.layers.iter().flat_map(|layer| &layer.missing);
                looks.push((verdict.at, verdict.outcome, missing.next().cloned()));
            },
        )
        .await?;
    for (at, outcome, missing) in looks {
        let why = missing
            .filter(|_| outcome == Proof::Unknown)
            .map(|why| format!(" ({why})"));
        let why = why.unwrap_or_default();
        teller.tell(
            Voice::Proof,
            format!("verdict at {}: {outcome}{why}", clock(at)),
        );
    }
    // Whatever the verdict is, the attacker gets its half hour.
    let rest = WATCH
        .checked_sub(world.range.now().duration_since(ended))
        .unwrap_or_default();
    silent.wait(rest, "watching").await;
    let verdict = with_data_events(world, case, &engine, watched, folder, teller).await?;
    Ok(Race {
        began,
        contained,
        counted_from,
        verdict,
        run: PlanRun {
            id: case.record.id.clone(),
            hash: case.record.hash.clone(),
            plan: case.plan.clone(),
            report: Some(report),
        },
    })
}

/// LookupEvents does not know what was done to objects: the delivered files of the watch do.
async fn with_data_events(
    world: &World,
    case: &Case,
    engine: &Engine<'_>,
    watched: Verdict,
    folder: &Path,
    teller: &Teller<'_>,
) -> Result<Verdict, DrillError> {
    world.range.advance(crate::world::DELIVERY);
    let responder = client(&world.range, &world.region, world.responder.clone())?;
    let delivered = logs::fetch(&responder, &world.buckets.logs, &folder.join("later")).await?;
    let options = VerifyOptions {
        lookup: Some(vec![world.region.clone()]),
        events: &delivered.events,
        ..VerifyOptions::new()
    };
    let mut verdict = engine
        .verify(&case.record.id, &case.facts, &options)
        .await?;
    verdict.watched = watched.watched;
    teller.tell(
        Voice::Proof,
        format!(
            "verdict with {} delivered events, those on objects too: {}",
            delivered.events.len(),
            verdict.outcome
        ),
    );
    for layer in &verdict.layers {
        let reasons = match layer.outcome {
            Proof::Contained => &layer.proved,
            Proof::NotContained => &layer.evidence,
            Proof::Unknown => &layer.missing,
        };
        let more = reasons.len().saturating_sub(1);
        let first = reasons
            .first()
            .map_or("nothing was looked at", String::as_str);
        let more = if more > 0 {
            format!(" (and {more} more)")
        } else {
            String::new()
        };
        teller.tell(
            Voice::Proof,
            format!("{}: {}: {first}{more}", layer.name, layer.outcome),
        );
    }
    Ok(verdict)
}

/// The time of day.
pub(crate) fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

async fn tell_run(cast: &Mutex<Cast>, began: Timestamp, report: &RunReport, teller: &Teller<'_>) {
    let cast = cast.lock().await;
    let deeds = cast
        .adversary
        .actor
        .deeds()
        .iter()
        .filter(|deed| deed.time >= began);
    let (mut done, all) = deeds.fold((Vec::new(), 0_usize), |(mut done, all), deed| {
        if deed.ending == crate::actor::Ending::Done {
            done.push(deed.call.as_str());
        }
        (done, all + 1)
    });
    let count = done.len();
    done.sort_unstable();
    done.dedup();
    teller.tell(
        Voice::Attacker,
        format!(
            "tries {all} calls meanwhile; {count} get through before the plan counts: {}",
            done.join(", ")
        ),
    );
    let next = report.next.lines().next().unwrap_or_default();
    teller.tell(
        Voice::Responder,
        format!("the run is {}; next: {next}", report.outcome.as_str()),
    );
}
