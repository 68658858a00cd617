//! The caller's end: a request from an input, an output from an answer.

use bytes::Bytes;

use crate::table::{Operation, Service};
use crate::{AwsError, Object};

pub use crate::Decoded;

/// Why a request could not be made from an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A member that the path needs is not there or empty.
    #[error("{operation} needs the member {member}")]
    Missing {
        /// The operation.
        operation: String,
        /// The member.
        member: String,
    },
    /// A member that the operation does not have.
    #[error("{operation} has no member {member}")]
    Unknown {
        /// The operation.
        operation: String,
        /// The member, as a path.
        member: String,
    },
    /// A member's value is not of its type.
    #[error("{operation}: {member} must be {expected}")]
    Type {
        /// The operation.
        operation: String,
        /// The member, as a path.
        member: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The endpoint or a header cannot be written.
    #[error("{operation}: {why}")]
    Http {
        /// The operation.
        operation: String,
        /// What is wrong.
        why: String,
    },
}

/// A request, not yet signed. S3 buckets go into the path.
///
/// # Errors
/// An input that does not fit the operation's shape.
pub fn encode(
    _service: &Service,
    operation: &Operation,
    _input: &Object,
    _body: Option<Bytes>,
    _endpoint: &http::Uri,
    _region: &str,
) -> Result<http::Request<Bytes>, EncodeError> {
    Err(EncodeError::Http {
        operation: operation.name.clone(),
        why: "not implemented".into(),
    })
}

/// What an answer carries.
///
/// # Errors
/// The error that the service answered; `InvalidResponse` with the answer's status if it cannot be read.
pub fn decode(
    _service: &Service,
    _operation: &Operation,
    _response: &http::response::Parts,
    _body: &Bytes,
) -> Result<Decoded, AwsError> {
    Err(AwsError::new(501, "NotImplemented", "not implemented"))
}
