//! Whether a claim is true: the time first, then the signature, then the body.

use std::borrow::Cow;
use std::sync::Arc;

use aws_lc_rs::hmac;
use http::request::Parts;
use jiff::Timestamp;

use super::canonical::{self, EMPTY_DIGEST, PathStyle, Scope, UNSIGNED, is_s3};
use super::{Claim, Payload, refusal};
use crate::AwsError;
use crate::error::Family;

pub(super) fn verify(
    claim: &Claim,
    key: impl FnOnce() -> Arc<hmac::Key>,
    parts: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Result<(), AwsError> {
    let family = refusal::family(Some(&claim.service), parts);
    in_time(claim, family, now)?;
    enough_signed(claim, family, parts)?;
    let payload = payload(claim, body);
    let style = PathStyle::of(&claim.service);
    let request = canonical::request(parts, style, &claim.signed_headers, &payload);
    let text =
        canonical::string_to_sign(&canonical::stamp(claim.signed_at), claim.scope(), &request);
    if !canonical::is_signature(&key(), &text, &claim.signature) {
        return Err(explained(refusal::wrong(family), claim, &text, &request));
    }
    match &claim.payload {
        Payload::Digest(claimed) if is_s3(&claim.service) => {
            let computed = canonical::digest_hex(body);
            if computed.eq_ignore_ascii_case(claimed) {
                Ok(())
            } else {
                Err(refusal::other_body(claimed, &computed))
            }
        }
        _ => Ok(()),
    }
}

impl Claim {
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope {
            date: &self.date,
            region: &self.region,
            service: &self.service,
        }
    }
}

fn in_time(claim: &Claim, family: Family, now: Timestamp) -> Result<(), AwsError> {
    let signed = claim.signed_at;
    let late_by = now.duration_since(signed);
    let ahead = if family == Family::S3 {
        refusal::GOOD_FOR
    } else {
        refusal::AHEAD
    };
    match claim.presigned_expires {
        Some(good_for) if family == Family::S3 => {
            if -late_by > ahead {
                return Err(AwsError::new(
                    403,
                    "AccessDenied",
                    "Request is not valid yet",
                ));
            }
            if late_by > good_for {
                let ended = signed.saturating_add(good_for).unwrap_or(Timestamp::MAX);
                return Err(refusal::presigned_expired(good_for, ended, now));
            }
        }
        presigned => {
            if -late_by > ahead {
                return Err(refusal::early(family, signed, now));
            }
            let good_for = presigned
                .unwrap_or(refusal::GOOD_FOR)
                .min(refusal::GOOD_FOR);
            if late_by > good_for {
                return Err(refusal::expired(family, signed, now));
            }
        }
    }
    Ok(())
}

/// Whether nobody on the way could have changed what matters.
fn enough_signed(claim: &Claim, family: Family, parts: &Parts) -> Result<(), AwsError> {
    let signed = |name: &str| claim.signed_headers.iter().any(|header| header == name);
    if family != Family::S3 {
        if !signed("host") && !signed(":authority") {
            return Err(refusal::mismatch(
                family,
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            ));
        }
        // Which operation is meant must be signed as the rest is.
        if parts.headers.contains_key("x-amz-target") && !signed("x-amz-target") {
            let words = "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.";
            return Err(refusal::mismatch(family, words));
        }
        return Ok(());
    }
    // A presigned address says by its own members what it is for.
    let free = |name: &str| {
        claim.presigned_expires.is_some()
            && matches!(
                name,
                "x-amz-content-sha256" | "x-amz-date" | "x-amz-security-token"
            )
    };
    let mut missing: Vec<&str> = parts
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with("x-amz-") && !signed(name) && !free(name))
        .collect();
    if !signed("host") {
        missing.push("host");
    }
    if missing.is_empty() {
        return Ok(());
    }
    missing.sort_unstable();
    let words = "There were headers present in the request which were not signed";
    Err(AwsError::new(403, "AccessDenied", words).with("HeadersNotSigned", missing.join(", ")))
}

/// What stands for the body in the canonical request.
fn payload<'a>(claim: &'a Claim, body: &[u8]) -> Cow<'a, str> {
    match &claim.payload {
        Payload::Digest(stated) if is_s3(&claim.service) => stated.into(),
        Payload::Digest(_) if body.is_empty() => EMPTY_DIGEST.into(),
        Payload::Digest(_) => canonical::digest_hex(body).into(),
        Payload::Unsigned => UNSIGNED.into(),
        Payload::SignedChunks { trailer: false } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".into(),
        Payload::SignedChunks { trailer: true } => {
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER".into()
        }
        Payload::UnsignedChunks => "STREAMING-UNSIGNED-PAYLOAD-TRAILER".into(),
    }
}

/// S3 says what it signed, so that the other end can compare; a session's token is in there, and stays out.
fn explained(error: AwsError, claim: &Claim, text: &str, request: &[u8]) -> AwsError {
    if !is_s3(&claim.service) {
        return error;
    }
    let error = error
        .with("AWSAccessKeyId", claim.access_key.as_str())
        .with("StringToSign", text)
        .with("SignatureProvided", claim.signature.as_str());
    if claim.session_token.is_some() {
        return error;
    }
    error.with(
        "CanonicalRequest",
        String::from_utf8_lossy(request).into_owned(),
    )
}
