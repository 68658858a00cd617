//! One address speaks for many: long-term keys of several users, which used to come from elsewhere, within an
//! hour from the same address.
//!
//! An office has one address for all. What tells it apart: its users' keys always came from it.

use std::collections::BTreeMap;

use stockade_model::{Severity, Tactic};

use super::super::new_network::network;
use super::super::{About, length};
use super::{Hindsight, Past, Say};
use crate::profile::Moment;
use crate::rule::Meta;
use crate::world::Str;

/// So many users' keys …
const USERS: usize = 3;
/// … within so many microseconds.
const WITHIN: i64 = 3_600_000_000;

pub(in crate::behaviour) const ADDRESS: Hindsight = Hindsight { meta, look };

fn meta() -> Meta {
    About {
        id: "one-address-many-keys",
        title: "Keys of several users used from one address that none of them came from before",
        description: "Long-term keys of several users, each known from other networks, were used from the same new address within an hour. Somebody has a pile of keys and tries them.",
        severity: Severity::High,
        tactic: Tactic::InitialAccess,
        techniques: &["T1078.004"],
        guardduty: Some("UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom"),
        falsepositives: &["An office, a VPN or a build farm that got a new address: all of its keys move at once"],
        next: "Did your own way out change at that hour? If not: triage every one of the keys, and look for where they lay together",
        playbook: "compromised-user",
    }
    .meta()
}

fn look(past: &Past<'_>) -> Vec<Say> {
    // By address and user, the first call with a long-term key; by user, the networks with their first calls.
    let mut here: BTreeMap<Str, BTreeMap<Str, &Moment>> = BTreeMap::new();
    let mut networks: BTreeMap<Str, Vec<(ipnet::IpNet, i64)>> = BTreeMap::new();
    for (number, gone) in (0u32..).zip(&past.profile.ways) {
        let (Some((way, actor)), Some(first)) = (past.world.caller(number), &gone.first) else {
            continue;
        };
        let long_term = past.text(actor.key).starts_with("AKIA");
        let Some(network) = network(past.text(way.address)) else {
            continue;
        };
        if actor.service || !long_term {
            continue;
        }
        let known = here
            .entry(way.address)
            .or_default()
            .entry(actor.principal)
            .or_insert(first);
        if first.time < known.time {
            *known = first;
        }
        networks
            .entry(actor.principal)
            .or_default()
            .push((network, first.time));
    }
    let mut found = Vec::new();
    for (address, users) in here {
        let Some(own) = network(past.text(address)) else {
            continue;
        };
        let mut moved: Vec<&Moment> = users
            .iter()
            .filter(|(user, first)| {
                let before = networks.get(user).map_or(&[][..], Vec::as_slice);
                let came = |wanted: &dyn Fn(&ipnet::IpNet) -> bool| {
                    before
                        .iter()
                        .any(|(network, time)| wanted(network) && *time < first.time)
                };
                came(&|network| *network != own) && !came(&|network| *network == own)
            })
            .map(|(_, first)| *first)
            .collect();
        moved.sort_by_key(|moment| moment.time);
        let burst = moved
            .windows(USERS)
            .any(|window| match (window.first(), window.last()) {
                (Some(a), Some(b)) => b.time - a.time <= WITHIN,
                _ => false,
            });
        // Where everybody moved to, an office moved.
        let all = users.len() == networks.len() && users.len() > USERS;
        let (Some(first), Some(last)) = (moved.first(), moved.last()) else {
            continue;
        };
        if burst && !all {
            found.push(Say {
                what: format!(
                    "Keys of {} users used from {} within {}; each came from other networks before",
                    moved.len(),
                    past.text(address),
                    length((last.time - first.time) / 1_000_000)
                ),
                moments: moved.iter().take(12).map(|moment| **moment).collect(),
                of: Some((
                    past.text(address).to_owned(),
                    past.world
                        .caller(first.way)
                        .map_or(0, |(way, _)| way.account),
                    0,
                )),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::hindsight;
    use super::*;
    use crate::testing::event;
    use serde_json::json;
    use stockade_model::Event;

    fn call(minute: i64, user: usize, address: &str) -> Event {
        let time: stockade_model::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let time = time + jiff::SignedDuration::from_secs(minute * 60);
        event(
            json!({"eventTime": time.to_string(), "sourceIPAddress": address, "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::111122223333:user/u{user}"),
                "accessKeyId": format!("AKIA{user}"), "userName": format!("u{user}")}}),
        )
    }

    #[test]
    fn a_pile_of_keys_at_one_address_is_seen_and_an_office_is_not() {
        let mut events: Vec<Event> = (0..8)
            .map(|user| call(user as i64, user, &format!("198.51.{user}.7")))
            .collect();
        events.extend((0..4).map(|user| call(500 + user as i64, user, "203.0.113.9")));
        assert_eq!(
            hindsight(&ADDRESS, &events),
            [
                "Keys of 4 users used from 203.0.113.9 within 3 min; each came from other networks before"
            ]
        );
        let office: Vec<Event> = (0..8)
            .map(|user| call(user as i64, user, "198.51.100.7"))
            .collect();
        assert!(hindsight(&ADDRESS, &office).is_empty());
        let mut few: Vec<Event> = (0..8)
            .map(|user| call(user as i64, user, &format!("198.51.{user}.7")))
            .collect();
        few.extend((0..2).map(|user| call(500 + user as i64, user, "203.0.113.9")));
        assert!(hindsight(&ADDRESS, &few).is_empty());
        let mut slow: Vec<Event> = (0..8)
            .map(|user| call(user as i64, user, &format!("198.51.{user}.7")))
            .collect();
        slow.extend((0..4).map(|user| call(500 + user as i64 * 300, user, "203.0.113.9")));
        assert!(hindsight(&ADDRESS, &slow).is_empty());
    }
}
