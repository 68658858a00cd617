//! ML-KEM: a secret is sent to who holds the key.

use aws_lc_rs::kem::{
    Algorithm, AlgorithmId, Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_512, ML_KEM_768,
    ML_KEM_1024,
};

use crate::spec::MlKem;
use crate::{Hidden, KeyError};

/// An ML-KEM pair, by its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Kem {
    level: MlKem,
    secret: Hidden,
    public: Vec<u8>,
}

fn algorithm(level: MlKem) -> &'static Algorithm<AlgorithmId> {
    match level {
        MlKem::L512 => &ML_KEM_512,
        MlKem::L768 => &ML_KEM_768,
        MlKem::L1024 => &ML_KEM_1024,
    }
}

/// How long the parts of a key are, in bytes.
struct Sizes {
    /// Of the whole secret half.
    secret: usize,
    /// Of what stands in it before the public half.
    before: usize,
    /// Of the public half.
    public: usize,
}

fn sizes(level: MlKem) -> Sizes {
    let k = match level {
        MlKem::L512 => 2,
        MlKem::L768 => 3,
        MlKem::L1024 => 4,
    };
    Sizes {
        secret: 768 * k + 96,
        before: 384 * k,
        public: 384 * k + 32,
    }
}

const SEQUENCE: u8 = 0x30;
const OCTET_STRING: u8 = 0x04;
const BIT_STRING: u8 = 0x03;

/// A value in DER, behind its tag and length.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    [head(tag, content.len()), content.to_vec()].concat()
}

fn head(tag: u8, length: usize) -> Vec<u8> {
    let [.., high, low] = length.to_be_bytes();
    match length {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    }
}

/// The algorithm's name: 2.16.840.1.101.3.4.4.1 to 3.
fn identifier(level: MlKem) -> Vec<u8> {
    let last = match level {
        MlKem::L512 => 1,
        MlKem::L768 => 2,
        MlKem::L1024 => 3,
    };
    let oid = [
        0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, last,
    ];
    tagged(SEQUENCE, &oid)
}

/// All of a private key that stands before the secret half.
fn private_head(level: MlKem) -> Vec<u8> {
    let secret = sizes(level).secret;
    let expanded = head(OCTET_STRING, secret);
    let octets = head(OCTET_STRING, expanded.len() + secret);
    // Version 0.
    let before = [vec![0x02, 0x01, 0x00], identifier(level), octets, expanded].concat();
    [head(SEQUENCE, before.len() + secret), before].concat()
}

impl Kem {
    pub(crate) fn generate(level: MlKem) -> Result<Self, KeyError> {
        let machine = |_| KeyError::Machine;
        let pair = DecapsulationKey::generate(algorithm(level)).map_err(machine)?;
        let public = pair.encapsulation_key().map_err(machine)?;
        Ok(Self {
            level,
            secret: Hidden::new(pair.key_bytes().map_err(machine)?.as_ref().to_vec()),
            public: public.key_bytes().map_err(machine)?.as_ref().to_vec(),
        })
    }

    /// A pair of a private key as PKCS #8 in DER, in the expanded form of RFC 9935.
    pub(crate) fn from_pkcs8(level: MlKem, der: &[u8]) -> Result<Self, KeyError> {
        let secret = der
            .strip_prefix(&private_head(level)[..])
            .filter(|secret| secret.len() == sizes(level).secret)
            .ok_or(KeyError::Import)?;
        // The public half stands in the secret one.
        let Sizes { before, public, .. } = sizes(level);
        let public = secret
            .get(before..before + public)
            .ok_or(KeyError::Import)?;
        DecapsulationKey::new(algorithm(level), secret).map_err(|_| KeyError::Import)?;
        EncapsulationKey::new(algorithm(level), public).map_err(|_| KeyError::Import)?;
        Ok(Self {
            level,
            secret: Hidden::new(secret.to_vec()),
            public: public.to_vec(),
        })
    }

    /// As [`Kem::from_pkcs8`] takes it.
    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        [&private_head(self.level)[..], self.secret.expose()].concat()
    }

    pub(crate) fn level(&self) -> MlKem {
        self.level
    }

    /// The public key: a SubjectPublicKeyInfo in DER.
    pub(crate) fn public(&self) -> Vec<u8> {
        // No bit of the string is unused.
        let bits = [&[0], &self.public[..]].concat();
        let content = [identifier(self.level), tagged(BIT_STRING, &bits)].concat();
        tagged(SEQUENCE, &content)
    }

    /// A new secret, and the ciphertext that carries it.
    pub(crate) fn encapsulate(&self) -> Result<(Vec<u8>, Hidden), KeyError> {
        let key = EncapsulationKey::new(algorithm(self.level), &self.public)
            .map_err(|_| KeyError::Machine)?;
        let (ciphertext, secret) = key.encapsulate().map_err(|_| KeyError::Machine)?;
        Ok((
            ciphertext.as_ref().to_vec(),
            Hidden::new(secret.as_ref().to_vec()),
        ))
    }

    /// The secret that a ciphertext carries. One that was changed gives another secret, by ML-KEM's own design.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Hidden, KeyError> {
        decapsulate(self.level, self.secret.expose(), ciphertext)
    }
}

/// The secret that a ciphertext carries for the holder of a raw decapsulation key.
pub(crate) fn decapsulate(
    level: MlKem,
    secret: &[u8],
    ciphertext: &[u8],
) -> Result<Hidden, KeyError> {
    let key = DecapsulationKey::new(algorithm(level), secret).map_err(|_| KeyError::Machine)?;
    let secret = key
        .decapsulate(Ciphertext::from(ciphertext))
        .map_err(|_| KeyError::Ciphertext)?;
    Ok(Hidden::new(secret.as_ref().to_vec()))
}
