//! Signatures on curves and lattices: ECDSA, Ed25519, ML-DSA; and the digest that is signed.
//!
//! Owns the pairs. RSA has a file of its own, as it encrypts too.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, PqdsaKeyPair,
    PqdsaSigningAlgorithm, UnparsedPublicKey, VerificationAlgorithm,
};

use crate::spec::{Curve, MlDsa};
use crate::{Hidden, KeyError, Message, SigningAlgorithm};

/// The digest of a message by the algorithm's hash.
pub(crate) fn digest(
    algorithm: SigningAlgorithm,
    message: Message<'_>,
) -> Result<Digest, KeyError> {
    let hash = algorithm.digest().ok_or(KeyError::Usage)?;
    match message {
        Message::Raw(message) => Ok(digest::digest(hash, message)),
        Message::Digest(made) => Digest::import_less_safe(made, hash).map_err(|_| KeyError::Length),
    }
}

/// The message itself, for algorithms that take nothing else.
fn whole(message: Message<'_>) -> Result<&[u8], KeyError> {
    match message {
        Message::Raw(message) => Ok(message),
        Message::Digest(_) => Err(KeyError::Usage),
    }
}

/// A public key that every pair can give.
fn public<K: AsDer<PublicKeyX509Der<'static>>>(key: &K) -> Result<Vec<u8>, KeyError> {
    let der = key.as_der().map_err(|_| KeyError::Machine)?;
    Ok(der.as_ref().to_vec())
}

/// A pair on an elliptic curve.
#[derive(Debug)]
pub(crate) struct Ecdsa {
    curve: Curve,
    der: Hidden,
    pair: EcdsaKeyPair,
}

impl Ecdsa {
    pub(crate) fn generate(curve: Curve) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(ecdsa(curve).0).map_err(|_| KeyError::Machine)?;
        let der = pair.to_pkcs8v1().map_err(|_| KeyError::Machine)?;
        Self::from_pkcs8(curve, der.as_ref())
    }

    pub(crate) fn from_pkcs8(curve: Curve, der: &[u8]) -> Result<Self, KeyError> {
        Ok(Self {
            curve,
            der: Hidden::new(der.to_vec()),
            pair: EcdsaKeyPair::from_pkcs8(ecdsa(curve).0, der).map_err(|_| KeyError::Import)?,
        })
    }

    pub(crate) fn der(&self) -> &Hidden {
        &self.der
    }

    pub(crate) fn curve(&self) -> Curve {
        self.curve
    }

    pub(crate) fn public(&self) -> Result<Vec<u8>, KeyError> {
        public(self.pair.public_key())
    }

    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message: Message<'_>,
    ) -> Result<Vec<u8>, KeyError> {
        let signed = self
            .pair
            .sign_digest(&digest(algorithm, message)?)
            .map_err(|_| KeyError::Machine)?;
        Ok(signed.as_ref().to_vec())
    }

    pub(crate) fn verify(
        &self,
        algorithm: SigningAlgorithm,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<(), KeyError> {
        let public = self.pair.public_key().as_ref();
        verify_ecdsa(self.curve, public, algorithm, message, signature)
    }
}

/// Verifies a signature by a public key, a point or a SubjectPublicKeyInfo in DER.
pub(crate) fn verify_ecdsa(
    curve: Curve,
    public: &[u8],
    algorithm: SigningAlgorithm,
    message: Message<'_>,
    signature: &[u8],
) -> Result<(), KeyError> {
    UnparsedPublicKey::new(ecdsa(curve).1, public)
        .verify_digest(&digest(algorithm, message)?, signature)
        .map_err(|_| KeyError::Signature)
}

fn ecdsa(
    curve: Curve,
) -> (
    &'static EcdsaSigningAlgorithm,
    &'static dyn VerificationAlgorithm,
) {
    match curve {
        Curve::P256 => (
            &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            &signature::ECDSA_P256_SHA256_ASN1,
        ),
        Curve::P384 => (
            &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
            &signature::ECDSA_P384_SHA384_ASN1,
        ),
        Curve::P521 => (
            &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
            &signature::ECDSA_P521_SHA512_ASN1,
        ),
        Curve::P256K1 => (
            &signature::ECDSA_P256K1_SHA256_ASN1_SIGNING,
            &signature::ECDSA_P256K1_SHA256_ASN1,
        ),
    }
}

/// An Ed25519 pair.
#[derive(Debug)]
pub(crate) struct Ed25519 {
    der: Hidden,
    pair: Ed25519KeyPair,
}

impl Ed25519 {
    pub(crate) fn generate() -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Machine)?;
        let der = pair.to_pkcs8v1().map_err(|_| KeyError::Machine)?;
        Self::from_pkcs8(der.as_ref())
    }

    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        Ok(Self {
            der: Hidden::new(der.to_vec()),
            pair: Ed25519KeyPair::from_pkcs8(der).map_err(|_| KeyError::Import)?,
        })
    }

    pub(crate) fn der(&self) -> &Hidden {
        &self.der
    }

    pub(crate) fn public(&self) -> Result<Vec<u8>, KeyError> {
        public(self.pair.public_key())
    }

    pub(crate) fn sign(&self, message: Message<'_>) -> Result<Vec<u8>, KeyError> {
        let signed = self.pair.try_sign(whole(message)?);
        Ok(signed.map_err(|_| KeyError::Machine)?.as_ref().to_vec())
    }

    pub(crate) fn verify(&self, message: Message<'_>, signature: &[u8]) -> Result<(), KeyError> {
        verify_ed25519(self.pair.public_key().as_ref(), message, signature)
    }
}

/// Verifies a signature by a public key, raw or a SubjectPublicKeyInfo in DER.
pub(crate) fn verify_ed25519(
    public: &[u8],
    message: Message<'_>,
    signature: &[u8],
) -> Result<(), KeyError> {
    UnparsedPublicKey::new(&signature::ED25519, public)
        .verify(whole(message)?, signature)
        .map_err(|_| KeyError::Signature)
}

/// An ML-DSA pair.
#[derive(Debug)]
pub(crate) struct Lattice {
    level: MlDsa,
    der: Hidden,
    pair: PqdsaKeyPair,
}

impl Lattice {
    pub(crate) fn generate(level: MlDsa) -> Result<Self, KeyError> {
        let pair = PqdsaKeyPair::generate(mldsa(level).0).map_err(|_| KeyError::Machine)?;
        let der = pair.to_pkcs8v1().map_err(|_| KeyError::Machine)?;
        Self::from_pkcs8(level, der.as_ref())
    }

    pub(crate) fn from_pkcs8(level: MlDsa, der: &[u8]) -> Result<Self, KeyError> {
        Ok(Self {
            level,
            der: Hidden::new(der.to_vec()),
            pair: PqdsaKeyPair::from_pkcs8(mldsa(level).0, der).map_err(|_| KeyError::Import)?,
        })
    }

    pub(crate) fn der(&self) -> &Hidden {
        &self.der
    }

    pub(crate) fn level(&self) -> MlDsa {
        self.level
    }

    pub(crate) fn public(&self) -> Result<Vec<u8>, KeyError> {
        public(self.pair.public_key())
    }

    pub(crate) fn sign(&self, message: Message<'_>) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; mldsa(self.level).0.signature_len()];
        let length = self
            .pair
            .sign(whole(message)?, &mut signature)
            .map_err(|_| KeyError::Machine)?;
        signature.truncate(length);
        Ok(signature)
    }

    pub(crate) fn verify(&self, message: Message<'_>, signature: &[u8]) -> Result<(), KeyError> {
        let public = self.pair.public_key().as_ref();
        verify_mldsa(self.level, public, message, signature)
    }
}

/// Verifies a signature by a public key, raw or a SubjectPublicKeyInfo in DER.
pub(crate) fn verify_mldsa(
    level: MlDsa,
    public: &[u8],
    message: Message<'_>,
    signature: &[u8],
) -> Result<(), KeyError> {
    UnparsedPublicKey::new(mldsa(level).1, public)
        .verify(whole(message)?, signature)
        .map_err(|_| KeyError::Signature)
}

fn mldsa(
    level: MlDsa,
) -> (
    &'static PqdsaSigningAlgorithm,
    &'static dyn VerificationAlgorithm,
) {
    match level {
        MlDsa::L44 => (&signature::ML_DSA_44_SIGNING, &signature::ML_DSA_44),
        MlDsa::L65 => (&signature::ML_DSA_65_SIGNING, &signature::ML_DSA_65),
        MlDsa::L87 => (&signature::ML_DSA_87_SIGNING, &signature::ML_DSA_87),
    }
}
