//! A detection's page: all that is known of it, for people.
//!
//! Owns its layout.

use std::fmt::Write as _;

use crate::hunt::RuleSet;
use crate::rule::{Kind, Meta};

pub(crate) fn of(rules: &RuleSet, meta: &Meta) -> String {
    let mut page = String::new();
    let _ = writeln!(
        page,
        "{}\n{}\n",
        meta.title,
        "=".repeat(meta.title.chars().count().min(100))
    );
    let _ = writeln!(page, "{}\n", meta.description);
    let kind = match meta.kind {
        Kind::Rule => "a Sigma rule over single events",
        Kind::Correlation => "a Sigma correlation",
        Kind::Behaviour => "a detector in Rust",
    };
    let tactics: Vec<&str> = meta.tactics.iter().map(|one| one.as_str()).collect();
    let techniques: Vec<&str> = meta.techniques.iter().map(|one| one.as_str()).collect();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(page, "{name:<12} {value}");
        }
    };
    line("id", &meta.id);
    line("level", meta.severity.as_str());
    line("kind", kind);
    line("tactics", &tactics.join(", "));
    line("techniques", &techniques.join(", "));
    line("GuardDuty", meta.guardduty.as_deref().unwrap_or_default());
    line("playbook", meta.playbook.as_deref().unwrap_or_default());
    line("file", &meta.source);
    line("fields", &rules.fields(&meta.id).join(", "));
    list(&mut page, "What raises it wrongly", &meta.falsepositives);
    list(&mut page, "What to do next", meta.next.as_slice());
    list(&mut page, "Read more", &meta.references);
    if let Some(text) = rules.text(meta) {
        let _ = writeln!(page, "\nThe rule\n");
        for line in text.lines() {
            let _ = writeln!(page, "    {line}");
        }
    }
    page
}

fn list(page: &mut String, name: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n{name}");
    for item in items {
        let _ = writeln!(page, "- {}", item.trim());
    }
}
