//! The caller's end: a request from an input, an output from an answer.
//!
//! Owns the way out to a service and back. Signing is `sigv4`; sending is nobody's here.

mod answer;
mod request;

pub use crate::Decoded;
pub use answer::{decode, decode_in};
pub use request::{encode, encode_in};

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
    /// The operation's messages are streams of events, which are not spoken here.
    #[error("{operation} needs a stream of events, which is not supported")]
    Events {
        /// The operation.
        operation: String,
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
