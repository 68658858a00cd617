//! Somebody asks what there is: many kinds of list and describe call in a short time.
//!
//! What tells it from Terraform and its like: those ask after things that they know, by name. Who
//! enumerates asks for everything, so only reads without any parameter that narrows them count.
//! What tells it from a scanner that belongs there: that comes back day after day.

use std::collections::BTreeSet;

use serde_json::Value;
use stockade_model::{Event, Severity, Tactic};

use super::{About, Detector, Seen, bursts, by_caller, is_console, length};
use crate::rule::Meta;
use crate::timeline::Timeline;

/// Within so many seconds …
const SECONDS: i64 = 600;
/// … so many different calls …
const CALLS: usize = 6;
/// … of so many services.
const SERVICES: usize = 2;
/// A caller that does it on so many days is a scanner that belongs there.
const STEADY_DAYS: usize = 3;

pub(super) const DETECTOR: Detector = Detector { meta, detect };

fn meta() -> Meta {
    About {
        id: "enumeration-burst",
        title: "Burst of enumeration: many kinds of unfiltered list calls within minutes",
        description: "One caller asked many services for everything they have within minutes. Whoever holds a stolen credential does this first. Calls of the console, calls that name what they ask after, and callers that do it day after day are left out.",
        severity: Severity::Medium,
        tactic: Tactic::Discovery,
        techniques: &["T1580", "T1526", "T1087.004"],
        guardduty: Some("Discovery:IAMUser/AnomalousBehavior"),
        falsepositives: &["An inventory, audit or backup tool on its first days", "An engineer who writes such a tool"],
        next: "Whose key is it, and is the address known? Ask the owner; unowned: triage the key and see what it did after",
        playbook: "compromised-user",
    }
    .meta()
}

fn detect(timeline: &Timeline<'_>) -> Vec<Seen> {
    let mut found = Vec::new();
    for places in by_caller(timeline, counts).into_values() {
        let events: Vec<&Event> = places.iter().filter_map(|p| timeline.at(*p)).collect();
        let times: Vec<i64> = events
            .iter()
            .map(|event| event.time().as_second())
            .collect();
        let kinds = |range: std::ops::RangeInclusive<usize>| -> (usize, usize) {
            let window = events.get(range).unwrap_or_default();
            let calls: BTreeSet<(&str, &str)> = window
                .iter()
                .map(|event| (event.source(), event.name()))
                .collect();
            let services: BTreeSet<&str> = calls.iter().map(|(source, _)| *source).collect();
            (calls.len(), services.len())
        };
        let stretches = bursts(&times, SECONDS, |range| {
            let (calls, services) = kinds(range);
            calls >= CALLS && services >= SERVICES
        });
        let day = |place: usize| times.get(place).map(|time| time.div_euclid(86_400));
        let days: BTreeSet<Option<i64>> = stretches.iter().map(|(first, _)| day(*first)).collect();
        if days.len() >= STEADY_DAYS {
            continue;
        }
        for (first, last) in stretches {
            let (calls, services) = kinds(first..=last);
            let took = times.get(last).unwrap_or(&0) - times.get(first).unwrap_or(&0);
            found.push(Seen {
                places: places.get(first..=last).unwrap_or_default().to_vec(),
                what: format!(
                    "Burst of enumeration: {calls} kinds of unfiltered list calls in {services} services within {}",
                    length(took)
                ),
            });
        }
    }
    found
}

/// A read that asks for everything. What an SDK or Terraform asks of itself does not count.
fn counts(event: &Event) -> bool {
    let reads = event
        .record()
        .get("readOnly")
        .is_none_or(|value| value == true || value == "true");
    let name = event.name();
    let asks = ["List", "Describe", "Get", "Search", "Lookup"]
        .iter()
        .any(|verb| name.starts_with(verb));
    let own = matches!(
        name,
        "GetCallerIdentity"
            | "GetUser"
            | "GetSessionToken"
            | "GetFederationToken"
            | "DescribeAccountAttributes"
            | "DescribeAvailabilityZones"
            | "DescribeRegions"
            | "GetRegionOptStatus"
    );
    reads
        && asks
        && !own
        && !is_console(event)
        && event
            .record()
            .get("requestParameters")
            .is_none_or(narrows_nothing)
}

/// Nothing but paging, empty filters, and the host that S3 notes.
fn narrows_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(narrows_nothing),
        Value::Object(map) => map.iter().all(|(name, value)| {
            let name = name.to_ascii_lowercase();
            let paging = [
                "maxresults",
                "maxitems",
                "maxrecords",
                "maxkeys",
                "limit",
                "pagesize",
                "nexttoken",
                "marker",
                "paginationtoken",
                "pagetoken",
                "host",
                "includeshadowtrails",
                "includeallinstances",
                "allregions",
                "verbose",
                "scope",
            ];
            paging.contains(&name.as_str()) || narrows_nothing(value)
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;
    use serde_json::json;

    fn list(second: i64, source: &str, name: &str, parameters: Value) -> Event {
        let time: stockade_model::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let time = time + jiff::SignedDuration::from_secs(second);
        event(
            json!({"eventTime": time.to_string(), "eventSource": source, "eventName": name,
            "readOnly": true, "requestParameters": parameters,
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/a", "accessKeyId": "AKIA1"}}),
        )
    }

    fn burst(start: i64, parameters: &Value) -> Vec<Event> {
        [
            ("iam", "ListUsers"),
            ("iam", "ListRoles"),
            ("iam", "GetAccountAuthorizationDetails"),
            ("s3", "ListBuckets"),
            ("ec2", "DescribeInstances"),
            ("lambda", "ListFunctions20150331"),
        ]
        .iter()
        .enumerate()
        .map(|(n, (source, name))| {
            list(
                start + n as i64 * 5,
                &format!("{source}.amazonaws.com"),
                name,
                parameters.clone(),
            )
        })
        .collect()
    }

    #[test]
    fn asking_for_everything_is_seen_and_said() {
        for parameters in [
            json!(null),
            json!({"maxResults": 50, "filterSet": {}, "instancesSet": {"items": []}}),
            json!({"Host": "s3.amazonaws.com"}),
        ] {
            let events = burst(0, &parameters);
            let seen = detect(&Timeline::new(&events));
            assert_eq!(seen.len(), 1, "{parameters}");
            assert_eq!(
                seen[0].what,
                "Burst of enumeration: 6 kinds of unfiltered list calls in 4 services within 25 s"
            );
            assert_eq!(seen[0].places.len(), 6);
        }
    }

    #[test]
    fn what_an_honest_caller_does_is_not() {
        let quiet = |events: Vec<Event>| assert!(detect(&Timeline::new(&events)).is_empty());
        // Terraform refreshes what it knows, by name.
        quiet(burst(0, &json!({"userName": "anna"})));
        // Too few kinds, however often.
        quiet(
            (0..50)
                .flat_map(|n| burst(n, &json!(null)).into_iter().take(5))
                .collect(),
        );
        // Slowly.
        quiet(
            burst(0, &json!(null))
                .into_iter()
                .enumerate()
                .map(|(n, event)| list(n as i64 * 400, event.source(), event.name(), json!(null)))
                .collect(),
        );
        // Day after day.
        quiet(
            (0..3)
                .flat_map(|day| burst(day * 86_400, &json!(null)))
                .collect(),
        );
        // The console, and a service for its user.
        for (field, value) in [
            ("sessionCredentialFromConsole", json!("true")),
            (
                "userIdentity",
                json!({"type": "AssumedRole", "invokedBy": "config.amazonaws.com", "accessKeyId": "ASIA1"}),
            ),
        ] {
            quiet(
                burst(0, &json!(null))
                    .into_iter()
                    .map(|event| {
                        let mut record = event.record().clone();
                        record[field] = value.clone();
                        crate::testing::event(record)
                    })
                    .collect(),
            );
        }
    }
}
