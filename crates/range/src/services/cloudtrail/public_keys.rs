//! The keys that sign digests: a pair for each region, another one every twenty days.
//!
//! Owns when a pair is made, what it signs and how it is shown. The private half is sealed in the vault in which KMS keeps its
//! material.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_keys::spec::RsaLength;
use stockade_keys::{KeySpec, Material, Message, SigningAlgorithm};
use stockade_model::Region;
use stockade_wire::AwsError;
use x509_parser::prelude::{FromDer as _, SubjectPublicKeyInfo};

use super::errors;
use crate::call::{Call, Reply};
use crate::services::kms::vault::Sealed;
use crate::state::State;

/// How long a pair signs.
const SIGNS: SignedDuration = SignedDuration::from_hours(20 * 24);
/// How long it is said to be valid.
const VALID: SignedDuration = SignedDuration::from_hours(30 * 24);
const SPEC: KeySpec = KeySpec::Rsa(RsaLength::L2048);

/// A pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestKey {
    from: Timestamp,
    /// As PKCS #1 has it, in base64.
    public: String,
    /// MD5 of that, in hexadecimal digits.
    pub(super) fingerprint: String,
    private: Sealed,
}
crate::row!(DigestKey);

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// What the vault knows a region's pairs by.
fn vault_name(region: &Region) -> String {
    format!("cloudtrail/{region}")
}

/// The pair that signs in a region at a time; it is made if there is none.
pub(super) fn current(
    state: &mut State,
    region: &Region,
    now: Timestamp,
) -> Result<DigestKey, AwsError> {
    let found = state
        .digests
        .keys
        .range((region.clone(), i64::MIN)..=(region.clone(), now.as_second()))
        .next_back();
    if let Some((_, key)) = found.filter(|(_, key)| now < later(key.from, SIGNS)) {
        return Ok(key.clone());
    }
    let made = Material::generate(SPEC).map_err(|_| errors::internal())?;
    let public = made.public_key().map_err(|_| errors::internal())?;
    let (_, info) = SubjectPublicKeyInfo::from_der(&public).map_err(|_| errors::internal())?;
    let public = info.subject_public_key.data;
    let fingerprint = hex::encode(Md5::digest(&public));
    let vault = &state.kms.vault;
    let key = DigestKey {
        from: Timestamp::from_second(now.as_second()).unwrap_or(now),
        public: STANDARD.encode(&public),
        private: vault.seal(&vault_name(region), &fingerprint, &made)?,
        fingerprint,
    };
    let place = (region.clone(), now.as_second());
    state.digests.keys.insert(place, key.clone());
    Ok(key)
}

/// Signs as SHA256withRSA does.
pub(super) fn sign(
    state: &State,
    region: &Region,
    key: &DigestKey,
    message: &[u8],
) -> Result<Vec<u8>, AwsError> {
    let vault = &state.kms.vault;
    let material = vault.open(&vault_name(region), &key.fingerprint, SPEC, &key.private)?;
    material
        .sign(SigningAlgorithm::Pkcs1Sha256, Message::Raw(message))
        .map_err(|_| errors::internal())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    next_token: Option<String>,
}

/// `ListPublicKeys`: those of the region that are valid within the time. A region has one whether or not a digest was signed.
pub(super) fn list(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: List = call.read()?;
    if input.next_token.is_some() {
        return Err(errors::invalid_token());
    }
    let start = input.start_time.unwrap_or(call.now);
    let end = input.end_time.unwrap_or(call.now);
    if start > end {
        return Err(errors::time_range());
    }
    current(state, call.region, call.now)?;
    let region = call.region;
    let all = state
        .digests
        .keys
        .range((region.clone(), i64::MIN)..=(region.clone(), i64::MAX));
    let keys: Vec<Value> = all
        .map(|(_, key)| key)
        .filter(|key| key.from <= end && later(key.from, VALID) >= start)
        .map(|key| {
            json!({
                "Value": key.public,
                "ValidityStartTime": key.from.to_string(),
                "ValidityEndTime": later(key.from, VALID).to_string(),
                "Fingerprint": key.fingerprint,
            })
        })
        .collect();
    Ok(Reply::of_value(json!({"PublicKeyList": keys})))
}
