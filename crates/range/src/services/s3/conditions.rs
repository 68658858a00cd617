//! Conditions and ranges of requests: `If-Match` and its kin, `Range`.
//!
//! Owns what they mean. Knows an object's ETag, time and size, and nothing else of it.

use std::ops::Range;

use stockade_model::Timestamp;
use stockade_wire::AwsError;

use super::errors;

/// The conditions of a read or of a copy's source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conditions<'a> {
    /// Go on only if the ETag is one of these.
    pub if_match: Option<&'a str>,
    /// Go on only if it is none of these.
    pub if_none_match: Option<&'a str>,
    /// Go on only if it was changed since, as RFC 3339.
    pub if_modified_since: Option<&'a str>,
    /// Go on only if it was not.
    pub if_unmodified_since: Option<&'a str>,
}

impl Conditions<'_> {
    /// Whether a read may go on; not, where what the client holds is what there is (304).
    ///
    /// # Errors
    /// `PreconditionFailed` (412).
    pub fn check_read(self, etag: &str, modified: Timestamp) -> Result<bool, AwsError> {
        match self.failed(etag, modified) {
            Some("If-None-Match" | "If-Modified-Since") => Ok(false),
            Some(name) => Err(errors::precondition_failed(name)),
            None => Ok(true),
        }
    }

    /// Whether a copy of this source may go on.
    ///
    /// # Errors
    /// `PreconditionFailed`.
    pub fn check_source(self, etag: &str, modified: Timestamp) -> Result<(), AwsError> {
        match self.failed(etag, modified) {
            Some(name) => Err(errors::precondition_failed(&format!(
                "x-amz-copy-source-{name}"
            ))),
            None => Ok(()),
        }
    }

    /// The condition that does not hold. The ETag has the say over the time.
    fn failed(self, etag: &str, modified: Timestamp) -> Option<&'static str> {
        let changed_since = |time: &str| {
            let time = time.parse::<Timestamp>().ok()?;
            Some(modified.as_second() > time.as_second())
        };
        match self.if_match {
            Some(wanted) if !names(wanted, etag) => return Some("If-Match"),
            Some(_) => {}
            None => {
                if self.if_unmodified_since.and_then(changed_since) == Some(true) {
                    return Some("If-Unmodified-Since");
                }
            }
        }
        match self.if_none_match {
            Some(held) if names(held, etag) => Some("If-None-Match"),
            Some(_) => None,
            None => match self.if_modified_since.and_then(changed_since) {
                Some(false) => Some("If-Modified-Since"),
                _ => None,
            },
        }
    }
}

/// Whether a list of ETags (or `*`) names this one.
pub fn names(list: &str, etag: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/").trim_matches('"') == etag)
}

/// The bytes that a `Range` header asks for; none where the header says nothing that S3 understands, which
/// means all of them.
///
/// # Errors
/// `InvalidRange` where the object has no such bytes.
pub fn range(header: &str, size: u64) -> Result<Option<Range<u64>>, AwsError> {
    let Some(spec) = header.trim().strip_prefix("bytes=") else {
        return Ok(None);
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return Ok(None);
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // What does not fit is past every end.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let unsatisfiable = || {
        AwsError::new(
            416,
            "InvalidRange",
            "The requested range is not satisfiable",
        )
        .with("RangeRequested", header)
        .with("ActualObjectSize", size.to_string())
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(last)) if first.is_empty() => {
            if last == 0 {
                return Err(unsatisfiable());
            }
            size.saturating_sub(last)..size
        }
        _ => return Ok(None),
    };
    if range.start >= size {
        return Err(unsatisfiable());
    }
    Ok(Some(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_every_form() {
        for (header, expected) in [
            ("bytes=0-4", Some(0..5)),
            ("bytes=5-", Some(5..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-99", Some(0..10)),
            ("bytes=8-99", Some(8..10)),
            ("bytes=0-99999999999999999999999", Some(0..10)),
            ("bytes=4-2", None),
            ("bytes=a-b", None),
            ("bytes=0-1,3-4", None),
            ("items=0-1", None),
            ("bytes=-", None),
            ("", None),
        ] {
            assert_eq!(range(header, 10).unwrap(), expected, "{header}");
        }
        for header in ["bytes=10-", "bytes=10-20", "bytes=-0"] {
            let error = range(header, 10).unwrap_err();
            assert_eq!(
                (error.status, error.code.as_str()),
                (416, "InvalidRange"),
                "{header}"
            );
        }
        assert_eq!(range("bytes=0-", 0).unwrap_err().status, 416);
    }

    #[test]
    fn the_etag_has_the_say_over_the_time() {
        let modified = Timestamp::from_second(1000).unwrap();
        let (before, after) = ("1970-01-01T00:00:10Z", "1970-01-01T01:00:00Z");
        let status = |conditions: Conditions<'_>| {
            conditions
                .check_read("abc", modified)
                .map_err(|error| error.status)
        };
        let none = Conditions::default();
        assert_eq!(
            status(Conditions {
                if_match: Some("\"abc\""),
                if_unmodified_since: Some(before),
                ..none
            }),
            Ok(true)
        );
        assert_eq!(
            status(Conditions {
                if_match: Some("\"x\", \"y\""),
                ..none
            }),
            Err(412)
        );
        assert_eq!(
            status(Conditions {
                if_match: Some("*"),
                ..none
            }),
            Ok(true)
        );
        assert_eq!(
            status(Conditions {
                if_unmodified_since: Some(before),
                ..none
            }),
            Err(412)
        );
        assert_eq!(
            status(Conditions {
                if_none_match: Some("W/\"abc\""),
                if_modified_since: Some(before),
                ..none
            }),
            Ok(false)
        );
        assert_eq!(
            status(Conditions {
                if_none_match: Some("\"x\""),
                if_modified_since: Some(after),
                ..none
            }),
            Ok(true)
        );
        assert_eq!(
            status(Conditions {
                if_modified_since: Some(after),
                ..none
            }),
            Ok(false)
        );
        assert_eq!(
            status(Conditions {
                if_modified_since: Some("1970-01-01T00:16:40Z"),
                ..none
            }),
            Ok(false)
        );
        assert_eq!(
            status(Conditions {
                if_modified_since: Some("nonsense"),
                ..none
            }),
            Ok(true)
        );
        let copy = Conditions {
            if_none_match: Some("abc"),
            ..none
        };
        assert_eq!(copy.check_source("abc", modified).unwrap_err().status, 412);
    }
}
