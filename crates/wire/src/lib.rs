//! AWS protocols, both ends: tables of facts, codecs, SigV4, the shapes of AWS's errors.
//!
//! Owns how a call looks on the wire, and nothing of what it does: no service's behaviour, no
//! sockets, no clock (the time is always passed in), no random numbers.

pub mod client;
mod codec;
pub mod error;
pub mod server;
pub mod sigv4;
pub mod table;

pub use error::{AwsError, Family};
pub use table::Protocol;

/// A decoded structure, keyed by member name as the service's model spells it (`UserName`).
///
/// Lists are arrays, maps objects, blobs base64 text, timestamps RFC 3339 text in UTC
/// (`2023-07-10T11:45:00Z`, with a fraction only if it is not zero), numbers numbers (and `NaN`, `Infinity`,
/// `-Infinity` text). A streaming
/// blob (S3's `Body`) is not in it: it travels beside it as bytes.
pub type Object = serde_json::Map<String, serde_json::Value>;

/// What a request or an answer carried.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The members.
    pub input: Object,
    /// The bytes of the streaming member, where the operation has one and they were sent.
    pub body: Option<bytes::Bytes>,
}
