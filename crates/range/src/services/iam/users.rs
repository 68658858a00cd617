//! Users: what one is, and the calls that make, show, change and delete them.
//!
//! Owns a user's identity. Its credentials and permissions have files of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Arn, Secret, Timestamp};
use stockade_wire::AwsError;

use super::access_keys::{AccessKey, KeyOwner, KeyStatus};
use super::attachments::Grants;
use super::aws_managed;
use super::boundaries;
use super::errors;
use super::login_profiles::LoginProfile;
use super::output::{UnderPath, page, reply, time};
use super::scope::{caller, iam, iam_mut, is_root_itself};
use super::service_credentials::ServiceCredential;
use super::signing_certificates::SigningCertificate;
use super::ssh_keys::SshKey;
use super::state::{State, key};
use super::tags::{self, Tag};
use crate::call::{Call, Reply};
use crate::state::State as Range;

const USERS_PER_ACCOUNT: usize = 5000;

/// A user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The name as it was given; unique without regard to case.
    pub name: String,
    /// `AIDA…`; never used again.
    pub id: String,
    /// Begins and ends with `/`.
    pub path: String,
    /// When it was made.
    pub created: Timestamp,
    /// When its password was last used, if ever.
    pub password_last_used: Option<Timestamp>,
    /// The ARN of the policy that bounds its permissions.
    pub boundary: Option<String>,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
    /// Inline and attached policies.
    pub grants: Grants,
    /// The groups that it is in, by name in lower case.
    pub groups: BTreeSet<String>,
    /// The console password, where it has one.
    pub login: Option<LoginProfile>,
    /// By certificate id.
    pub signing_certificates: BTreeMap<String, SigningCertificate>,
    /// By key id.
    pub ssh_keys: BTreeMap<String, SshKey>,
    /// By credential id.
    pub service_credentials: BTreeMap<String, ServiceCredential>,
}
crate::row!(User);

impl User {
    /// Its ARN in this account.
    pub fn arn(&self, account: &AccountId) -> Arn {
        Arn::aws(
            "iam",
            "",
            account.as_str(),
            format!("user{}{}", self.path, self.name),
        )
    }

    /// As `ListUsers` shows it: without tags and boundary.
    pub(super) fn summary(&self, account: &AccountId) -> Value {
        json!({
            "Path": self.path,
            "UserName": self.name,
            "UserId": self.id,
            "Arn": self.arn(account).to_string(),
            "CreateDate": time(self.created),
            "PasswordLastUsed": self.password_last_used.map(time),
        })
    }

    /// As `GetUser` shows it.
    pub(super) fn details(&self, account: &AccountId) -> Value {
        let mut value = self.summary(account);
        if let Some(members) = value.as_object_mut() {
            members.insert(
                "PermissionsBoundary".into(),
                boundaries::shown(self.boundary.as_deref()),
            );
            members.insert("Tags".into(), tags::shown_if_any(&self.tags));
        }
        value
    }
}

impl User {
    /// A user without credentials, permissions and tags.
    fn new(name: &str, id: String, path: &str, created: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            id,
            path: path.to_owned(),
            created,
            password_last_used: None,
            boundary: None,
            tags: Vec::new(),
            grants: Grants::default(),
            groups: BTreeSet::new(),
            login: None,
            signing_certificates: BTreeMap::new(),
            ssh_keys: BTreeMap::new(),
            service_credentials: BTreeMap::new(),
        }
    }
}

/// Adds the user `admin` with `AdministratorAccess` and this access key: how a new range gets its first caller.
pub fn add_administrator(
    range: &mut Range,
    account: &AccountId,
    access_key: &str,
    secret: Secret,
    now: Timestamp,
) -> Result<(), AwsError> {
    let mut user = User::new("admin", range.ids.unique("AIDA"), "/", now);
    user.grants
        .attached
        .insert(aws_managed::ADMINISTRATOR_ACCESS.to_owned());
    let made = AccessKey {
        id: access_key.to_owned(),
        secret,
        status: KeyStatus::Active,
        owner: KeyOwner::User(user.name.clone()),
        created: now,
    };
    // A range that begins has nothing to delay.
    let state = range
        .account_mut(account)?
        .iam
        .write(now, SignedDuration::ZERO);
    state.users.insert(key(&user.name), Arc::new(user));
    state.access_keys.insert(made.id.clone(), Arc::new(made));
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    user_name: String,
    path: Option<String>,
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let state = iam(range, call)?;
    if state.user(&input.user_name).is_some() {
        return Err(errors::already_exists(format!(
            "User with name {} already exists.",
            input.user_name
        )));
    }
    errors::check_quota("UsersPerAccount", state.users.len(), USERS_PER_ACCOUNT)?;
    if let Some(arn) = &input.permissions_boundary {
        boundaries::check(state, arn)?;
    }
    let tags = tags::merged(&[], input.tags)?;
    let path = input.path.as_deref().unwrap_or("/");
    let mut user = User::new(&input.user_name, range.ids.unique("AIDA"), path, call.now);
    user.boundary = input.permissions_boundary;
    user.tags = tags;
    let answer = json!({"User": user.details(call.account())});
    iam_mut(range, call)?
        .users
        .insert(key(&user.name), Arc::new(user));
    Ok(reply(answer))
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let state = iam(range, call)?;
    if is_root_itself(call) {
        let account = range.account(call.account())?;
        return Ok(reply(json!({"User": {
            "UserName": account.name,
            "UserId": account.id,
            "Arn": format!("arn:aws:iam::{}:root", account.id),
            "Path": "/",
            "CreateDate": time(account.created),
        }})));
    }
    let user = super::scope::user(state, call)?;
    Ok(reply(json!({"User": user.details(call.account())})))
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: UnderPath = call.read()?;
    let users = iam(range, call)?
        .users
        .iter()
        .filter(|(_, user)| input.has(&user.path))
        .map(|(key, user)| (key.clone(), user.summary(call.account())));
    page(call, "Users", Value::Null, users)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    user_name: String,
    new_path: Option<String>,
    new_user_name: Option<String>,
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Update = call.read()?;
    let state = iam(range, call)?;
    let user = state
        .user(&input.user_name)
        .ok_or_else(|| errors::no_user(&input.user_name))?;
    let old = key(&user.name);
    let name = input.new_user_name.unwrap_or_else(|| user.name.clone());
    if key(&name) != old && state.user(&name).is_some() {
        return Err(errors::already_exists(format!(
            "User with name {name} already exists."
        )));
    }
    let state = iam_mut(range, call)?;
    let Some(mut user) = state.users.remove(&old) else {
        return Err(errors::no_user(&input.user_name));
    };
    let changed = Arc::make_mut(&mut user);
    if let Some(path) = input.new_path {
        changed.path = path;
    }
    rename_credentials(state, &old, &name);
    changed.name.clone_from(&name);
    state.users.insert(key(&name), user);
    Ok(Reply::empty())
}

/// Keys and MFA devices say whose they are by name.
fn rename_credentials(state: &mut State, old: &str, new: &str) {
    state.access_keys.change_where(
        |_, held| matches!(&held.owner, KeyOwner::User(name) if key(name) == old),
        |held| Arc::make_mut(held).owner = KeyOwner::User(new.to_owned()),
    );
    state.mfa_devices.change_where(
        |_, device| device.enabled.as_ref().is_some_and(|e| key(&e.user) == old),
        |device| {
            if let Some(enabled) = &mut Arc::make_mut(device).enabled {
                new.clone_into(&mut enabled.user);
            }
        },
    );
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    user_name: String,
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Delete = call.read()?;
    let state = iam(range, call)?;
    let user = state
        .user(&input.user_name)
        .ok_or_else(|| errors::no_user(&input.user_name))?;
    let held = [
        (
            !user.grants.attached.is_empty(),
            "must detach all policies first.",
        ),
        (
            !user.grants.inline.is_empty(),
            "must delete policies first.",
        ),
        (
            !user.groups.is_empty(),
            "must remove users from group first.",
        ),
        (user.login.is_some(), "must delete login profile first."),
        (
            state.access_keys_of(&user.name).next().is_some(),
            "must delete access keys first.",
        ),
        (
            !user.signing_certificates.is_empty(),
            "must delete signing certificates first.",
        ),
        (
            !user.ssh_keys.is_empty(),
            "must delete SSH public keys first.",
        ),
        (
            !user.service_credentials.is_empty(),
            "must delete service specific credentials first.",
        ),
        (
            state.mfa_devices_of(&user.name).next().is_some(),
            "must delete MFA device first.",
        ),
    ];
    if let Some((_, first)) = held.iter().find(|(holds, _)| *holds) {
        return Err(errors::delete_conflict(first));
    }
    iam_mut(range, call)?.users.remove(&key(&input.user_name));
    Ok(Reply::empty())
}

/// The ARN of the user who calls, for calls that name none.
pub(super) fn caller_arn(state: &State, call: &Call<'_>) -> String {
    caller(state, call).map_or_else(
        || call.caller.arn.clone(),
        |user| user.arn(call.account()).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn a_user_is_made_shown_changed_and_deleted() {
        let mut cloud = Cloud::new();
        let made = cloud
            .iam("CreateUser", json!({"UserName": "Anna", "Path": "/staff/"}))
            .unwrap();
        let user = &made["User"];
        assert_eq!(user["Arn"], "arn:aws:iam::123456789012:user/staff/Anna");
        assert!(user["UserId"].as_str().unwrap().starts_with("AIDA"));
        assert_eq!(user["CreateDate"], "2026-01-02T03:04:05Z");
        assert_eq!(
            cloud.iam("GetUser", json!({"UserName": "ANNA"})).unwrap()["User"],
            *user
        );
        let taken = cloud.refused("CreateUser", json!({"UserName": "anna"}));
        assert_eq!(
            taken,
            (
                "EntityAlreadyExists".into(),
                "User with name anna already exists.".into()
            )
        );

        cloud
            .iam("CreateAccessKey", json!({"UserName": "Anna"}))
            .unwrap();
        cloud
            .iam(
                "UpdateUser",
                json!({"UserName": "Anna", "NewUserName": "Berta", "NewPath": "/"}),
            )
            .unwrap();
        let keys = cloud
            .iam("ListAccessKeys", json!({"UserName": "berta"}))
            .unwrap();
        assert_eq!(keys["AccessKeyMetadata"][0]["UserName"], "Berta");
        let gone = cloud.refused("GetUser", json!({"UserName": "Anna"}));
        assert_eq!(
            gone,
            (
                "NoSuchEntity".into(),
                "The user with name Anna cannot be found.".into()
            )
        );
    }

    #[test]
    fn a_user_that_holds_something_cannot_be_deleted() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        cloud.iam("CreateGroup", json!({"GroupName": "g"})).unwrap();
        let key = cloud
            .iam("CreateAccessKey", json!({"UserName": "a"}))
            .unwrap();
        let key = key["AccessKey"]["AccessKeyId"].clone();
        let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        cloud
            .iam(
                "AttachUserPolicy",
                json!({"UserName": "a", "PolicyArn": arn}),
            )
            .unwrap();
        cloud
            .iam("AddUserToGroup", json!({"UserName": "a", "GroupName": "g"}))
            .unwrap();
        cloud
            .iam(
                "CreateLoginProfile",
                json!({"UserName": "a", "Password": "long-enough-1"}),
            )
            .unwrap();
        let steps = [
            (
                "must detach all policies first.",
                "DetachUserPolicy",
                json!({"UserName": "a", "PolicyArn": arn}),
            ),
            (
                "must remove users from group first.",
                "RemoveUserFromGroup",
                json!({"UserName": "a", "GroupName": "g"}),
            ),
            (
                "must delete login profile first.",
                "DeleteLoginProfile",
                json!({"UserName": "a"}),
            ),
            (
                "must delete access keys first.",
                "DeleteAccessKey",
                json!({"UserName": "a", "AccessKeyId": key}),
            ),
        ];
        for (what, operation, input) in steps {
            let refused = cloud.refused("DeleteUser", json!({"UserName": "a"}));
            assert_eq!(
                refused,
                (
                    "DeleteConflict".into(),
                    format!("Cannot delete entity, {what}")
                )
            );
            cloud.iam(operation, input).unwrap();
        }
        cloud.iam("DeleteUser", json!({"UserName": "a"})).unwrap();
        assert_eq!(
            cloud.refused("DeleteUser", json!({"UserName": "a"})).0,
            "NoSuchEntity"
        );
    }

    #[test]
    fn lists_come_in_pages_that_hold_when_users_go() {
        let mut cloud = Cloud::new();
        for n in 0..7 {
            cloud
                .iam(
                    "CreateUser",
                    json!({"UserName": format!("u{n}"), "Path": "/p/"}),
                )
                .unwrap();
        }
        cloud
            .iam("CreateUser", json!({"UserName": "outside"}))
            .unwrap();
        let (mut names, mut marker) = (Vec::new(), json!(null));
        loop {
            let mut input = json!({"PathPrefix": "/p/", "MaxItems": 3});
            if !marker.is_null() {
                input["Marker"] = marker.clone();
            }
            let page = cloud.iam("ListUsers", input).unwrap();
            let users = page["Users"].as_array().unwrap();
            names.extend(
                users
                    .iter()
                    .map(|u| u["UserName"].as_str().unwrap().to_owned()),
            );
            // The user that the marker names goes between two pages.
            let last = names.last().unwrap().clone();
            cloud.iam("DeleteUser", json!({"UserName": last})).unwrap();
            if page["IsTruncated"] == false {
                assert!(page.get("Marker").is_none());
                break;
            }
            marker = page["Marker"].clone();
        }
        assert_eq!(names, ["u0", "u1", "u2", "u3", "u4", "u5", "u6"]);
        let bad = cloud.refused("ListUsers", json!({"Marker": "!!"}));
        assert_eq!(bad.0, "ValidationError");
    }

    #[test]
    fn without_a_name_the_caller_is_meant() {
        let mut cloud = Cloud::new();
        let all = serde_json::from_str(super::super::bench::ALL).unwrap();
        let anna = cloud.user_with("anna", all);
        let own = cloud.call(&anna, "iam", "GetUser", json!({})).unwrap();
        assert_eq!(own["User"]["UserName"], "anna");
        let root = cloud.iam("GetUser", json!({})).unwrap();
        assert_eq!(root["User"]["Arn"], "arn:aws:iam::123456789012:root");
    }
}
