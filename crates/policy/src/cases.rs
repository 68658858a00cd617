//! Cases as data (`cases/*.json`), run by the engine and by the reference, and a property that holds the one to the
//! other on policies that nobody wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::select;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::reference::{Question, answer};
use crate::{
    Context, Decision, Named, Policies, Policy, PolicyKind, Principal, Request, ResourceRule,
    evaluate,
};

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    request: Asked,
    #[serde(default)]
    identity_policies: Vec<Value>,
    resource_policy: Option<Value>,
    /// `roleTrust` or `kmsKey`.
    resource_rule: Option<String>,
    permission_boundary: Option<Value>,
    #[serde(default)]
    session_policies: Vec<Value>,
    #[serde(default)]
    service_control_policies: Vec<Vec<Value>>,
    #[serde(default)]
    resource_control_policies: Vec<Vec<Value>>,
    /// The decision, and which kind of policy made it (none: nobody).
    expect: Option<(String, Option<String>)>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    principal: String,
    action: String,
    #[serde(default = "anything")]
    resource: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    context: BTreeMap<String, Value>,
}

fn anything() -> String {
    "*".to_owned()
}

impl Case {
    fn context(&self) -> BTreeMap<String, Vec<String>> {
        let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        self.request
            .context
            .iter()
            .map(|(key, value)| {
                let values = match value {
                    Value::Array(items) => items.iter().map(text).collect(),
                    one => vec![text(one)],
                };
                (key.to_lowercase(), values)
            })
            .filter(|(_, values): &(_, Vec<_>)| !values.is_empty())
            .collect()
    }

    fn by_reference(&self) -> (String, Option<String>) {
        let (decision, by) = answer(&Question {
            principal: &self.request.principal,
            action: &self.request.action,
            resource: &self.request.resource,
            account: &self.request.account,
            context: &self.context(),
            identity: &self.identity_policies,
            resource_policy: self.resource_policy.as_ref(),
            must_be_allowed_by_resource: self.resource_rule.is_some(),
            boundary: self.permission_boundary.as_ref(),
            session: &self.session_policies,
            scps: &self.service_control_policies,
            rcps: &self.resource_control_policies,
        });
        (decision.to_owned(), by.map(str::to_owned))
    }

    fn by_engine(&self) -> Decision {
        let named = |value: &Value| {
            let policy = Policy::parse(&value.to_string()).unwrap_or_else(|error| {
                panic!("{}: {error}: {value}", self.name);
            });
            Named::new("policy", policy)
        };
        let all = |values: &[Value]| values.iter().map(named).collect::<Vec<_>>();
        let with_principal = |value: &Value| {
            let text = value.to_string();
            let policy = match self.resource_rule.as_deref() {
                Some("roleTrust") => Policy::parse_trust(&text),
                _ => Policy::parse_resource(&text),
            };
            Named::new(
                "resource",
                policy.unwrap_or_else(|error| panic!("{}: {error}", self.name)),
            )
        };
        let rule = match self.resource_rule.as_deref() {
            None => ResourceRule::Ordinary,
            Some("roleTrust") => ResourceRule::RoleTrust,
            Some("kmsKey") => ResourceRule::KmsKey,
            Some(other) => panic!("{other}"),
        };
        let mut context = Context::new();
        for (key, values) in self.context() {
            context.insert(&key, values);
        }
        let principal: Principal = self.request.principal.parse().unwrap();
        let resource = self.resource_policy.as_ref().map(with_principal);
        let boundary = self.permission_boundary.as_ref().map(named);
        let levels = |levels: &[Vec<Value>]| levels.iter().map(|l| all(l)).collect::<Vec<_>>();
        let rcps: Vec<Vec<Named>> = self
            .resource_control_policies
            .iter()
            .map(|level| level.iter().map(with_principal).collect())
            .collect();
        evaluate(
            &Request {
                principal: &principal,
                action: &self.request.action,
                resource: &self.request.resource,
                resource_account: Some(self.request.account.as_str()).filter(|a| !a.is_empty()),
                context: &context,
            },
            &Policies {
                identity: &all(&self.identity_policies),
                resource: resource.as_ref().map(|named| (named, rule)),
                boundary: boundary.as_ref(),
                session: &all(&self.session_policies),
                scps: &levels(&self.service_control_policies),
                rcps: &rcps,
                endpoint: &[],
            },
        )
    }
}

fn short(decision: &Decision) -> (String, Option<String>) {
    let by = decision.decided_by.map(|kind| match kind {
        PolicyKind::Identity => "identity",
        PolicyKind::Resource | PolicyKind::Trust => "resource",
        PolicyKind::Boundary => "boundary",
        PolicyKind::Session => "session",
        PolicyKind::Scp => "scp",
        PolicyKind::Rcp => "rcp",
        PolicyKind::Endpoint => "endpoint",
    });
    (format!("{:?}", decision.verdict), by.map(str::to_owned))
}

#[test]
fn every_case_of_the_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let cases: Vec<Case> = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in cases {
            let expected = case
                .expect
                .clone()
                .unwrap_or_else(|| panic!("{}", case.name));
            assert_eq!(case.by_reference(), expected, "reference: {}", case.name);
            let decision = case.by_engine();
            assert_eq!(short(&decision), expected, "engine: {}", case.name);
            assert_eq!(
                decision.statements.is_empty(),
                expected.0 == "ImplicitlyDenied" || expected.1.is_none(),
                "{}: {:?}",
                case.name,
                decision.statements
            );
            assert!(names.insert(case.name.clone()), "twice: {}", case.name);
        }
    }
    assert!(names.len() >= 60, "only {} cases", names.len());
}

const ACCOUNT: &str = "111122223333";
const OTHER: &str = "444455556666";

fn action() -> impl Strategy<Value = &'static str> {
    select(vec![
        "*",
        "s3:*",
        "s3:Get*",
        "S3:getobject",
        "s3:?etObject",
        "iam:*",
        "sts:AssumeRole",
    ])
}

fn resource() -> impl Strategy<Value = &'static str> {
    select(vec![
        "*",
        "arn:aws:s3:::b/*",
        "arn:aws:s3:::b/k",
        "arn:aws:s3:::*",
        "arn:aws:s3:::b/${aws:username}",
        "arn:aws:s3:::b/${aws:none, 'k'}",
        "arn:*:s3:*:*:?/k",
        "arn:aws:iam::111122223333:role/r",
    ])
}

fn name() -> impl Strategy<Value = &'static str> {
    select(vec![
        "*",
        ACCOUNT,
        OTHER,
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:user/anna",
        "arn:aws:iam::111122223333:role/r",
        "arn:aws:sts::111122223333:assumed-role/r/s",
        "arn:aws:sts::111122223333:federated-user/anna",
    ])
}

fn condition() -> impl Strategy<Value = Value> {
    let one = (
        select(vec!["", "ForAnyValue:", "ForAllValues:"]),
        select(vec![
            ("StringEquals", "anna"),
            ("StringNotEquals", "anna"),
            ("StringEqualsIgnoreCase", "ANNA"),
            ("StringLike", "a*${aws:username}"),
            ("StringLike", "an?a"),
            ("StringNotLike", "${aws:none}"),
            ("StringNotEquals", "${aws:username}"),
            ("NumericLessThan", "5"),
            ("NumericNotEquals", "3"),
            ("DateGreaterThan", "2024-01-01T00:00:00Z"),
            ("Bool", "true"),
            ("IpAddress", "10.0.0.0/8"),
            ("NotIpAddress", "10.0.0.0/8"),
            ("ArnLike", "arn:aws:iam::*:user/a*"),
            ("ArnNotEquals", "arn:aws:iam::111122223333:user/anna"),
        ]),
        select(vec!["", "IfExists"]),
        select(vec!["a", "B", "aws:username", "none"]),
        prop::bool::ANY,
    );
    one.prop_map(|(set, (operator, value), suffix, key, two)| {
        let values = if two {
            json!([value, "7"])
        } else {
            json!(value)
        };
        // A date must be one.
        let values = if operator.starts_with("Date") {
            json!(value)
        } else {
            values
        };
        json!({ format!("{set}{operator}{suffix}"): { key: values } })
    })
}

fn statement(with_principal: bool) -> impl Strategy<Value = Value> {
    (
        prop::bool::weighted(0.75),
        prop::bool::weighted(0.85),
        action(),
        prop::bool::weighted(0.85),
        resource(),
        prop::bool::weighted(0.85),
        name(),
        prop::option::weighted(0.4, condition()),
    )
        .prop_map(
            move |(
                allow,
                is_action,
                action,
                is_resource,
                resource,
                is_principal,
                name,
                condition,
            )| {
                let mut s = json!({
                    "Effect": if allow { "Allow" } else { "Deny" },
                    if is_action { "Action" } else { "NotAction" }: action,
                    if is_resource { "Resource" } else { "NotResource" }: [resource],
                });
                if with_principal {
                    s[if is_principal {
                        "Principal"
                    } else {
                        "NotPrincipal"
                    }] = json!({"AWS": [name]});
                }
                if let Some(condition) = condition {
                    s["Condition"] = condition;
                }
                s
            },
        )
}

fn policy(with_principal: bool) -> impl Strategy<Value = Value> {
    (
        select(vec!["2012-10-17", "2008-10-17"]),
        prop::collection::vec(statement(with_principal), 1..3),
    )
        .prop_map(|(version, statements)| json!({"Version": version, "Statement": statements}))
}

fn context() -> impl Strategy<Value = BTreeMap<String, Value>> {
    let value = select(vec![
        json!("anna"),
        json!("Anna"),
        json!("a*anna"),
        json!("3"),
        json!("10.1.2.3"),
        json!("2024-06-01T00:00:00Z"),
        json!("true"),
        json!("arn:aws:iam::111122223333:user/anna"),
        json!(["anna", "7"]),
        json!([]),
    ]);
    prop::collection::btree_map(
        select(vec![
            "A".to_owned(),
            "b".to_owned(),
            "aws:username".to_owned(),
        ]),
        value,
        0..4,
    )
}

prop_compose! {
    fn any_case()(
        principal in select(vec![
            "arn:aws:iam::111122223333:user/anna",
            "arn:aws:iam::111122223333:root",
            "arn:aws:sts::111122223333:assumed-role/r/s",
            "arn:aws:sts::111122223333:federated-user/anna",
            "ec2.amazonaws.com",
            "Anonymous",
        ]),
        action in select(vec!["s3:GetObject", "S3:GETOBJECT", "iam:GetRole", "sts:AssumeRole"]),
        resource in select(vec!["arn:aws:s3:::b/k", "arn:aws:s3:::b/anna", "*", "arn:aws:iam::111122223333:role/r"]),
        account in select(vec!["", ACCOUNT, OTHER]),
        context in context(),
        identity_policies in prop::collection::vec(policy(false), 0..3),
        resource_policy in prop::option::of(policy(true)),
        key in prop::bool::weighted(0.3),
        permission_boundary in prop::option::weighted(0.3, policy(false)),
        session_policies in prop::collection::vec(policy(false), 0..2),
        service_control_policies in prop::collection::vec(prop::collection::vec(policy(false), 0..3), 0..2),
    ) -> Case {
        Case {
            name: "generated".to_owned(),
            request: Asked {
                principal: principal.to_owned(),
                action: action.to_owned(),
                resource: resource.to_owned(),
                account: account.to_owned(),
                context,
            },
            identity_policies,
            resource_rule: (key && resource_policy.is_some()).then(|| "kmsKey".to_owned()),
            resource_policy,
            permission_boundary,
            session_policies,
            service_control_policies,
            resource_control_policies: Vec::new(),
            expect: None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_answers_as_the_reference(cases in prop::collection::vec(any_case(), 24)) {
        for case in cases {
            prop_assert_eq!(short(&case.by_engine()), case.by_reference(), "{:#?}", case);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = Policy::parse(&text);
        let _ = Policy::parse_resource(&text);
    }

    #[test]
    fn no_values_make_the_reader_or_the_engine_panic(
        action in ".{0,20}", resource in ".{0,40}", value in ".{0,20}", name in ".{0,20}",
        operator in select(vec!["StringLike", "DateEquals", "NumericEquals", "IpAddress", "ArnLike", "Bool", "Null", "BinaryEquals"]),
    ) {
        let document = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": [action, "*"], "Resource": [resource, "*"], "Principal": {"AWS": [name, "*"]},
             "Condition": {operator: {"k": [value]}}}]}).to_string();
        let loose = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": [resource, "*"], "Principal": "*",
             "Condition": {operator: {"k": [value]}}}]}).to_string();
        let context = Context::new().with("k", value.clone()).with(&name, value);
        for text in [document, loose] {
            if let Ok(policy) = Policy::parse_resource(&text) {
                let named = Named::new("x", policy);
                let decision = evaluate(
                    &Request { principal: &Principal::Anonymous, action: &action, resource: &resource, resource_account: None, context: &context },
                    &Policies { resource: Some((&named, ResourceRule::Ordinary)), ..Policies::default() },
                );
                prop_assert!(!decision.reason.is_empty());
            }
        }
    }
}
