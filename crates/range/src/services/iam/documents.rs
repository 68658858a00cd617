//! Policy documents as IAM keeps them: the text that was given, and the policy compiled from it once.
//!
//! Owns how a document is checked, measured and given back. What a document means is the policy crate's.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub struct Document {
    /// The text, as it was given.
    pub text: Arc<str>,
    /// What it says.
    pub policy: Arc<Policy>,
}

/// How a document is kept: it is compiled when it is read again.
#[derive(Serialize, Deserialize)]
struct Kept {
    text: Arc<str>,
    kind: DocumentKind,
    /// What was compiled, where it is not the text itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compiled: Option<Arc<str>>,
}

impl From<Document> for Kept {
    fn from(document: Document) -> Self {
        let compiled = document.policy.text();
        Self {
            compiled: (*compiled != document.text).then(|| Arc::clone(compiled)),
            kind: document.policy.kind(),
            text: document.text,
        }
    }
}

impl TryFrom<Kept> for Document {
    type Error = PolicyError;

    fn try_from(kept: Kept) -> Result<Self, PolicyError> {
        let compiled = kept.compiled.as_ref().unwrap_or(&kept.text);
        let policy = Arc::new(Policy::parse_as(compiled, kept.kind)?);
        Ok(Self {
            text: kept.text,
            policy,
        })
    }
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
        let policy = policy.map_err(|error| errors::malformed_policy(error.to_string()))?;
        let compiled = policy.text();
        let text = if **compiled == *text {
            Arc::clone(compiled)
        } else {
            text.into()
        };
        Ok(Self {
            text,
            policy: Arc::new(policy),
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
