//! What a data folder keeps: everything, whatever happens to it, or a clear word that it cannot be had.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use stockade_range::server::{Config, Range, StartError};
use stockade_range::store::StoreError;
use stockade_wire::sigv4::Credentials;

use crate::cloud::{ACCOUNT, Cloud, START, credentials_of, policy};

pub async fn open(folder: &Path) -> Cloud {
    Cloud::with(|config| config.data = Some(folder.to_owned())).await
}

async fn refused(folder: &Path, change: impl FnOnce(&mut Config)) -> StartError {
    let mut config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        data: Some(folder.to_owned()),
        still_at: Some(START.parse().unwrap()),
        ..Config::default()
    };
    change(&mut config);
    match Range::start(config).await {
        Err(error) => error,
        Ok(_) => panic!("it started"),
    }
}

/// A cloud with something of everything in it; answers the keys of a user and of a session.
pub fn fill(cloud: &Cloud) -> (Credentials, Credentials) {
    let user = cloud.user("anna", Some(policy("Allow", "*")));
    let role = cloud.role("worker", &json!({"AWS": ACCOUNT}), &policy("Allow", "*"));
    let session = cloud
        .call(
            &user,
            "sts",
            "AssumeRole",
            json!({"RoleArn": role, "RoleSessionName": "work"}),
        )
        .unwrap();
    let session = credentials_of(&session["Credentials"]);
    cloud.admin_call(
        "organizations",
        "CreateOrganization",
        json!({"FeatureSet": "ALL"}),
    );
    let made = json!({"AccountName": "member", "Email": "member@x.example"});
    cloud.admin_call("organizations", "CreateAccount", made);
    cloud.admin_call(
        "iam",
        "CreateVirtualMFADevice",
        json!({"VirtualMFADeviceName": "phone"}),
    );
    cloud.admin_call("iam", "GenerateCredentialReport", json!({}));
    cloud.admin_call("s3", "CreateBucket", json!({"Bucket": "kept"}));
    let on = json!({"Bucket": "kept", "VersioningConfiguration": {"Status": "Enabled"}});
    cloud.admin_call("s3", "PutBucketVersioning", on);
    for (key, size) in [
        ("small", 3),
        ("large", 100_000),
        ("large", 70_000),
        ("a\u{1}b/ü", 20),
    ] {
        let put = json!({"Bucket": "kept", "Key": key, "Body": "x".repeat(size)});
        cloud.admin_call("s3", "PutObject", put);
    }
    let begun = json!({"Bucket": "kept", "Key": "parts"});
    let upload = cloud.admin_call("s3", "CreateMultipartUpload", begun);
    cloud.admin_call(
        "s3",
        "UploadPart",
        json!({"Bucket": "kept", "Key": "parts", "UploadId": upload["UploadId"], "PartNumber": 1, "Body": "y".repeat(50_000)}),
    );
    let let_in = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": ["s3:GetBucketAcl", "s3:PutObject"],
         "Resource": ["arn:aws:s3:::kept", "arn:aws:s3:::kept/*"]},
    ]});
    cloud.admin_call(
        "s3",
        "PutBucketPolicy",
        json!({"Bucket": "kept", "Policy": let_in.to_string()}),
    );
    cloud.admin_call(
        "cloudtrail",
        "CreateTrail",
        json!({"Name": "audit", "S3BucketName": "kept"}),
    );
    cloud.admin_call("cloudtrail", "StartLogging", json!({"Name": "audit"}));
    cloud.admin_call("iam", "ListUsers", json!({}));
    cloud
        .call(&session, "sts", "GetCallerIdentity", json!({}))
        .unwrap();
    cloud.advance(60);
    (user, session)
}

fn history(cloud: &Cloud) -> Vec<Value> {
    let mut events = Vec::new();
    let mut asked = json!({});
    loop {
        let page = cloud.admin_call("cloudtrail", "LookupEvents", asked);
        events.extend(page["Events"].as_array().unwrap().iter().cloned());
        match page.get("NextToken") {
            Some(token) => asked = json!({"NextToken": token}),
            None => return events,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reopened_range_is_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = open(folder.path()).await;
    let (user, session) = fill(&cloud);
    let (before, then) = (cloud.range.snapshot().unwrap(), cloud.now());
    let events = history(&cloud).len();
    let first_admin = cloud.admin();
    cloud.range.stop().await;

    let cloud = open(folder.path()).await;
    assert!(cloud.range.was_there());
    assert_eq!(cloud.now(), then, "time goes on where it was");
    assert_eq!(cloud.admin().access_key, first_admin.access_key);
    for who in [&user, &session, &first_admin] {
        cloud
            .call(who, "sts", "GetCallerIdentity", json!({}))
            .unwrap();
    }
    let now = history(&cloud);
    // Those of the look itself, and of the three who said who they are.
    assert_eq!(now.len(), events + events.div_ceil(50) + 3);
    let large = cloud.admin_call("s3", "GetObject", json!({"Bucket": "kept", "Key": "large"}));
    assert_eq!(
        hex::decode(large["Body"].as_str().unwrap()).unwrap().len(),
        70_000
    );
    drop(before);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_the_same_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = open(folder.path()).await;
    fill(&cloud);
    let before = cloud.range.snapshot().unwrap();
    cloud.range.stop().await;
    let cloud = open(folder.path()).await;
    assert!(
        before == cloud.range.snapshot().unwrap(),
        "the snapshots differ"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_never_repeat_and_trails_deliver_what_they_took_before() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ids, mut events) = (BTreeSet::new(), BTreeSet::new());
    for start in 0..4 {
        let cloud = open(folder.path()).await;
        if start == 0 {
            fill(&cloud);
        }
        for number in 0..3 {
            let name = format!("u{start}-{number}");
            let user = cloud.admin_call("iam", "CreateUser", json!({"UserName": name}));
            assert!(ids.insert(user["User"]["UserId"].as_str().unwrap().to_owned()));
            let key = cloud.admin_call("iam", "CreateAccessKey", json!({"UserName": name}));
            assert!(ids.insert(key["AccessKey"]["AccessKeyId"].as_str().unwrap().to_owned()));
        }
        for event in history(&cloud) {
            let event = event["EventId"].as_str().unwrap().to_owned();
            assert!(events.contains(&event) || ids.insert(event.clone()));
            events.insert(event);
        }
        cloud.range.stop().await;
    }
    let cloud = open(folder.path()).await;
    let all = history(&cloud);
    let unique: BTreeSet<_> = all
        .iter()
        .map(|event| event["EventId"].as_str().unwrap())
        .collect();
    assert_eq!(unique.len(), all.len());
    cloud.advance(600);
    let listed = cloud.admin_call(
        "s3",
        "ListObjectsV2",
        json!({"Bucket": "kept", "Prefix": "AWSLogs/"}),
    );
    let mut delivered = BTreeSet::new();
    for file in listed["Contents"].as_array().unwrap() {
        let get = json!({"Bucket": "kept", "Key": file["Key"]});
        let body = cloud.admin_call("s3", "GetObject", get)["Body"].clone();
        let packed = hex::decode(body.as_str().unwrap()).unwrap();
        let file: Value = serde_json::from_reader(GzDecoder::new(&packed[..])).unwrap();
        for record in file["Records"].as_array().unwrap() {
            let id = record["eventID"].as_str().unwrap().to_owned();
            assert!(delivered.insert(id), "{record} was delivered twice");
        }
    }
    // Of each start, what it made is there, though none of them lived to deliver it.
    let made = all
        .iter()
        .filter(|event| event["EventName"] == "CreateAccessKey");
    let made: Vec<_> = made
        .map(|event| event["EventId"].as_str().unwrap())
        .collect();
    assert!(made.len() > 12, "{made:?}");
    // The first was made before the trail was.
    let missing = made.iter().filter(|id| !delivered.contains(**id)).count();
    assert_eq!(missing, 1, "{made:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Arc::new(open(folder.path()).await);
    let calls: Vec<_> = (0..64)
        .map(|number| {
            let cloud = Arc::clone(&cloud);
            tokio::task::spawn_blocking(move || {
                let name = format!("u{number}");
                cloud.admin_call("iam", "CreateUser", json!({"UserName": name}));
                // What was answered is seen by whoever comes next.
                cloud.admin_call("iam", "GetUser", json!({"UserName": name}));
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    Arc::into_inner(cloud).unwrap().range.stop().await;
    let cloud = open(folder.path()).await;
    for number in 0..64 {
        cloud.admin_call("iam", "GetUser", json!({"UserName": format!("u{number}")}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_one_ranges_at_a_time_and_its_secrets_are_its_owners() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("new/data");
    let cloud = open(&folder).await;
    fill(&cloud);
    let second = refused(&folder, |_| {}).await;
    assert!(
        matches!(second, StartError::Store(StoreError::InUse(_))),
        "{second}"
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("range.redb")), 0o600);
    let bodies = fs::read_dir(folder.join("bodies")).unwrap();
    let files: Vec<_> = bodies.map(|entry| mode(&entry.unwrap().path())).collect();
    assert_eq!(files, [0o600; 3]);
    cloud.range.stop().await;
    open(&folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_that_is_there_is_not_taken_for_another() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.range.stop().await;
    let account = refused(folder.path(), |config| {
        config.account = Some("111122223333".parse().unwrap());
    });
    let account = account.await.to_string();
    assert!(
        account.starts_with("--account is not that of the range in "),
        "{account}"
    );
    assert!(
        account.contains("there it is 123456789012; leave --account out"),
        "{account}"
    );
    let seed = refused(folder.path(), |config| config.seed = Some(8))
        .await
        .to_string();
    assert!(seed.contains("there it is 7"), "{seed}");
    let key = refused(folder.path(), |config| {
        config.admin_key = Some((
            "AKIAIOSFODNN7EXAMPLE".into(),
            stockade_model::Secret::new("secret"),
        ));
    });
    assert!(key.await.to_string().starts_with("--admin-key is not that"));
    let same = Cloud::with(|config| {
        config.data = Some(folder.path().to_owned());
        config.account = Some(ACCOUNT.parse().unwrap());
    });
    assert!(same.await.range.was_there());
}

/// Copies a data folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &there);
        } else {
            fs::copy(entry.path(), there).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_folder_is_said_to_be_so_or_holds_what_it_held() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = open(folder.path()).await;
    fill(&cloud);
    let whole = cloud.range.snapshot().unwrap();
    cloud.range.stop().await;
    let file = fs::read(folder.path().join("range.redb")).unwrap();
    let damage = tempfile::tempdir().unwrap();
    let mut said = 0;
    let mut check = async |number: usize, bytes: &[u8]| {
        let copied = damage.path().join(number.to_string());
        copy(folder.path(), &copied);
        fs::write(copied.join("range.redb"), bytes).unwrap();
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            data: Some(copied.clone()),
            still_at: Some(START.parse().unwrap()),
            ..Config::default()
        };
        match Range::start(config).await {
            Ok(range) => assert!(
                range.snapshot().unwrap() == whole,
                "{number} is another range"
            ),
            Err(error) => {
                said += 1;
                let text = error.to_string();
                assert!(
                    text.contains("is damaged") || text.contains("is of format"),
                    "{number}: {text}"
                );
                assert!(
                    fs::read(copied.join("range.redb")).unwrap().len()
                        <= file.len().max(bytes.len()),
                );
            }
        }
        fs::remove_dir_all(copied).unwrap();
    };
    for (number, cut) in [
        0,
        1,
        100,
        4_096,
        10_000,
        file.len() / 2,
        file.len() - 4_096,
        file.len() - 1,
    ]
    .into_iter()
    .enumerate()
    {
        check(number, &file[..cut]).await;
    }
    let step = file.len() / 60;
    for number in 0..60 {
        let mut bytes = file.clone();
        let place = number * step + number * 7 % step;
        for byte in &mut bytes[place..(place + 64).min(file.len())] {
            *byte ^= 0x55;
        }
        check(100 + number, &bytes).await;
    }
    assert!(said > 10, "{said}");
    for name in fs::read_dir(folder.path().join("bodies")).unwrap() {
        fs::remove_file(name.unwrap().path()).unwrap();
    }
    let missing = refused(folder.path(), |_| {}).await.to_string();
    assert!(missing.contains("is missing"), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_data_folder_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "text").unwrap();
    let error = refused(&file, |_| {}).await.to_string();
    assert!(error.starts_with("cannot use the data folder "), "{error}");
}
