//! An address or a key of the user's own lists called.

use std::collections::BTreeMap;

use stockade_model::{LogKind, Severity, Tactic};

use super::super::About;
use super::{Hindsight, Past, Say};
use crate::intel::Intel;
use crate::look::Look;
use crate::profile::Moment;
use crate::rule::Meta;

pub(in crate::behaviour) const LISTED: Hindsight = Hindsight { meta, look };

pub(in crate::behaviour) fn meta() -> Meta {
    About {
        id: "on-your-list",
        title: "Somebody on your own list",
        description: "An address, a network, a domain or a key of a list that was given to this hunt (--intel) stands in the logs.",
        severity: Severity::High,
        tactic: Tactic::InitialAccess,
        techniques: &["T1078.004"],
        guardduty: Some("UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom"),
        falsepositives: &["A list that is old, or that has addresses which many share"],
        next: "What did it do, and with whose key? Triage that key",
        playbook: "compromised-user",
    }
    .meta()
}

/// What of a record that is no call stands on the list.
pub(in crate::behaviour) fn in_record(intel: &Intel, look: &Look<'_>) -> Option<String> {
    let said = |entry: &str, about: &str| match about {
        "" => entry.to_owned(),
        about => format!("{entry} ({about})"),
    };
    let facts = look.kind.facts();
    let addresses = [
        look.fact(facts.address),
        look.text(&["dstaddr"]),
        look.text(&["pkt-dstaddr"]),
        look.text(&["pkt-srcaddr"]),
    ];
    for address in addresses.iter().flatten() {
        if let Some((entry, about)) = intel.address(address) {
            let who = look.principal();
            let whom = look.text(&["dstaddr"]).unwrap_or_default();
            return Some(match look.kind {
                LogKind::VpcFlow => format!(
                    "On your list: {}, in flows from {who} to {whom}",
                    said(&entry, about)
                ),
                kind => format!("On your list: {}, in {kind}", said(&entry, about)),
            });
        }
    }
    let name = look.text(&["query_name"])?;
    let (entry, about) = intel.domain(&name)?;
    Some(format!(
        "On your list: {}, asked for by {}",
        said(&entry, about),
        look.principal()
    ))
}

fn look(past: &Past<'_>) -> Vec<Say> {
    let mut found: BTreeMap<(String, u32), Vec<(&Moment, u64)>> = BTreeMap::new();
    for (number, gone) in (0u32..).zip(&past.profile.ways) {
        let (Some((way, actor)), Some(first)) = (past.world.caller(number), &gone.first) else {
            continue;
        };
        let calls = past
            .world
            .ways
            .get(number as usize)
            .map_or(0, |(_, count)| count.calls);
        let said = |entry: &str, about: &str| match about {
            "" => entry.to_owned(),
            about => format!("{entry} ({about})"),
        };
        if let Some((entry, about)) = past.intel.address(past.text(way.address)) {
            let key = (said(&entry, about), actor.principal);
            found.entry(key).or_default().push((first, calls));
        }
        let key = past.text(actor.key);
        if let Some(about) = past.intel.key(key) {
            let key = (said(key, about), actor.principal);
            found.entry(key).or_default().push((first, calls));
        }
    }
    found
        .into_iter()
        .map(|((entry, principal), mut moments)| {
            moments.sort_by_key(|(moment, _)| moment.time);
            let calls: u64 = moments.iter().map(|(_, calls)| calls).sum();
            Say {
                what: format!(
                    "On your list: {entry}, in {calls} calls of {}",
                    past.text(principal).rsplit(':').next().unwrap_or_default()
                ),
                moments: moments.iter().take(8).map(|(moment, _)| **moment).collect(),
                of: None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::hindsight_given;
    use super::*;
    use crate::hunt::Given;
    use crate::testing::event;
    use serde_json::json;

    #[test]
    fn callers_on_the_list_are_named_with_what_is_said_of_them() {
        let mut intel = Intel::default();
        intel.add("203.0.113.0/24 phishing of May").unwrap();
        let given = Given {
            intel,
            ..Given::default()
        };
        let call = |address: &str| {
            event(json!({"sourceIPAddress": address,
                "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/a", "accessKeyId": "AKIA1"}}))
        };
        let seen =
            |address: &str| hindsight_given(&LISTED, &[call(address), call(address)], &given).0;
        assert_eq!(
            seen("203.0.113.9"),
            ["On your list: 203.0.113.0/24 (phishing of May), in 2 calls of user/a"]
        );
        assert!(seen("198.51.100.7").is_empty());
    }
}
