//! A long-term key that always came from the same network comes from another.
//!
//! An application's key is used from where the application runs. A person's key roams; one that
//! was seen in many networks is nobody's surprise any more.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use stockade_model::{Event, Severity, Tactic};

use super::{About, Detector, Seen, by_caller, length};
use crate::rule::Meta;
use crate::timeline::Timeline;

/// A key is steady after so many calls …
const CALLS: usize = 20;
/// … over so many seconds …
const SECONDS: i64 = 3_600;
/// … from no more networks than this.
const NETWORKS: usize = 2;
/// So many of the calls from the new network are kept as proof.
const PROOF: usize = 200;

pub(super) const DETECTOR: Detector = Detector { meta, detect };

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

fn detect(timeline: &Timeline<'_>) -> Vec<Seen> {
    let mut found = Vec::new();
    let wanted = |event: &Event| {
        event
            .access_key()
            .is_some_and(|key| key.starts_with("AKIA"))
            && network(event).is_some()
    };
    for places in by_caller(timeline, wanted).into_values() {
        found.extend(of_key(timeline, &places));
    }
    found
}

fn of_key(timeline: &Timeline<'_>, places: &[usize]) -> Option<Seen> {
    let mut usual: BTreeSet<IpNet> = BTreeSet::new();
    let mut before = 0;
    let start = timeline.at(*places.first()?)?.time();
    for place in places {
        let event = timeline.at(*place)?;
        let network = network(event)?;
        if usual.contains(&network) {
            before += 1;
            continue;
        }
        let steady_for = event.time().as_second() - start.as_second();
        let steady = before >= CALLS && steady_for >= SECONDS && usual.len() <= NETWORKS;
        if !steady {
            usual.insert(network);
            before += 1;
            if usual.len() > NETWORKS {
                return None;
            }
            continue;
        }
        let strange: Vec<usize> = places
            .iter()
            .copied()
            .filter(|other| {
                other >= place && timeline.at(*other).and_then(self::network) == Some(network)
            })
            .take(PROOF)
            .collect();
        let usual: Vec<String> = usual.iter().map(ToString::to_string).collect();
        return Some(Seen {
            places: strange,
            what: format!(
                "Long-term key used from a new network: {network}, after {before} calls in {} from {} alone",
                length(steady_for),
                usual.join(" and "),
            ),
        });
    }
    None
}

/// The network of the caller's address: /24, for IPv6 /48. None for the names of services.
fn network(event: &Event) -> Option<IpNet> {
    let address: IpAddr = event.source_address()?.parse().ok()?;
    let length = if address.is_ipv4() { 24 } else { 48 };
    Some(IpNet::new(address, length).ok()?.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;
    use serde_json::json;

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
        let seen = detect(&Timeline::new(&events));
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].places.len(), 5);
        assert_eq!(
            seen[0].what,
            "Long-term key used from a new network: 203.0.113.0/24, after 40 calls in 2 h from 198.51.100.0/24 alone"
        );
    }

    #[test]
    fn young_roaming_and_session_keys_are_not() {
        let quiet = |events: &[Event]| assert!(detect(&Timeline::new(events)).is_empty());
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
