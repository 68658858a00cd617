//! What the trail shows of calls on S3.

use serde_json::{Value, json};

use super::{Bench, OTHER, OWNER, account, root};

#[test]
fn records_name_what_was_touched() {
    let mut bench = Bench::new();
    bench.put("PutObject", json!({"Bucket": "b-1", "Key": "k"}), Some("x"));
    let bucket = json!({"accountId": OWNER, "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b-1"});
    let get = json!({"Bucket": "b-1", "Key": "k"});
    let (outcome, record) = bench.call(&root(OTHER), "GetObject", get, None);
    assert!(outcome.is_err());
    assert_eq!(record.also_in, Some(account(OWNER)));
    let object = json!({"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b-1/k"});
    assert_eq!(record.resources, Some(json!([object, bucket])));
    let (_, record) = bench.call(
        &root(OWNER),
        "ListObjectsV2",
        json!({"Bucket": "b-1"}),
        None,
    );
    assert_eq!(record.event_name.as_deref(), Some("ListObjects"));
    let prefix = json!({"type": "AWS::S3::Object", "ARNPrefix": "arn:aws:s3:::b-1/"});
    assert_eq!(record.resources, Some(json!([prefix, bucket])));
    bench.ok("DeleteObject", json!({"Bucket": "b-1", "Key": "k"}));
    let (outcome, record) =
        bench.call(&root(OWNER), "DeleteBucket", json!({"Bucket": "b-1"}), None);
    assert!(outcome.is_ok());
    assert_eq!(record.resources, Some(json!([bucket])));
    assert_eq!(record.also_in, None);
}

#[test]
fn request_parameters_are_the_query_the_headers_and_the_body() {
    let mut bench = Bench::new();
    let mut shown = |operation: &str, input: Value| {
        let (_, record) = bench.call(&root(OWNER), operation, input, None);
        record.request_parameters.unwrap()
    };
    let xmlns = "http://s3.amazonaws.com/doc/2006-03-01/";
    let host = "s3.amazonaws.com";
    assert_eq!(
        shown("GetBucketWebsite", json!({"Bucket": "b-1"})),
        json!({"bucketName": "b-1", "Host": host, "website": ""})
    );
    let one = json!({"Bucket": "b-1", "Tagging": {"TagSet": [{"Key": "k", "Value": "true"}]}});
    assert_eq!(
        shown("PutBucketTagging", one),
        json!({"bucketName": "b-1", "Host": host, "tagging": "",
            "Tagging": {"xmlns": xmlns, "TagSet": {"Tag": {"Key": "k", "Value": true}}}})
    );
    let two = json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "x"}]);
    let two = shown(
        "PutBucketTagging",
        json!({"Bucket": "b-1", "Tagging": {"TagSet": two}}),
    );
    assert_eq!(
        two["Tagging"]["TagSet"]["Tag"],
        json!([{"Key": "a", "Value": 1}, {"Key": "b", "Value": "x"}])
    );
    let rule = json!({"ID": "nuke", "Status": "Enabled", "Filter": {"Prefix": "*"}, "Expiration": {"Days": 1}});
    let lifecycle = json!({"Bucket": "b-1", "LifecycleConfiguration": {"Rules": [rule]}});
    assert_eq!(
        shown("PutBucketLifecycleConfiguration", lifecycle)["LifecycleConfiguration"],
        json!({"xmlns": xmlns, "Rule": rule})
    );
    let policy = json!({"Bucket": "b-1", "Policy": "{\"Version\": \"2012-10-17\"}"});
    assert_eq!(
        shown("PutBucketPolicy", policy),
        json!({"bucketName": "b-1", "Host": host, "policy": "", "bucketPolicy": {"Version": "2012-10-17"}})
    );
    let put = json!({
        "Bucket": "b-1", "Key": "k", "StorageClass": "STANDARD_IA", "ContentType": "x", "Metadata": {"m": "1"},
        "SSECustomerKey": "secret", "ChecksumCRC32": "AAAAAA==", "Tagging": "a=1",
    });
    assert_eq!(
        shown("PutObject", put),
        json!({"bucketName": "b-1", "key": "k", "Host": host, "x-amz-storage-class": "STANDARD_IA",
            "x-amz-tagging": "a=1"})
    );
    let list = json!({"Bucket": "b-1", "Prefix": "p/", "MaxKeys": 5, "EncodingType": "url"});
    assert_eq!(
        shown("ListObjectsV2", list),
        json!({"bucketName": "b-1", "Host": host, "list-type": "2", "prefix": "p/", "max-keys": "5",
            "encoding-type": "url"})
    );
    let delete = json!({"Bucket": "b-1", "Delete": {"Objects": [{"Key": "secret"}]}});
    assert_eq!(
        shown("DeleteObjects", delete),
        json!({"bucketName": "b-1", "Host": host, "delete": ""})
    );
}
