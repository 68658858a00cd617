//! Access keys of users and of root.
//!
//! Owns the keys themselves; checking a signature with them is the request path's.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{Secret, Timestamp};
use stockade_wire::AwsError;

use super::errors;
use super::output::{page, reply, time};
use super::scope::{self, iam, iam_mut, is_root_itself};
use super::state::State;
use crate::call::{Call, Reply};
use crate::state::State as Range;

const KEYS_PER_USER: usize = 2;

/// Whose a key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyOwner {
    /// The user with this name.
    User(String),
    /// The account's root.
    Root,
}

/// Whether a credential may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum KeyStatus {
    /// It may.
    Active,
    /// It may not, until it is made active again.
    Inactive,
}

/// An access key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessKey {
    /// `AKIA…`.
    pub id: String,
    /// The secret access key.
    #[serde(with = "stockade_model::exposed")]
    pub secret: Secret,
    /// Whether it may be used.
    pub status: KeyStatus,
    /// Whose it is.
    pub owner: KeyOwner,
    /// When it was made.
    pub created: Timestamp,
}
crate::row!(AccessKey);

impl AccessKey {
    /// The name of the user who owns it; root has none.
    pub fn user(&self) -> Option<&str> {
        match &self.owner {
            KeyOwner::User(name) => Some(name),
            KeyOwner::Root => None,
        }
    }
}

/// The owner that a call is about: the user it names, the calling user, or root itself.
fn owner(state: &State, call: &Call<'_>) -> Result<KeyOwner, AwsError> {
    if is_root_itself(call) {
        return Ok(KeyOwner::Root);
    }
    Ok(KeyOwner::User(scope::user(state, call)?.name.clone()))
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let state = iam(range, call)?;
    let owner = owner(state, call)?;
    let held = state
        .access_keys
        .values()
        .filter(|k| k.owner == owner)
        .count();
    let quota = match owner {
        KeyOwner::User(_) => "AccessKeysPerUser",
        KeyOwner::Root => "AccessKeysPerAccount",
    };
    errors::check_quota(quota, held, KEYS_PER_USER)?;
    let made = AccessKey {
        id: range.ids.access_key("AKIA", call.account()),
        secret: range.ids.secret(),
        status: KeyStatus::Active,
        owner,
        created: call.now,
    };
    let shown = json!({
        "UserName": made.user(),
        "AccessKeyId": made.id,
        "Status": made.status,
        "CreateDate": time(made.created),
    });
    let mut answer = shown.clone();
    if let Some(members) = answer.as_object_mut() {
        members.insert("SecretAccessKey".into(), made.secret.expose().into());
    }
    iam_mut(range, call)?
        .access_keys
        .insert(made.id.clone(), Arc::new(made));
    Ok(reply(json!({"AccessKey": answer})))
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let state = iam(range, call)?;
    let owner = owner(state, call)?;
    let keys = state
        .access_keys
        .values()
        .filter(|key| key.owner == owner)
        .map(|key| {
            let shown = json!({
                "UserName": key.user(),
                "AccessKeyId": key.id,
                "Status": key.status,
                "CreateDate": time(key.created),
            });
            (key.id.clone(), shown)
        });
    page(call, "AccessKeyMetadata", Value::Null, keys)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfKey {
    access_key_id: String,
}

/// The key that a call names, which must be the owner's.
fn owned<'a>(state: &'a State, call: &Call<'_>) -> Result<&'a AccessKey, AwsError> {
    let input: OfKey = call.read()?;
    let owner = owner(state, call)?;
    state
        .access_key(&input.access_key_id)
        .filter(|key| key.owner == owner)
        .ok_or_else(|| {
            errors::no_such_entity(format!(
                "The Access Key with id {} cannot be found.",
                input.access_key_id
            ))
        })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    status: String,
}

/// Reads the status that a credential is to have.
pub(super) fn read_status(text: &str) -> Result<KeyStatus, AwsError> {
    match text {
        "Active" => Ok(KeyStatus::Active),
        "Inactive" => Ok(KeyStatus::Inactive),
        other => Err(errors::invalid_input(format!(
            "The status {other} cannot be set: use Active or Inactive."
        ))),
    }
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Update = call.read()?;
    let status = read_status(&input.status)?;
    let id = owned(iam(range, call)?, call)?.id.clone();
    if let Some(key) = iam_mut(range, call)?.access_keys.get_mut(&id) {
        Arc::make_mut(key).status = status;
    }
    Ok(Reply::empty())
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let id = owned(iam(range, call)?, call)?.id.clone();
    iam_mut(range, call)?.access_keys.remove(&id);
    Ok(Reply::empty())
}

pub(super) fn last_used(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfKey = call.read()?;
    let state = iam(range, call)?;
    let Some(key) = state.access_key(&input.access_key_id) else {
        // AWS tells nobody whether a key of another account exists.
        return Err(AwsError::new(
            403,
            "AccessDenied",
            format!(
                "User: {} is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key {}",
                call.caller.arn, input.access_key_id
            ),
        ));
    };
    let used = range.account(call.account())?.usage.key(&key.id);
    Ok(reply(json!({
        "UserName": key.user(),
        "AccessKeyLastUsed": {
            "LastUsedDate": used.as_ref().map(|used| time(used.at)),
            "ServiceName": used.as_ref().map_or("N/A", |used| used.service.as_str()),
            "Region": used.as_ref().map_or("N/A", |used| used.region.as_str()),
        },
    })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn two_keys_are_the_most_and_a_strangers_key_is_not_found() {
        let mut cloud = Cloud::new();
        for name in ["a", "b"] {
            cloud.iam("CreateUser", json!({"UserName": name})).unwrap();
        }
        let made = cloud
            .iam("CreateAccessKey", json!({"UserName": "a"}))
            .unwrap();
        let id = made["AccessKey"]["AccessKeyId"].clone();
        assert_eq!(
            made["AccessKey"]["SecretAccessKey"].as_str().unwrap().len(),
            40
        );
        cloud
            .iam("CreateAccessKey", json!({"UserName": "a"}))
            .unwrap();
        let third = cloud.refused("CreateAccessKey", json!({"UserName": "a"}));
        assert_eq!(
            third,
            (
                "LimitExceeded".into(),
                "Cannot exceed quota for AccessKeysPerUser: 2".into()
            )
        );
        let strange = cloud.refused(
            "DeleteAccessKey",
            json!({"UserName": "b", "AccessKeyId": id}),
        );
        let text = format!(
            "The Access Key with id {} cannot be found.",
            id.as_str().unwrap()
        );
        assert_eq!(strange, ("NoSuchEntity".into(), text));

        cloud
            .iam(
                "UpdateAccessKey",
                json!({"UserName": "a", "AccessKeyId": id, "Status": "Inactive"}),
            )
            .unwrap();
        let keys = cloud
            .iam("ListAccessKeys", json!({"UserName": "a"}))
            .unwrap();
        let keys = keys["AccessKeyMetadata"].as_array().unwrap();
        let status = |key: &serde_json::Value| key["Status"].clone();
        let (this, other): (Vec<_>, Vec<_>) = keys.iter().partition(|key| key["AccessKeyId"] == id);
        assert_eq!(
            (status(this[0]), status(other[0])),
            (json!("Inactive"), json!("Active"))
        );
        assert!(keys.iter().all(|key| key.get("SecretAccessKey").is_none()));
    }

    #[test]
    fn a_key_that_was_never_used_says_so() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        let made = cloud
            .iam("CreateAccessKey", json!({"UserName": "a"}))
            .unwrap();
        let id = made["AccessKey"]["AccessKeyId"]
            .as_str()
            .unwrap()
            .to_owned();
        let used = cloud
            .iam("GetAccessKeyLastUsed", json!({"AccessKeyId": id}))
            .unwrap();
        assert_eq!(
            used,
            json!({
                "UserName": "a", "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"},
            })
        );
        let account = super::super::bench::ACCOUNT.parse().unwrap();
        let now = cloud.now;
        let region = "eu-west-1".parse().unwrap();
        cloud
            .range
            .account_mut(&account)
            .unwrap()
            .usage
            .record_key(&id, now, &region, "s3");
        let used = cloud
            .iam("GetAccessKeyLastUsed", json!({"AccessKeyId": id}))
            .unwrap();
        assert_eq!(
            used["AccessKeyLastUsed"],
            json!({
                "LastUsedDate": "2026-01-02T03:04:05Z", "ServiceName": "s3", "Region": "eu-west-1",
            })
        );
        let strange = cloud.refused(
            "GetAccessKeyLastUsed",
            json!({"AccessKeyId": "AKIAAAAAAAAAAAAAAAAA"}),
        );
        assert_eq!(strange.0, "AccessDenied");
    }
}
