//! What a hunt found, for people and for programs.
//!
//! Owns the shape of the output. Must not decide what is shown as found.

pub mod json;
pub mod table;

use serde::Serialize;
use stockade_model::{Finding, Timestamp};

use crate::load::Problem;
use crate::story::Story;

/// All that a hunt has to show.
#[derive(Debug, Clone, Copy)]
pub struct Hunted<'a> {
    /// What was read.
    pub read: &'a Read,
    /// What was found, as [`crate::RuleSet::hunt`] gives it.
    pub findings: &'a [Finding],
    /// The stories, as [`crate::stories`] gives them.
    pub stories: &'a [Story],
    /// What could not be read.
    pub skipped: &'a [Skip],
    /// Rules that did not load.
    pub problems: &'a [Problem],
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Read {
    /// How many files.
    pub files: u64,
    /// How many events.
    pub events: u64,
    /// How many bytes, as they lie on disk.
    pub bytes: u64,
    /// The first event's time.
    pub first: Option<Timestamp>,
    /// The last event's time.
    pub last: Option<Timestamp>,
    /// How many detections were run.
    pub detections: u64,
    /// How many things could not be read, of which `skipped` has the first.
    pub skipped: u64,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skip {
    /// The file.
    pub source: String,
    /// Where in it: `line 7`, `byte 4096`, `record 3`; none for all of it.
    pub position: Option<String>,
    /// What is wrong.
    pub reason: String,
}
