//! Any request against any policies: the engine decides as the reference does, which shares no code with it.

#![no_main]

#[path = "../../crates/policy/src/reference.rs"]
mod reference;

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use stockade_policy::simulation::Case;
use stockade_policy::{PolicyKind, Verdict};

/// Bytes as choices; when they run out, the first of everything.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn of<'v>(&mut self, values: &[&'v str]) -> &'v str {
        values[usize::from(self.byte()) % values.len()]
    }

    fn one_in(&mut self, many: u8) -> bool {
        self.byte() % many == many - 1
    }

    fn some<T>(&mut self, most: u8, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.byte() % (most + 1);
        (0..count).map(|_| make(self)).collect()
    }
}

const ACTIONS: [&str; 10] = [
    "*",
    "s3:*",
    "s3:Get*",
    "S3:getobject",
    "s3:?etObject",
    "*:GetObject",
    "iam:*",
    "s3:*BucketPolicy",
    "sts:AssumeRole",
    "s3:G*t?b*t",
];
const RESOURCES: [&str; 18] = [
    "*",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/k",
    "arn:aws:s3:::*",
    "arn:aws:s3",
    "arn:aws:s3:*:b/k",
    "arn:aws:*:k",
    "arn:aws:iam::1111*:role/r",
    "arn:aws:iam:*:role/r",
    "arn:aws:iam::*x:role/r",
    "arn:aws:s3:::b/${aws:username}",
    "arn:aws:s3:::b/${aws:none, 'k'}",
    "arn:aws:s3:::b/${aws:none}",
    "arn:*:s3:*:*:?/k",
    "arn:aws:iam::111122223333:role/r",
    "arn:aws:s3:::?/*k",
    "arn:aws:*:*:*:*",
    "arn:aws:s3:::b*",
];
const NAMES: [&str; 9] = [
    "*",
    "111122223333",
    "444455556666",
    "arn:aws:iam::111122223333:root",
    "arn:aws:iam::111122223333:user/anna",
    "arn:aws:iam::111122223333:role/r",
    "arn:aws:sts::111122223333:assumed-role/r/s",
    "arn:aws:sts::111122223333:federated-user/anna",
    "arn:aws:iam::444455556666:user/anna",
];
const OPERATORS: [(&str, &str); 30] = [
    ("StringEquals", "anna"),
    ("StringNotEquals", "anna"),
    ("StringEqualsIgnoreCase", "ANNA"),
    ("StringNotEqualsIgnoreCase", "ANNA"),
    ("StringLike", "a*${aws:username}"),
    ("StringLike", "an?a"),
    ("StringLike", "${aws:none, 'anna'}"),
    ("StringNotLike", "${aws:none}"),
    ("StringNotEquals", "${aws:username}"),
    ("StringEquals", "${*}${?}${$}"),
    ("NumericEquals", "3"),
    ("NumericNotEquals", "3"),
    ("NumericLessThan", "5"),
    ("NumericLessThanEquals", "3"),
    ("NumericGreaterThan", "2.5"),
    ("NumericGreaterThanEquals", "7"),
    ("DateEquals", "2024-06-01T00:00:00Z"),
    ("DateNotEquals", "2024-06-01T00:00:00Z"),
    ("DateGreaterThan", "2024-01-01T00:00:00Z"),
    ("DateLessThanEquals", "2024-06-01T00:00:00Z"),
    ("Bool", "true"),
    ("BinaryEquals", "true"),
    ("IpAddress", "10.0.0.0/8"),
    ("NotIpAddress", "10.0.0.0/8"),
    ("IpAddress", "2001:db8::/32"),
    ("ArnLike", "arn:aws:iam::*:user/a*"),
    (
        "ArnEquals",
        "arn:aws:iam::111122223333:user/${aws:username}",
    ),
    ("ArnNotEquals", "arn:aws:iam::111122223333:user/anna"),
    ("ArnNotLike", "arn:aws:iam::*:user/${aws:none}"),
    ("Null", "true"),
];
const VALUES: [&str; 12] = [
    "anna",
    "Anna",
    "a*anna",
    "*?$",
    "3",
    "7",
    "10.1.2.3",
    "2001:db8::1",
    "2024-06-01T00:00:00Z",
    "true",
    "arn:aws:iam::111122223333:user/anna",
    "",
];

fn condition(choices: &mut Choices<'_>) -> Value {
    let (operator, value) = OPERATORS[usize::from(choices.byte()) % OPERATORS.len()];
    let key = choices.of(&["a", "B", "aws:username", "none"]);
    if operator == "Null" {
        let value = if choices.one_in(2) { "true" } else { "false" };
        return json!({"Null": {key: value}});
    }
    let set = choices.of(&["", "", "ForAnyValue:", "ForAllValues:"]);
    let suffix = choices.of(&["", "IfExists"]);
    // Every value of a date's operator must be a date.
    let values = match choices.one_in(3) && !operator.starts_with("Date") {
        true => json!([value, "7"]),
        false => json!(value),
    };
    json!({format!("{set}{operator}{suffix}"): {key: values}})
}

fn statement(choices: &mut Choices<'_>, named: bool) -> Value {
    let effect = if choices.one_in(4) { "Deny" } else { "Allow" };
    let mut actions = vec![choices.of(&ACTIONS)];
    actions.extend(choices.some(1, |c| c.of(&ACTIONS)));
    let mut resources = vec![choices.of(&RESOURCES)];
    resources.extend(choices.some(1, |c| c.of(&RESOURCES)));
    let mut statement = json!({
        "Effect": effect,
        if choices.one_in(7) { "NotAction" } else { "Action" }: actions,
        if choices.one_in(7) { "NotResource" } else { "Resource" }: resources,
    });
    if named {
        let element = if choices.one_in(7) {
            "NotPrincipal"
        } else {
            "Principal"
        };
        statement[element] = match choices.byte() % 6 {
            0 => json!("*"),
            1 => json!({"Service": "ec2.amazonaws.com"}),
            2 => json!({"Federated": "arn:aws:iam::111122223333:saml-provider/idp"}),
            _ => json!({"AWS": choices.of(&NAMES)}),
        };
    }
    if choices.one_in(2) {
        statement["Condition"] = condition(choices);
    }
    statement
}

fn policy(choices: &mut Choices<'_>, named: bool) -> Value {
    let version = choices.of(&["2012-10-17", "2012-10-17", "2008-10-17"]);
    let mut statements = vec![statement(choices, named)];
    statements.extend(choices.some(2, |c| statement(c, named)));
    json!({"Version": version, "Statement": statements})
}

/// A resource control policy: it denies, to everybody.
fn rcp(choices: &mut Choices<'_>) -> Value {
    let mut statement = statement(choices, false);
    statement["Effect"] = json!("Deny");
    statement["Principal"] = json!("*");
    json!({"Version": "2012-10-17", "Statement": statement})
}

fn short(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Identity => "identity",
        PolicyKind::Resource | PolicyKind::Trust => "resource",
        PolicyKind::Boundary => "boundary",
        PolicyKind::Session => "session",
        PolicyKind::Scp => "scp",
        PolicyKind::Rcp => "rcp",
        PolicyKind::Endpoint => "endpoint",
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let principal = choices.of(&[
        "arn:aws:iam::111122223333:user/anna",
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:role/r",
        "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/r",
        "arn:aws:sts::111122223333:assumed-role/r/s",
        "ec2.amazonaws.com",
        "Anonymous",
    ]);
    let action = choices.of(&[
        "s3:GetObject",
        "S3:GETOBJECT",
        "s3:PutBucketPolicy",
        "iam:GetRole",
        "sts:GetCallerIdentity",
    ]);
    let resource = choices.of(&[
        "arn:aws:s3:::b/k",
        "arn:aws:s3:::b/anna",
        "arn:aws:iam::111122223333:role/r",
        "arn:aws:s3:eu:1:b:c/k",
    ]);
    let account = choices.of(&["111122223333", "444455556666"]);
    let mut context: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, values) in choices.some(3, |c| {
        let key = c.of(&["a", "b", "aws:username"]).to_owned();
        let mut values = vec![c.of(&VALUES).to_owned()];
        values.extend(c.some(1, |c| c.of(&VALUES).to_owned()));
        (key, values)
    }) {
        context.insert(key, values);
    }
    let identity = choices.some(2, |c| policy(c, false));
    let own = choices.one_in(2).then(|| policy(&mut choices, true));
    let boundary = choices.some(1, |c| policy(c, false));
    let session = choices.some(1, |c| policy(c, false));
    let scps = choices.some(2, |c| c.some(2, |c| policy(c, false)));
    let rcps = choices.some(1, |c| c.some(2, rcp));
    let endpoint = choices.some(1, |c| policy(c, true));
    // What is a role's is decided by its trust policy: the case's reader sees it by the action.
    let of_roles = action.starts_with("sts:Assume");
    let levels = |levels: &[Vec<Value>]| -> Vec<Value> {
        levels
            .iter()
            .map(|policies| json!({"orgIdentifier": "o", "policies": policies}))
            .collect()
    };
    let mut case = json!({
        "request": {"principal": principal, "action": action, "context": context,
            "resource": {"resource": resource, "accountId": account}},
        "identityPolicies": identity, "permissionBoundaries": boundary, "endpointPolicies": endpoint,
        "serviceControlPolicies": levels(&scps), "resourceControlPolicies": levels(&rcps),
    });
    if let Some(own) = &own {
        case["resourcePolicy"] = own.clone();
    }
    if let Some(one) = session.first() {
        case["sessionPolicy"] = one.clone();
    }
    let case = Case::read(&case).unwrap_or_else(|why| panic!("{why}: {case}"));
    let decision = case.decide();
    let expected = reference::answer(&reference::Question {
        principal: if principal == "Anonymous" {
            "Anonymous"
        } else {
            principal
        },
        action,
        resource,
        account,
        context: &context,
        identity: &identity,
        resource_policy: own.as_ref(),
        must_be_allowed_by_resource: of_roles,
        boundary: &boundary,
        session: &session,
        scps: &scps,
        rcps: &rcps,
        endpoint: &endpoint,
    });
    let verdict = match decision.verdict {
        Verdict::Allowed => "Allowed",
        Verdict::ExplicitlyDenied => "ExplicitlyDenied",
        Verdict::ImplicitlyDenied => "ImplicitlyDenied",
    };
    let by = decision.decided_by.map(short);
    assert_eq!((verdict, by), expected, "{}", decision.reason);
});
