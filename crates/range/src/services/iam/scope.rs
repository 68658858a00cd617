//! Which part of the range a handler works on: the caller's account, and the user that a call is about.
//!
//! Owns the way from a call to its entities.

use serde::Deserialize;
use stockade_policy::Principal;
use stockade_wire::AwsError;

use super::errors;
use super::state::State;
use super::users::User;
use crate::call::Call;
use crate::state::State as Range;

/// The caller's account's IAM, to read.
pub fn iam<'a>(range: &'a Range, call: &Call<'_>) -> Result<&'a State, AwsError> {
    Ok(range.account(call.account())?.iam.read())
}

/// The caller's account's IAM, to change. Only after every check: from here on it is a new version.
pub fn iam_mut<'a>(range: &'a mut Range, call: &Call<'_>) -> Result<&'a mut State, AwsError> {
    let delay = range.config.iam_delay;
    Ok(range
        .account_mut(call.account())?
        .iam
        .write(call.now, delay))
}

/// The input of calls that are about a user, the caller where it names none.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfUser {
    user_name: Option<String>,
}

/// The user that a call is about: the one it names, or the caller.
pub fn user<'a>(iam: &'a State, call: &Call<'_>) -> Result<&'a User, AwsError> {
    let input: OfUser = call.read()?;
    match input.user_name {
        Some(name) => iam.user(&name).ok_or_else(|| errors::no_user(&name)),
        None => caller(iam, call).ok_or_else(errors::must_name_user),
    }
}

/// The user who calls; none for roles and root.
pub fn caller<'a>(iam: &'a State, call: &Call<'_>) -> Option<&'a User> {
    match &call.caller.principal {
        Principal::User { user_id, .. } => iam.user_by_id(user_id),
        _ => None,
    }
}

/// Whether root calls without naming a user: then the call is about root itself.
pub fn is_root_itself(call: &Call<'_>) -> bool {
    !call.input.contains_key("UserName") && matches!(call.caller.principal, Principal::Root { .. })
}
