//! What an uploader says about an object: content headers, metadata, storage class, tags.
//!
//! Owns reading them from a request and giving them back. Headers that ask for what this S3 does not do
//! are refused here, and never overlooked.

use serde_json::{Value, json};
use stockade_wire::{AwsError, Object};

use super::access::text;
use super::state::{Attributes, Bucket};
use super::{errors, tagging};
use crate::call::Call;

/// Headers that come back as they were sent.
const HEADERS: [&str; 7] = [
    "ContentType",
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "Expires",
    "WebsiteRedirectLocation",
];

const STORAGE_CLASSES: [&str; 8] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
];

const NOT_DONE: [(&str, &str); 8] = [
    (
        "SSECustomerAlgorithm",
        "x-amz-server-side-encryption-customer-algorithm",
    ),
    (
        "SSECustomerKey",
        "x-amz-server-side-encryption-customer-key",
    ),
    (
        "CopySourceSSECustomerKey",
        "x-amz-copy-source-server-side-encryption-customer-key",
    ),
    ("SSEKMSKeyId", "x-amz-server-side-encryption-aws-kms-key-id"),
    ("ObjectLockMode", "x-amz-object-lock-mode"),
    (
        "ObjectLockRetainUntilDate",
        "x-amz-object-lock-retain-until-date",
    ),
    ("ObjectLockLegalHoldStatus", "x-amz-object-lock-legal-hold"),
    ("WriteOffsetBytes", "x-amz-write-offset-bytes"),
];

/// The most bytes that `x-amz-meta-…` headers may have, names and values.
const MOST_METADATA: usize = 2048;

/// What a request says about the object that it makes.
///
/// # Errors
/// S3's own for each header that is wrong; `NotImplemented` for what is not done.
pub fn read(call: &Call<'_>) -> Result<Attributes, AwsError> {
    refuse_not_done(call)?;
    let mut attributes = Attributes {
        storage_class: storage_class(call)?,
        ..Attributes::default()
    };
    for header in HEADERS {
        if let Some(value) = text(call, header) {
            attributes
                .headers
                .insert(header.to_owned(), value.to_owned());
        }
    }
    // The framing of the upload is no coding of the content.
    if let Some(coding) = attributes.headers.remove("ContentEncoding") {
        let codings: Vec<&str> = coding
            .split(',')
            .map(str::trim)
            .filter(|coding| !coding.is_empty() && *coding != "aws-chunked")
            .collect();
        if !codings.is_empty() {
            attributes
                .headers
                .insert("ContentEncoding".to_owned(), codings.join(","));
        }
    }
    if let Some(metadata) = call.input.get("Metadata").and_then(Value::as_object) {
        attributes.metadata = metadata
            .iter()
            .filter_map(|(name, value)| {
                Some((name.to_ascii_lowercase(), value.as_str()?.to_owned()))
            })
            .collect();
        let size: usize = attributes
            .metadata
            .iter()
            .map(|(n, v)| n.len() + v.len())
            .sum();
        if size > MOST_METADATA {
            return Err(AwsError::new(
                400,
                "MetadataTooLarge",
                "Your metadata headers exceed the maximum allowed metadata size",
            )
            .with("Size", size.to_string())
            .with("MaxSizeAllowed", MOST_METADATA.to_string()));
        }
    }
    if let Some(header) = text(call, "Tagging") {
        attributes.tags = tagging::read_header(header)?;
    }
    Ok(attributes)
}

fn refuse_not_done(call: &Call<'_>) -> Result<(), AwsError> {
    if let Some((_, header)) = NOT_DONE
        .iter()
        .find(|(member, _)| call.input.contains_key(*member))
    {
        return Err(errors::not_implemented(header));
    }
    match text(call, "ServerSideEncryption") {
        None | Some("AES256") => Ok(()),
        Some("aws:kms" | "aws:kms:dsse") => {
            Err(errors::not_implemented("x-amz-server-side-encryption"))
        }
        Some(other) => Err(errors::invalid_argument(
            "The encryption method specified is not supported",
            "x-amz-server-side-encryption",
            other,
        )),
    }
}

/// The storage class that a request asks for.
///
/// # Errors
/// `InvalidStorageClass`.
pub fn storage_class(call: &Call<'_>) -> Result<String, AwsError> {
    let class = text(call, "StorageClass").unwrap_or("STANDARD");
    if STORAGE_CLASSES.contains(&class) {
        return Ok(class.to_owned());
    }
    Err(AwsError::new(
        400,
        "InvalidStorageClass",
        "The storage class you specified is not valid",
    )
    .with("StorageClassRequested", class))
}

/// Refuses ACLs where there are none.
///
/// # Errors
/// `AccessControlListNotSupported`; `NotImplemented` where the bucket has them.
pub fn check_acl(bucket: &Bucket, call: &Call<'_>) -> Result<(), AwsError> {
    let grants = [
        "GrantFullControl",
        "GrantRead",
        "GrantReadACP",
        "GrantWriteACP",
    ];
    let granted = grants.iter().any(|grant| call.input.contains_key(*grant));
    match (text(call, "ACL"), granted, bucket.has_acls()) {
        (None | Some("bucket-owner-full-control"), false, _) => Ok(()),
        (_, _, false) => Err(errors::acl_not_supported()),
        (Some("private"), false, true) => Ok(()),
        (_, _, true) => Err(errors::not_implemented("x-amz-acl")),
    }
}

/// Adds to an answer what `GetObject` and `HeadObject` tell of the attributes.
pub fn write(attributes: &Attributes, output: &mut Object) {
    for (header, value) in &attributes.headers {
        output.insert((*header).to_owned(), json!(value));
    }
    output
        .entry("ContentType")
        .or_insert_with(|| json!("binary/octet-stream"));
    output.insert("Metadata".to_owned(), json!(attributes.metadata));
    if attributes.storage_class != "STANDARD" {
        output.insert("StorageClass".to_owned(), json!(attributes.storage_class));
    }
    if !attributes.tags.is_empty() {
        output.insert("TagCount".to_owned(), json!(attributes.tags.len()));
    }
    output.insert("ServerSideEncryption".to_owned(), json!("AES256"));
}

/// Whether the bytes must be restored before they can be read.
pub fn is_archived(attributes: &Attributes) -> bool {
    matches!(
        attributes.storage_class.as_str(),
        "GLACIER" | "DEEP_ARCHIVE"
    )
}
