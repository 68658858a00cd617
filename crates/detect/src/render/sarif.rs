//! SARIF 2.1.0: for code hosts and their viewers. The log file is the artefact, the record the place in it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stockade_model::{Finding, Severity};

use super::{Hunted, VERSION, fingerprint};

/// The document, with a newline at the end.
pub fn render(hunted: &Hunted<'_>) -> Result<String, serde_json::Error> {
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in hunted.findings {
        rules.entry(&finding.detection).or_insert(finding);
    }
    let places: BTreeMap<&str, usize> = rules.keys().copied().zip(0..).collect();
    let described: Vec<Value> = rules
        .values()
        .map(|finding| {
            let mut tags: Vec<String> = finding
                .tactics
                .iter()
                .map(|one| format!("attack.{one}"))
                .collect();
            tags.extend(
                finding
                    .techniques
                    .iter()
                    .map(|one| format!("attack.{}", one.as_str().to_lowercase())),
            );
            let mut rule = json!({
                "id": finding.detection,
                "shortDescription": {"text": finding.title},
                "defaultConfiguration": {"level": level(finding.severity)},
                "properties": {"tags": tags, "security-severity": score(finding.severity)},
            });
            if let (Some(next), Some(rule)) = (&finding.next, rule.as_object_mut()) {
                rule.insert("help".to_owned(), json!({"text": next}));
            }
            rule
        })
        .collect();
    let results: Vec<Value> = hunted
        .findings
        .iter()
        .map(|finding| {
            let locations: Vec<Value> = finding
                .proof
                .iter()
                .take(10)
                .map(|proof| {
                    json!({
                        "physicalLocation": {"artifactLocation": {"uri": uri(&proof.origin.source)}},
                        "logicalLocations": [{"kind": "record", "name": proof.name,
                            "fullyQualifiedName": format!("record {} {}", proof.origin.index, proof.id.as_deref().unwrap_or(""))}],
                    })
                })
                .collect();
            json!({
                "ruleId": finding.detection,
                "ruleIndex": places.get(finding.detection.as_str()),
                "level": level(finding.severity),
                "kind": "fail",
                "message": {"text": format!("{}: {} ({} to {})", finding.title, finding.principal, finding.first, finding.last)},
                "locations": locations,
                "partialFingerprints": {"finding/v1": fingerprint(finding)},
                "properties": finding,
            })
        })
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "Stockade", "version": VERSION, "rules": described}},
            "columnKind": "unicodeCodePoints",
            "results": results,
            "invocations": [{
                "executionSuccessful": hunted.read.skipped == 0 && hunted.problems.is_empty(),
                "toolExecutionNotifications": hunted.skipped.iter().map(|skip| json!({
                    "level": "warning",
                    "message": {"text": format!("{}: {}", skip.source, skip.reason)},
                })).collect::<Vec<_>>(),
            }],
        }],
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// A file's name as the relative reference that SARIF wants.
fn uri(source: &str) -> String {
    source
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' | b'+' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Informational => "note",
    }
}

fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Informational => "0.0",
    }
}
