//! The drill `compromised-user`: a leaked key, from the first strange call to a clean recovery.
//!
//! Owns the order of the story. What counts as done is `score.rs`'s.

use std::path::Path;

use jiff::SignedDuration;
use stockade_model::Timestamp;
use stockade_respond::verify::Outcome as Proof;
use tokio::sync::Mutex;

use crate::attack::{attack, pass};
use crate::company::Company;
use crate::error::DrillError;
use crate::outcome::{Outcome, PlanRun, UndoProof};
use crate::pace::Cast;
use crate::recovery::{Eradicated, Recovered, eradicate, recover};
use crate::rehearsal::rehearse;
use crate::response::{Case, Hunt, Race, approve_all, hunt, open, race, tell_plan};
use crate::score;
use crate::state::{self, Snapshot};
use crate::telling::{Audience, Teller, Voice};
use crate::world::World;

/// In which order the containment is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As Stockade plans it.
    #[default]
    Plan,
    /// As published playbooks do it: the deny and the keys alone. It loses, and is here to show that.
    Naive,
}

/// How the drill is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The same seed gives the same ids, and the same outcome to the letter.
    pub seed: u64,
    /// In which order the containment is done.
    pub order: Order,
    /// Whether the adversary also opens doors in the race that the plan does not look for. The containment is then
    /// not complete, and the verdict must say so.
    pub opens_doors: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            order: Order::Plan,
            opens_doors: false,
        }
    }
}

/// When the cloud was built: a Thursday.
const BUILT: &str = "2026-02-26T09:00:00Z";
/// When the day of the drill begins: the Monday after.
const MORNING: &str = "2026-03-02T07:00:00Z";

fn time(text: &str) -> Result<Timestamp, DrillError> {
    text.parse()
        .map_err(|error| DrillError::stuck(text, format!("{error}")))
}

/// Everything that came to pass, for the score.
pub(crate) struct Played {
    pub world: World,
    pub cast: Cast,
    pub hunt: Hunt,
    pub case: Case,
    pub undo: UndoProof,
    pub approved: Timestamp,
    pub race: Race,
    pub eradicated: Option<Eradicated>,
    pub recovered: Option<Recovered>,
}

/// Plays the drill to its end.
///
/// # Errors
/// Only where the story itself cannot go on. A response that does not work is no error: the score says so.
pub async fn compromised_user(
    options: Options,
    audience: &dyn Audience,
) -> Result<Outcome, DrillError> {
    let folder = tempfile::tempdir()?;
    let world = World::build(options.seed, time(BUILT)?).await?;
    let teller = Teller::new(audience, world.range.clock());
    let played = play(world, options, folder.path(), &teller).await?;
    let mut outcome = score::outcome(&played, options.seed);
    outcome.lines = teller.into_lines();
    played.case.store.close().await;
    played.world.range.stop().await;
    Ok(outcome)
}

async fn play(
    world: World,
    options: Options,
    folder: &Path,
    teller: &Teller<'_>,
) -> Result<Played, DrillError> {
    let (company, baseline) = morning(&world, teller).await?;
    let mut company = company;
    teller.phase("The attack");
    let adversary = attack(&world, &mut company, teller).await?;
    pass(&world, &mut company, SignedDuration::from_mins(14)).await;
    teller.phase("Detection, from the delivered logs alone");
    let hunt = hunt(&world, folder, teller).await?;
    tell_stories(&hunt, teller);
    teller.phase("Incident and triage");
    let case = open(&world, &hunt, options.order, folder, teller).await?;
    teller.phase("The plan");
    tell_plan(&case.plan, &case.record, teller);
    teller.phase("Rehearsal on a copy of everything");
    let undo = rehearse(&world, &case.facts, &case.plan, &case.opened, folder).await?;
    tell_undo(&undo, teller);
    world.range.advance(SignedDuration::from_mins(3));
    let approved = world.range.now();
    approve_all(&case.store, &case.record, &case.plan, approved, teller).await?;
    teller.phase("Containment, while the attacker acts every second");
    let cast = Mutex::new(Cast { company, adversary });
    let race = race(&world, &case, &cast, options, folder, teller).await?;
    let (mut eradicated, mut recovered) = (None, None);
    if race.verdict.outcome == Proof::Contained {
        teller.phase("Eradication");
        let done = eradicate(&world, &case, &hunt, &cast, &baseline, folder, teller).await?;
        teller.phase("Recovery");
        let since = race.contained.unwrap_or(race.counted_from);
        recovered = Some(recover(&world, &case, &done, since, &cast, teller).await?);
        eradicated = Some(done);
    }
    Ok(Played {
        cast: cast.into_inner(),
        world,
        hunt,
        case,
        undo,
        approved,
        race,
        eradicated,
        recovered,
    })
}

/// The day before anything happens.
async fn morning(world: &World, teller: &Teller<'_>) -> Result<(Company, Snapshot), DrillError> {
    let start = time(MORNING)?;
    world.range.advance(start.duration_since(world.range.now()));
    teller.phase("A morning like any other");
    let accounts = &world.accounts;
    teller.tell(
        Voice::Honest,
        format!(
            "an organisation: management {}, shop {}, data {}; a trail of all accounts into s3://{}",
            accounts.management, accounts.shop, accounts.data, world.buckets.logs
        ),
    );
    let mut company = Company::hire(world);
    company.work(world.range.now()).await;
    pass(world, &mut company, SignedDuration::from_mins(150)).await;
    let failed: usize = company
        .workers
        .iter()
        .map(|worker| worker.failures(start).count())
        .sum();
    if failed > 0 {
        return Err(DrillError::stuck(
            "the morning",
            format!("{failed} honest calls failed before the attack"),
        ));
    }
    teller.tell(
        Voice::Honest,
        format!(
            "the orders application, the invoicer, anna and ben make {} calls; none fails",
            company.calls()
        ),
    );
    let baseline = state::read(&world.admin, &[&accounts.shop, &accounts.data]).await?;
    Ok((company, baseline))
}

fn tell_stories(hunt: &Hunt, teller: &Teller<'_>) {
    for story in hunt.stories.iter().take(3) {
        let tactics: Vec<&str> = story
            .tactics
            .iter()
            .filter_map(|phase| phase.tactic.map(stockade_model::Tactic::as_str))
            .collect();
        teller.tell(
            Voice::Responder,
            format!(
                "story of {} ({}): {}",
                story.principal,
                story.severity,
                tactics.join(", ")
            ),
        );
    }
    if let Some(worst) = hunt.worst() {
        for step in worst.tactics.iter().flat_map(|phase| &phase.steps).take(8) {
            let tried = if step.attempt { " (tried)" } else { "" };
            teller.tell(
                Voice::Responder,
                format!("{}: {}{tried}", step.severity, step.title),
            );
        }
    }
}

fn tell_undo(undo: &UndoProof, teller: &Teller<'_>) {
    teller.tell(
        Voice::Responder,
        format!(
            "on the copy the plan is {}, the verdict is {}, the undo is {}",
            undo.run, undo.verdict, undo.undo
        ),
    );
    let text = match undo.differences.as_slice() {
        [] => format!(
            "{} things were compared: the plan changed {}, and all are as they were, to the letter",
            undo.compared, undo.changed_by_plan
        ),
        some => format!("not as before: {}", some.join("; ")),
    };
    teller.tell(Voice::Proof, text);
}

/// The plans in the order of their approval.
pub(crate) fn plans(played: &Played) -> Vec<PlanRun> {
    let eradicated = played.eradicated.iter().map(|done| &done.run);
    let recovered = played.recovered.iter().map(|done| &done.run);
    std::iter::once(&played.race.run)
        .chain(eradicated)
        .chain(recovered)
        .cloned()
        .collect()
}
