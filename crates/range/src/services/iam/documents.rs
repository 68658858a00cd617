//! Policy documents as IAM keeps them: the text that was given, and the policy compiled from it once.
//!
//! Owns how a document is checked, measured and given back. What a document means is the policy crate's.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use stockade_policy::{DocumentKind, Policy, PolicyError};
use stockade_wire::AwsError;

use super::errors;

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A policy document.
#[derive(Debug, Clone)]
pub struct Document {
    /// The text, as it was given.
    pub text: Arc<str>,
    /// What it says.
    pub policy: Arc<Policy>,
}

impl Document {
    /// Reads an identity policy.
    pub(super) fn identity(text: &str) -> Result<Self, AwsError> {
        Self::of(text, Policy::parse(text))
    }

    /// Reads a managed policy.
    pub(super) fn managed(text: &str) -> Result<Self, AwsError> {
        Self::of(text, Policy::parse_as(text, DocumentKind::Managed))
    }

    /// Reads a trust policy; `compiled` is its text with principals as they are matched.
    pub(super) fn trust(text: &str, compiled: &str) -> Result<Self, AwsError> {
        Self::of(text, Policy::parse_trust(compiled))
    }

    fn of(text: &str, policy: Result<Policy, PolicyError>) -> Result<Self, AwsError> {
        Ok(Self {
            text: text.into(),
            policy: Arc::new(policy.map_err(|error| errors::malformed_policy(error.to_string()))?),
        })
    }

    /// The text percent-encoded by RFC 3986, as IAM's answers carry it.
    pub fn encoded(&self) -> String {
        encode(&self.text)
    }

    /// The number of characters that count towards a quota: all but white space.
    pub fn size(&self) -> usize {
        size(&self.text)
    }
}

/// Percent-encodes a document as IAM's answers carry it.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The characters of a document that count towards a quota.
pub fn size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_as_aws_does_and_counts_no_white_space() {
        assert_eq!(
            encode("{\"a\": \"b-_.~*\"}"),
            "%7B%22a%22%3A%20%22b-_.~%2A%22%7D"
        );
        assert_eq!(size("{ \"a\":\n\t1 }"), 7);
    }
}
