//! Who may: what each operation of S3 needs, on which bucket or object, under which bucket policy.
//!
//! Owns S3's odd mapping of operations to actions, its condition keys, and the order in which S3 says no: first
//! that there is no such bucket, then that the caller may not. Decides nothing itself.

use http::HeaderMap;
use serde_json::Value;
use stockade_policy::{CANONICAL_USER_ID, Context, Principal, ResourceRule};
use stockade_wire::AwsError;

use super::copy::Source;
use super::state::{Bucket, ObjectData};
use super::{errors, names};
use crate::authz;
use crate::call::Call;
use crate::row::Need;
use crate::state::State;

/// Headers whose value is a condition key of the same name behind `s3:`.
const HEADER_KEYS: [&str; 16] = [
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
    "if-none-match",
];

/// A text member of the input.
pub fn text<'a>(call: &Call<'a>, member: &str) -> Option<&'a str> {
    call.input.get(member).and_then(Value::as_str)
}

/// The bucket's name as the request has it.
///
/// # Errors
/// `InvalidBucketName` where there is none.
pub fn bucket_name<'a>(call: &Call<'a>) -> Result<&'a str, AwsError> {
    text(call, "Bucket").ok_or_else(|| errors::invalid_bucket_name(""))
}

/// The key that a request names.
///
/// # Errors
/// `KeyTooLongError`, `InvalidURI`.
pub fn key<'a>(call: &Call<'a>) -> Result<&'a str, AwsError> {
    let key = text(call, "Key").unwrap_or_default();
    if key.is_empty() {
        return Err(AwsError::new(
            400,
            "InvalidURI",
            "Couldn't parse the specified URI.",
        ));
    }
    if key.len() > 1024 {
        return Err(
            AwsError::new(400, "KeyTooLongError", "Your key is too long")
                .with("Size", key.len().to_string())
                .with("MaxSizeAllowed", "1024"),
        );
    }
    Ok(key)
}

/// The bucket that a request names.
///
/// # Errors
/// `NoSuchBucket`; `AccessDenied` where its owner is not the one that the caller expects.
pub fn bucket<'a>(state: &'a State, call: &Call<'_>) -> Result<&'a Bucket, AwsError> {
    let name = bucket_name(call)?;
    let bucket = state
        .s3
        .bucket(name)
        .ok_or_else(|| errors::no_such_bucket(name))?;
    match text(call, "ExpectedBucketOwner") {
        Some(owner) if owner != bucket.owner.as_str() => Err(errors::access_denied()),
        _ => Ok(bucket),
    }
}

/// The same, to change it.
///
/// # Errors
/// As [`bucket`].
pub fn bucket_mut<'a>(state: &'a mut State, call: &Call<'_>) -> Result<&'a mut Bucket, AwsError> {
    bucket(state, call)?;
    let name = bucket_name(call)?;
    state
        .s3
        .bucket_mut(name)
        .ok_or_else(|| errors::no_such_bucket(name))
}

/// What a call must be allowed to do.
///
/// # Errors
/// What S3 says before it asks who calls: that there is no such bucket, that the owner is another one.
pub fn needs(state: &State, call: &Call<'_>) -> Result<Vec<Need>, AwsError> {
    match call.operation {
        "ListBuckets" => Ok(vec![Need {
            context: request_context(call),
            ..Need::new("s3:ListAllMyBuckets", "*")
        }]),
        "CreateBucket" => Ok(creation(call)),
        // Each key is asked for by itself.
        "DeleteObjects" => bucket(state, call).map(|_| Vec::new()),
        _ => {
            let bucket = bucket(state, call)?;
            let mut needs = Vec::new();
            if text(call, "Key").is_some() {
                object_needs(state, call, bucket, &mut needs)?;
            } else {
                needs.push(bucket_need(call, bucket, bucket_action(call.operation)));
            }
            Ok(needs)
        }
    }
}

fn creation(call: &Call<'_>) -> Vec<Need> {
    let resource = format!("arn:aws:s3:::{}", text(call, "Bucket").unwrap_or_default());
    let mut context = request_context(call);
    let constraint = call
        .input
        .get("CreateBucketConfiguration")
        .and_then(|configuration| configuration.get("LocationConstraint"))
        .and_then(Value::as_str);
    if let Some(constraint) = constraint {
        context.set("s3:locationconstraint", constraint);
    }
    let mut actions = vec!["s3:CreateBucket"];
    if text(call, "ACL").is_some_and(|acl| acl != "private") {
        actions.push("s3:PutBucketAcl");
    }
    if text(call, "ObjectOwnership").is_some() {
        actions.push("s3:PutBucketOwnershipControls");
    }
    actions
        .into_iter()
        .map(|action| Need {
            context: context.clone(),
            ..Need::new(action, resource.clone())
        })
        .collect()
}

/// The action of an operation on a bucket, where it is not the operation's own name.
fn bucket_action(operation: &str) -> String {
    let name = match operation {
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => "ListBucket",
        "ListObjectVersions" => "ListBucketVersions",
        "ListMultipartUploads" => "ListBucketMultipartUploads",
        "PutPublicAccessBlock" | "DeletePublicAccessBlock" => "PutBucketPublicAccessBlock",
        "GetPublicAccessBlock" => "GetBucketPublicAccessBlock",
        "DeleteBucketOwnershipControls" => "PutBucketOwnershipControls",
        "DeleteBucketTagging" => "PutBucketTagging",
        "GetBucketEncryption" => "GetEncryptionConfiguration",
        "PutBucketEncryption" | "DeleteBucketEncryption" => "PutEncryptionConfiguration",
        "GetBucketLifecycleConfiguration" => "GetLifecycleConfiguration",
        "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => "PutLifecycleConfiguration",
        "GetBucketReplication" => "GetReplicationConfiguration",
        "GetBucketCors" => "GetBucketCORS",
        "GetBucketNotificationConfiguration" => "GetBucketNotification",
        "GetBucketAccelerateConfiguration" => "GetAccelerateConfiguration",
        "GetObjectLockConfiguration" => "GetBucketObjectLockConfiguration",
        own => own,
    };
    format!("s3:{name}")
}

fn object_needs(
    state: &State,
    call: &Call<'_>,
    bucket: &Bucket,
    needs: &mut Vec<Need>,
) -> Result<(), AwsError> {
    let key = key(call)?;
    let version = text(call, "VersionId");
    let mut need = |action: &str| needs.push(object_need(call, bucket, key, version, action));
    let versioned = |plain: &'static str, of_version: &'static str| match version {
        Some(_) => of_version,
        None => plain,
    };
    match call.operation {
        "GetObject" | "HeadObject" => need(versioned("s3:GetObject", "s3:GetObjectVersion")),
        "DeleteObject" => need(versioned("s3:DeleteObject", "s3:DeleteObjectVersion")),
        "GetObjectAcl" => need(versioned("s3:GetObjectAcl", "s3:GetObjectVersionAcl")),
        "GetObjectTagging" => need(versioned(
            "s3:GetObjectTagging",
            "s3:GetObjectVersionTagging",
        )),
        "PutObjectTagging" => need(versioned(
            "s3:PutObjectTagging",
            "s3:PutObjectVersionTagging",
        )),
        "DeleteObjectTagging" => {
            need(versioned(
                "s3:DeleteObjectTagging",
                "s3:DeleteObjectVersionTagging",
            ));
        }
        "AbortMultipartUpload" => need("s3:AbortMultipartUpload"),
        "ListParts" => need("s3:ListMultipartUploadParts"),
        // PutObject, CopyObject and every step of an upload in parts.
        _ => {
            need("s3:PutObject");
            if text(call, "IfMatch").is_some() {
                need("s3:GetObject");
            }
            let grants = [
                "GrantFullControl",
                "GrantRead",
                "GrantReadACP",
                "GrantWriteACP",
            ];
            let acl = text(call, "ACL").is_some_and(|acl| acl != "private");
            if acl || grants.iter().any(|grant| call.input.contains_key(*grant)) {
                need("s3:PutObjectAcl");
            }
            if text(call, "Tagging").is_some_and(|tags| !tags.is_empty()) {
                need("s3:PutObjectTagging");
            }
            if text(call, "CopySource").is_some() {
                source_needs(state, call, bucket, needs)?;
            }
        }
    }
    Ok(())
}

fn source_needs(
    state: &State,
    call: &Call<'_>,
    target: &Bucket,
    needs: &mut Vec<Need>,
) -> Result<(), AwsError> {
    let source = Source::of(call)?;
    let bucket = state
        .s3
        .bucket(&source.bucket)
        .ok_or_else(|| errors::no_such_bucket(&source.bucket))?;
    let version = source.version.as_deref();
    let action = match version {
        Some(_) => "s3:GetObjectVersion",
        None => "s3:GetObject",
    };
    needs.push(object_need(call, bucket, &source.key, version, action));
    let tagged =
        object(bucket, &source.key, version).is_some_and(|o| !o.attributes.tags.is_empty());
    if call.operation == "CopyObject" && tagged && text(call, "TaggingDirective") != Some("REPLACE")
    {
        let action = match version {
            Some(_) => "s3:GetObjectVersionTagging",
            None => "s3:GetObjectTagging",
        };
        needs.push(object_need(call, bucket, &source.key, version, action));
        needs.push(object_need(
            call,
            target,
            key(call)?,
            None,
            "s3:PutObjectTagging",
        ));
    }
    Ok(())
}

fn object<'a>(bucket: &'a Bucket, key: &str, version: Option<&str>) -> Option<&'a ObjectData> {
    match version {
        Some(id) => bucket.version(key, id)?.object.as_ref(),
        None => bucket.current(key).map(|(_, object)| object),
    }
}

/// An action on a bucket.
fn bucket_need(call: &Call<'_>, bucket: &Bucket, action: impl Into<String>) -> Need {
    let action = action.into();
    let mut context = request_context(call);
    if matches!(
        action.as_str(),
        "s3:ListBucket" | "s3:ListBucketVersions" | "s3:ListBucketMultipartUploads"
    ) {
        for (member, key) in [("Prefix", "s3:prefix"), ("Delimiter", "s3:delimiter")] {
            if let Some(value) = text(call, member) {
                context.set(key, value);
            }
        }
        if let Some(most) = call.input.get("MaxKeys") {
            context.set("s3:max-keys", most.to_string());
        }
    }
    finish(call, bucket, action, bucket.arn(), context)
}

/// An action on an object, there or not.
fn object_need(
    call: &Call<'_>,
    bucket: &Bucket,
    key: &str,
    version: Option<&str>,
    action: &str,
) -> Need {
    let mut context = request_context(call);
    if let Some(version) = version {
        context.set("s3:VersionId", version);
    }
    if let Some(object) = object(bucket, key, version) {
        for (name, value) in &object.attributes.tags {
            context.set(&format!("s3:ExistingObjectTag/{name}"), value.as_str());
        }
    }
    if let Some(Ok(tags)) = text(call, "Tagging").map(super::tagging::read_header) {
        for (name, value) in &tags {
            context.set(&format!("s3:RequestObjectTag/{name}"), value.as_str());
        }
        context.insert(
            "s3:RequestObjectTagKeys",
            tags.into_iter().map(|(name, _)| name),
        );
    }
    let resource = format!("{}/{key}", bucket.arn());
    finish(call, bucket, action.to_owned(), resource, context)
}

fn finish(
    call: &Call<'_>,
    bucket: &Bucket,
    action: String,
    resource: String,
    mut context: Context,
) -> Need {
    context.set("s3:ResourceAccount", bucket.owner.as_str());
    let principal = &call.caller.principal;
    let own = principal.account() == Some(bucket.owner.as_str());
    // The owner's root can always get hold of the policy, so that nobody locks themselves out.
    let owners_root = own
        && matches!(principal, Principal::Root { .. })
        && matches!(
            action.as_str(),
            "s3:GetBucketPolicy" | "s3:PutBucketPolicy" | "s3:DeleteBucketPolicy"
        );
    let policy = bucket.policy.as_ref().filter(|_| !owners_root);
    let restricted = bucket
        .public_access_block
        .is_some_and(|block| block.restrict_buckets);
    Need {
        action,
        resource,
        owner: Some(bucket.owner.clone()),
        context,
        ignore_public: restricted
            && policy.is_some_and(|policy| policy.public)
            && !own
            && !matches!(principal, Principal::Service { .. }),
        policy: policy.map(|policy| (policy.compiled.clone(), ResourceRule::Ordinary)),
        grant: None,
    }
}

/// The condition keys that a request carries whatever it is for.
fn request_context(call: &Call<'_>) -> Context {
    let mut context = Context::new();
    for name in HEADER_KEYS {
        if let Some(value) = header(call.headers, name) {
            context.set(&format!("s3:{name}"), value);
        }
    }
    if let Some(version) = call.tls.and_then(|tls| tls.version.strip_prefix("TLSv")) {
        context.set("s3:TlsVersion", version);
    }
    if call.caller.principal != Principal::Anonymous {
        context.set(CANONICAL_USER_ID, names::canonical_id(call.account()));
        context.set("s3:signatureversion", "AWS4-HMAC-SHA256");
        if let Some(age) = call.signature_age {
            // In milliseconds; a signature from a clock that is ahead is no younger than new.
            context.set("s3:signatureAge", age.as_millis().max(0).to_string());
        }
        context.set(
            "s3:authType",
            if call.presigned {
                "REST-QUERY-STRING"
            } else {
                "REST-HEADER"
            },
        );
    }
    context
}

/// A header's value, where it is text.
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether the caller may know that a key is not there.
///
/// # Errors
/// `AccessDenied` to those who may not list the bucket.
pub fn may_list(state: &State, call: &Call<'_>, bucket: &Bucket) -> Result<(), AwsError> {
    let mut need = bucket_need(call, bucket, "s3:ListBucket");
    // The request is not for a listing, and carries nothing of one.
    for key in ["s3:prefix", "s3:delimiter", "s3:max-keys"] {
        need.context.remove(key);
    }
    ask(state, call, &need)
}

/// Whether the caller may do this to one key of many.
///
/// # Errors
/// `AccessDenied`.
pub fn authorize_key(
    state: &State,
    call: &Call<'_>,
    bucket: &Bucket,
    key: &str,
    version: Option<&str>,
    action: &str,
) -> Result<(), AwsError> {
    ask(
        state,
        call,
        &object_need(call, bucket, key, version, action),
    )
}

fn ask(state: &State, call: &Call<'_>, need: &Need) -> Result<(), AwsError> {
    match authz::refusal(state, call, need) {
        None => Ok(()),
        Some(message) => Err(AwsError::new(403, "AccessDenied", message)),
    }
}
