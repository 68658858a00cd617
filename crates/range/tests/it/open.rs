//! A range that takes everybody's word for who they are.

use serde_json::json;
use stockade_model::Secret;
use stockade_range::authn::Trust;
use stockade_wire::sigv4::Credentials;

use crate::cloud::{ACCOUNT, Cloud, code};

async fn open() -> Cloud {
    Cloud::with(|config| config.trust = Trust::Anybody).await
}

/// A key with a secret and a token that nobody has given out.
fn claimed(key: &str, token: bool) -> Credentials {
    Credentials {
        access_key: key.to_owned(),
        secret: Secret::new("whatever"),
        session_token: token.then(|| Secret::new("made-up")),
    }
}

fn arn(cloud: &Cloud, who: &Credentials) -> String {
    let answer = cloud.call(who, "sts", "GetCallerIdentity", json!({}));
    answer.unwrap()["Arn"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_unknown_key_is_the_root_of_the_first_account() {
    let cloud = open().await;
    for key in [
        "test",
        "AKIAIOSFODNN7EXAMPLE",
        "12345678901",
        "1234567890123",
    ] {
        for token in [false, true] {
            let found = arn(&cloud, &claimed(key, token));
            assert_eq!(found, format!("arn:aws:iam::{ACCOUNT}:root"), "{key}");
        }
    }
}

#[tokio::test]
async fn an_accounts_id_is_its_root_and_the_account_is_there_when_it_calls() {
    let cloud = open().await;
    let other = claimed("210987654321", false);
    assert_eq!(arn(&cloud, &other), "arn:aws:iam::210987654321:root");
    cloud
        .call(&other, "iam", "CreateUser", json!({"UserName": "anna"}))
        .unwrap();
    let first = cloud.admin_call("iam", "ListUsers", json!({}));
    assert_eq!(first["Users"].as_array().unwrap().len(), 1, "{first}");
    let closed = Cloud::start().await;
    let refused = closed.call(&other, "sts", "GetCallerIdentity", json!({}));
    assert_eq!(code(refused).1, "InvalidClientTokenId");
}

#[tokio::test]
async fn a_known_key_is_its_owner_whatever_its_secret_and_may_do_no_more() {
    let cloud = open().await;
    let anna = cloud.user("anna", None);
    let claimed = claimed(&anna.access_key, false);
    assert_eq!(
        arn(&cloud, &claimed),
        format!("arn:aws:iam::{ACCOUNT}:user/anna")
    );
    let refused = cloud.call(&claimed, "iam", "ListUsers", json!({}));
    assert_eq!(code(refused), (403, "AccessDenied".to_owned()));
    let [record] = cloud.events("ListUsers").try_into().unwrap();
    assert_eq!(record["errorCode"], "AccessDenied");
    assert_eq!(record["userIdentity"]["userName"], "anna");
    cloud.admin_call(
        "iam",
        "UpdateAccessKey",
        json!({"UserName": "anna", "AccessKeyId": anna.access_key, "Status": "Inactive"}),
    );
    let refused = cloud.call(&claimed, "sts", "GetCallerIdentity", json!({}));
    assert_eq!(
        code(refused).1,
        "InvalidClientTokenId",
        "an inactive key is not root"
    );
}

#[tokio::test]
async fn a_sessions_key_is_the_session_until_it_ends() {
    let cloud = open().await;
    let everything = crate::cloud::policy("Allow", "*");
    let role = cloud.role("app", &json!({"AWS": "*"}), &everything);
    let session = cloud.assume(&cloud.admin(), &role, "one").unwrap();
    for token in [false, true] {
        let found = arn(&cloud, &claimed(&session.access_key, token));
        assert_eq!(
            found,
            format!("arn:aws:sts::{ACCOUNT}:assumed-role/app/one")
        );
    }
    cloud.advance(3_601);
    let ended = cloud.call(
        &claimed(&session.access_key, true),
        "sts",
        "GetCallerIdentity",
        json!({}),
    );
    assert_eq!(code(ended).1, "ExpiredToken");
}

#[tokio::test]
async fn who_names_no_key_is_a_stranger() {
    let cloud = open().await;
    let request = cloud.request("iam", "ListUsers", json!({}));
    let answer = cloud.read("iam", "ListUsers", cloud.range.handle(request));
    assert_eq!(code(answer).1, "MissingAuthenticationToken");
}
