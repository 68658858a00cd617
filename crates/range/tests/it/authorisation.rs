//! What somebody may do, and what stops them.

use serde_json::json;

use crate::cloud::{Cloud, code, credentials_of, policy};

#[tokio::test]
async fn a_new_user_may_do_nothing() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", None);
    let error = cloud
        .call(&anna, "iam", "ListUsers", json!({}))
        .unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (403, "AccessDenied"));
    assert_eq!(
        error.message,
        "User: arn:aws:iam::123456789012:user/anna is not authorized to perform: iam:ListUsers on resource: \
         arn:aws:iam::123456789012:user/ because no identity-based policy allows the iam:ListUsers action"
    );
    let error = cloud
        .call(&anna, "cloudtrail", "DescribeTrails", json!({}))
        .unwrap_err();
    assert_eq!(error.code, "AccessDeniedException");
    assert_eq!(
        code(cloud.call(&anna, "s3", "ListBuckets", json!({}))),
        (403, "AccessDenied".into())
    );
    assert!(
        cloud
            .call(&anna, "sts", "GetCallerIdentity", json!({}))
            .is_ok()
    );
}

#[tokio::test]
async fn a_grant_is_for_what_it_says() {
    let cloud = Cloud::start().await;
    let statement = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iam:GetUser", "Resource": "arn:aws:iam::*:user/${aws:username}"}],
    });
    let anna = cloud.user("anna", Some(statement));
    cloud.user("berta", None);
    assert!(
        cloud
            .call(&anna, "iam", "GetUser", json!({"UserName": "anna"}))
            .is_ok()
    );
    assert_eq!(
        code(cloud.call(&anna, "iam", "GetUser", json!({"UserName": "berta"}))).1,
        "AccessDenied"
    );
    assert_eq!(
        code(cloud.call(&anna, "iam", "ListUsers", json!({}))).1,
        "AccessDenied"
    );
}

#[tokio::test]
async fn an_explicit_deny_is_named() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", Some(policy("Deny", "iam:*")));
    let error = cloud
        .call(&anna, "iam", "ListUsers", json!({}))
        .unwrap_err();
    assert!(
        error
            .message
            .ends_with("with an explicit deny in an identity-based policy"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn nobody_is_refused_their_own_name() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", Some(policy("Deny", "*")));
    assert!(
        cloud
            .call(&anna, "sts", "GetCallerIdentity", json!({}))
            .is_ok()
    );
}

#[tokio::test]
async fn the_source_address_is_the_one_that_loopback_tells() {
    let cloud = Cloud::start().await;
    let office = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*",
            "Condition": {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}},
        }],
    });
    let anna = cloud.user("anna", Some(office));
    let from = |address: Option<&str>| {
        let mut request = cloud.request("s3", "ListBuckets", json!({}));
        if let Some(address) = address {
            request
                .headers_mut()
                .insert("x-stockade-source-ip", address.parse().unwrap());
        }
        cloud.sign(&mut request, &anna, "s3", "us-east-1");
        cloud.read("s3", "ListBuckets", cloud.range.handle(request))
    };
    assert!(from(Some("198.51.100.7")).is_ok());
    assert!(from(Some("203.0.113.9")).is_err());
    assert!(from(None).is_err());
    let addresses: Vec<_> = cloud
        .events("ListBuckets")
        .iter()
        .map(|event| event["sourceIPAddress"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(addresses, ["127.0.0.1", "203.0.113.9", "198.51.100.7"]);
}

#[tokio::test]
async fn a_revoked_session_is_dead_and_a_new_one_lives() {
    let cloud = Cloud::start().await;
    let role = cloud.role(
        "app",
        &json!({"AWS": "123456789012"}),
        &policy("Allow", "s3:ListAllMyBuckets"),
    );
    let anna = cloud.user("anna", Some(policy("Allow", "sts:AssumeRole")));
    let stolen = cloud.assume(&anna, &role, "stolen").unwrap();
    assert!(cloud.call(&stolen, "s3", "ListBuckets", json!({})).is_ok());
    cloud.advance(60);
    let revoke = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"DateLessThan": {"aws:TokenIssueTime": cloud.now().to_string()}},
        }],
    });
    cloud.admin_call(
        "iam",
        "PutRolePolicy",
        json!({"RoleName": "app", "PolicyName": "AWSRevokeOlderSessions", "PolicyDocument": revoke.to_string()}),
    );
    assert_eq!(
        code(cloud.call(&stolen, "s3", "ListBuckets", json!({}))).1,
        "AccessDenied"
    );
    cloud.advance(1);
    let fresh = cloud.assume(&anna, &role, "fresh").unwrap();
    assert!(cloud.call(&fresh, "s3", "ListBuckets", json!({})).is_ok());
}

#[tokio::test]
async fn a_deny_by_token_issue_time_does_not_stop_a_long_term_key() {
    let cloud = Cloud::start().await;
    let both = json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "*", "Resource": "*",
             "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2030-01-01T00:00:00Z"}}},
        ],
    });
    let anna = cloud.user("anna", Some(both));
    assert!(cloud.call(&anna, "s3", "ListBuckets", json!({})).is_ok());
    let session = credentials_of(
        &cloud
            .call(&anna, "sts", "GetSessionToken", json!({}))
            .unwrap()["Credentials"],
    );
    assert_eq!(
        code(cloud.call(&session, "s3", "ListBuckets", json!({}))).1,
        "AccessDenied"
    );
}

#[tokio::test]
async fn an_attacker_can_win_inside_the_delay() {
    let cloud = Cloud::with(|config| config.iam_delay = jiff::SignedDuration::from_secs(4)).await;
    let anna = cloud.user("anna", Some(policy("Allow", "*")));
    cloud.advance(5);
    let quarantine = policy("Deny", "*").to_string();
    cloud.admin_call(
        "iam",
        "PutUserPolicy",
        json!({"UserName": "anna", "PolicyName": "quarantine", "PolicyDocument": quarantine}),
    );
    cloud.advance(2);
    // The deny has not spread: it can be taken off by the one whom it is to stop.
    let off = json!({"UserName": "anna", "PolicyName": "quarantine"});
    assert!(cloud.call(&anna, "iam", "DeleteUserPolicy", off).is_ok());
    cloud.advance(2);
    assert_eq!(
        code(cloud.call(&anna, "s3", "ListBuckets", json!({}))).1,
        "AccessDenied"
    );
    cloud.advance(2);
    assert!(cloud.call(&anna, "s3", "ListBuckets", json!({})).is_ok());
}

#[tokio::test]
async fn what_is_missing_says_so_by_name() {
    let cloud = Cloud::start().await;
    let error = cloud.call(
        &cloud.admin(),
        "s3",
        "RestoreObject",
        json!({"Bucket": "bucket", "Key": "k"}),
    );
    let error = error.unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (501, "NotImplemented"));
    assert!(error.message.contains("RestoreObject"), "{}", error.message);
}

#[tokio::test]
async fn what_the_range_lacks_is_refused_to_who_may_not_and_named_to_who_may() {
    let cloud = Cloud::start().await;
    let nobody = cloud.user("nobody", None);
    let some = json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["sqs:*", "cloudwatch:Put*", "cloudfront:CreateDistribution"], "Resource": "*"},
            {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "arn:aws:dynamodb:*:*:table/mine"},
        ],
    });
    let anna = cloud.user("anna", Some(some));
    let refused = |who: &_, service: &str, operation: &str, given: serde_json::Value| {
        let error = cloud.call(who, service, operation, given).unwrap_err();
        (error.status, error.message)
    };
    let (_, message) = refused(&nobody, "sqs", "ListQueues", json!({}));
    assert!(
        message.ends_with(
            "user/nobody is not authorized to perform: sqs:ListQueues because no identity-based policy allows the sqs:ListQueues action"
        ),
        "{message}"
    );
    for (who, service, operation, given, expected) in [
        (&anna, "sqs", "ListQueues", json!({}), 501),
        // The action has another name than the service, or than the operation.
        (
            &anna,
            "cloudwatch",
            "PutMetricAlarm",
            json!({"AlarmName": "a"}),
            501,
        ),
        (
            &nobody,
            "cloudwatch",
            "PutMetricAlarm",
            json!({"AlarmName": "a"}),
            403,
        ),
        (
            &anna,
            "cloudfront",
            "CreateDistributionWithTags",
            json!({"DistributionConfigWithTags": {"DistributionConfig": {}, "Tags": {}}}),
            403,
        ),
        // On some table it is allowed: which one it would be, the range does not know.
        (
            &anna,
            "dynamodb",
            "GetItem",
            json!({"TableName": "t", "Key": {}}),
            501,
        ),
        (
            &anna,
            "dynamodb",
            "PutItem",
            json!({"TableName": "t", "Item": {}}),
            403,
        ),
    ] {
        let (status, message) = refused(who, service, operation, given);
        // The JSON services say 400 where the others say 403.
        let status = if message.contains("is not authorized to perform") {
            403
        } else {
            status
        };
        assert_eq!(status, expected, "{service} {operation}: {message}");
    }
}
