//! `aws-chunked` bodies: chunks with their signatures, and the checksums that trail them.

use aws_lc_rs::hmac;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use stockade_model::Secret;

use super::canonical::{self, EMPTY_DIGEST};
use super::{Claim, checksum, refusal};
use crate::AwsError;
use crate::error::Family;

/// The longest line of the framing: a chunk's head or a trailer.
const LONGEST_LINE: usize = 8 * 1024;

pub(super) fn unchunk(
    signed: Option<(&Claim, &Secret)>,
    parts: &Parts,
    body: &Bytes,
) -> Result<Bytes, AwsError> {
    let stated = parts
        .headers
        .get("x-amz-content-sha256")
        .map(|value| value.as_bytes());
    let chunks_signed = match stated {
        Some(
            b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD" | b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        ) => true,
        Some(b"STREAMING-UNSIGNED-PAYLOAD-TRAILER") => false,
        _ => return Ok(body.clone()),
    };
    let mut seal = signed
        .filter(|_| chunks_signed)
        .map(|(claim, secret)| Seal {
            key: canonical::signing_key(secret, claim.scope()),
            context: format!("{}\n{}", canonical::stamp(claim.signed_at), claim.scope()),
            previous: claim.signature.clone(),
        });
    let mut reader = Reader { rest: body };
    let mut whole = BytesMut::with_capacity(body.len());
    loop {
        let head = reader.line()?;
        let (size, extension) = head.split_once(';').unwrap_or((head, ""));
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| torn())?;
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
        whole.extend_from_slice(data);
        if reader.take(2)? != b"\r\n" {
            return Err(torn());
        }
    }
    let whole = whole.freeze();
    declared_length(parts, &whole)?;
    trailers(&mut reader, seal, &whole)?;
    Ok(whole)
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

/// The lines after the last chunk: checksums of the whole, and a signature over them.
fn trailers(reader: &mut Reader<'_>, seal: Option<Seal>, whole: &Bytes) -> Result<(), AwsError> {
    let mut sealed = String::new();
    let mut signature = None;
    while !reader.rest.is_empty() {
        let line = reader.line()?;
        if line.is_empty() {
            continue;
        }
        let (name, value) = line.split_once(':').ok_or_else(torn)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name == "x-amz-trailer-signature" {
            signature = Some(value.to_owned());
            continue;
        }
        if let Some(algorithm) = name.strip_prefix("x-amz-checksum-") {
            checksum::check(algorithm, value, whole)?;
        }
        sealed.push_str(&format!("{name}:{value}\n"));
    }
    match (seal, signature) {
        (Some(seal), Some(signature)) => seal.trailer(&signature, &sealed),
        (Some(_), None) if !sealed.is_empty() => Err(torn()),
        _ => Ok(()),
    }
}

/// The chain of signatures: each covers the one before.
struct Seal {
    key: hmac::Key,
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

fn torn() -> AwsError {
    AwsError::new(
        400,
        "IncompleteBody",
        "The request body terminated unexpectedly",
    )
}
