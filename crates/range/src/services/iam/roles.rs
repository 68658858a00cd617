//! Roles: what one is, and the calls that make, show, change and delete them.
//!
//! Owns a role's identity and settings. Whom it trusts is read by `trust.rs`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Arn, Timestamp};
use stockade_wire::AwsError;

use super::attachments::Grants;
use super::aws_managed;
use super::boundaries;
use super::documents::{Document, encode};
use super::errors;
use super::output::{UnderPath, page, reply, time};
use super::scope::{iam, iam_mut};
use super::state::{State, key};
use super::tags::{self, Tag};
use super::trust;
use crate::call::{Call, Reply};
use crate::state::State as Range;
use crate::usage::{LastUse, Usage};

const ROLES_PER_ACCOUNT: usize = 1000;
const TRUST_POLICY_SIZE: usize = 2048;
/// Where the roles of services are, which AWS alone makes.
pub(super) const SERVICE_LINKED: &str = "/aws-service-role/";
/// Where the roles of Identity Center are, which AWS alone makes.
const RESERVED: &str = "/aws-reserved/";
/// An hour, in seconds.
pub(super) const MAX_SESSION: u32 = 3600;
/// The longest name, in characters.
pub(super) const NAME_LENGTH: usize = 64;

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// The name as it was given; unique without regard to case.
    pub name: String,
    /// `AROA…`; never used again.
    pub id: String,
    /// Begins and ends with `/`.
    pub path: String,
    /// When it was made.
    pub created: Timestamp,
    /// What it is for, in its maker's words.
    pub description: Option<String>,
    /// The longest session, in seconds.
    pub max_session: u32,
    /// Who may assume it. The text names users and roles of the range by their unique ids, so that one
    /// that is deleted and made again is not trusted.
    pub trust: Document,
    /// The ARN of the policy that bounds its permissions.
    pub boundary: Option<String>,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
    /// Inline and attached policies.
    pub grants: Grants,
    /// The template that it was made from, where it was.
    pub template: Option<SourceTemplate>,
}

/// The role template that a role was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SourceTemplate {
    /// The template's ARN.
    pub template_arn: String,
    /// The minor version.
    pub template_minor_version: u32,
}
crate::row!(Role);

impl Role {
    /// Its ARN in this account.
    pub fn arn(&self, account: &AccountId) -> Arn {
        Arn::aws(
            "iam",
            "",
            account.as_str(),
            format!("role{}{}", self.path, self.name),
        )
    }

    /// Whether it is a service's own role, which nobody else may change.
    pub fn is_service_linked(&self) -> bool {
        self.path.starts_with(SERVICE_LINKED)
    }

    /// Refuses changes of a service's own role.
    pub(super) fn check_modifiable(&self) -> Result<(), AwsError> {
        if self.is_service_linked() {
            return Err(errors::protected_role(&self.name));
        }
        Ok(())
    }

    /// The trust policy's text as people wrote it, with ARNs for the unique ids of those who still exist.
    pub fn trust_text(&self, range: &Range) -> String {
        trust::shown(range, &self.trust.text)
    }

    /// As `CreateRole` and the instance profiles show it.
    pub(super) fn identity(&self, range: &Range, account: &AccountId) -> Value {
        json!({
            "Path": self.path,
            "RoleName": self.name,
            "RoleId": self.id,
            "Arn": self.arn(account).to_string(),
            "CreateDate": time(self.created),
            "AssumeRolePolicyDocument": encode(&self.trust_text(range)),
        })
    }

    /// As `ListRoles` shows it: without tags, boundary and last use.
    pub(super) fn summary(&self, range: &Range, account: &AccountId) -> Value {
        let mut value = self.identity(range, account);
        if let Some(members) = value.as_object_mut() {
            members.insert("Description".into(), self.description.clone().into());
            members.insert("MaxSessionDuration".into(), self.max_session.into());
        }
        value
    }

    /// The last thing that it did.
    fn last_used(&self, usage: &Usage) -> Option<LastUse> {
        let actions = usage.actions(&self.id).into_iter();
        actions.map(|(_, last)| last).max_by_key(|last| last.at)
    }

    /// As `GetRole` shows it.
    pub(super) fn details(&self, range: &Range, account: &AccountId) -> Value {
        let mut value = self.summary(range, account);
        let used = range
            .account(account)
            .ok()
            .and_then(|a| self.last_used(&a.usage));
        if let Some(members) = value.as_object_mut() {
            members.insert(
                "PermissionsBoundary".into(),
                boundaries::shown(self.boundary.as_deref()),
            );
            members.insert("Tags".into(), tags::shown_if_any(&self.tags));
            members.insert("RoleLastUsed".into(), last_used(used.as_ref()));
            members.insert("SourceRoleTemplate".into(), json!(self.template));
        }
        value
    }
}

/// When and where a role was last used; no members where it never was.
pub(super) fn last_used(used: Option<&LastUse>) -> Value {
    json!({
        "LastUsedDate": used.map(|used| time(used.at)),
        "Region": used.map(|used| used.region.as_str()),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    role_name: String,
    assume_role_policy_document: String,
    path: Option<String>,
    description: Option<String>,
    max_session_duration: Option<u32>,
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    check_path(input.path.as_deref())?;
    let state = iam(range, call)?;
    if state.role(&input.role_name).is_some() {
        return Err(errors::already_exists(format!(
            "Role with name {} already exists.",
            input.role_name
        )));
    }
    check_room(state)?;
    let trust = read_trust(range, &input.assume_role_policy_document)?;
    if let Some(arn) = &input.permissions_boundary {
        boundaries::check(state, arn)?;
    }
    let tags = tags::merged(&[], input.tags)?;
    let role = Role {
        name: input.role_name,
        id: range.ids.unique("AROA"),
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        created: call.now,
        description: input.description,
        max_session: input.max_session_duration.unwrap_or(MAX_SESSION),
        trust,
        boundary: input.permissions_boundary,
        tags,
        grants: Grants::default(),
        template: None,
    };
    let mut answer = role.identity(range, call.account());
    if let Some(members) = answer.as_object_mut() {
        members.insert(
            "PermissionsBoundary".into(),
            boundaries::shown(role.boundary.as_deref()),
        );
        members.insert("Tags".into(), tags::shown_if_any(&role.tags));
    }
    iam_mut(range, call)?
        .roles
        .insert(key(&role.name), Arc::new(role));
    Ok(reply(json!({"Role": answer})))
}

/// Refuses one more role than an account may have.
pub(super) fn check_room(state: &State) -> Result<(), AwsError> {
    errors::check_quota("RolesPerAccount", state.roles.len(), ROLES_PER_ACCOUNT)
}

/// A role that only looks like a service's own would be bound by no service control policy, and one that looks
/// like Identity Center's could be changed by nobody.
fn check_path(path: Option<&str>) -> Result<(), AwsError> {
    let reserved = [
        (SERVICE_LINKED, "AWS Service linked Roles"),
        (RESERVED, "roles that AWS creates"),
    ];
    for (prefix, whose) in reserved {
        if path.is_some_and(|path| path.starts_with(prefix)) {
            return Err(errors::invalid_input(format!(
                "Path prefix '{prefix}' can only be used for {whose}"
            )));
        }
    }
    Ok(())
}

fn read_trust(range: &Range, text: &str) -> Result<Document, AwsError> {
    let document = trust::read(range, text)?;
    if super::documents::size(text) > TRUST_POLICY_SIZE {
        return Err(errors::limit_exceeded(format!(
            "Cannot exceed quota for ACLSizePerRole: {TRUST_POLICY_SIZE}"
        )));
    }
    Ok(document)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfRole {
    role_name: String,
}

pub(super) fn named<'a>(state: &'a State, name: &str) -> Result<&'a Role, AwsError> {
    state.role(name).ok_or_else(|| errors::no_role(name))
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfRole { role_name } = call.read()?;
    let role = named(iam(range, call)?, &role_name)?;
    Ok(reply(json!({"Role": role.details(range, call.account())})))
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: UnderPath = call.read()?;
    let roles = iam(range, call)?
        .roles
        .iter()
        .filter(|(_, role)| input.has(&role.path))
        .map(|(key, role)| (key.clone(), role.summary(range, call.account())));
    page(call, "Roles", Value::Null, roles)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    role_name: String,
    description: Option<String>,
    max_session_duration: Option<u32>,
}

/// `UpdateRole` and `UpdateRoleDescription`.
fn apply_update(range: &mut Range, call: &Call<'_>) -> Result<String, AwsError> {
    let input: Update = call.read()?;
    let role = named(iam(range, call)?, &input.role_name)?;
    // What people say about a service's own role is theirs; how long its sessions last is not.
    if input.max_session_duration.is_some() {
        role.check_modifiable()?;
    }
    if let Some(role) = iam_mut(range, call)?.roles.get_mut(&key(&input.role_name)) {
        let role = Arc::make_mut(role);
        if let Some(description) = input.description {
            role.description = Some(description).filter(|text| !text.is_empty());
        }
        if let Some(seconds) = input.max_session_duration {
            role.max_session = seconds;
        }
    }
    Ok(input.role_name)
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    apply_update(range, call)?;
    Ok(Reply::empty())
}

pub(super) fn update_description(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let name = apply_update(range, call)?;
    let role = named(iam(range, call)?, &name)?;
    let mut answer = role.identity(range, call.account());
    if let Some(members) = answer.as_object_mut() {
        members.insert("Description".into(), role.description.clone().into());
    }
    Ok(reply(json!({"Role": answer})))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateTrust {
    role_name: String,
    policy_document: String,
}

pub(super) fn update_trust(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: UpdateTrust = call.read()?;
    named(iam(range, call)?, &input.role_name)?.check_modifiable()?;
    let trust = read_trust(range, &input.policy_document)?;
    if let Some(role) = iam_mut(range, call)?.roles.get_mut(&key(&input.role_name)) {
        Arc::make_mut(role).trust = trust;
    }
    Ok(Reply::empty())
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfRole { role_name } = call.read()?;
    let state = iam(range, call)?;
    let role = named(state, &role_name)?;
    role.check_modifiable()?;
    let in_profile = state
        .instance_profiles
        .values()
        .any(|profile| profile.role.as_deref() == Some(&*key(&role_name)));
    let held = [
        (
            !role.grants.attached.is_empty(),
            "must detach all policies first.",
        ),
        (
            !role.grants.inline.is_empty(),
            "must delete policies first.",
        ),
        (in_profile, "must remove roles from instance profile first."),
    ];
    if let Some((_, first)) = held.iter().find(|(holds, _)| *holds) {
        return Err(errors::delete_conflict(first));
    }
    iam_mut(range, call)?.roles.remove(&key(&role_name));
    Ok(Reply::empty())
}

/// A role of a new account, which trusts another account's root and may do everything: what Organizations
/// puts into an account that it makes.
pub fn administrator_for(
    trusted: &AccountId,
    name: &str,
    id: String,
    now: Timestamp,
) -> Result<Role, AwsError> {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{trusted}:root")},
            "Action": "sts:AssumeRole",
        }],
    })
    .to_string();
    let mut grants = Grants::default();
    grants
        .attached
        .insert(aws_managed::ADMINISTRATOR_ACCESS.to_owned());
    Ok(Role {
        name: name.to_owned(),
        id,
        path: "/".to_owned(),
        created: now,
        description: None,
        max_session: MAX_SESSION,
        trust: Document::trust(&trust, &trust)?,
        boundary: None,
        tags: Vec::new(),
        grants,
        template: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

    #[test]
    fn a_role_is_made_shown_changed_and_deleted() {
        let mut cloud = Cloud::new();
        let input = json!({"RoleName": "R", "AssumeRolePolicyDocument": TRUST, "Description": "d", "Tags": [{"Key": "k", "Value": "v"}]});
        let made = cloud.iam("CreateRole", input.clone()).unwrap();
        assert!(made["Role"]["RoleId"].as_str().unwrap().starts_with("AROA"));
        assert!(
            made["Role"]["AssumeRolePolicyDocument"]
                .as_str()
                .unwrap()
                .starts_with("%7B%22Version%22%3A%22")
        );
        let taken = cloud.refused("CreateRole", input);
        assert_eq!(
            taken,
            (
                "EntityAlreadyExists".into(),
                "Role with name R already exists.".into()
            )
        );
        cloud
            .iam(
                "UpdateRole",
                json!({"RoleName": "r", "MaxSessionDuration": 7200}),
            )
            .unwrap();
        let role = cloud.iam("GetRole", json!({"RoleName": "r"})).unwrap()["Role"].clone();
        assert_eq!(
            (&role["MaxSessionDuration"], &role["Description"]),
            (&json!(7200), &json!("d"))
        );
        assert_eq!(role["RoleLastUsed"], json!({}));
        assert_eq!(role["Tags"], json!([{"Key": "k", "Value": "v"}]));
        let listed = cloud.iam("ListRoles", json!({})).unwrap()["Roles"][0].clone();
        assert!(listed.get("Tags").is_none() && listed.get("RoleLastUsed").is_none());

        cloud
            .iam("CreateInstanceProfile", json!({"InstanceProfileName": "p"}))
            .unwrap();
        cloud
            .iam(
                "AddRoleToInstanceProfile",
                json!({"InstanceProfileName": "p", "RoleName": "R"}),
            )
            .unwrap();
        let second = cloud.refused(
            "AddRoleToInstanceProfile",
            json!({"InstanceProfileName": "p", "RoleName": "R"}),
        );
        assert_eq!(second.0, "LimitExceeded");
        let held = cloud.refused("DeleteRole", json!({"RoleName": "R"}));
        assert_eq!(
            held.1,
            "Cannot delete entity, must remove roles from instance profile first."
        );
        cloud
            .iam(
                "RemoveRoleFromInstanceProfile",
                json!({"InstanceProfileName": "p", "RoleName": "R"}),
            )
            .unwrap();
        cloud.iam("DeleteRole", json!({"RoleName": "R"})).unwrap();
        let gone = cloud.refused("GetRole", json!({"RoleName": "R"}));
        assert_eq!(
            gone,
            (
                "NoSuchEntity".into(),
                "The role with name R cannot be found.".into()
            )
        );
    }

    #[test]
    fn a_bad_trust_policy_changes_nothing() {
        let mut cloud = Cloud::new();
        cloud
            .iam(
                "CreateRole",
                json!({"RoleName": "r", "AssumeRolePolicyDocument": TRUST}),
            )
            .unwrap();
        let before = cloud.iam("GetRole", json!({"RoleName": "r"})).unwrap();
        for bad in ["", "{", "{}", super::super::bench::ALL] {
            let refused = cloud.refused(
                "UpdateAssumeRolePolicy",
                json!({"RoleName": "r", "PolicyDocument": bad}),
            );
            assert_eq!(refused.0, "MalformedPolicyDocument", "{bad}");
        }
        let principals: Vec<_> = (0..150)
            .map(|n| format!("{:012}", n + 100_000_000_000_u64))
            .collect();
        let long = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "sts:AssumeRole"}]});
        let refused = cloud.refused(
            "UpdateAssumeRolePolicy",
            json!({"RoleName": "r", "PolicyDocument": long.to_string()}),
        );
        assert_eq!(
            refused,
            (
                "LimitExceeded".into(),
                "Cannot exceed quota for ACLSizePerRole: 2048".into()
            )
        );
        assert_eq!(
            cloud.iam("GetRole", json!({"RoleName": "r"})).unwrap(),
            before
        );
    }
}
