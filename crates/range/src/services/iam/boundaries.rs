//! Permissions boundaries of users and roles.
//!
//! Owns which policies may bound, and the four calls that set and remove a boundary.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::attachments::{Holder, check_arn};
use super::errors;
use super::scope::{iam, iam_mut};
use super::state::{State, key};
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// A boundary as answers show it; null where there is none.
pub(super) fn shown(arn: Option<&str>) -> Value {
    arn.map_or(
        Value::Null,
        |arn| json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}),
    )
}

/// Refuses what is no policy that may bound.
pub(super) fn check(state: &State, arn: &str) -> Result<(), AwsError> {
    check_arn(arn)?;
    if state.managed_document(arn).is_none() {
        return Err(errors::no_such_entity(format!(
            "Scope ARN: {arn} does not exist or is not attachable."
        )));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    permissions_boundary: Option<String>,
}

/// Sets the boundary that the call names, or removes it where it names none.
fn set(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let Put {
        permissions_boundary: boundary,
    } = call.read()?;
    let holder = Holder::of(call)?;
    let state = iam(range, call)?;
    holder.changeable(state)?;
    if let Some(arn) = &boundary {
        check(state, arn)?;
    }
    let state = iam_mut(range, call)?;
    let name = key(holder.name());
    match holder {
        Holder::User(_) => {
            if let Some(user) = state.users.get_mut(&name) {
                Arc::make_mut(user).boundary = boundary;
            }
        }
        Holder::Role(_) => {
            if let Some(role) = state.roles.get_mut(&name) {
                Arc::make_mut(role).boundary = boundary;
            }
        }
        Holder::Group(_) => {}
    }
    Ok(Reply::empty())
}

/// The boundary that a user or role has.
pub(super) fn current<'a>(state: &'a State, holder: &Holder) -> Option<&'a str> {
    match holder {
        Holder::User(name) => state.user(name)?.boundary.as_deref(),
        Holder::Role(name) => state.role(name)?.boundary.as_deref(),
        Holder::Group(_) => None,
    }
}

pub(super) fn put(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    set(range, call)
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    set(range, call)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn a_boundary_bounds_even_an_administrator() {
        let mut cloud = Cloud::new();
        let all = serde_json::from_str(super::super::bench::ALL).unwrap();
        let anna = cloud.user_with("anna", all);
        assert!(cloud.call(&anna, "iam", "ListUsers", json!({})).is_ok());
        let boundary = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
        let put = json!({"UserName": "anna", "PermissionsBoundary": boundary});
        cloud.iam("PutUserPermissionsBoundary", put).unwrap();
        let refused = cloud
            .call(&anna, "iam", "ListUsers", json!({}))
            .unwrap_err();
        assert!(
            refused.message.contains("permissions boundary"),
            "{}",
            refused.message
        );
        let user = cloud.iam("GetUser", json!({"UserName": "anna"})).unwrap();
        assert_eq!(
            user["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"],
            boundary
        );
        let policy = cloud
            .iam("GetPolicy", json!({"PolicyArn": boundary}))
            .unwrap();
        assert_eq!(policy["Policy"]["PermissionsBoundaryUsageCount"], 1);
        cloud
            .iam("DeleteUserPermissionsBoundary", json!({"UserName": "anna"}))
            .unwrap();
        assert!(cloud.call(&anna, "iam", "ListUsers", json!({})).is_ok());
        let none =
            json!({"UserName": "anna", "PermissionsBoundary": "arn:aws:iam::aws:policy/None"});
        assert_eq!(
            cloud.refused("PutUserPermissionsBoundary", none).0,
            "NoSuchEntity"
        );
    }
}
