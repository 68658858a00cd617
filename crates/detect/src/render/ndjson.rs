//! A finding a line, as in the JSON document: for programs that read as it comes.

use super::Hunted;

/// One JSON object a line.
pub fn render(hunted: &Hunted<'_>) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    for finding in hunted.findings {
        text.push_str(&serde_json::to_string(finding)?);
        text.push('\n');
    }
    Ok(text)
}
