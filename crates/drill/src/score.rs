//! The score: every criterion from deeds, records and answers; nothing is taken for granted.

use std::collections::BTreeSet;

use stockade_model::{Severity, Tactic, Timestamp};
use stockade_respond::run::RunOutcome;
use stockade_respond::triage;
use stockade_respond::verify::Outcome as Proof;

use crate::actor::{Deed, Ending};
use crate::adversary::ADDRESS;
use crate::company::Worker;
use crate::compromised_user::{Played, plans};
use crate::outcome::{Attacker, Criterion, Honest, Met, Outcome, Tally, Times};

/// What a story of this attack must show.
const TACTICS: [Tactic; 2] = [Tactic::PrivilegeEscalation, Tactic::Persistence];

/// Everything that came of it, scored; the lines are added by the teller.
pub(crate) fn outcome(played: &Played, seed: u64) -> Outcome {
    let times = times(played);
    let attacker = attacker(played);
    let honest: Vec<Honest> = played
        .cast
        .company
        .workers
        .iter()
        .map(|worker| lived(played, worker))
        .collect();
    let accounts = &played.world.accounts;
    Outcome {
        drill: "compromised-user".to_owned(),
        seed,
        accounts: [
            ("management", &accounts.management),
            ("shop", &accounts.shop),
            ("data", &accounts.data),
            ("the attacker's own", &accounts.outside),
        ]
        .map(|(name, id)| (name.to_owned(), id.to_string()))
        .to_vec(),
        lines: Vec::new(),
        score: vec![
            found(played),
            known(played),
            undone(played),
            verdict(played),
            stopped(&attacker),
            as_foretold(&honest),
            logged(played),
            clean(played),
            recovered(played, &times),
        ],
        times,
        attacker,
        honest,
        findings: played.hunt.findings.clone(),
        stories: played.hunt.stories.clone(),
        plans: plans(played),
        undo: Some(played.undo.clone()),
        verdict: Some(played.race.verdict.clone()),
        left_behind: played.eradicated.as_ref().map(|done| done.left.clone()),
    }
}

fn criterion(name: &str, met: Met, how: impl Into<String>) -> Criterion {
    Criterion {
        name: name.to_owned(),
        met,
        how: how.into(),
    }
}

fn either(met: bool) -> Met {
    if met { Met::Met } else { Met::NotMet }
}

fn times(played: &Played) -> Times {
    let strange = played
        .hunt
        .events
        .iter()
        .filter(|event| event.source_address() == Some(ADDRESS));
    let found = played
        .hunt
        .findings
        .iter()
        .filter(|finding| finding.source_address.as_deref() == Some(ADDRESS));
    Times {
        attack_began: strange.map(stockade_model::Event::time).min(),
        first_finding: found.map(|finding| finding.first).min(),
        detected: Some(played.hunt.at),
        approved: Some(played.approved),
        contained: played.race.contained,
        counted_from: played.race.counted_from,
        recovered: played.recovered.as_ref().and_then(|done| done.works_since),
    }
}

fn tally<'a>(deeds: impl Iterator<Item = &'a Deed>) -> Tally {
    let mut tally = Tally::default();
    for deed in deeds {
        match deed.ending {
            Ending::Done => tally.done += 1,
            Ending::Refused => tally.refused += 1,
            Ending::Failed => tally.failed += 1,
        }
    }
    tally
}

fn attacker(played: &Played) -> Attacker {
    let adversary = &played.cast.adversary;
    let deeds = adversary.actor.deeds();
    let (began, counted) = (played.race.began, played.race.counted_from);
    let within = |from: Timestamp, to: Timestamp| {
        deeds
            .iter()
            .filter(move |deed| deed.time >= from && deed.time < to)
    };
    let race = |deed: &&Deed| deed.ending == Ending::Done;
    Attacker {
        before: tally(within(Timestamp::MIN, began)),
        race: tally(within(began, counted)),
        after: tally(within(counted, Timestamp::MAX)),
        won_in_race: within(began, counted).filter(race).cloned().collect(),
        won_after: within(counted, Timestamp::MAX)
            .filter(race)
            .cloned()
            .collect(),
        credentials: adversary.held(),
        records_read: adversary.loot,
    }
}

fn lived(played: &Played, worker: &Worker) -> Honest {
    let began = played.race.began;
    let actor = &worker.actor;
    let keys: BTreeSet<&str> = actor.deeds().iter().map(|deed| deed.key.as_str()).collect();
    let foretold = played.case.plan.impact.iter().find(|hurt| {
        let same = hurt.source_address == actor.address()
            && hurt.user_agent == triage::program(actor.agent());
        same && hurt
            .access_key
            .as_deref()
            .is_none_or(|key| keys.contains(key))
    });
    let done = actor
        .deeds()
        .iter()
        .filter(|deed| deed.time >= began && deed.ending == Ending::Done);
    Honest {
        name: actor.name().to_owned(),
        identity: worker.identity.clone(),
        source_address: actor.address().to_owned(),
        done: done.count(),
        failed: worker.failures(began).count(),
        foretold: foretold.map(|hurt| hurt.effect.clone()),
    }
}

fn found(played: &Played) -> Criterion {
    let name = "The attack is found, with its story, from the delivered logs alone";
    let Some(story) = played.hunt.worst() else {
        return criterion(name, Met::NotMet, "no story of a user was told");
    };
    let tactics: BTreeSet<Tactic> = story
        .tactics
        .iter()
        .filter_map(|phase| phase.tactic)
        .collect();
    let whole = TACTICS.iter().all(|tactic| tactics.contains(tactic));
    let right = story.principal.ends_with(":user/deploy-bot");
    let shown: Vec<&str> = tactics.iter().map(|tactic| tactic.as_str()).collect();
    let met = right && whole && story.severity >= Severity::High;
    let how = format!(
        "story of {}, {}: {}",
        story.principal,
        story.severity,
        shown.join(", ")
    );
    criterion(name, either(met), how)
}

fn known(played: &Played) -> Criterion {
    let name = "The triage knows every key and session that the attacker held when it began";
    let Some(lineage) = played.case.facts.lineage.known() else {
        return criterion(name, Met::Unknown, "the lineage is unknown");
    };
    // Those of the race came later; they are the second pass's.
    let held = &played.cast.adversary.early;
    let missed: Vec<&str> = held
        .iter()
        .filter(|key| lineage.key(key).is_none())
        .map(|key| key.as_str())
        .collect();
    let how = match missed.as_slice() {
        [] => format!("{} keys and sessions, all in the lineage", held.len()),
        missed => format!("not in the lineage: {}", missed.join(", ")),
    };
    criterion(name, either(missed.is_empty() && !held.is_empty()), how)
}

fn undone(played: &Played) -> Criterion {
    let name = "The undo on a copy puts everything back, to the letter";
    let undo = &played.undo;
    let ran = undo.run == RunOutcome::Done.as_str() && undo.changed_by_plan > 0;
    let met = match (ran, undo.differences.is_empty()) {
        (_, false) => Met::NotMet,
        (true, true) => Met::Met,
        (false, true) => Met::Unknown,
    };
    let how = format!(
        "run {}, {} things changed, undo {}; {} of {} things differ afterwards (left out: {})",
        undo.run,
        undo.changed_by_plan,
        undo.undo,
        undo.differences.len(),
        undo.compared,
        undo.left_out
    );
    criterion(name, met, how)
}

fn verdict(played: &Played) -> Criterion {
    let name = "The verdict is contained, after a watch of 30 minutes";
    let verdict = &played.race.verdict;
    let met = match verdict.outcome {
        Proof::Contained if verdict.watched >= 30 * 60 => Met::Met,
        Proof::Contained | Proof::Unknown => Met::Unknown,
        Proof::NotContained => Met::NotMet,
    };
    let layers: Vec<String> = verdict
        .layers
        .iter()
        .map(|layer| format!("{}: {}", layer.name, layer.outcome))
        .collect();
    criterion(
        name,
        met,
        format!(
            "{}; watched for {} minutes",
            layers.join(", "),
            verdict.watched / 60
        ),
    )
}

fn stopped(attacker: &Attacker) -> Criterion {
    let name = "The attacker has no success after the containment, by any key or session";
    let after = attacker.after;
    // A call that fails for another reason than want of permission was let in.
    let met = match (after.calls(), after.done + after.failed) {
        (0, _) => Met::Unknown,
        (_, 0) => Met::Met,
        _ => Met::NotMet,
    };
    let how = format!(
        "{} calls tried afterwards with {} credentials: {} done, {} let in and failed, {} refused",
        after.calls(),
        attacker.credentials.len(),
        after.done,
        after.failed,
        after.refused
    );
    criterion(name, met, how)
}

fn as_foretold(honest: &[Honest]) -> Criterion {
    let name = "The honest callers that failed are those whom the plan foretold, and no others";
    let wrong: Vec<String> = honest
        .iter()
        .filter(|caller| (caller.failed > 0) != caller.foretold.is_some())
        .map(|caller| {
            let what = if caller.failed > 0 {
                "failed unforetold"
            } else {
                "was foretold and did not fail"
            };
            format!("{} {what}", caller.name)
        })
        .collect();
    let calls: usize = honest
        .iter()
        .map(|caller| caller.done + caller.failed)
        .sum();
    let hurt: Vec<String> = honest
        .iter()
        .filter(|caller| caller.failed > 0)
        .map(|caller| format!("{} ({} calls)", caller.name, caller.failed))
        .collect();
    let how = match wrong.as_slice() {
        [] => format!(
            "of {calls} honest calls these failed, as foretold: {}",
            hurt.join(", ")
        ),
        wrong => wrong.join("; "),
    };
    criterion(name, either(wrong.is_empty() && calls > 0), how)
}

fn logged(played: &Played) -> Criterion {
    let name = "The trail went on all the time, though the attacker tried to stop it";
    let mut tried = played
        .hunt
        .events
        .iter()
        .filter(|event| event.name() == "StopLogging")
        .peekable();
    let met = match tried.peek() {
        None => Met::Unknown,
        Some(_) => either(tried.clone().all(|event| event.error_code().is_some())),
    };
    let codes: Vec<&str> = tried
        .filter_map(stockade_model::Event::error_code)
        .collect();
    criterion(
        name,
        met,
        format!("StopLogging in the delivered logs: {}", codes.join(", ")),
    )
}

fn clean(played: &Played) -> Criterion {
    let name = "After the eradication nothing of the attacker's is left";
    match &played.eradicated {
        None => criterion(name, Met::Unknown, "it did not come to that: not contained"),
        Some(done) => {
            let run = done.run.outcome() == Some(RunOutcome::Done);
            let how = match done.left.as_slice() {
                [] => format!(
                    "{} steps run; both accounts compared with the state before the attack",
                    done.run.plan.steps.len()
                ),
                left => left.join("; "),
            };
            criterion(name, either(run && done.left.is_empty()), how)
        }
    }
}

fn recovered(played: &Played, times: &Times) -> Criterion {
    let name = "After the recovery the application works, without a long-term key";
    let Some(done) = &played.recovered else {
        return criterion(name, Met::Unknown, "it did not come to that: not contained");
    };
    let later = |worker: &Worker| {
        let since = times.recovered.unwrap_or(Timestamp::MAX);
        let deeds: Vec<&Deed> = worker
            .actor
            .deeds()
            .iter()
            .filter(|deed| deed.time >= since)
            .collect();
        let failed = deeds
            .iter()
            .filter(|deed| deed.ending != Ending::Done)
            .count();
        let long_term = deeds
            .iter()
            .filter(|deed| deed.key.starts_with("AKIA"))
            .count();
        (deeds.len(), failed, long_term)
    };
    let worker = played
        .cast
        .company
        .workers
        .iter()
        .find(|w| w.actor.name() == "orders application");
    let (calls, failed, long_term) = worker.map_or((0, 0, 0), later);
    let finished = done.run.outcome() == Some(RunOutcome::Done);
    let met = calls > 0 && failed == 0 && long_term == 0 && done.keys.is_empty() && finished;
    let how = format!(
        "{calls} calls by its role since, {failed} failed, {long_term} with a long-term key; the user has {} keys; the plan is {}",
        done.keys.len(),
        done.run.outcome().map_or("not run", RunOutcome::as_str),
    );
    criterion(name, either(met), how)
}
