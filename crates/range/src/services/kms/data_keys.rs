//! Data keys and data key pairs, with and without their plaintext; random bytes.
//!
//! Owns what a caller gets of them.

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_keys::{EncryptionAlgorithm, Hidden, KeySpec, KeyUsage, Material, fill};
use stockade_wire::AwsError;

use super::access::{is_dry_run, named, text};
use super::data::shown;
use super::encrypt::{Sealed, context, note_use, seal, with_material};
use super::grant_access::check_tokens;
use super::readiness::usable_for;
use super::state::Key;
use super::{attestation, errors};
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// The key under which a data key is to be: a symmetric one that can be used.
fn wrapping<'a>(range: &'a Range, call: &Call<'_>) -> Result<&'a Key, AwsError> {
    attestation::refuse(call)?;
    let key = named(range, call, text(call, "KeyId").unwrap_or_default())?.key;
    check_tokens(range, call)?;
    usable_for(key, KeyUsage::EncryptDecrypt, call.operation)?;
    if key.spec != KeySpec::Symmetric {
        return Err(errors::of(
            "InvalidKeyUsageException",
            format!(
                "{} key spec is {} which is not valid for {}.",
                key.arn(),
                key.spec.name(),
                call.operation
            ),
        ));
    }
    Ok(key)
}

fn wrapped(
    range: &Range,
    call: &Call<'_>,
    key: &Key,
    plaintext: &[u8],
) -> Result<Sealed, AwsError> {
    let context = context(call, "EncryptionContext", key)?;
    let sealed = seal(
        range,
        key,
        EncryptionAlgorithm::Symmetric,
        &context,
        plaintext,
    )?;
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    note_use(range, call, key);
    Ok(sealed)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Generate {
    key_spec: Option<String>,
    number_of_bytes: Option<usize>,
}

/// So many bytes that nobody knows.
///
/// # Errors
/// `KMSInternalException`.
pub fn random(length: usize) -> Result<Hidden, AwsError> {
    let mut bytes = vec![0; length];
    fill(&mut bytes).map_err(errors::cryptography)?;
    Ok(Hidden::new(bytes))
}

/// `GenerateDataKey`.
pub fn generate(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    data_key(range, call, true)
}

/// `GenerateDataKeyWithoutPlaintext`.
pub fn generate_without_plaintext(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    data_key(range, call, false)
}

fn data_key(range: &Range, call: &Call<'_>, with_plaintext: bool) -> Result<Reply, AwsError> {
    let input: Generate = call.read()?;
    let length = match (input.key_spec.as_deref(), input.number_of_bytes) {
        (Some("AES_128"), None) => 16,
        (Some(_), None) => 32,
        (None, Some(length)) => length,
        _ => {
            return Err(errors::validation(
                "Please specify either number of bytes or key spec.",
            ));
        }
    };
    let key = wrapping(range, call)?;
    let plaintext = random(length)?;
    let sealed = wrapped(range, call, key, plaintext.expose())?;
    let mut answer = json!({
        "CiphertextBlob": shown(&sealed.bytes),
        "KeyId": key.arn(),
    });
    if let (true, Some(members)) = (with_plaintext, answer.as_object_mut()) {
        members.insert("Plaintext".to_owned(), shown(plaintext.expose()));
    }
    Ok(with_material(answer, key, &sealed.material, true))
}

/// `GenerateDataKeyPair`.
pub fn generate_pair(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    pair(range, call, true)
}

/// `GenerateDataKeyPairWithoutPlaintext`.
pub fn generate_pair_without_plaintext(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    pair(range, call, false)
}

fn pair(range: &Range, call: &Call<'_>, with_plaintext: bool) -> Result<Reply, AwsError> {
    let name = text(call, "KeyPairSpec").unwrap_or_default();
    let key = wrapping(range, call)?;
    let spec = KeySpec::named(name).filter(|spec| spec.is_asymmetric());
    let spec = spec.ok_or_else(|| {
        errors::unsupported(format!(
            "KeyPairSpec {name} is not supported in this region."
        ))
    })?;
    let made = Material::generate(spec).map_err(errors::cryptography)?;
    let private = made.bytes();
    let public = made.public_key().map_err(errors::cryptography)?;
    let sealed = wrapped(range, call, key, private.expose())?;
    let mut answer = json!({
        "PrivateKeyCiphertextBlob": shown(&sealed.bytes),
        "PublicKey": shown(&public),
        "KeyId": key.arn(),
        "KeyPairSpec": name,
    });
    if let (true, Some(members)) = (with_plaintext, answer.as_object_mut()) {
        let plaintext = shown(private.expose());
        members.insert("PrivateKeyPlaintext".to_owned(), plaintext);
    }
    Ok(with_material(answer, key, &sealed.material, true))
}

/// `GenerateRandom`.
pub fn generate_random(_: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    attestation::refuse(call)?;
    if let Some(store) = text(call, "CustomKeyStoreId") {
        return Err(errors::no_store(store));
    }
    let length = call.input.get("NumberOfBytes").and_then(Value::as_u64);
    let length = length.and_then(|length| usize::try_from(length).ok());
    let length = length.ok_or_else(|| errors::validation("NumberOfBytes is required."))?;
    let bytes = random(length)?;
    Ok(Reply::of_value(json!({"Plaintext": shown(bytes.expose())})))
}
