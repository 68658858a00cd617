//! A sign-in to the console succeeds after it failed again and again: the password was guessed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use stockade_model::{Severity, Tactic};

use super::{About, Detector, Seen, length};
use crate::fields::Outcome;
use crate::look::Look;
use crate::rule::Meta;
use crate::timeline::Timeline;
use crate::world::Actor;

/// So many failures …
const FAILURES: usize = 5;
/// … within so many seconds before the success.
const SECONDS: i64 = 3_600;

pub(super) const DETECTOR: Detector = Detector {
    meta,
    call: |source, name| source == "signin.amazonaws.com" && name == "ConsoleLogin",
    note,
    detect,
};

fn meta() -> Meta {
    About {
        id: "login-after-failures",
        title: "Console sign-in succeeded after many failures",
        description: "A sign-in to the console succeeded, from an address from which several had failed within the hour before, for the same user or for others.",
        severity: Severity::High,
        tactic: Tactic::InitialAccess,
        techniques: &["T1110", "T1078.004"],
        guardduty: Some("UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B"),
        falsepositives: &["A user who mistypes, then remembers; five times in an hour is much", "An office with one address, where several mistype"],
        next: "Ask the user. If it was not them: end the session, reset the password, see what the session did; the address guesses others too",
        playbook: "compromised-user",
    }
    .meta()
}

/// The user, and whether a second factor was asked for.
fn note(look: &Look<'_>, _actor: &Actor) -> Option<Cow<'static, str>> {
    let user = look
        .text(&["userIdentity", "userName"])
        .or_else(|| look.text(&["userIdentity", "arn"]))
        .unwrap_or_default();
    let mfa = look.text(&["additionalEventData", "MFAUsed"]);
    let with = if mfa.as_deref() == Some("Yes") {
        "with MFA"
    } else {
        "without MFA"
    };
    let ended = if Outcome::of(look) == Outcome::Done {
        with
    } else {
        "failed"
    };
    Some(Cow::Owned(format!("{ended}\n{user}")))
}

fn detect(number: u8, timeline: &Timeline<'_>) -> Vec<Seen> {
    let mut by_address: BTreeMap<u32, Vec<(usize, i64, &str)>> = BTreeMap::new();
    for (place, row, note) in timeline.noted(number) {
        let address = timeline.caller(row).map_or(0, |(way, _)| way.address);
        let time = timeline.time(row).as_second();
        by_address
            .entry(address)
            .or_default()
            .push((place, time, note));
    }
    let mut found = Vec::new();
    for (address, logins) in by_address {
        let mut failures: Vec<(usize, i64, &str)> = Vec::new();
        for (place, time, note) in logins {
            let (ended, user) = note.split_once('\n').unwrap_or((note, ""));
            failures.retain(|(_, failed, _)| time - failed <= SECONDS);
            if ended == "failed" {
                failures.push((place, time, user));
                continue;
            }
            if failures.len() >= FAILURES {
                let users = failures
                    .iter()
                    .map(|(_, _, user)| *user)
                    .collect::<std::collections::BTreeSet<_>>();
                let first = failures.first().map_or(time, |(_, failed, _)| *failed);
                found.push(Seen {
                    places: failures
                        .iter()
                        .map(|(place, _, _)| *place)
                        .chain([place])
                        .collect(),
                    what: format!(
                        "Console sign-in of {user} {ended} from {}, after {} failures for {} within {}",
                        timeline.text(address),
                        failures.len(),
                        match users.len() {
                            1 => "the same user".to_owned(),
                            n => format!("{n} users"),
                        },
                        length(time - first)
                    ),
                });
                failures.clear();
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::sees;
    use super::*;
    use crate::testing::event;
    use serde_json::json;
    use stockade_model::Event;

    fn login(minute: i64, user: &str, ended: &str, address: &str) -> Event {
        let time: stockade_model::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let time = time + jiff::SignedDuration::from_secs(minute * 60);
        let mut record = json!({"eventVersion": "1.08", "eventTime": time.to_string(), "eventSource": "signin.amazonaws.com",
            "eventName": "ConsoleLogin", "awsRegion": "us-east-1", "sourceIPAddress": address, "eventType": "AwsConsoleSignIn",
            "userIdentity": {"type": "IAMUser", "principalId": "AIDA1", "accountId": "111122223333", "userName": user,
                "arn": format!("arn:aws:iam::111122223333:user/{user}")},
            "requestParameters": null, "responseElements": {"ConsoleLogin": ended},
            "additionalEventData": {"LoginTo": "https://console.aws.amazon.com/", "MobileVersion": "No", "MFAUsed": "No"}});
        if ended == "Failure" {
            record["errorMessage"] = json!("Failed authentication");
        }
        event(record)
    }

    #[test]
    fn a_guessed_password_is_seen() {
        let mut events: Vec<Event> = (0..6)
            .map(|n| login(n, "anna", "Failure", "203.0.113.9"))
            .collect();
        events.push(login(7, "anna", "Success", "203.0.113.9"));
        let seen = sees(&DETECTOR, &events);
        assert_eq!(seen.len(), 1);
        assert_eq!(
            seen[0].what,
            "Console sign-in of anna without MFA from 203.0.113.9, after 6 failures for the same user within 7 min"
        );
        assert_eq!(seen[0].places.len(), 7);
    }

    #[test]
    fn mistyping_and_other_addresses_are_not() {
        let quiet = |events: &[Event]| assert!(sees(&DETECTOR, events).is_empty());
        let failures = |count, address: &str| -> Vec<Event> {
            (0..count)
                .map(|n| login(n, "anna", "Failure", address))
                .collect()
        };
        quiet(
            &[
                failures(2, "203.0.113.9"),
                vec![login(7, "anna", "Success", "203.0.113.9")],
            ]
            .concat(),
        );
        quiet(
            &[
                failures(9, "203.0.113.9"),
                vec![login(20, "anna", "Success", "198.51.100.7")],
            ]
            .concat(),
        );
        quiet(
            &[
                failures(9, "203.0.113.9"),
                vec![login(200, "anna", "Success", "203.0.113.9")],
            ]
            .concat(),
        );
    }
}
