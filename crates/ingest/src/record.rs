//! One record as it is handed on, and where it goes.
//!
//! Owns [`Record`] and the trait of those who take records.

use std::sync::Arc;

use serde_json::Value;
use stockade_model::{Event, LogKind, Origin};
use stockade_scan::{Member, Raw};

/// A record in its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Of what kind of log it is.
    pub kind: LogKind,
    /// The bytes in which it stands, others about it perhaps.
    pub base: &'a [u8],
    /// Its first byte in them.
    pub from: usize,
    /// The byte after it.
    pub to: usize,
    /// Its members, by their places in `base`.
    pub members: &'a [Member],
    /// The file, object or stream, as the user named it.
    pub source: &'a Arc<str>,
    /// Its number in there, from 0.
    pub index: u64,
}

impl<'a> Record<'a> {
    /// The record as it is written.
    pub fn bytes(&self) -> &'a [u8] {
        self.base.get(self.from..self.to).unwrap_or_default()
    }

    /// Where it was read.
    pub fn origin(&self) -> Origin {
        Origin {
            source: Arc::clone(self.source),
            index: self.index,
        }
    }

    /// The record as an event, with its tree; or what is wrong with it.
    pub fn event(&self) -> Result<Event, String> {
        let tree: Value = Raw::new(self.bytes())
            .tree()
            .ok_or("is not JSON within its values")?;
        Event::of(self.kind, tree, self.origin()).map_err(|error| error.to_string())
    }
}

/// Who takes records.
pub trait Sink {
    /// Takes one; or says what is wrong with it, which is counted as something that was not read.
    fn take(&mut self, record: &Record<'_>) -> Result<(), String>;
}

impl<F: FnMut(&Record<'_>) -> Result<(), String>> Sink for F {
    fn take(&mut self, record: &Record<'_>) -> Result<(), String> {
        self(record)
    }
}
