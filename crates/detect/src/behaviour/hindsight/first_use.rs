//! A caller with settled habits does what it never did: another call, from another network, with another
//! program, in another region.
//!
//! Habits are learned for [`LEARNING`] days, on [`DAYS`] of which the caller did something. What is known from
//! earlier hunts counts (`--baseline`).

use std::collections::{BTreeMap, BTreeSet};

use stockade_model::{Severity, Tactic};

use super::super::new_network::network;
use super::super::{About, length};
use super::{Hindsight, Past, Say};
use crate::baseline::{Baseline, Habits};
use crate::profile::{Moment, Profile, subject};
use crate::rule::Meta;
use crate::story::program;
use crate::world::{Str, World};

const LEARNING: i64 = 7;
const DAYS: u64 = 4;
/// New calls of one day that are worth a line …
const CALLS: usize = 3;
/// … and, from a strange place or with a strange program, worth a look.
const STRANGE_CALLS: usize = 2;
/// So many events prove it.
const PROOF: usize = 8;
const DAY: i64 = 86_400_000_000;

pub(in crate::behaviour) const FIRST_USE: Hindsight = Hindsight {
    meta: first_meta,
    look: |past| look(past, false),
};

pub(in crate::behaviour) const STRANGE_USE: Hindsight = Hindsight {
    meta: strange_meta,
    look: |past| look(past, true),
};

fn first_meta() -> Meta {
    About {
        id: "first-use",
        title: "A caller did what it never did before",
        description: "After a week or more of settled habits a caller made several calls that it had never made, or worked in a region for the first time. That is a change of the program, or of the hands that hold the key.",
        severity: Severity::Informational,
        tactic: Tactic::InitialAccess,
        techniques: &["T1078.004", "T1535"],
        guardduty: Some("Discovery:IAMUser/AnomalousBehavior"),
        falsepositives: &["A new version of the program", "An engineer with a new task"],
        next: "Hold it against what else the caller did that day, and ask its owner",
        playbook: "compromised-user",
    }
    .meta()
}

fn strange_meta() -> Meta {
    About {
        id: "strange-use",
        title: "A caller did what it never did before, from where or with what it never came before",
        description: "After a week or more of settled habits a caller made calls that it had never made, and on the same day from a network, or with a program and in a region, that it had never used. One of these is a change; several at once are somebody else.",
        severity: Severity::Medium,
        tactic: Tactic::InitialAccess,
        techniques: &["T1078.004", "T1535"],
        guardduty: Some("InitialAccess:IAMUser/AnomalousBehavior"),
        falsepositives: &["An engineer who travels, with a new task and a new machine", "A move of the program to another place, with its next version"],
        next: "Ask the owner, by another way than the account's own. Not theirs: triage the key and contain it",
        playbook: "compromised-user",
    }
    .meta()
}

/// A kind of value that a caller has habits of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Call,
    Network,
    Program,
    Region,
}

/// When each value of a caller's was first seen.
type Firsts<'a> = BTreeMap<(Str, Of, String), &'a Moment>;

fn firsts<'a>(world: &World, profile: &'a Profile) -> Firsts<'a> {
    let mut firsts: Firsts<'a> = BTreeMap::new();
    let mut note = |subject: Str, of: Of, value: String, moment: &'a Moment| {
        if value.is_empty() {
            return;
        }
        let known = firsts.entry((subject, of, value)).or_insert(moment);
        if moment.time < known.time {
            *known = moment;
        }
    };
    for (number, gone) in (0u32..).zip(&profile.ways) {
        let (Some((way, actor)), Some(first)) = (world.caller(number), &gone.first) else {
            continue;
        };
        if actor.service || actor.kind == 0 {
            continue;
        }
        let of = subject(actor);
        let text = |number| world.strings.text(number);
        if let Some(network) = network(text(way.address)) {
            note(of, Of::Network, network.to_string(), first);
        }
        note(of, Of::Program, program(text(way.agent)).to_owned(), first);
        note(of, Of::Region, text(way.region).to_owned(), first);
    }
    for (subject, _, moment) in profile.calls() {
        let service = world.strings.text(moment.source);
        let service = service.split('.').next().unwrap_or_default();
        let name = format!("{service}:{}", world.strings.text(moment.name));
        note(subject, Of::Call, name, moment);
    }
    firsts
}

/// What is usual by now, for the next hunt.
pub(crate) fn habits(world: &World, profile: &Profile) -> Baseline {
    let mut baseline = Baseline::default();
    for ((subject, of, value), _) in firsts(world, profile) {
        let Some(days) = profile.days(subject) else {
            continue;
        };
        let name = world.strings.text(subject).to_owned();
        let habits = baseline.callers.entry(name).or_insert_with(|| Habits {
            since: days.first().copied().unwrap_or_default(),
            last: days.last().copied().unwrap_or_default(),
            days: days.len() as u64,
            ..Habits::default()
        });
        match of {
            Of::Call => &mut habits.calls,
            Of::Network => &mut habits.networks,
            Of::Program => &mut habits.programs,
            Of::Region => &mut habits.regions,
        }
        .insert(value);
    }
    baseline
}

/// What was new on a day.
#[derive(Default)]
struct News<'a> {
    values: BTreeMap<Of, Vec<(&'a Moment, String)>>,
}

fn look(past: &Past<'_>, strange: bool) -> Vec<Say> {
    let mut news: BTreeMap<(Str, i64), News<'_>> = BTreeMap::new();
    let firsts = firsts(past.world, past.profile);
    for ((subject, of, value), moment) in &firsts {
        let day = moment.time.div_euclid(DAY);
        let known = past.baseline.callers.get(past.text(*subject));
        if known.is_some_and(|known| has(known, *of, value)) || !is_settled(past, *subject, day) {
            continue;
        }
        let new = news.entry((*subject, day)).or_default();
        new.values
            .entry(*of)
            .or_default()
            .push((moment, value.clone()));
    }
    news.into_iter()
        .filter_map(|((subject, day), new)| say(past, subject, day, &new, strange))
        .collect()
}

fn has(known: &Habits, of: Of, value: &str) -> bool {
    match of {
        Of::Call => known.calls.contains(value),
        Of::Network => known.networks.contains(value),
        Of::Program => known.programs.contains(value),
        Of::Region => known.regions.contains(value),
    }
}

/// Since when, and on how many days before this one, a caller is known.
fn known_for(past: &Past<'_>, subject: Str, day: i64) -> (i64, u64) {
    let days = past.profile.days(subject);
    let known = past.baseline.callers.get(past.text(subject));
    let first = days.and_then(|days| days.first().copied()).unwrap_or(day);
    let here = days.map_or(0, |days| days.range(..day).count() as u64);
    match known {
        Some(known) => (known.since.min(first), known.days + here),
        None => (first, here),
    }
}

fn is_settled(past: &Past<'_>, subject: Str, day: i64) -> bool {
    let (since, days) = known_for(past, subject, day);
    day - since >= LEARNING && days >= DAYS
}

fn say(past: &Past<'_>, subject: Str, day: i64, new: &News<'_>, strange: bool) -> Option<Say> {
    let of = |of: Of| new.values.get(&of).map_or(&[][..], Vec::as_slice);
    let (calls, networks) = (of(Of::Call), of(Of::Network));
    let (programs, regions) = (of(Of::Program), of(Of::Region));
    let writes = calls.iter().any(|(_, name)| is_write(name));
    let from_elsewhere = !networks.is_empty() || (!programs.is_empty() && !regions.is_empty());
    let is_strange = calls.len() >= STRANGE_CALLS && from_elsewhere && !programs.is_empty();
    let is_new = writes && (calls.len() >= CALLS || !regions.is_empty());
    let said = if strange {
        is_strange
    } else {
        is_new && !is_strange
    };
    if !said {
        return None;
    }
    let named = |list: &[(&Moment, String)], most: usize| {
        let mut names: Vec<&str> = list.iter().map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        let more = names.len().saturating_sub(most);
        names.truncate(most);
        match more {
            0 => names.join(", "),
            more => format!("{} and {more} more", names.join(", ")),
        }
    };
    let mut parts = vec![format!("{} calls ({})", calls.len(), named(calls, 4))];
    for (what, list) in [("from", networks), ("with", programs), ("in", regions)] {
        if !list.is_empty() {
            parts.push(format!("{what} {}", named(list, 2)));
        }
    }
    let (since, days) = known_for(past, subject, day);
    let what = format!(
        "Never done before by {}: {}; usual on {days} days of {} was {}",
        past.text(subject).rsplit(':').next().unwrap_or_default(),
        parts.join(", "),
        length((day - since) * 86_400),
        usual(past, subject, day),
    );
    let mut moments: Vec<Moment> = [networks, programs, regions, calls]
        .into_iter()
        .flat_map(|list| list.iter().map(|(moment, _)| **moment).take(PROOF / 2))
        .collect();
    moments.sort_by_key(|moment| (moment.time, moment.index));
    moments.dedup();
    moments.truncate(PROOF);
    Some(Say {
        what,
        moments,
        of: None,
    })
}

/// From which networks and with which programs it came before.
fn usual(past: &Past<'_>, subject: Str, day: i64) -> String {
    let known = past.baseline.callers.get(past.text(subject));
    let mut networks: BTreeSet<String> = known.map(|k| k.networks.clone()).unwrap_or_default();
    let mut programs: BTreeSet<String> = known.map(|k| k.programs.clone()).unwrap_or_default();
    for (number, gone) in (0u32..).zip(&past.profile.ways) {
        let (Some((way, actor)), Some(first)) = (past.world.caller(number), &gone.first) else {
            continue;
        };
        if crate::profile::subject(actor) == subject && first.time.div_euclid(DAY) < day {
            networks.extend(network(past.text(way.address)).map(|network| network.to_string()));
            programs.insert(program(past.text(way.agent)).to_owned());
        }
    }
    let some = |all: &BTreeSet<String>| -> String {
        let first: Vec<&str> = all
            .iter()
            .filter(|one| !one.is_empty())
            .take(2)
            .map(String::as_str)
            .collect();
        match all.len().saturating_sub(first.len()) {
            0 => first.join(" and "),
            more => format!("{} and {more} more", first.join(", ")),
        }
    };
    match networks.is_empty() {
        true => some(&programs),
        false => format!("{} from {}", some(&programs), some(&networks)),
    }
}

fn is_write(name: &str) -> bool {
    let name = name.split_once(':').map_or(name, |(_, name)| name);
    ![
        "Get", "List", "Describe", "Head", "Lookup", "Search", "Query", "Scan", "Batch",
    ]
    .iter()
    .any(|verb| name.starts_with(verb))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{hindsight, hindsight_after};
    use super::*;
    use crate::testing::event;
    use serde_json::json;
    use stockade_model::Event;

    fn call(day: i64, name: &str, address: &str, agent: &str, region: &str) -> Event {
        let time: stockade_model::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let time = time + jiff::SignedDuration::from_secs(day * 86_400 + 3_600);
        event(
            json!({"eventTime": time.to_string(), "eventName": name, "eventSource": "iam.amazonaws.com",
            "awsRegion": region, "sourceIPAddress": address, "userAgent": agent, "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/deploy", "accessKeyId": "AKIA1",
                "accountId": "111122223333", "userName": "deploy"}}),
        )
    }

    fn settled(days: i64) -> Vec<Event> {
        (0..days)
            .map(|day| call(day, "GetRole", "198.51.100.7", "Terraform/1.9", "us-east-1"))
            .collect()
    }

    fn stranger(day: i64) -> Vec<Event> {
        ["CreateUser", "CreateAccessKey", "AttachUserPolicy"]
            .iter()
            .map(|name| {
                call(
                    day,
                    name,
                    "203.0.113.9",
                    "python-requests/2.31",
                    "us-east-1",
                )
            })
            .collect()
    }

    #[test]
    fn several_news_at_once_are_somebody_else() {
        let mut events = settled(10);
        events.extend(stranger(10));
        let seen = hindsight(&STRANGE_USE, &events);
        assert_eq!(
            seen,
            [
                "Never done before by user/deploy: 3 calls (iam:AttachUserPolicy, iam:CreateAccessKey, iam:CreateUser), from 203.0.113.0/24, with python-requests; usual on 10 days of 10 days was Terraform from 198.51.100.0/24"
            ]
        );
        assert!(hindsight(&FIRST_USE, &events).is_empty(), "said once");
    }

    #[test]
    fn a_young_caller_and_one_new_thing_are_no_news() {
        let mut young = settled(5);
        young.extend(stranger(5));
        assert!(hindsight(&STRANGE_USE, &young).is_empty());
        let mut one = settled(10);
        one.push(call(
            10,
            "ListRoles",
            "198.51.100.9",
            "Terraform/1.10",
            "us-east-1",
        ));
        assert!(hindsight(&STRANGE_USE, &one).is_empty() && hindsight(&FIRST_USE, &one).is_empty());
        let mut region = settled(10);
        region.push(call(
            10,
            "CreateRole",
            "198.51.100.9",
            "Terraform/1.10",
            "ap-east-1",
        ));
        assert_eq!(hindsight(&FIRST_USE, &region).len(), 1);
    }

    #[test]
    fn a_baseline_takes_the_place_of_learning_and_knows_what_was_done() {
        let baseline = hindsight_after(&STRANGE_USE, &settled(10), &Baseline::default()).1;
        let (seen, _) = hindsight_after(&STRANGE_USE, &stranger(12), &baseline);
        assert_eq!(seen.len(), 1, "{seen:?}");
        let mut all = settled(10);
        all.extend(stranger(10));
        let knows = hindsight_after(&STRANGE_USE, &all, &Baseline::default()).1;
        assert!(
            hindsight_after(&STRANGE_USE, &stranger(12), &knows)
                .0
                .is_empty()
        );
    }
}
