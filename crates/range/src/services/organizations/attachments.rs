//! Which policies stand on which targets.
//!
//! Owns attaching and detaching, with their limits: one policy of a type at least, five at most.

use serde::Deserialize;
use serde_json::json;
use stockade_wire::AwsError;

use super::errors;
use super::organization::type_not_enabled;
use super::policies::summary;
use super::policy_types::{PER_TARGET, PolicyType};
use super::scope::{changed, managed, page};
use super::state::Organization;
use crate::call::{Call, Reply};
use crate::state::State as Range;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pair {
    policy_id: String,
    target_id: String,
}

/// The type of the call's policy; both the policy and the target must exist, and the type be switched on.
fn check(organization: &Organization, pair: &Pair) -> Result<PolicyType, AwsError> {
    let policy = organization
        .policy(&pair.policy_id)
        .ok_or_else(errors::no_policy)?;
    if !organization.is_target(&pair.target_id) {
        return Err(errors::no_target());
    }
    if !organization.enabled.contains(&policy.kind) {
        return Err(type_not_enabled());
    }
    Ok(policy.kind)
}

fn is_attached(organization: &Organization, pair: &Pair) -> bool {
    organization
        .attachments
        .get(&pair.target_id)
        .is_some_and(|attached| attached.contains(&pair.policy_id))
}

pub(super) fn attach(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let pair: Pair = call.read()?;
    let organization = managed(range, call)?;
    let kind = check(organization, &pair)?;
    if is_attached(organization, &pair) {
        return Err(errors::of(
            "DuplicatePolicyAttachmentException",
            "The selected policy is already attached to the specified target.",
        ));
    }
    if organization.policies_on(&pair.target_id, kind).len() >= PER_TARGET {
        return Err(errors::constraint(
            "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You have attached the maximum number of policies to the specified target.",
        ));
    }
    let attachments = &mut changed(range, call)?.attachments;
    attachments
        .entry(pair.target_id)
        .or_default()
        .insert(pair.policy_id);
    Ok(Reply::empty())
}

pub(super) fn detach(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let pair: Pair = call.read()?;
    let organization = managed(range, call)?;
    let kind = check(organization, &pair)?;
    if !is_attached(organization, &pair) {
        return Err(errors::of(
            "PolicyNotAttachedException",
            "The policy isn't attached to the specified target in the specified root.",
        ));
    }
    if kind == PolicyType::ResourceControl && pair.policy_id == kind.full_access_id() {
        return Err(errors::invalid(
            "NON_DETACHABLE_POLICY",
            "You can't detach this Amazon Web Services managed policy.",
        ));
    }
    if organization.policies_on(&pair.target_id, kind).len() <= 1 {
        return Err(errors::constraint(
            "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You cannot remove the last policy attached to the specified target. You should have at least one attached at all times.",
        ));
    }
    if let Some(attached) = changed(range, call)?.attachments.get_mut(&pair.target_id) {
        attached.remove(&pair.policy_id);
    }
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfTarget {
    target_id: String,
    filter: String,
}

pub(super) fn on_target(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfTarget = call.read()?;
    let organization = managed(range, call)?;
    if !organization.is_target(&input.target_id) {
        return Err(errors::no_target());
    }
    let kind = PolicyType::read(&input.filter)?;
    let mut policies: Vec<_> = organization
        .policies_on(&input.target_id, kind)
        .iter()
        .map(|policy| (policy.id.clone(), summary(organization, policy)))
        .collect();
    policies.sort_by(|one, other| one.0.cmp(&other.0));
    page(call, "Policies", policies)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfPolicy {
    policy_id: String,
}

pub(super) fn targets(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfPolicy { policy_id } = call.read()?;
    let organization = managed(range, call)?;
    organization
        .policy(&policy_id)
        .ok_or_else(errors::no_policy)?;
    let carrying = organization
        .attachments
        .iter()
        .filter(|(_, attached)| attached.contains(&policy_id));
    let targets = carrying.map(|(id, _)| {
        let (kind, name) = if *id == organization.root {
            ("ROOT", Some("Root"))
        } else if let Some(unit) = organization.units.get(id) {
            ("ORGANIZATIONAL_UNIT", Some(unit.name.as_str()))
        } else {
            let account = id.parse().ok().and_then(|id| range.accounts.get(&id));
            ("ACCOUNT", account.map(|account| account.name.as_str()))
        };
        let shown = json!({
            "TargetId": id,
            "Arn": organization.target_arn(id),
            "Name": name,
            "Type": kind,
        });
        (id.clone(), shown)
    });
    page(call, "Targets", targets)
}
