//! What came of a validation.

use jiff::Timestamp;
use serde::Serialize;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it was delivered.
    Valid,
    /// Not as it was delivered.
    Altered,
    /// Delivered, and not there.
    Missing,
    /// In the place of another.
    #[serde(rename = "re-ordered")]
    Reordered,
    /// There, and not delivered.
    Added,
    /// Neither can be proved.
    Unknown,
}

impl Verdict {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Altered => "altered",
            Self::Missing => "missing",
            Self::Reordered => "re-ordered",
            Self::Added => "added",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it says that somebody tampered.
    pub fn is_bad(self) -> bool {
        !matches!(self, Self::Valid | Self::Unknown)
    }
}

/// The verdict on a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerdictOn {
    /// Its path where it is there; else its key in the bucket.
    pub file: String,
    /// What it is.
    pub verdict: Verdict,
    /// Why; empty where it is valid.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// A time of which no digest tells: logging or validation was stopped, or digests are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Whose trail it is, of which region and with which name: `123456789012/us-east-1/name`.
    pub chain: String,
    /// From the end of the digest before it.
    pub from: Timestamp,
    /// To the beginning of the digest after it.
    pub to: Timestamp,
    /// Why nothing is known.
    pub why: String,
}

/// All verdicts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// On digests, chain by chain, oldest first.
    pub digests: Vec<VerdictOn>,
    /// On log files, by name.
    pub logs: Vec<VerdictOn>,
    /// In their order.
    pub gaps: Vec<Gap>,
}

impl Report {
    /// Every verdict.
    pub fn all(&self) -> impl Iterator<Item = &VerdictOn> {
        self.digests.iter().chain(&self.logs)
    }

    /// Whether somebody tampered.
    pub fn is_bad(&self) -> bool {
        self.all().any(|on| on.verdict.is_bad())
    }

    /// Whether something is not known.
    pub fn is_incomplete(&self) -> bool {
        !self.gaps.is_empty() || self.all().any(|on| on.verdict == Verdict::Unknown)
    }
}
