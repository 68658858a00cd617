//! What is known of a detection besides its condition: its name, level, tags, and what to do next.
//!
//! Owns the reading of that from a Sigma rule. Must not look at conditions.

use std::sync::Arc;

use rsigma_parser::{CorrelationRule, Level, SigmaRule};
use serde::Serialize;
use stockade_model::{Severity, Tactic, Technique};

/// What sort of detection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A Sigma rule over single events.
    Rule,
    /// A Sigma correlation of rules.
    Correlation,
    /// A detector in Rust.
    Behaviour,
}

/// A detection's description.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Meta {
    /// The rule's UUID, or the detector's name.
    pub id: String,
    /// What sort it is.
    pub kind: Kind,
    /// The name by which correlations may call it.
    pub name: Option<String>,
    /// What happened, in a line.
    pub title: String,
    /// What it means.
    pub description: String,
    /// How bad it is.
    pub severity: Severity,
    /// ATT&CK tactics, in the order of the tags.
    pub tactics: Vec<Tactic>,
    /// ATT&CK techniques.
    pub techniques: Vec<Technique>,
    /// All tags, as written.
    pub tags: Vec<String>,
    /// What raises it wrongly.
    pub falsepositives: Vec<String>,
    /// Where to read more.
    pub references: Vec<String>,
    /// The GuardDuty finding type that says the same.
    pub guardduty: Option<String>,
    /// What a responder does next.
    pub next: Option<String>,
    /// The playbook to follow.
    pub playbook: Option<String>,
    /// The file it was read from, or `builtin:…`.
    pub source: Arc<str>,
}

impl Meta {
    pub(crate) fn of_rule(rule: &SigmaRule, source: &Arc<str>) -> Self {
        let own = |key: &str| {
            let value = rule.custom_attributes.get("stockade")?.get(key)?;
            value.as_str().map(|text| text.trim().to_owned())
        };
        Self {
            id: rule.id.clone().unwrap_or_else(|| rule.title.clone()),
            kind: Kind::Rule,
            name: rule.name.clone(),
            title: rule.title.trim().to_owned(),
            description: text(rule.description.as_deref()),
            severity: severity(rule.level),
            tactics: tactics(&rule.tags),
            techniques: techniques(&rule.tags),
            tags: rule.tags.clone(),
            falsepositives: rule.falsepositives.clone(),
            references: rule.references.clone(),
            guardduty: own("guardduty"),
            next: own("next"),
            playbook: own("playbook"),
            source: Arc::clone(source),
        }
    }

    pub(crate) fn of_correlation(rule: &CorrelationRule, source: &Arc<str>) -> Self {
        let own = |key: &str| {
            let value = rule.custom_attributes.get("stockade")?.get(key)?;
            value.as_str().map(|text| text.trim().to_owned())
        };
        Self {
            id: rule.id.clone().unwrap_or_else(|| rule.title.clone()),
            kind: Kind::Correlation,
            name: rule.name.clone(),
            title: rule.title.trim().to_owned(),
            description: text(rule.description.as_deref()),
            severity: severity(rule.level),
            tactics: tactics(&rule.tags),
            techniques: techniques(&rule.tags),
            tags: rule.tags.clone(),
            falsepositives: rule.falsepositives.clone(),
            references: rule.references.clone(),
            guardduty: own("guardduty"),
            next: own("next"),
            playbook: own("playbook"),
            source: Arc::clone(source),
        }
    }

    /// What a finding says to do next, the playbook with it.
    pub(crate) fn advice(&self) -> Option<String> {
        match (&self.next, &self.playbook) {
            (Some(next), Some(playbook)) => Some(format!("{next} (playbook: {playbook})")),
            (Some(next), None) => Some(next.clone()),
            (None, Some(playbook)) => Some(format!("playbook: {playbook}")),
            (None, None) => None,
        }
    }
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().trim().to_owned()
}

/// A rule without a level is worth a look: that is what Sigma's users expect.
fn severity(level: Option<Level>) -> Severity {
    match level {
        Some(Level::Informational) => Severity::Informational,
        Some(Level::Low) => Severity::Low,
        Some(Level::Medium) | None => Severity::Medium,
        Some(Level::High) => Severity::High,
        Some(Level::Critical) => Severity::Critical,
    }
}

/// `attack.persistence` and its like. ATT&CK 19 split defence evasion in two; both halves count as
/// the whole.
fn tactics(tags: &[String]) -> Vec<Tactic> {
    let mut found = Vec::new();
    for name in tags.iter().filter_map(|tag| tag.strip_prefix("attack.")) {
        let tactic = match name {
            "stealth" | "defense-impairment" => Ok(Tactic::DefenseEvasion),
            name => name.parse(),
        };
        if let Ok(tactic) = tactic
            && !found.contains(&tactic)
        {
            found.push(tactic);
        }
    }
    found
}

fn techniques(tags: &[String]) -> Vec<Technique> {
    tags.iter()
        .filter_map(|tag| tag.strip_prefix("attack.")?.parse().ok())
        .collect()
}
