//! Going through the logs a second time: for the records behind findings, and for all that the principals
//! involved did.
//!
//! Owns the second reading. What was read from standard input is gone.

use std::collections::{BTreeSet, HashSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use stockade_detect::Hunt;
use stockade_detect::render::Records;
use stockade_ingest::{Options, Progress, Record};
use stockade_model::{Finding, LogKind, Origin, Timestamp};

/// So many records are kept for one page.
const RECORDS: usize = 20_000;
/// So many of a finding.
const EACH: usize = 12;

/// The records behind findings, as they stand in the logs, laid out over lines.
pub fn records(
    paths: &[PathBuf],
    kind: Option<LogKind>,
    findings: &[Finding],
) -> Result<Records, String> {
    let wanted: HashSet<&Origin> = findings
        .iter()
        .flat_map(|finding| finding.proof.iter().take(EACH))
        .map(|proof| &proof.origin)
        .take(RECORDS)
        .collect();
    let kept: Mutex<Records> = Mutex::default();
    again(paths, kind, &|record| {
        let origin = record.origin();
        if wanted.contains(&origin) {
            let text = String::from_utf8_lossy(record.bytes()).into_owned();
            let text = serde_json::from_str::<serde_json::Value>(&text)
                .and_then(|value| serde_json::to_string_pretty(&value))
                .unwrap_or(text);
            if let Ok(mut kept) = kept.lock() {
                kept.insert(origin, text);
            }
        }
    })?;
    Ok(kept.into_inner().unwrap_or_default())
}

/// Writes every event of the principals with findings, in the order of time.
pub fn write(
    path: &Path,
    paths: &[PathBuf],
    kind: Option<LogKind>,
    findings: &[Finding],
    hunt: &Hunt,
) -> Result<(), String> {
    let involved: BTreeSet<String> = hunt.involved(findings);
    let kept: Mutex<Vec<(Timestamp, Origin, String)>> = Mutex::default();
    again(paths, kind, &|record| {
        let Ok(event) = record.event() else { return };
        if !involved.contains(&event.principal()) {
            return;
        }
        if let Ok(mut kept) = kept.lock() {
            kept.push((event.time(), record.origin(), event.record().to_string()));
        }
    })?;
    let mut kept = kept.into_inner().unwrap_or_default();
    kept.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let failed = |error: std::io::Error| format!("`{}` cannot be written: {error}", path.display());
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).map_err(failed)?);
    for (_, _, record) in &kept {
        writeln!(file, "{record}").map_err(failed)?;
    }
    file.flush().map_err(failed)
}

fn again(
    paths: &[PathBuf],
    kind: Option<LogKind>,
    take: &(dyn Fn(&Record<'_>) + Sync),
) -> Result<(), String> {
    let paths: Vec<PathBuf> = paths
        .iter()
        .filter(|path| path.as_os_str() != "-")
        .cloned()
        .collect();
    if paths.is_empty() {
        return Ok(());
    }
    let options = Options {
        kind,
        ..Options::default()
    };
    let sink = || {
        |record: &Record<'_>| -> Result<(), String> {
            take(record);
            Ok(())
        }
    };
    stockade_ingest::read(&paths, options, &Progress::default(), sink)
        .map(drop)
        .map_err(|error| error.to_string())
}
