//! Findings that the user wants to see no more, for a reason and until a day.
//!
//! Owns the form of that list and what it takes away. Nothing is taken away without being counted, and nothing
//! for ever: after its day an entry only says that it has run out. Must not open the file.

use serde::{Deserialize, Serialize};
use stockade_model::{Finding, Timestamp};

/// An entry. What it does not name fits every finding; `*` in a text stands for anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// The detection's id.
    #[serde(default)]
    pub detection: Option<String>,
    /// The principal.
    #[serde(default)]
    pub principal: Option<String>,
    /// The key.
    #[serde(default)]
    pub access_key: Option<String>,
    /// The address.
    #[serde(default)]
    pub source_address: Option<String>,
    /// The account.
    #[serde(default)]
    pub account: Option<String>,
    /// The last day on which it counts: `2026-12-31`.
    pub until: jiff::civil::Date,
    /// Why.
    pub reason: String,
}

/// Entries, in the order of their file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suppressions {
    entries: Vec<Suppression>,
}

/// Why a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SuppressionError {
    /// It is not such a list.
    #[error("is no list of suppressions: {0}")]
    Form(#[from] serde_json::Error),
    /// An entry fits everything, or says no reason.
    #[error("entry {0}: {1}")]
    Entry(usize, &'static str),
}

/// What an entry did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppressed {
    /// Its reason.
    pub reason: String,
    /// Its last day.
    pub until: String,
    /// How many findings it took away.
    pub findings: usize,
    /// Whether its day is over, so that it took nothing.
    pub expired: bool,
}

impl Suppressions {
    /// Reads a JSON array of entries.
    ///
    /// # Errors
    /// Where it is none, or an entry has no reason or names nothing.
    pub fn read(text: &str) -> Result<Self, SuppressionError> {
        let entries: Vec<Suppression> = serde_json::from_str(text)?;
        for (number, entry) in (1..).zip(&entries) {
            if entry.reason.trim().len() < 8 {
                return Err(SuppressionError::Entry(
                    number,
                    "its `reason` must say why, in eight letters or more",
                ));
            }
            let names = [
                &entry.detection,
                &entry.principal,
                &entry.access_key,
                &entry.source_address,
                &entry.account,
            ];
            if names.iter().all(|name| {
                name.as_deref()
                    .is_none_or(|name| name.trim_matches('*').is_empty())
            }) {
                return Err(SuppressionError::Entry(
                    number,
                    "it names nothing, and would take every finding away",
                ));
            }
        }
        Ok(Self { entries })
    }

    /// Takes away what the entries fit; answers what each did.
    pub fn apply(&self, findings: &mut Vec<Finding>, now: Timestamp) -> Vec<Suppressed> {
        let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
        let mut done: Vec<Suppressed> = self
            .entries
            .iter()
            .map(|entry| Suppressed {
                reason: entry.reason.clone(),
                until: entry.until.to_string(),
                findings: 0,
                expired: entry.until < today,
            })
            .collect();
        findings.retain(|finding| {
            let taken = self
                .entries
                .iter()
                .zip(&mut done)
                .find(|(entry, did)| !did.expired && entry.fits(finding));
            match taken {
                Some((_, did)) => {
                    did.findings += 1;
                    false
                }
                None => true,
            }
        });
        done
    }
}

impl Suppression {
    fn fits(&self, finding: &Finding) -> bool {
        let fits = |wanted: &Option<String>, has: Option<&str>| match wanted {
            None => true,
            Some(wanted) => has.is_some_and(|has| glob(wanted.as_bytes(), has.as_bytes())),
        };
        fits(&self.detection, Some(&finding.detection))
            && fits(&self.principal, Some(&finding.principal))
            && fits(&self.access_key, finding.access_key.as_deref())
            && fits(&self.source_address, finding.source_address.as_deref())
            && fits(&self.account, finding.account.as_deref())
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut last: Option<&[u8]> = None;
    for part in parts {
        if let Some(before) = last {
            match memchr_of(rest, before) {
                Some(at) => rest = rest.get(at + before.len()..).unwrap_or_default(),
                None => return false,
            }
        }
        last = Some(part);
    }
    match last {
        None => rest.is_empty(),
        Some(end) => rest.ends_with(end),
    }
}

fn memchr_of(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stockade_model::Severity;

    fn finding(principal: &str) -> Finding {
        Finding {
            detection: "first-use".into(),
            title: "T".into(),
            severity: Severity::Low,
            tactics: Vec::new(),
            techniques: Vec::new(),
            guardduty_type: None,
            principal: principal.into(),
            access_key: None,
            source_address: Some("203.0.113.9".into()),
            region: None,
            account: Some("111122223333".into()),
            first: Timestamp::UNIX_EPOCH,
            last: Timestamp::UNIX_EPOCH,
            attempt: false,
            next: None,
            proof: Vec::new(),
        }
    }

    fn now(day: &str) -> Timestamp {
        format!("{day}T12:00:00Z").parse().unwrap()
    }

    #[test]
    fn entries_take_away_until_their_day_and_say_so() {
        let list = Suppressions::read(
            r#"[{"detection": "first-use", "principal": "arn:aws:iam::*:user/ci-*", "until": "2026-12-31", "reason": "builds change every week"}]"#,
        )
        .unwrap();
        let all = || {
            vec![
                finding("arn:aws:iam::111122223333:user/ci-7"),
                finding("arn:aws:iam::111122223333:user/anna"),
            ]
        };
        let mut findings = all();
        let did = list.apply(&mut findings, now("2026-12-31"));
        assert_eq!(
            (findings.len(), did[0].findings, did[0].expired),
            (1, 1, false)
        );
        let mut findings = all();
        let did = list.apply(&mut findings, now("2027-01-01"));
        assert_eq!(
            (findings.len(), did[0].findings, did[0].expired),
            (2, 0, true)
        );
    }

    #[test]
    fn a_list_without_reasons_days_or_names_is_refused() {
        for wrong in [
            r#"[{"detection": "x", "until": "2026-12-31", "reason": ""}]"#,
            r#"[{"detection": "x", "reason": "because of this"}]"#,
            r#"[{"until": "2026-12-31", "reason": "because of this"}]"#,
            r#"[{"principal": "**", "until": "2026-12-31", "reason": "because of this"}]"#,
            r#"[{"rule": "x", "until": "2026-12-31", "reason": "because of this"}]"#,
            "{}",
        ] {
            assert!(Suppressions::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "ab", false),
            ("*", "", true),
            ("a", "ab", false),
            ("*b*d*", "abcd", true),
            ("*b*d", "adb", false),
            ("a*b*b", "ab", false),
        ] {
            assert_eq!(
                glob(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
