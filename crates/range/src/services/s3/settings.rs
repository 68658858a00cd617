//! Settings of a bucket: default encryption, lifecycle, and those that nobody has set.
//!
//! Owns what the reads of an unset one answer. Lifecycle rules are kept and shown; nothing applies them yet.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::access::{bucket, bucket_mut, text};
use super::errors;
use super::state::Bucket;
use crate::call::{Call, Reply};
use crate::state::State;

/// `GetBucketEncryption`: every bucket has the basic one.
pub fn encryption(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let rules = bucket(state, call)?.encryption.clone().unwrap_or_else(|| {
        json!([{
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
            "BucketKeyEnabled": false,
        }])
    });
    Ok(Reply::of_value(
        json!({"ServerSideEncryptionConfiguration": {"Rules": rules}}),
    ))
}

/// `PutBucketEncryption`.
pub fn put_encryption(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let rules = call
        .input
        .get("ServerSideEncryptionConfiguration")
        .and_then(|configuration| configuration.get("Rules"))
        .and_then(Value::as_array)
        .ok_or_else(errors::malformed_xml)?;
    let [rule] = rules.as_slice() else {
        return Err(errors::malformed_xml());
    };
    let by_default = rule
        .get("ApplyServerSideEncryptionByDefault")
        .ok_or_else(errors::malformed_xml)?;
    match by_default.get("SSEAlgorithm").and_then(Value::as_str) {
        Some("AES256") if by_default.get("KMSMasterKeyID").is_some() => {
            return Err(AwsError::new(
                400,
                "InvalidArgument",
                "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
            ));
        }
        Some("AES256") => {}
        // Nothing could encrypt with a key yet, and to say so is better than not to encrypt.
        Some("aws:kms" | "aws:kms:dsse") => {
            return Err(errors::not_implemented("x-amz-server-side-encryption"));
        }
        _ => return Err(errors::malformed_xml()),
    }
    let mut rule = rule.clone();
    if let Some(rule) = rule.as_object_mut() {
        rule.entry("BucketKeyEnabled").or_insert(json!(false));
    }
    bucket_mut(state, call)?.encryption = Some(json!([rule]));
    Ok(Reply::empty())
}

/// `DeleteBucketEncryption`: back to the basic one.
pub fn delete_encryption(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    bucket_mut(state, call)?.encryption = None;
    Ok(Reply::empty())
}

/// `PutBucketLifecycleConfiguration`.
pub fn put_lifecycle(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    bucket(state, call)?;
    let mut rules = call
        .input
        .get("LifecycleConfiguration")
        .and_then(|configuration| configuration.get("Rules"))
        .and_then(Value::as_array)
        .filter(|rules| (1..=1000).contains(&rules.len()))
        .ok_or_else(errors::malformed_xml)?
        .clone();
    let mut ids = BTreeSet::new();
    for rule in &mut rules {
        check_rule(rule)?;
        let id = match rule.get("ID").and_then(Value::as_str) {
            Some(id) if id.chars().count() > 255 => {
                return Err(AwsError::new(
                    400,
                    "InvalidArgument",
                    "ID length should not exceed allowed limit of 255",
                ));
            }
            Some(id) => id.to_owned(),
            None => {
                use base64::Engine as _;
                base64::engine::general_purpose::STANDARD.encode(state.ids.uuid())
            }
        };
        if !ids.insert(id.clone()) {
            return Err(AwsError::new(
                400,
                "InvalidArgument",
                "Rule ID must be unique. Found same ID for one or more rules",
            ));
        }
        if let Some(rule) = rule.as_object_mut() {
            rule.insert("ID".to_owned(), json!(id));
        }
    }
    let least = text(call, "TransitionDefaultMinimumObjectSize")
        .unwrap_or("all_storage_classes_128K")
        .to_owned();
    bucket_mut(state, call)?.lifecycle =
        Some(json!({"Rules": rules, "TransitionDefaultMinimumObjectSize": least}));
    Ok(Reply::of_value(
        json!({"TransitionDefaultMinimumObjectSize": least}),
    ))
}

fn check_rule(rule: &Value) -> Result<(), AwsError> {
    let actions = [
        "Expiration",
        "Transitions",
        "NoncurrentVersionTransitions",
        "NoncurrentVersionExpiration",
        "AbortIncompleteMultipartUpload",
    ];
    if !matches!(
        rule.get("Status").and_then(Value::as_str),
        Some("Enabled" | "Disabled")
    ) {
        return Err(errors::malformed_xml());
    }
    if rule.get("Filter").is_some() == rule.get("Prefix").is_some() {
        return Err(errors::malformed_xml());
    }
    if !actions.iter().any(|action| rule.get(*action).is_some()) {
        return Err(errors::invalid_request(
            "At least one action needs to be specified in a rule",
        ));
    }
    let days = |action: &str, member: &str| {
        let value = rule
            .get(action)
            .and_then(|action| action.get(member))
            .and_then(Value::as_i64);
        value.is_some_and(|days| days < 1)
    };
    for (action, member) in [
        ("Expiration", "Days"),
        ("NoncurrentVersionExpiration", "NoncurrentDays"),
        ("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
    ] {
        if days(action, member) {
            return Err(AwsError::new(
                400,
                "InvalidArgument",
                format!("'{member}' for {action} action must be a positive integer"),
            ));
        }
    }
    Ok(())
}

/// `GetBucketLifecycleConfiguration`.
pub fn lifecycle(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    match &bucket.lifecycle {
        Some(lifecycle) => Ok(Reply::of_value(lifecycle.clone())),
        None => Err(unset(
            bucket,
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
        )),
    }
}

/// `DeleteBucketLifecycle`.
pub fn delete_lifecycle(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    bucket_mut(state, call)?.lifecycle = None;
    Ok(Reply::empty())
}

fn unset(bucket: &Bucket, code: &str, message: &str) -> AwsError {
    AwsError::new(404, code, message).with("BucketName", bucket.name.as_str())
}

/// Reads of settings that no operation of this S3 makes: as of a bucket on which nobody set them.
pub fn never_set(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    let (code, message) = match call.operation {
        "GetBucketReplication" => (
            "ReplicationConfigurationNotFoundError",
            "The replication configuration was not found",
        ),
        "GetBucketWebsite" => (
            "NoSuchWebsiteConfiguration",
            "The specified bucket does not have a website configuration",
        ),
        "GetBucketCors" => (
            "NoSuchCORSConfiguration",
            "The CORS configuration does not exist",
        ),
        "GetObjectLockConfiguration" => (
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        ),
        "GetBucketRequestPayment" => {
            return Ok(Reply::of_value(json!({"Payer": "BucketOwner"})));
        }
        // GetBucketLogging, GetBucketNotificationConfiguration and GetBucketAccelerateConfiguration.
        _ => return Ok(Reply::empty()),
    };
    Err(unset(bucket, code, message))
}
