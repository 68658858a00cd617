//! The service's end: which operation a request is for, what it carries, and the answer.

use bytes::Bytes;
use http::request::Parts;

use crate::table::{Operation, Protocol, Service};
use crate::{AwsError, Object};

pub use crate::Decoded;

/// What a request is for.
#[derive(Clone, Debug)]
pub struct Target {
    /// The service.
    pub service: &'static Service,
    /// The operation.
    pub operation: &'static Operation,
    /// The protocol that the request speaks, and its answer must.
    pub protocol: Protocol,
    pub(crate) labels: Vec<(String, String)>,
}

fn not_implemented() -> AwsError {
    AwsError::new(501, "NotImplemented", "not implemented")
}

/// Which operation a request is for, told by its shape: the service of its credential scope,
/// `X-Amz-Target`, `Action`, the path and the host.
///
/// # Errors
/// The service's own error for an operation that it does not have.
pub fn identify(_parts: &Parts, _body: &[u8]) -> Result<Target, AwsError> {
    Err(not_implemented())
}

/// The input that a request carries.
///
/// # Errors
/// The service's own error for a malformed request.
pub fn decode(_target: &Target, _parts: &Parts, _body: &Bytes) -> Result<Decoded, AwsError> {
    Err(not_implemented())
}

/// Holds an input against the model: required, length, range, pattern, enum.
///
/// # Errors
/// The service's own validation error.
pub fn validate(
    _service: &Service,
    _operation: &Operation,
    _input: &Object,
    _body_present: bool,
) -> Result<(), AwsError> {
    Err(not_implemented())
}

/// The answer to a call that went well.
pub fn encode(
    _target: &Target,
    _output: &Object,
    _body: Option<Bytes>,
    _request_id: &str,
) -> http::Response<Bytes> {
    http::Response::new(Bytes::new())
}

/// The answer to a call that failed. `resource` is the path that S3 shows in its errors.
pub fn encode_error(
    _service: Option<&'static Service>,
    _protocol: Option<Protocol>,
    _error: &AwsError,
    _request_id: &str,
    _resource: Option<&str>,
) -> http::Response<Bytes> {
    http::Response::new(Bytes::new())
}
