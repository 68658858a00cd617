//! Public keys and the signatures that they prove.
//!
//! Owns which algorithms count: RSA with PKCS #1 v1.5 and ECDSA, with SHA-2. Nothing with SHA-1, and nothing with a
//! shared secret.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A hash function of the SHA-2 family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hash {
    /// 256 bits.
    Sha256,
    /// 384 bits.
    Sha384,
    /// 512 bits.
    Sha512,
}

impl Hash {
    /// The digest of some bytes.
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }
}

/// A curve of the NIST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
}

impl Curve {
    /// How many bytes a coordinate has.
    pub fn coordinate(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// How something is signed. With ECDSA the curve tells the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with PKCS #1 v1.5.
    Rsa(Hash),
    /// ECDSA on a curve, with the hash of its size; the signature is both numbers side by side.
    Ecdsa(Curve),
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PublicKey {
    /// RSA.
    Rsa {
        /// The modulus, without leading zeros.
        n: Vec<u8>,
        /// The exponent, without leading zeros.
        e: Vec<u8>,
    },
    /// A point on a curve.
    Ec {
        /// The curve.
        curve: Curve,
        /// The point, uncompressed: 4, x, y.
        point: Vec<u8>,
    },
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo`. None for keys of other kinds.
    pub(crate) fn from_spki(info: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        match info.parsed().ok()? {
            x509_parser::public_key::PublicKey::RSA(key) => Some(Self::of_rsa(&key)),
            x509_parser::public_key::PublicKey::EC(point) => {
                let named = info.algorithm.parameters.as_ref()?.as_oid().ok()?;
                let curve = match named.to_id_string().as_str() {
                    "1.2.840.10045.3.1.7" => Curve::P256,
                    "1.3.132.0.34" => Curve::P384,
                    "1.3.132.0.35" => Curve::P521,
                    _ => return None,
                };
                Self::on_curve(curve, point.data().to_vec())
            }
            _ => None,
        }
    }

    /// Reads an `RSAPublicKey`.
    pub(crate) fn from_pkcs1(der: &[u8]) -> Option<Self> {
        match RSAPublicKey::from_der(der) {
            Ok(([], key)) => Some(Self::of_rsa(&key)),
            _ => None,
        }
    }

    fn of_rsa(key: &RSAPublicKey<'_>) -> Self {
        let trimmed = |bytes: &[u8]| -> Vec<u8> {
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            bytes.iter().skip(zeros).copied().collect()
        };
        Self::Rsa {
            n: trimmed(key.modulus),
            e: trimmed(key.exponent),
        }
    }

    /// A point on a curve; none if it has not the length of one.
    pub(crate) fn on_curve(curve: Curve, point: Vec<u8>) -> Option<Self> {
        let whole = point.first() == Some(&4) && point.len() == 1 + 2 * curve.coordinate();
        whole.then_some(Self::Ec { curve, point })
    }

    /// Whether a message was signed with the private half of this key. An algorithm of another kind of key, or an RSA
    /// key of fewer than 2,048 bits, proves nothing.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match (self, algorithm) {
            (Self::Rsa { n, e }, Algorithm::Rsa(hash)) => {
                let parameters = match hash {
                    Hash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
                    Hash::Sha384 => &RSA_PKCS1_2048_8192_SHA384,
                    Hash::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
                };
                RsaPublicKeyComponents { n, e }
                    .verify(parameters, message, signature)
                    .is_ok()
            }
            (Self::Ec { curve, point }, Algorithm::Ecdsa(wanted)) if *curve == wanted => {
                let algorithm = match curve {
                    Curve::P256 => &ECDSA_P256_SHA256_FIXED,
                    Curve::P384 => &ECDSA_P384_SHA384_FIXED,
                    Curve::P521 => &ECDSA_P521_SHA512_FIXED,
                };
                UnparsedPublicKey::new(algorithm, point)
                    .verify(message, signature)
                    .is_ok()
            }
            _ => false,
        }
    }
}
