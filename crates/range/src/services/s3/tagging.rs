//! Tags of buckets and objects.
//!
//! Owns the rules for tag sets and the `x-amz-tagging` header.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::access::{bucket, bucket_mut, key, text};
use super::{errors, objects};
use crate::call::{Call, Reply};
use crate::state::State;

/// What a tag set is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// A bucket: 50 tags.
    Bucket,
    /// An object: 10 tags.
    Object,
}

/// A `TagSet` as the API has it.
///
/// # Errors
/// `InvalidTag`, `BadRequest`, `MalformedXML`.
pub fn read_set(tags: &Value, of: Of) -> Result<Vec<(String, String)>, AwsError> {
    let tags = tags.as_array().ok_or_else(errors::malformed_xml)?;
    let pairs = tags
        .iter()
        .map(|tag| {
            let member = |name| tag.get(name).and_then(Value::as_str).map(str::to_owned);
            Some((member("Key")?, member("Value")?))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(errors::malformed_xml)?;
    check(pairs, of)
}

/// The header `x-amz-tagging`, written like a query.
///
/// # Errors
/// `InvalidArgument`, `InvalidTag`, `BadRequest`.
pub fn read_header(header: &str) -> Result<Vec<(String, String)>, AwsError> {
    let wrong = || {
        errors::invalid_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
            "x-amz-tagging",
            header,
        )
    };
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text)
            .decode_utf8()
            .map(|text| text.into_owned())
            .map_err(|_| wrong())
    };
    let mut pairs = Vec::new();
    for pair in header.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        if pairs.iter().any(|(there, _)| *there == name) {
            return Err(wrong());
        }
        pairs.push((name, value));
    }
    check(pairs, Of::Object)
}

fn check(pairs: Vec<(String, String)>, of: Of) -> Result<Vec<(String, String)>, AwsError> {
    let invalid =
        |message: &str, name: &str| AwsError::new(400, "InvalidTag", message).with("TagKey", name);
    let most = match of {
        Of::Bucket => 50,
        Of::Object => 10,
    };
    if pairs.len() > most {
        return Err(match of {
            Of::Bucket => AwsError::new(
                400,
                "BadRequest",
                "Bucket tag count cannot be greater than 50",
            ),
            Of::Object => AwsError::new(400, "BadRequest", "Object tags cannot be greater than 10"),
        });
    }
    let allowed = |text: &str| {
        text.chars()
            .all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c))
    };
    let mut seen = BTreeSet::new();
    for (name, value) in &pairs {
        if name.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid(
                "System tags cannot be added/updated by requester",
                name,
            ));
        }
        if name.is_empty() || name.chars().count() > 128 || !allowed(name) {
            return Err(invalid("The TagKey you have provided is invalid", name));
        }
        if value.chars().count() > 256 || !allowed(value) {
            return Err(AwsError::new(
                400,
                "InvalidTag",
                "The TagValue you have provided is invalid",
            )
            .with("TagKey", name.as_str())
            .with("TagValue", value.as_str()));
        }
        if !seen.insert(name) {
            return Err(invalid(
                "Cannot provide multiple Tags with the same key",
                name,
            ));
        }
    }
    Ok(pairs)
}

fn shown(tags: &[(String, String)]) -> Value {
    tags.iter()
        .map(|(name, value)| json!({"Key": name, "Value": value}))
        .collect()
}

fn tag_set<'a>(call: &'a Call<'_>) -> Result<&'a Value, AwsError> {
    call.input
        .get("Tagging")
        .and_then(|tagging| tagging.get("TagSet"))
        .ok_or_else(errors::malformed_xml)
}

/// `PutBucketTagging`.
pub fn put_bucket(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let tags = read_set(tag_set(call)?, Of::Bucket)?;
    bucket_mut(state, call)?.tags = Some(tags);
    Ok(Reply::empty())
}

/// `GetBucketTagging`.
pub fn get_bucket(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    match bucket.tags.as_deref() {
        Some(tags) if !tags.is_empty() => Ok(Reply::of_value(json!({"TagSet": shown(tags)}))),
        _ => Err(
            AwsError::new(404, "NoSuchTagSet", "The TagSet does not exist")
                .with("BucketName", bucket.name.as_str()),
        ),
    }
}

/// `DeleteBucketTagging`.
pub fn delete_bucket(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    bucket_mut(state, call)?.tags = None;
    Ok(Reply::empty())
}

/// `PutObjectTagging`.
pub fn put_object(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let tags = read_set(tag_set(call)?, Of::Object)?;
    change(state, call, tags)
}

/// `DeleteObjectTagging`.
pub fn delete_object(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    change(state, call, Vec::new())
}

fn change(
    state: &mut State,
    call: &Call<'_>,
    tags: Vec<(String, String)>,
) -> Result<Reply, AwsError> {
    let (_, version, _) = objects::found(state, call)?;
    let id = objects::shown_version(bucket(state, call)?, version);
    let key = key(call)?.to_owned();
    let asked = text(call, "VersionId").map(str::to_owned);
    if let Some(object) = bucket_mut(state, call)?.object_mut(&key, asked.as_deref()) {
        object.attributes.tags = tags;
    }
    Ok(Reply::from(id))
}

/// `GetObjectTagging`.
pub fn get_object(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let (bucket, version, object) = objects::found(state, call)?;
    let mut output = objects::shown_version(bucket, version);
    output.insert("TagSet".to_owned(), shown(&object.attributes.tags));
    Ok(Reply::from(output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_a_query() {
        assert_eq!(
            read_header("a=1&b%20c=x+y&d").unwrap(),
            [
                ("a".to_owned(), "1".to_owned()),
                ("b c".to_owned(), "x y".to_owned()),
                ("d".to_owned(), String::new())
            ]
        );
        assert_eq!(read_header("a=1&a=2").unwrap_err().code, "InvalidArgument");
        assert_eq!(read_header("%ff=1").unwrap_err().code, "InvalidArgument");
        assert_eq!(read_header("aws:x=1").unwrap_err().code, "InvalidTag");
    }

    #[test]
    fn sets_have_limits() {
        let many = |n: usize| -> Value {
            (0..n)
                .map(|i| json!({"Key": i.to_string(), "Value": ""}))
                .collect()
        };
        assert!(read_set(&many(50), Of::Bucket).is_ok() && read_set(&many(10), Of::Object).is_ok());
        assert_eq!(
            read_set(&many(51), Of::Bucket).unwrap_err().code,
            "BadRequest"
        );
        assert_eq!(
            read_set(&many(11), Of::Object).unwrap_err().code,
            "BadRequest"
        );
        for bad in [
            json!([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]),
            json!([{"Key": "", "Value": "1"}]),
            json!([{"Key": "a<", "Value": "1"}]),
            json!([{"Key": "a", "Value": "x".repeat(257)}]),
        ] {
            assert_eq!(
                read_set(&bad, Of::Bucket).unwrap_err().code,
                "InvalidTag",
                "{bad}"
            );
        }
        for bad in [json!({}), json!([{"Key": "a"}])] {
            assert_eq!(
                read_set(&bad, Of::Bucket).unwrap_err().code,
                "MalformedXML",
                "{bad}"
            );
        }
    }
}
