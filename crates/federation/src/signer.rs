//! Tokens of an issuer's own: its keys, what it publishes of them, and its signature.
//!
//! Owns the private keys' form. What a token says is the caller's matter.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::key::{Curve, PublicKey};

const RSA_ID: &str = "RSA_0";
const EC_ID: &str = "EC384_0";

/// How an issuer signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// RSA with SHA-256.
    Rs256,
    /// ECDSA on P-384.
    Es384,
}

/// The keys could not be made or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the issuer's key cannot be made or read")]
pub struct SignerError;

/// An issuer's private keys, as PKCS #8.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeys {
    /// RSA, 2,048 bits.
    pub rsa: Vec<u8>,
    /// P-384.
    pub ec: Vec<u8>,
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKeys")
    }
}

impl SigningKeys {
    /// New keys.
    ///
    /// # Errors
    /// [`SignerError`], if the machine has no randomness.
    pub fn generate() -> Result<Self, SignerError> {
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SignerError)?;
        let ec =
            EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map_err(|_| SignerError)?;
        Ok(Self {
            rsa: rsa.as_der().map_err(|_| SignerError)?.as_ref().to_vec(),
            ec: ec.to_pkcs8v1().map_err(|_| SignerError)?.as_ref().to_vec(),
        })
    }

    fn rsa(&self) -> Result<RsaKeyPair, SignerError> {
        RsaKeyPair::from_pkcs8(&self.rsa).map_err(|_| SignerError)
    }

    fn ec(&self) -> Result<EcdsaKeyPair, SignerError> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &self.ec)
            .map_err(|_| SignerError)
    }

    /// The public halves as a JWKS document. Keys that cannot be read are not in it.
    pub fn published(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let rsa = self.rsa().ok().and_then(|pair| {
            let PublicKey::Rsa { n, e } = PublicKey::from_pkcs1(pair.public_key().as_ref())? else {
                return None;
            };
            Some(json!({
                "kty": "RSA", "kid": RSA_ID, "use": "sig", "alg": "RS256", "n": encode(&n), "e": encode(&e),
            }))
        });
        let ec = self.ec().ok().and_then(|pair| {
            let point = pair.public_key().as_ref().get(1..)?;
            let (x, y) = point.split_at_checked(Curve::P384.coordinate())?;
            Some(json!({
                "kty": "EC", "kid": EC_ID, "use": "sig", "alg": "ES384", "crv": "P-384", "x": encode(x), "y": encode(y),
            }))
        });
        json!({"keys": rsa.into_iter().chain(ec).collect::<Vec<_>>()})
    }

    /// A token in its compact form.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn sign(
        &self,
        signing: Signing,
        claims: &Map<String, Value>,
    ) -> Result<String, SignerError> {
        let (name, id) = match signing {
            Signing::Rs256 => ("RS256", RSA_ID),
            Signing::Es384 => ("ES384", EC_ID),
        };
        let header = json!({"alg": name, "kid": id, "typ": "JWT"});
        let claims = serde_json::to_vec(claims).map_err(|_| SignerError)?;
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let random = SystemRandom::new();
        let signature = match signing {
            Signing::Rs256 => {
                let pair = self.rsa()?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    signed.as_bytes(),
                    &mut signature,
                )
                .map_err(|_| SignerError)?;
                signature
            }
            Signing::Es384 => self
                .ec()?
                .sign(&random, signed.as_bytes())
                .map_err(|_| SignerError)?
                .as_ref()
                .to_vec(),
        };
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
