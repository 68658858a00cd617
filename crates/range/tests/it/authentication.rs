//! What somebody gets who is not who they say.

use bytes::Bytes;
use serde_json::json;
use stockade_model::Secret;
use stockade_wire::sigv4::Credentials;

use crate::cloud::{Cloud, code, credentials_of, policy};

#[tokio::test]
async fn a_good_signature_tells_who_calls() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", None);
    let answer = cloud
        .call(&anna, "sts", "GetCallerIdentity", json!({}))
        .unwrap();
    assert_eq!(answer["Arn"], "arn:aws:iam::123456789012:user/anna");
    assert_eq!(answer["Account"], "123456789012");
    assert!(answer["UserId"].as_str().unwrap().starts_with("AIDA"));
}

#[tokio::test]
async fn a_wrong_secret_is_told_by_the_signature() {
    let cloud = Cloud::start().await;
    let wrong = Credentials {
        secret: Secret::new("x".repeat(40)),
        ..cloud.admin()
    };
    for service in [
        ("sts", "GetCallerIdentity"),
        ("iam", "ListUsers"),
        ("s3", "ListBuckets"),
    ] {
        let outcome = cloud.call(&wrong, service.0, service.1, json!({}));
        assert_eq!(
            code(outcome),
            (403, "SignatureDoesNotMatch".into()),
            "{service:?}"
        );
    }
    let json = cloud.call(&wrong, "cloudtrail", "ListTrails", json!({}));
    assert_eq!(code(json).1, "InvalidSignatureException");
}

#[tokio::test]
async fn an_unknown_key_is_refused_in_each_services_words() {
    let cloud = Cloud::start().await;
    let unknown = Credentials {
        access_key: "AKIAIOSFODNN7EXAMPLE".into(),
        ..cloud.admin()
    };
    for (service, operation, expected) in [
        ("sts", "GetCallerIdentity", "InvalidClientTokenId"),
        ("iam", "ListUsers", "InvalidClientTokenId"),
        (
            "organizations",
            "DescribeOrganization",
            "UnrecognizedClientException",
        ),
        ("cloudtrail", "ListTrails", "UnrecognizedClientException"),
        ("s3", "ListBuckets", "InvalidAccessKeyId"),
    ] {
        assert_eq!(
            code(cloud.call(&unknown, service, operation, json!({}))).1,
            expected,
            "{service}"
        );
    }
}

#[tokio::test]
async fn an_altered_request_is_no_longer_the_signed_one() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", Some(policy("Allow", "iam:CreateUser")));
    let mut request = cloud.request("iam", "CreateUser", json!({"UserName": "harmless"}));
    cloud.sign(&mut request, &anna, "iam", "us-east-1");
    let body = String::from_utf8(request.body().to_vec())
        .unwrap()
        .replace("harmless", "backdoor");
    *request.body_mut() = Bytes::from(body);
    let outcome = cloud.read("iam", "CreateUser", cloud.range.handle(request));
    assert_eq!(code(outcome).1, "SignatureDoesNotMatch");
    let there = cloud.call(
        &cloud.admin(),
        "iam",
        "GetUser",
        json!({"UserName": "backdoor"}),
    );
    assert_eq!(code(there).1, "NoSuchEntity");
}

#[tokio::test]
async fn an_old_request_cannot_be_sent_again() {
    let cloud = Cloud::start().await;
    let mut request = cloud.request("iam", "ListUsers", json!({}));
    cloud.sign(&mut request, &cloud.admin(), "iam", "us-east-1");
    let recorded = request.clone();
    assert!(
        cloud
            .read("iam", "ListUsers", cloud.range.handle(request))
            .is_ok()
    );
    cloud.advance(16 * 60);
    let error = cloud
        .read("iam", "ListUsers", cloud.range.handle(recorded))
        .unwrap_err();
    assert_eq!(error.code, "SignatureDoesNotMatch");
    assert!(
        error.message.contains("Signature expired"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn a_request_without_a_signature_is_refused() {
    let cloud = Cloud::start().await;
    let request = cloud.request("iam", "ListUsers", json!({}));
    let outcome = cloud.read("iam", "ListUsers", cloud.range.handle(request));
    assert_eq!(code(outcome), (403, "MissingAuthenticationToken".into()));
}

#[tokio::test]
async fn a_session_needs_its_own_token() {
    let cloud = Cloud::start().await;
    let admin = cloud.admin();
    let mut sessions = (0..2).map(|_| {
        let answer = cloud
            .call(&admin, "sts", "GetSessionToken", json!({}))
            .unwrap();
        credentials_of(&answer["Credentials"])
    });
    let (one, other) = (sessions.next().unwrap(), sessions.next().unwrap());
    assert!(one.access_key.starts_with("ASIA"));
    assert!(cloud.call(&one, "s3", "ListBuckets", json!({})).is_ok());
    let without = Credentials {
        session_token: None,
        ..one.clone()
    };
    assert_eq!(
        code(cloud.call(&without, "sts", "GetCallerIdentity", json!({}))).1,
        "InvalidClientTokenId"
    );
    let mixed = Credentials {
        session_token: other.session_token,
        ..one
    };
    assert_eq!(
        code(cloud.call(&mixed, "sts", "GetCallerIdentity", json!({}))).1,
        "InvalidClientTokenId"
    );
    assert_eq!(
        code(cloud.call(&mixed, "s3", "ListBuckets", json!({}))).1,
        "InvalidToken"
    );
    let borrowed = Credentials {
        session_token: mixed.session_token,
        ..admin
    };
    assert_eq!(
        code(cloud.call(&borrowed, "sts", "GetCallerIdentity", json!({}))).1,
        "InvalidClientTokenId"
    );
}

#[tokio::test]
async fn a_session_ends() {
    let cloud = Cloud::start().await;
    let answer = cloud
        .call(
            &cloud.admin(),
            "sts",
            "GetSessionToken",
            json!({"DurationSeconds": 900}),
        )
        .unwrap();
    let session = credentials_of(&answer["Credentials"]);
    cloud.advance(899);
    assert!(
        cloud
            .call(&session, "sts", "GetCallerIdentity", json!({}))
            .is_ok()
    );
    cloud.advance(1);
    assert_eq!(
        code(cloud.call(&session, "sts", "GetCallerIdentity", json!({}))).1,
        "ExpiredToken"
    );
    assert_eq!(
        code(cloud.call(&session, "cloudtrail", "ListTrails", json!({}))).1,
        "ExpiredTokenException"
    );
    assert_eq!(
        code(cloud.call(&session, "s3", "ListBuckets", json!({}))).1,
        "ExpiredToken"
    );
}

#[tokio::test]
async fn an_inactive_key_is_refused_and_its_session_is_not() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", Some(policy("Allow", "s3:ListAllMyBuckets")));
    let answer = cloud
        .call(&anna, "sts", "GetSessionToken", json!({}))
        .unwrap();
    let session = credentials_of(&answer["Credentials"]);
    let status = |status: &str| json!({"UserName": "anna", "AccessKeyId": anna.access_key, "Status": status});
    cloud.admin_call("iam", "UpdateAccessKey", status("Inactive"));
    assert_eq!(
        code(cloud.call(&anna, "sts", "GetCallerIdentity", json!({}))).1,
        "InvalidClientTokenId"
    );
    assert_eq!(
        code(cloud.call(&anna, "s3", "ListBuckets", json!({}))).1,
        "InvalidAccessKeyId"
    );
    // An inactive key is not a dead session: it follows the user's policies.
    assert!(cloud.call(&session, "s3", "ListBuckets", json!({})).is_ok());
    cloud.allow("anna", &policy("Deny", "*"));
    assert_eq!(
        code(cloud.call(&session, "s3", "ListBuckets", json!({}))).1,
        "AccessDenied"
    );
    cloud.allow("anna", &policy("Allow", "s3:ListAllMyBuckets"));
    cloud.admin_call("iam", "UpdateAccessKey", status("Active"));
    assert!(cloud.call(&anna, "s3", "ListBuckets", json!({})).is_ok());
}

#[tokio::test]
async fn a_key_made_inactive_works_until_the_change_has_spread() {
    let cloud = Cloud::with(|config| config.iam_delay = jiff::SignedDuration::from_secs(4)).await;
    let anna = cloud.user("anna", None);
    assert_eq!(
        code(cloud.call(&anna, "sts", "GetCallerIdentity", json!({}))).1,
        "InvalidClientTokenId"
    );
    cloud.advance(4);
    assert!(
        cloud
            .call(&anna, "sts", "GetCallerIdentity", json!({}))
            .is_ok()
    );
    let status = json!({"UserName": "anna", "AccessKeyId": anna.access_key, "Status": "Inactive"});
    cloud.admin_call("iam", "UpdateAccessKey", status);
    cloud.advance(3);
    assert!(
        cloud
            .call(&anna, "sts", "GetCallerIdentity", json!({}))
            .is_ok()
    );
    cloud.advance(1);
    assert_eq!(
        code(cloud.call(&anna, "sts", "GetCallerIdentity", json!({}))).1,
        "InvalidClientTokenId"
    );
}

#[tokio::test]
async fn strangers_learn_nothing_from_validation() {
    let cloud = Cloud::start().await;
    let wrong = Credentials {
        secret: Secret::new("x".repeat(40)),
        ..cloud.admin()
    };
    let bad = json!({"UserName": "not a user name!"});
    assert_eq!(
        code(cloud.call(&wrong, "iam", "GetUser", bad.clone())).1,
        "SignatureDoesNotMatch"
    );
    assert_eq!(
        code(cloud.call(&cloud.admin(), "iam", "GetUser", bad)).1,
        "ValidationError"
    );
}
