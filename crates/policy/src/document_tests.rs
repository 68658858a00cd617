//! The reader's checks and AWS's words for them.

use serde_json::{Value, json};

use crate::DocumentKind::{self, Identity, Managed, Rcp, Resource, Scp, Trust};
use crate::document::{LEGACY, LONGEST, SYNTAX, read};
use crate::statement::Effect;

fn message(document: &Value, kind: DocumentKind) -> String {
    match read(&document.to_string(), kind) {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// A document of one good statement, with some elements set and (where null) taken out.
fn with(changes: &Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            statement.as_object_mut().unwrap().remove(key);
        } else {
            statement[key] = value.clone();
        }
    }
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

#[test]
fn good_documents() {
    for document in [
        with(&json!({})),
        with(&json!({"Sid": "", "Condition": {}})),
        with(&json!({"Action": ["s3:Get*", "*"], "Resource": ["arn:aws:s3:::b", null]})),
        with(
            &json!({"Condition": {"Bool": {"aws:x": true}, "NumericEquals": {"aws:y": [1, "2"]}, "Nonsense": {}}}),
        ),
        json!({"Id": "x", "Statement": {"Effect": "Deny", "NotAction": "*:*", "NotResource": "arn:aws:iam::*:role/*"}}),
    ] {
        assert_eq!(message(&document, Identity), "ok", "{document}");
    }
    // The last of two members of a name counts.
    let twice = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let document = read(twice, Identity).unwrap();
    assert_eq!(document.statements[0].effect, Effect::Allow);
}

#[test]
fn syntax_errors() {
    let statement = with(&json!({}))["Statement"].clone();
    let mut documents = vec![
        json!([]),
        json!({}),
        json!({"Version": "2012-10-17"}),
        json!({"Version": "2012-10-17", "Statement": []}),
        json!({"Version": "2012-10-17", "Statement": "x"}),
        json!({"Version": "2023-01-01", "Statement": statement}),
        json!({"Id": 1, "Statement": statement}),
        json!({"Extra": 1, "Statement": statement}),
    ];
    for changes in [
        json!({"Effect": null}),
        json!({"Effect": "Permit"}),
        json!({"Extra": 1}),
        json!({"Sid": 1}),
        json!({"NotAction": "s3:*"}),
        json!({"NotResource": "*"}),
        json!({"Action": 1}),
        json!({"Action": [1]}),
        json!({"Condition": "x"}),
        json!({"Condition": {"StringEquals": "x"}}),
        json!({"Condition": {"StringEquals": {"k": {}}}}),
        json!({"Condition": {"StringSame": {"k": "v"}}}),
    ] {
        documents.push(with(&changes));
    }
    for document in documents {
        assert_eq!(message(&document, Identity), SYNTAX, "{document}");
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let long = " ".repeat(LONGEST + 1);
    for text in ["", "{", "\u{feff}{}", &deep, &long] {
        assert_eq!(read(text, Identity).err().unwrap().to_string(), SYNTAX);
    }
}

#[test]
fn errors_in_the_words_of_aws() {
    let twice = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
    let old = json!({"Version": "2008-10-17", "Statement": with(&json!({}))["Statement"]});
    for (document, kind, expected) in [
        (
            old.clone(),
            Managed,
            "Policy document must be version 2012-10-17 or greater.",
        ),
        (old, Identity, "ok"),
        (
            twice,
            Identity,
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (
            with(&json!({"Sid": "a b"})),
            Identity,
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
        ),
        (with(&json!({"Effect": "ALLOW"})), Identity, LEGACY),
        (
            with(&json!({"Condition": {"DateEquals": {"k": "noon"}}})),
            Identity,
            LEGACY,
        ),
        (
            with(&json!({"Action": null})),
            Identity,
            "Policy statement must contain actions.",
        ),
        (
            with(&json!({"Action": []})),
            Identity,
            "Policy statement must contain actions.",
        ),
        (
            with(&json!({"Resource": null})),
            Identity,
            "Policy statement must contain resources.",
        ),
        (
            with(&json!({"Resource": []})),
            Scp,
            "Policy statement must contain resources.",
        ),
        (
            with(&json!({"Principal": "*"})),
            Identity,
            "Policy document should not specify a principal.",
        ),
        (
            with(&json!({"Action": "s3"})),
            Identity,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            with(&json!({"Action": "s3:a:b"})),
            Identity,
            "Actions/Condition can contain only one colon.",
        ),
        (
            with(&json!({"Action": "s3*:Get"})),
            Identity,
            "Vendor s3* is not valid",
        ),
        (
            with(&json!({"Resource": "bucket"})),
            Identity,
            "Resource bucket must be in ARN format or \"*\".",
        ),
        (
            with(&json!({"Resource": "arn:oops:s3:::b"})),
            Identity,
            "Partition \"oops\" is not valid for resource \"arn:oops:s3:::b\".",
        ),
        (
            with(&json!({"Resource": "arn:aws"})),
            Identity,
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            with(&json!({"Resource": "arn:aws:iam:us-east-1:111122223333:user/a"})),
            Identity,
            "IAM resource arn:aws:iam:us-east-1:111122223333:user/a cannot contain region information.",
        ),
        (
            with(&json!({"Resource": "arn:aws:iam::111122223333:person/a"})),
            Identity,
            "IAM resource path must either be \"*\" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.",
        ),
    ] {
        assert_eq!(message(&document, kind), expected, "{document}");
    }
}

#[test]
fn errors_of_policies_with_principals() {
    let trust_with = |key: &str, value: Value| {
        let mut changes = json!({"Action": "sts:AssumeRole", "Resource": null, "Principal": {"Service": "ec2.amazonaws.com"}});
        changes[key] = value;
        with(&changes)
    };
    for (document, kind, expected) in [
        (trust_with("Sid", json!("")), Trust, "ok"),
        (
            trust_with("Resource", json!("*")),
            Trust,
            "Has prohibited field Resource",
        ),
        (
            trust_with("Action", json!("s3:*")),
            Trust,
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            trust_with("Principal", Value::Null),
            Trust,
            "Invalid principal in policy: com.amazon.balsa.error.InvalidPolicyException: The passed in policy has a statement with no principals!",
        ),
        (
            trust_with(
                "Principal",
                json!({"AWS": "arn:aws:iam::111122223333:user/*"}),
            ),
            Trust,
            "Invalid principal in policy: \"AWS\":\"arn:aws:iam::111122223333:user/*\"",
        ),
        (
            with(&json!({})),
            Resource,
            "Missing required field Principal",
        ),
        (
            with(&json!({"Principal": {"Robot": "x"}})),
            Resource,
            "Invalid principal in policy: \"Robot\":\"x\"",
        ),
        (with(&json!({"Principal": "*"})), Rcp, SYNTAX),
        (
            with(&json!({"Principal": "*", "Effect": "Deny"})),
            Rcp,
            "ok",
        ),
        (with(&json!({"Principal": "*", "Action": "*"})), Rcp, "ok"),
    ] {
        assert_eq!(message(&document, kind), expected, "{document}");
    }
}
