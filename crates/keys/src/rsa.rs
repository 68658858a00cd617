//! RSA keys: encryption by OAEP, signatures by PSS and PKCS #1 v1.5.
//!
//! Owns the pair. The arithmetic is aws-lc's.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::signature::{self, RsaEncoding, VerificationAlgorithm};

use crate::signing::digest;
use crate::spec::RsaLength;
use crate::{EncryptionAlgorithm, Hidden, KeyError, Message, SigningAlgorithm};

/// An RSA key pair.
#[derive(Debug)]
pub(crate) struct Rsa {
    der: Hidden,
    pair: KeyPair,
    decrypting: PrivateDecryptingKey,
}

fn size(length: RsaLength) -> KeySize {
    match length {
        RsaLength::L2048 => KeySize::Rsa2048,
        RsaLength::L3072 => KeySize::Rsa3072,
        RsaLength::L4096 => KeySize::Rsa4096,
    }
}

impl Rsa {
    pub(crate) fn generate(length: RsaLength) -> Result<Self, KeyError> {
        let made = PrivateDecryptingKey::generate(size(length)).map_err(|_| KeyError::Machine)?;
        let der: Pkcs8V1Der<'_> = made.as_der().map_err(|_| KeyError::Machine)?;
        Self::from_pkcs8(length, der.as_ref())
    }

    pub(crate) fn from_pkcs8(length: RsaLength, der: &[u8]) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8(der).map_err(|_| KeyError::Import)?;
        if pair.public_modulus_len() != size(length).len() {
            return Err(KeyError::Import);
        }
        Ok(Self {
            der: Hidden::new(der.to_vec()),
            pair,
            decrypting: PrivateDecryptingKey::from_pkcs8(der).map_err(|_| KeyError::Import)?,
        })
    }

    pub(crate) fn der(&self) -> &Hidden {
        &self.der
    }

    /// The public key as a SubjectPublicKeyInfo in DER.
    pub(crate) fn public(&self) -> Result<Vec<u8>, KeyError> {
        let key: PublicKeyX509Der<'_> = self
            .decrypting
            .public_key()
            .as_der()
            .map_err(|_| KeyError::Machine)?;
        Ok(key.as_ref().to_vec())
    }

    pub(crate) fn encrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        let oaep = oaep(algorithm)?;
        let key = OaepPublicEncryptingKey::new(self.decrypting.public_key())
            .map_err(|_| KeyError::Machine)?;
        if plaintext.len() > key.max_plaintext_size(oaep) {
            return Err(KeyError::Length);
        }
        let mut ciphertext = vec![0; key.ciphertext_size()];
        let length = key
            .encrypt(oaep, plaintext, &mut ciphertext, None)
            .map_err(|_| KeyError::Machine)?
            .len();
        ciphertext.truncate(length);
        Ok(ciphertext)
    }

    pub(crate) fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<Hidden, KeyError> {
        let key = OaepPrivateDecryptingKey::new(self.decrypting.clone())
            .map_err(|_| KeyError::Machine)?;
        let mut room = zeroize::Zeroizing::new(vec![0; key.min_output_size()]);
        let opened = key
            .decrypt(oaep(algorithm)?, ciphertext, &mut room, None)
            .map_err(|_| KeyError::Ciphertext)?;
        Ok(Hidden::new(opened.to_vec()))
    }

    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message: Message<'_>,
    ) -> Result<Vec<u8>, KeyError> {
        let (encoding, _) = padding(algorithm)?;
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign_digest(encoding, &digest(algorithm, message)?, &mut signature)
            .map_err(|_| KeyError::Machine)?;
        Ok(signature)
    }

    pub(crate) fn verify(
        &self,
        algorithm: SigningAlgorithm,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<(), KeyError> {
        verify(&self.public()?, algorithm, message, signature)
    }
}

/// Verifies a signature by a public key, a SubjectPublicKeyInfo in DER.
pub(crate) fn verify(
    public: &[u8],
    algorithm: SigningAlgorithm,
    message: Message<'_>,
    signature: &[u8],
) -> Result<(), KeyError> {
    let (_, verification) = padding(algorithm)?;
    signature::UnparsedPublicKey::new(verification, public)
        .verify_digest(&digest(algorithm, message)?, signature)
        .map_err(|_| KeyError::Signature)
}

fn oaep(algorithm: EncryptionAlgorithm) -> Result<&'static OaepAlgorithm, KeyError> {
    match algorithm {
        EncryptionAlgorithm::OaepSha1 => Ok(&OAEP_SHA1_MGF1SHA1),
        EncryptionAlgorithm::OaepSha256 => Ok(&OAEP_SHA256_MGF1SHA256),
        EncryptionAlgorithm::Symmetric => Err(KeyError::Usage),
    }
}

type Padding = (&'static dyn RsaEncoding, &'static dyn VerificationAlgorithm);

fn padding(algorithm: SigningAlgorithm) -> Result<Padding, KeyError> {
    use SigningAlgorithm::{
        Pkcs1Sha256, Pkcs1Sha384, Pkcs1Sha512, PssSha256, PssSha384, PssSha512,
    };
    Ok(match algorithm {
        PssSha256 => (
            &signature::RSA_PSS_SHA256,
            &signature::RSA_PSS_2048_8192_SHA256,
        ),
        PssSha384 => (
            &signature::RSA_PSS_SHA384,
            &signature::RSA_PSS_2048_8192_SHA384,
        ),
        PssSha512 => (
            &signature::RSA_PSS_SHA512,
            &signature::RSA_PSS_2048_8192_SHA512,
        ),
        Pkcs1Sha256 => (
            &signature::RSA_PKCS1_SHA256,
            &signature::RSA_PKCS1_2048_8192_SHA256,
        ),
        Pkcs1Sha384 => (
            &signature::RSA_PKCS1_SHA384,
            &signature::RSA_PKCS1_2048_8192_SHA384,
        ),
        Pkcs1Sha512 => (
            &signature::RSA_PKCS1_SHA512,
            &signature::RSA_PKCS1_2048_8192_SHA512,
        ),
        _ => return Err(KeyError::Usage),
    })
}
