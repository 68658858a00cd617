//! What a hunt found, for people and for programs.
//!
//! Owns the shape of the output. Must not decide what is shown as found.

pub mod asff;
pub mod csv;
pub mod html;
pub mod json;
pub mod ndjson;
pub mod ocsf;
pub mod sarif;
pub mod table;

use std::collections::HashMap;

use serde::Serialize;
use stockade_model::{Finding, Origin, Timestamp};

use crate::load::Problem;
use crate::story::Story;
use crate::suppress::Suppressed;

/// All that a hunt has to show.
#[derive(Debug, Clone, Copy)]
pub struct Hunted<'a> {
    /// What was read.
    pub read: &'a Read,
    /// What was found, as [`crate::RuleSet::hunt`] gives it.
    pub findings: &'a [Finding],
    /// The stories, as [`crate::stories`] gives them.
    pub stories: &'a [Story],
    /// What was taken out at the user's wish.
    pub suppressed: &'a [Suppressed],
    /// What could not be read.
    pub skipped: &'a [Skip],
    /// Rules that did not load.
    pub problems: &'a [Problem],
}

/// The program's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a suppression did, in a line.
pub fn said(one: &Suppressed) -> String {
    if one.expired {
        return format!(
            "a suppression has run out on {} and took nothing out ({})",
            one.until, one.reason
        );
    }
    format!(
        "{} findings taken out until {}: {}",
        one.findings, one.until, one.reason
    )
}

/// Records as they stand in the logs, by where they were read.
pub type Records = HashMap<Origin, String>;

/// What a finding is known by from run to run: what was seen, of whom, from where, since when.
fn fingerprint(finding: &Finding) -> String {
    let first = finding.first.to_string();
    let parts = [
        finding.detection.as_str(),
        &finding.principal,
        finding.access_key.as_deref().unwrap_or_default(),
        finding.source_address.as_deref().unwrap_or_default(),
        if finding.attempt { "attempt" } else { "deed" },
        &first,
    ];
    // FNV-1a of 128 bits: it stays the same for ever, and nobody gains by making two findings alike.
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0])) {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
    }
    format!("{hash:032x}")
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
