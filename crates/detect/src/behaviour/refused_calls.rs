//! Somebody tries doors: many kinds of call refused in a short time.
//!
//! What tells it from a workload that lost a right: that is refused the same few calls over and
//! over, and has been for long.

use std::borrow::Cow;
use std::collections::BTreeSet;

use stockade_model::{Severity, Tactic};

use super::{About, Detector, Seen, bursts, by_caller, is_console, length};
use crate::look::Look;
use crate::rule::Meta;
use crate::timeline::Timeline;
use crate::world::{Actor, is_refused};

/// Within so many seconds …
const SECONDS: i64 = 600;
/// … so many different calls refused, or roles.
const KINDS: usize = 5;
/// A caller that is refused like that on so many days is broken, not bad.
const STEADY_DAYS: usize = 3;

pub(super) const DETECTOR: Detector = Detector {
    meta,
    call: |_, _| true,
    note,
    detect,
};

fn meta() -> Meta {
    About {
        id: "refused-calls-burst",
        title: "Doors tried: many kinds of call refused within minutes",
        description: "One caller was refused many different calls, or many different roles, within minutes: somebody finds out what a credential may do. The console's own calls, and callers refused like that day after day, are left out.",
        severity: Severity::Medium,
        tactic: Tactic::Discovery,
        techniques: &["T1580", "T1069.003", "T1078.004"],
        guardduty: Some("Discovery:IAMUser/AnomalousBehavior"),
        falsepositives: &["A new workload whose rights are still being found out", "A deployment after a policy was narrowed"],
        next: "Ask the owner of the key; see which calls it made that were not refused; unowned: triage the key",
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
        let kinds = |range: std::ops::RangeInclusive<usize>| -> usize {
            let window = rows.get(range).unwrap_or_default();
            window
                .iter()
                .map(|(_, row, door)| (row.source, row.name, *door))
                .collect::<BTreeSet<_>>()
                .len()
        };
        let stretches = bursts(&times, SECONDS, |range| kinds(range) >= KINDS);
        let day = |place: usize| times.get(place).map(|time| time.div_euclid(86_400));
        let days: BTreeSet<Option<i64>> = stretches.iter().map(|(first, _)| day(*first)).collect();
        if days.len() >= STEADY_DAYS {
            continue;
        }
        for (first, last) in stretches {
            let took = times.get(last).unwrap_or(&0) - times.get(first).unwrap_or(&0);
            found.push(Seen {
                places: rows
                    .get(first..=last)
                    .unwrap_or_default()
                    .iter()
                    .map(|(place, _, _)| *place)
                    .collect(),
                what: format!(
                    "Doors tried: {} kinds of call refused within {}",
                    kinds(first..=last),
                    length(took)
                ),
            });
        }
    }
    found
}

/// What was tried beside the call itself: for AssumeRole the role, which a refusal names in its
/// message alone.
fn note(look: &Look<'_>, actor: &Actor) -> Option<Cow<'static, str>> {
    if !is_refused(look) || actor.service || is_console(look) {
        return None;
    }
    if !look.name().starts_with("AssumeRole") {
        return Some(Cow::Borrowed(""));
    }
    let role = look.text(&["requestParameters", "roleArn"]).or_else(|| {
        let message = look.text(&["errorMessage"])?;
        let role = message.rsplit("resource: ").next()?;
        Some(Cow::Owned(role.to_owned()))
    });
    Some(Cow::Owned(role.unwrap_or_default().into_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::sees;
    use super::*;
    use crate::testing::event;
    use serde_json::json;
    use stockade_model::Event;

    fn refused(minute: i64, name: &str, message: &str) -> Event {
        let time: stockade_model::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let time = time + jiff::SignedDuration::from_secs(minute * 60);
        event(
            json!({"eventTime": time.to_string(), "eventName": name, "errorCode": "AccessDenied",
            "errorMessage": message,
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/a", "accessKeyId": "AKIA1"}}),
        )
    }

    #[test]
    fn different_doors_are_seen_and_the_same_door_is_not() {
        let names = [
            "ListUsers",
            "ListRoles",
            "ListBuckets",
            "CreateUser",
            "GetSecretValue",
        ];
        let many: Vec<Event> = names.iter().map(|name| refused(1, name, "no")).collect();
        let seen = sees(&DETECTOR, &many);
        assert_eq!(seen.len(), 1);
        assert_eq!(
            seen[0].what,
            "Doors tried: 5 kinds of call refused within 1 s"
        );
        let same: Vec<Event> = (0..200).map(|_| refused(1, "ListUsers", "no")).collect();
        assert!(sees(&DETECTOR, &same).is_empty());
        let slow: Vec<Event> = (0..)
            .zip(names)
            .map(|(n, name)| refused(n * 6, name, "no"))
            .collect();
        assert!(sees(&DETECTOR, &slow).is_empty());
        let daily: Vec<Event> = (0..4)
            .flat_map(|day| names.map(|name| refused(day * 1_440, name, "no")))
            .collect();
        assert!(sees(&DETECTOR, &daily).is_empty());
    }

    #[test]
    fn every_role_is_a_door_of_its_own() {
        let role = |n| {
            format!(
                "User: a is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/r{n}"
            )
        };
        let many: Vec<Event> = (0..5).map(|n| refused(1, "AssumeRole", &role(n))).collect();
        assert_eq!(sees(&DETECTOR, &many).len(), 1);
        let one: Vec<Event> = (0..5).map(|_| refused(1, "AssumeRole", &role(1))).collect();
        assert!(sees(&DETECTOR, &one).is_empty());
    }
}
