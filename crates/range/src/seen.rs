//! The last requests, whoever made them, recorded in a trail or not.
//!
//! Owns what is kept for `/_stockade/requests`. What a trail records is `trail`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

/// How many requests are kept.
const KEPT: usize = 1_000;

/// A request as the range saw it, recorded in a trail or not: AWS keeps no record of who fails to say who they are.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// When.
    pub time: Timestamp,
    /// The service and the operation, as far as they are known.
    pub action: Option<String>,
    /// The access key that was named, good or not.
    pub access_key_id: Option<String>,
    /// Who they proved to be.
    pub caller_arn: Option<String>,
    /// From which address.
    pub source: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The error's code; none where it went well.
    pub error_code: Option<String>,
}

/// The last requests.
#[derive(Debug, Default)]
pub struct LastSeen(Mutex<VecDeque<Seen>>);

impl LastSeen {
    fn all(&self) -> MutexGuard<'_, VecDeque<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of one; the oldest is forgotten.
    pub fn remember(&self, seen: Seen) {
        let mut all = self.all();
        if all.len() >= KEPT {
            all.pop_front();
        }
        all.push_back(seen);
    }

    /// All of them, oldest first.
    pub fn list(&self) -> Vec<Seen> {
        self.all().iter().cloned().collect()
    }
}
