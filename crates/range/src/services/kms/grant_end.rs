//! The end of a grant: retired by one side of it, or revoked by who administers the key.
//!
//! Owns the two ways. Who may retire is `grant_access.rs`.

use serde::Deserialize;
use stockade_wire::AwsError;

use super::access::{is_dry_run, named};
use super::errors;
use super::grants::{of_id, to_retire};
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// `RetireGrant`.
pub fn retire(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let (key, grant) = to_retire(range, call)?;
    let (place, id) = (key.place(), grant.id.clone());
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    range.kms.change(&place, |key| {
        key.grants.remove(&id);
    });
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Revoke {
    key_id: String,
    grant_id: String,
}

/// `RevokeGrant`.
pub fn revoke(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Revoke = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    let id = of_id(key, &input.grant_id)?.id.clone();
    let place = key.place();
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    range.kms.change(&place, |key| {
        key.grants.remove(&id);
    });
    Ok(Reply::empty())
}
