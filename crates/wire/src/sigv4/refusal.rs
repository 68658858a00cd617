//! The words in which each kind of service refuses a signature.

use http::request::Parts;
use jiff::{SignedDuration, Timestamp};

use super::canonical::{is_s3, stamp};
use crate::AwsError;
use crate::error::Family;
use crate::table;

/// How long a signature in the header stays good, and how far ahead of time it may be in S3.
pub(super) const GOOD_FOR: SignedDuration = SignedDuration::from_mins(15);
/// How far ahead of time a signature may be.
pub(super) const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// How the service of a credential scope words its errors: as the protocol that the request speaks has them.
pub(super) fn family(service: Option<&str>, parts: &Parts) -> Family {
    if service.is_some_and(is_s3) {
        return Family::S3;
    }
    if parts.headers.contains_key("smithy-protocol") || parts.headers.contains_key("x-amz-target") {
        return Family::Json;
    }
    let known = service.and_then(|signing| {
        table::entries()
            .iter()
            .find(|entry| entry.signing_name == signing)
    });
    if let Some(entry) = known
        && let Some(protocol) = entry.form().or(entry.rest()).or(entry.json())
    {
        return Family::speaking(protocol, entry.signing_name);
    }
    let is_form = || {
        let kind = parts.headers.get(http::header::CONTENT_TYPE);
        kind.is_some_and(|kind| {
            kind.as_bytes()
                .starts_with(b"application/x-www-form-urlencoded")
        })
    };
    let asks = |name: &str| parts.uri.query().is_some_and(|query| query.contains(name));
    if is_form() || asks("Action=") {
        Family::Query
    } else {
        Family::S3
    }
}

/// A signature that is there but cannot be read.
pub(super) fn incomplete(family: Family, message: impl Into<String>) -> AwsError {
    match family {
        Family::Json => AwsError::new(400, "IncompleteSignatureException", message),
        Family::Rest => AwsError::new(403, "IncompleteSignatureException", message),
        Family::Query | Family::Ec2 => AwsError::new(400, "IncompleteSignature", message),
        Family::S3 => AwsError::new(
            400,
            "AuthorizationHeaderMalformed",
            format!("The authorization header is malformed; {}", message.into()),
        ),
    }
}

/// S3's refusal of a presigned address that cannot be read.
pub(super) fn query_malformed(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "AuthorizationQueryParametersError", message)
}

/// No signature at all where one is needed.
pub(super) fn missing(family: Family) -> AwsError {
    let (status, code, message) = match family {
        Family::Json | Family::Rest => (
            403,
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        _ => (
            403,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        ),
    };
    AwsError::new(
        if family == Family::Json { 400 } else { status },
        code,
        message,
    )
}

/// A signature that does not hold, for the reason that the message gives.
pub(super) fn mismatch(family: Family, message: impl Into<String>) -> AwsError {
    match family {
        Family::Json => AwsError::new(400, "InvalidSignatureException", message),
        Family::Rest => AwsError::new(403, "InvalidSignatureException", message),
        Family::Query | Family::S3 => AwsError::new(403, "SignatureDoesNotMatch", message),
        Family::Ec2 => AwsError::new(
            401,
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
        ),
    }
}

/// A signature that is not the one that the secret gives.
pub(super) fn wrong(family: Family) -> AwsError {
    let words = "The request signature we calculated does not match the signature you provided.";
    if family == Family::S3 {
        return mismatch(
            family,
            format!("{words} Check your key and signing method."),
        );
    }
    mismatch(
        family,
        format!(
            "{words} Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
        ),
    )
}

/// A signature that is too old.
pub(super) fn expired(family: Family, signed: Timestamp, now: Timestamp) -> AwsError {
    match family {
        Family::S3 => skewed(signed, now),
        Family::Ec2 => AwsError::new(400, "RequestExpired", "Request has expired."),
        _ => mismatch(
            family,
            format!(
                "Signature expired: {} is now earlier than {} ({} - {} min.)",
                stamp(signed),
                stamp(now.saturating_sub(GOOD_FOR).unwrap_or(Timestamp::MIN)),
                stamp(now),
                GOOD_FOR.as_mins()
            ),
        ),
    }
}

/// A signature from the future.
pub(super) fn early(family: Family, signed: Timestamp, now: Timestamp) -> AwsError {
    if family == Family::S3 {
        return skewed(signed, now);
    }
    mismatch(
        family,
        format!(
            "Signature not yet current: {} is still later than {} ({} + {} min.)",
            stamp(signed),
            stamp(now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX)),
            stamp(now),
            AHEAD.as_mins()
        ),
    )
}

fn skewed(signed: Timestamp, now: Timestamp) -> AwsError {
    let words = "The difference between the request time and the current time is too large.";
    AwsError::new(403, "RequestTimeTooSkewed", words)
        .with("RequestTime", stamp(signed))
        .with("ServerTime", seconds(now))
        .with(
            "MaxAllowedSkewMilliseconds",
            GOOD_FOR.as_millis().to_string(),
        )
}

/// A presigned address of S3 that has ended.
pub(super) fn presigned_expired(
    good_for: SignedDuration,
    ended: Timestamp,
    now: Timestamp,
) -> AwsError {
    AwsError::new(403, "AccessDenied", "Request has expired")
        .with("X-Amz-Expires", good_for.as_secs().to_string())
        .with("Expires", seconds(ended))
        .with("ServerTime", seconds(now))
}

/// A body that is not the one that was signed.
pub(super) fn other_body(claimed: &str, computed: &str) -> AwsError {
    AwsError::new(
        400,
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    )
    .with("ClientComputedContentSHA256", claimed)
    .with("S3ComputedContentSHA256", computed)
}

fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}
