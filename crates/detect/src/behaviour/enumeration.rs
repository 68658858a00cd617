//! Somebody asks what there is: many kinds of list and describe call in a short time.
//!
//! What tells it from Terraform and its like: those ask after things that they know, by name. Who
//! enumerates asks for everything, so only reads without any parameter that narrows them count.
//! What tells it from a scanner that belongs there: that comes back day after day.

use std::borrow::Cow;
use std::collections::BTreeSet;

use stockade_model::{Severity, Tactic};
use stockade_scan::{Kind, Raw};

use super::{About, Detector, Seen, bursts, by_caller, is_console, length};
use crate::look::{Look, REQUEST};
use crate::rule::Meta;
use crate::timeline::Timeline;
use crate::world::{Actor, Str};

/// Within so many seconds …
const SECONDS: i64 = 600;
/// … so many different calls …
const CALLS: usize = 6;
/// … of so many services.
const SERVICES: usize = 2;
/// A caller that does it on so many days is a scanner that belongs there.
const STEADY_DAYS: usize = 3;

pub(super) const DETECTOR: Detector = Detector {
    meta,
    call: asks,
    note,
    detect,
};

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

fn detect(number: u8, timeline: &Timeline<'_>) -> Vec<Seen> {
    let mut found = Vec::new();
    for rows in by_caller(number, timeline).into_values() {
        let times: Vec<i64> = rows
            .iter()
            .map(|(_, row, _)| timeline.time(row).as_second())
            .collect();
        let kinds = |range: std::ops::RangeInclusive<usize>| -> (usize, usize) {
            let window = rows.get(range).unwrap_or_default();
            let calls: BTreeSet<(Str, Str)> = window
                .iter()
                .map(|(_, row, _)| (row.source, row.name))
                .collect();
            let services: BTreeSet<Str> = calls.iter().map(|(source, _)| *source).collect();
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
                places: rows
                    .get(first..=last)
                    .unwrap_or_default()
                    .iter()
                    .map(|(place, _, _)| *place)
                    .collect(),
                what: format!(
                    "Burst of enumeration: {calls} kinds of unfiltered list calls in {services} services within {}",
                    length(took)
                ),
            });
        }
    }
    found
}

/// A read that may ask for everything. What an SDK or Terraform asks of itself does not count.
fn asks(_source: &str, name: &str) -> bool {
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
    asks && !own
}

/// A read that asks for everything.
fn note(look: &Look<'_>, actor: &Actor) -> Option<Cow<'static, str>> {
    let counts = !actor.service
        && look.top(REQUEST).is_none_or(narrows_nothing)
        && look
            .at(&["readOnly"])
            .is_none_or(|value| matches!(value.bytes(), b"true" | b"\"true\""))
        && !is_console(look);
    counts.then_some(Cow::Borrowed(""))
}

/// Nothing but paging, empty filters, and the host that S3 notes.
fn narrows_nothing(value: Raw<'_>) -> bool {
    match value.kind() {
        None | Some(Kind::Null) => true,
        Some(Kind::Bool) => value.bytes() == b"false",
        Some(Kind::String) => value.bytes() == b"\"\"",
        Some(Kind::Number) => false,
        Some(Kind::Array) => value.elements().all(narrows_nothing),
        Some(Kind::Object) => value.members().all(|(name, value)| {
            PAGING
                .iter()
                .any(|paging| name.eq_ignore_ascii_case(paging.as_bytes()))
                || narrows_nothing(value)
        }),
    }
}

/// Parameters that choose a page and no thing.
const PAGING: &[&str] = &[
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

#[cfg(test)]
mod tests {
    use super::super::testing::sees;
    use super::*;
    use crate::testing::event;
    use serde_json::{Value, json};
    use stockade_model::Event;

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
            let seen = sees(&DETECTOR, &events);
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
        let quiet = |events: Vec<Event>| assert!(sees(&DETECTOR, &events).is_empty());
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
