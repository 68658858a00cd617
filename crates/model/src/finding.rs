//! What a detection says: what was seen, who did it, how bad it is, and the events that prove it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attack::{Tactic, Technique};
use crate::event::{Event, Origin};

/// How bad it is. High and above means: wake somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a line in a timeline.
    Informational,
    /// Worth a look some day.
    Low,
    /// Worth a look today.
    Medium,
    /// Wake somebody.
    High,
    /// Wake everybody.
    Critical,
}

impl Severity {
    /// The name in lower case, as Sigma's `level` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Not a severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a level: use informational, low, medium, high or critical")]
pub struct SeverityError(String);

impl FromStr for Severity {
    type Err = SeverityError;

    fn from_str(text: &str) -> Result<Self, SeverityError> {
        [
            Self::Informational,
            Self::Low,
            Self::Medium,
            Self::High,
            Self::Critical,
        ]
        .into_iter()
        .find(|s| s.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| SeverityError(text.chars().take(40).collect()))
    }
}

/// A pointer to an event that proves a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventRef {
    /// `eventTime`.
    pub time: Timestamp,
    /// `eventName`.
    pub name: String,
    /// `eventID`, where the record has one.
    pub id: Option<String>,
    /// Where it was read.
    pub origin: Origin,
}

impl From<&Event> for EventRef {
    fn from(event: &Event) -> Self {
        Self {
            time: event.time(),
            name: event.name().to_owned(),
            id: event.id().map(str::to_owned),
            origin: event.origin().clone(),
        }
    }
}

/// What a detection found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The detection's id (a Sigma rule's UUID, a detector's name).
    pub detection: String,
    /// What happened, in a line.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// ATT&CK tactics.
    pub tactics: Vec<Tactic>,
    /// ATT&CK techniques.
    pub techniques: Vec<Technique>,
    /// The GuardDuty finding type that says the same, where there is one.
    pub guardduty_type: Option<String>,
    /// Who did it (see [`Event::principal`]).
    pub principal: String,
    /// The key that signed, where there is one.
    pub access_key: Option<String>,
    /// From which address.
    pub source_address: Option<String>,
    /// In which region.
    pub region: Option<String>,
    /// In which account it was recorded.
    pub account: Option<String>,
    /// The first event's time.
    pub first: Timestamp,
    /// The last event's time.
    pub last: Timestamp,
    /// Whether AWS refused the call: an attempt and not a deed.
    pub attempt: bool,
    /// What a responder does next, in a line or two; the playbook's name where there is one.
    pub next: Option<String>,
    /// The events that prove it; never empty.
    pub proof: Vec<EventRef>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_ordered_and_read() {
        assert!(Severity::Critical > Severity::High && Severity::Low > Severity::Informational);
        assert_eq!("HIGH".parse(), Ok(Severity::High));
        assert!("urgent".parse::<Severity>().is_err());
    }
}
