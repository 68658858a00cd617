//! The organisation's resource policy: what members may do of its own affairs.
//!
//! Owns the policy and what it may say. That it is asked is `scope.rs`'s business.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_policy::{Policy, PrincipalEntry};
use stockade_wire::AwsError;

use super::errors;
use super::scope::{changed, managed};
use super::state::Organization;
use super::tags::{self, Tag};
use crate::call::{Call, Reply};
use crate::row::Access;
use crate::services;
use crate::services::iam::output::reply;
use crate::state::State as Range;
use crate::wildcard::matches;

/// The characters that it may have.
const LIMIT: usize = 40_000;

/// A resource policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourcePolicy {
    /// `rp-…`.
    pub id: String,
    /// The text, as it was given.
    pub content: Arc<str>,
    /// What it says.
    pub policy: Arc<Policy>,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
}

/// The writes that members may be let do: those about policies.
const WRITES: [&str; 9] = [
    "AttachPolicy",
    "CreatePolicy",
    "DeletePolicy",
    "DetachPolicy",
    "DisablePolicyType",
    "EnablePolicyType",
    "TagResource",
    "UntagResource",
    "UpdatePolicy",
];

/// Whether members may be let do an operation at all.
pub(super) fn is_delegable(operation: &str) -> bool {
    WRITES.contains(&operation)
        || services::row("organizations", operation).is_some_and(|row| row.access == Access::Read)
}

fn arn(organization: &Organization, policy: &ResourcePolicy) -> String {
    organization.arn(&format!("resourcepolicy/{}/{}", organization.id, policy.id))
}

impl Organization {
    /// The ARN of the organisation's resource policy.
    pub(super) fn resource_policy_arn(&self) -> Option<String> {
        let policy = self.resource_policy.as_ref()?;
        Some(arn(self, policy))
    }
}

fn shown(organization: &Organization, policy: &ResourcePolicy) -> Value {
    json!({"ResourcePolicy": {
        "ResourcePolicySummary": {"Id": policy.id, "Arn": arn(organization, policy)},
        "Content": &*policy.content,
    }})
}

fn none() -> AwsError {
    errors::of(
        "ResourcePolicyNotFoundException",
        "No resource-based policy found.",
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    content: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn put(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Put = call.read()?;
    let organization = managed(range, call)?;
    if organization.features != "ALL" {
        return Err(errors::not_all_features());
    }
    if input.content.chars().count() > LIMIT {
        return Err(errors::constraint(
            "POLICY_CONTENT_LIMIT_EXCEEDED",
            "You have exceeded the content size limit of a policy.",
        ));
    }
    let policy = Policy::parse_resource(&input.content).map_err(|_| {
        errors::invalid(
            "INVALID_RESOURCE_POLICY_JSON",
            "The provided resource policy document isn't valid.",
        )
    })?;
    check(organization, &policy)?;
    let before = organization.resource_policy.as_ref();
    if before.is_some() && !input.tags.is_empty() {
        return Err(errors::constraint(
            "UPDATE_EXISTING_RESOURCE_POLICY_WITH_TAGS_NOT_SUPPORTED",
            "Adding tags when updating a resource policy is not supported.",
        ));
    }
    let (id, tags) = match before {
        Some(before) => (Some(before.id.clone()), before.tags.clone()),
        None => (None, tags::merged(&[], input.tags)?),
    };
    let made = ResourcePolicy {
        id: id.unwrap_or_else(|| format!("rp-{}", range.ids.lower(8))),
        content: input.content.into(),
        policy: Arc::new(policy),
        tags,
    };
    let organization = changed(range, call)?;
    let answer = shown(organization, &made);
    organization.resource_policy = Some(Arc::new(made));
    Ok(reply(answer))
}

/// It speaks of accounts of the organisation, and of what they may be let do.
fn check(organization: &Organization, policy: &Policy) -> Result<(), AwsError> {
    for statement in policy.statements() {
        if statement.is_not_action() || !statement.actions().all(only_delegable) {
            return Err(errors::invalid(
                "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY",
                "You specified an action that isn't supported in a resource policy.",
            ));
        }
        let is_member = |account: &str| {
            account
                .parse()
                .is_ok_and(|account| organization.members.contains_key(&account))
        };
        // Whoever is meant by `*` is one of the organisation all the same: nobody else gets as far as this policy.
        let ours = statement.principals().iter().all(|principal| {
            *principal == PrincipalEntry::Everyone || principal.account().is_some_and(is_member)
        });
        if statement.is_not_principal() || !ours {
            return Err(errors::invalid(
                "INVALID_PRINCIPAL",
                "You specified an invalid principal element in the policy.",
            ));
        }
    }
    Ok(())
}

/// Whether an action, which may have wildcards, names operations and only such as members may be let do.
fn only_delegable(action: &str) -> bool {
    let Some((service, pattern)) = action.split_once(':') else {
        return false;
    };
    let mut named = super::ROWS
        .iter()
        .map(|row| row.operation)
        .filter(|operation| matches(pattern, operation))
        .peekable();
    service.eq_ignore_ascii_case("organizations")
        && named.peek().is_some()
        && named.all(is_delegable)
}

pub(super) fn describe(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let organization = managed(range, call)?;
    let policy = organization.resource_policy.as_ref().ok_or_else(none)?;
    Ok(reply(shown(organization, policy)))
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    managed(range, call)?
        .resource_policy
        .as_ref()
        .ok_or_else(none)?;
    changed(range, call)?.resource_policy = None;
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_policies_may_be_let_do() {
        for good in [
            "organizations:AttachPolicy",
            "organizations:List*",
            "Organizations:describe*",
            "organizations:?etachPolicy",
        ] {
            assert!(only_delegable(good), "{good}");
        }
        for bad in [
            "organizations:*",
            "organizations:CreateAccount",
            "organizations:Nothing",
            "iam:List*",
            "*",
            "organizations:Create*",
        ] {
            assert!(!only_delegable(bad), "{bad}");
        }
    }
}
