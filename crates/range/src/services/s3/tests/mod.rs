//! S3 from the caller's side, without the wire: what each call needs, what it answers, what it leaves.

mod records;

use bytes::Bytes;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stockade_model::{AccountId, Region};
use stockade_policy::Principal;
use stockade_wire::AwsError;

use super::delivery::{Delivery, DeliveryError};
use super::{Attributes, ROWS, conclude, describe};
use crate::authz;
use crate::call::{Call, Caller, Inner, RecordExtras, Reply};
use crate::ids::Ids;
use crate::row::{Handler, Needs};
use crate::state::{Behaviour, State};

const OWNER: &str = "111122223333";
const OTHER: &str = "444455556666";

struct Bench {
    state: State,
    region: Region,
}

fn account(id: &str) -> AccountId {
    id.parse().unwrap()
}

fn root(id: &str) -> Caller {
    Caller {
        account: account(id),
        principal: Principal::Root {
            account: account(id),
        },
        arn: format!("arn:aws:iam::{id}:root"),
        user_id: id.to_owned(),
        access_key: None,
        session: None,
    }
}

fn stranger() -> Caller {
    Caller {
        principal: Principal::Anonymous,
        ..root(OWNER)
    }
}

type Outcome = Result<Reply, AwsError>;

impl Bench {
    /// A cloud with a bucket `b`.
    fn new() -> Self {
        let config = Behaviour {
            iam_delay: SignedDuration::ZERO,
            trail_delay: SignedDuration::ZERO,
            account: account(OWNER),
        };
        let mut bench = Self {
            state: State::new(config, Ids::seeded(1), Timestamp::UNIX_EPOCH),
            region: Region::us_east_1(),
        };
        bench.ok("CreateBucket", json!({"Bucket": "b-1"}));
        bench
    }

    fn call(
        &mut self,
        caller: &Caller,
        operation: &str,
        input: Value,
        body: Option<&str>,
    ) -> (Outcome, RecordExtras) {
        let input = input.as_object().unwrap().clone();
        let body = body.map(|body| Bytes::copy_from_slice(body.as_bytes()));
        let call = Call {
            service: "s3",
            operation,
            input: &input,
            body: body.as_ref(),
            caller,
            vouched: None,
            region: &self.region,
            now: Timestamp::UNIX_EPOCH,
            request_id: "0123456789ABCDEF",
            source_ip: "192.0.2.1",
            user_agent: "test",
            headers: &HeaderMap::new(),
            host: "s3.amazonaws.com",
            presigned: false,
            signature_age: None,
            tls: None,
            via: None,
            inner: &Inner::default(),
        };
        let row = ROWS.iter().find(|row| row.operation == operation).unwrap();
        let described = describe(&self.state, &call);
        let Needs::Checked(needs) = row.needs else {
            panic!("every row of S3 checks");
        };
        let allowed = needs(&self.state, &call).and_then(|needs| {
            let refusal = needs
                .iter()
                .find_map(|need| authz::refusal(&self.state, &call, need));
            refusal.map_or(Ok(()), |message| {
                Err(AwsError::new(403, "AccessDenied", message))
            })
        });
        let outcome = allowed.and_then(|()| match row.handler {
            Handler::Read(handle) => handle(&self.state, &call),
            Handler::Write(handle) => handle(&mut self.state, &call),
        });
        let described = match &outcome {
            Ok(reply) => conclude(&call, described, reply),
            Err(_) => described,
        };
        (outcome, described)
    }

    fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.put(operation, input, None)
    }

    fn put(&mut self, operation: &str, input: Value, body: Option<&str>) -> Value {
        let (outcome, _) = self.call(&root(OWNER), operation, input, body);
        Value::Object(outcome.unwrap().output)
    }

    fn code(&mut self, caller: &Caller, operation: &str, input: Value) -> String {
        match self.call(caller, operation, input, None).0 {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.code,
        }
    }

    fn allow(&mut self, principal: Value, action: &str, resource: &str, condition: Value) {
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": principal, "Action": action,
            "Resource": format!("arn:aws:s3:::b-1{resource}"), "Condition": condition,
        }]});
        self.ok(
            "PutBucketPolicy",
            json!({"Bucket": "b-1", "Policy": policy.to_string()}),
        );
    }
}

#[test]
fn every_operation_has_one_row() {
    let mut names: Vec<_> = ROWS.iter().map(|row| row.operation).collect();
    names.sort_unstable();
    let before = names.len();
    names.dedup();
    assert_eq!(names.len(), before);
}

#[test]
fn that_a_bucket_is_not_there_comes_before_who_may() {
    let mut bench = Bench::new();
    for caller in [stranger(), root(OTHER)] {
        let missing = json!({"Bucket": "none", "Key": "k"});
        assert_eq!(bench.code(&caller, "GetObject", missing), "NoSuchBucket");
        let there = json!({"Bucket": "b-1", "Key": "k"});
        assert_eq!(bench.code(&caller, "GetObject", there), "AccessDenied");
    }
}

#[test]
fn a_bucket_name_is_taken_for_everybody() {
    let mut bench = Bench::new();
    let same = json!({"Bucket": "b-1"});
    assert_eq!(
        bench.code(&root(OTHER), "CreateBucket", same.clone()),
        "BucketAlreadyExists"
    );
    assert_eq!(bench.code(&root(OWNER), "CreateBucket", same), "ok");
    bench.region = "eu-west-1".parse().unwrap();
    let there =
        json!({"Bucket": "b-1", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}});
    assert_eq!(
        bench.code(&root(OWNER), "CreateBucket", there),
        "BucketAlreadyOwnedByYou"
    );
    let listed = bench.call(&root(OTHER), "ListBuckets", json!({}), None).0;
    assert_eq!(listed.unwrap().output["Buckets"], json!([]));
}

#[test]
fn another_account_needs_the_bucket_policy_too() {
    let mut bench = Bench::new();
    bench.put("PutObject", json!({"Bucket": "b-1", "Key": "k"}), Some("x"));
    let get = json!({"Bucket": "b-1", "Key": "k"});
    let (refused, _) = bench.call(&root(OTHER), "GetObject", get.clone(), None);
    assert_eq!(refused.unwrap_err().message, "Access Denied");
    bench.allow(json!({"AWS": OTHER}), "s3:*", "/*", json!({}));
    assert_eq!(bench.code(&root(OTHER), "GetObject", get), "ok");
    // Whatever it allows, the policy itself stays the owner's.
    let all = json!({"AWS": OTHER});
    bench.allow(all, "s3:*", "*", json!({}));
    let policy = json!({"Bucket": "b-1"});
    assert_eq!(
        bench.code(&root(OTHER), "GetBucketPolicy", policy.clone()),
        "MethodNotAllowed"
    );
    assert_eq!(bench.code(&root(OTHER), "ListObjectsV2", policy), "ok");
}

#[test]
fn the_owners_root_cannot_be_locked_out_of_the_policy() {
    let mut bench = Bench::new();
    let deny = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": ["arn:aws:s3:::b-1", "arn:aws:s3:::b-1/*"],
    }]});
    bench.ok(
        "PutBucketPolicy",
        json!({"Bucket": "b-1", "Policy": deny.to_string()}),
    );
    let bucket = json!({"Bucket": "b-1"});
    assert_eq!(
        bench.code(&root(OWNER), "ListObjectsV2", bucket.clone()),
        "AccessDenied"
    );
    assert_eq!(
        bench.code(&root(OWNER), "DeleteBucketPolicy", bucket.clone()),
        "ok"
    );
    assert_eq!(bench.code(&root(OWNER), "ListObjectsV2", bucket), "ok");
}

#[test]
fn public_access_is_blocked_restricted_and_open() {
    let mut bench = Bench::new();
    bench.put("PutObject", json!({"Bucket": "b-1", "Key": "k"}), Some("x"));
    let public = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b-1/*",
    }]});
    let policy = json!({"Bucket": "b-1", "Policy": public.to_string()});
    let (refused, _) = bench.call(&root(OWNER), "PutBucketPolicy", policy.clone(), None);
    assert!(refused.unwrap_err().message.contains("BlockPublicPolicy"));
    bench.ok("DeletePublicAccessBlock", json!({"Bucket": "b-1"}));
    bench.ok("PutBucketPolicy", policy);
    let get = json!({"Bucket": "b-1", "Key": "k"});
    assert_eq!(bench.code(&stranger(), "GetObject", get.clone()), "ok");
    assert_eq!(bench.code(&root(OTHER), "GetObject", get.clone()), "ok");
    let none = json!({"Bucket": "b-1", "Key": "none"});
    assert_eq!(
        bench.code(&stranger(), "GetObject", none.clone()),
        "AccessDenied"
    );
    assert_eq!(bench.code(&root(OWNER), "GetObject", none), "NoSuchKey");
    let restrict =
        json!({"Bucket": "b-1", "PublicAccessBlockConfiguration": {"RestrictPublicBuckets": true}});
    bench.ok("PutPublicAccessBlock", restrict);
    assert_eq!(
        bench.code(&stranger(), "GetObject", get.clone()),
        "AccessDenied"
    );
    assert_eq!(
        bench.code(&root(OTHER), "GetObject", get.clone()),
        "AccessDenied"
    );
    assert_eq!(bench.code(&root(OWNER), "GetObject", get), "ok");
}

#[test]
fn versions_pile_up_and_delete_markers_come_off() {
    let mut bench = Bench::new();
    let key = json!({"Bucket": "b-1", "Key": "k"});
    assert!(
        bench
            .put("PutObject", key.clone(), Some("0"))
            .get("VersionId")
            .is_none()
    );
    let enable = json!({"Bucket": "b-1", "VersioningConfiguration": {"Status": "Enabled"}});
    bench.ok("PutBucketVersioning", enable);
    let one = bench.put("PutObject", key.clone(), Some("1"))["VersionId"].clone();
    let marker = bench.ok("DeleteObject", key.clone());
    assert_eq!(marker["DeleteMarker"], json!(true));
    assert_eq!(
        bench.code(&root(OWNER), "GetObject", key.clone()),
        "NoSuchKey"
    );
    let of = |version: &Value| json!({"Bucket": "b-1", "Key": "k", "VersionId": version});
    assert_eq!(
        bench.code(&root(OWNER), "GetObject", of(&marker["VersionId"])),
        "MethodNotAllowed"
    );
    let listed = bench.ok("ListObjectVersions", json!({"Bucket": "b-1"}));
    assert_eq!(listed["Versions"].as_array().unwrap().len(), 2);
    assert_eq!(listed["DeleteMarkers"][0]["IsLatest"], json!(true));
    bench.ok("DeleteObject", of(&marker["VersionId"]));
    let (got, _) = bench.call(&root(OWNER), "GetObject", key, None);
    let got = got.unwrap();
    assert_eq!(
        (got.body.unwrap(), &got.output["VersionId"]),
        (Bytes::from_static(b"1"), &one)
    );
    let (null, _) = bench.call(&root(OWNER), "GetObject", of(&json!("null")), None);
    assert_eq!(null.unwrap().body.unwrap(), "0");
}

#[test]
fn a_failed_put_leaves_nothing() {
    let mut bench = Bench::new();
    for (wrong, code) in [
        (json!({"ChecksumCRC32": "AAAAAA=="}), "BadDigest"),
        (
            json!({"ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}),
            "BadDigest",
        ),
        (
            json!({"ACL": "public-read"}),
            "AccessControlListNotSupported",
        ),
        (json!({"ServerSideEncryption": "aws:kms"}), "NotImplemented"),
        (json!({"ServerSideEncryption": "rot13"}), "InvalidArgument"),
        (json!({"StorageClass": "ATTIC"}), "InvalidStorageClass"),
        (json!({"IfMatch": "\"x\""}), "NoSuchKey"),
        (json!({"IfNoneMatch": "\"x\""}), "NotImplemented"),
        (json!({"Tagging": "a=1&a=2"}), "InvalidArgument"),
    ] {
        let mut input = json!({"Bucket": "b-1", "Key": "k"});
        input
            .as_object_mut()
            .unwrap()
            .extend(wrong.as_object().unwrap().clone());
        let (outcome, _) = bench.call(&root(OWNER), "PutObject", input, Some("x"));
        assert_eq!(outcome.unwrap_err().code, code, "{wrong}");
    }
    assert!(bench.state.s3.bucket("b-1").unwrap().is_empty());
}

#[test]
fn cloudtrail_delivers_only_as_the_policy_says() {
    let mut bench = Bench::new();
    let owner = account(OWNER);
    let delivery = |arn| Delivery {
        service: "cloudtrail.amazonaws.com",
        source_arn: arn,
        source_account: &owner,
        source_organization: None,
    };
    let trail = "arn:aws:cloudtrail:us-east-1:111122223333:trail/t";
    let put = |state: &mut State, arn, key| {
        state.put_object_as_service(
            &delivery(arn),
            "b-1",
            key,
            Bytes::from_static(b"{}"),
            Attributes {
                headers: [("ContentEncoding".to_owned(), "gzip".to_owned())].into(),
                ..Attributes::default()
            },
            Timestamp::UNIX_EPOCH,
        )
    };
    assert!(matches!(
        put(&mut bench.state, trail, "AWSLogs/x"),
        Err(DeliveryError::Refused { .. })
    ));
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl",
         "Resource": "arn:aws:s3:::b-1", "Condition": {"StringEquals": {"aws:SourceArn": trail}}},
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
         "Resource": "arn:aws:s3:::b-1/AWSLogs/111122223333/*",
         "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceArn": trail}}},
    ]});
    bench.ok(
        "PutBucketPolicy",
        json!({"Bucket": "b-1", "Policy": policy.to_string()}),
    );
    let key = "AWSLogs/111122223333/CloudTrail/x.json.gz";
    assert_eq!(
        bench.state.check_delivery(&delivery(trail), "b-1", key),
        Ok(())
    );
    assert_eq!(put(&mut bench.state, trail, key), Ok(()));
    let another = "arn:aws:cloudtrail:us-east-1:111122223333:trail/u";
    assert!(put(&mut bench.state, another, key).is_err());
    assert!(put(&mut bench.state, trail, "elsewhere/x").is_err());
    assert_eq!(
        bench.state.check_delivery(&delivery(trail), "none", key),
        Err(DeliveryError::NoSuchBucket("none".into()))
    );
    let listed = bench.ok("ListObjectsV2", json!({"Bucket": "b-1"}));
    assert_eq!(listed["Contents"].as_array().unwrap().len(), 1);
}

#[test]
fn an_archived_object_must_be_restored_first() {
    let mut bench = Bench::new();
    let cold = json!({"Bucket": "b-1", "Key": "k", "StorageClass": "GLACIER"});
    bench.put("PutObject", cold, Some("x"));
    let key = json!({"Bucket": "b-1", "Key": "k"});
    assert_eq!(
        bench.code(&root(OWNER), "GetObject", key.clone()),
        "InvalidObjectState"
    );
    assert_eq!(
        bench.ok("HeadObject", key)["StorageClass"],
        json!("GLACIER")
    );
}

#[test]
fn nothing_is_decided_by_a_bucket_that_is_not_the_expected_owners() {
    let mut bench = Bench::new();
    let input = |owner: &str| json!({"Bucket": "b-1", "ExpectedBucketOwner": owner});
    assert_eq!(
        bench.code(&root(OWNER), "ListObjectsV2", input(OWNER)),
        "ok"
    );
    assert_eq!(
        bench.code(&root(OWNER), "ListObjectsV2", input(OTHER)),
        "AccessDenied"
    );
    assert_eq!(
        bench.code(&root(OWNER), "DeleteBucket", input(OTHER)),
        "AccessDenied"
    );
    assert!(bench.state.s3.bucket("b-1").is_some());
}
