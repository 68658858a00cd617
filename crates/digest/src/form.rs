//! A digest file's content.
//!
//! Owns the reading, and the text that is signed.

use jiff::Timestamp;
use serde::Deserialize;

/// Why a digest cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("it has not the form of a digest: {0}")]
pub struct FormError(#[from] serde_json::Error);

/// A digest. Of what stands in it, what validation needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Digest {
    /// From when on it covers what was delivered.
    #[serde(rename = "digestStartTime")]
    pub start: Timestamp,
    /// Until when, as it is written and signed.
    #[serde(rename = "digestEndTime")]
    end_text: String,
    /// Where it was delivered.
    #[serde(rename = "digestS3Bucket")]
    pub bucket: String,
    /// The same.
    #[serde(rename = "digestS3Object")]
    pub object: String,
    /// The key that signed it.
    #[serde(rename = "digestPublicKeyFingerprint")]
    pub fingerprint: String,
    /// The digest before it; none: it begins a chain.
    #[serde(rename = "previousDigestS3Object")]
    pub previous_object: Option<String>,
    /// Its hash.
    #[serde(rename = "previousDigestHashValue")]
    pub previous_hash: Option<String>,
    /// Its signature.
    #[serde(rename = "previousDigestSignature")]
    pub previous_signature: Option<String>,
    /// What was delivered.
    #[serde(rename = "logFiles")]
    pub logs: Vec<ListedLog>,
}

/// A log file as a digest lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ListedLog {
    /// Where it was delivered.
    #[serde(rename = "s3Bucket")]
    pub bucket: String,
    /// The same.
    #[serde(rename = "s3Object")]
    pub object: String,
    /// Of its content, not packed.
    #[serde(rename = "hashValue")]
    pub hash: String,
}

impl Digest {
    /// Reads a digest that is unpacked.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn read(content: &[u8]) -> Result<Self, FormError> {
        Ok(serde_json::from_slice(content)?)
    }

    /// Until when it covers what was delivered; none where that is no time.
    pub fn end(&self) -> Option<Timestamp> {
        self.end_text.parse().ok()
    }

    /// What is signed, of a digest whose content has this hash.
    pub fn signed_text(&self, hash: &str) -> String {
        let previous = self.previous_signature.as_deref().unwrap_or("null");
        let (end, bucket, object) = (&self.end_text, &self.bucket, &self.object);
        format!("{end}\n{bucket}/{object}\n{hash}\n{previous}")
    }
}
