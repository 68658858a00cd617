//! A finding a row, for spreadsheets (RFC 4180).
//!
//! Text from logs is written by attackers too: what a spreadsheet would take for a formula is shown as text.

use super::Hunted;

const COLUMNS: &str = "first,last,severity,title,principal,access_key,source_address,account,region,tactics,techniques,attempt,events,first_event_id,first_event_file,first_event_record,guardduty_type,detection,next\r\n";

/// The table with its header.
pub fn render(hunted: &Hunted<'_>) -> String {
    let mut text = COLUMNS.to_owned();
    for finding in hunted.findings {
        let some = |text: &Option<String>| text.clone().unwrap_or_default();
        let tactics: Vec<&str> = finding.tactics.iter().map(|one| one.as_str()).collect();
        let techniques: Vec<&str> = finding.techniques.iter().map(|one| one.as_str()).collect();
        let proof = finding.proof.first();
        let cells = [
            finding.first.to_string(),
            finding.last.to_string(),
            finding.severity.to_string(),
            finding.title.clone(),
            finding.principal.clone(),
            some(&finding.access_key),
            some(&finding.source_address),
            some(&finding.account),
            some(&finding.region),
            tactics.join(" "),
            techniques.join(" "),
            finding.attempt.to_string(),
            finding.proof.len().to_string(),
            proof.and_then(|proof| proof.id.clone()).unwrap_or_default(),
            proof
                .map(|proof| proof.origin.source.to_string())
                .unwrap_or_default(),
            proof
                .map(|proof| proof.origin.index.to_string())
                .unwrap_or_default(),
            some(&finding.guardduty_type),
            finding.detection.clone(),
            some(&finding.next),
        ];
        let row: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        text.push_str(&row.join(","));
        text.push_str("\r\n");
    }
    text
}

/// A cell, in quotes where it needs them.
pub(crate) fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_text() {
        for (cell, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("@a,b", "\"'@a,b\""),
        ] {
            assert_eq!(quoted(cell), expected);
        }
    }
}
