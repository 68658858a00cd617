//! Who is calling, and whose a key is.

use serde::Deserialize;
use serde_json::json;
use stockade_wire::AwsError;

use crate::call::{Call, Reply};
use crate::ids::account_of;
use crate::state::State as Range;

/// `GetCallerIdentity`: needs no permission, and no policy can take it away.
pub fn caller(_: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let caller = call.caller;
    Ok(Reply::of_value(
        json!({"UserId": caller.user_id, "Account": caller.account.as_str(), "Arn": caller.arn}),
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyInfo {
    access_key_id: String,
}

/// `GetAccessKeyInfo`: the account of a key, whether or not the key is any good.
pub fn access_key_info(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: KeyInfo = call.read()?;
    let id = &input.access_key_id;
    let temporary = range.sts.find(id).map(|issued| &issued.caller.account);
    let owner = temporary.or_else(|| {
        range
            .accounts
            .values()
            .find(|account| account.iam.read().access_key(id).is_some())
            .map(|account| &account.id)
    });
    // An id that is not this range's tells its account too.
    match owner.cloned().or_else(|| account_of(id)) {
        Some(account) => Ok(Reply::of_value(json!({"Account": account.as_str()}))),
        None => Err(AwsError::new(
            400,
            "ValidationError",
            "The access key ID provided is not valid.",
        )),
    }
}
