//! The public keys that digests were signed with.
//!
//! Owns their reading, from what `ListPublicKeys` answers, and the check of a signature.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// Why keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Not what `ListPublicKeys` answers.
    #[error("this is not what aws cloudtrail list-public-keys prints: {0}")]
    Form(#[from] serde_json::Error),
    /// A value is not base64.
    #[error("the value of the key {0} is not base64")]
    Value(String),
}

/// Public keys, by their fingerprints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicKeys(BTreeMap<String, Vec<u8>>);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    public_key_list: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    value: String,
    fingerprint: String,
}

impl PublicKeys {
    /// Adds the keys of a file: one answer of `ListPublicKeys` after the other.
    ///
    /// # Errors
    /// [`KeysError`]; those before the fault were added.
    pub fn add(&mut self, text: &str) -> Result<(), KeysError> {
        for list in serde_json::Deserializer::from_str(text).into_iter::<List>() {
            for Listed { value, fingerprint } in list?.public_key_list {
                let Ok(value) = STANDARD.decode(&value) else {
                    return Err(KeysError::Value(fingerprint));
                };
                self.0.insert(fingerprint, value);
            }
        }
        Ok(())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key signed a message; none: the key is not there.
    pub fn verify(&self, fingerprint: &str, message: &[u8], signature: &str) -> Option<bool> {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.0.get(fingerprint)?);
        let signature = hex::decode(signature);
        Some(signature.is_ok_and(|signature| key.verify(message, &signature).is_ok()))
    }
}
