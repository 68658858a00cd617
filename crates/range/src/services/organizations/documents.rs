//! The documents of an organisation's policies: read and checked by type.
//!
//! Owns what a document must look like. What several documents come to together is `inheritance.rs`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stockade_policy::Policy;

use super::inheritance::{CHILD_CONTROL, Operators};
use super::policy_types::PolicyType;

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Document {
    /// Who may do what: a service control or resource control policy.
    Access(Arc<Policy>),
    /// Settings, with the operators that say how they are inherited.
    Management(Arc<Map<String, Value>>),
}

/// The document is not one of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Document {
    /// Reads a document of a type.
    pub(super) fn read(kind: PolicyType, content: &str) -> Result<Self, Malformed> {
        let parsed = match kind {
            PolicyType::ServiceControl => Policy::parse_scp(content),
            PolicyType::ResourceControl => Policy::parse_rcp(content),
            _ => return settings(kind, content),
        };
        let policy = parsed.map_err(|_| Malformed)?;
        Ok(Self::Access(Arc::new(policy)))
    }

    /// The policy, for a type that decides about access.
    pub fn access(&self) -> Option<&Arc<Policy>> {
        match self {
            Self::Access(policy) => Some(policy),
            Self::Management(_) => None,
        }
    }

    /// The settings, for a management policy.
    pub(super) fn management(&self) -> Option<&Map<String, Value>> {
        match self {
            Self::Access(_) => None,
            Self::Management(settings) => Some(settings),
        }
    }
}

fn settings(kind: PolicyType, content: &str) -> Result<Document, Malformed> {
    let Ok(Value::Object(settings)) = serde_json::from_str(content) else {
        return Err(Malformed);
    };
    let top = kind.top().ok_or(Malformed)?;
    let known = settings.keys().all(|key| key == top);
    if !known || settings.is_empty() || !settings.values().all(is_setting) {
        return Err(Malformed);
    }
    Ok(Document::Management(Arc::new(settings)))
}

/// A setting is an object of settings and of operators; a value stands behind an operator only.
fn is_setting(value: &Value) -> bool {
    let Some(members) = value.as_object() else {
        return false;
    };
    members.iter().all(|(key, value)| match key.as_str() {
        "@@assign" => is_scalar(value) || is_list(value),
        "@@append" | "@@remove" => is_list(value),
        CHILD_CONTROL => Operators::read(value).is_some(),
        other => !other.starts_with("@@") && is_setting(value),
    })
}

fn is_scalar(value: &Value) -> bool {
    value.is_string() || value.is_number() || value.is_boolean()
}

fn is_list(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|items| items.iter().all(is_scalar))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_its_types_key_and_values_behind_operators() {
        let good = [
            (
                PolicyType::Tag,
                r#"{"tags":{"cc":{"tag_key":{"@@assign":"CC","@@operators_allowed_for_child_policies":["@@none"]},"tag_value":{"@@append":["a"]}}}}"#,
            ),
            (
                PolicyType::AiServicesOptOut,
                r#"{"services":{"default":{"opt_out_policy":{"@@assign":"optOut"}}}}"#,
            ),
            (
                PolicyType::DeclarativeEc2,
                r#"{"ec2_attributes":{"serial_console_access":{"status":{"@@assign":"disabled"}}}}"#,
            ),
            (
                PolicyType::GuardDuty,
                r#"{"guardduty":{"enablement":{"default":{"foundational":{"status":{"@@assign":"enabled"}}}}}}"#,
            ),
        ];
        for (kind, content) in good {
            assert!(Document::read(kind, content).is_ok(), "{content}");
        }
        let bad = [
            (PolicyType::Tag, "{}"),
            (PolicyType::Tag, "[]"),
            (PolicyType::Tag, "{"),
            (PolicyType::Tag, r#"{"services":{}}"#),
            (PolicyType::Tag, r#"{"tags":{"cc":{"tag_key":"CC"}}}"#),
            (
                PolicyType::Tag,
                r#"{"tags":{"cc":{"tag_key":{"@@set":"CC"}}}}"#,
            ),
            (
                PolicyType::Tag,
                r#"{"tags":{"cc":{"tag_value":{"@@append":"a"}}}}"#,
            ),
            (
                PolicyType::Tag,
                r#"{"tags":{"cc":{"tag_value":{"@@assign":[{}]}}}}"#,
            ),
            (
                PolicyType::Tag,
                r#"{"tags":{"@@operators_allowed_for_child_policies":["@@some"]}}"#,
            ),
            (PolicyType::ServiceControl, r#"{"tags":{}}"#),
        ];
        for (kind, content) in bad {
            assert!(Document::read(kind, content).is_err(), "{content}");
        }
    }
}
