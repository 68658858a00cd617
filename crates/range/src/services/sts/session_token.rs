//! `GetSessionToken`: a user's own permissions, for a while.

use serde::Deserialize;
use stockade_policy::Principal;
use stockade_wire::AwsError;

use super::credentials;
use super::mfa;
use crate::call::{Call, Reply};
use crate::state::State as Range;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    duration_seconds: Option<i64>,
    serial_number: Option<String>,
    token_code: Option<String>,
}

/// Needs no permission, but long-term credentials.
pub fn token(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    let root = matches!(call.caller.principal, Principal::Root { .. });
    // Root's session lasts an hour, whatever is asked.
    let (usual, most) = if root {
        (3_600, 3_600)
    } else {
        (43_200, 129_600)
    };
    let seconds = input.duration_seconds.unwrap_or(usual).min(most);
    let mut session = credentials::session(range, call, seconds);
    let serial = input.serial_number.as_deref();
    if let Some(code) = mfa::check(range, call, serial, input.token_code.as_deref())? {
        session.mfa = true;
        code.spend(range);
    }
    let answer = credentials::issue(range, call.caller.clone(), session, call.now, None);
    Ok(Reply::from(answer))
}
