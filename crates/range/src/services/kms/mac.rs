//! GenerateMac and VerifyMac.
//!
//! Owns nothing but the two operations.

use serde_json::json;
use stockade_keys::{KeyUsage, MacAlgorithm};
use stockade_wire::AwsError;

use super::access::{is_dry_run, named, text};
use super::data::{blob, shown};
use super::encrypt::{current, note_use};
use super::errors;
use super::grant_access::check_tokens;
use super::readiness::usable_for;
use super::state::Key;
use crate::call::{Call, Reply};
use crate::state::State as Range;

fn asked<'a>(range: &'a Range, call: &Call<'_>) -> Result<(&'a Key, MacAlgorithm), AwsError> {
    let key = named(range, call, text(call, "KeyId").unwrap_or_default())?.key;
    check_tokens(range, call)?;
    usable_for(key, KeyUsage::GenerateVerifyMac, call.operation)?;
    let name = text(call, "MacAlgorithm").unwrap_or_default();
    let algorithm = MacAlgorithm::named(name)
        .filter(|algorithm| key.spec.mac_algorithm() == Some(*algorithm))
        .ok_or_else(|| errors::incompatible(name, key.spec.name()))?;
    Ok((key, algorithm))
}

/// `GenerateMac`.
pub fn generate(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let (key, algorithm) = asked(range, call)?;
    let code = current(range, key)?.generate_mac(algorithm, &blob(call, "Message"));
    let code = code.map_err(errors::cryptography)?;
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    note_use(range, call, key);
    Ok(Reply::of_value(json!({
        "KeyId": key.arn(),
        "Mac": shown(&code),
        "MacAlgorithm": algorithm.name(),
    })))
}

/// `VerifyMac`.
pub fn verify(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let (key, algorithm) = asked(range, call)?;
    current(range, key)?
        .verify_mac(algorithm, &blob(call, "Message"), &blob(call, "Mac"))
        .map_err(errors::cryptography)?;
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    note_use(range, call, key);
    Ok(Reply::of_value(json!({
        "KeyId": key.arn(),
        "MacValid": true,
        "MacAlgorithm": algorithm.name(),
    })))
}
