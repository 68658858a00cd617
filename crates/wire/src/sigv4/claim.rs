//! What a request claims: from the `Authorization` header, or from a presigned address.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};

use super::canonical::{ALGORITHM, TERMINATOR, UNSIGNED, is_s3, pairs, read_stamp, stamp};
use super::{Claim, Payload, refusal};
use crate::AwsError;
use crate::error::Family;

/// The services beside S3 that have an operation whose body is not signed (`PutSnapshotBlock`).
const UNSIGNED_BODIES: &[&str] = &["ebs"];
/// The longest that a presigned address may be good: a week, in seconds.
const LONGEST: i64 = 604_800;

pub(super) fn claim(parts: &Parts) -> Result<Option<Claim>, AwsError> {
    let presigned = parts
        .uri
        .query()
        .filter(|query| query.contains("X-Amz-"))
        .map(Presigned::of)
        .filter(|presigned| presigned.algorithm.is_some() || presigned.signature.is_some());
    match (parts.headers.get(http::header::AUTHORIZATION), presigned) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            let family = refusal::family(service_of(parts).as_deref(), parts);
            let words = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified";
            Err(match family {
                Family::S3 => AwsError::new(400, "InvalidArgument", words),
                _ => refusal::incomplete(family, words),
            })
        }
        (Some(header), None) => {
            let text = header.to_str().map_err(|_| {
                refusal::incomplete(
                    refusal::family(None, parts),
                    "Authorization header must be ASCII.",
                )
            })?;
            from_header(parts, text).map(Some)
        }
        (None, Some(presigned)) => from_query(parts, &presigned).map(Some),
    }
}

/// The service of the credential scope, as far as it can be read: in the header, or else in the address.
pub(crate) fn service_of(parts: &Parts) -> Option<String> {
    let from = |credential: &str| credential.split('/').nth(3).map(str::to_owned);
    let header = parts
        .headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if let Some(text) = header {
        let (_, rest) = text.split_once("Credential=")?;
        return from(rest.split(',').next()?.trim());
    }
    Presigned::of(parts.uri.query()?)
        .credential
        .and_then(|credential| from(&credential))
}

/// A credential scope with its access key.
struct Credential {
    access_key: String,
    date: String,
    region: String,
    service: String,
}

impl Credential {
    fn parse(text: &str) -> Option<(Self, &str)> {
        let mut pieces = text.split('/');
        let mut piece = || pieces.next().map(str::to_owned);
        let credential = Self {
            access_key: piece()?,
            date: piece()?,
            region: piece()?,
            service: piece()?,
        };
        let terminator = pieces.next()?;
        pieces.next().is_none().then_some((credential, terminator))
    }
}

fn from_header(parts: &Parts, text: &str) -> Result<Claim, AwsError> {
    let family = refusal::family(service_of(parts).as_deref(), parts);
    let (algorithm, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    if algorithm != ALGORITHM {
        return Err(other_mechanism(family, algorithm));
    }
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for piece in rest
        .split(',')
        .map(str::trim)
        .filter(|piece| !piece.is_empty())
    {
        let Some((name, value)) = piece.split_once('=') else {
            return Err(match family {
                Family::S3 => three_components(),
                _ => refusal::incomplete(
                    family,
                    format!(
                        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '{}'.",
                        hashed(text)
                    ),
                ),
            });
        };
        match name {
            "Credential" => credential = Some(value),
            "SignedHeaders" => signed_headers = Some(value),
            "Signature" => signature = Some(value),
            _ => {}
        }
    }
    let stated = date_of(parts);
    let (Some(credential), Some(signed_headers), Some(signature), Some(stated)) =
        (credential, signed_headers, signature, &stated)
    else {
        return Err(incomplete_header(
            family,
            text,
            credential,
            signature,
            signed_headers,
            stated.is_some(),
        ));
    };
    let signed_at = read_date(stated).ok_or_else(|| bad_date(family, stated))?;
    let credential = scoped(credential, family, signed_at, false)?;
    let payload = payload(parts, &credential.service, None)?;
    Ok(Claim {
        access_key: credential.access_key,
        date: credential.date,
        region: credential.region,
        service: credential.service,
        signed_headers: header_names(signed_headers),
        signature: signature.to_owned(),
        session_token: header_text(parts, "x-amz-security-token"),
        signed_at,
        presigned_expires: None,
        payload,
    })
}

fn incomplete_header(
    family: Family,
    header: &str,
    credential: Option<&str>,
    signature: Option<&str>,
    signed_headers: Option<&str>,
    dated: bool,
) -> AwsError {
    let complete = credential.is_some() && signature.is_some() && signed_headers.is_some();
    if family == Family::S3 {
        if !complete {
            return three_components();
        }
        let words = "AWS authentication requires a valid Date or x-amz-date header";
        return AwsError::new(403, "AccessDenied", words);
    }
    let mut message = String::new();
    for (there, name) in [
        (credential.is_some(), "Credential"),
        (signature.is_some(), "Signature"),
        (signed_headers.is_some(), "SignedHeaders"),
    ] {
        if !there {
            message += &format!("Authorization header requires '{name}' parameter. ");
        }
    }
    if !dated {
        message +=
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    message += &format!(
        "(Hashed with SHA-256 and encoded with Base64) Authorization={}",
        hashed(header)
    );
    refusal::incomplete(family, message)
}

/// A header as AWS repeats it: it may hold what nobody should see.
fn hashed(header: &str) -> String {
    STANDARD.encode(digest::digest(&digest::SHA256, header.as_bytes()))
}

fn three_components() -> AwsError {
    refusal::incomplete(
        Family::S3,
        "the authorization header requires three components: Credential, SignedHeaders, and Signature.",
    )
}

fn other_mechanism(family: Family, algorithm: &str) -> AwsError {
    if family == Family::S3 {
        let words = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
        return AwsError::new(400, "InvalidRequest", words);
    }
    if algorithm.starts_with("AWS4") {
        return refusal::incomplete(
            family,
            format!("Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} for now). "),
        );
    }
    refusal::missing(family)
}

/// The members of a presigned address.
#[derive(Default)]
struct Presigned {
    algorithm: Option<String>,
    credential: Option<String>,
    date: Option<String>,
    expires: Option<String>,
    signed_headers: Option<String>,
    signature: Option<String>,
    token: Option<String>,
    payload: Option<String>,
}

impl Presigned {
    fn of(query: &str) -> Self {
        let mut read = Self::default();
        for (name, value) in pairs(query) {
            let value = String::from_utf8_lossy(&value).into_owned();
            match name.as_slice() {
                b"X-Amz-Algorithm" => read.algorithm = Some(value),
                b"X-Amz-Credential" => read.credential = Some(value),
                b"X-Amz-Date" => read.date = Some(value),
                b"X-Amz-Expires" => read.expires = Some(value),
                b"X-Amz-SignedHeaders" => read.signed_headers = Some(value),
                b"X-Amz-Signature" => read.signature = Some(value),
                b"X-Amz-Security-Token" => read.token = Some(value),
                b"X-Amz-Content-Sha256" => read.payload = Some(value),
                _ => {}
            }
        }
        read
    }
}

fn from_query(parts: &Parts, presigned: &Presigned) -> Result<Claim, AwsError> {
    let service = presigned
        .credential
        .as_deref()
        .and_then(|text| text.split('/').nth(3));
    let family = refusal::family(service, parts);
    let s3 = family == Family::S3;
    let named = [
        ("X-Amz-Algorithm", &presigned.algorithm),
        ("X-Amz-Credential", &presigned.credential),
        ("X-Amz-Signature", &presigned.signature),
        ("X-Amz-Date", &presigned.date),
        ("X-Amz-SignedHeaders", &presigned.signed_headers),
    ];
    let (Some(algorithm), Some(credential), Some(signature), Some(stated), Some(signed_headers)) = (
        &presigned.algorithm,
        &presigned.credential,
        &presigned.signature,
        &presigned.date,
        &presigned.signed_headers,
    ) else {
        return Err(incomplete_query(family, &named));
    };
    if s3 && presigned.expires.is_none() {
        return Err(incomplete_query(family, &named));
    }
    if algorithm != ALGORITHM {
        return Err(if s3 {
            refusal::query_malformed(format!("X-Amz-Algorithm only supports \"{ALGORITHM}\""))
        } else {
            other_mechanism(family, algorithm)
        });
    }
    let expires = match presigned.expires.as_deref().map(str::parse::<i64>) {
        None => refusal::GOOD_FOR.as_secs(),
        Some(Ok(seconds)) => seconds,
        Some(Err(_)) => return Err(query_error(family, "X-Amz-Expires should be a number")),
    };
    if expires < 0 {
        return Err(query_error(family, "X-Amz-Expires must be non-negative"));
    }
    if expires > LONGEST {
        let words = format!(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than {LONGEST} seconds"
        );
        return Err(query_error(family, &words));
    }
    let signed_at = read_stamp(stated).ok_or_else(|| {
        if s3 {
            let words = "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"";
            refusal::query_malformed(words)
        } else {
            bad_date(family, stated)
        }
    })?;
    let credential = scoped(credential, family, signed_at, true)?;
    let payload = payload(
        parts,
        &credential.service,
        Some(presigned.payload.as_deref()),
    )?;
    Ok(Claim {
        access_key: credential.access_key,
        date: credential.date,
        region: credential.region,
        service: credential.service,
        signed_headers: header_names(signed_headers),
        signature: signature.clone(),
        session_token: presigned.token.clone(),
        signed_at,
        presigned_expires: Some(SignedDuration::from_secs(expires)),
        payload,
    })
}

fn query_error(family: Family, words: &str) -> AwsError {
    if family == Family::S3 {
        refusal::query_malformed(words)
    } else {
        refusal::incomplete(family, words)
    }
}

fn incomplete_query(family: Family, named: &[(&str, &Option<String>)]) -> AwsError {
    if family == Family::S3 {
        return refusal::query_malformed(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        );
    }
    let mut message = String::new();
    for (name, _) in named.iter().filter(|(_, value)| value.is_none()) {
        message += &format!("AWS query-string parameters must include '{name}'. ");
    }
    refusal::incomplete(family, message + "Re-examine the query-string parameters.")
}

/// The credential, if its scope is one and is of the day on which the request was signed.
fn scoped(
    text: &str,
    family: Family,
    signed_at: Timestamp,
    in_query: bool,
) -> Result<Credential, AwsError> {
    let s3_refusal = |words: String| {
        if in_query {
            refusal::query_malformed(format!(
                "Error parsing the X-Amz-Credential parameter; {words}"
            ))
        } else {
            refusal::incomplete(Family::S3, words)
        }
    };
    let parsed = Credential::parse(text).filter(|(credential, _)| {
        [
            &credential.access_key,
            &credential.date,
            &credential.region,
            &credential.service,
        ]
        .iter()
        .all(|piece| !piece.is_empty())
    });
    let Some((credential, terminator)) = parsed else {
        return Err(if family == Family::S3 {
            s3_refusal(
                "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"."
                    .to_owned(),
            )
        } else {
            refusal::incomplete(
                family,
                format!(
                    "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{text}'"
                ),
            )
        });
    };
    let signed = stamp(signed_at);
    let day = signed.get(..8).unwrap_or_default();
    if family == Family::S3 {
        if terminator != TERMINATOR {
            return Err(s3_refusal(format!(
                "incorrect terminal \"{terminator}\". This endpoint uses \"{TERMINATOR}\"."
            )));
        }
        if credential.date != day {
            return Err(s3_refusal(format!(
                "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{day}\".",
                credential.date
            )));
        }
        return Ok(credential);
    }
    let mut wrong = Vec::new();
    if terminator != TERMINATOR {
        wrong.push(format!(
            "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'."
        ));
    }
    if credential.date != day {
        wrong.push(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{day}', from '{}'.",
            credential.date,
            signed
        ));
    }
    if wrong.is_empty() {
        Ok(credential)
    } else {
        Err(refusal::mismatch(family, wrong.join(" ")))
    }
}

/// How the body is bound. Outside S3 it is by its digest, whatever the request says.
fn payload(
    parts: &Parts,
    service: &str,
    presigned: Option<Option<&str>>,
) -> Result<Payload, AwsError> {
    let stated = header_text(parts, "x-amz-content-sha256");
    if !is_s3(service) {
        let free = UNSIGNED_BODIES.contains(&service) && stated.as_deref() == Some(UNSIGNED);
        return Ok(if free {
            Payload::Unsigned
        } else {
            Payload::Digest(String::new())
        });
    }
    let stated = match (stated, presigned) {
        (Some(stated), _) => stated,
        (None, Some(in_query)) => in_query.unwrap_or(UNSIGNED).to_owned(),
        (None, None) => {
            let words = "Missing required header for this request: x-amz-content-sha256";
            return Err(AwsError::new(400, "InvalidRequest", words));
        }
    };
    Ok(match stated.as_str() {
        UNSIGNED => Payload::Unsigned,
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Payload::SignedChunks { trailer: false },
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Payload::SignedChunks { trailer: true },
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Payload::UnsignedChunks,
        digest if digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Payload::Digest(stated)
        }
        _ => {
            let words = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.";
            return Err(AwsError::new(400, "InvalidArgument", words)
                .with("ArgumentName", "x-amz-content-sha256")
                .with("ArgumentValue", stated));
        }
    })
}

/// The signed headers, sorted: the canonical form has them in that order.
fn header_names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = text
        .split(';')
        .filter(|name| !name.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn header_text(parts: &Parts, name: &str) -> Option<String> {
    parts
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

fn date_of(parts: &Parts) -> Option<String> {
    header_text(parts, "x-amz-date").or_else(|| header_text(parts, "date"))
}

fn bad_date(family: Family, stated: &str) -> AwsError {
    if family == Family::S3 {
        let words = "AWS authentication requires a valid Date or x-amz-date header";
        return AwsError::new(403, "AccessDenied", words);
    }
    refusal::incomplete(
        family,
        format!(
            "Date must be in ISO-8601 'basic format'. Got '{stated}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ),
    )
}

/// The date of a header: ISO's basic form, or RFC 822's.
fn read_date(text: &str) -> Option<Timestamp> {
    read_stamp(text).or_else(|| {
        jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(text)
            .ok()
    })
}
