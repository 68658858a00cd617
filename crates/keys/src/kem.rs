//! ML-KEM: a secret is sent to who holds the key.

use aws_lc_rs::kem::{
    Algorithm, AlgorithmId, Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_512, ML_KEM_768,
    ML_KEM_1024,
};

use crate::spec::MlKem;
use crate::{Hidden, KeyError};

/// An ML-KEM pair, by its bytes: the secret half does not tell the public one.
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

    /// Both halves, the secret one first, as [`Kem::bytes`] gives them.
    pub(crate) fn from_bytes(level: MlKem, bytes: &[u8]) -> Result<Self, KeyError> {
        let length = match level {
            MlKem::L512 => 1632,
            MlKem::L768 => 2400,
            MlKem::L1024 => 3168,
        };
        let (secret, public) = bytes.split_at_checked(length).ok_or(KeyError::Import)?;
        DecapsulationKey::new(algorithm(level), secret).map_err(|_| KeyError::Import)?;
        EncapsulationKey::new(algorithm(level), public).map_err(|_| KeyError::Import)?;
        Ok(Self {
            level,
            secret: Hidden::new(secret.to_vec()),
            public: public.to_vec(),
        })
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.secret.expose(), &self.public].concat()
    }

    pub(crate) fn level(&self) -> MlKem {
        self.level
    }

    /// The raw public key.
    pub(crate) fn public(&self) -> &[u8] {
        &self.public
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
