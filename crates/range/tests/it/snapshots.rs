//! The whole cloud as an archive: taken, taken back, here or elsewhere; or refused, and then nothing is changed.

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::durability::{fill, open};

fn control(cloud: &Cloud, call: &str, body: impl Into<Bytes>) -> (StatusCode, Bytes) {
    let request = Request::post(format!("/_stockade/{call}"))
        .header("host", "127.0.0.1")
        .body(body.into())
        .unwrap();
    let answer = cloud.range.handle(request);
    (answer.status(), answer.into_body())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_the_cloud_again_elsewhere_and_there_it_is_kept() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cloud = open(here.path()).await;
    let (user, session) = fill(&cloud);
    let (status, archive) = control(&cloud, "snapshot", "");
    assert_eq!(status, 200);

    let other = Cloud::with(|config| {
        config.data = Some(there.path().to_owned());
        config.seed = Some(8);
        config.account = Some("999988887777".parse().unwrap());
    });
    let other = other.await;
    other.admin_call("iam", "CreateUser", json!({"UserName": "gone"}));
    let stranger = other.admin();
    assert_eq!(control(&other, "restore", archive.clone()).0, 200);
    assert!(
        other
            .call(&stranger, "sts", "GetCallerIdentity", json!({}))
            .is_err()
    );
    for who in [&user, &session, &cloud.admin()] {
        other
            .call(who, "sts", "GetCallerIdentity", json!({}))
            .unwrap();
    }
    let users = other.call(&user, "iam", "ListUsers", json!({})).unwrap();
    let names: Vec<_> = users["Users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| &u["UserName"])
        .collect();
    assert_eq!(names, ["admin", "anna"]);
    let large = json!({"Bucket": "kept", "Key": "large"});
    assert_eq!(
        other.call(&user, "s3", "GetObject", large.clone()).unwrap()["Body"],
        cloud.admin_call("s3", "GetObject", large)["Body"]
    );
    assert!(other.now() >= cloud.now());
    // No id of the one is given again by the other.
    let made = |cloud: &Cloud, name: &str| -> Value {
        let made = cloud.call(&user, "iam", "CreateUser", json!({"UserName": name}));
        made.unwrap()["User"]["UserId"].clone()
    };
    assert_ne!(made(&cloud, "new"), made(&other, "new"));
    other.range.stop().await;

    let reopened = Cloud::with(|config| {
        config.data = Some(there.path().to_owned());
        config.seed = None;
    });
    let reopened = reopened.await;
    reopened
        .call(&user, "iam", "GetUser", json!({"UserName": "new"}))
        .unwrap();
    assert_eq!(reopened.admin().access_key, cloud.admin().access_key);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_taken_back_is_the_same_snapshot() {
    let cloud = Cloud::start().await;
    fill(&cloud);
    let archive = cloud.range.snapshot().unwrap();
    let users = cloud.admin_call("iam", "ListUsers", json!({}));
    cloud.admin_call("iam", "CreateUser", json!({"UserName": "later"}));
    cloud.admin_call(
        "s3",
        "DeleteObject",
        json!({"Bucket": "kept", "Key": "small"}),
    );
    cloud.range.restore(&archive).unwrap();
    assert_eq!(cloud.admin_call("iam", "ListUsers", json!({})), users);
    cloud.admin_call("s3", "GetObject", json!({"Bucket": "kept", "Key": "small"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_snapshot_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = open(folder.path()).await;
    fill(&cloud);
    let archive = cloud.range.snapshot().unwrap();
    let files = || {
        std::fs::read_dir(folder.path().join("bodies"))
            .unwrap()
            .count()
    };
    let before = files();
    let mut wrong = archive.clone();
    let middle = wrong.len() / 2;
    wrong[middle] ^= 1;
    for bad in [
        &b""[..],
        b"no",
        &archive[..middle],
        &wrong,
        &archive[..archive.len() - 9],
    ] {
        let (status, said) = control(&cloud, "restore", bad.to_vec());
        assert_eq!(status, 400);
        let said = String::from_utf8(said.to_vec()).unwrap();
        assert!(said.contains("nothing was changed"), "{said}");
    }
    cloud.admin_call("iam", "GetUser", json!({"UserName": "anna"}));
    assert_eq!(files(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_kept_and_leaves_no_bodies() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = open(folder.path()).await;
    let (user, _) = fill(&cloud);
    assert_eq!(control(&cloud, "reset", "").0, 200);
    assert!(
        cloud
            .call(&user, "sts", "GetCallerIdentity", json!({}))
            .is_err()
    );
    cloud.range.stop().await;
    let cloud = open(folder.path()).await;
    assert!(
        cloud
            .call(&user, "sts", "GetCallerIdentity", json!({}))
            .is_err()
    );
    let users = cloud.admin_call("iam", "ListUsers", json!({}));
    assert_eq!(users["Users"].as_array().unwrap().len(), 1);
    let left = std::fs::read_dir(folder.path().join("bodies"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}
