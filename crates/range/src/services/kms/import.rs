//! Material that comes from outside: the parameters for its way, its arrival, its removal.
//!
//! Owns the import token, which is the private half of the wrapping pair, sealed under the root key with all that it is for: nothing
//! of it is kept in the state.

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_keys::import::{Wrapping, unwrap};
use stockade_keys::spec::RsaLength;
use stockade_keys::{KeySpec, Material};
use stockade_model::Timestamp;
use stockade_wire::AwsError;

use super::access::{named, text};
use super::data::{blob, shown};
use super::errors;
use super::readiness::not_going;
use super::state::{KeptMaterial, Key, Origin, Standing};
use super::vault::Vault;
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// How long import parameters are good for.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);
/// The farthest off that material may expire.
const FARTHEST: SignedDuration = SignedDuration::from_hours(365 * 24);

fn importable<'a>(range: &'a Range, call: &Call<'_>) -> Result<&'a Key, AwsError> {
    let key = named(range, call, text(call, "KeyId").unwrap_or_default())?.key;
    if key.origin != Origin::External {
        return Err(errors::unsupported(format!(
            "{} origin is {} which is not valid for this operation.",
            key.arn(),
            key.origin.name()
        )));
    }
    not_going(key)?;
    Ok(key)
}

/// `GetParametersForImport`.
pub fn parameters(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let key = importable(range, call)?;
    let wrapping = text(call, "WrappingAlgorithm").unwrap_or_default();
    let spec = text(call, "WrappingKeySpec").unwrap_or_default();
    let refused = || {
        errors::validation(format!(
            "The wrapping algorithm {wrapping} with a wrapping key of {spec} is not supported for the key spec {}.",
            key.spec.name()
        ))
    };
    let length = match spec {
        "RSA_2048" => RsaLength::L2048,
        "RSA_3072" => RsaLength::L3072,
        "RSA_4096" => RsaLength::L4096,
        _ => return Err(refused()),
    };
    let wrapping = Wrapping::named(wrapping)
        .filter(|wrapping| wrapping.carries(key.spec, length))
        .ok_or_else(refused)?;
    let pair = Material::generate(KeySpec::Rsa(length)).map_err(errors::cryptography)?;
    let valid_to = call.now.checked_add(GOOD_FOR).unwrap_or(call.now);
    let ticket = Ticket {
        key: key.arn(),
        valid_to,
        wrapping: wrapping.name().to_owned(),
        pair: KeySpec::Rsa(length),
    };
    let token = ticket.token(&range.kms.vault, &pair)?;
    let public = pair.public_key().map_err(errors::cryptography)?;
    Ok(Reply::of_value(json!({
        "KeyId": key.arn(),
        "ImportToken": shown(&token),
        "PublicKey": shown(&public),
        "ParametersValidTo": valid_to.to_string(),
    })))
}

/// What an import token is for.
#[derive(Debug, Clone, PartialEq, serde::Serialize, Deserialize)]
struct Ticket {
    key: String,
    valid_to: Timestamp,
    wrapping: String,
    pair: KeySpec,
}

impl Ticket {
    /// The token: what it is for, a zero, and the sealed pair, which opens only with the same words before it.
    fn token(&self, vault: &Vault, pair: &Material) -> Result<Vec<u8>, AwsError> {
        let words = json!(self).to_string();
        let sealed = vault.root()?.seal(&words, pair);
        let sealed = sealed.map_err(errors::cryptography)?;
        Ok([words.as_bytes(), &[0], &sealed].concat())
    }

    fn of_token(vault: &Vault, token: &[u8]) -> Result<(Self, Material), AwsError> {
        let invalid = || errors::of("InvalidImportTokenException", "");
        let end = token.iter().position(|byte| *byte == 0);
        let end = end.ok_or_else(invalid)?;
        let (words, sealed) = token.split_at_checked(end).ok_or_else(invalid)?;
        let words = std::str::from_utf8(words).map_err(|_| invalid())?;
        let ticket: Self = serde_json::from_str(words).map_err(|_| invalid())?;
        let sealed = sealed.get(1..).unwrap_or_default();
        let pair = vault.root()?.open(words, ticket.pair, sealed);
        Ok((ticket, pair.map_err(|_| invalid())?))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Import {
    valid_to: Option<Timestamp>,
    expiration_model: Option<String>,
    import_type: Option<String>,
    key_material_description: Option<String>,
    key_material_id: Option<String>,
}

/// `ImportKeyMaterial`.
pub fn import(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Import = call.read()?;
    let key = importable(range, call)?;
    let expires = expiry(&input, call.now)?;
    let (ticket, pair) = Ticket::of_token(&range.kms.vault, &blob(call, "ImportToken"))?;
    if ticket.key != key.arn() {
        return Err(errors::of("InvalidImportTokenException", ""));
    }
    if ticket.valid_to <= call.now {
        return Err(errors::of("ExpiredImportTokenException", ""));
    }
    let wrapping = Wrapping::named(&ticket.wrapping).ok_or_else(errors::internal)?;
    let wrapped = blob(call, "EncryptedKeyMaterial");
    let material = unwrap(&pair, wrapping, key.spec, &wrapped).map_err(errors::cryptography)?;
    let print = range.kms.vault.root()?.fingerprint(&key.id, &material);
    let id = hex::encode(print);
    let incorrect = || {
        errors::of(
            "IncorrectKeyMaterialException",
            "The key material in the request is not the key material that was imported into this KMS key before.",
        )
    };
    if input.key_material_id.as_ref().is_some_and(|own| *own != id) {
        return Err(incorrect());
    }
    let known = key.materials.iter().any(|kept| kept.id == id);
    let is_new = match input.import_type.as_deref() {
        Some("NEW_KEY_MATERIAL") => true,
        Some(_) => false,
        None => key.materials.is_empty(),
    };
    match (is_new, known) {
        (false, false) => return Err(incorrect()),
        (true, true) => {
            return Err(errors::of(
                "IncorrectKeyMaterialException",
                "The key material in the request is already imported into this KMS key.",
            ));
        }
        (true, false) => check_room(key)?,
        (false, true) => {}
    }
    let sealed = range.kms.vault.seal(&key.id, &id, &material)?;
    let standing = match key.materials.is_empty() {
        true => Standing::Current,
        false => Standing::Waiting,
    };
    let (place, answer) = (key.place(), answer(key, &id));
    range.kms.change(&place, |key| {
        if is_new {
            key.materials.push(KeptMaterial {
                id,
                sealed: Some(sealed),
                standing,
                rotated: None,
                expires,
                description: input.key_material_description,
            });
            return;
        }
        if let Some(kept) = key.materials.iter_mut().find(|kept| kept.id == id) {
            kept.sealed = Some(sealed);
            kept.expires = expires;
            if input.key_material_description.is_some() {
                kept.description = input.key_material_description;
            }
        }
    });
    Ok(Reply::of_value(answer))
}

/// Only symmetric keys take more than one material, and one at a time waits for its rotation.
fn check_room(key: &Key) -> Result<(), AwsError> {
    if key.materials.is_empty() {
        return Ok(());
    }
    if key.spec != KeySpec::Symmetric || key.multi_region.is_some() {
        return Err(errors::unsupported(format!(
            "{} does not support more than one key material.",
            key.arn()
        )));
    }
    let waits = |kept: &KeptMaterial| kept.standing == Standing::Waiting;
    if key.materials.iter().any(waits) {
        return Err(errors::invalid_state(
            &key.arn(),
            "pending rotation to key material that was imported already",
        ));
    }
    Ok(())
}

fn answer(key: &Key, material: &str) -> Value {
    let mut answer = json!({"KeyId": key.arn()});
    if let (KeySpec::Symmetric, Some(members)) = (key.spec, answer.as_object_mut()) {
        members.insert("KeyMaterialId".to_owned(), material.into());
    }
    answer
}

/// When the material is to go, held to what it may be.
fn expiry(input: &Import, now: Timestamp) -> Result<Option<Timestamp>, AwsError> {
    let expires = input.expiration_model.as_deref() != Some("KEY_MATERIAL_DOES_NOT_EXPIRE");
    match (expires, input.valid_to) {
        (true, None) => Err(errors::validation(
            "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
        )),
        (false, Some(_)) => Err(errors::validation(
            "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
        )),
        (true, Some(at)) if at <= now => Err(errors::validation(
            "The validTo date must be in the future.",
        )),
        (true, Some(at)) if at.duration_since(now) > FARTHEST => Err(errors::validation(
            "The validTo date must be within 365 days of the request.",
        )),
        (true, Some(at)) => Ok(Some(at)),
        (false, None) => Ok(None),
    }
}

/// `DeleteImportedKeyMaterial`: the key waits for the same material again.
pub fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let key = importable(range, call)?;
    let named = text(call, "KeyMaterialId");
    let kept = match named {
        Some(id) => {
            let kept = key.materials.iter().find(|kept| kept.id == id);
            let kept = kept.ok_or_else(|| {
                errors::not_found(format!("Key material {id} does not exist in {}", key.arn()))
            })?;
            Some(kept)
        }
        None => key.current(),
    };
    // Where there is none, there is nothing to do.
    let Some(kept) = kept else {
        return Ok(Reply::of_value(json!({"KeyId": key.arn()})));
    };
    let (place, id, key_id) = (key.place(), kept.id.clone(), key.id.clone());
    let answer = answer(key, &id);
    range.kms.change(&place, |key| forget(key, &id));
    range.kms.vault.close(&key_id);
    Ok(Reply::of_value(answer))
}

/// Takes material out of a key. What ciphertexts were made by stays known by its id.
pub fn forget(key: &mut Key, id: &str) {
    key.materials
        .retain(|kept| kept.id != id || kept.standing != Standing::Waiting);
    if let Some(kept) = key.materials.iter_mut().find(|kept| kept.id == id) {
        kept.sealed = None;
        kept.expires = None;
    }
}
