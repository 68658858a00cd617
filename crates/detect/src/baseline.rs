//! What was usual in earlier hunts, kept in a file between them.
//!
//! Owns the form of that file. Must not judge, nor open it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The form's version.
const VERSION: u32 = 1;
/// Different values that are kept of a caller.
const VALUES: usize = 4_096;

/// What was usual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    version: u32,
    /// By user's or role's ARN.
    pub(crate) callers: BTreeMap<String, Habits>,
}

/// What one caller did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Habits {
    /// The first day, counted from 1970.
    pub(crate) since: i64,
    /// On how many days it did something.
    pub(crate) days: u64,
    /// The last of those.
    pub(crate) last: i64,
    pub(crate) calls: BTreeSet<String>,
    pub(crate) networks: BTreeSet<String>,
    pub(crate) regions: BTreeSet<String>,
    pub(crate) programs: BTreeSet<String>,
}

/// Why a baseline cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is no baseline.
    #[error("is no baseline: {0}; give another file, or none, and one is made")]
    Form(#[from] serde_json::Error),
    /// It is of another version.
    #[error("is a baseline of version {0}, and this program reads version {VERSION}: make it anew")]
    Version(u32),
}

impl Default for Baseline {
    fn default() -> Self {
        Self {
            version: VERSION,
            callers: BTreeMap::new(),
        }
    }
}

impl Baseline {
    /// Reads one.
    ///
    /// # Errors
    /// Where the text is no baseline of this version.
    pub fn read(text: &str) -> Result<Self, BaselineError> {
        let read: Self = serde_json::from_str(text)?;
        if read.version != VERSION {
            return Err(BaselineError::Version(read.version));
        }
        Ok(read)
    }

    /// As text for a file.
    ///
    /// # Errors
    /// Never, with what is in it.
    pub fn written(&self) -> Result<String, BaselineError> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// How many callers it knows.
    pub fn len(&self) -> usize {
        self.callers.len()
    }

    /// Whether it knows nobody.
    pub fn is_empty(&self) -> bool {
        self.callers.is_empty()
    }

    /// Takes another one in, of the same or of later logs.
    pub fn add(&mut self, other: Self) {
        for (caller, habits) in other.callers {
            match self.callers.get_mut(&caller) {
                None => {
                    self.callers.insert(caller, habits);
                }
                Some(own) => own.add(habits),
            }
        }
    }
}

impl Habits {
    fn add(&mut self, other: Self) {
        // Days that both know are counted once.
        let both = (self.last.min(other.last) - self.since.max(other.since) + 1).max(0);
        self.days += other.days.saturating_sub(u64::try_from(both).unwrap_or(0));
        self.since = self.since.min(other.since);
        self.last = self.last.max(other.last);
        for (own, theirs) in [
            (&mut self.calls, other.calls),
            (&mut self.networks, other.networks),
            (&mut self.regions, other.regions),
            (&mut self.programs, other.programs),
        ] {
            let room = VALUES.saturating_sub(own.len());
            own.extend(theirs.into_iter().take(room));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_other_files_are_refused() {
        let mut baseline = Baseline::default();
        let habits = |since, last, days, call: &str| Habits {
            since,
            last,
            days,
            calls: BTreeSet::from([call.to_owned()]),
            ..Habits::default()
        };
        baseline.callers.insert("a".into(), habits(10, 12, 3, "x"));
        let text = baseline.written().unwrap();
        assert_eq!(Baseline::read(&text).unwrap(), baseline);
        for wrong in [
            "",
            "{}",
            "[]",
            &text.replace("\"version\": 1", "\"version\": 9"),
        ] {
            assert!(Baseline::read(wrong).is_err(), "{wrong}");
        }
        let mut later = Baseline::default();
        later.callers.insert("a".into(), habits(12, 20, 5, "y"));
        later.callers.insert("b".into(), habits(1, 1, 1, "z"));
        baseline.add(later);
        assert_eq!((baseline.callers["a"].days, baseline.len()), (7, 2));
        assert_eq!(
            (baseline.callers["a"].since, baseline.callers["a"].last),
            (10, 20)
        );
        // The same logs again change nothing.
        let before = baseline.clone();
        baseline.add(before.clone());
        assert_eq!(baseline.callers["b"], before.callers["b"]);
    }
}
