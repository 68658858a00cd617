//! The algorithms by their names in KMS. Owns the names and the hash of each.

use aws_lc_rs::digest;
use aws_lc_rs::hmac;

use crate::spec::{HashLength, find, name_of};

/// How a key encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EncryptionAlgorithm {
    /// AES-256-GCM with the encryption context as authenticated data.
    Symmetric,
    /// RSA with OAEP padding over SHA-1.
    OaepSha1,
    /// RSA with OAEP padding over SHA-256.
    OaepSha256,
}

const ENCRYPTION: [(&str, EncryptionAlgorithm); 3] = [
    ("SYMMETRIC_DEFAULT", EncryptionAlgorithm::Symmetric),
    ("RSAES_OAEP_SHA_1", EncryptionAlgorithm::OaepSha1),
    ("RSAES_OAEP_SHA_256", EncryptionAlgorithm::OaepSha256),
];

impl EncryptionAlgorithm {
    /// The algorithm of a name.
    pub fn named(name: &str) -> Option<Self> {
        find(&ENCRYPTION, name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        name_of(&ENCRYPTION, self)
    }
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SigningAlgorithm {
    /// RSA-PSS over SHA-256.
    PssSha256,
    /// RSA-PSS over SHA-384.
    PssSha384,
    /// RSA-PSS over SHA-512.
    PssSha512,
    /// RSA with PKCS #1 v1.5 padding over SHA-256.
    Pkcs1Sha256,
    /// RSA with PKCS #1 v1.5 padding over SHA-384.
    Pkcs1Sha384,
    /// RSA with PKCS #1 v1.5 padding over SHA-512.
    Pkcs1Sha512,
    /// ECDSA over SHA-256.
    EcdsaSha256,
    /// ECDSA over SHA-384.
    EcdsaSha384,
    /// ECDSA over SHA-512.
    EcdsaSha512,
    /// Ed25519 over the message itself.
    Ed25519,
    /// ML-DSA.
    MlDsa,
}

const SIGNING: [(&str, SigningAlgorithm); 11] = [
    ("RSASSA_PSS_SHA_256", SigningAlgorithm::PssSha256),
    ("RSASSA_PSS_SHA_384", SigningAlgorithm::PssSha384),
    ("RSASSA_PSS_SHA_512", SigningAlgorithm::PssSha512),
    ("RSASSA_PKCS1_V1_5_SHA_256", SigningAlgorithm::Pkcs1Sha256),
    ("RSASSA_PKCS1_V1_5_SHA_384", SigningAlgorithm::Pkcs1Sha384),
    ("RSASSA_PKCS1_V1_5_SHA_512", SigningAlgorithm::Pkcs1Sha512),
    ("ECDSA_SHA_256", SigningAlgorithm::EcdsaSha256),
    ("ECDSA_SHA_384", SigningAlgorithm::EcdsaSha384),
    ("ECDSA_SHA_512", SigningAlgorithm::EcdsaSha512),
    ("ED25519_SHA_512", SigningAlgorithm::Ed25519),
    ("ML_DSA_SHAKE_256", SigningAlgorithm::MlDsa),
];

impl SigningAlgorithm {
    /// The algorithm of a name.
    pub fn named(name: &str) -> Option<Self> {
        find(&SIGNING, name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        name_of(&SIGNING, self)
    }

    /// The hash that is signed; none where the message itself is.
    pub(crate) fn digest(self) -> Option<&'static digest::Algorithm> {
        match self {
            Self::PssSha256 | Self::Pkcs1Sha256 | Self::EcdsaSha256 => Some(&digest::SHA256),
            Self::PssSha384 | Self::Pkcs1Sha384 | Self::EcdsaSha384 => Some(&digest::SHA384),
            Self::PssSha512 | Self::Pkcs1Sha512 | Self::EcdsaSha512 => Some(&digest::SHA512),
            Self::Ed25519 | Self::MlDsa => None,
        }
    }
}

/// How a key makes codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MacAlgorithm(pub(crate) HashLength);

const MAC: [(&str, MacAlgorithm); 4] = [
    ("HMAC_SHA_224", MacAlgorithm(HashLength::H224)),
    ("HMAC_SHA_256", MacAlgorithm(HashLength::H256)),
    ("HMAC_SHA_384", MacAlgorithm(HashLength::H384)),
    ("HMAC_SHA_512", MacAlgorithm(HashLength::H512)),
];

impl MacAlgorithm {
    /// The algorithm of a name.
    pub fn named(name: &str) -> Option<Self> {
        find(&MAC, name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        name_of(&MAC, self)
    }

    pub(crate) fn algorithm(self) -> hmac::Algorithm {
        match self.0 {
            HashLength::H224 => hmac::HMAC_SHA224,
            HashLength::H256 => hmac::HMAC_SHA256,
            HashLength::H384 => hmac::HMAC_SHA384,
            HashLength::H512 => hmac::HMAC_SHA512,
        }
    }
}

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// The message itself, which the key hashes.
    Raw(&'a [u8]),
    /// Its hash, which the caller made.
    Digest(&'a [u8]),
}
