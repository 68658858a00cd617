//! Signature version 4: to sign, and to tell whether a signature is good.
//!
//! Owns the arithmetic and the words of its refusals. Knows no keys: who owns an access key is the
//! caller's matter. The time is passed in.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use stockade_model::Secret;

use crate::AwsError;

mod canonical;
pub mod checksum;
mod chunked;
mod claim;
mod keys;
mod refusal;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use claim::service_of;
pub use keys::KeyCache;

/// What a request is signed with.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The id of the access key.
    pub access_key: String,
    /// Its secret.
    pub secret: Secret,
    /// The token of a session, for temporary credentials.
    pub session_token: Option<Secret>,
}

/// Why a request could not be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The request has no host: neither in its address nor as a header.
    #[error("the request has no host to sign")]
    NoHost,
    /// A value cannot be written as a header or an address.
    #[error("{0} cannot be written into the request")]
    Unwritable(&'static str),
}

/// How the body of a request is bound to its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// By the SHA-256 of the body, in hexadecimal. Empty outside S3: there the body itself is what counts,
    /// whatever a header says.
    Digest(String),
    /// Not at all.
    Unsigned,
    /// In chunks, each of them signed.
    SignedChunks {
        /// Whether signed trailing headers follow.
        trailer: bool,
    },
    /// In chunks that are not signed, with trailing headers.
    UnsignedChunks,
}

/// What a request claims of itself, before any secret is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The id of the access key.
    pub access_key: String,
    /// The date of the credential scope: `20230710`.
    pub date: String,
    /// The region of the credential scope.
    pub region: String,
    /// The service of the credential scope.
    pub service: String,
    /// The names of the signed headers, lower case, in the request's order.
    pub signed_headers: Vec<String>,
    /// The signature, in hexadecimal.
    pub signature: String,
    /// The session token, from the header or the query.
    pub session_token: Option<String>,
    /// When the request says that it was signed.
    pub signed_at: Timestamp,
    /// How long a presigned address is good; none for a signature in the header.
    pub presigned_expires: Option<SignedDuration>,
    /// How the body is bound.
    pub payload: Payload,
}

/// What a request claims; none if it is anonymous.
///
/// # Errors
/// A signature that is there but torn: `IncompleteSignature`, S3's `AuthorizationHeaderMalformed`, …
pub fn claim(parts: &Parts) -> Result<Option<Claim>, AwsError> {
    claim::claim(parts)
}

/// Whether a claim is true.
///
/// # Errors
/// The service's own refusal: a wrong signature, a stale or early one, a body that was changed.
pub fn verify(
    claim: &Claim,
    secret: &Secret,
    parts: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Result<(), AwsError> {
    let key = || Arc::new(canonical::signing_key(secret, claim.scope()));
    verify::verify(claim, key, parts, body, now)
}

/// The body without its `aws-chunked` framing; any other body as it is. Signed chunks and trailing
/// signatures are checked if a claim and its secret are given; trailing checksums always are.
///
/// # Errors
/// A torn chunk, a chunk with a wrong signature, a checksum that does not fit.
pub fn unchunk(
    signed: Option<(&Claim, &Secret)>,
    parts: &Parts,
    body: &Bytes,
) -> Result<Bytes, AwsError> {
    match signed {
        Some((claim, secret)) => {
            let key = || Arc::new(canonical::signing_key(secret, claim.scope()));
            chunked::unchunk(Some((claim, &key)), parts, body)
        }
        None => chunked::unchunk(None, parts, body),
    }
}

/// Signs a request with the `Authorization` header. A body whose binding the request states itself
/// (`x-amz-content-sha256: UNSIGNED-PAYLOAD`) keeps it.
///
/// # Errors
/// A request without a host, or credentials that no header can carry.
pub fn sign(
    request: &mut http::Request<Bytes>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
) -> Result<(), SignError> {
    sign::sign(
        request,
        credentials,
        region,
        service,
        now,
        sign::Manner::of(service),
    )
}

/// Signs a request's address, good for `expires` from `now` on. The body of an S3 request is not signed.
///
/// # Errors
/// A request without a host, or credentials that no address can carry.
pub fn presign(
    request: &mut http::Request<Bytes>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
    expires: SignedDuration,
) -> Result<(), SignError> {
    sign::presign(
        request,
        credentials,
        region,
        service,
        now,
        expires,
        sign::Manner::of(service),
    )
}
