//! Whether an effective policy can work: what it lacks, and what it has too much of.
//!
//! Owns the limits of effective policies. A policy's own document is checked by `documents.rs` when it is written.

use super::inheritance::Setting;
use super::policy_types::PolicyType;

/// How many rules a backup plan may have.
const RULES: usize = 10;

/// Something that keeps an effective policy from working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) message: String,
    /// Where, as in `plans/daily/rules`.
    pub(super) path: String,
    /// The policies that made it.
    pub(super) policies: Vec<String>,
}

/// Whether effective policies of a type can fail.
pub(super) fn is_checked(kind: PolicyType) -> bool {
    kind == PolicyType::Backup
}

/// What keeps an effective policy from working. Of backup policies AWS says what they need; what the others say is
/// complete in every combination.
pub(super) fn faults(kind: PolicyType, policy: &Setting) -> Vec<Fault> {
    let mut faults = Vec::new();
    if is_checked(kind) {
        for (name, plan) in policy
            .at(&["plans"])
            .into_iter()
            .flat_map(Setting::children)
        {
            check_plan(&mut faults, &format!("plans/{name}"), plan);
        }
    }
    faults
}

fn check_plan(faults: &mut Vec<Fault>, path: &str, plan: &Setting) {
    for key in ["regions", "rules", "selections"] {
        require(faults, path, plan, key);
    }
    if let Some(regions) = plan.at(&["regions"])
        && regions.result().is_none()
    {
        let message = "'regions' is less than the allowed minimum limit 1".to_owned();
        faults.push(fault(
            "ELEMENTS_TOO_FEW",
            message,
            format!("{path}/regions"),
            regions,
        ));
    }
    if let Some(rules) = plan.at(&["rules"]) {
        let path = format!("{path}/rules");
        if rules.children().count() > RULES {
            let message = format!("'rules' exceeds the allowed maximum limit {RULES}");
            faults.push(fault("ELEMENTS_TOO_MANY", message, path.clone(), rules));
        }
        for (name, rule) in rules.children() {
            let path = format!("{path}/{name}");
            require(faults, &path, rule, "target_backup_vault_name");
        }
    }
    let selections = plan.at(&["selections", "tags"]);
    for (name, selection) in selections.into_iter().flat_map(Setting::children) {
        let path = format!("{path}/selections/tags/{name}");
        for key in ["iam_role_arn", "tag_key", "tag_value"] {
            require(faults, &path, selection, key);
        }
    }
}

fn require(faults: &mut Vec<Fault>, path: &str, setting: &Setting, key: &str) {
    if setting.at(&[key]).is_none() {
        let message = format!("'{key}' is missing");
        faults.push(fault("KEY_REQUIRED", message, path.to_owned(), setting));
    }
}

fn fault(code: &'static str, message: String, path: String, setting: &Setting) -> Fault {
    Fault {
        code,
        message,
        path,
        policies: setting.contributors().into_iter().collect(),
    }
}
