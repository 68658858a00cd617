//! Objects deleted: one, or many at once; for good, or by a delete marker on top.
//!
//! Owns what a deletion leaves behind. Who may delete a key of many is asked of `access`, key by key.

use serde_json::{Value, json};
use stockade_wire::{AwsError, Object};

use super::access::{self, bucket, bucket_mut, key, text};
use super::state::Versioning;
use super::{conditions, errors, names, objects};
use crate::call::{Call, Reply};
use crate::state::State;

/// As many keys as one `DeleteObjects` may have.
const MOST: usize = 1000;

/// What a deletion did.
struct Deleted {
    /// The version that was taken out, or the delete marker that was put on top.
    version: Option<String>,
    /// Whether that is a delete marker.
    marker: bool,
}

/// `DeleteObject`.
pub fn delete(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let key = key(call)?;
    check_condition(
        state,
        call,
        key,
        text(call, "IfMatch"),
        text(call, "VersionId"),
    )?;
    let deleted = delete_one(state, call, key, text(call, "VersionId"))?;
    let mut output = Object::new();
    if let Some(version) = deleted.version {
        output.insert("VersionId".to_owned(), json!(version));
    }
    if deleted.marker {
        output.insert("DeleteMarker".to_owned(), json!(true));
    }
    Ok(Reply::from(output))
}

fn check_condition(
    state: &State,
    call: &Call<'_>,
    key: &str,
    if_match: Option<&str>,
    version: Option<&str>,
) -> Result<(), AwsError> {
    let Some(wanted) = if_match else {
        return Ok(());
    };
    let bucket = bucket(state, call)?;
    let object = match version {
        Some(id) => bucket.version(key, id).and_then(|v| v.object.as_ref()),
        None => bucket.current(key).map(|(_, object)| object),
    };
    match object {
        Some(object) if conditions::names(wanted, &object.etag) => Ok(()),
        Some(_) => Err(errors::precondition_failed("If-Match")),
        None => Err(errors::no_such_key(key)),
    }
}

/// Deletes a key, or a version of it. What is not there is deleted all the same.
fn delete_one(
    state: &mut State,
    call: &Call<'_>,
    key: &str,
    version: Option<&str>,
) -> Result<Deleted, AwsError> {
    if let Some(id) = version {
        if !names::is_version_id(id) {
            return Err(errors::invalid_argument(
                "Invalid version id specified",
                "versionId",
                id,
            ));
        }
        let removed = bucket_mut(state, call)?.remove_version(key, id);
        return Ok(Deleted {
            version: Some(id.to_owned()),
            marker: removed.is_some_and(|version| version.object.is_none()),
        });
    }
    let versioning = bucket(state, call)?.versioning;
    if versioning == Versioning::Off {
        bucket_mut(state, call)?.remove_version(key, "null");
        return Ok(Deleted {
            version: None,
            marker: false,
        });
    }
    let id = objects::new_version(state, versioning);
    let shown = id.clone().unwrap_or_else(|| "null".to_owned());
    bucket_mut(state, call)?.put(key, id, objects::whole_second(call.now), None);
    Ok(Deleted {
        version: Some(shown),
        marker: true,
    })
}

/// `DeleteObjects`: each key is authorised by itself, and fails by itself.
pub fn delete_many(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    bucket(state, call)?;
    let delete = call.input.get("Delete").ok_or_else(errors::malformed_xml)?;
    let wanted = delete
        .get("Objects")
        .and_then(Value::as_array)
        .filter(|wanted| (1..=MOST).contains(&wanted.len()))
        .ok_or_else(errors::malformed_xml)?;
    let wanted = wanted
        .iter()
        .map(|one| {
            let member = |name| one.get(name).and_then(Value::as_str);
            Some((
                member("Key").filter(|key| !key.is_empty())?,
                member("VersionId"),
                member("ETag"),
            ))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(errors::malformed_xml)?;
    let quiet = delete.get("Quiet") == Some(&json!(true));

    let (mut deleted, mut failed) = (Vec::new(), Vec::new());
    for (key, version, etag) in wanted {
        match delete_if_allowed(state, call, key, version, etag) {
            Ok(_) if quiet => {}
            Ok(done) => {
                let mut line = Object::new();
                line.insert("Key".to_owned(), json!(key));
                if let Some(version) = version {
                    line.insert("VersionId".to_owned(), json!(version));
                }
                if done.marker {
                    line.insert("DeleteMarker".to_owned(), json!(true));
                    line.insert("DeleteMarkerVersionId".to_owned(), json!(done.version));
                }
                deleted.push(Value::Object(line));
            }
            Err(error) => {
                let mut line = Object::new();
                line.insert("Key".to_owned(), json!(key));
                if let Some(version) = version {
                    line.insert("VersionId".to_owned(), json!(version));
                }
                line.insert("Code".to_owned(), json!(error.code));
                line.insert("Message".to_owned(), json!(error.message));
                failed.push(Value::Object(line));
            }
        }
    }
    let mut output = Object::new();
    if !deleted.is_empty() {
        output.insert("Deleted".to_owned(), Value::Array(deleted));
    }
    if !failed.is_empty() {
        output.insert("Errors".to_owned(), Value::Array(failed));
    }
    Ok(Reply::from(output))
}

fn delete_if_allowed(
    state: &mut State,
    call: &Call<'_>,
    key: &str,
    version: Option<&str>,
    etag: Option<&str>,
) -> Result<Deleted, AwsError> {
    let action = if version.is_some() {
        "s3:DeleteObjectVersion"
    } else {
        "s3:DeleteObject"
    };
    let bucket = bucket(state, call)?;
    access::authorize_key(state, call, bucket, key, version, action)?;
    check_condition(state, call, key, etag, version)?;
    delete_one(state, call, key, version)
}
