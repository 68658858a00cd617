//! Our records beside real ones of AWS: for the same calls the same fields, of the same types.
//!
//! `real_records.ndjson` holds records of a real account (Invictus Incident Response, MIT licence), one for each
//! event, called by an IAM user by way of an SDK.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stockade_wire::sigv4::Credentials;

use crate::cloud::{Cloud, policy};

const REAL: &str = include_str!("real_records.ndjson");

/// Fields that stand only in records of calls by TLS, or of the console.
const NOT_OURS: [&str; 2] = ["tlsDetails", "sessionCredentialFromConsole"];

fn key(record: &Value) -> String {
    let text = |name: &str| record[name].as_str();
    let service = text("eventSource").unwrap().split('.').next().unwrap();
    let mut key = format!("{service}:{}", text("eventName").unwrap());
    if let Some(code) = text("errorCode") {
        key += &format!(":{code}");
    }
    key
}

fn real() -> BTreeMap<String, Value> {
    REAL.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|record| (key(&record), record))
        .collect()
}

/// The types of all members, by path.
fn shape(path: &str, value: &Value, found: &mut BTreeMap<String, &'static str>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(items) => {
            if let Some(first) = items.first() {
                shape(&format!("{path}[]"), first, found);
            }
            "array"
        }
        Value::Object(members) => {
            for (name, member) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                shape(&path, member, found);
            }
            "object"
        }
    };
    found.insert(path.to_owned(), kind);
}

fn shapes(record: &Value) -> BTreeMap<String, &'static str> {
    let mut record = record.clone();
    for name in NOT_OURS {
        record.as_object_mut().unwrap().remove(name);
    }
    // The cipher stands for TLS here too.
    if let Some(additional) = record
        .get_mut("additionalEventData")
        .and_then(Value::as_object_mut)
    {
        additional.remove("CipherSuite");
    }
    let mut found = BTreeMap::new();
    shape("", &record, &mut found);
    found
}

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}"#;
const ROLE: &str = "arn:aws:iam::123456789012:role/role";
const POLICY: &str = "arn:aws:iam::123456789012:policy/policy";
const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// The calls of the real records, in an order in which each comes to the same end as there.
fn calls() -> Vec<(&'static str, &'static str, Value)> {
    let document = policy("Allow", "ec2:DescribeInstances").to_string();
    let tags = json!([{"Key": "StratusRedTeam", "Value": "true"}]);
    let user = || json!({"UserName": "mallory"});
    let role = || json!({"RoleName": "role"});
    let profile = || json!({"InstanceProfileName": "profile"});
    let of_policy = || json!({"PolicyArn": POLICY});
    vec![
        ("sts", "GetCallerIdentity", json!({})),
        (
            "sts",
            "AssumeRole",
            json!({"RoleArn": "arn:aws:iam::123456789012:role/none", "RoleSessionName": "session"}),
        ),
        ("iam", "GetRole", role()),
        (
            "iam",
            "CreateRole",
            json!({"Path": "/", "RoleName": "role", "AssumeRolePolicyDocument": TRUST, "MaxSessionDuration": 3600, "Tags": tags}),
        ),
        ("iam", "GetRole", role()),
        (
            "sts",
            "AssumeRole",
            json!({"RoleArn": ROLE, "RoleSessionName": "session", "DurationSeconds": 900}),
        ),
        (
            "iam",
            "UpdateAssumeRolePolicy",
            json!({"RoleName": "role", "PolicyDocument": TRUST}),
        ),
        (
            "iam",
            "PutRolePolicy",
            json!({"RoleName": "role", "PolicyName": "inline-policy", "PolicyDocument": document}),
        ),
        (
            "iam",
            "GetRolePolicy",
            json!({"RoleName": "role", "PolicyName": "inline-policy"}),
        ),
        ("iam", "ListRolePolicies", role()),
        (
            "iam",
            "CreatePolicy",
            json!({"PolicyDocument": document, "Path": "/", "Tags": tags, "Description": "", "PolicyName": "policy"}),
        ),
        ("iam", "GetPolicy", of_policy()),
        (
            "iam",
            "GetPolicyVersion",
            json!({"PolicyArn": POLICY, "VersionId": "v1"}),
        ),
        ("iam", "ListPolicyVersions", of_policy()),
        ("iam", "ListEntitiesForPolicy", of_policy()),
        (
            "iam",
            "AttachRolePolicy",
            json!({"RoleName": "role", "PolicyArn": POLICY}),
        ),
        ("iam", "ListAttachedRolePolicies", role()),
        ("iam", "GetInstanceProfile", profile()),
        (
            "iam",
            "CreateInstanceProfile",
            json!({"InstanceProfileName": "profile", "Path": "/", "Tags": tags}),
        ),
        (
            "iam",
            "AddRoleToInstanceProfile",
            json!({"InstanceProfileName": "profile", "RoleName": "role"}),
        ),
        ("iam", "GetInstanceProfile", profile()),
        ("iam", "ListInstanceProfilesForRole", role()),
        (
            "iam",
            "RemoveRoleFromInstanceProfile",
            json!({"InstanceProfileName": "profile", "RoleName": "role"}),
        ),
        ("iam", "DeleteInstanceProfile", profile()),
        (
            "iam",
            "DetachRolePolicy",
            json!({"RoleName": "role", "PolicyArn": POLICY}),
        ),
        ("iam", "DeletePolicy", of_policy()),
        (
            "iam",
            "DeleteRolePolicy",
            json!({"PolicyName": "inline-policy", "RoleName": "role"}),
        ),
        ("iam", "DeleteRole", role()),
        (
            "iam",
            "CreateUser",
            json!({"Path": "/", "UserName": "mallory"}),
        ),
        ("iam", "GetUser", user()),
        ("iam", "ListUsers", json!({})),
        (
            "iam",
            "AttachUserPolicy",
            json!({"UserName": "mallory", "PolicyArn": ADMIN}),
        ),
        (
            "iam",
            "DetachUserPolicy",
            json!({"PolicyArn": ADMIN, "UserName": "mallory"}),
        ),
        (
            "iam",
            "CreateLoginProfile",
            json!({"UserName": "mallory", "Password": "Correct-horse-7", "PasswordResetRequired": false}),
        ),
        ("iam", "GetLoginProfile", user()),
        ("iam", "DeleteLoginProfile", user()),
        ("iam", "DeleteLoginProfile", user()),
        ("iam", "CreateAccessKey", user()),
        ("iam", "ListAccessKeys", user()),
        ("iam", "ListGroupsForUser", user()),
        ("iam", "ListMFADevices", user()),
        ("iam", "ListSSHPublicKeys", user()),
        ("iam", "ListServiceSpecificCredentials", user()),
        ("iam", "ListSigningCertificates", user()),
        ("iam", "GetAccountSummary", json!({})),
        ("iam", "GetAccountAuthorizationDetails", json!({})),
        (
            "iam",
            "DeleteAccessKey",
            json!({"UserName": "mallory", "AccessKeyId": "of mallory"}),
        ),
        ("iam", "DeleteUser", user()),
        ("s3", "CreateBucket", json!({"Bucket": "golden-bucket"})),
        ("s3", "GetBucketAcl", json!({"Bucket": "golden-bucket"})),
        (
            "s3",
            "GetBucketLocation",
            json!({"Bucket": "golden-bucket"}),
        ),
        (
            "s3",
            "GetBucketVersioning",
            json!({"Bucket": "golden-bucket"}),
        ),
        ("s3", "GetBucketPolicy", json!({"Bucket": "golden-bucket"})),
        ("s3", "GetBucketTagging", json!({"Bucket": "golden-bucket"})),
        (
            "s3",
            "PutBucketTagging",
            json!({"Bucket": "golden-bucket", "Tagging": {"TagSet": tags}}),
        ),
        ("s3", "GetBucketTagging", json!({"Bucket": "golden-bucket"})),
        (
            "s3",
            "PutBucketPolicy",
            json!({"Bucket": "golden-bucket", "Policy": bucket_policy()}),
        ),
        ("s3", "GetBucketPolicy", json!({"Bucket": "golden-bucket"})),
        (
            "cloudtrail",
            "StartLogging",
            json!({"Name": "golden-trail"}),
        ),
        ("cloudtrail", "StopLogging", json!({"Name": "golden-trail"})),
        ("cloudtrail", "DeleteTrail", json!({"Name": "golden-trail"})),
        (
            "cloudtrail",
            "CreateTrail",
            json!({"Name": "golden-trail", "S3BucketName": "golden-bucket", "IncludeGlobalServiceEvents": true, "TagsList": tags}),
        ),
        (
            "cloudtrail",
            "StartLogging",
            json!({"Name": "golden-trail"}),
        ),
        (
            "cloudtrail",
            "GetTrailStatus",
            json!({"Name": "golden-trail"}),
        ),
        (
            "cloudtrail",
            "DescribeTrails",
            json!({"trailNameList": ["golden-trail"]}),
        ),
        (
            "cloudtrail",
            "GetEventSelectors",
            json!({"TrailName": "golden-trail"}),
        ),
        (
            "cloudtrail",
            "PutEventSelectors",
            json!({"TrailName": "golden-trail", "EventSelectors": [{
            "ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": []}]}),
        ),
        (
            "cloudtrail",
            "ListTags",
            json!({"ResourceIdList": ["arn:aws:cloudtrail:us-east-1:123456789012:trail/golden-trail"]}),
        ),
        ("cloudtrail", "DeleteTrail", json!({"Name": "golden-trail"})),
        (
            "s3",
            "DeleteBucketPolicy",
            json!({"Bucket": "golden-bucket"}),
        ),
        ("s3", "DeleteBucket", json!({"Bucket": "golden-bucket"})),
    ]
}

fn bucket_policy() -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": ["s3:GetBucketAcl", "s3:PutObject"],
            "Resource": ["arn:aws:s3:::golden-bucket", "arn:aws:s3:::golden-bucket/*"],
        }],
    })
    .to_string()
}

/// What AWS writes that depends on the request and not on the format.
fn is_left_to_the_caller(key: &str, path: &str) -> bool {
    // The policy's own members.
    path.starts_with("requestParameters.bucketPolicy.")
        // Which endpoint served, and how long the token is, AWS tells since later than these were recorded.
        || (key.starts_with("sts:") && (path.starts_with("additionalEventData") || path.starts_with("responseElements.sessionToken")))
        // SDKs differ in what they send of themselves.
        || (key == "s3:CreateBucket" && (path == "requestParameters.x-amz-acl" || path.starts_with("requestParameters.CreateBucketConfiguration")))
}

#[tokio::test]
async fn records_have_the_fields_and_types_of_real_ones() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", Some(policy("Allow", "*")));
    let mut real = real();
    let mut compared = 0;
    let mut differences = Vec::new();
    let mut mallorys = String::new();
    for (service, operation, mut given) in calls() {
        if operation == "DeleteAccessKey" {
            given["AccessKeyId"] = mallorys.clone().into();
        }
        cloud.advance(1);
        let outcome = cloud.call(&anna, service, operation, given);
        if let (Ok(answer), "CreateAccessKey") = (&outcome, operation) {
            mallorys = answer["AccessKey"]["AccessKeyId"]
                .as_str()
                .unwrap()
                .to_owned();
        }
        let Some(ours) = last(&cloud, &anna) else {
            differences.push(format!(
                "{service}:{operation} ({outcome:?}) left no record"
            ));
            continue;
        };
        let key = key(&ours);
        let Some(theirs) = real.remove(&key) else {
            differences.push(format!(
                "{key} is not among the real records, or came twice: {outcome:?}"
            ));
            continue;
        };
        compared += 1;
        let (ours, theirs) = (shapes(&ours), shapes(&theirs));
        for (path, kind) in &theirs {
            if ours.get(path) != Some(kind) && !is_left_to_the_caller(&key, path) {
                differences.push(format!(
                    "{key}: {path} is {kind} there, {:?} here",
                    ours.get(path)
                ));
            }
        }
        for (path, kind) in &ours {
            if !theirs.contains_key(path) && !is_left_to_the_caller(&key, path) {
                differences.push(format!("{key}: {path} is {kind} here, and not there"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared >= 65, "only {compared} were compared");
}

/// The newest record of a caller.
fn last(cloud: &Cloud, who: &Credentials) -> Option<Value> {
    let found = cloud.admin_call(
        "cloudtrail",
        "LookupEvents",
        json!({"LookupAttributes": [{"AttributeKey": "AccessKeyId", "AttributeValue": who.access_key}], "MaxResults": 1}),
    );
    let event = found["Events"].get(0)?;
    serde_json::from_str(event["CloudTrailEvent"].as_str()?).ok()
}

#[tokio::test]
async fn secrets_are_in_no_record() {
    let cloud = Cloud::start().await;
    let admin = cloud.admin();
    cloud.admin_call("iam", "CreateUser", json!({"UserName": "anna"}));
    let key = cloud.admin_call("iam", "CreateAccessKey", json!({"UserName": "anna"}));
    let password = json!({"UserName": "anna", "Password": "Correct-horse-7"});
    cloud.admin_call("iam", "CreateLoginProfile", password.clone());
    cloud.admin_call("iam", "UpdateLoginProfile", password);
    let session = cloud
        .call(&admin, "sts", "GetSessionToken", json!({}))
        .unwrap();
    let secrets = [
        admin.secret.expose(),
        key["AccessKey"]["SecretAccessKey"].as_str().unwrap(),
        session["Credentials"]["SecretAccessKey"].as_str().unwrap(),
        "Correct-horse-7",
    ];
    let found = cloud.admin_call("cloudtrail", "LookupEvents", json!({}));
    let text = found.to_string();
    assert!(text.contains("UpdateLoginProfile"));
    for secret in secrets {
        assert!(!text.contains(secret));
    }
}

#[tokio::test]
async fn every_kind_of_caller_is_shown_as_aws_does() {
    let cloud = Cloud::start().await;
    let trust = json!({"AWS": "123456789012"});
    let role = cloud.role("app", &trust, &policy("Allow", "iam:ListUsers"));
    let session = cloud.assume(&cloud.admin(), &role, "deploy").unwrap();
    cloud.call(&session, "iam", "ListUsers", json!({})).unwrap();
    let record = cloud.events("ListUsers").remove(0);
    let who = &record["userIdentity"];
    assert_eq!(who["type"], "AssumedRole");
    assert_eq!(
        who["arn"],
        "arn:aws:sts::123456789012:assumed-role/app/deploy"
    );
    assert_eq!(who["accessKeyId"], session.access_key.as_str());
    let issuer = &who["sessionContext"]["sessionIssuer"];
    assert_eq!(issuer["type"], "Role");
    assert_eq!(issuer["arn"], role.as_str());
    assert_eq!(issuer["userName"], "app");
    assert_eq!(
        who["principalId"],
        format!("{}:deploy", issuer["principalId"].as_str().unwrap())
    );
    let attributes = &who["sessionContext"]["attributes"];
    assert_eq!(attributes["creationDate"], "2026-03-02T08:00:00Z");
    assert_eq!(attributes["mfaAuthenticated"], "false");
    let assumed = cloud.events("AssumeRole").remove(0);
    assert_eq!(assumed["readOnly"], true);
    assert_eq!(
        assumed["responseElements"]["credentials"]["accessKeyId"],
        session.access_key.as_str()
    );
    assert_eq!(assumed["resources"][0]["ARN"], role.as_str());
    assert!(
        assumed.get("sharedEventID").is_none(),
        "one account, one record"
    );
}
