//! SAML providers: whose responses an account takes.
//!
//! Owns the providers as they are registered, and the keys for which they encrypt. What they sign is proved by
//! `sts/saml.rs`.

use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_federation::saml::Metadata;
use stockade_federation::xml::encryption::DecryptionKey;
use stockade_model::{AccountId, Secret, Timestamp};
use stockade_wire::AwsError;

use super::errors;
use super::output::{reply, time};
use super::scope::{iam, iam_mut};
use super::state::State;
use super::tags::{self, Tag};
use crate::call::{Call, Reply};
use crate::state::State as Range;

const PROVIDERS_PER_ACCOUNT: usize = 100;
const PRIVATE_KEYS_PER_PROVIDER: usize = 2;
/// A provider whose metadata names no end is good for a hundred years.
const LIFE: SignedDuration = SignedDuration::from_hours(24 * 36_500);

/// A SAML provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamlProvider {
    /// Its name.
    pub name: String,
    /// Its id; never used again.
    pub id: String,
    /// The metadata, as it was given.
    pub document: Arc<str>,
    /// When it was registered.
    pub created: Timestamp,
    /// Until when it is good.
    pub valid_until: Timestamp,
    /// Whether assertions must be encrypted; none: nothing was said.
    pub encryption: Option<Encryption>,
    /// The keys for which it encrypts.
    pub private_keys: Vec<PrivateKey>,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
}

/// Whether assertions must be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encryption {
    /// They must.
    Required,
    /// They may.
    Allowed,
}

/// A key for which a provider encrypts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrivateKey {
    /// Its id.
    pub id: String,
    /// The PEM, as it was given.
    #[serde(with = "stockade_model::exposed")]
    pub pem: Secret,
    /// When it was added.
    pub added: Timestamp,
}

crate::row!(SamlProvider);

impl SamlProvider {
    /// Its ARN in this account.
    pub fn arn(&self, account: &AccountId) -> String {
        arn(account, &self.name)
    }

    /// What the metadata says.
    pub fn metadata(&self) -> Option<Metadata> {
        Metadata::read(&self.document).ok()
    }

    /// The keys to decrypt with.
    pub fn decryption_keys(&self) -> Vec<DecryptionKey> {
        self.private_keys
            .iter()
            .filter_map(|key| DecryptionKey::from_pem(key.pem.expose()))
            .collect()
    }
}

fn arn(account: &AccountId, name: &str) -> String {
    format!("arn:aws:iam::{account}:saml-provider/{name}")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    #[serde(rename = "SAMLMetadataDocument")]
    document: String,
    name: String,
    #[serde(default)]
    tags: Vec<Tag>,
    assertion_encryption_mode: Option<Encryption>,
    add_private_key: Option<String>,
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let metadata = read(&input.document)?;
    let state = iam(range, call)?;
    if state.saml_providers.contains_key(&input.name) {
        return Err(errors::already_exists(format!(
            "Provider with name {} already exists.",
            input.name
        )));
    }
    let used = state.saml_providers.len();
    errors::check_quota("SAMLProvidersPerAccount", used, PROVIDERS_PER_ACCOUNT)?;
    let tags = tags::merged_by_case(&[], input.tags)?;
    if let Some(pem) = &input.add_private_key {
        check_key(pem)?;
    } else if input.assertion_encryption_mode == Some(Encryption::Required) {
        return Err(no_key());
    }
    let mut provider = SamlProvider {
        id: range.ids.hex(32).to_ascii_uppercase(),
        valid_until: valid_until(&metadata, call.now),
        name: input.name,
        document: input.document.into(),
        created: call.now,
        encryption: input.assertion_encryption_mode,
        private_keys: Vec::new(),
        tags,
    };
    if let Some(pem) = input.add_private_key {
        provider.private_keys.push(made(range, call, pem));
    }
    let answer = json!({
        "SAMLProviderArn": provider.arn(call.account()),
        "Tags": tags::shown_if_any(&provider.tags),
    });
    iam_mut(range, call)?
        .saml_providers
        .insert(provider.name.clone(), Arc::new(provider));
    Ok(reply(answer))
}

fn read(document: &str) -> Result<Metadata, AwsError> {
    Metadata::read(document).map_err(|error| {
        tracing::debug!(%error, "SAML metadata is refused");
        errors::invalid_input("Could not parse metadata.")
    })
}

fn valid_until(metadata: &Metadata, now: Timestamp) -> Timestamp {
    let usual = now.checked_add(LIFE).unwrap_or(Timestamp::MAX);
    metadata.valid_until.unwrap_or(usual)
}

fn check_key(pem: &str) -> Result<(), AwsError> {
    match DecryptionKey::from_pem(pem) {
        Some(_) => Ok(()),
        None => Err(errors::invalid_input("Invalid private key.")),
    }
}

fn no_key() -> AwsError {
    errors::invalid_input(
        "Unable to set assertion encryption mode to Required because no private key is provided.",
    )
}

fn made(range: &mut Range, call: &Call<'_>, pem: String) -> PrivateKey {
    PrivateKey {
        id: range.ids.hex(32).to_ascii_uppercase(),
        pem: Secret::new(pem),
        added: call.now,
    }
}

#[derive(Deserialize)]
struct OfProvider {
    #[serde(rename = "SAMLProviderArn")]
    arn: String,
}

/// The key in the table of the provider that an ARN names.
pub(super) fn key_of(account: &AccountId, arn: &str) -> Result<String, AwsError> {
    let prefix = self::arn(account, "");
    match arn.strip_prefix(&prefix) {
        Some(name) => Ok(name.to_owned()),
        None if arn.contains(":saml-provider/") => Err(not_found(arn)),
        None => Err(errors::validation(format!("Invalid ARN: {arn}"))),
    }
}

pub(super) fn not_found(arn: &str) -> AwsError {
    errors::no_such_entity(format!("Manifest not found for arn {arn}"))
}

/// The provider of an account with this ARN.
pub fn of_arn<'a>(state: &'a State, account: &AccountId, arn: &str) -> Option<&'a SamlProvider> {
    let name = arn.strip_prefix(&self::arn(account, ""))?;
    state.saml_providers.get(name).map(Arc::as_ref)
}

fn find<'a>(range: &'a Range, call: &Call<'_>) -> Result<&'a SamlProvider, AwsError> {
    let input: OfProvider = call.read()?;
    let key = key_of(call.account(), &input.arn)?;
    let found = iam(range, call)?.saml_providers.get(&key);
    found.map(Arc::as_ref).ok_or_else(|| not_found(&input.arn))
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let provider = find(range, call)?;
    let keys: Vec<Value> = provider
        .private_keys
        .iter()
        .map(|key| json!({"KeyId": key.id, "Timestamp": time(key.added)}))
        .collect();
    Ok(reply(json!({
        "SAMLProviderUUID": provider.id,
        "SAMLMetadataDocument": &*provider.document,
        "CreateDate": time(provider.created),
        "ValidUntil": time(provider.valid_until),
        "Tags": tags::shown_if_any(&provider.tags),
        "AssertionEncryptionMode": provider.encryption,
        "PrivateKeyList": if keys.is_empty() { Value::Null } else { keys.into() },
    })))
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let all: Vec<Value> = iam(range, call)?
        .saml_providers
        .values()
        .map(|provider| {
            json!({
                "Arn": provider.arn(call.account()),
                "ValidUntil": time(provider.valid_until),
                "CreateDate": time(provider.created),
            })
        })
        .collect();
    Ok(reply(json!({"SAMLProviderList": all})))
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let name = find(range, call)?.name.clone();
    iam_mut(range, call)?.saml_providers.remove(&name);
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    #[serde(rename = "SAMLMetadataDocument")]
    document: Option<String>,
    assertion_encryption_mode: Option<Encryption>,
    add_private_key: Option<String>,
    remove_private_key: Option<String>,
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Update = call.read()?;
    let mut provider = find(range, call)?.clone();
    let nothing = input.document.is_none()
        && input.assertion_encryption_mode.is_none()
        && input.add_private_key.is_none()
        && input.remove_private_key.is_none();
    if nothing {
        return Err(errors::invalid_input(
            "Unable to update identity provider. No updates are defined for metadata or encryption assertion.",
        ));
    }
    if input.add_private_key.is_some() && input.remove_private_key.is_some() {
        return Err(errors::invalid_input(
            "Unable to add and remove private keys in the same request. Set a value for only one of the two parameters.",
        ));
    }
    if let Some(document) = input.document {
        provider.valid_until = valid_until(&read(&document)?, provider.created);
        provider.document = document.into();
    }
    if let Some(id) = input.remove_private_key {
        let before = provider.private_keys.len();
        provider.private_keys.retain(|key| key.id != id);
        if provider.private_keys.len() == before {
            return Err(errors::invalid_input(
                "Failed to remove private key because the Key ID does not match a private key.",
            ));
        }
    }
    if let Some(mode) = input.assertion_encryption_mode {
        provider.encryption = Some(mode);
    }
    if let Some(pem) = &input.add_private_key {
        check_key(pem)?;
        if provider.private_keys.len() >= PRIVATE_KEYS_PER_PROVIDER {
            return Err(errors::limit_exceeded("Private key limit of 2 is reached."));
        }
    } else if provider.encryption == Some(Encryption::Required) && provider.private_keys.is_empty()
    {
        return Err(match input.assertion_encryption_mode {
            Some(_) => no_key(),
            None => errors::invalid_input("Failed to remove private key."),
        });
    }
    if let Some(pem) = input.add_private_key {
        let key = made(range, call, pem);
        provider.private_keys.push(key);
    }
    let answer = json!({"SAMLProviderArn": provider.arn(call.account())});
    iam_mut(range, call)?
        .saml_providers
        .insert(provider.name.clone(), Arc::new(provider));
    Ok(reply(answer))
}
