//! S3's errors, in S3's words.
//!
//! Owns codes, texts and the extra elements of S3's error documents. Decides nothing.

use serde_json::json;
use stockade_wire::AwsError;

use crate::store;

/// Adds elements to the error's document.
pub fn with<'a>(
    mut error: AwsError,
    fields: impl IntoIterator<Item = (&'static str, &'a str)>,
) -> AwsError {
    for (name, value) in fields {
        error.fields.insert(name.to_owned(), json!(value));
    }
    error
}

/// The disk that holds the bytes of objects failed.
pub fn disk(error: &std::io::Error) -> AwsError {
    tracing::error!(%error, "the bytes of an object cannot be read or written");
    store::unavailable()
}

/// No bucket has the name.
pub fn no_such_bucket(name: &str) -> AwsError {
    with(
        AwsError::new(404, "NoSuchBucket", "The specified bucket does not exist"),
        [("BucketName", name)],
    )
}

/// No object has the key.
pub fn no_such_key(key: &str) -> AwsError {
    with(
        AwsError::new(404, "NoSuchKey", "The specified key does not exist."),
        [("Key", key)],
    )
}

/// The object has no such version.
pub fn no_such_version(key: &str, version: &str) -> AwsError {
    with(
        AwsError::new(
            404,
            "NoSuchVersion",
            "The specified version does not exist.",
        ),
        [("Key", key), ("VersionId", version)],
    )
}

/// No multipart upload has the id.
pub fn no_such_upload(id: &str) -> AwsError {
    with(
        AwsError::new(
            404,
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
        ),
        [("UploadId", id)],
    )
}

/// A delete marker was asked for something that only an object can do.
pub fn method_not_allowed(method: &str, resource: &str) -> AwsError {
    with(
        AwsError::new(
            405,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        ),
        [("Method", method), ("ResourceType", resource)],
    )
}

/// Refused, without saying why: to strangers and other accounts S3 says no more.
pub fn access_denied() -> AwsError {
    AwsError::new(403, "AccessDenied", "Access Denied")
}

/// A request that does not make sense.
pub fn invalid_request(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "InvalidRequest", message)
}

/// An argument that does not make sense.
pub fn invalid_argument(message: &str, name: &str, value: &str) -> AwsError {
    with(
        AwsError::new(400, "InvalidArgument", message),
        [("ArgumentName", name), ("ArgumentValue", value)],
    )
}

/// The body's XML does not fit the operation.
pub fn malformed_xml() -> AwsError {
    AwsError::new(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

/// A header asks for what this S3 does not do.
pub fn not_implemented(header: &str) -> AwsError {
    with(
        AwsError::new(
            501,
            "NotImplemented",
            "A header you provided implies functionality that is not implemented",
        ),
        [("Header", header)],
    )
}

/// A condition of the request does not hold.
pub fn precondition_failed(condition: &str) -> AwsError {
    with(
        AwsError::new(
            412,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        ),
        [("Condition", condition)],
    )
}

/// The bucket's owner enforces ownership, so that there are no ACLs.
pub fn acl_not_supported() -> AwsError {
    AwsError::new(
        400,
        "AccessControlListNotSupported",
        "The bucket does not allow ACLs",
    )
}

/// No bucket can have the name.
pub fn invalid_bucket_name(name: &str) -> AwsError {
    AwsError::new(
        400,
        "InvalidBucketName",
        "The specified bucket is not valid.",
    )
    .with("BucketName", name)
}
