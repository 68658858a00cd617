//! A credential works after it was switched off: the containment did not hold, or a session that came of it
//! lives on.

use std::collections::{BTreeMap, BTreeSet};

use stockade_model::{Severity, Tactic};

use super::super::{About, Detector, length};
use super::{Hindsight, Past, Say, at};
use crate::fields::Outcome;
use crate::look::Look;
use crate::profile::Moment;
use crate::rule::Meta;
use crate::world::{Actor, Str};

/// IAM takes some seconds to tell all of AWS; what comes within so many microseconds may be that.
const GRACE: i64 = 60_000_000;
/// Sessions of sessions are followed so far.
const DEPTH: usize = 4;

pub(in crate::behaviour) const CONTAINED: Hindsight = Hindsight { meta, look };

/// Notes the calls that switch something off; says nothing of them.
pub(in crate::behaviour) const SWITCHES: Detector = Detector {
    meta,
    call: |source, name| {
        source == "iam.amazonaws.com"
            && matches!(
                name,
                "UpdateAccessKey"
                    | "DeleteAccessKey"
                    | "PutRolePolicy"
                    | "PutUserPolicy"
                    | "AttachUserPolicy"
            )
    },
    note,
    detect: |_, _| Vec::new(),
};

fn meta() -> Meta {
    About {
        id: "used-after-containment",
        title: "A credential worked after it was switched off",
        description: "A key was made inactive, deleted or quarantined, or the sessions of a role were revoked; and after that the key, or a session that came of it, still made calls that AWS did not refuse. A session outlives its key, and a policy that denies may be taken off again.",
        severity: Severity::High,
        tactic: Tactic::Persistence,
        techniques: &["T1078.004", "T1550.001"],
        guardduty: None,
        falsepositives: &["A key that was switched on again on purpose", "A key that was rotated: its last sessions run out by themselves"],
        next: "Contain by plan, sessions included: deny what was issued before now, for the user and for every role that its sessions took",
        playbook: "compromised-user",
    }
    .meta()
}

/// What was switched off: `key …`, `user …` or `role …`.
fn note(look: &Look<'_>, _actor: &Actor) -> Option<std::borrow::Cow<'static, str>> {
    if Outcome::of(look) != Outcome::Done {
        return None;
    }
    let parameter = |name: &str| look.text(&["requestParameters", name]);
    let told = match &*look.name() {
        "UpdateAccessKey" if parameter("status").as_deref() == Some("Inactive") => {
            format!("key {}", parameter("accessKeyId")?)
        }
        "DeleteAccessKey" => format!("key {}", parameter("accessKeyId")?),
        "PutRolePolicy" if revokes(&parameter("policyDocument")?) => {
            format!("role {}", parameter("roleName")?)
        }
        "PutUserPolicy" if revokes(&parameter("policyDocument")?) => {
            format!("user {}", parameter("userName")?)
        }
        "AttachUserPolicy" => {
            let arn = parameter("policyArn")?;
            let name = arn.rsplit('/').next().unwrap_or_default();
            let quarantine =
                name.starts_with("AWSCompromisedKeyQuarantine") || name == "AWSDenyAll";
            if !quarantine || name.starts_with("AWSCompromisedKeyQuarantine") {
                // The quarantine leaves most calls allowed.
                return (name == "AWSDenyAll")
                    .then(|| parameter("userName"))
                    .flatten()
                    .map(|user| format!("user {user}").into());
            }
            format!("user {}", parameter("userName")?)
        }
        _ => return None,
    };
    Some(told.into())
}

/// Whether a policy denies everything to sessions from before a time.
fn revokes(document: &str) -> bool {
    let lower = document.to_ascii_lowercase();
    lower.contains("aws:tokenissuetime") && lower.contains("deny")
}

fn look(past: &Past<'_>) -> Vec<Say> {
    let Some(number) = super::super::number_of_detector(&SWITCHES) else {
        return Vec::new();
    };
    // The first switch of each; a key that is switched off by its deletion, days later, was off already.
    let mut off: BTreeMap<&str, (i64, &crate::timeline::Row)> = BTreeMap::new();
    for row in past.rows {
        let note = row.notes.iter().find(|(detector, _)| *detector == number);
        if let Some((_, note)) = note {
            let known = off.entry(past.text(*note)).or_insert((row.time, row));
            if row.time < known.0 {
                *known = (row.time, row);
            }
        }
    }
    off.into_iter()
        .filter_map(|(what, (time, row))| say(past, what, time, row))
        .collect()
}

fn say(past: &Past<'_>, what: &str, time: i64, row: &crate::timeline::Row) -> Option<Say> {
    let (kind, name) = what.split_once(' ')?;
    let account = past.world.caller(row.way).map(|(way, _)| way.account)?;
    let keys = keys_of(past, kind, name, account, time);
    let mut after: Vec<(&Moment, Str)> = Vec::new();
    let mut calls = 0;
    for (number, gone) in (0u32..).zip(&past.profile.ways) {
        let Some((_, actor)) = past.world.caller(number) else {
            continue;
        };
        let Some(last) = gone
            .last_done
            .as_ref()
            .filter(|last| last.time > time + GRACE)
        else {
            continue;
        };
        if actor.key != 0 && keys.contains(&actor.key) && !is_free(past.text(last.name)) {
            after.push((last, actor.key));
            calls += past
                .world
                .ways
                .get(number as usize)
                .map_or(0, |(_, count)| count.calls);
        }
    }
    after.sort_by_key(|(moment, _)| moment.time);
    let (last, key) = *after.last()?;
    let mut moments = vec![Moment {
        time: row.time,
        id: row.id,
        name: row.name,
        source: row.source,
        file: row.file,
        index: row.index,
        way: row.way,
        refused: false,
    }];
    moments.extend(after.iter().rev().take(5).map(|(moment, _)| **moment));
    let own = past.text(key) == name;
    Some(Say {
        what: format!(
            "Worked after it was switched off: {}{} until {}, {} after {what} was; {calls} calls of it in all",
            if own { "the key " } else { "the session " },
            past.text(key),
            at(last.time),
            length((last.time - time) / 1_000_000),
        ),
        moments,
        of: Some((
            past.text(past.world.caller(last.way)?.1.principal)
                .to_owned(),
            account,
            0,
        )),
    })
}

/// Calls that need no permission, so that no policy stops them.
fn is_free(name: &str) -> bool {
    matches!(name, "GetCallerIdentity" | "GetSessionToken")
}

/// The keys that should no longer work: those named, and the sessions that came of them before.
fn keys_of(past: &Past<'_>, kind: &str, name: &str, account: Str, time: i64) -> BTreeSet<Str> {
    let world = past.world;
    let mut keys: BTreeSet<Str> = BTreeSet::new();
    match kind {
        "key" => keys.extend(world.strings.find(name)),
        "role" => {
            let end = format!("/{name}");
            keys.extend(world.issues.iter().filter_map(|issue| {
                let role = past.text(issue.role);
                (issue.time <= time && role.ends_with(&end)).then_some(issue.key)
            }));
        }
        _ => {
            let of_user = world
                .actors
                .iter()
                .filter(|actor| past.text(actor.user) == name && actor.account == account);
            keys.extend(of_user.map(|actor| actor.key).filter(|key| *key != 0));
        }
    }
    for _ in 0..DEPTH {
        let more: Vec<Str> = world
            .issues
            .iter()
            .filter(|issue| issue.time <= time && keys.contains(&issue.by))
            .map(|issue| issue.key)
            .filter(|key| !keys.contains(key))
            .collect();
        if more.is_empty() {
            break;
        }
        keys.extend(more);
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::hindsight;
    use super::*;
    use crate::testing::event;
    use serde_json::{Value, json};
    use stockade_model::Event;

    fn call(minute: i64, key: &str, name: &str, more: Value) -> Event {
        let time: stockade_model::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let time = time + jiff::SignedDuration::from_secs(minute * 60);
        let mut record = json!({"eventTime": time.to_string(), "eventSource": "iam.amazonaws.com", "eventName": name,
            "sourceIPAddress": "203.0.113.9", "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/a", "accessKeyId": key,
                "accountId": "111122223333", "userName": "a"}});
        for (name, value) in more.as_object().unwrap() {
            record[name] = value.clone();
        }
        event(record)
    }

    fn off(minute: i64) -> Event {
        call(
            minute,
            "AKIAADMIN",
            "UpdateAccessKey",
            json!({"requestParameters": {"userName": "a", "accessKeyId": "AKIALEAKED", "status": "Inactive"}}),
        )
    }

    #[test]
    fn a_session_that_outlives_its_key_is_seen() {
        let issue = call(
            1,
            "AKIALEAKED",
            "AssumeRole",
            json!({"eventSource": "sts.amazonaws.com", "responseElements": {"credentials": {"accessKeyId": "ASIACHILD"}},
                "requestParameters": {"roleArn": "arn:aws:iam::111122223333:role/r"}}),
        );
        let session = |minute| call(minute, "ASIACHILD", "ListBuckets", json!({}));
        let events = [issue.clone(), session(5), off(10), session(30)];
        assert_eq!(
            hindsight(&CONTAINED, &events),
            [
                "Worked after it was switched off: the session ASIACHILD until 2026-01-01 00:30 UTC, 20 min after key AKIALEAKED was; 2 calls of it in all"
            ]
        );
        assert!(hindsight(&CONTAINED, &[issue.clone(), session(5), off(10)]).is_empty());
        let refused = call(
            30,
            "ASIACHILD",
            "ListBuckets",
            json!({"errorCode": "AccessDenied"}),
        );
        assert!(hindsight(&CONTAINED, &[issue, session(5), off(10), refused]).is_empty());
    }

    #[test]
    fn the_key_itself_and_revoked_roles() {
        let own = [off(10), call(30, "AKIALEAKED", "ListBuckets", json!({}))];
        assert_eq!(hindsight(&CONTAINED, &own).len(), 1);
        let free = [
            off(10),
            call(30, "AKIALEAKED", "GetCallerIdentity", json!({})),
        ];
        assert!(hindsight(&CONTAINED, &free).is_empty());
        let within_grace = [off(10), call(10, "AKIALEAKED", "ListBuckets", json!({}))];
        assert!(hindsight(&CONTAINED, &within_grace).is_empty());
    }
}
