//! XML encryption, as SAML's encrypted assertions use it: a content key for the receiver's RSA key, and AES.
//!
//! Owns the decryption. Every failure looks the same, so that nobody learns from it how far a guess was right.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::DecryptionContext;
use aws_lc_rs::cipher::{AES_128, AES_256, StreamingDecryptingKey, UnboundCipherKey};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepAlgorithm, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::signature::RsaKeyPair;
use roxmltree::Node;
use serde::{Deserialize, Serialize};

use super::signature::NAMESPACE as SIGNATURES;
use super::{XmlError, base64, children, one, optional};
use crate::pem;

/// The namespace of XML encryption.
pub const NAMESPACE: &str = "http://www.w3.org/2001/04/xmlenc#";
const VERSION_1_1: &str = "http://www.w3.org/2009/xmlenc11#";
const BLOCK: usize = 16;

/// A private RSA key to decrypt with, as PKCS #8.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecryptionKey(Vec<u8>);

impl std::fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DecryptionKey")
    }
}

impl DecryptionKey {
    /// Reads a PEM private key, PKCS #8 or PKCS #1. None for what is no RSA key of 2,048 to 8,192 bits.
    pub fn from_pem(text: &str) -> Option<Self> {
        let der = match pem::block(text, "PRIVATE KEY") {
            Some(der) => der,
            None => pkcs8_of(&pem::block(text, "RSA PRIVATE KEY")?)?,
        };
        PrivateDecryptingKey::from_pkcs8(&der).ok()?;
        Some(Self(der))
    }
}

/// PKCS #8 around PKCS #1.
fn pkcs8_of(pkcs1: &[u8]) -> Option<Vec<u8>> {
    let pair = RsaKeyPair::from_der(pkcs1).ok()?;
    Some(pair.as_der().ok()?.as_ref().to_vec())
}

/// What is encrypted cannot be read with any of the keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what is encrypted cannot be read with the keys at hand")]
pub struct DecryptionError;

impl From<XmlError> for DecryptionError {
    fn from(_: XmlError) -> Self {
        Self
    }
}

/// Decrypts what stands in an element as `EncryptedData`, with its content key there or beside it.
///
/// # Errors
/// [`DecryptionError`].
pub fn decrypt(holder: Node<'_, '_>, keys: &[DecryptionKey]) -> Result<String, DecryptionError> {
    let data = one(holder, NAMESPACE, "EncryptedData")?;
    let inner = optional(data, SIGNATURES, "KeyInfo")?;
    let encrypted_keys = inner
        .into_iter()
        .flat_map(|info| children(info, NAMESPACE, "EncryptedKey"))
        .chain(children(holder, NAMESPACE, "EncryptedKey"));
    let method = algorithm_of(one(data, NAMESPACE, "EncryptionMethod")?);
    let cipher_text = cipher_value(data)?;
    for encrypted in encrypted_keys.take(4) {
        for key in keys {
            if let Ok(content_key) = unwrap_key(encrypted, key)
                && let Ok(plain) = open(method, &content_key, cipher_text.clone())
                && let Ok(text) = String::from_utf8(plain)
            {
                return Ok(text);
            }
        }
    }
    Err(DecryptionError)
}

fn algorithm_of<'a>(node: Node<'a, '_>) -> &'a str {
    node.attribute("Algorithm").unwrap_or_default()
}

fn cipher_value(node: Node<'_, '_>) -> Result<Vec<u8>, DecryptionError> {
    let data = one(node, NAMESPACE, "CipherData")?;
    Ok(base64(one(data, NAMESPACE, "CipherValue")?)?)
}

/// The content key, which is encrypted with RSA-OAEP.
fn unwrap_key(encrypted: Node<'_, '_>, key: &DecryptionKey) -> Result<Vec<u8>, DecryptionError> {
    let method = one(encrypted, NAMESPACE, "EncryptionMethod")?;
    let algorithm = oaep(method)?;
    let key = PrivateDecryptingKey::from_pkcs8(&key.0).map_err(|_| DecryptionError)?;
    let key = OaepPrivateDecryptingKey::new(key).map_err(|_| DecryptionError)?;
    let mut plain = vec![0; key.min_output_size()];
    let plain = key
        .decrypt(algorithm, &cipher_value(encrypted)?, &mut plain, None)
        .map_err(|_| DecryptionError)?;
    Ok(plain.to_vec())
}

fn oaep(method: Node<'_, '_>) -> Result<&'static OaepAlgorithm, DecryptionError> {
    const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
    let digest = optional(method, SIGNATURES, "DigestMethod")?.map_or(SHA1, algorithm_of);
    let mask = optional(method, VERSION_1_1, "MGF")?.map_or("sha1", |mask| {
        algorithm_of(mask)
            .rsplit("#mgf1")
            .next()
            .unwrap_or_default()
    });
    match algorithm_of(method) {
        "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
        | "http://www.w3.org/2009/xmlenc11#rsa-oaep" => {}
        _ => return Err(DecryptionError),
    }
    // SHA-1 is as good here as any: what OAEP asks of its hash, SHA-1 still has.
    match (digest, mask) {
        (SHA1, "sha1") => Ok(&OAEP_SHA1_MGF1SHA1),
        ("http://www.w3.org/2001/04/xmlenc#sha256", "sha256") => Ok(&OAEP_SHA256_MGF1SHA256),
        ("http://www.w3.org/2001/04/xmldsig-more#sha384", "sha384") => Ok(&OAEP_SHA384_MGF1SHA384),
        ("http://www.w3.org/2001/04/xmlenc#sha512", "sha512") => Ok(&OAEP_SHA512_MGF1SHA512),
        _ => Err(DecryptionError),
    }
}

fn open(method: &str, key: &[u8], mut data: Vec<u8>) -> Result<Vec<u8>, DecryptionError> {
    let (gcm, cbc) = match method {
        "http://www.w3.org/2009/xmlenc11#aes128-gcm" => (Some(&aead::AES_128_GCM), None),
        "http://www.w3.org/2009/xmlenc11#aes256-gcm" => (Some(&aead::AES_256_GCM), None),
        "http://www.w3.org/2001/04/xmlenc#aes128-cbc" => (None, Some(&AES_128)),
        "http://www.w3.org/2001/04/xmlenc#aes256-cbc" => (None, Some(&AES_256)),
        _ => return Err(DecryptionError),
    };
    if let Some(algorithm) = gcm {
        let key = UnboundKey::new(algorithm, key).map_err(|_| DecryptionError)?;
        let mut sealed = data.split_off(aead::NONCE_LEN.min(data.len()));
        let nonce = Nonce::try_assume_unique_for_key(&data).map_err(|_| DecryptionError)?;
        let plain = LessSafeKey::new(key)
            .open_in_place(nonce, Aad::empty(), &mut sealed)
            .map_err(|_| DecryptionError)?;
        return Ok(plain.to_vec());
    }
    let algorithm = cbc.ok_or(DecryptionError)?;
    let key = UnboundCipherKey::new(algorithm, key).map_err(|_| DecryptionError)?;
    let sealed = data.split_off(BLOCK.min(data.len()));
    let first: [u8; BLOCK] = data.try_into().map_err(|_| DecryptionError)?;
    if sealed.is_empty() || !sealed.len().is_multiple_of(BLOCK) {
        return Err(DecryptionError);
    }
    let context = DecryptionContext::Iv128(FixedLength::from(first));
    let mut stream =
        StreamingDecryptingKey::cbc_pkcs7(key, context).map_err(|_| DecryptionError)?;
    // XML pads with any bytes and their count, PKCS #7 with the count alone. The cipher checks the padding of the last
    // block only: one block more at the end, which is never opened, and the padding is ours to read.
    let padded = [sealed.as_slice(), &[0; BLOCK]].concat();
    let mut plain = vec![0; padded.len() + BLOCK];
    let written = stream
        .update(&padded, &mut plain)
        .map_err(|_| DecryptionError)?
        .written()
        .len();
    if written != sealed.len() {
        return Err(DecryptionError);
    }
    plain.truncate(written);
    let padding = usize::from(plain.last().copied().ok_or(DecryptionError)?);
    if padding == 0 || padding > BLOCK {
        return Err(DecryptionError);
    }
    plain.truncate(written - padding);
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_keys_are_read_in_both_forms() {
        let old = include_str!("../../tests/data/pkcs1.pem");
        assert!(DecryptionKey::from_pem(old).is_some());
        for wrong in [
            "",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----",
        ] {
            assert!(DecryptionKey::from_pem(wrong).is_none(), "{wrong}");
        }
    }
}
