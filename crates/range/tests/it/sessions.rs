//! Temporary credentials: who gets them, and what they carry.

use serde_json::{Value, json};

use crate::cloud::{Cloud, code, credentials_of, policy};

fn in_the_account() -> Value {
    json!({"AWS": "arn:aws:iam::123456789012:root"})
}

#[tokio::test]
async fn a_trust_policy_and_an_identity_policy_let_a_user_in() {
    let cloud = Cloud::start().await;
    let role = cloud.role("app", &in_the_account(), &policy("Allow", "s3:*"));
    let anna = cloud.user("anna", None);
    let error = cloud.assume(&anna, &role, "session").unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (403, "AccessDenied"));
    assert!(
        error.message.starts_with(
            "User: arn:aws:iam::123456789012:user/anna is not authorized to perform: sts:AssumeRole on resource: \
             arn:aws:iam::123456789012:role/app"
        ),
        "{}",
        error.message
    );
    cloud.allow("anna", &policy("Allow", "sts:AssumeRole"));
    let session = cloud.assume(&anna, &role, "deploy").unwrap();
    let who = cloud
        .call(&session, "sts", "GetCallerIdentity", json!({}))
        .unwrap();
    assert_eq!(
        who["Arn"],
        "arn:aws:sts::123456789012:assumed-role/app/deploy"
    );
    let id = who["UserId"].as_str().unwrap();
    assert!(id.starts_with("AROA") && id.ends_with(":deploy"), "{id}");
}

#[tokio::test]
async fn a_role_that_trusts_others_is_closed_to_all_else() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", Some(policy("Allow", "*")));
    let role = cloud.role(
        "ec2",
        &json!({"Service": "ec2.amazonaws.com"}),
        &policy("Allow", "*"),
    );
    assert_eq!(
        cloud.assume(&anna, &role, "session").unwrap_err().code,
        "AccessDenied"
    );
    let missing = cloud
        .assume(&anna, "arn:aws:iam::123456789012:role/none", "session")
        .unwrap_err();
    assert_eq!(
        missing.code, "AccessDenied",
        "a role that is not there looks like one that does not trust"
    );
}

#[tokio::test]
async fn an_external_id_is_asked_for() {
    let cloud = Cloud::start().await;
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "secret-42"}},
        }],
    });
    cloud.admin_call(
        "iam",
        "CreateRole",
        json!({"RoleName": "vendor", "AssumeRolePolicyDocument": trust.to_string()}),
    );
    let with = |id: Option<&str>| {
        let mut input = json!({"RoleArn": "arn:aws:iam::123456789012:role/vendor", "RoleSessionName": "session"});
        if let Some(id) = id {
            input["ExternalId"] = id.into();
        }
        cloud.call(&cloud.admin(), "sts", "AssumeRole", input)
    };
    assert_eq!(code(with(None)).1, "AccessDenied");
    assert_eq!(code(with(Some("guess"))).1, "AccessDenied");
    assert!(with(Some("secret-42")).is_ok());
}

#[tokio::test]
async fn sessions_last_as_long_as_the_role_lets_them() {
    let cloud = Cloud::start().await;
    let role = cloud.role("app", &in_the_account(), &policy("Allow", "sts:AssumeRole"));
    let ask = |who: &stockade_wire::sigv4::Credentials, seconds: u32| {
        let input =
            json!({"RoleArn": role, "RoleSessionName": "session", "DurationSeconds": seconds});
        cloud.call(who, "sts", "AssumeRole", input)
    };
    assert!(ask(&cloud.admin(), 43_200).is_ok());
    assert_eq!(code(ask(&cloud.admin(), 43_201)).1, "ValidationError");
    assert_eq!(code(ask(&cloud.admin(), 899)).1, "ValidationError");
    // Role chaining: an hour at most.
    let session = cloud.assume(&cloud.admin(), &role, "first").unwrap();
    let error = ask(&session, 3_601).unwrap_err();
    assert!(
        error.message.contains("1 hour session limit"),
        "{}",
        error.message
    );
    assert!(ask(&session, 3_600).is_ok());
}

#[tokio::test]
async fn a_session_policy_only_takes_away() {
    let cloud = Cloud::start().await;
    let role = cloud.role("app", &in_the_account(), &policy("Allow", "s3:*"));
    let answer = cloud.admin_call(
        "sts",
        "AssumeRole",
        json!({"RoleArn": role, "RoleSessionName": "session", "Policy": policy("Allow", "iam:*").to_string()}),
    );
    let session = credentials_of(&answer["Credentials"]);
    assert_eq!(
        code(cloud.call(&session, "iam", "ListUsers", json!({}))).1,
        "AccessDenied"
    );
    let error = cloud
        .call(&session, "s3", "ListBuckets", json!({}))
        .unwrap_err();
    assert!(
        error.message.contains("session policy"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn transitive_tags_go_along_the_chain() {
    let cloud = Cloud::start().await;
    let tagged = json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": "*"},
            {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*",
             "Condition": {"StringEquals": {"aws:PrincipalTag/team": "blue"}}},
        ],
    });
    let role = cloud.role("app", &in_the_account(), &tagged);
    let first = |transitive: bool| {
        let keys = if transitive {
            json!(["team"])
        } else {
            json!([])
        };
        let answer = cloud.admin_call(
            "sts",
            "AssumeRole",
            json!({
                "RoleArn": role, "RoleSessionName": "session", "Tags": [{"Key": "team", "Value": "blue"}],
                "TransitiveTagKeys": keys,
            }),
        );
        credentials_of(&answer["Credentials"])
    };
    assert!(
        cloud
            .call(&first(false), "s3", "ListBuckets", json!({}))
            .is_ok()
    );
    let chained = cloud.assume(&first(true), &role, "second").unwrap();
    assert!(cloud.call(&chained, "s3", "ListBuckets", json!({})).is_ok());
    let plain = cloud.assume(&first(false), &role, "second").unwrap();
    assert_eq!(
        code(cloud.call(&plain, "s3", "ListBuckets", json!({}))).1,
        "AccessDenied"
    );
}

#[tokio::test]
async fn sessions_of_get_session_token_are_kept_from_iam_and_sts() {
    let cloud = Cloud::start().await;
    let session = cloud
        .call(&cloud.admin(), "sts", "GetSessionToken", json!({}))
        .unwrap();
    let session = credentials_of(&session["Credentials"]);
    let role = cloud.role("app", &in_the_account(), &policy("Allow", "s3:*"));
    assert!(cloud.call(&session, "s3", "ListBuckets", json!({})).is_ok());
    assert!(
        cloud
            .call(&session, "sts", "GetCallerIdentity", json!({}))
            .is_ok()
    );
    assert!(cloud.assume(&session, &role, "session").is_ok());
    assert_eq!(
        code(cloud.call(&session, "iam", "ListUsers", json!({}))).1,
        "InvalidClientTokenId"
    );
    assert_eq!(
        code(cloud.call(&session, "sts", "GetSessionToken", json!({}))).1,
        "AccessDenied"
    );
    assert_eq!(
        code(cloud.call(
            &session,
            "sts",
            "GetFederationToken",
            json!({"Name": "bob"})
        ))
        .1,
        "AccessDenied"
    );
}

#[tokio::test]
async fn a_federated_user_gets_what_user_and_session_both_allow() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", Some(policy("Allow", "*")));
    let ask = |given: Value| {
        credentials_of(
            &cloud
                .call(&anna, "sts", "GetFederationToken", given)
                .unwrap()["Credentials"],
        )
    };
    let bare = ask(json!({"Name": "bob"}));
    assert_eq!(
        code(cloud.call(&bare, "s3", "ListBuckets", json!({}))).1,
        "AccessDenied"
    );
    let bob =
        ask(json!({"Name": "bob", "Policy": policy("Allow", "s3:ListAllMyBuckets").to_string()}));
    assert!(cloud.call(&bob, "s3", "ListBuckets", json!({})).is_ok());
    let who = cloud
        .call(&bob, "sts", "GetCallerIdentity", json!({}))
        .unwrap();
    assert_eq!(who["Arn"], "arn:aws:sts::123456789012:federated-user/bob");
    assert_eq!(
        code(cloud.call(&bob, "iam", "ListUsers", json!({}))).1,
        "InvalidClientTokenId"
    );
    // The session follows the user: what the user loses, it loses.
    cloud.allow("anna", &policy("Deny", "s3:*"));
    assert_eq!(
        code(cloud.call(&bob, "s3", "ListBuckets", json!({}))).1,
        "AccessDenied"
    );
    let record = cloud.events("ListBuckets").remove(0);
    assert_eq!(record["userIdentity"]["type"], "FederatedUser");
    assert_eq!(
        record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"],
        "anna"
    );
}

#[tokio::test]
async fn anybody_may_ask_whose_a_key_is() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", Some(policy("Allow", "sts:GetAccessKeyInfo")));
    let answer = cloud
        .call(
            &anna,
            "sts",
            "GetAccessKeyInfo",
            json!({"AccessKeyId": anna.access_key}),
        )
        .unwrap();
    assert_eq!(answer["Account"], "123456789012");
}

#[tokio::test]
async fn credentials_die_with_their_role() {
    let cloud = Cloud::start().await;
    let role = cloud.role("app", &in_the_account(), &policy("Allow", "s3:*"));
    let session = cloud.assume(&cloud.admin(), &role, "session").unwrap();
    cloud.admin_call(
        "iam",
        "DeleteRolePolicy",
        json!({"RoleName": "app", "PolicyName": "own"}),
    );
    cloud.admin_call("iam", "DeleteRole", json!({"RoleName": "app"}));
    cloud.role("app", &in_the_account(), &policy("Allow", "s3:*"));
    assert!(
        cloud
            .call(&session, "s3", "ListBuckets", json!({}))
            .is_err(),
        "a role of the same name is another role"
    );
}

#[tokio::test]
async fn a_federated_session_is_of_the_user_and_not_of_the_name() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", Some(policy("Allow", "*")));
    let given = json!({"Name": "bob", "Policy": policy("Allow", "*").to_string()});
    let asked = cloud.call(&anna, "sts", "GetFederationToken", given);
    let bob = credentials_of(&asked.unwrap()["Credentials"]);
    let lists = || cloud.call(&bob, "s3", "ListBuckets", json!({}));
    let rename = |old: &str, new: &str| {
        cloud.admin_call(
            "iam",
            "UpdateUser",
            json!({"UserName": old, "NewUserName": new}),
        )
    };
    // Whoever takes the name over lends the session nothing.
    rename("anna", "berta");
    cloud.user("anna", None);
    assert!(
        lists().is_ok(),
        "the user is called otherwise, and is the same"
    );
    cloud.allow("berta", &policy("Deny", "s3:*"));
    assert_eq!(code(lists()).1, "AccessDenied");
    // Nor does one who is made again.
    let key = json!({"UserName": "berta", "AccessKeyId": anna.access_key});
    cloud.admin_call("iam", "DeleteAccessKey", key);
    let policies = cloud.admin_call("iam", "ListUserPolicies", json!({"UserName": "berta"}));
    for name in policies["PolicyNames"].as_array().unwrap() {
        let own = json!({"UserName": "berta", "PolicyName": name});
        cloud.admin_call("iam", "DeleteUserPolicy", own);
    }
    cloud.admin_call("iam", "DeleteUser", json!({"UserName": "berta"}));
    cloud.user("berta", Some(policy("Allow", "*")));
    assert_eq!(code(lists()), (403, "InvalidAccessKeyId".into()));
}
