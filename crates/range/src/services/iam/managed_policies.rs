//! The customer's managed policies, and the calls that show them together with AWS's.
//!
//! Owns what a managed policy is. Its versions and its attachments have files of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::Timestamp;
use stockade_wire::AwsError;

use super::attachments::check_arn;
use super::aws_managed;
use super::documents::Document;
use super::errors;
use super::output::{UnderPath, page, reply, time};
use super::policy_versions::Version;
use super::scope::{iam, iam_mut};
use super::state::{State, key};
use super::tags::{self, Tag};
use crate::call::{Call, Reply};
use crate::state::State as Range;

const POLICIES_PER_ACCOUNT: usize = 1500;
const POLICY_SIZE: usize = 6144;

/// A managed policy of the customer's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// The name as it was given; unique without regard to case.
    pub name: String,
    /// Its ARN; it never changes, for a policy cannot be renamed or moved.
    pub arn: String,
    /// `ANPA…`.
    pub id: String,
    /// Begins and ends with `/`.
    pub path: String,
    /// What it is for, in its maker's words.
    pub description: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When its version in force was last chosen.
    pub updated: Timestamp,
    /// The number of the version in force.
    pub default: u32,
    /// The number that the next version gets; numbers are not used again.
    pub next: u32,
    /// By number.
    pub versions: BTreeMap<u32, Version>,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
}
crate::row!(ManagedPolicy);

impl ManagedPolicy {
    /// The document in force.
    pub fn default_document(&self) -> Option<&Document> {
        self.versions.get(&self.default).map(|v| &v.document)
    }

    /// As `ListPolicies` shows it: without description and tags.
    pub(super) fn summary(&self, state: &State) -> Value {
        json!({
            "PolicyName": self.name,
            "PolicyId": self.id,
            "Path": self.path,
            "DefaultVersionId": format!("v{}", self.default),
            "AttachmentCount": state.attachment_count(&self.arn),
            "PermissionsBoundaryUsageCount": state.boundary_count(&self.arn),
            "IsAttachable": true,
            "CreateDate": time(self.created),
            "UpdateDate": time(self.updated),
            "Arn": self.arn,
        })
    }
}

/// Reads a managed policy's document, which must not be too long.
pub(super) fn read_document(text: &str) -> Result<Document, AwsError> {
    let document = Document::managed(text)?;
    if document.size() > POLICY_SIZE {
        return Err(errors::limit_exceeded(format!(
            "Cannot exceed quota for PolicySize: {POLICY_SIZE}"
        )));
    }
    Ok(document)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    policy_name: String,
    policy_document: String,
    path: Option<String>,
    description: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let state = iam(range, call)?;
    if state.policies.contains_key(&key(&input.policy_name)) {
        return Err(errors::already_exists(format!(
            "A policy called {} already exists. Duplicate names are not allowed.",
            input.policy_name
        )));
    }
    errors::check_quota(
        "PoliciesPerAccount",
        state.policies.len(),
        POLICIES_PER_ACCOUNT,
    )?;
    let document = read_document(&input.policy_document)?;
    let tags = tags::merged_by_case(&[], input.tags)?;
    let first = Version {
        document,
        created: call.now,
    };
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let policy = ManagedPolicy {
        arn: format!(
            "arn:aws:iam::{}:policy{path}{}",
            call.account(),
            input.policy_name
        ),
        name: input.policy_name,
        id: range.ids.unique("ANPA"),
        path,
        description: input.description.filter(|text| !text.is_empty()),
        created: call.now,
        updated: call.now,
        default: 1,
        next: 2,
        versions: BTreeMap::from([(1, first)]),
        tags,
    };
    let state = iam_mut(range, call)?;
    let mut answer = policy.summary(state);
    if let Some(members) = answer.as_object_mut() {
        members.insert("Tags".into(), tags::shown_if_any(&policy.tags));
    }
    state.policies.insert(key(&policy.name), Arc::new(policy));
    Ok(reply(json!({"Policy": answer})))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfPolicy {
    pub policy_arn: String,
}

/// The customer's policy that a call names; AWS's cannot be changed.
pub(super) fn own<'a>(state: &'a State, arn: &str) -> Result<&'a ManagedPolicy, AwsError> {
    check_arn(arn)?;
    if arn.starts_with("arn:aws:iam::aws:") {
        return Err(AwsError::new(
            403,
            "AccessDenied",
            format!("{arn} is a policy of AWS and cannot be changed."),
        ));
    }
    state.policy(arn).ok_or_else(|| errors::no_policy(arn))
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfPolicy { policy_arn } = call.read()?;
    check_arn(&policy_arn)?;
    let state = iam(range, call)?;
    if let Some(policy) = state.policy(&policy_arn) {
        let mut answer = policy.summary(state);
        if let Some(members) = answer.as_object_mut() {
            members.insert("Description".into(), policy.description.clone().into());
            members.insert("Tags".into(), tags::shown(&policy.tags));
        }
        return Ok(reply(json!({"Policy": answer})));
    }
    let policy = aws_managed::find(&policy_arn).ok_or_else(|| errors::no_policy(&policy_arn))?;
    let mut answer = policy.shown(
        state.attachment_count(&policy_arn),
        state.boundary_count(&policy_arn),
    );
    if let Some(members) = answer.as_object_mut() {
        members.insert("Tags".into(), json!([]));
    }
    Ok(reply(json!({"Policy": answer})))
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfPolicy { policy_arn } = call.read()?;
    let state = iam(range, call)?;
    let policy = own(state, &policy_arn)?;
    if state.attachment_count(&policy_arn) + state.boundary_count(&policy_arn) > 0 {
        return Err(AwsError::new(
            409,
            "DeleteConflict",
            "Cannot delete a policy attached to entities.",
        ));
    }
    if policy.versions.len() > 1 {
        return Err(AwsError::new(
            409,
            "DeleteConflict",
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
        ));
    }
    let key = key(&policy.name);
    iam_mut(range, call)?.policies.remove(&key);
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListInput {
    scope: Option<String>,
    #[serde(default)]
    only_attached: bool,
    policy_usage_filter: Option<String>,
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: ListInput = call.read()?;
    let path: UnderPath = call.read()?;
    let state = iam(range, call)?;
    let scope = input.scope.as_deref().unwrap_or("All");
    let usage = input.policy_usage_filter.as_deref();
    let (as_permissions, as_boundary) = uses(state);
    let wanted = |arn: &str, policy_path: &str| {
        let permits = as_permissions.contains(arn);
        let bounds = as_boundary.contains(arn);
        path.has(policy_path)
            && match usage {
                Some("PermissionsBoundary") => bounds,
                Some("PermissionsPolicy") => permits,
                _ => !input.only_attached || permits || bounds,
            }
    };
    let mut found = BTreeMap::new();
    if scope != "AWS" {
        for policy in state.policies.values() {
            if wanted(&policy.arn, &policy.path) {
                found.insert(policy.arn.clone(), policy.summary(state));
            }
        }
    }
    if scope != "Local" {
        for policy in aws_managed::all() {
            if wanted(&policy.arn, super::attachments::policy_path(&policy.arn)) {
                let used =
                    as_permissions.contains(&*policy.arn) || as_boundary.contains(&*policy.arn);
                let counts = match used {
                    true => (
                        state.attachment_count(&policy.arn),
                        state.boundary_count(&policy.arn),
                    ),
                    false => (0, 0),
                };
                found.insert(policy.arn.clone(), policy.shown(counts.0, counts.1));
            }
        }
    }
    page(call, "Policies", Value::Null, found)
}

/// The ARNs of the policies that are attached to something, and of those that are somebody's boundary.
fn uses(state: &State) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let attached = state
        .all_grants()
        .flat_map(|grants| grants.attached.iter().map(String::as_str))
        .collect();
    let users = state.users.values().filter_map(|u| u.boundary.as_deref());
    let roles = state.roles.values().filter_map(|r| r.boundary.as_deref());
    (attached, users.chain(roles).collect())
}
