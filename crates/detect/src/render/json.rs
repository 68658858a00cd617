//! The hunt as one JSON document, for programs. Its shape is stable: fields are added, never
//! renamed or removed without a new `version`.
//!
//! ```text
//! { "version": 1,
//!   "summary":  { "files", "events", "bytes", "first", "last",   what was read; times RFC 3339 in UTC
//!                 "detections", "skipped",                       how many rules ran, how much was unreadable
//!                 "findings",                                    how many
//!                 "by_severity": { "high": 2, … },               only those that occur
//!                 "complete" },                                  false: something was skipped, or a rule did not load
//!   "findings": [ { "detection", "title", "severity", "tactics", "techniques", "guardduty_type",
//!                   "principal", "access_key", "source_address", "region", "account",
//!                   "first", "last", "attempt", "next",
//!                   "proof": [ { "time", "name", "id", "origin": { "source", "index" } } ] } ],
//!   "stories":  [ { "principal", "severity", "first", "last", "calls", "refused",
//!                   "addresses", "user_agents", "keys", "regions", "became":
//!                              [ { "value", "calls", "first", "last" } ],
//!                   "neighbours": [ … ], "accounts": [ … ],
//!                   "tactics": [ { "tactic", "first", "last", "done", "attempts",
//!                                  "steps": [ { "detection", "title", "severity", "techniques", "attempt",
//!                                               "first", "last", "events", "calls", "targets", "next",
//!                                               "findings": [ places in "findings" ] } ] } ] } ],
//!   "suppressed": [ { "reason", "until", "findings", "expired" } ],  what --suppress took out
//!   "skipped":  [ { "source", "position", "reason" } ],
//!   "problems": [ { "source", "line", "message" } ] }             rules that did not load
//! ```
//!
//! A field of a finding that differs between its events, or that none has, is null.

use std::collections::BTreeMap;

use serde::Serialize;
use stockade_model::{Finding, Severity};

use super::{Hunted, Read, Skip};
use crate::load::Problem;
use crate::story::Story;
use crate::suppress::Suppressed;

/// The version of the shape.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    summary: Summary<'a>,
    findings: &'a [Finding],
    stories: &'a [Story],
    suppressed: &'a [Suppressed],
    skipped: &'a [Skip],
    problems: &'a [Problem],
}

#[derive(Serialize)]
struct Summary<'a> {
    #[serde(flatten)]
    read: &'a Read,
    findings: usize,
    by_severity: BTreeMap<Severity, usize>,
    complete: bool,
}

/// The document, laid out over lines, with a newline at the end.
pub fn render(hunted: &Hunted<'_>) -> Result<String, serde_json::Error> {
    let mut by_severity = BTreeMap::new();
    for finding in hunted.findings {
        *by_severity.entry(finding.severity).or_default() += 1;
    }
    let document = Document {
        version: VERSION,
        summary: Summary {
            read: hunted.read,
            findings: hunted.findings.len(),
            by_severity,
            complete: hunted.read.skipped == 0
                && hunted.skipped.is_empty()
                && hunted.problems.is_empty(),
        },
        findings: hunted.findings,
        stories: hunted.stories,
        suppressed: hunted.suppressed,
        skipped: hunted.skipped,
        problems: hunted.problems,
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}
