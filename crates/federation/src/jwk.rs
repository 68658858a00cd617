//! JSON Web Keys: a provider's public keys as it publishes them.
//!
//! Owns which of them count: public RSA keys and points on NIST curves, meant for signatures.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::key::{Algorithm, Curve, PublicKey};

/// How many keys of one kind are taken; AWS's limit.
const MOST: usize = 100;

/// A key that may verify tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// Its name, by which tokens refer to it.
    pub id: Option<String>,
    /// The one algorithm that it is for, where it says so.
    pub algorithm: Option<String>,
    /// The key.
    pub key: PublicKey,
}

/// A provider's keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet(pub Vec<Jwk>);

/// Why a document holds no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not a JSON object with `keys`.
    #[error("the document is no JSON object with a list `keys`")]
    Form,
    /// More keys than are taken.
    #[error("the document has more than 100 keys of one kind")]
    TooMany,
}

impl KeySet {
    /// Reads a JWKS document. Keys of other kinds, and those that are broken, are passed over.
    ///
    /// # Errors
    /// [`KeySetError`].
    pub fn read(text: &str) -> Result<Self, KeySetError> {
        let document: Value = serde_json::from_str(text).map_err(|_| KeySetError::Form)?;
        let keys = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeySetError::Form)?;
        let found: Vec<Jwk> = keys.iter().filter_map(read).collect();
        let of_rsa = found
            .iter()
            .filter(|jwk| matches!(jwk.key, PublicKey::Rsa { .. }))
            .count();
        if of_rsa > MOST || found.len().saturating_sub(of_rsa) > MOST {
            return Err(KeySetError::TooMany);
        }
        Ok(Self(found))
    }

    /// The keys that may have signed a token of this algorithm: those that bear the name that the token gives, or
    /// all where it gives none.
    pub(crate) fn candidates<'a>(
        &'a self,
        id: Option<&'a str>,
        name: &'a str,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a PublicKey> {
        self.0
            .iter()
            .filter(move |jwk| id.is_none() || jwk.id.as_deref() == id)
            .filter(move |jwk| jwk.algorithm.as_deref().is_none_or(|own| own == name))
            .map(|jwk| &jwk.key)
            .filter(move |key| match (key, algorithm) {
                (PublicKey::Rsa { .. }, Algorithm::Rsa(_)) => true,
                (PublicKey::Ec { curve, .. }, Algorithm::Ecdsa(wanted)) => *curve == wanted,
                _ => false,
            })
    }
}

fn read(value: &Value) -> Option<Jwk> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    if text("use").is_some_and(|meant| meant != "sig") {
        return None;
    }
    let key = match text("kty")? {
        "RSA" => {
            let trim = |bytes: Vec<u8>| -> Vec<u8> {
                bytes.into_iter().skip_while(|byte| *byte == 0).collect()
            };
            PublicKey::Rsa {
                n: trim(bytes("n")?),
                e: trim(bytes("e")?),
            }
        }
        "EC" => {
            let curve = match text("crv")? {
                "P-256" => Curve::P256,
                "P-384" => Curve::P384,
                "P-521" => Curve::P521,
                _ => return None,
            };
            let (x, y) = (bytes("x")?, bytes("y")?);
            if x.len() != curve.coordinate() {
                return None;
            }
            let point = [vec![4], x, y].concat();
            PublicKey::on_curve(curve, point)?
        }
        _ => return None,
    };
    Some(Jwk {
        id: text("kid").map(str::to_owned),
        algorithm: text("alg").map(str::to_owned),
        key,
    })
}
