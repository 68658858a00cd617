//! A long-term key that always came from the same network comes from another.
//!
//! An application's key is used from where the application runs. A person's key roams; one that
//! was seen in many networks is nobody's surprise any more.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;
use stockade_model::{Severity, Tactic};

use super::{About, Detector, by_note, length, number_of};
use crate::look::Look;
use crate::rule::Meta;
use crate::timeline::Row;
use crate::world::{Actor, Moved, Str, World};

/// A key is steady after so many calls …
const CALLS: usize = 20;
/// … over so many seconds …
const SECONDS: i64 = 3_600;
/// … from no more networks than this.
const NETWORKS: usize = 2;
/// So many of the first calls from a network are kept: enough to prove a new one, and to tell that there
/// were [`CALLS`] before another.
const KEPT: usize = CALLS;

pub(super) const DETECTOR: Detector = Detector {
    meta,
    call: |_, _| false,
    note: |_: &Look<'_>, _: &Actor| -> Option<Cow<'static, str>> { None },
    detect: by_note,
};

fn meta() -> Meta {
    About {
        id: "key-from-new-network",
        title: "Long-term key used from a new network",
        description: "An access key that had only ever been used from one or two networks was used from another. That is how a leaked key of an application shows.",
        severity: Severity::Medium,
        tactic: Tactic::InitialAccess,
        techniques: &["T1078.004"],
        guardduty: Some("InitialAccess:IAMUser/AnomalousBehavior"),
        falsepositives: &["The application moved, or got another way out", "A person who travels"],
        next: "Did the application move? If not: triage the key, then contain it by plan; the application needs a new key first",
        playbook: "compromised-user",
    }
    .meta()
}

/// From which networks each long-term key was used: counts, and the first calls from each.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    uses: HashMap<(Str, IpNet), Use>,
    /// By way, the key and network that it is of.
    ways: Vec<Option<Option<(Str, IpNet)>>>,
}

#[derive(Debug, Default)]
struct Use {
    calls: u64,
    last: i64,
    /// The first calls, in no order.
    rows: Vec<Row>,
    /// The latest of them, once there are enough.
    bound: Option<i64>,
}

impl Networks {
    /// Counts an event; answers whether it is to be kept.
    #[inline]
    pub(crate) fn wants(&mut self, world: &World, way: u32, time: i64) -> bool {
        let place = way as usize;
        if place >= self.ways.len() {
            self.ways.resize(place + 1, None);
        }
        let Some(known) = self.ways.get_mut(place) else {
            return false;
        };
        let Some(of) = *known.get_or_insert_with(|| key_and_network(world, way)) else {
            return false;
        };
        let used = self.uses.entry(of).or_insert_with(|| Use {
            last: i64::MIN,
            ..Use::default()
        });
        used.calls += 1;
        used.last = used.last.max(time);
        used.bound.is_none_or(|bound| time < bound)
    }

    /// Keeps an event that was wanted.
    pub(crate) fn keep(&mut self, way: u32, row: &Row) {
        let of = self.ways.get(way as usize).copied().flatten().flatten();
        if let Some(used) = of.and_then(|of| self.uses.get_mut(&of)) {
            used.rows.push(row.clone());
            used.trim();
        }
    }

    /// Takes another worker's in.
    pub(crate) fn merge(&mut self, other: Self, moved: &Moved) {
        for ((key, network), theirs) in other.uses {
            let own = self
                .uses
                .entry((moved.text(key), network))
                .or_insert_with(|| Use {
                    last: i64::MIN,
                    ..Use::default()
                });
            own.calls += theirs.calls;
            own.last = own.last.max(theirs.last);
            own.rows
                .extend(theirs.rows.into_iter().map(|row| row.moved(moved)));
            own.trim();
        }
    }

    /// The events that a finding may rest on, each with a note of what was usual.
    pub(crate) fn rows(self, world: &mut World) -> Vec<Row> {
        let Some(number) = number_of(meta) else {
            return Vec::new();
        };
        let mut by_key: BTreeMap<Str, Vec<(IpNet, Use)>> = BTreeMap::new();
        for ((key, network), used) in self.uses {
            by_key.entry(key).or_default().push((network, used));
        }
        let mut found = Vec::new();
        for uses in by_key.into_values() {
            if let Some((note, rows)) = strange(uses) {
                let note = world.strings.add(&note);
                found.extend(rows.into_iter().map(|row| Row {
                    notes: vec![(number, note)],
                    ..row
                }));
            }
        }
        found
    }
}

impl Use {
    fn trim(&mut self) {
        if self.rows.len() < KEPT {
            return;
        }
        self.rows.sort_by_key(|row| row.time);
        self.rows.truncate(KEPT);
        self.bound = self.rows.last().map(|row| row.time);
    }

    fn first(&self) -> i64 {
        self.rows
            .iter()
            .map(|row| row.time)
            .min()
            .unwrap_or(i64::MAX)
    }
}

/// The first network from which a steady key was not used before, and its first calls.
fn strange(mut uses: Vec<(IpNet, Use)>) -> Option<(String, Vec<Row>)> {
    uses.sort_by_key(|(network, used)| (used.first(), *network));
    let start = uses.first()?.1.first();
    let mut place = 0;
    while let Some((network, used)) = uses.get(place) {
        let usual = uses.get(..place).unwrap_or_default();
        let time = used.first();
        let before: u64 = usual.iter().map(|(_, used)| used.before(time)).sum();
        let steady_for = (time - start) / 1_000_000;
        if place > 0 && before >= CALLS as u64 && steady_for >= SECONDS {
            let exact = usual.iter().all(|(_, used)| used.last < time);
            let usual: Vec<String> = usual.iter().map(|(net, _)| net.to_string()).collect();
            let note = format!(
                "Long-term key used from a new network: {network}, after {}{before} calls in {} from {} alone",
                if exact { "" } else { "at least " },
                length(steady_for),
                usual.join(" and "),
            );
            let (_, used) = uses.swap_remove(place);
            return Some((note, used.rows));
        }
        place += 1;
        if place > NETWORKS {
            return None;
        }
    }
    None
}

impl Use {
    /// How many calls there were before a time: exact where all were, at least so many otherwise.
    fn before(&self, time: i64) -> u64 {
        if self.last < time {
            return self.calls;
        }
        self.rows.iter().filter(|row| row.time < time).count() as u64
    }
}

/// The key and network of a way; none where it is not a long-term key's, or not from an address.
fn key_and_network(world: &World, way: u32) -> Option<(Str, IpNet)> {
    let (way, actor) = world.caller(way)?;
    let long_term = !actor.service && world.strings.text(actor.key).starts_with("AKIA");
    let network = network(world.strings.text(way.address))?;
    long_term.then_some((actor.key, network))
}

/// The network of the caller's address: /24, for IPv6 /48. None for the names of services.
pub(super) fn network(address: &str) -> Option<IpNet> {
    let address: IpAddr = address.parse().ok()?;
    let length = if address.is_ipv4() { 24 } else { 48 };
    Some(IpNet::new(address, length).ok()?.trunc())
}

#[cfg(test)]
mod tests {
    use super::super::testing::sees;
    use super::*;
    use crate::testing::event;
    use serde_json::json;
    use stockade_model::Event;

    fn call(minute: i64, key: &str, address: &str) -> Event {
        let time: stockade_model::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let time = time + jiff::SignedDuration::from_secs(minute * 60);
        event(
            json!({"eventTime": time.to_string(), "sourceIPAddress": address,
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/a", "accessKeyId": key}}),
        )
    }

    fn steady(key: &str) -> Vec<Event> {
        (0..40)
            .map(|n| call(n * 3, key, &format!("198.51.100.{}", n % 7)))
            .collect()
    }

    #[test]
    fn a_steady_key_elsewhere_is_seen_once_with_what_was_usual() {
        let mut events = steady("AKIA1");
        events.extend((0..5).map(|n| call(130 + n, "AKIA1", "203.0.113.9")));
        events.extend((0..5).map(|n| call(140 + n, "AKIA1", "198.51.100.3")));
        let seen = sees(&DETECTOR, &events);
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].places.len(), 5);
        assert_eq!(
            seen[0].what,
            "Long-term key used from a new network: 203.0.113.0/24, after at least 20 calls in 2 h from 198.51.100.0/24 alone"
        );
    }

    #[test]
    fn young_roaming_and_session_keys_are_not() {
        let quiet = |events: &[Event]| assert!(sees(&DETECTOR, events).is_empty());
        let mut young: Vec<Event> = steady("AKIA1").into_iter().take(10).collect();
        young.push(call(40, "AKIA1", "203.0.113.9"));
        quiet(&young);
        let roams: Vec<Event> = (0..60)
            .map(|n| call(n * 3, "AKIA1", &format!("10.{}.0.1", n % 9)))
            .collect();
        quiet(&roams);
        let mut session = steady("ASIA1");
        session.push(call(130, "ASIA1", "203.0.113.9"));
        quiet(&session);
        let mut service = steady("AKIA1");
        service.push(call(130, "AKIA1", "cloudformation.amazonaws.com"));
        quiet(&service);
    }
}
