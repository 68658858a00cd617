//! Which techniques of ATT&CK the detections cover.
//!
//! Owns the table and the layer for ATT&CK Navigator. A technique counts as covered where a detection names it;
//! how well it is found, tests and exercises tell.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};
use stockade_model::{Severity, Tactic};

use crate::hunt::RuleSet;
use crate::rule::Meta;

/// By tactic and technique, the detections.
fn covered(rules: &RuleSet) -> BTreeMap<(Tactic, String), Vec<&Meta>> {
    let mut all: BTreeMap<(Tactic, String), Vec<&Meta>> = BTreeMap::new();
    for meta in rules.detections() {
        // The parts of a correlation raise nothing.
        if rules.is_part(&meta.id) {
            continue;
        }
        for technique in &meta.techniques {
            for tactic in &meta.tactics {
                let key = (*tactic, technique.as_str().to_owned());
                let list = all.entry(key).or_default();
                if list.iter().all(|other| other.id != meta.id) {
                    list.push(meta);
                }
            }
        }
    }
    all
}

/// For people.
pub fn table(rules: &RuleSet) -> String {
    let all = covered(rules);
    let techniques: BTreeSet<&str> = all
        .keys()
        .map(|(_, technique)| technique.as_str())
        .collect();
    let mut page = String::new();
    let _ = writeln!(
        page,
        "{} techniques in {} tactics",
        techniques.len(),
        all.keys()
            .map(|(tactic, _)| tactic)
            .collect::<BTreeSet<_>>()
            .len()
    );
    let mut before = None;
    for ((tactic, technique), list) in &all {
        if before != Some(*tactic) {
            let _ = writeln!(
                page,
                "\n{}",
                tactic.as_str().replace('-', " ").to_uppercase()
            );
            before = Some(*tactic);
        }
        let worst = list
            .iter()
            .map(|meta| meta.severity)
            .max()
            .unwrap_or(Severity::Informational);
        let mut titles: Vec<&str> = list.iter().map(|meta| meta.title.as_str()).collect();
        titles.sort_unstable();
        let more = titles.len().saturating_sub(2);
        titles.truncate(2);
        let rest = if more == 0 {
            String::new()
        } else {
            format!("; and {more} more")
        };
        let _ = writeln!(
            page,
            "  {technique:<10} {worst:<14} {:>3}  {}{rest}",
            list.len(),
            titles.join("; ")
        );
    }
    page
}

/// A layer that ATT&CK Navigator opens: the more detections, the higher the score.
///
/// # Errors
/// Never, with what is in it.
pub fn navigator(rules: &RuleSet) -> Result<String, serde_json::Error> {
    let techniques: Vec<Value> = covered(rules)
        .iter()
        .map(|((tactic, technique), list)| {
            let mut names: Vec<&str> = list.iter().map(|meta| meta.title.as_str()).collect();
            names.sort_unstable();
            json!({
                "techniqueID": technique,
                "tactic": tactic.as_str(),
                "score": list.len(),
                "comment": names.join("\n"),
                "enabled": true,
                "showSubtechniques": technique.contains('.'),
            })
        })
        .collect();
    let most = techniques
        .iter()
        .filter_map(|one| one.get("score")?.as_u64())
        .max()
        .unwrap_or(1);
    let layer = json!({
        "name": "Stockade's detections",
        "versions": {"attack": "17", "navigator": "5.1.0", "layer": "4.5"},
        "domain": "enterprise-attack",
        "description": "Techniques that a detection names, with how many do",
        "filters": {"platforms": ["IaaS", "Identity Provider", "SaaS"]},
        "sorting": 3,
        "hideDisabled": false,
        "techniques": techniques,
        "gradient": {"colors": ["#cfe8ff", "#0b5cad"], "minValue": 1, "maxValue": most},
        "legendItems": [],
        "metadata": [],
    });
    Ok(serde_json::to_string_pretty(&layer)? + "\n")
}
