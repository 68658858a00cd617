//! Properties: on policies and requests that nobody wrote, over all features, the engine answers as the reference does;
//! and no input makes it panic.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::cases::{Asked, Case, short};
use crate::{
    Context, DocumentKind, Named, Policies, Policy, Principal, Request, ResourceRule, decide,
    evaluate, evaluate_some,
};

const ACCOUNT: &str = "111122223333";
const OTHER: &str = "444455556666";

fn action() -> impl Strategy<Value = &'static str> {
    select(vec![
        "*",
        "s3:*",
        "s3:Get*",
        "S3:getobject",
        "s3:?etObject",
        "*:GetObject",
        "iam:*",
        "s3:*BucketPolicy",
        "sts:AssumeRole",
    ])
}

fn resource() -> impl Strategy<Value = &'static str> {
    select(vec![
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
    ])
}

fn name() -> impl Strategy<Value = Value> {
    let aws = vec![
        "*",
        ACCOUNT,
        OTHER,
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:user/anna",
        "arn:aws:iam::111122223333:role/r",
        "arn:aws:sts::111122223333:assumed-role/r/s",
        "arn:aws:sts::111122223333:federated-user/anna",
    ];
    let mut all: Vec<Value> = aws.into_iter().map(|name| json!({"AWS": [name]})).collect();
    all.extend([
        json!("*"),
        json!({"Service": "ec2.amazonaws.com"}),
        json!({"Service": ["s3.amazonaws.com"], "AWS": OTHER}),
        json!({"Federated": "arn:aws:iam::111122223333:saml-provider/idp"}),
        json!({"CanonicalUser": "abc"}),
    ]);
    select(all)
}

fn condition() -> impl Strategy<Value = Value> {
    let one = (
        select(vec!["", "ForAnyValue:", "ForAllValues:"]),
        select(vec![
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
            ("Null", "false"),
        ]),
        select(vec!["", "IfExists"]),
        select(vec!["a", "B", "aws:username", "none"]),
        prop::bool::ANY,
    );
    one.prop_map(|(set, (operator, value), suffix, key, two)| {
        // A date must be one, and there is no NullIfExists.
        let plain = operator.starts_with("Date") || operator == "Null";
        let values = if two && !plain {
            json!([value, "7"])
        } else {
            json!(value)
        };
        let name = if operator == "Null" {
            operator.to_owned()
        } else {
            format!("{set}{operator}{suffix}")
        };
        json!({name: {key: values}})
    })
}

fn statement(with_principal: bool) -> impl Strategy<Value = Value> {
    (
        prop::bool::weighted(0.75),
        prop::bool::weighted(0.85),
        prop::collection::vec(action(), 1..3),
        prop::bool::weighted(0.85),
        prop::collection::vec(resource(), 1..3),
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
                    if is_resource { "Resource" } else { "NotResource" }: resource,
                });
                if with_principal {
                    s[if is_principal {
                        "Principal"
                    } else {
                        "NotPrincipal"
                    }] = name;
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
        select(vec!["2012-10-17", "2012-10-17", "2008-10-17"]),
        prop::collection::vec(statement(with_principal), 1..3),
    )
        .prop_map(|(version, statements)| json!({"Version": version, "Statement": statements}))
}

fn context() -> impl Strategy<Value = BTreeMap<String, Value>> {
    let value = select(vec![
        json!("anna"),
        json!("Anna"),
        json!("a*anna"),
        json!("*?$"),
        json!("3"),
        json!("7"),
        json!("10.1.2.3"),
        json!("2001:db8::1"),
        json!("2024-06-01T00:00:00Z"),
        json!("true"),
        json!("arn:aws:iam::111122223333:user/anna"),
        json!(["anna", "7"]),
        json!(""),
        json!(["", ""]),
        json!([]),
    ]);
    let canonical = prop::option::weighted(0.3, Just("abc"));
    let keys = select(vec!["A", "b", "aws:username"]);
    (prop::collection::btree_map(keys, value, 0..4), canonical).prop_map(|(keys, canonical)| {
        let mut all: BTreeMap<String, Value> = keys
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        if let Some(id) = canonical {
            all.insert(crate::CANONICAL_USER_ID.to_owned(), json!(id));
        }
        all
    })
}

fn levels(with_principal: bool) -> impl Strategy<Value = Vec<Vec<Value>>> {
    prop::collection::vec(prop::collection::vec(policy(with_principal), 0..3), 0..3)
}

/// A resource control policy: it denies, to everybody.
fn rcp() -> impl Strategy<Value = Value> {
    statement(false).prop_map(|mut statement| {
        statement["Effect"] = json!("Deny");
        statement["Principal"] = json!("*");
        json!({"Version": "2012-10-17", "Statement": statement})
    })
}

prop_compose! {
    fn any_case()(
        principal in select(vec![
            "arn:aws:iam::111122223333:user/anna",
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:role/r",
            "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/r",
            "arn:aws:sts::111122223333:assumed-role/r/s",
            "arn:aws:sts::111122223333:federated-user/anna",
            "arn:aws:iam::111122223333:saml-provider/idp",
            "ec2.amazonaws.com",
            "Anonymous",
        ]),
        action in select(vec!["s3:GetObject", "S3:GETOBJECT", "s3:PutBucketPolicy", "iam:GetRole", "sts:AssumeRole", "sts:GetCallerIdentity"]),
        resource in select(vec!["arn:aws:s3:::b/k", "arn:aws:s3:::b/anna", "*", "arn:aws:iam::111122223333:role/r", "arn:aws:s3:eu:1:b:c/k"]),
        account in select(vec!["", ACCOUNT, OTHER]),
        context in context(),
        identity_policies in prop::collection::vec(policy(false), 0..3),
        resource_policy in prop::option::of(policy(true)),
        key in prop::bool::weighted(0.3),
        permission_boundaries in prop::collection::vec(policy(false), 0..2),
        session_policies in prop::collection::vec(policy(false), 0..2),
        service_control_policies in levels(false),
        resource_control_policies in prop::collection::vec(prop::collection::vec(rcp(), 0..2), 0..2),
        endpoint_policies in prop::collection::vec(policy(true), 0..2),
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
            permission_boundaries,
            session_policies,
            service_control_policies,
            resource_control_policies,
            endpoint_policies,
            expect: None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_answers_as_the_reference(case in any_case()) {
        let (decision, outcome) = case.by_engine();
        prop_assert_eq!(short(&outcome), case.by_reference());
        prop_assert_eq!(decision.outcome(), outcome);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        for kind in [DocumentKind::Identity, DocumentKind::Resource, DocumentKind::Scp, DocumentKind::Rcp, DocumentKind::Trust] {
            let _ = Policy::parse_as(&text, kind);
            let _ = Policy::parse_leniently(&text, kind);
        }
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
        for policy in [
            Policy::parse_resource(&document),
            Policy::parse_resource(&loose),
            Policy::parse_leniently(&document, DocumentKind::Resource),
        ].into_iter().flatten() {
            let named = Named::new("x", policy);
            let request = Request { principal: &Principal::Anonymous, action: &action, resource: &resource, resource_account: None, context: &context };
            let policies = Policies { resource: Some((&named, ResourceRule::Ordinary)), ..Policies::default() };
            let decision = evaluate(&request, &policies);
            prop_assert!(!decision.reason.is_empty());
            prop_assert_eq!(decision.outcome(), decide(&request, &policies));
            // What is allowed on one resource is allowed on some.
            if decision.is_allowed() && !resource.contains(['*', '?']) {
                prop_assert!(evaluate_some(&request, &policies).is_allowed());
            }
        }
    }
}
