//! `LookupEvents`: every call, allowed or refused, is found by what it was.

use serde_json::{Value, json};

use crate::cloud::{Cloud, code, policy};

fn lookup(cloud: &Cloud, key: &str, value: &str) -> Vec<Value> {
    let found = cloud.admin_call(
        "cloudtrail",
        "LookupEvents",
        json!({"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]}),
    );
    found["Events"].as_array().unwrap().clone()
}

fn names(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["EventName"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn events_are_found_by_every_attribute() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", Some(policy("Allow", "iam:ListUsers")));
    cloud.call(&anna, "iam", "ListUsers", json!({})).unwrap();
    cloud
        .call(&anna, "iam", "ListRoles", json!({}))
        .unwrap_err();
    let created = lookup(&cloud, "EventName", "CreateUser");
    assert_eq!(names(&created), ["CreateUser"]);
    let id = created[0]["EventId"].as_str().unwrap();
    assert_eq!(names(&lookup(&cloud, "EventId", id)), ["CreateUser"]);
    assert_eq!(
        names(&lookup(&cloud, "Username", "anna")),
        ["ListRoles", "ListUsers"]
    );
    assert_eq!(
        names(&lookup(&cloud, "AccessKeyId", &anna.access_key)),
        ["ListRoles", "ListUsers"]
    );
    assert_eq!(
        names(&lookup(&cloud, "ResourceType", "AWS::IAM::AccessKey")),
        ["CreateAccessKey"]
    );
    assert_eq!(
        names(&lookup(&cloud, "ResourceName", "anna")),
        ["CreateAccessKey", "PutUserPolicy", "CreateUser"]
    );
    assert_eq!(
        names(&lookup(&cloud, "EventSource", "iam.amazonaws.com")),
        [
            "ListRoles",
            "ListUsers",
            "CreateAccessKey",
            "PutUserPolicy",
            "CreateUser"
        ]
    );
    let writes = lookup(&cloud, "ReadOnly", "false");
    assert_eq!(
        names(&writes),
        ["CreateAccessKey", "PutUserPolicy", "CreateUser"]
    );
    assert_eq!(writes[0]["Username"], "admin");
    assert_eq!(writes[0]["ReadOnly"], "false");
}

#[tokio::test]
async fn a_refused_call_is_recorded_with_its_refusal() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", None);
    let error = cloud
        .call(&anna, "iam", "DeleteUser", json!({"UserName": "admin"}))
        .unwrap_err();
    let record = cloud.events("DeleteUser").remove(0);
    assert_eq!(record["errorCode"], "AccessDenied");
    assert_eq!(record["errorMessage"], error.message.as_str());
    assert_eq!(record["requestParameters"], Value::Null);
    assert_eq!(record["userIdentity"]["userName"], "anna");
    assert_eq!(
        record["userIdentity"]["accessKeyId"],
        anna.access_key.as_str()
    );
}

#[tokio::test]
async fn who_cannot_be_known_leaves_no_record() {
    let cloud = Cloud::start().await;
    let anna = cloud.user("anna", None);
    let wrong = stockade_wire::sigv4::Credentials {
        secret: stockade_model::Secret::new("wrong"),
        ..anna
    };
    cloud
        .call(&wrong, "iam", "ListGroups", json!({}))
        .unwrap_err();
    assert!(cloud.events("ListGroups").is_empty());
}

#[tokio::test]
async fn pages_hold_still_while_events_come_in() {
    let cloud = Cloud::start().await;
    for n in 0..7 {
        cloud.admin_call("iam", "CreateUser", json!({"UserName": format!("user{n}")}));
        cloud.advance(1);
    }
    let ask = |token: Option<&str>| {
        let mut input = json!({
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}], "MaxResults": 3,
        });
        if let Some(token) = token {
            input["NextToken"] = token.into();
        }
        cloud.call(&cloud.admin(), "cloudtrail", "LookupEvents", input)
    };
    let mut seen = Vec::new();
    let mut token: Option<String> = None;
    for page in 0..3 {
        let answer = ask(token.as_deref()).unwrap();
        for event in answer["Events"].as_array().unwrap() {
            let record: Value =
                serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap();
            seen.push(
                record["requestParameters"]["userName"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            );
        }
        token = answer["NextToken"].as_str().map(str::to_owned);
        assert_eq!(token.is_some(), page < 2);
        cloud.admin_call(
            "iam",
            "CreateUser",
            json!({"UserName": format!("late{page}")}),
        );
    }
    assert_eq!(
        seen,
        [
            "user6", "user5", "user4", "user3", "user2", "user1", "user0"
        ]
    );
    assert_eq!(
        code(ask(Some("bm9uc2Vuc2U="))).1,
        "InvalidNextTokenException"
    );
}

#[tokio::test]
async fn the_history_is_regional_and_ninety_days_long() {
    let cloud = Cloud::start().await;
    let admin = cloud.admin();
    cloud
        .call_in("eu-west-1", &admin, "cloudtrail", "ListTrails", json!({}))
        .unwrap();
    cloud
        .call_in("eu-west-1", &admin, "iam", "ListUsers", json!({}))
        .ok();
    let here = |region: &str| {
        let found = cloud
            .call_in(region, &admin, "cloudtrail", "LookupEvents", json!({}))
            .unwrap();
        names(found["Events"].as_array().unwrap())
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(here("eu-west-1"), ["ListTrails"]);
    assert_eq!(
        here("us-east-1")[0],
        "ListUsers",
        "IAM is recorded in us-east-1"
    );
    cloud.advance(90 * 24 * 3600 + 1);
    assert_eq!(here("eu-west-1"), ["LookupEvents"; 0]);
}

#[tokio::test]
async fn times_bound_a_search() {
    let cloud = Cloud::start().await;
    for n in 0..3 {
        cloud.admin_call("iam", "CreateUser", json!({"UserName": format!("user{n}")}));
        cloud.advance(60);
    }
    let between = |start: &str, end: &str| {
        let input = json!({"StartTime": start, "EndTime": end});
        cloud.call(&cloud.admin(), "cloudtrail", "LookupEvents", input)
    };
    let found = between("2026-03-02T08:00:30Z", "2026-03-02T08:01:30Z").unwrap();
    assert_eq!(found["Events"].as_array().unwrap().len(), 1);
    assert_eq!(
        code(between("2026-03-02T09:00:00Z", "2026-03-02T08:00:00Z")).1,
        "InvalidTimeRangeException"
    );
}
