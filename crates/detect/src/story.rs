//! The story that findings make, by who is behind them.
//!
//! Owns the gathering of findings under the principal at the head of the session lineage: what a user
//! did by a role stands under the user. Must not find anything itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use stockade_model::{Event, Finding, LogKind, Origin, Severity, Tactic, Technique, Timestamp};
use stockade_scan::Raw;

use crate::lineage::Heads;
use crate::look::{Look, REQUEST};
use crate::world::{Actor, Count, Str, Way, World, moment};

/// So many targets are kept for a step.
const TARGETS: usize = 20;

/// What requests name their object by, the most telling first.
const NOUNS: &[&str] = &[
    "userName",
    "roleName",
    "groupName",
    "bucketName",
    "functionName",
    "trailName",
    "secretId",
    "instanceId",
    "snapshotId",
    "imageId",
    "dBSnapshotIdentifier",
    "dBInstanceIdentifier",
    "groupId",
    "keyId",
    "roleArn",
    "detectorId",
    "layerName",
    "policyArn",
    "name",
];

/// What one principal did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// Who: a user, a role session that nobody's key took, a service.
    pub principal: String,
    /// The worst finding's severity.
    pub severity: Severity,
    /// The first finding's first event.
    pub first: Timestamp,
    /// The last finding's last event.
    pub last: Timestamp,
    /// How many calls the principal and its sessions made in all, findings or not.
    pub calls: u64,
    /// How many of them AWS refused.
    pub refused: u64,
    /// From which addresses, the busiest first.
    pub addresses: Vec<Seen>,
    /// With which programs, the busiest first; versions and run ids are left out.
    pub user_agents: Vec<Seen>,
    /// With which keys, the busiest first.
    pub keys: Vec<Seen>,
    /// In which regions, the busiest first.
    pub regions: Vec<Seen>,
    /// Which other principals it became: role sessions, in the order of their first use.
    pub became: Vec<Seen>,
    /// Other principals with a story that came from one of the same addresses.
    pub neighbours: Vec<String>,
    /// In which accounts the findings lie.
    pub accounts: BTreeSet<String>,
    /// The tactics, in the order in which they began.
    pub tactics: Vec<Phase>,
}

/// A value with how often and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The value.
    pub value: String,
    /// In how many calls.
    pub calls: u64,
    /// First.
    pub first: Timestamp,
    /// Last.
    pub last: Timestamp,
}

/// A tactic with its steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// The tactic; none for findings that name none.
    pub tactic: Option<Tactic>,
    /// When its first step began.
    pub first: Timestamp,
    /// When its last step ended.
    pub last: Timestamp,
    /// How many calls were done.
    pub done: u64,
    /// How many were tried and not done.
    pub attempts: u64,
    /// The steps, in the order in which they began.
    pub steps: Vec<Step>,
}

/// The findings of one detection with the same outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The detection's id.
    pub detection: String,
    /// What happened.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// ATT&CK techniques.
    pub techniques: Vec<Technique>,
    /// Whether it was tried and not done.
    pub attempt: bool,
    /// The first event.
    pub first: Timestamp,
    /// The last event.
    pub last: Timestamp,
    /// How many events prove it.
    pub events: u64,
    /// The calls, the most frequent first.
    pub calls: Vec<String>,
    /// What they were about, where the request names it: users, roles, buckets, instances. The
    /// first 20 in order of time.
    pub targets: Vec<String>,
    /// What to do next.
    pub next: Option<String>,
    /// Which findings these are, counted from 0 in the list that was given.
    pub findings: Vec<usize>,
}

/// Tells the stories, the worst first and then in order of time. `events` are those that were
/// hunted through.
pub fn stories(findings: &[Finding], events: &[Event]) -> Vec<Story> {
    let proofs: BTreeSet<&Origin> = findings
        .iter()
        .flat_map(|finding| finding.proof.iter().map(|proof| &proof.origin))
        .collect();
    let targets: HashMap<Origin, String> = events
        .iter()
        .filter(|event| proofs.contains(event.origin()))
        .filter_map(|event| Some((event.origin().clone(), target_of(event)?)))
        .collect();
    tell_all(findings, &World::of(events), &|origin| {
        targets.get(origin).cloned()
    })
}

/// A way with its caller and its counts.
type Came<'a> = (&'a Way, &'a Actor, &'a Count);

/// Tells the stories from what all events came to; `target` says what an event was about.
pub(crate) fn tell_all(
    findings: &[Finding],
    world: &World,
    target: &dyn Fn(&Origin) -> Option<String>,
) -> Vec<Story> {
    let heads = Heads::of(world);
    let mut by_head: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, finding) in findings.iter().enumerate() {
        let key = finding.access_key.as_deref();
        let head = key
            .and_then(|key| world.strings.find(key))
            .map_or(0, |key| heads.head(key));
        let head = world.strings.some(head).unwrap_or(&finding.principal);
        by_head.entry(head.to_owned()).or_default().push(number);
    }
    // Each head's number, so that ways are told apart without their texts.
    let numbers: HashMap<Str, &str> = by_head
        .keys()
        .filter_map(|head| Some((world.strings.find(head)?, head.as_str())))
        .collect();
    let mut came: HashMap<&str, Vec<Came<'_>>> = HashMap::new();
    for (way, count) in &world.ways {
        let Some(actor) = world.actors.get(way.actor as usize) else {
            continue;
        };
        let head = match actor.key {
            0 => 0,
            key => heads.head(key),
        };
        let own = if head == 0 { actor.principal } else { head };
        if let Some(head) = numbers.get(&own)
            && count.calls > 0
        {
            came.entry(head).or_default().push((way, actor, count));
        }
    }
    let mut stories: Vec<Story> = by_head
        .iter()
        .filter_map(|(head, numbers)| {
            let came = came.get(head.as_str()).map_or(&[][..], Vec::as_slice);
            tell(head, numbers, findings, world, came, target)
        })
        .collect();
    meet(&mut stories);
    stories.sort_by(|a, b| {
        (std::cmp::Reverse(a.severity), a.first, &a.principal).cmp(&(
            std::cmp::Reverse(b.severity),
            b.first,
            &b.principal,
        ))
    });
    stories
}

/// Notes which stories share an address. Addresses alone count: "AWS Internal" is everybody's.
fn meet(stories: &mut [Story]) {
    let mut by_address: BTreeMap<IpAddr, BTreeSet<String>> = BTreeMap::new();
    let addresses = |story: &Story| -> Vec<IpAddr> {
        let values = story.addresses.iter();
        values.filter_map(|seen| seen.value.parse().ok()).collect()
    };
    for story in stories.iter() {
        for address in addresses(story) {
            by_address
                .entry(address)
                .or_default()
                .insert(story.principal.clone());
        }
    }
    for story in stories {
        let met: BTreeSet<&String> = addresses(story)
            .iter()
            .filter_map(|address| by_address.get(address))
            .flatten()
            .filter(|other| **other != story.principal)
            .collect();
        story.neighbours = met.into_iter().cloned().collect();
    }
}

fn tell(
    head: &str,
    numbers: &[usize],
    findings: &[Finding],
    world: &World,
    came: &[Came<'_>],
    target: &dyn Fn(&Origin) -> Option<String>,
) -> Option<Story> {
    let own: Vec<(usize, &Finding)> = numbers
        .iter()
        .filter_map(|number| Some((*number, findings.get(*number)?)))
        .collect();
    let text = |number| world.strings.some(number).map(str::to_owned);
    let mut became = seen(came, |_, actor| {
        text(actor.principal).filter(|principal| principal != head)
    });
    became.sort_by(|a, b| (a.first, &a.value).cmp(&(b.first, &b.value)));
    Some(Story {
        principal: head.to_owned(),
        severity: own.iter().map(|(_, finding)| finding.severity).max()?,
        first: own.iter().map(|(_, finding)| finding.first).min()?,
        last: own.iter().map(|(_, finding)| finding.last).max()?,
        calls: came.iter().map(|(_, _, count)| count.calls).sum(),
        refused: came.iter().map(|(_, _, count)| count.refused).sum(),
        addresses: seen(came, |way, _| text(way.address)),
        user_agents: seen(came, |way, _| world.strings.some(way.agent).map(program)),
        keys: seen(came, |_, actor| text(actor.key)),
        regions: seen(came, |way, _| text(way.region)),
        became,
        neighbours: Vec::new(),
        accounts: own
            .iter()
            .filter_map(|(_, finding)| finding.account.clone())
            .collect(),
        tactics: phases(&own, target),
    })
}

/// Findings with their numbers.
type Numbered<'a> = Vec<(usize, &'a Finding)>;

fn phases(
    findings: &[(usize, &Finding)],
    target: &dyn Fn(&Origin) -> Option<String>,
) -> Vec<Phase> {
    let mut steps: BTreeMap<(Option<Tactic>, &str, bool), Numbered<'_>> = BTreeMap::new();
    for (number, finding) in findings {
        // A rule may name several tactics; its first is what it is chiefly about.
        let tactic = finding.tactics.first().copied();
        steps
            .entry((tactic, &finding.detection, finding.attempt))
            .or_default()
            .push((*number, finding));
    }
    let mut phases: BTreeMap<Option<Tactic>, Vec<Step>> = BTreeMap::new();
    for ((tactic, _, attempt), findings) in steps {
        if let Some(step) = step(&findings, attempt, target) {
            phases.entry(tactic).or_default().push(step);
        }
    }
    let mut phases: Vec<Phase> = phases
        .into_iter()
        .filter_map(|(tactic, mut steps)| {
            steps.sort_by(|a, b| (a.first, &a.title).cmp(&(b.first, &b.title)));
            let count = |attempt: bool| {
                let fitting = steps.iter().filter(|step| step.attempt == attempt);
                fitting.map(|step| step.events).sum()
            };
            Some(Phase {
                tactic,
                first: steps.iter().map(|step| step.first).min()?,
                last: steps.iter().map(|step| step.last).max()?,
                done: count(false),
                attempts: count(true),
                steps,
            })
        })
        .collect();
    phases.sort_by_key(|phase| (phase.first, phase.tactic));
    phases
}

fn step(
    findings: &[(usize, &Finding)],
    attempt: bool,
    target: &dyn Fn(&Origin) -> Option<String>,
) -> Option<Step> {
    let (_, one) = findings.first()?;
    let mut calls: BTreeMap<&str, usize> = BTreeMap::new();
    for event in findings.iter().flat_map(|(_, finding)| &finding.proof) {
        *calls.entry(&event.name).or_default() += 1;
    }
    let mut proof: Vec<_> = findings
        .iter()
        .flat_map(|(_, finding)| &finding.proof)
        .collect();
    proof.sort_by_key(|event| event.time);
    let mut targets: Vec<String> = Vec::new();
    for target in proof.iter().filter_map(|event| target(&event.origin)) {
        if targets.len() < TARGETS && !targets.contains(&target) {
            targets.push(target);
        }
    }
    let mut calls: Vec<(&str, usize)> = calls.into_iter().collect();
    calls.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    Some(Step {
        detection: one.detection.clone(),
        title: one.title.clone(),
        severity: findings.iter().map(|(_, finding)| finding.severity).max()?,
        techniques: one.techniques.clone(),
        attempt,
        first: findings.iter().map(|(_, finding)| finding.first).min()?,
        last: findings.iter().map(|(_, finding)| finding.last).max()?,
        events: findings
            .iter()
            .map(|(_, finding)| finding.proof.len() as u64)
            .sum(),
        calls: calls.into_iter().map(|(name, _)| name.to_owned()).collect(),
        targets,
        next: one.next.clone(),
        findings: findings.iter().map(|(number, _)| *number).collect(),
    })
}

/// What a call was about, by the name that its request gives.
pub(crate) fn target(look: &Look<'_>) -> Option<String> {
    if look.kind != LogKind::CloudTrail {
        return None;
    }
    let request = look.top(REQUEST)?;
    // One pass over the request; the most telling name wins.
    let (_, value) = request
        .members()
        .filter_map(|(name, value)| {
            let place = NOUNS.iter().position(|noun| noun.as_bytes() == name)?;
            Some((place, value.text()?))
        })
        .min_by_key(|(place, _)| *place)?;
    named(&value)
}

fn target_of(event: &Event) -> Option<String> {
    let request = event.at(&["requestParameters"])?;
    let text = request.to_string();
    let request = Raw::new(text.as_bytes());
    NOUNS
        .iter()
        .find_map(|noun| request.get(noun)?.text())
        .and_then(|value| named(&value))
}

fn named(value: &str) -> Option<String> {
    let value = if value.starts_with("arn:") {
        value.splitn(6, ':').nth(5).unwrap_or(value)
    } else {
        value
    };
    (!value.is_empty()).then(|| value.to_owned())
}

fn seen(came: &[Came<'_>], of: impl Fn(&Way, &Actor) -> Option<String>) -> Vec<Seen> {
    let mut by_value: BTreeMap<String, Seen> = BTreeMap::new();
    for (way, actor, count) in came {
        let Some(value) = of(way, actor) else {
            continue;
        };
        let (first, last) = (moment(count.first), moment(count.last));
        let entry = by_value.entry(value.clone()).or_insert(Seen {
            value,
            calls: 0,
            first,
            last,
        });
        entry.calls += count.calls;
        entry.first = entry.first.min(first);
        entry.last = entry.last.max(last);
    }
    let mut all: Vec<Seen> = by_value.into_values().collect();
    all.sort_by(|a, b| (b.calls, &a.value).cmp(&(a.calls, &b.value)));
    all
}

/// The program in a user agent, without its version and the ids of its run. Where a vendor's mark
/// comes first (`APN/1.0 …`), the program is the last of its products that says more.
pub(crate) fn program(agent: &str) -> String {
    let agent = agent.trim_matches(['[', ']']);
    let mut products = agent.split_whitespace().map(|product| {
        let name = product.split('/').next().unwrap_or_default();
        match name.split_once('_') {
            Some((name, id)) if id.len() >= 32 && id.contains('-') => name,
            _ => name,
        }
    });
    let first = products.next().unwrap_or_default();
    if first == "APN" {
        return products
            .find(|name| *name != "HashiCorp")
            .unwrap_or(first)
            .to_owned();
    }
    if agent == "AWS Internal" || agent.contains("Console,") {
        return agent.split(',').next().unwrap_or(agent).to_owned();
    }
    first.trim_end_matches(',').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hunt::RuleSet;
    use crate::testing::event;
    use serde_json::json;

    #[test]
    fn programs_are_told_without_their_versions() {
        for (agent, expected) in [
            ("Boto3/1.26.165 Python/3.10.6 Linux/5.19", "Boto3"),
            ("[Boto3/1.26.165 Python/3.10.6]", "Boto3"),
            (
                "APN/1.0 HashiCorp/1.0 Terraform/1.1.2 (+https://www.terraform.io)",
                "Terraform",
            ),
            (
                "stratus-red-team_6a7ec681-49a5-4403-99a2-d3c1229e8a11",
                "stratus-red-team",
            ),
            ("AWS Internal", "AWS Internal"),
            (
                "RDS Console, aws-internal/3 aws-sdk-java/1.11.975",
                "RDS Console",
            ),
            ("[S3Console/0.4, aws-internal/3 aws-sdk-java]", "S3Console"),
            ("", ""),
        ] {
            assert_eq!(program(agent), expected, "{agent}");
        }
    }

    #[test]
    fn a_role_taken_by_a_user_stands_under_the_user() {
        let user = "arn:aws:iam::1:user/anna";
        let session = "arn:aws:sts::1:assumed-role/r/s";
        let events = vec![
            event(
                json!({"eventTime": "2026-01-01T00:00:00Z", "eventName": "AssumeRole", "sourceIPAddress": "192.0.2.1",
                "userIdentity": {"arn": user, "accessKeyId": "AKIA1"},
                "responseElements": {"credentials": {"accessKeyId": "ASIA1"}}}),
            ),
            event(
                json!({"eventTime": "2026-01-01T00:01:00Z", "eventName": "StopLogging", "errorCode": "AccessDenied",
                "userIdentity": {"arn": session, "accessKeyId": "ASIA1"}}),
            ),
            event(
                json!({"eventTime": "2026-01-01T00:02:00Z", "eventName": "StopLogging",
                "userIdentity": {"arn": session, "accessKeyId": "ASIA1"}}),
            ),
            event(
                json!({"eventTime": "2026-01-01T00:03:00Z", "eventName": "Quiet",
                "userIdentity": {"arn": "arn:aws:iam::1:user/bob", "accessKeyId": "AKIA2"}}),
            ),
        ];
        let rules = RuleSet::load_text(
            "r",
            "title: Trail stopped\nid: x\ntags: [attack.defense-evasion, attack.t1562.008]\nlevel: high\nlogsource: {product: aws, service: cloudtrail}\ndetection: {a: {eventName: StopLogging}, condition: a}\n",
        );
        assert!(rules.problems().is_empty(), "{:?}", rules.problems());
        let findings = rules.hunt(&events);
        assert_eq!(
            findings.iter().map(|f| f.attempt).collect::<Vec<_>>(),
            [true, false]
        );
        let stories = stories(&findings, &events);
        let [story] = stories.as_slice() else {
            panic!("{stories:#?}")
        };
        assert_eq!(
            (story.principal.as_str(), story.calls, story.refused),
            (user, 3, 1)
        );
        assert_eq!(story.became[0].value, session);
        assert_eq!((story.tactics[0].done, story.tactics[0].attempts), (1, 1));
        assert_eq!(story.tactics[0].steps.len(), 2);
        assert_eq!(story.severity, Severity::High);
    }
}
