//! Sign, Verify, GetPublicKey.
//!
//! Owns what is signed: a message, or the digest that the caller made of it.

use serde_json::{Value, json};
use stockade_keys::{KeyError, KeyUsage, Message, SigningAlgorithm};
use stockade_wire::AwsError;

use super::access::{is_dry_run, named, text};
use super::data::{blob, shown};
use super::encrypt::{current, note_use};
use super::grant_access::check_tokens;
use super::readiness::{usable, usable_for};
use super::state::Key;
use super::{errors, metadata};
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// What a call signs or verifies.
struct Asked<'a> {
    key: &'a Key,
    algorithm: SigningAlgorithm,
    message: Vec<u8>,
    is_digest: bool,
}

impl Asked<'_> {
    fn message(&self) -> Message<'_> {
        match self.is_digest {
            true => Message::Digest(&self.message),
            false => Message::Raw(&self.message),
        }
    }

    fn failed(&self, error: KeyError) -> AwsError {
        match error {
            KeyError::Length => errors::validation(format!(
                "Digest is invalid length for algorithm {}.",
                self.algorithm.name()
            )),
            KeyError::Usage => errors::validation(format!(
                "MessageType DIGEST is not supported for algorithm {}.",
                self.algorithm.name()
            )),
            other => errors::cryptography(other),
        }
    }
}

fn asked<'a>(range: &'a Range, call: &Call<'_>) -> Result<Asked<'a>, AwsError> {
    let key = named(range, call, text(call, "KeyId").unwrap_or_default())?.key;
    check_tokens(range, call)?;
    usable_for(key, KeyUsage::SignVerify, call.operation)?;
    let name = text(call, "SigningAlgorithm").unwrap_or_default();
    let kind = text(call, "MessageType").unwrap_or("RAW");
    // aws-lc has neither for Rust.
    if name == "ED25519_PH_SHA_512" || kind == "EXTERNAL_MU" {
        let lacking = if kind == "EXTERNAL_MU" { kind } else { name };
        return Err(errors::unsupported(format!(
            "The range does not have {lacking} yet."
        )));
    }
    let algorithm = SigningAlgorithm::named(name)
        .filter(|algorithm| key.spec.signing_algorithms().contains(algorithm))
        .ok_or_else(|| errors::incompatible(name, key.spec.name()))?;
    Ok(Asked {
        key,
        algorithm,
        message: blob(call, "Message"),
        is_digest: kind == "DIGEST",
    })
}

/// `Sign`.
pub fn sign(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let asked = asked(range, call)?;
    let material = current(range, asked.key)?;
    let signature = material
        .sign(asked.algorithm, asked.message())
        .map_err(|error| asked.failed(error))?;
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    note_use(range, call, asked.key);
    Ok(Reply::of_value(json!({
        "KeyId": asked.key.arn(),
        "Signature": shown(&signature),
        "SigningAlgorithm": asked.algorithm.name(),
    })))
}

/// `Verify`.
pub fn verify(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let asked = asked(range, call)?;
    let material = current(range, asked.key)?;
    material
        .verify(asked.algorithm, asked.message(), &blob(call, "Signature"))
        .map_err(|error| asked.failed(error))?;
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    note_use(range, call, asked.key);
    Ok(Reply::of_value(json!({
        "KeyId": asked.key.arn(),
        "SignatureValid": true,
        "SigningAlgorithm": asked.algorithm.name(),
    })))
}

/// `GetPublicKey`.
pub fn public_key(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let key = named(range, call, text(call, "KeyId").unwrap_or_default())?.key;
    check_tokens(range, call)?;
    usable(key)?;
    if !key.spec.is_asymmetric() {
        return Err(errors::unsupported(format!(
            "{} key spec is {} which is not valid for GetPublicKey.",
            key.arn(),
            key.spec.name()
        )));
    }
    let public = current(range, key)?
        .public_key()
        .map_err(errors::cryptography)?;
    let mut answer = json!({
        "KeyId": key.arn(),
        "PublicKey": shown(&public),
        "CustomerMasterKeySpec": key.spec.name(),
        "KeySpec": key.spec.name(),
        "KeyUsage": key.usage.name(),
    });
    if let Some(members) = answer.as_object_mut() {
        let algorithms = metadata::algorithms(key);
        members.extend(
            algorithms
                .into_iter()
                .map(|(name, value): (&str, Value)| (name.to_owned(), value)),
        );
    }
    Ok(Reply::of_value(answer))
}
