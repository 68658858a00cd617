//! Objects: put, read, looked at.
//!
//! Owns the way of bytes in and out. Copies, deletions and uploads in parts have files of their own.

use bytes::Bytes;
use serde_json::{Value, json};
use stockade_model::Timestamp;
use stockade_policy::Principal;
use stockade_wire::{AwsError, Object};

use super::access::{self, bucket, bucket_mut, key, text};
use super::attributes;
use super::checksums::{self, Algorithm, Checksum};
use super::conditions::{self, Conditions};
use super::state::{Bucket, ObjectData, Version, Versioning};
use super::{errors, names};
use crate::call::{Call, Reply};
use crate::state::State;

/// `PutObject`.
pub fn put(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    let key = key(call)?;
    let attributes = attributes::read(call)?;
    attributes::check_acl(bucket, call)?;
    check_write(bucket, key, call)?;
    let bytes = call.body.cloned().unwrap_or_default();
    let checksum = checksums::verify(
        call.input,
        access::header(call.headers, "x-amz-trailer"),
        &bytes,
    )?
    .unwrap_or_else(|| Checksum::of(Algorithm::Crc64Nvme, &bytes));
    let object = ObjectData {
        etag: checksums::etag(&bytes),
        checksum: checksum.clone(),
        attributes,
        parts: Vec::new(),
        owner: bucket.owner.clone(),
        body: state.s3.keep(bytes)?,
    };
    let mut output = Object::new();
    output.insert("ETag".to_owned(), quoted(&object.etag));
    output.insert("ServerSideEncryption".to_owned(), json!("AES256"));
    checksum.write(&mut output);
    store(state, call, key, object, &mut output)?;
    Ok(Reply::from(output))
}

/// Puts an object on top of its key and tells the version in the answer.
///
/// # Errors
/// As [`access::bucket`].
pub fn store(
    state: &mut State,
    call: &Call<'_>,
    key: &str,
    object: ObjectData,
    output: &mut Object,
) -> Result<(), AwsError> {
    let versioning = bucket(state, call)?.versioning;
    let id = new_version(state, versioning);
    if versioning != Versioning::Off {
        let shown = id.as_deref().unwrap_or("null");
        output.insert("VersionId".to_owned(), json!(shown));
    }
    bucket_mut(state, call)?.put(key, id, whole_second(call.now), Some(object));
    Ok(())
}

/// The id of a new version, where the bucket keeps versions.
pub fn new_version(state: &mut State, versioning: Versioning) -> Option<String> {
    (versioning == Versioning::Enabled)
        .then(|| names::version_id(&state.ids.hex(names::VERSION_BYTES * 2)))
}

/// The time as S3 keeps it.
pub fn whole_second(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// An ETag as answers have it.
pub fn quoted(etag: &str) -> Value {
    json!(format!("\"{etag}\""))
}

/// The conditions of a write.
///
/// # Errors
/// `PreconditionFailed`, `NoSuchKey`, `NotImplemented`.
pub fn check_write(bucket: &Bucket, key: &str, call: &Call<'_>) -> Result<(), AwsError> {
    let current = bucket.current(key);
    match text(call, "IfNoneMatch") {
        None => {}
        Some("*") if current.is_some() => return Err(errors::precondition_failed("If-None-Match")),
        Some("*") => {}
        Some(_) => return Err(errors::not_implemented("If-None-Match")),
    }
    match (text(call, "IfMatch"), current) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(errors::no_such_key(key)),
        (Some(wanted), Some((_, object))) if conditions::names(wanted, &object.etag) => Ok(()),
        (Some(_), Some(_)) => Err(errors::precondition_failed("If-Match")),
    }
}

/// The object that a request names by key and perhaps by version.
///
/// # Errors
/// `NoSuchKey`, or `AccessDenied` to those who may not list the bucket and so may not know; `NoSuchVersion`;
/// `MethodNotAllowed` for a delete marker that is named.
pub fn found<'a>(
    state: &'a State,
    call: &Call<'_>,
) -> Result<(&'a Bucket, &'a Version, &'a ObjectData), AwsError> {
    let bucket = bucket(state, call)?;
    let (version, object) = found_in(state, call, bucket, key(call)?, text(call, "VersionId"))?;
    Ok((bucket, version, object))
}

/// The object of a key in a bucket, which need not be the request's own.
///
/// # Errors
/// As [`found`].
pub fn found_in<'a>(
    state: &State,
    call: &Call<'_>,
    bucket: &'a Bucket,
    key: &str,
    id: Option<&str>,
) -> Result<(&'a Version, &'a ObjectData), AwsError> {
    let Some(id) = id else {
        if let Some(found) = bucket.current(key) {
            return Ok(found);
        }
        access::may_list(state, call, bucket)?;
        let mut error = errors::no_such_key(key);
        if let Some(marker) = bucket.latest(key) {
            error = marked(error, marker);
        }
        return Err(error);
    };
    if !names::is_version_id(id) {
        return Err(errors::invalid_argument(
            "Invalid version id specified",
            "versionId",
            id,
        ));
    }
    let Some(version) = bucket.version(key, id) else {
        access::may_list(state, call, bucket)?;
        return Err(errors::no_such_version(key, id));
    };
    match &version.object {
        Some(object) => Ok((version, object)),
        None => Err(marked(
            errors::method_not_allowed(method(call), "DeleteMarker"),
            version,
        )),
    }
}

/// Says on an error that it was a delete marker which answered.
fn marked(error: AwsError, _marker: &Version) -> AwsError {
    error
}

fn method(call: &Call<'_>) -> &'static str {
    match call.operation {
        "HeadObject" => "HEAD",
        "PutObjectTagging" => "PUT",
        "DeleteObjectTagging" => "DELETE",
        _ => "GET",
    }
}

/// The version as answers tell it: not at all in a bucket that never kept any.
pub fn shown_version(bucket: &Bucket, version: &Version) -> Object {
    let mut output = Object::new();
    if bucket.versioning != Versioning::Off {
        output.insert("VersionId".to_owned(), json!(version.id()));
    }
    output
}

/// `GetObject`.
pub fn get(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    read(state, call, true)
}

/// `HeadObject`.
pub fn head(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    read(state, call, false)
}

fn read(state: &State, call: &Call<'_>, with_body: bool) -> Result<Reply, AwsError> {
    let overrides = overrides(call)?;
    let (bucket, version, object) = found(state, call)?;
    let holds = Conditions {
        if_match: text(call, "IfMatch"),
        if_none_match: text(call, "IfNoneMatch"),
        if_modified_since: text(call, "IfModifiedSince"),
        if_unmodified_since: text(call, "IfUnmodifiedSince"),
    }
    .check_read(&object.etag, version.modified)?;
    if !holds {
        let mut reply = Reply::from(shown_version(bucket, version));
        reply.output.insert("ETag".to_owned(), quoted(&object.etag));
        reply.output.insert(
            "LastModified".to_owned(),
            json!(version.modified.to_string()),
        );
        reply.status = Some(304);
        return Ok(reply);
    }
    if with_body && attributes::is_archived(&object.attributes) {
        return Err(AwsError::new(
            403,
            "InvalidObjectState",
            "The operation is not valid for the object's storage class",
        )
        .with("StorageClass", object.attributes.storage_class.as_str()));
    }
    let size = object.body.len();
    let part = call.input.get("PartNumber").and_then(Value::as_i64);
    let range = match (text(call, "Range"), part) {
        (Some(_), Some(_)) => {
            return Err(errors::invalid_request(
                "Cannot specify both Range header and partNumber query parameter",
            ));
        }
        (Some(header), None) => conditions::range(header, size)?,
        (None, Some(number)) => Some(part_range(object, number)?),
        (None, None) => None,
    };

    let mut output = shown_version(bucket, version);
    attributes::write(&object.attributes, &mut output);
    output.insert("AcceptRanges".to_owned(), json!("bytes"));
    output.insert(
        "LastModified".to_owned(),
        json!(version.modified.to_string()),
    );
    output.insert("ETag".to_owned(), quoted(&object.etag));
    // A checksum of the whole says nothing of a range.
    if text(call, "ChecksumMode").is_some_and(|mode| mode.eq_ignore_ascii_case("ENABLED"))
        && (text(call, "Range").is_none() || range.is_none())
    {
        object.checksum.write(&mut output);
    }
    if part.is_some() && !object.parts.is_empty() {
        output.insert("PartsCount".to_owned(), json!(object.parts.len()));
    }
    output.extend(overrides);
    let span = range.clone().unwrap_or(0..size);
    output.insert("ContentLength".to_owned(), json!(span.end - span.start));
    // An empty object has no range that could be written.
    let partial = range.is_some() && size > 0;
    if partial {
        let last = span.end.saturating_sub(1);
        output.insert(
            "ContentRange".to_owned(),
            json!(format!("bytes {}-{last}/{size}", span.start)),
        );
    }
    let body = if with_body {
        let read = object.body.part(span);
        read.map_err(|error| errors::disk(&error))?
    } else {
        Bytes::new()
    };
    let mut reply = Reply::from(output);
    reply.body = with_body.then_some(body);
    if partial {
        reply.status = Some(206);
    }
    Ok(reply)
}

fn part_range(object: &ObjectData, number: i64) -> Result<std::ops::Range<u64>, AwsError> {
    if object.parts.is_empty() && number == 1 {
        return Ok(0..object.body.len());
    }
    let place = usize::try_from(number - 1).ok();
    place
        .and_then(|place| object.parts.get(place))
        .map(|part| part.offset..part.offset + part.size)
        .ok_or_else(|| {
            AwsError::new(
                416,
                "InvalidPartNumber",
                "The requested partnumber is not satisfiable",
            )
            .with("PartNumberRequested", number.to_string())
            .with("ActualPartCount", object.parts.len().max(1).to_string())
        })
}

/// The headers that a request wants answered in place of the object's own.
fn overrides(call: &Call<'_>) -> Result<Object, AwsError> {
    let mut output = Object::new();
    for header in [
        "CacheControl",
        "ContentDisposition",
        "ContentEncoding",
        "ContentLanguage",
        "ContentType",
        "Expires",
    ] {
        if let Some(value) = text(call, &format!("Response{header}")) {
            output.insert(header.to_owned(), json!(value));
        }
    }
    if !output.is_empty() && call.caller.principal == Principal::Anonymous {
        return Err(errors::invalid_request(
            "Request specific response headers cannot be used for anonymous GET requests.",
        ));
    }
    Ok(output)
}

/// `GetObjectAcl`: without ACLs the owner has everything.
pub fn acl(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let (bucket, _, _) = found(state, call)?;
    Ok(Reply::of_value(super::buckets::owner_has_all(bucket)))
}
