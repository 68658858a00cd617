//! More accounts than one: what crosses over, what an organisation forbids, what its trail collects.

use serde_json::{Value, json};
use stockade_range::authn::Trust;
use stockade_wire::sigv4::Credentials;

use crate::cloud::{ACCOUNT, Cloud, code, policy};

/// An organisation with one more account, and its administrator's session there.
fn member(cloud: &Cloud) -> (String, Credentials) {
    cloud
        .call(
            &cloud.admin(),
            "organizations",
            "CreateOrganization",
            json!({"FeatureSet": "ALL"}),
        )
        .ok();
    let made = cloud.admin_call(
        "organizations",
        "CreateAccount",
        json!({"Email": "workload@example.com", "AccountName": "workload"}),
    );
    let status = cloud.admin_call(
        "organizations",
        "DescribeCreateAccountStatus",
        json!({"CreateAccountRequestId": made["CreateAccountStatus"]["Id"]}),
    );
    let account = status["CreateAccountStatus"]["AccountId"]
        .as_str()
        .unwrap()
        .to_owned();
    let role = format!("arn:aws:iam::{account}:role/OrganizationAccountAccessRole");
    let session = cloud.assume(&cloud.admin(), &role, "ops").unwrap();
    (account, session)
}

fn in_history(cloud: &Cloud, who: &Credentials, name: &str) -> Vec<Value> {
    let input =
        json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}]});
    let found = cloud
        .call(who, "cloudtrail", "LookupEvents", input)
        .unwrap();
    let events = found["Events"].as_array().unwrap();
    events
        .iter()
        .map(|event| serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap())
        .collect()
}

#[tokio::test]
async fn a_role_taken_across_accounts_is_recorded_in_both() {
    let cloud = Cloud::start().await;
    let (account, session) = member(&cloud);
    let here = cloud.events("AssumeRole").remove(0);
    let there = in_history(&cloud, &session, "AssumeRole").remove(0);
    assert_eq!(here["recipientAccountId"], ACCOUNT);
    assert_eq!(there["recipientAccountId"], account.as_str());
    assert!(here["sharedEventID"].is_string());
    assert_eq!(here["sharedEventID"], there["sharedEventID"]);
    assert_ne!(here["eventID"], there["eventID"]);
    assert_eq!(here["userIdentity"]["type"], "IAMUser");
    let stranger = &there["userIdentity"];
    assert_eq!(stranger["type"], "AWSAccount");
    assert_eq!(stranger["accountId"], ACCOUNT);
    assert_eq!(stranger["principalId"], here["userIdentity"]["principalId"]);
    assert!(stranger.get("arn").is_none() && stranger.get("userName").is_none());
}

#[tokio::test]
async fn a_user_of_another_account_needs_both_sides() {
    let cloud = Cloud::start().await;
    let (account, session) = member(&cloud);
    let role = format!("arn:aws:iam::{account}:role/OrganizationAccountAccessRole");
    let anna = cloud.user("anna", None);
    assert_eq!(
        cloud.assume(&anna, &role, "session").unwrap_err().code,
        "AccessDenied"
    );
    cloud.allow("anna", &policy("Allow", "sts:AssumeRole"));
    assert!(cloud.assume(&anna, &role, "session").is_ok());
    // And no way back: nobody there is trusted here.
    let back = cloud.role(
        "here",
        &json!({"Service": "ec2.amazonaws.com"}),
        &policy("Allow", "*"),
    );
    assert_eq!(
        cloud.assume(&session, &back, "session").unwrap_err().code,
        "AccessDenied"
    );
}

/// Attaches a policy that denies all of S3 to an account.
fn forbid_s3(cloud: &Cloud, account: &str) {
    let roots = cloud.admin_call("organizations", "ListRoots", json!({}));
    let root = roots["Roots"][0]["Id"].as_str().unwrap();
    let enable = json!({"RootId": root, "PolicyType": "SERVICE_CONTROL_POLICY"});
    cloud
        .call(&cloud.admin(), "organizations", "EnablePolicyType", enable)
        .ok();
    let made = cloud.admin_call(
        "organizations",
        "CreatePolicy",
        json!({
            "Content": policy("Deny", "s3:*").to_string(), "Description": "no S3", "Name": "no-s3",
            "Type": "SERVICE_CONTROL_POLICY",
        }),
    );
    let id = made["Policy"]["PolicySummary"]["Id"].as_str().unwrap();
    cloud.admin_call(
        "organizations",
        "AttachPolicy",
        json!({"PolicyId": id, "TargetId": account}),
    );
}

#[tokio::test]
async fn a_service_control_policy_stops_a_members_administrator() {
    let cloud = Cloud::start().await;
    let (account, session) = member(&cloud);
    assert!(cloud.call(&session, "s3", "ListBuckets", json!({})).is_ok());
    forbid_s3(&cloud, &account);
    let error = cloud
        .call(&session, "s3", "ListBuckets", json!({}))
        .unwrap_err();
    assert_eq!(error.code, "AccessDenied");
    assert!(
        error.message.contains(
            " with an explicit deny in a service control policy: arn:aws:organizations::"
        ),
        "{}",
        error.message
    );
    assert!(cloud.call(&session, "iam", "ListUsers", json!({})).is_ok());
    forbid_s3_here(&cloud);
    assert!(
        cloud
            .call(&cloud.admin(), "s3", "ListBuckets", json!({}))
            .is_ok(),
        "the management account is exempt"
    );
}

fn forbid_s3_here(cloud: &Cloud) {
    let listed = cloud.admin_call(
        "organizations",
        "ListPolicies",
        json!({"Filter": "SERVICE_CONTROL_POLICY"}),
    );
    let policies = listed["Policies"].as_array().unwrap();
    let id = policies
        .iter()
        .find(|policy| policy["Name"] == "no-s3")
        .unwrap()["Id"]
        .clone();
    cloud.admin_call(
        "organizations",
        "AttachPolicy",
        json!({"PolicyId": id, "TargetId": ACCOUNT}),
    );
}

#[tokio::test]
async fn root_is_stopped_by_a_service_control_policy_alone() {
    let cloud = Cloud::with(|config| config.trust = Trust::Anybody).await;
    let (account, _) = member(&cloud);
    let root = Credentials {
        access_key: account.clone(),
        ..cloud.admin()
    };
    let who = cloud
        .call(&root, "sts", "GetCallerIdentity", json!({}))
        .unwrap();
    assert_eq!(who["Arn"], format!("arn:aws:iam::{account}:root"));
    assert!(cloud.call(&root, "s3", "ListBuckets", json!({})).is_ok());
    forbid_s3(&cloud, &account);
    assert_eq!(
        code(cloud.call(&root, "s3", "ListBuckets", json!({}))).1,
        "AccessDenied"
    );
}

#[tokio::test]
async fn an_organisations_trail_collects_from_its_members() {
    let cloud = Cloud::start().await;
    let (account, session) = member(&cloud);
    let organization = cloud.admin_call("organizations", "DescribeOrganization", json!({}));
    let id = organization["Organization"]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    let open = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": ["s3:GetBucketAcl", "s3:PutObject"], "Resource": ["arn:aws:s3:::org-trail", "arn:aws:s3:::org-trail/*"],
        }],
    });
    cloud.admin_call("s3", "CreateBucket", json!({"Bucket": "org-trail"}));
    cloud.admin_call(
        "s3",
        "PutBucketPolicy",
        json!({"Bucket": "org-trail", "Policy": open.to_string()}),
    );
    let trail = json!({"Name": "org", "S3BucketName": "org-trail", "IsMultiRegionTrail": true, "IsOrganizationTrail": true});
    let refused = cloud.call(&session, "cloudtrail", "CreateTrail", trail.clone());
    assert_eq!(code(refused).1, "NotOrganizationMasterAccountException");
    let refused = cloud.call(&cloud.admin(), "cloudtrail", "CreateTrail", trail.clone());
    assert_eq!(code(refused).1, "CloudTrailAccessNotEnabledException");
    cloud.admin_call(
        "organizations",
        "EnableAWSServiceAccess",
        json!({"ServicePrincipal": "cloudtrail.amazonaws.com"}),
    );
    cloud.admin_call("cloudtrail", "CreateTrail", trail);
    cloud.admin_call("cloudtrail", "StartLogging", json!({"Name": "org"}));
    cloud.call(&session, "iam", "ListUsers", json!({})).unwrap();
    // The member sees the trail, and cannot stop it.
    let seen = cloud
        .call(&session, "cloudtrail", "DescribeTrails", json!({}))
        .unwrap();
    let arn = seen["trailList"][0]["TrailARN"].clone();
    assert_eq!(arn, "arn:aws:cloudtrail:us-east-1:123456789012:trail/org");
    assert!(
        cloud
            .call(&session, "cloudtrail", "StopLogging", json!({"Name": arn}))
            .is_err()
    );
    cloud.advance(300);
    let listed = cloud.admin_call("s3", "ListObjectsV2", json!({"Bucket": "org-trail"}));
    let keys: Vec<&str> = listed["Contents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["Key"].as_str().unwrap())
        .collect();
    let of_member = format!(
        "AWSLogs/{id}/{account}/CloudTrail/us-east-1/2026/03/02/{account}_CloudTrail_us-east-1_"
    );
    let of_management = format!("AWSLogs/{id}/{ACCOUNT}/CloudTrail/us-east-1/");
    assert!(
        keys.iter().any(|key| key.starts_with(&of_member)),
        "{keys:?}"
    );
    assert!(
        keys.iter().any(|key| key.starts_with(&of_management)),
        "{keys:?}"
    );
}

#[tokio::test]
async fn nobody_is_believed_where_others_can_reach() {
    use stockade_range::server::{Config, Range, StartError};
    let open = |trust, exposed| Config {
        listen: ([0, 0, 0, 0], 0).into(),
        trust,
        exposed,
        ..Config::default()
    };
    assert!(matches!(
        Range::start(open(Trust::Signatures, false)).await,
        Err(StartError::Exposed(_))
    ));
    assert!(matches!(
        Range::start(open(Trust::Anybody, true)).await,
        Err(StartError::ExposedToAnybody(_))
    ));
}

#[tokio::test]
async fn nobody_makes_a_role_that_passes_for_a_services_own() {
    let cloud = Cloud::start().await;
    let (_, session) = member(&cloud);
    let trust = policy("Allow", "sts:AssumeRole");
    for path in [
        "/aws-service-role/",
        "/aws-service-role/ec2.amazonaws.com/",
        "/aws-reserved/sso.amazonaws.com/",
    ] {
        let given =
            json!({"RoleName": "x", "Path": path, "AssumeRolePolicyDocument": trust.to_string()});
        // No service control policy would bind it.
        assert_eq!(
            code(cloud.call(&session, "iam", "CreateRole", given)),
            (400, "InvalidInput".into()),
            "{path}"
        );
    }
}
