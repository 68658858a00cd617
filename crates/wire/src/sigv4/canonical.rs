//! The canonical form of a request, the string to sign, and the signature.
//!
//! Both ends call this, so that what one signs the other finds. It allows nothing and refuses nothing.

use std::borrow::Cow;

use aws_lc_rs::{digest, hmac};
use http::request::Parts;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use stockade_model::Secret;

/// The name of the algorithm, as requests and the string to sign carry it.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The last part of a credential scope.
pub(super) const TERMINATOR: &str = "aws4_request";
/// The payload of a request whose body is not signed.
pub(super) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// SHA-256 of nothing.
pub(super) const EMPTY_DIGEST: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// RFC 3986's unreserved characters stay; everything else is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const ESCAPED_IN_PATH: &AsciiSet = &ESCAPED.remove(b'/');

/// How a service wants the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PathStyle {
    /// Whether `.`, `..` and empty segments are resolved.
    pub(super) normalised: bool,
    /// Whether the path as sent is escaped once more.
    pub(super) escaped_twice: bool,
}

impl PathStyle {
    /// S3 alone takes the path as it is: its keys may hold anything.
    pub(super) fn of(service: &str) -> Self {
        let plain = is_s3(service);
        Self {
            normalised: !plain,
            escaped_twice: !plain,
        }
    }
}

/// Whether a credential scope's service signs as S3 does.
pub(super) fn is_s3(service: &str) -> bool {
    matches!(
        service,
        "s3" | "s3express" | "s3-outposts" | "s3-object-lambda"
    )
}

/// Where a signature holds: its day, region and service.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) date: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

impl std::fmt::Display for Scope<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}/{}/{}/{TERMINATOR}",
            self.date, self.region, self.service
        )
    }
}

/// The canonical request. Bytes, as a header may hold what is not UTF-8.
pub(super) fn request(
    parts: &Parts,
    style: PathStyle,
    signed_headers: &[String],
    payload: &str,
) -> Vec<u8> {
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(parts.method.as_str().as_bytes());
    text.push(b'\n');
    text.extend_from_slice(path(parts.uri.path(), style).as_bytes());
    text.push(b'\n');
    if let Some(asked) = parts.uri.query().filter(|asked| !asked.is_empty()) {
        text.extend_from_slice(query(asked).as_bytes());
    }
    text.push(b'\n');
    for name in signed_headers {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        header(parts, name, &mut text);
        text.push(b'\n');
    }
    text.push(b'\n');
    for (at, name) in signed_headers.iter().enumerate() {
        if at > 0 {
            text.push(b';');
        }
        text.extend_from_slice(name.as_bytes());
    }
    text.push(b'\n');
    text.extend_from_slice(payload.as_bytes());
    text
}

/// What is signed at last.
pub(super) fn string_to_sign(stamp: &str, scope: Scope<'_>, request: &[u8]) -> String {
    format!("{ALGORITHM}\n{stamp}\n{scope}\n{}", digest_hex(request))
}

/// The key that a secret gives for a scope.
pub(super) fn signing_key(secret: &Secret, scope: Scope<'_>) -> hmac::Key {
    let first = format!("AWS4{}", secret.expose());
    let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
    let next = |with: &hmac::Key, text: &str| key(hmac::sign(with, text.as_bytes()).as_ref());
    let dated = next(&key(first.as_bytes()), scope.date);
    next(
        &next(&next(&dated, scope.region), scope.service),
        TERMINATOR,
    )
}

/// The signature of a text, in hexadecimal.
pub(super) fn signature(key: &hmac::Key, text: &str) -> String {
    hex::encode(hmac::sign(key, text.as_bytes()))
}

/// Whether a signature is a text's; takes the same time whatever is wrong with it.
pub(super) fn is_signature(key: &hmac::Key, text: &str, claimed: &str) -> bool {
    hex::decode(claimed).is_ok_and(|bytes| hmac::verify(key, text.as_bytes(), &bytes).is_ok())
}

/// SHA-256, in hexadecimal.
pub(super) fn digest_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// A moment as signatures write it: `20230710T114218Z`. Its first eight letters are the day.
pub(super) fn stamp(time: Timestamp) -> String {
    let civil = TimeZone::UTC.to_datetime(time);
    let date =
        i64::from(civil.year()) * 10_000 + i64::from(civil.month()) * 100 + i64::from(civil.day());
    let clock = i64::from(civil.hour()) * 10_000
        + i64::from(civil.minute()) * 100
        + i64::from(civil.second());
    format!("{date:08}T{clock:06}Z")
}

/// The moment of a stamp.
pub(super) fn read_stamp(text: &str) -> Option<Timestamp> {
    let number = |from: usize, to: usize| -> Option<i8> {
        let digits = text.get(from..to)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    if text.len() != 16 || text.get(8..9)? != "T" || text.get(15..)? != "Z" {
        return None;
    }
    let year = i16::from(number(0, 2)?) * 100 + i16::from(number(2, 4)?);
    let civil = DateTime::new(
        year,
        number(4, 6)?,
        number(6, 8)?,
        number(9, 11)?,
        number(11, 13)?,
        number(13, 15)?,
        0,
    );
    TimeZone::UTC.to_timestamp(civil.ok()?).ok()
}

/// A text, escaped for a query.
pub(super) fn escaped(text: &[u8]) -> Cow<'_, str> {
    percent_encode(text, ESCAPED).into()
}

fn path(sent: &str, style: PathStyle) -> Cow<'_, str> {
    if matches!(sent, "" | "/") {
        return "/".into();
    }
    let resolved = if style.normalised {
        Cow::Owned(normalised(sent))
    } else {
        sent.into()
    };
    let once: Cow<'_, [u8]> = if style.escaped_twice {
        resolved.as_bytes().into()
    } else {
        percent_decode(resolved.as_bytes()).into()
    };
    let text = percent_encode(&once, ESCAPED_IN_PATH).to_string();
    if text.is_empty() {
        "/".into()
    } else {
        text.into()
    }
}

fn normalised(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut text = format!("/{}", kept.join("/"));
    let ends_in_a_folder = path.ends_with('/') || path.ends_with("/.");
    if ends_in_a_folder && !kept.is_empty() {
        text.push('/');
    }
    text
}

fn query(sent: &str) -> String {
    let mut pairs: Vec<(String, String)> = pairs(sent)
        .filter(|(name, _)| name != b"X-Amz-Signature")
        .map(|(name, value)| (escaped(&name).into_owned(), escaped(&value).into_owned()))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// The members of a query, unescaped; a `+` is a space.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let unescaped = |text: &str| -> Vec<u8> {
        if text.contains('+') {
            percent_decode(text.replace('+', " ").as_bytes()).collect()
        } else {
            percent_decode(text.as_bytes()).collect()
        }
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(move |pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescaped(name), unescaped(value))
        })
}

/// One header's values, each without its outer spaces and with inner runs of them as one.
fn header(parts: &Parts, name: &str, into: &mut Vec<u8>) {
    let mut values = parts.headers.get_all(name).iter().peekable();
    if values.peek().is_none() && name == "host" {
        // HTTP/2 has no Host header.
        into.extend_from_slice(parts.uri.authority().map_or("", |a| a.as_str()).as_bytes());
        return;
    }
    for (at, value) in values.enumerate() {
        if at > 0 {
            into.push(b',');
        }
        let words = value
            .as_bytes()
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        for (at, word) in words.enumerate() {
            if at > 0 {
                into.push(b' ');
            }
            into.extend_from_slice(word);
        }
    }
}
