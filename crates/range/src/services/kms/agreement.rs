//! Secrets that two sides come to have in common: DeriveSharedSecret (ECDH), Encapsulate and Decapsulate (ML-KEM).
//!
//! Owns nothing but the operations.

use serde_json::json;
use stockade_keys::{KeyError, KeyUsage};
use stockade_wire::AwsError;

use super::access::{is_dry_run, named, text};
use super::data::{blob, shown};
use super::encrypt::{current, note_use};
use super::grant_access::check_tokens;
use super::readiness::usable_for;
use super::state::Key;
use super::{attestation, errors};
use crate::call::{Call, Reply};
use crate::state::State as Range;

fn asked<'a>(range: &'a Range, call: &Call<'_>, usage: KeyUsage) -> Result<&'a Key, AwsError> {
    attestation::refuse(call)?;
    let key = named(range, call, text(call, "KeyId").unwrap_or_default())?.key;
    check_tokens(range, call)?;
    usable_for(key, usage, call.operation)?;
    Ok(key)
}

/// `DeriveSharedSecret`.
pub fn derive(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let key = asked(range, call, KeyUsage::KeyAgreement)?;
    let secret = current(range, key)?
        .agree(&blob(call, "PublicKey"))
        .map_err(|error| match error {
            KeyError::PublicKey => errors::validation(format!(
                "The public key is not a valid key of the key spec {}.",
                key.spec.name()
            )),
            other => errors::cryptography(other),
        })?;
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    note_use(range, call, key);
    Ok(Reply::of_value(json!({
        "KeyId": key.arn(),
        "SharedSecret": shown(secret.expose()),
        "KeyAgreementAlgorithm": "ECDH",
        "KeyOrigin": key.origin.name(),
    })))
}

/// `Encapsulate`.
pub fn encapsulate(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let key = asked(range, call, KeyUsage::EncapsulateDecapsulate)?;
    let made = current(range, key)?.encapsulate();
    let (ciphertext, secret) = made.map_err(errors::cryptography)?;
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    note_use(range, call, key);
    Ok(Reply::of_value(json!({
        "KeyId": key.arn(),
        "SharedSecret": shown(secret.expose()),
        "SharedSecretCiphertextBlob": shown(&ciphertext),
        "EncapsulationAlgorithm": "ML_KEM",
    })))
}

/// `Decapsulate`.
pub fn decapsulate(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let key = asked(range, call, KeyUsage::EncapsulateDecapsulate)?;
    let secret = current(range, key)?
        .decapsulate(&blob(call, "SharedSecretCiphertextBlob"))
        .map_err(errors::cryptography)?;
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    note_use(range, call, key);
    Ok(Reply::of_value(json!({
        "KeyId": key.arn(),
        "SharedSecret": shown(secret.expose()),
        "EncapsulationAlgorithm": "ML_KEM",
    })))
}
