//! Trails: what arrives in the bucket, when, and what never does.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::cloud::{ACCOUNT, Cloud, code, policy};

const BUCKET: &str = "trail-bucket";

fn bucket_policy() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl",
             "Resource": format!("arn:aws:s3:::{BUCKET}")},
            {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
             "Resource": format!("arn:aws:s3:::{BUCKET}/AWSLogs/{ACCOUNT}/*"),
             "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}},
        ],
    })
}

fn make_bucket(cloud: &Cloud) {
    cloud.admin_call("s3", "CreateBucket", json!({"Bucket": BUCKET}));
    cloud.admin_call(
        "s3",
        "PutBucketPolicy",
        json!({"Bucket": BUCKET, "Policy": bucket_policy().to_string()}),
    );
}

fn make_trail(cloud: &Cloud) {
    make_bucket(cloud);
    cloud.admin_call(
        "cloudtrail",
        "CreateTrail",
        json!({"Name": "audit", "S3BucketName": BUCKET, "IsMultiRegionTrail": true}),
    );
    cloud.admin_call("cloudtrail", "StartLogging", json!({"Name": "audit"}));
}

fn keys(cloud: &Cloud) -> Vec<String> {
    let listed = cloud.admin_call("s3", "ListObjectsV2", json!({"Bucket": BUCKET}));
    listed["Contents"]
        .as_array()
        .map(|all| {
            all.iter()
                .map(|object| object["Key"].as_str().unwrap().to_owned())
                .collect()
        })
        .unwrap_or_default()
}

/// Every record that was delivered, by event name.
fn delivered(cloud: &Cloud) -> Vec<String> {
    let mut records: Vec<(String, String)> = Vec::new();
    for key in keys(cloud) {
        let object = cloud.admin_call("s3", "GetObject", json!({"Bucket": BUCKET, "Key": key}));
        let packed = hex::decode(object["Body"].as_str().unwrap()).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        for record in file["Records"].as_array().unwrap() {
            let of = |name: &str| record[name].as_str().unwrap().to_owned();
            records.push((of("eventTime"), of("eventName")));
        }
    }
    records.sort();
    records.into_iter().map(|(_, name)| name).collect()
}

#[tokio::test]
async fn files_arrive_by_the_clock_where_aws_puts_them() {
    let cloud = Cloud::start().await;
    make_trail(&cloud);
    cloud.admin_call("iam", "CreateUser", json!({"UserName": "mallory"}));
    cloud.admin_call("iam", "ListUsers", json!({}));
    cloud.advance(299);
    assert!(keys(&cloud).is_empty(), "not before five minutes are over");
    cloud.advance(1);
    let found = keys(&cloud);
    assert_eq!(found.len(), 1, "{found:?}");
    let key = &found[0];
    let start = "AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/02/123456789012_CloudTrail_us-east-1_20260302T0805Z_";
    let rest = key.strip_prefix(start).unwrap_or_else(|| panic!("{key}"));
    assert_eq!(
        rest.strip_suffix(".json.gz").map(str::len),
        Some(16),
        "{key}"
    );
    let names = delivered(&cloud);
    assert!(
        names.contains(&"CreateUser".to_owned()) && names.contains(&"ListUsers".to_owned()),
        "{names:?}"
    );
    assert!(
        !names.contains(&"CreateTrail".to_owned()),
        "what was before the trail started is not in it"
    );
    let status = cloud.admin_call("cloudtrail", "GetTrailStatus", json!({"Name": "audit"}));
    assert_eq!(status["IsLogging"], true);
    assert_eq!(status["LatestDeliveryTime"], "2026-03-02T08:05:00Z");
    assert_eq!(status["LatestDeliveryAttemptTime"], "2026-03-02T08:05:00Z");
}

#[tokio::test]
async fn stopping_leaves_a_true_gap() {
    let cloud = Cloud::start().await;
    make_trail(&cloud);
    cloud.admin_call("iam", "CreateUser", json!({"UserName": "before"}));
    cloud.advance(1);
    cloud.admin_call("cloudtrail", "StopLogging", json!({"Name": "audit"}));
    cloud.advance(1);
    cloud.admin_call("iam", "CreateGroup", json!({"GroupName": "unseen"}));
    cloud.advance(600);
    cloud.admin_call("cloudtrail", "StartLogging", json!({"Name": "audit"}));
    cloud.advance(1);
    cloud.admin_call("iam", "DeleteUser", json!({"UserName": "before"}));
    cloud.advance(600);
    let names = delivered(&cloud);
    for seen in ["CreateUser", "StartLogging", "DeleteUser"] {
        assert!(names.iter().any(|name| name == seen), "{seen}: {names:?}");
    }
    assert!(!names.iter().any(|name| name == "CreateGroup"), "{names:?}");
    assert_eq!(
        cloud.events("CreateGroup").len(),
        1,
        "the event history has it"
    );
    assert_eq!(cloud.events("StopLogging").len(), 1);
}

#[tokio::test]
async fn a_bucket_must_let_cloudtrail_in() {
    let cloud = Cloud::start().await;
    let create = |cloud: &Cloud| {
        cloud.call(
            &cloud.admin(),
            "cloudtrail",
            "CreateTrail",
            json!({"Name": "audit", "S3BucketName": BUCKET}),
        )
    };
    assert_eq!(
        code(create(&cloud)),
        (400, "S3BucketDoesNotExistException".into())
    );
    cloud.admin_call("s3", "CreateBucket", json!({"Bucket": BUCKET}));
    let error = create(&cloud).unwrap_err();
    assert_eq!(error.code, "InsufficientS3BucketPolicyException");
    assert_eq!(
        error.message,
        "Incorrect S3 bucket policy is detected for bucket: trail-bucket"
    );
    cloud.admin_call(
        "s3",
        "PutBucketPolicy",
        json!({"Bucket": BUCKET, "Policy": bucket_policy().to_string()}),
    );
    assert!(create(&cloud).is_ok());
    assert_eq!(code(create(&cloud)).1, "TrailAlreadyExistsException");
}

#[tokio::test]
async fn what_a_bucket_refuses_arrives_once_it_takes_it_again() {
    let cloud = Cloud::start().await;
    make_trail(&cloud);
    cloud.admin_call("s3", "DeleteBucketPolicy", json!({"Bucket": BUCKET}));
    cloud.admin_call("iam", "CreateUser", json!({"UserName": "mallory"}));
    cloud.advance(300);
    assert!(keys(&cloud).is_empty());
    let status = cloud.admin_call("cloudtrail", "GetTrailStatus", json!({"Name": "audit"}));
    assert_eq!(status["LatestDeliveryError"], "AccessDenied");
    cloud.admin_call(
        "s3",
        "PutBucketPolicy",
        json!({"Bucket": BUCKET, "Policy": bucket_policy().to_string()}),
    );
    cloud.advance(300);
    assert!(delivered(&cloud).contains(&"CreateUser".to_owned()));
    let status = cloud.admin_call("cloudtrail", "GetTrailStatus", json!({"Name": "audit"}));
    assert_eq!(status["LatestDeliveryError"], Value::Null);
}

#[tokio::test]
async fn data_events_arrive_only_where_they_are_asked_for() {
    let cloud = Cloud::start().await;
    make_trail(&cloud);
    cloud.admin_call("s3", "CreateBucket", json!({"Bucket": "secrets"}));
    let touch = |key: &str| {
        cloud.admin_call(
            "s3",
            "PutObject",
            json!({"Bucket": "secrets", "Key": key, "Body": "x"}),
        );
        cloud.admin_call("s3", "GetObject", json!({"Bucket": "secrets", "Key": key}));
    };
    touch("before");
    cloud.advance(300);
    assert!(!delivered(&cloud).contains(&"GetObject".to_owned()));
    cloud.admin_call(
        "cloudtrail",
        "PutEventSelectors",
        json!({"TrailName": "audit", "EventSelectors": [{
            "ReadWriteType": "All", "IncludeManagementEvents": true,
            "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::secrets/"]}],
        }]}),
    );
    touch("after");
    cloud.advance(300);
    let names = delivered(&cloud);
    assert_eq!(
        names.iter().filter(|name| *name == "PutObject").count(),
        1,
        "{names:?}"
    );
    assert_eq!(
        names.iter().filter(|name| *name == "GetObject").count(),
        1,
        "{names:?}"
    );
    assert!(
        cloud.events("GetObject").is_empty(),
        "the event history has no data events"
    );
}

#[tokio::test]
async fn a_trail_is_changed_at_home_alone() {
    let cloud = Cloud::start().await;
    make_trail(&cloud);
    let admin = cloud.admin();
    let arn = "arn:aws:cloudtrail:us-east-1:123456789012:trail/audit";
    let elsewhere = |operation: &str, given: Value| {
        cloud.call_in("eu-west-1", &admin, "cloudtrail", operation, given)
    };
    assert_eq!(
        code(elsewhere("StopLogging", json!({"Name": arn}))).1,
        "InvalidHomeRegionException"
    );
    assert_eq!(
        code(elsewhere("StopLogging", json!({"Name": "audit"}))).1,
        "TrailNotFoundException"
    );
    assert!(elsewhere("GetTrailStatus", json!({"Name": arn})).is_ok());
    let shown = elsewhere("DescribeTrails", json!({})).unwrap();
    assert_eq!(shown["trailList"][0]["HomeRegion"], "us-east-1");
    let own = elsewhere("DescribeTrails", json!({"includeShadowTrails": false})).unwrap();
    assert_eq!(own["trailList"], json!([]));
}

#[tokio::test]
async fn tags_and_settings_of_a_trail() {
    let cloud = Cloud::start().await;
    make_trail(&cloud);
    let arn = "arn:aws:cloudtrail:us-east-1:123456789012:trail/audit";
    cloud.admin_call(
        "cloudtrail",
        "AddTags",
        json!({"ResourceId": arn, "TagsList": [{"Key": "team", "Value": "blue"}]}),
    );
    let tags = cloud.admin_call("cloudtrail", "ListTags", json!({"ResourceIdList": [arn]}));
    assert_eq!(
        tags["ResourceTagList"][0]["TagsList"],
        json!([{"Key": "team", "Value": "blue"}])
    );
    cloud.admin_call(
        "cloudtrail",
        "RemoveTags",
        json!({"ResourceId": arn, "TagsList": [{"Key": "team"}]}),
    );
    let tags = cloud.admin_call("cloudtrail", "ListTags", json!({"ResourceIdList": [arn]}));
    assert_eq!(tags["ResourceTagList"][0]["TagsList"], json!([]));
    let update = json!({"Name": "audit", "IncludeGlobalServiceEvents": false});
    assert_eq!(
        code(cloud.call(&cloud.admin(), "cloudtrail", "UpdateTrail", update)).1,
        "InvalidParameterCombinationException"
    );
    cloud.admin_call(
        "cloudtrail",
        "UpdateTrail",
        json!({"Name": "audit", "EnableLogFileValidation": true}),
    );
    let trail = cloud.admin_call("cloudtrail", "GetTrail", json!({"Name": "audit"}));
    assert_eq!(trail["Trail"]["LogFileValidationEnabled"], true);
    cloud.admin_call("cloudtrail", "DeleteTrail", json!({"Name": "audit"}));
    let gone = cloud.call(
        &cloud.admin(),
        "cloudtrail",
        "GetTrail",
        json!({"Name": "audit"}),
    );
    assert_eq!(code(gone).1, "TrailNotFoundException");
}

#[tokio::test]
async fn a_trail_is_authorised_by_its_arn() {
    let cloud = Cloud::start().await;
    make_trail(&cloud);
    let anna = cloud.user("anna", Some(policy("Deny", "cloudtrail:StopLogging")));
    let error = cloud
        .call(&anna, "cloudtrail", "StopLogging", json!({"Name": "audit"}))
        .unwrap_err();
    assert!(
        error
            .message
            .contains("on resource: arn:aws:cloudtrail:us-east-1:123456789012:trail/audit"),
        "{}",
        error.message
    );
}
