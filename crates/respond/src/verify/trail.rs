//! Layer three: has anybody of the lineage had a success since, as far as the trail reaches?

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use stockade_model::{AccountId, Event, Region};

use super::{Layer, VerifyOptions, doors};
use crate::aws::Reach;
use crate::events::{self, Coverage, Wanted};
use crate::lineage::Lineage;
use crate::triage::{UserFacts, program};

/// More lines of evidence say no more.
const MOST: usize = 20;

/// The lineage as the events show it now, and the layer.
pub(super) async fn layer(
    reach: &Reach,
    facts: &UserFacts,
    from: Timestamp,
    now: Timestamp,
    options: &VerifyOptions<'_>,
) -> (Lineage, Layer) {
    let mut layer = Layer::new("trail");
    let known = facts.lineage.known().cloned().unwrap_or_default();
    let mut accounts: BTreeSet<AccountId> = BTreeSet::from([facts.account.clone()]);
    accounts.extend(known.accounts().iter().filter_map(|id| id.parse().ok()));
    let mut regions: BTreeSet<Region> = BTreeSet::from([Region::us_east_1()]);
    regions.extend(options.lookup.iter().flatten().cloned());
    let mut gathered: Vec<Event> = options.events.to_vec();
    let mut coverage: Vec<Coverage> = Vec::new();
    if options.lookup.is_some() {
        // From before the triage, so that what was issued meanwhile is in the lineage.
        let since = facts.at.checked_sub(SignedDuration::from_hours(1));
        let since = since.unwrap_or(facts.at).min(from);
        let found = events::gather(reach, &accounts, &regions, &Wanted::All, since, now).await;
        gathered.extend(found.0);
        coverage = found.1;
    }
    let gathered = events::merge(gathered);
    let lineage = grown(facts, &known, &gathered);
    if facts.lineage.known().is_none() {
        layer.missing.push(
            "the triage had no events, so sessions made from the keys are not known: triage again with log files or LookupEvents".to_owned(),
        );
    }
    reach_of(&mut layer, &accounts, &coverage, &gathered, from);
    let settled = now.checked_sub(options.trail_delay).unwrap_or(now);
    if settled < from {
        let then = from.checked_add(options.trail_delay).unwrap_or(from);
        layer.missing.push(format!(
            "events may still be on their way: verify again after {then:.0}"
        ));
    }
    judge(&mut layer, facts, &lineage, &gathered, (from, settled));
    doors::opened(&mut layer, reach, facts, &lineage, &gathered).await;
    (lineage, layer.judged())
}

/// The lineage with what it issued since the triage.
fn grown(facts: &UserFacts, known: &Lineage, events: &[Event]) -> Lineage {
    let mut keys: Vec<String> = known.keys.iter().map(|key| key.id.clone()).collect();
    let own = facts.keys.known().into_iter().flatten();
    keys.extend(own.map(|key| key.id.clone()));
    let mut lineage = Lineage::trace(&facts.arn.to_string(), &keys, events);
    // What the triage knew better than these events tell.
    for key in &known.keys {
        match lineage.keys.iter_mut().find(|new| new.id == key.id) {
            Some(new) => *new = key.clone(),
            None => lineage.keys.push(key.clone()),
        }
    }
    for role in &known.roles {
        match lineage.roles.iter_mut().find(|new| new.arn == role.arn) {
            Some(new) => new.made |= role.made,
            None => lineage.roles.push(role.clone()),
        }
    }
    for user in &known.users {
        if !lineage.users.contains(user) {
            lineage.users.push(user.clone());
        }
    }
    lineage
}

/// How far the trail reaches. A log that ends before the containment proves nothing.
fn reach_of(
    layer: &mut Layer,
    accounts: &BTreeSet<AccountId>,
    coverage: &[Coverage],
    events: &[Event],
    from: Timestamp,
) {
    for place in coverage {
        if let Some(why) = &place.failed {
            layer.missing.push(format!(
                "events of account {} in {} could not be read: {why}",
                place.account, place.region
            ));
        }
    }
    for account in accounts {
        let newest = events
            .iter()
            .filter(|event| event.account() == Some(account.as_str()))
            .map(Event::time)
            .max();
        match newest {
            Some(newest) if newest > from => layer.remarks.push(format!(
                "the newest event of account {account} is of {newest}"
            )),
            Some(newest) => layer.missing.push(format!(
                "the newest event of account {account} is of {newest}, before the containment counted ({from:.0}): verify again when newer ones have come"
            )),
            None => layer.missing.push(format!(
                "no event of account {account} was read: give newer log files, or let LookupEvents be asked"
            )),
        }
    }
    let asked: BTreeSet<String> = coverage.iter().map(|c| c.region.to_string()).collect();
    if !asked.is_empty() {
        let asked: Vec<String> = asked.into_iter().collect();
        layer
            .remarks
            .push(format!("regions asked: {}", asked.join(", ")));
    }
}

fn judge(
    layer: &mut Layer,
    facts: &UserFacts,
    lineage: &Lineage,
    events: &[Event],
    (from, settled): (Timestamp, Timestamp),
) {
    let since = lineage.events(events);
    let since: Vec<&Event> = since.into_iter().filter(|e| e.time() > from).collect();
    let (failed, succeeded): (Vec<&Event>, Vec<&Event>) = since
        .into_iter()
        .partition(|event| event.error_code().is_some());
    // No policy can deny it, so it shows that a session lives, and not that it can do anything.
    let (idle, real): (Vec<&Event>, Vec<&Event>) = succeeded
        .into_iter()
        .partition(|event| event.name() == "GetCallerIdentity");
    for event in real.iter().take(MOST) {
        layer.evidence.push(format!(
            "{} {}:{} by {} ({}) from {} succeeded",
            event.time(),
            event.service(),
            event.name(),
            event.principal(),
            event.access_key().unwrap_or("no key"),
            event.source_address().unwrap_or("nowhere"),
        ));
    }
    if real.len() > MOST {
        let more = real.len() - MOST;
        layer.evidence.push(format!("and {more} more"));
    }
    if real.is_empty() && from < settled {
        layer.proved.push(format!(
            "no success by {} keys and sessions between {from:.0} and {settled:.0}",
            lineage.keys.len()
        ));
    }
    if !idle.is_empty() {
        layer.remarks.push(format!(
            "GetCallerIdentity succeeded {} times: no policy can deny it, and it gives nothing",
            idle.len()
        ));
    }
    let mut refused: BTreeMap<(String, String), usize> = BTreeMap::new();
    for event in &failed {
        let address = event.source_address().unwrap_or_default().to_owned();
        let agent = program(event.user_agent().unwrap_or_default());
        *refused.entry((address, agent)).or_default() += 1;
    }
    for ((address, agent), count) in refused {
        let from_before = facts.callers.iter().any(|caller| {
            caller.suspect.is_none()
                && (&caller.source_address, &caller.user_agent) == (&address, &agent)
        });
        let who = match (from_before, facts.attacker_is_known()) {
            (true, true) => "an honest caller, as foretold",
            (true, false) => "somebody still tries: the attacker, or an honest caller",
            (false, _) => "somebody still tries",
        };
        layer.remarks.push(format!(
            "{count} calls failed from {address} ({agent}): {who}"
        ));
    }
}
