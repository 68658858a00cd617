//! `aws-chunked` bodies: chunks with their signatures, and the checksums that trail them.

use std::sync::Arc;

use aws_lc_rs::hmac;
use bytes::{Bytes, BytesMut};
use http::request::Parts;

use super::canonical::{self, EMPTY_DIGEST};
use super::{Claim, checksum, refusal};
use crate::AwsError;
use crate::error::Family;

/// The longest line of the framing: a chunk's head or a trailer.
const LONGEST_LINE: usize = 8 * 1024;

/// The least that a chunk may hold, but for the last.
const LEAST: usize = 8 * 1024;

/// A claim, and how the key of its signature is come by.
pub(super) type Signed<'a> = (&'a Claim, &'a dyn Fn() -> Arc<hmac::Key>);

pub(super) fn unchunk(
    signed: Option<Signed<'_>>,
    parts: &Parts,
    body: &Bytes,
) -> Result<Bytes, AwsError> {
    let stated = parts
        .headers
        .get("x-amz-content-sha256")
        .map(|value| value.as_bytes());
    let (chunks_signed, trailed) = match stated {
        Some(b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD") => (true, false),
        Some(b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") => (true, true),
        Some(b"STREAMING-UNSIGNED-PAYLOAD-TRAILER") => (false, true),
        _ => return Ok(body.clone()),
    };
    let mut seal = signed.filter(|_| chunks_signed).map(|(claim, key)| Seal {
        key: key(),
        context: format!("{}\n{}", canonical::stamp(claim.signed_at), claim.scope()),
        previous: claim.signature.clone(),
    });
    let mut reader = Reader { rest: body };
    let mut whole = BytesMut::with_capacity(body.len());
    let mut small = None;
    for number in 1u64.. {
        let head = reader.line()?;
        let (size, extension) = head.split_once(';').unwrap_or((head, ""));
        let size = size.trim();
        if !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(torn());
        }
        let size = usize::from_str_radix(size, 16).map_err(|_| torn())?;
        let signature = extension
            .trim()
            .strip_prefix("chunk-signature=")
            .unwrap_or_default();
        let data = reader.take(size)?;
        if let Some(seal) = &mut seal {
            seal.chunk(signature, data)?;
        }
        if size == 0 {
            break;
        }
        if let Some(size) = small.filter(|size| *size < LEAST) {
            return Err(too_small(number, size));
        }
        small = Some(size);
        whole.extend_from_slice(data);
        if reader.take(2)? != b"\r\n" {
            return Err(torn());
        }
    }
    let whole = whole.freeze();
    declared_length(parts, &whole)?;
    let announced = if trailed {
        announced(parts)
    } else {
        Vec::new()
    };
    trailers(&mut reader, seal.filter(|_| trailed), &announced, &whole)?;
    Ok(whole)
}

/// The names of the trailers that the request says will come.
fn announced(parts: &Parts) -> Vec<String> {
    let named = parts.headers.get_all("x-amz-trailer");
    named
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .collect()
}

fn declared_length(parts: &Parts, whole: &Bytes) -> Result<(), AwsError> {
    let declared = parts
        .headers
        .get("x-amz-decoded-content-length")
        .and_then(|value| value.to_str().ok())
        .map(|text| text.trim().parse::<usize>());
    match declared {
        None => Ok(()),
        Some(Ok(length)) if length == whole.len() => Ok(()),
        Some(_) => Err(AwsError::new(
            400,
            "IncompleteBody",
            "You did not provide the number of bytes specified by the Content-Length HTTP header.",
        )),
    }
}

/// The lines after the last chunk: just the trailers that were announced, and a signature over them if chunks have one.
fn trailers(
    reader: &mut Reader<'_>,
    seal: Option<Seal>,
    announced: &[String],
    whole: &Bytes,
) -> Result<(), AwsError> {
    let mut sealed = String::new();
    let mut signature = None;
    let mut due: Vec<&String> = announced.iter().collect();
    while !reader.rest.is_empty() {
        let line = reader.line()?;
        if line.is_empty() {
            continue;
        }
        let (name, value) = line.split_once(':').ok_or_else(malformed_trailer)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name == "x-amz-trailer-signature" {
            signature = Some(value.to_owned());
            continue;
        }
        let at = due.iter().position(|known| **known == name);
        due.swap_remove(at.ok_or_else(malformed_trailer)?);
        if let Some(algorithm) = name.strip_prefix("x-amz-checksum-") {
            checksum::check(algorithm, value, whole)?;
        }
        sealed.push_str(&format!("{name}:{value}\n"));
    }
    if !due.is_empty() {
        return Err(malformed_trailer());
    }
    match (seal, signature) {
        (Some(seal), Some(signature)) => seal.trailer(&signature, &sealed),
        (Some(_), None) => Err(malformed_trailer()),
        (None, _) => Ok(()),
    }
}

/// The chain of signatures: each covers the one before.
struct Seal {
    key: Arc<hmac::Key>,
    context: String,
    previous: String,
}

impl Seal {
    fn chunk(&mut self, claimed: &str, data: &[u8]) -> Result<(), AwsError> {
        let text = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{EMPTY_DIGEST}\n{}",
            self.context,
            self.previous,
            canonical::digest_hex(data)
        );
        if !canonical::is_signature(&self.key, &text, claimed) {
            return Err(refusal::wrong(Family::S3));
        }
        self.previous = claimed.to_owned();
        Ok(())
    }

    fn trailer(self, claimed: &str, lines: &str) -> Result<(), AwsError> {
        let text = format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}",
            self.context,
            self.previous,
            canonical::digest_hex(lines.as_bytes())
        );
        if canonical::is_signature(&self.key, &text, claimed) {
            Ok(())
        } else {
            Err(refusal::wrong(Family::S3))
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], AwsError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(torn)?;
        self.rest = rest;
        Ok(taken)
    }

    fn line(&mut self) -> Result<&'a str, AwsError> {
        let window = self.rest.get(..LONGEST_LINE).unwrap_or(self.rest);
        let end = window
            .windows(2)
            .position(|two| two == b"\r\n")
            .ok_or_else(torn)?;
        let line = self.take(end)?;
        self.take(2)?;
        std::str::from_utf8(line).map_err(|_| torn())
    }
}

fn malformed_trailer() -> AwsError {
    AwsError::new(
        400,
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
    )
}

/// `number` is the chunk at which it showed that the one before was not the last.
fn too_small(number: u64, size: usize) -> AwsError {
    AwsError::new(
        403,
        "InvalidChunkSizeError",
        "Only the last chunk is allowed to have a size less than 8192 bytes",
    )
    .with("Chunk", number.to_string())
    .with("BadChunkSize", size.to_string())
}

fn torn() -> AwsError {
    AwsError::new(
        400,
        "IncompleteBody",
        "The request body terminated unexpectedly",
    )
}
