//! What a policy says that it gives away.

use serde_json::{Value, json};

use crate::Policy;

fn identity(statement: &Value) -> Policy {
    Policy::parse(&json!({"Version": "2012-10-17", "Statement": statement}).to_string()).unwrap()
}

fn of_resource(statement: &Value) -> Policy {
    Policy::parse_resource(&json!({"Version": "2012-10-17", "Statement": statement}).to_string())
        .unwrap()
}

#[test]
fn administrators() {
    for (statement, expected) in [
        (
            json!({"Effect": "Allow", "Action": "*", "Resource": "*"}),
            true,
        ),
        (
            json!({"Effect": "Allow", "Action": ["s3:*", "*:*"], "Resource": ["arn:aws:*:*:*:*"]}),
            false,
        ),
        (
            json!({"Effect": "Allow", "Action": "*:*", "Resource": "arn:*:*:*:*:*"}),
            true,
        ),
        (
            json!({"Effect": "Allow", "Action": "iam:*", "Resource": "*"}),
            false,
        ),
        (
            json!({"Effect": "Deny", "Action": "*", "Resource": "*"}),
            false,
        ),
        (
            json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}),
            false,
        ),
    ] {
        assert_eq!(identity(&statement).grants_admin(), expected, "{statement}");
    }
}

#[test]
fn public_policies() {
    let is_public = |condition: Value| {
        of_resource(&json!({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*", "Condition": condition}))
            .is_public("111122223333")
    };
    assert!(is_public(json!({})));
    assert!(is_public(json!({"Bool": {"aws:SecureTransport": "true"}})));
    assert!(is_public(
        json!({"StringNotEquals": {"aws:PrincipalAccount": "444455556666"}})
    ));
    assert!(is_public(
        json!({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}})
    ));
    assert!(is_public(json!({"StringLike": {"aws:SourceVpce": "*"}})));
    assert!(is_public(
        json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}})
    ));
    assert!(is_public(
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}})
    ));
    assert!(!is_public(
        json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})
    ));
    assert!(!is_public(
        json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}})
    ));
    assert!(!is_public(
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}})
    ));
    assert!(!is_public(
        json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}})
    ));
    let named = json!({"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "*", "Resource": "*"});
    assert!(!of_resource(&named).is_public("111122223333"));
    let but = json!({"Effect": "Allow", "NotPrincipal": {"AWS": "444455556666"}, "Action": "*", "Resource": "*"});
    assert!(of_resource(&but).is_public("111122223333"));
}

#[test]
fn foreign_accounts_and_principals() {
    let policy = of_resource(&json!([
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": {
            "AWS": ["arn:aws:iam::444455556666:user/eve", "111122223333", "arn:aws:iam::777788889999:root"],
            "Service": "ec2.amazonaws.com"}},
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Principal": {"AWS": "123456789012"}}
    ]));
    assert_eq!(
        policy.foreign_accounts("111122223333"),
        ["444455556666", "777788889999"]
    );
    assert_eq!(
        policy.principals(),
        [
            "111122223333",
            "777788889999",
            "arn:aws:iam::444455556666:user/eve",
            "ec2.amazonaws.com"
        ]
    );
    let held = of_resource(
        &json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": ["444455556666"]}}}),
    );
    assert_eq!(held.foreign_accounts("111122223333"), ["444455556666"]);
}

#[test]
fn condition_keys_stand_in_conditions_and_in_variables() {
    let text = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:PrincipalTag/team, 'x'}/${*}${aws:username}","Condition":{"StringEquals":{"s3:prefix":["${aws:userid}","${"]}}},
        {"Effect":"Deny","Action":"s3:*","NotResource":"arn:aws:s3:::b","Condition":{"Bool":{"aws:SecureTransport":false}}}]}"#;
    let keys = |text: &str| {
        let policy = Policy::parse(text).unwrap();
        let keys: Vec<_> = policy
            .context_keys()
            .into_iter()
            .map(str::to_owned)
            .collect();
        keys
    };
    assert_eq!(
        keys(text),
        [
            "aws:PrincipalTag/team",
            "aws:SecureTransport",
            "aws:userid",
            "aws:username",
            "s3:prefix"
        ]
    );
    // Before 2012-10-17 there are no variables.
    assert_eq!(
        keys(&text.replace("\"Version\":\"2012-10-17\",", "")),
        ["aws:SecureTransport", "s3:prefix"]
    );
}
