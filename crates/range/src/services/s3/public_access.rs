//! The block of public access, and who owns what others upload.
//!
//! Owns the settings. Where they bite is `access` (a public policy restricted) and `bucket_policy` (a
//! public policy refused).

use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::access::{bucket, bucket_mut};
use super::errors;
use super::state::{Ownership, PublicAccessBlock};
use crate::call::{Call, Reply};
use crate::state::State;

/// `PutPublicAccessBlock`: what is not said is off.
pub fn put(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let wanted = call
        .input
        .get("PublicAccessBlockConfiguration")
        .and_then(Value::as_object)
        .ok_or_else(errors::malformed_xml)?;
    let on = |name| wanted.get(name) == Some(&Value::Bool(true));
    let block = PublicAccessBlock {
        block_acls: on("BlockPublicAcls"),
        ignore_acls: on("IgnorePublicAcls"),
        block_policy: on("BlockPublicPolicy"),
        restrict_buckets: on("RestrictPublicBuckets"),
    };
    bucket_mut(state, call)?.public_access_block = Some(block);
    Ok(Reply::empty())
}

/// `GetPublicAccessBlock`.
pub fn get(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    let Some(block) = bucket.public_access_block else {
        return Err(AwsError::new(
            404,
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        )
        .with("BucketName", bucket.name.as_str()));
    };
    Ok(Reply::of_value(json!({"PublicAccessBlockConfiguration": {
        "BlockPublicAcls": block.block_acls,
        "IgnorePublicAcls": block.ignore_acls,
        "BlockPublicPolicy": block.block_policy,
        "RestrictPublicBuckets": block.restrict_buckets,
    }})))
}

/// `DeletePublicAccessBlock`.
pub fn delete(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    bucket_mut(state, call)?.public_access_block = None;
    Ok(Reply::empty())
}

/// `PutBucketOwnershipControls`.
pub fn put_ownership(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let rules = call
        .input
        .get("OwnershipControls")
        .and_then(|controls| controls.get("Rules"))
        .and_then(Value::as_array)
        .ok_or_else(errors::malformed_xml)?;
    let [rule] = rules.as_slice() else {
        return Err(errors::malformed_xml());
    };
    let ownership = rule
        .get("ObjectOwnership")
        .and_then(Value::as_str)
        .and_then(Ownership::named)
        .ok_or_else(errors::malformed_xml)?;
    bucket_mut(state, call)?.ownership = Some(ownership);
    Ok(Reply::empty())
}

/// `GetBucketOwnershipControls`.
pub fn get_ownership(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    let Some(ownership) = bucket.ownership else {
        return Err(AwsError::new(
            404,
            "OwnershipControlsNotFoundError",
            "The bucket ownership controls were not found",
        )
        .with("BucketName", bucket.name.as_str()));
    };
    Ok(Reply::of_value(json!({
        "OwnershipControls": {"Rules": [{"ObjectOwnership": ownership.name()}]}
    })))
}

/// `DeleteBucketOwnershipControls`.
pub fn delete_ownership(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    bucket_mut(state, call)?.ownership = None;
    Ok(Reply::empty())
}
