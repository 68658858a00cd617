//! Instance profiles: how a role gets to an instance.
//!
//! Owns the profile and the one role in it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Arn, Timestamp};
use stockade_wire::AwsError;

use super::errors;
use super::output::{UnderPath, page, reply, time};
use super::roles;
use super::scope::{iam, iam_mut};
use super::state::{State, key};
use super::tags::{self, Tag};
use crate::call::{Call, Reply};
use crate::state::State as Range;

const PROFILES_PER_ACCOUNT: usize = 1000;

/// An instance profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceProfile {
    /// The name as it was given; unique without regard to case.
    pub name: String,
    /// `AIPA…`.
    pub id: String,
    /// Begins and ends with `/`.
    pub path: String,
    /// When it was made.
    pub created: Timestamp,
    /// The role in it, by name in lower case.
    pub role: Option<String>,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
}
crate::row!(InstanceProfile);

impl InstanceProfile {
    /// Its ARN in this account.
    pub fn arn(&self, account: &AccountId) -> Arn {
        let resource = format!("instance-profile{}{}", self.path, self.name);
        Arn::aws("iam", "", account.as_str(), resource)
    }

    /// As lists show it: without tags.
    pub(super) fn summary(&self, range: &Range, state: &State, account: &AccountId) -> Value {
        let role = self.role.as_ref().and_then(|name| state.roles.get(name));
        let roles: Vec<_> = role
            .map(|role| role.identity(range, account))
            .into_iter()
            .collect();
        json!({
            "Path": self.path,
            "InstanceProfileName": self.name,
            "InstanceProfileId": self.id,
            "Arn": self.arn(account).to_string(),
            "CreateDate": time(self.created),
            "Roles": roles,
        })
    }

    fn details(&self, range: &Range, state: &State, account: &AccountId) -> Value {
        let mut value = self.summary(range, state, account);
        if let Some(members) = value.as_object_mut() {
            members.insert("Tags".into(), tags::shown(&self.tags));
        }
        value
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfProfile {
    instance_profile_name: String,
    path: Option<String>,
    role_name: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

fn named<'a>(state: &'a State, name: &str) -> Result<&'a InstanceProfile, AwsError> {
    state
        .instance_profiles
        .get(&key(name))
        .map(Arc::as_ref)
        .ok_or_else(|| errors::no_instance_profile(name))
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfProfile = call.read()?;
    let state = iam(range, call)?;
    let name = input.instance_profile_name;
    if state.instance_profiles.contains_key(&key(&name)) {
        return Err(errors::already_exists(format!(
            "Instance Profile {name} already exists."
        )));
    }
    let used = state.instance_profiles.len();
    errors::check_quota("InstanceProfilesPerAccount", used, PROFILES_PER_ACCOUNT)?;
    let tags = tags::merged_by_case(&[], input.tags)?;
    let profile = InstanceProfile {
        id: range.ids.unique("AIPA"),
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        created: call.now,
        role: None,
        tags,
        name,
    };
    let mut answer = profile.summary(range, iam(range, call)?, call.account());
    if let Some(members) = answer.as_object_mut() {
        members.insert("Tags".into(), tags::shown_if_any(&profile.tags));
    }
    iam_mut(range, call)?
        .instance_profiles
        .insert(key(&profile.name), Arc::new(profile));
    Ok(reply(json!({"InstanceProfile": answer})))
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfProfile = call.read()?;
    let state = iam(range, call)?;
    let profile = named(state, &input.instance_profile_name)?;
    Ok(reply(
        json!({"InstanceProfile": profile.details(range, state, call.account())}),
    ))
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: UnderPath = call.read()?;
    let state = iam(range, call)?;
    let profiles = state
        .instance_profiles
        .iter()
        .filter(|(_, profile)| input.has(&profile.path))
        .map(|(key, profile)| (key.clone(), profile.summary(range, state, call.account())));
    page(call, "InstanceProfiles", Value::Null, profiles)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfRole {
    role_name: String,
}

pub(super) fn list_for_role(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfRole { role_name } = call.read()?;
    let state = iam(range, call)?;
    let role = key(&roles::named(state, &role_name)?.name);
    let profiles = state
        .instance_profiles
        .iter()
        .filter(|(_, profile)| profile.role.as_ref() == Some(&role))
        .map(|(key, profile)| (key.clone(), profile.summary(range, state, call.account())));
    page(call, "InstanceProfiles", Value::Null, profiles)
}

/// The profile and the role of a call, by their names in lower case; both must exist.
fn pair(state: &State, input: &OfProfile) -> Result<(String, String), AwsError> {
    let profile = named(state, &input.instance_profile_name)?;
    let role = roles::named(state, input.role_name.as_deref().unwrap_or_default())?;
    role.check_modifiable()?;
    Ok((key(&profile.name), key(&role.name)))
}

pub(super) fn add_role(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfProfile = call.read()?;
    let state = iam(range, call)?;
    let (profile, role) = pair(state, &input)?;
    if named(state, &profile)?.role.is_some() {
        return Err(errors::limit_exceeded(
            "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
        ));
    }
    if let Some(profile) = iam_mut(range, call)?.instance_profiles.get_mut(&profile) {
        Arc::make_mut(profile).role = Some(role);
    }
    Ok(Reply::empty())
}

pub(super) fn remove_role(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfProfile = call.read()?;
    let state = iam(range, call)?;
    let (profile, role) = pair(state, &input)?;
    if named(state, &profile)?.role.as_ref() != Some(&role) {
        return Err(errors::no_role(&role));
    }
    if let Some(profile) = iam_mut(range, call)?.instance_profiles.get_mut(&profile) {
        Arc::make_mut(profile).role = None;
    }
    Ok(Reply::empty())
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfProfile = call.read()?;
    let profile = named(iam(range, call)?, &input.instance_profile_name)?;
    if profile.role.is_some() {
        return Err(errors::delete_conflict(
            "must remove roles from instance profile first.",
        ));
    }
    let name = key(&profile.name);
    iam_mut(range, call)?.instance_profiles.remove(&name);
    Ok(Reply::empty())
}
