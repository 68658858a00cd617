//! Objects copied within S3: whole, or as a part of an upload.
//!
//! Owns reading `x-amz-copy-source` and what goes over from the source. Who may read the source is asked
//! in the row, before.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use stockade_wire::{AwsError, Object};

use super::access::{bucket, key, text};
use super::attributes;
use super::checksums::{self, Algorithm, Checksum, Coverage};
use super::conditions::Conditions;
use super::state::{Bucket, ObjectData, Version, Versioning};
use super::{errors, objects};
use crate::call::{Call, Reply};
use crate::state::State;

/// What `x-amz-copy-source` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version, where one is named.
    pub version: Option<String>,
}

impl Source {
    /// Reads the header, which is escaped as a path.
    ///
    /// # Errors
    /// `InvalidArgument`; `NotImplemented` for an access point.
    pub fn read(header: &str) -> Result<Self, AwsError> {
        let wrong = || {
            errors::invalid_argument(
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
                "x-amz-copy-source",
                header,
            )
        };
        let decode = |text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .map(|text| text.into_owned())
        };
        let (path, version) = match header.split_once("?versionId=") {
            Some((path, version)) => (path, Some(decode(version).map_err(|_| wrong())?)),
            None => (header, None),
        };
        let path = decode(path).map_err(|_| wrong())?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        if path.starts_with("arn:") {
            return Err(errors::not_implemented("x-amz-copy-source"));
        }
        let (bucket, key) = path.split_once('/').ok_or_else(wrong)?;
        if bucket.is_empty() || key.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version,
        })
    }

    /// The source that a call names.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn of(call: &Call<'_>) -> Result<Self, AwsError> {
        Self::read(text(call, "CopySource").unwrap_or_default())
    }

    /// The object behind it, if the request's conditions on the source hold.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey` and its kin, `PreconditionFailed`, `InvalidRequest`, `InvalidObjectState`.
    pub fn open<'a>(
        &self,
        state: &'a State,
        call: &Call<'_>,
    ) -> Result<(&'a Bucket, &'a Version, &'a ObjectData), AwsError> {
        let bucket = state
            .s3
            .bucket(&self.bucket)
            .ok_or_else(|| errors::no_such_bucket(&self.bucket))?;
        let expected = text(call, "ExpectedSourceBucketOwner");
        if expected.is_some_and(|owner| owner != bucket.owner.as_str()) {
            return Err(errors::access_denied());
        }
        let found = objects::found_in(state, call, bucket, &self.key, self.version.as_deref());
        let (version, object) = found.map_err(|error| match error.code.as_str() {
            "MethodNotAllowed" => errors::invalid_request(
                "The source of a copy request may not specifically refer to a delete marker by version id.",
            ),
            _ => error,
        })?;
        Conditions {
            if_match: text(call, "CopySourceIfMatch"),
            if_none_match: text(call, "CopySourceIfNoneMatch"),
            if_modified_since: text(call, "CopySourceIfModifiedSince"),
            if_unmodified_since: text(call, "CopySourceIfUnmodifiedSince"),
        }
        .check_source(&object.etag, version.modified)?;
        if attributes::is_archived(&object.attributes) {
            return Err(AwsError::new(
                403,
                "InvalidObjectState",
                "Operation is not valid for the source object's storage class",
            ));
        }
        Ok((bucket, version, object))
    }
}

/// Tells which version was copied, where the source keeps versions.
pub fn write_source_version(bucket: &Bucket, version: &Version, output: &mut Object) {
    if bucket.versioning != Versioning::Off {
        output.insert("CopySourceVersionId".to_owned(), json!(version.id()));
    }
}

/// `CopyObject`.
pub fn copy(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let source = Source::of(call)?;
    let target = bucket(state, call)?;
    let key = key(call)?.to_owned();
    let mut given = attributes::read(call)?;
    attributes::check_acl(target, call)?;
    objects::check_write(target, &key, call)?;
    let (from, version, object) = source.open(state, call)?;

    let replace = |member| match text(call, member) {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => Err(errors::invalid_argument(
            if member == "MetadataDirective" {
                "Unknown metadata directive."
            } else {
                "Unknown tagging directive."
            },
            if member == "MetadataDirective" {
                "x-amz-metadata-directive"
            } else {
                "x-amz-tagging-directive"
            },
            other,
        )),
    };
    let replaces_metadata = replace("MetadataDirective")?;
    let replaces_tags = replace("TaggingDirective")?;
    let to_itself = from.name == target.name && source.key == key && source.version.is_none();
    let changes = replaces_metadata
        || [
            "StorageClass",
            "WebsiteRedirectLocation",
            "ServerSideEncryption",
        ]
        .iter()
        .any(|member| call.input.contains_key(*member));
    if to_itself && !changes {
        return Err(errors::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    if !replaces_metadata {
        // The redirect is never copied.
        let redirect = given.headers.remove("WebsiteRedirectLocation");
        given.headers = object.attributes.headers.clone();
        given.headers.remove("WebsiteRedirectLocation");
        if let Some(redirect) = redirect {
            given
                .headers
                .insert("WebsiteRedirectLocation".to_owned(), redirect);
        }
        given.metadata = object.attributes.metadata.clone();
    }
    if !replaces_tags {
        given.tags = object.attributes.tags.clone();
    }
    let bytes = object.body.all().map_err(|error| errors::disk(&error))?;
    let checksum = copied_checksum(call, object, &bytes)?;
    let copied = ObjectData {
        etag: checksums::etag(&bytes),
        checksum: checksum.clone(),
        attributes: given,
        parts: Vec::new(),
        owner: target.owner.clone(),
        body: object.body.clone(),
    };

    let mut result = Object::new();
    result.insert("ETag".to_owned(), objects::quoted(&copied.etag));
    result.insert(
        "LastModified".to_owned(),
        json!(objects::whole_second(call.now).to_string()),
    );
    checksum.write(&mut result);
    let mut output = Object::new();
    write_source_version(from, version, &mut output);
    output.insert("CopyObjectResult".to_owned(), Value::Object(result));
    output.insert("ServerSideEncryption".to_owned(), json!("AES256"));
    objects::store(state, call, &key, copied, &mut output)?;
    Ok(Reply::from(output))
}

/// The copy's checksum: of the algorithm that is asked for, or of the source's.
fn copied_checksum(
    call: &Call<'_>,
    source: &ObjectData,
    bytes: &[u8],
) -> Result<Checksum, AwsError> {
    let asked = match text(call, "ChecksumAlgorithm") {
        None => None,
        Some(name) => Some(Algorithm::named(name).ok_or_else(|| {
            errors::invalid_request(
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
            )
        })?),
    };
    Ok(match asked {
        None if source.checksum.coverage == Coverage::FullObject => source.checksum.clone(),
        asked => Checksum::of(asked.unwrap_or(source.checksum.algorithm), bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read() {
        let source = |bucket: &str, key: &str, version: Option<&str>| Source {
            bucket: bucket.into(),
            key: key.into(),
            version: version.map(str::to_owned),
        };
        for (header, expected) in [
            ("b/k", source("b", "k", None)),
            ("/b/k/l", source("b", "k/l", None)),
            (
                "b/a%20b%3FversionId%3Dx",
                source("b", "a b?versionId=x", None),
            ),
            ("b/k?versionId=abc", source("b", "k", Some("abc"))),
            ("b/a+b", source("b", "a+b", None)),
        ] {
            assert_eq!(Source::read(header).unwrap(), expected, "{header}");
        }
        for bad in ["", "/", "b", "b/", "/b", "//k", "b/%ff"] {
            assert_eq!(
                Source::read(bad).unwrap_err().code,
                "InvalidArgument",
                "{bad}"
            );
        }
        assert_eq!(
            Source::read("arn:aws:s3:us-east-1:1:accesspoint/x/object/k")
                .unwrap_err()
                .status,
            501
        );
    }
}
