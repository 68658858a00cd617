//! SHA-256, and the chain of the journal.

use jiff::Timestamp;
use serde_json::json;

use crate::record::NewEntry;

/// What stands before the first entry of a journal.
pub(crate) const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}

/// The hash of an entry: over a JSON array, so that no two entries share a text.
pub(crate) fn entry(
    incident: i64,
    number: i64,
    entry: &NewEntry,
    body: &str,
    previous: &str,
) -> String {
    let text = json!([
        incident,
        number,
        entry.run.map(|run| run.0),
        entry.at.to_string(),
        entry.kind,
        entry.step,
        body,
        previous
    ]);
    sha256(text.to_string().as_bytes())
}

/// A time as it is stored.
pub(crate) fn time(at: Timestamp) -> String {
    at.to_string()
}
