//! Credentials of users for one service each: CodeCommit over HTTPS, Keyspaces, Bedrock.
//!
//! Owns the credentials. Nothing in the range signs in with them; a responder must still find and stop them.

use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{Secret, Timestamp};
use stockade_wire::AwsError;

use super::access_keys::{KeyStatus, read_status};
use super::errors;
use super::output::{page, reply, time};
use super::scope::{self, iam, iam_mut};
use super::state::{State, key};
use super::users::User;
use crate::call::{Call, Reply};
use crate::state::State as Range;

const PER_SERVICE_AND_USER: usize = 2;
const BEDROCK: &str = "bedrock.amazonaws.com";
const SERVICES: [&str; 3] = [
    "codecommit.amazonaws.com",
    "cassandra.amazonaws.com",
    BEDROCK,
];

/// A service-specific credential.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceCredential {
    /// `ACCA…`.
    pub id: String,
    /// As in `codecommit.amazonaws.com`.
    pub service: String,
    /// The name to sign in with, or Bedrock's alias.
    pub user_name: String,
    /// The password, or Bedrock's API key.
    #[serde(with = "stockade_model::exposed")]
    pub password: Secret,
    /// Whether it may be used.
    pub status: KeyStatus,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
}

impl ServiceCredential {
    /// As lists and the trail show it: without the password.
    fn summary(&self, user: &str) -> Value {
        let (name, alias) = match self.service == BEDROCK {
            true => (None, Some(&self.user_name)),
            false => (Some(&self.user_name), None),
        };
        json!({
            "UserName": user,
            "Status": self.status,
            "ServiceUserName": name,
            "ServiceCredentialAlias": alias,
            "CreateDate": time(self.created),
            "ExpirationDate": self.expires.map(time),
            "ServiceSpecificCredentialId": self.id,
            "ServiceName": self.service,
        })
    }

    /// The one answer that carries the password, whose record does not.
    fn reply(&self, user: &str) -> Reply {
        let shown = self.summary(user);
        let mut answer = shown.clone();
        if let Some(members) = answer.as_object_mut() {
            let member = match self.service == BEDROCK {
                true => "ServiceCredentialSecret",
                false => "ServicePassword",
            };
            members.insert(member.to_owned(), self.password.expose().into());
        }
        reply(json!({"ServiceSpecificCredential": answer}))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    service_name: String,
    credential_age_days: Option<i64>,
}

fn check_service(name: &str) -> Result<(), AwsError> {
    if SERVICES.contains(&name) {
        return Ok(());
    }
    Err(AwsError::new(
        404,
        "NotSupportedService",
        format!("No such service {name} is supported for Service Specific Credentials"),
    ))
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let user = scope::user(iam(range, call)?, call)?.clone();
    check_service(&input.service_name)?;
    let held = user
        .service_credentials
        .values()
        .filter(|c| c.service == input.service_name)
        .count();
    errors::check_quota(
        "ServiceSpecificCredentialsPerUser",
        held,
        PER_SERVICE_AND_USER,
    )?;
    let expires = input.credential_age_days.and_then(|days| {
        call.now
            .checked_add(SignedDuration::from_hours(24 * days))
            .ok()
    });
    let suffix = match held {
        0 => String::new(),
        n => format!("+{n}"),
    };
    let credential = ServiceCredential {
        id: range.ids.unique("ACCA"),
        user_name: format!("{}{suffix}-at-{}", user.name, call.account()),
        service: input.service_name,
        password: range.ids.secret(),
        status: KeyStatus::Active,
        created: call.now,
        expires,
    };
    let answer = credential.reply(&user.name);
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&key(&user.name)) {
        Arc::make_mut(user)
            .service_credentials
            .insert(credential.id.clone(), credential);
    }
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    user_name: Option<String>,
    service_name: Option<String>,
    #[serde(default)]
    all_users: bool,
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: List = call.read()?;
    let state = iam(range, call)?;
    if let Some(service) = &input.service_name {
        check_service(service)?;
    }
    let users: Vec<&User> = match input.all_users && input.user_name.is_none() {
        true => state.users.values().map(Arc::as_ref).collect(),
        false => vec![scope::user(state, call)?],
    };
    let found = users.into_iter().flat_map(|user| {
        let wanted =
            |c: &&ServiceCredential| input.service_name.as_ref().is_none_or(|s| *s == c.service);
        let shown = |c: &ServiceCredential| {
            (
                format!("{}/{}", key(&user.name), c.id),
                c.summary(&user.name),
            )
        };
        user.service_credentials
            .values()
            .filter(wanted)
            .map(shown)
            .collect::<Vec<_>>()
    });
    page(call, "ServiceSpecificCredentials", Value::Null, found)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfCredential {
    service_specific_credential_id: String,
    status: Option<String>,
}

/// The name of the call's user, who must hold the credential.
fn holder(state: &State, call: &Call<'_>, id: &str) -> Result<String, AwsError> {
    let user = scope::user(state, call)?;
    if user.service_credentials.contains_key(id) {
        return Ok(key(&user.name));
    }
    Err(errors::no_such_entity(format!(
        "The Service Specific Credential with id {id} cannot be found."
    )))
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfCredential = call.read()?;
    let id = &input.service_specific_credential_id;
    let name = holder(iam(range, call)?, call, id)?;
    let status = read_status(input.status.as_deref().unwrap_or_default())?;
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&name)
        && let Some(credential) = Arc::make_mut(user).service_credentials.get_mut(id)
    {
        credential.status = status;
    }
    Ok(Reply::empty())
}

pub(super) fn reset(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfCredential = call.read()?;
    let id = &input.service_specific_credential_id;
    let name = holder(iam(range, call)?, call, id)?;
    let password = range.ids.secret();
    let changed = iam_mut(range, call)?.users.get_mut(&name).and_then(|user| {
        let user = Arc::make_mut(user);
        let credential = user.service_credentials.get_mut(id)?;
        credential.password = password;
        Some(credential.reply(&user.name))
    });
    Ok(changed.unwrap_or_else(Reply::empty))
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfCredential = call.read()?;
    let id = &input.service_specific_credential_id;
    let name = holder(iam(range, call)?, call, id)?;
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&name) {
        Arc::make_mut(user).service_credentials.remove(id);
    }
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn the_password_is_shown_once_and_reset_makes_another() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        let input = json!({"UserName": "a", "ServiceName": "codecommit.amazonaws.com"});
        let made = cloud
            .iam("CreateServiceSpecificCredential", input.clone())
            .unwrap()["ServiceSpecificCredential"]
            .clone();
        assert_eq!(made["ServiceUserName"], "a-at-123456789012");
        let id = made["ServiceSpecificCredentialId"].clone();
        let second = cloud
            .iam("CreateServiceSpecificCredential", input.clone())
            .unwrap();
        assert_eq!(
            second["ServiceSpecificCredential"]["ServiceUserName"],
            "a+1-at-123456789012"
        );
        assert_eq!(
            cloud.refused("CreateServiceSpecificCredential", input).0,
            "LimitExceeded"
        );
        let unknown = cloud.refused(
            "CreateServiceSpecificCredential",
            json!({"UserName": "a", "ServiceName": "x.amazonaws.com"}),
        );
        assert_eq!(unknown.0, "NotSupportedService");
        let one = json!({"UserName": "a", "ServiceSpecificCredentialId": id});
        let reset = cloud
            .iam("ResetServiceSpecificCredential", one.clone())
            .unwrap();
        assert_ne!(
            reset["ServiceSpecificCredential"]["ServicePassword"],
            made["ServicePassword"]
        );
        let off = json!({"UserName": "a", "ServiceSpecificCredentialId": id, "Status": "Inactive"});
        cloud.iam("UpdateServiceSpecificCredential", off).unwrap();
        let listed = cloud
            .iam("ListServiceSpecificCredentials", json!({"UserName": "a"}))
            .unwrap();
        let listed = listed["ServiceSpecificCredentials"].as_array().unwrap();
        assert!(
            listed
                .iter()
                .all(|one| one.get("ServicePassword").is_none())
        );
        assert!(
            listed
                .iter()
                .any(|one| one["ServiceSpecificCredentialId"] == id && one["Status"] == "Inactive")
        );
        cloud
            .iam("DeleteServiceSpecificCredential", one.clone())
            .unwrap();
        assert_eq!(
            cloud.refused("DeleteServiceSpecificCredential", one).0,
            "NoSuchEntity"
        );
    }
}
