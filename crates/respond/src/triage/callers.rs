//! Who uses a key: calls grouped by identity, key, source address and user agent, so that the
//! application that works for its living is told from the attacker.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stockade_model::{Event, Finding, Origin, Severity};

/// A group of calls that look like one caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Caller {
    /// The user, or the role whose sessions these are: an ARN.
    pub identity: String,
    /// The key; none for groups over all sessions of a role.
    pub access_key: Option<String>,
    /// From where.
    pub source_address: String,
    /// With what program (see [`program`]).
    pub user_agent: String,
    /// The first call.
    pub first: Timestamp,
    /// The last call.
    pub last: Timestamp,
    /// How many calls.
    pub calls: u64,
    /// How many were refused for want of permission.
    pub refused: u64,
    /// How often each action was called, as in `s3:GetObject`.
    pub actions: BTreeMap<String, u64>,
    /// The resources of each action, as far as the trail names them: ARNs.
    pub resources: BTreeMap<String, BTreeSet<String>>,
    /// Why it is taken for the attacker; none for callers that nothing speaks against.
    pub suspect: Option<String>,
}

impl Caller {
    /// The actions, most frequent first.
    pub fn actions_by_count(&self) -> Vec<String> {
        let mut actions: Vec<_> = self.actions.iter().collect();
        actions.sort_by(|left, right| right.1.cmp(left.1).then_with(|| left.0.cmp(right.0)));
        actions.into_iter().map(|(name, _)| name.clone()).collect()
    }
}

/// What speaks against a caller.
#[derive(Debug, Clone, Default)]
pub struct Suspects {
    /// Source address, with the reason.
    addresses: BTreeMap<String, String>,
}

impl Suspects {
    /// From findings of level medium and above in these events, and from addresses that are known
    /// otherwise.
    pub fn new(findings: &[Finding], events: &[Event], addresses: &[String]) -> Self {
        let mut suspects = Self::default();
        let medium = |finding: &&Finding| finding.severity >= Severity::Medium;
        for finding in findings.iter().filter(medium) {
            let from = match &finding.source_address {
                Some(address) => BTreeSet::from([address.clone()]),
                None => newcomers(finding, events),
            };
            for address in from {
                let why = || finding.title.clone();
                suspects.addresses.entry(address).or_insert_with(why);
            }
        }
        for address in addresses {
            let why = "named as the attacker's address".to_owned();
            suspects.addresses.insert(address.clone(), why);
        }
        suspects
    }

    /// What speaks against a call from this address.
    pub fn against(&self, address: &str) -> Option<&str> {
        self.addresses.get(address).map(String::as_str)
    }
}

/// The addresses of a finding that spans several, without those from which the same key was used
/// before: what a thief does at the same time as the application must not speak against that.
fn newcomers(finding: &Finding, events: &[Event]) -> BTreeSet<String> {
    let proof: BTreeSet<&Origin> = finding.proof.iter().map(|event| &event.origin).collect();
    let (mut from, mut before) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        let Some(address) = event.source_address() else {
            continue;
        };
        if proof.contains(event.origin()) {
            from.insert(address.to_owned());
        } else if event.time() < finding.first
            && event.access_key() == finding.access_key.as_deref()
        {
            before.insert(address.to_owned());
        }
    }
    &from - &before
}

/// The program of a user agent: its first product with its version, as in `aws-cli/2.15.30`. What
/// the AWS SDKs say after it differs from call to call, and would make many callers of one.
/// A browser's is kept whole, for they all begin alike.
pub fn program(agent: &str) -> String {
    let agent = agent.trim().trim_matches(['[', ']']);
    if agent.starts_with("Mozilla/") {
        return agent.to_owned();
    }
    let agent = match agent.strip_prefix("APN/") {
        // The partner's marks come before the program that bears them.
        Some(_) => agent
            .split_inclusive(' ')
            .find(|product| !product.starts_with("APN/") && !product.starts_with("HashiCorp/"))
            .unwrap_or(agent),
        None => agent,
    };
    let agent = agent.split_once(", ").map_or(agent, |(first, _)| first);
    let mut program = Vec::new();
    for word in agent.split_whitespace() {
        program.push(word);
        if word.contains('/') {
            break;
        }
    }
    program.join(" ")
}

/// The role of a session, or who called.
fn identity(event: &Event) -> String {
    event
        .text(&["userIdentity", "sessionContext", "sessionIssuer", "arn"])
        .map_or_else(|| event.principal(), str::to_owned)
}

/// The resources that an event names.
fn resources(event: &Event) -> Vec<String> {
    let listed = event
        .at(&["resources"])
        .and_then(serde_json::Value::as_array);
    let mut arns: Vec<String> = listed
        .into_iter()
        .flatten()
        .filter_map(|resource| Some(resource.get("ARN")?.as_str()?.to_owned()))
        .collect();
    if let (true, Some(bucket)) = (
        arns.is_empty(),
        event.text(&["requestParameters", "bucketName"]),
    ) {
        arns.push(format!("arn:aws:s3:::{bucket}"));
        if let Some(key) = event.text(&["requestParameters", "key"]) {
            let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
            let star = if folder.is_empty() { "*" } else { "/*" };
            arns.push(format!("arn:aws:s3:::{bucket}/{folder}{star}"));
        }
    }
    arns
}

/// Groups calls into callers, the busiest first. `by_key` keeps the keys apart.
pub fn group<'e>(
    events: impl IntoIterator<Item = &'e Event>,
    suspects: &Suspects,
    by_key: bool,
) -> Vec<Caller> {
    let mut callers: BTreeMap<(String, Option<String>, String, String), Caller> = BTreeMap::new();
    for event in events {
        let address = event.source_address().unwrap_or_default().to_owned();
        let agent = program(event.user_agent().unwrap_or_default());
        let key = event.access_key().filter(|_| by_key).map(str::to_owned);
        let id = (identity(event), key, address, agent);
        let caller = callers.entry(id.clone()).or_insert_with(|| Caller {
            suspect: suspects.against(&id.2).map(str::to_owned),
            identity: id.0,
            access_key: id.1,
            source_address: id.2,
            user_agent: id.3,
            first: event.time(),
            last: event.time(),
            calls: 0,
            refused: 0,
            actions: BTreeMap::new(),
            resources: BTreeMap::new(),
        });
        caller.first = caller.first.min(event.time());
        caller.last = caller.last.max(event.time());
        caller.calls += 1;
        caller.refused += u64::from(event.is_refused());
        let action = format!("{}:{}", event.service(), event.name());
        let named = caller.resources.entry(action.clone()).or_default();
        named.extend(resources(event));
        *caller.actions.entry(action).or_default() += 1;
    }
    let mut callers: Vec<Caller> = callers.into_values().collect();
    callers.sort_by(|left, right| {
        right
            .calls
            .cmp(&left.calls)
            .then_with(|| left.first.cmp(&right.first))
    });
    callers
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn a_program_is_the_same_from_call_to_call() {
        for (agent, expected) in [
            (
                "aws-cli/2.15.30 md/awscrt#0.19 ua/2.0 os/linux#6.1 m/C,Z,b,g cfg/retry-mode#standard md/command#iam.list-users",
                "aws-cli/2.15.30",
            ),
            (
                "aws-cli/2.15.30 Python/3.11 exe/x86_64 prompt/off",
                "aws-cli/2.15.30",
            ),
            ("[Boto3/1.34.1 md/Botocore#1.34 m/Z,b]", "Boto3/1.34.1"),
            ("Our Tool Boto3/1.34.1 m/Z,b", "Our Tool Boto3/1.34.1"),
            ("Our Tool", "Our Tool"),
            ("AWS Internal", "AWS Internal"),
            (
                "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12]",
                "S3Console/0.4",
            ),
            (
                "RDS Console, aws-internal/3 aws-sdk-java/1.11.975",
                "RDS Console",
            ),
            (
                "APN/1.0 HashiCorp/1.0 Terraform/1.1.2 (+https://www.terraform.io)",
                "Terraform/1.1.2",
            ),
            (
                "cloudformation.amazonaws.com",
                "cloudformation.amazonaws.com",
            ),
            ("", ""),
        ] {
            assert_eq!(program(agent), expected, "{agent}");
        }
        let browsers = [
            "Mozilla/5.0 (X11) Gecko/1 Firefox/120.0",
            "Mozilla/5.0 (Mac) Safari/17",
        ];
        assert_eq!(browsers.map(program), browsers);
    }
}
