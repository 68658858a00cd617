//! Regions: every one works, and those that there are not are refused.

use serde_json::json;

use crate::cloud::{Cloud, code};

#[tokio::test]
async fn a_region_that_aws_has_yet_to_open_works_and_nonsense_does_not() {
    let cloud = Cloud::start().await;
    for region in [
        "us-east-1",
        "eu-central-2",
        "ap-southeast-7",
        "mx-central-1",
        "eu-west-9",
    ] {
        for (service, operation) in [
            ("iam", "ListUsers"),
            ("cloudtrail", "DescribeTrails"),
            ("sts", "GetCallerIdentity"),
        ] {
            let answer = cloud.call_in(region, &cloud.admin(), service, operation, json!({}));
            assert!(answer.is_ok(), "{service} in {region}: {answer:?}");
        }
    }
    for (service, operation, expected) in [
        ("iam", "ListUsers", (403, "SignatureDoesNotMatch")),
        ("sts", "GetCallerIdentity", (403, "SignatureDoesNotMatch")),
        (
            "cloudtrail",
            "DescribeTrails",
            (400, "InvalidSignatureException"),
        ),
        ("s3", "ListBuckets", (400, "AuthorizationHeaderMalformed")),
    ] {
        for region in [
            "mars-east-1",
            "us-east",
            "us-east-1-1",
            "us-east-1a",
            "us-gov-west-1",
            "cn-north-1",
        ] {
            let error = cloud
                .call_in(region, &cloud.admin(), service, operation, json!({}))
                .unwrap_err();
            assert_eq!(
                (error.status, error.code.as_str()),
                expected,
                "{service} in {region}"
            );
            assert!(error.message.contains(&format!("'{region}'")), "{error}");
        }
    }
}

#[tokio::test]
async fn regions_are_kept_apart_and_iam_is_global() {
    let cloud = Cloud::start().await;
    let admin = cloud.admin();
    let there = |region| {
        let found = cloud.call_in(region, &admin, "cloudtrail", "LookupEvents", json!({}));
        let found = found.unwrap();
        let names = found["Events"].as_array().unwrap().iter();
        names
            .map(|event| event["EventName"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    cloud
        .call_in("eu-west-1", &admin, "cloudtrail", "ListTrails", json!({}))
        .unwrap();
    cloud
        .call_in(
            "eu-west-1",
            &admin,
            "iam",
            "CreateUser",
            json!({"UserName": "anna"}),
        )
        .unwrap();
    assert!(there("eu-west-1").contains(&"ListTrails".to_owned()));
    assert!(!there("eu-west-1").contains(&"CreateUser".to_owned()));
    assert!(there("us-east-1").contains(&"CreateUser".to_owned()));
    assert!(!there("us-east-1").contains(&"ListTrails".to_owned()));
    let again = cloud.call_in(
        "ap-south-1",
        &admin,
        "iam",
        "CreateUser",
        json!({"UserName": "anna"}),
    );
    assert_eq!(code(again).1, "EntityAlreadyExists");
}
