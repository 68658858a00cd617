//! Key specs and usages: what KMS calls the kinds of keys. Owns which spec can be used for what, and by which algorithm.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::algorithm::{EncryptionAlgorithm, MacAlgorithm, SigningAlgorithm};

/// A curve for ECDSA and ECDH.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// secp256k1.
    P256K1,
}

/// The length of an RSA key, in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RsaLength {
    /// 2048 bits.
    L2048,
    /// 3072 bits.
    L3072,
    /// 4096 bits.
    L4096,
}

/// A hash of the SHA-2 family, for codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashLength {
    /// SHA-224.
    H224,
    /// SHA-256.
    H256,
    /// SHA-384.
    H384,
    /// SHA-512.
    H512,
}

/// A parameter set of ML-DSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MlDsa {
    /// ML-DSA-44.
    L44,
    /// ML-DSA-65.
    L65,
    /// ML-DSA-87.
    L87,
}

/// A parameter set of ML-KEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MlKem {
    /// ML-KEM-512.
    L512,
    /// ML-KEM-768.
    L768,
    /// ML-KEM-1024.
    L1024,
}

/// The kind of a key's material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeySpec {
    /// AES-256-GCM.
    Symmetric,
    /// An RSA key.
    Rsa(RsaLength),
    /// A key on an elliptic curve.
    Ecc(Curve),
    /// Ed25519.
    Ed25519,
    /// A key for codes.
    Hmac(HashLength),
    /// A key for ML-DSA signatures.
    MlDsa(MlDsa),
    /// A key for ML-KEM.
    MlKem(MlKem),
}

/// What a key is made for. A key has one usage for life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyUsage {
    /// To encrypt and decrypt.
    EncryptDecrypt,
    /// To sign and verify.
    SignVerify,
    /// To make and verify codes.
    GenerateVerifyMac,
    /// To agree on a secret.
    KeyAgreement,
    /// To send and receive secrets.
    EncapsulateDecapsulate,
}

/// Every spec with its name.
const SPECS: [(&str, KeySpec); 19] = [
    ("SYMMETRIC_DEFAULT", KeySpec::Symmetric),
    ("RSA_2048", KeySpec::Rsa(RsaLength::L2048)),
    ("RSA_3072", KeySpec::Rsa(RsaLength::L3072)),
    ("RSA_4096", KeySpec::Rsa(RsaLength::L4096)),
    ("ECC_NIST_P256", KeySpec::Ecc(Curve::P256)),
    ("ECC_NIST_P384", KeySpec::Ecc(Curve::P384)),
    ("ECC_NIST_P521", KeySpec::Ecc(Curve::P521)),
    ("ECC_SECG_P256K1", KeySpec::Ecc(Curve::P256K1)),
    ("ECC_NIST_EDWARDS25519", KeySpec::Ed25519),
    ("HMAC_224", KeySpec::Hmac(HashLength::H224)),
    ("HMAC_256", KeySpec::Hmac(HashLength::H256)),
    ("HMAC_384", KeySpec::Hmac(HashLength::H384)),
    ("HMAC_512", KeySpec::Hmac(HashLength::H512)),
    ("ML_DSA_44", KeySpec::MlDsa(MlDsa::L44)),
    ("ML_DSA_65", KeySpec::MlDsa(MlDsa::L65)),
    ("ML_DSA_87", KeySpec::MlDsa(MlDsa::L87)),
    ("ML_KEM_512", KeySpec::MlKem(MlKem::L512)),
    ("ML_KEM_768", KeySpec::MlKem(MlKem::L768)),
    ("ML_KEM_1024", KeySpec::MlKem(MlKem::L1024)),
];

const USAGES: [(&str, KeyUsage); 5] = [
    ("ENCRYPT_DECRYPT", KeyUsage::EncryptDecrypt),
    ("SIGN_VERIFY", KeyUsage::SignVerify),
    ("GENERATE_VERIFY_MAC", KeyUsage::GenerateVerifyMac),
    ("KEY_AGREEMENT", KeyUsage::KeyAgreement),
    ("ENCAPSULATE_DECAPSULATE", KeyUsage::EncapsulateDecapsulate),
];

impl KeySpec {
    /// Every spec.
    pub fn all() -> impl Iterator<Item = Self> {
        SPECS.into_iter().map(|(_, spec)| spec)
    }

    /// The spec of a name, as in `RSA_2048`. SM2 is had in China alone, and not here.
    pub fn named(name: &str) -> Option<Self> {
        find(&SPECS, name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        name_of(&SPECS, self)
    }

    /// What keys of this spec can be made for.
    pub fn usages(self) -> &'static [KeyUsage] {
        use KeyUsage::{
            EncapsulateDecapsulate, EncryptDecrypt, GenerateVerifyMac, KeyAgreement, SignVerify,
        };
        match self {
            Self::Symmetric => &[EncryptDecrypt],
            Self::Rsa(_) => &[EncryptDecrypt, SignVerify],
            Self::Ecc(Curve::P256K1) | Self::Ed25519 | Self::MlDsa(_) => &[SignVerify],
            Self::Ecc(_) => &[SignVerify, KeyAgreement],
            Self::Hmac(_) => &[GenerateVerifyMac],
            Self::MlKem(_) => &[EncapsulateDecapsulate],
        }
    }

    /// Whether there is a public key that can be given away.
    pub fn is_asymmetric(self) -> bool {
        !matches!(self, Self::Symmetric | Self::Hmac(_))
    }

    /// By which algorithms a key of this spec encrypts.
    pub fn encryption_algorithms(self) -> &'static [EncryptionAlgorithm] {
        match self {
            Self::Symmetric => &[EncryptionAlgorithm::Symmetric],
            Self::Rsa(_) => &[
                EncryptionAlgorithm::OaepSha1,
                EncryptionAlgorithm::OaepSha256,
            ],
            _ => &[],
        }
    }

    /// By which algorithms a key of this spec signs.
    pub fn signing_algorithms(self) -> &'static [SigningAlgorithm] {
        use SigningAlgorithm::{
            EcdsaSha256, EcdsaSha384, EcdsaSha512, Ed25519, MlDsa, Pkcs1Sha256, Pkcs1Sha384,
            Pkcs1Sha512, PssSha256, PssSha384, PssSha512,
        };
        match self {
            Self::Rsa(_) => &[
                Pkcs1Sha256,
                Pkcs1Sha384,
                Pkcs1Sha512,
                PssSha256,
                PssSha384,
                PssSha512,
            ],
            Self::Ecc(Curve::P256 | Curve::P256K1) => &[EcdsaSha256],
            Self::Ecc(Curve::P384) => &[EcdsaSha384],
            Self::Ecc(Curve::P521) => &[EcdsaSha512],
            Self::Ed25519 => &[Ed25519],
            Self::MlDsa(_) => &[MlDsa],
            _ => &[],
        }
    }

    /// By which algorithm a key of this spec makes codes.
    pub fn mac_algorithm(self) -> Option<MacAlgorithm> {
        match self {
            Self::Hmac(length) => Some(MacAlgorithm(length)),
            _ => None,
        }
    }
}

impl KeyUsage {
    /// The usage of a name, as in `SIGN_VERIFY`.
    pub fn named(name: &str) -> Option<Self> {
        find(&USAGES, name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        name_of(&USAGES, self)
    }
}

/// Both are kept by their names.
macro_rules! by_name {
    ($type:ty, $what:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                Self::named(&name).ok_or_else(|| D::Error::custom(concat!("no ", $what)))
            }
        }
    };
}

by_name!(KeySpec, "key spec");
by_name!(KeyUsage, "key usage");

/// The thing of a name in a list of names.
pub(crate) fn find<T: Copy>(list: &[(&'static str, T)], name: &str) -> Option<T> {
    list.iter()
        .find(|(known, _)| *known == name)
        .map(|(_, thing)| *thing)
}

/// The name of a thing in a list of names.
pub(crate) fn name_of<T: PartialEq>(list: &[(&'static str, T)], thing: T) -> &'static str {
    list.iter()
        .find(|(_, known)| *known == thing)
        .map_or("", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spec_has_a_name_a_usage_and_an_algorithm_for_it() {
        for spec in KeySpec::all() {
            assert_eq!(KeySpec::named(spec.name()), Some(spec));
            assert!(!spec.usages().is_empty(), "{spec:?}");
            for usage in spec.usages() {
                assert_eq!(KeyUsage::named(usage.name()), Some(*usage));
                let able = match usage {
                    KeyUsage::EncryptDecrypt => !spec.encryption_algorithms().is_empty(),
                    KeyUsage::SignVerify => !spec.signing_algorithms().is_empty(),
                    KeyUsage::GenerateVerifyMac => spec.mac_algorithm().is_some(),
                    KeyUsage::KeyAgreement | KeyUsage::EncapsulateDecapsulate => true,
                };
                assert!(able, "{spec:?} {usage:?}");
            }
        }
        assert_eq!(KeySpec::named("SM2"), None);
    }
}
