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

use crate::der::{OBJECT_IDENTIFIER, Reader};

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

/// `1.2.840.113549.1.1.1`.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// `1.2.840.10045.2.1`.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// `1.2.840.10045.3.1.7`.
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// `1.3.132.0.34`.
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// `1.3.132.0.35`.
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo`. None for what is none, and for keys of other kinds.
    pub fn from_spki(der: &[u8]) -> Option<Self> {
        let mut outer = Reader::new(der);
        let mut info = outer.sequence()?;
        let mut algorithm = info.sequence()?;
        let kind = algorithm.expect(OBJECT_IDENTIFIER)?.content;
        let bits = info.bits()?;
        if !outer.is_empty() || !info.is_empty() {
            return None;
        }
        if kind == RSA {
            return Self::from_pkcs1(bits);
        }
        if kind != EC {
            return None;
        }
        let curve = match algorithm.expect(OBJECT_IDENTIFIER)?.content {
            P256 => Curve::P256,
            P384 => Curve::P384,
            P521 => Curve::P521,
            _ => return None,
        };
        Self::on_curve(curve, bits.to_vec())
    }

    /// Reads an `RSAPublicKey`.
    pub(crate) fn from_pkcs1(der: &[u8]) -> Option<Self> {
        let mut numbers = Reader::new(der).sequence()?;
        let (n, e) = (numbers.unsigned()?, numbers.unsigned()?);
        numbers.is_empty().then(|| Self::Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
        })
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
