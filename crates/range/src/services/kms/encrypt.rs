//! Encrypt, Decrypt, ReEncrypt.
//!
//! Owns which key and which of its material a ciphertext goes with. The cryptography is `stockade_keys`'s.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use stockade_keys::{
    Blob, EncryptionAlgorithm, EncryptionContext, Hidden, KeyError, KeySpec, KeyUsage, Material,
};
use stockade_wire::AwsError;

use super::access::{self, ciphertext_key, ignores_ciphertext, is_dry_run, named, text};
use super::data::{blob, shown};
use super::grant_access::check_tokens;
use super::readiness::usable_for;
use super::state::{KeptMaterial, Key};
use super::vault::Use;
use super::{attestation, errors};
use crate::call::{Call, RecordExtras, Reply};
use crate::state::State as Range;

/// How long the keys and values of an encryption context may be together.
const LONGEST_CONTEXT: usize = 8_192;

/// A ciphertext, and the material that it was made by.
pub struct Sealed {
    /// As it is handed out.
    pub bytes: Vec<u8>,
    /// The material's id.
    pub material: String,
}

/// A plaintext, and the material that opened it.
pub struct Opened {
    /// The plaintext.
    pub plaintext: Hidden,
    /// The material's id.
    pub material: String,
}

/// Opens a key's material.
///
/// # Errors
/// `KMSInvalidStateException` where it is gone.
pub fn material(
    range: &Range,
    key: &Key,
    kept: Option<&KeptMaterial>,
) -> Result<Arc<Material>, AwsError> {
    let missing = || errors::invalid_state(&key.arn(), "pending import");
    let kept = kept.ok_or_else(missing)?;
    let sealed = kept.sealed.as_ref().ok_or_else(missing)?;
    range.kms.vault.open(&key.id, &kept.id, key.spec, sealed)
}

/// The material that a key uses now.
///
/// # Errors
/// As [`material`].
pub fn current(range: &Range, key: &Key) -> Result<Arc<Material>, AwsError> {
    material(range, key, key.current())
}

/// Notes that a key was used.
pub fn note_use(range: &Range, call: &Call<'_>, key: &Key) {
    let used = Use {
        operation: call.operation.to_owned(),
        at: call.now,
        request_id: call.request_id.to_owned(),
    };
    range.kms.vault.note_use(key.place(), used);
}

/// The algorithm of a call, held to the key's spec.
///
/// # Errors
/// `InvalidKeyUsageException`.
fn algorithm(call: &Call<'_>, member: &str, key: &Key) -> Result<EncryptionAlgorithm, AwsError> {
    let name = text(call, member).unwrap_or("SYMMETRIC_DEFAULT");
    EncryptionAlgorithm::named(name)
        .filter(|algorithm| key.spec.encryption_algorithms().contains(algorithm))
        .ok_or_else(|| errors::incompatible(name, key.spec.name()))
}

/// The encryption context of a call: keys that are not symmetric take none.
///
/// # Errors
/// `ValidationException`.
pub fn context(call: &Call<'_>, member: &str, key: &Key) -> Result<EncryptionContext, AwsError> {
    let pairs = access::encryption_context(call, member);
    let length: usize = pairs
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if length > LONGEST_CONTEXT {
        return Err(errors::validation(format!(
            "{member} has {length} characters; the most is {LONGEST_CONTEXT}."
        )));
    }
    if key.spec != KeySpec::Symmetric && !pairs.is_empty() {
        return Err(errors::validation(format!(
            "{member} is not supported for the key spec {}.",
            key.spec.name()
        )));
    }
    Ok(EncryptionContext::new(pairs))
}

/// How much a key of RSA can encrypt.
fn most(algorithm: EncryptionAlgorithm, spec: KeySpec) -> Option<usize> {
    use stockade_keys::spec::RsaLength::{L2048, L3072, L4096};
    let modulus = match spec {
        KeySpec::Rsa(L2048) => 256,
        KeySpec::Rsa(L3072) => 384,
        KeySpec::Rsa(L4096) => 512,
        _ => return None,
    };
    let hash = match algorithm {
        EncryptionAlgorithm::OaepSha1 => 20,
        _ => 32,
    };
    Some(modulus - 2 * hash - 2)
}

/// Seals a plaintext under a key.
///
/// # Errors
/// `ValidationException` where it is too long for the key.
pub fn seal(
    range: &Range,
    key: &Key,
    algorithm: EncryptionAlgorithm,
    context: &EncryptionContext,
    plaintext: &[u8],
) -> Result<Sealed, AwsError> {
    let kept = key.current();
    let material = material(range, key, kept)?;
    let id = kept.map(|kept| kept.id.clone()).unwrap_or_default();
    let sealed = match algorithm {
        EncryptionAlgorithm::Symmetric => {
            Blob::seal(&key.id, &id, &material, context, plaintext).map(|blob| blob.to_bytes())
        }
        rsa => material.encrypt(rsa, plaintext),
    };
    let bytes = sealed.map_err(|error| match (error, most(algorithm, key.spec)) {
        (KeyError::Length, Some(most)) => errors::validation(format!(
            "Algorithm {} and key spec {} cannot encrypt data larger than {most} bytes.",
            algorithm.name(),
            key.spec.name()
        )),
        (error, _) => errors::cryptography(error),
    })?;
    Ok(Sealed {
        bytes,
        material: id,
    })
}

/// Opens a ciphertext by a key.
///
/// # Errors
/// `InvalidCiphertextException`.
pub fn open(
    range: &Range,
    key: &Key,
    algorithm: EncryptionAlgorithm,
    context: &EncryptionContext,
    ciphertext: &[u8],
) -> Result<Opened, AwsError> {
    if algorithm != EncryptionAlgorithm::Symmetric {
        let material = current(range, key)?;
        let plaintext = material.decrypt(algorithm, ciphertext);
        return Ok(Opened {
            plaintext: plaintext.map_err(errors::cryptography)?,
            material: String::new(),
        });
    }
    let blob = Blob::from_bytes(ciphertext).map_err(errors::cryptography)?;
    let kept = key
        .materials
        .iter()
        .find(|kept| kept.id == blob.material_id);
    let kept = kept.ok_or_else(errors::invalid_ciphertext)?;
    let material = material(range, key, Some(kept))?;
    let plaintext = blob.open(&material, context);
    Ok(Opened {
        plaintext: plaintext.map_err(errors::cryptography)?,
        material: kept.id.clone(),
    })
}

/// What a record shows beside the request: the material, of symmetric keys.
pub fn told_material(name: &str, key: &Key, material: &str) -> Map<String, Value> {
    let mut told = Map::new();
    if key.spec == KeySpec::Symmetric {
        told.insert(name.to_owned(), material.into());
    }
    told
}

/// An answer whose record shows the material.
pub fn with_material(mut answer: Value, key: &Key, material: &str, is_shown: bool) -> Reply {
    if let (true, Some(members)) = (is_shown, answer.as_object_mut()) {
        members.extend(told_material("KeyMaterialId", key, material));
    }
    let told = told_material("keyMaterialId", key, material);
    let record = RecordExtras {
        additional: (!told.is_empty()).then_some(Value::Object(told)),
        ..RecordExtras::default()
    };
    Reply {
        record,
        ..Reply::of_value(answer)
    }
}

/// `Encrypt`.
pub fn encrypt(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let key = named(range, call, text(call, "KeyId").unwrap_or_default())?.key;
    check_tokens(range, call)?;
    usable_for(key, KeyUsage::EncryptDecrypt, "Encrypt")?;
    let algorithm = algorithm(call, "EncryptionAlgorithm", key)?;
    let context = context(call, "EncryptionContext", key)?;
    let sealed = seal(range, key, algorithm, &context, &blob(call, "Plaintext"))?;
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    note_use(range, call, key);
    let answer = json!({
        "CiphertextBlob": shown(&sealed.bytes),
        "KeyId": key.arn(),
        "EncryptionAlgorithm": algorithm.name(),
    });
    Ok(with_material(answer, key, &sealed.material, false))
}

/// The ciphertext of a call; none where a dry run leaves it out.
///
/// # Errors
/// `ValidationException` where it is missing; `IncorrectKeyException` where it is another key's.
fn ciphertext(call: &Call<'_>, key: &Key) -> Result<Option<Vec<u8>>, AwsError> {
    if ignores_ciphertext(call) {
        return Ok(None);
    }
    if !call.input.contains_key("CiphertextBlob") {
        return Err(errors::validation(
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null",
        ));
    }
    let bytes = blob(call, "CiphertextBlob");
    match Blob::from_bytes(&bytes) {
        Ok(blob) if blob.key_id != key.id => Err(errors::incorrect_key()),
        Err(error) if key.spec == KeySpec::Symmetric => Err(errors::cryptography(error)),
        _ => Ok(Some(bytes)),
    }
}

/// `Decrypt`.
pub fn decrypt(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    attestation::refuse(call)?;
    let key = ciphertext_key(range, call, "KeyId")?.key;
    check_tokens(range, call)?;
    let ciphertext = ciphertext(call, key)?;
    usable_for(key, KeyUsage::EncryptDecrypt, "Decrypt")?;
    let algorithm = algorithm(call, "EncryptionAlgorithm", key)?;
    let context = context(call, "EncryptionContext", key)?;
    let ciphertext = ciphertext.ok_or_else(errors::dry_run)?;
    let opened = open(range, key, algorithm, &context, &ciphertext)?;
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    note_use(range, call, key);
    let answer = json!({
        "KeyId": key.arn(),
        "Plaintext": shown(opened.plaintext.expose()),
        "EncryptionAlgorithm": algorithm.name(),
    });
    Ok(with_material(answer, key, &opened.material, true))
}

/// `ReEncrypt`.
pub fn re_encrypt(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let source = ciphertext_key(range, call, "SourceKeyId")?.key;
    let name = text(call, "DestinationKeyId").unwrap_or_default();
    let destination = named(range, call, name)?.key;
    check_tokens(range, call)?;
    let ciphertext = ciphertext(call, source)?;
    usable_for(source, KeyUsage::EncryptDecrypt, "ReEncryptFrom")?;
    usable_for(destination, KeyUsage::EncryptDecrypt, "ReEncryptTo")?;
    let from = algorithm(call, "SourceEncryptionAlgorithm", source)?;
    let to = algorithm(call, "DestinationEncryptionAlgorithm", destination)?;
    let before = context(call, "SourceEncryptionContext", source)?;
    let after = context(call, "DestinationEncryptionContext", destination)?;
    let ciphertext = ciphertext.ok_or_else(errors::dry_run)?;
    let opened = open(range, source, from, &before, &ciphertext)?;
    let sealed = seal(range, destination, to, &after, opened.plaintext.expose())?;
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    note_use(range, call, source);
    note_use(range, call, destination);
    let mut answer = json!({
        "CiphertextBlob": shown(&sealed.bytes),
        "SourceKeyId": source.arn(),
        "KeyId": destination.arn(),
        "SourceEncryptionAlgorithm": from.name(),
        "DestinationEncryptionAlgorithm": to.name(),
    });
    let both = |one: &str, other: &str| {
        let mut told = told_material(one, source, &opened.material);
        told.extend(told_material(other, destination, &sealed.material));
        told
    };
    if let Some(members) = answer.as_object_mut() {
        members.extend(both("SourceKeyMaterialId", "DestinationKeyMaterialId"));
    }
    let told = both("sourceKeyMaterialId", "destinationKeyMaterialId");
    let record = RecordExtras {
        additional: (!told.is_empty()).then_some(Value::Object(told)),
        ..RecordExtras::default()
    };
    Ok(Reply {
        record,
        ..Reply::of_value(answer)
    })
}
