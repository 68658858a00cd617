//! The material of a key: the secret itself, and all that can be done with it.
//!
//! Owns making it, its bytes, and which kind can do what. When a key may be used, and by whom, is not its matter.

use crate::kem::Kem;
use crate::rsa::Rsa;
use crate::signing::{Ecdsa, Ed25519, Lattice};
use crate::spec::HashLength;
use crate::{
    EncryptionAlgorithm, Hidden, KeyError, KeySpec, MacAlgorithm, Message, SigningAlgorithm,
    agreement, mac, random, symmetric,
};

/// The material of a key.
#[derive(Debug)]
pub struct Material(Kind);

#[derive(Debug)]
enum Kind {
    Symmetric(Hidden),
    Hmac(HashLength, Hidden),
    Rsa(crate::spec::RsaLength, Box<Rsa>),
    Ecdsa(Ecdsa),
    Ed25519(Ed25519),
    Lattice(Lattice),
    Kem(Kem),
}

impl Material {
    /// New material.
    ///
    /// # Errors
    /// [`KeyError::Machine`].
    pub fn generate(spec: KeySpec) -> Result<Self, KeyError> {
        Ok(Self(match spec {
            KeySpec::Symmetric => Kind::Symmetric(Hidden::new(random::bytes(symmetric::KEY)?)),
            KeySpec::Hmac(length) => {
                Kind::Hmac(length, Hidden::new(random::bytes(hmac_key(length))?))
            }
            KeySpec::Rsa(length) => Kind::Rsa(length, Box::new(Rsa::generate(length)?)),
            KeySpec::Ecc(curve) => Kind::Ecdsa(Ecdsa::generate(curve)?),
            KeySpec::Ed25519 => Kind::Ed25519(Ed25519::generate()?),
            KeySpec::MlDsa(level) => Kind::Lattice(Lattice::generate(level)?),
            KeySpec::MlKem(level) => Kind::Kem(Kem::generate(level)?),
        }))
    }

    /// Material of a spec from its bytes: the key itself, or a private key as PKCS #8 in DER.
    ///
    /// # Errors
    /// [`KeyError::Import`] for bytes that are no material of the spec.
    pub fn from_bytes(spec: KeySpec, bytes: &[u8]) -> Result<Self, KeyError> {
        Ok(Self(match spec {
            KeySpec::Symmetric if bytes.len() == symmetric::KEY => {
                Kind::Symmetric(Hidden::new(bytes.to_vec()))
            }
            KeySpec::Hmac(length) if bytes.len() == hmac_key(length) => {
                Kind::Hmac(length, Hidden::new(bytes.to_vec()))
            }
            KeySpec::Symmetric | KeySpec::Hmac(_) => return Err(KeyError::Import),
            KeySpec::Rsa(length) => Kind::Rsa(length, Box::new(Rsa::from_pkcs8(length, bytes)?)),
            KeySpec::Ecc(curve) => Kind::Ecdsa(Ecdsa::from_pkcs8(curve, bytes)?),
            KeySpec::Ed25519 => Kind::Ed25519(Ed25519::from_pkcs8(bytes)?),
            KeySpec::MlDsa(level) => Kind::Lattice(Lattice::from_pkcs8(level, bytes)?),
            KeySpec::MlKem(level) => Kind::Kem(Kem::from_pkcs8(level, bytes)?),
        }))
    }

    /// Its bytes, as [`Material::from_bytes`] takes them.
    pub fn bytes(&self) -> Hidden {
        match &self.0 {
            Kind::Symmetric(key) | Kind::Hmac(_, key) => key.clone(),
            Kind::Rsa(_, pair) => pair.der().clone(),
            Kind::Ecdsa(pair) => pair.der().clone(),
            Kind::Ed25519(pair) => pair.der().clone(),
            Kind::Lattice(pair) => pair.der().clone(),
            Kind::Kem(pair) => Hidden::new(pair.pkcs8()),
        }
    }

    /// Its spec.
    pub fn spec(&self) -> KeySpec {
        match &self.0 {
            Kind::Symmetric(_) => KeySpec::Symmetric,
            Kind::Hmac(length, _) => KeySpec::Hmac(*length),
            Kind::Rsa(length, _) => KeySpec::Rsa(*length),
            Kind::Ecdsa(pair) => KeySpec::Ecc(pair.curve()),
            Kind::Ed25519(_) => KeySpec::Ed25519,
            Kind::Lattice(pair) => KeySpec::MlDsa(pair.level()),
            Kind::Kem(pair) => KeySpec::MlKem(pair.level()),
        }
    }

    /// The public key: a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`KeyError::Usage`] where there is none.
    pub fn public_key(&self) -> Result<Vec<u8>, KeyError> {
        match &self.0 {
            Kind::Symmetric(_) | Kind::Hmac(..) => Err(KeyError::Usage),
            Kind::Rsa(_, pair) => pair.public(),
            Kind::Ecdsa(pair) => pair.public(),
            Kind::Ed25519(pair) => pair.public(),
            Kind::Lattice(pair) => pair.public(),
            Kind::Kem(pair) => Ok(pair.public()),
        }
    }

    pub(crate) fn symmetric(&self) -> Result<&Hidden, KeyError> {
        match &self.0 {
            Kind::Symmetric(key) => Ok(key),
            _ => Err(KeyError::Usage),
        }
    }

    /// Encrypts by RSA; symmetric keys encrypt by [`crate::Blob`].
    ///
    /// # Errors
    /// [`KeyError::Length`] for more than the key can take, [`KeyError::Usage`] for another kind of key or algorithm.
    pub fn encrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        match &self.0 {
            Kind::Rsa(_, pair) => pair.encrypt(algorithm, plaintext),
            _ => Err(KeyError::Usage),
        }
    }

    /// Decrypts by RSA.
    ///
    /// # Errors
    /// [`KeyError::Ciphertext`], [`KeyError::Usage`].
    pub fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<Hidden, KeyError> {
        match &self.0 {
            Kind::Rsa(_, pair) => pair.decrypt(algorithm, ciphertext),
            _ => Err(KeyError::Usage),
        }
    }

    /// Signs: ECDSA in DER, the others as the algorithm has them.
    ///
    /// # Errors
    /// [`KeyError::Usage`], [`KeyError::Length`] for a digest that is none of the algorithm's.
    pub fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message: Message<'_>,
    ) -> Result<Vec<u8>, KeyError> {
        self.signs_by(algorithm)?;
        match &self.0 {
            Kind::Rsa(_, pair) => pair.sign(algorithm, message),
            Kind::Ecdsa(pair) => pair.sign(algorithm, message),
            Kind::Ed25519(pair) => pair.sign(message),
            Kind::Lattice(pair) => pair.sign(message),
            _ => Err(KeyError::Usage),
        }
    }

    /// Verifies a signature.
    ///
    /// # Errors
    /// [`KeyError::Signature`] where it does not fit, and as [`Material::sign`].
    pub fn verify(
        &self,
        algorithm: SigningAlgorithm,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<(), KeyError> {
        self.signs_by(algorithm)?;
        match &self.0 {
            Kind::Rsa(_, pair) => pair.verify(algorithm, message, signature),
            Kind::Ecdsa(pair) => pair.verify(algorithm, message, signature),
            Kind::Ed25519(pair) => pair.verify(message, signature),
            Kind::Lattice(pair) => pair.verify(message, signature),
            _ => Err(KeyError::Usage),
        }
    }

    fn signs_by(&self, algorithm: SigningAlgorithm) -> Result<(), KeyError> {
        let known = self.spec().signing_algorithms().contains(&algorithm);
        known.then_some(()).ok_or(KeyError::Usage)
    }

    /// A code over a message.
    ///
    /// # Errors
    /// [`KeyError::Usage`].
    pub fn generate_mac(
        &self,
        algorithm: MacAlgorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        Ok(mac::generate(algorithm, self.hmac(algorithm)?, message))
    }

    /// Verifies a code.
    ///
    /// # Errors
    /// [`KeyError::Mac`] where it does not fit, [`KeyError::Usage`].
    pub fn verify_mac(
        &self,
        algorithm: MacAlgorithm,
        message: &[u8],
        code: &[u8],
    ) -> Result<(), KeyError> {
        mac::verify(algorithm, self.hmac(algorithm)?, message, code)
    }

    fn hmac(&self, algorithm: MacAlgorithm) -> Result<&Hidden, KeyError> {
        match &self.0 {
            Kind::Hmac(length, key) if algorithm == MacAlgorithm(*length) => Ok(key),
            _ => Err(KeyError::Usage),
        }
    }

    /// The secret that this key and somebody's public key (a SubjectPublicKeyInfo in DER) have in common.
    ///
    /// # Errors
    /// [`KeyError::PublicKey`], [`KeyError::Usage`].
    pub fn agree(&self, public_key: &[u8]) -> Result<Hidden, KeyError> {
        match &self.0 {
            Kind::Ecdsa(pair) => agreement::agree(pair.curve(), pair.der(), public_key),
            _ => Err(KeyError::Usage),
        }
    }

    /// A new secret for the holder of this key: the ciphertext that carries it, and the secret.
    ///
    /// # Errors
    /// [`KeyError::Usage`].
    pub fn encapsulate(&self) -> Result<(Vec<u8>, Hidden), KeyError> {
        match &self.0 {
            Kind::Kem(pair) => pair.encapsulate(),
            _ => Err(KeyError::Usage),
        }
    }

    /// The secret that a ciphertext carries.
    ///
    /// # Errors
    /// [`KeyError::Ciphertext`] for what cannot be one, [`KeyError::Usage`].
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<Hidden, KeyError> {
        match &self.0 {
            Kind::Kem(pair) => pair.decapsulate(ciphertext),
            _ => Err(KeyError::Usage),
        }
    }
}

/// How long a key for codes is, in bytes: as long as the code, whoever made it.
fn hmac_key(length: HashLength) -> usize {
    match length {
        HashLength::H224 => 28,
        HashLength::H256 => 32,
        HashLength::H384 => 48,
        HashLength::H512 => 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyUsage;

    const MESSAGE: &[u8] = b"a message";

    /// RSA takes seconds to make where nothing is optimised: one length stands for all.
    fn quick() -> impl Iterator<Item = KeySpec> {
        KeySpec::all().filter(|spec| !matches!(spec.name(), "RSA_3072" | "RSA_4096"))
    }

    #[test]
    fn material_of_every_spec_does_what_it_is_for_and_comes_back_from_its_bytes() {
        for spec in quick() {
            let made = Material::generate(spec).unwrap();
            assert_eq!(made.spec(), spec);
            let again = Material::from_bytes(spec, made.bytes().expose()).unwrap();
            assert_eq!(again.public_key(), made.public_key(), "{spec:?}");
            assert_eq!(made.public_key().is_ok(), spec.is_asymmetric());
            for algorithm in spec.signing_algorithms() {
                let signature = made.sign(*algorithm, Message::Raw(MESSAGE)).unwrap();
                let verify = |message, signature: &[u8]| {
                    again.verify(*algorithm, Message::Raw(message), signature)
                };
                assert_eq!(verify(MESSAGE, &signature), Ok(()), "{algorithm:?}");
                assert_eq!(verify(b"another", &signature), Err(KeyError::Signature));
                assert_eq!(verify(MESSAGE, &signature[1..]), Err(KeyError::Signature));
            }
            for algorithm in spec.encryption_algorithms() {
                if *algorithm == EncryptionAlgorithm::Symmetric {
                    continue;
                }
                let ciphertext = made.encrypt(*algorithm, MESSAGE).unwrap();
                let opened = again.decrypt(*algorithm, &ciphertext).unwrap();
                assert_eq!(opened.expose(), MESSAGE);
                let other = made.decrypt(*algorithm, &ciphertext[1..]);
                assert_eq!(other, Err(KeyError::Ciphertext));
            }
            if let Some(algorithm) = spec.mac_algorithm() {
                let code = made.generate_mac(algorithm, MESSAGE).unwrap();
                assert_eq!(again.verify_mac(algorithm, MESSAGE, &code), Ok(()));
                let wrong = again.verify_mac(algorithm, b"another", &code);
                assert_eq!(wrong, Err(KeyError::Mac));
            }
            if spec.usages().contains(&KeyUsage::KeyAgreement) {
                let other = Material::generate(spec).unwrap();
                let ours = made.agree(&other.public_key().unwrap()).unwrap();
                let theirs = other.agree(&made.public_key().unwrap()).unwrap();
                assert_eq!(ours, theirs);
            }
            if spec.usages().contains(&KeyUsage::EncapsulateDecapsulate) {
                let (ciphertext, secret) = made.encapsulate().unwrap();
                assert_eq!(again.decapsulate(&ciphertext).unwrap(), secret);
                let short = again.decapsulate(&ciphertext[1..]);
                assert_eq!(short, Err(KeyError::Ciphertext));
            }
        }
    }

    #[test]
    fn a_digest_is_signed_as_its_message_is() {
        for spec in quick() {
            let material = Material::generate(spec).unwrap();
            for algorithm in spec.signing_algorithms() {
                let Some(hash) = algorithm.digest() else {
                    let refused = material.sign(*algorithm, Message::Digest(&[0; 64]));
                    assert_eq!(refused, Err(KeyError::Usage));
                    continue;
                };
                let digest = aws_lc_rs::digest::digest(hash, MESSAGE);
                let digest = Message::Digest(digest.as_ref());
                let signature = material.sign(*algorithm, digest).unwrap();
                let raw = Message::Raw(MESSAGE);
                assert_eq!(material.verify(*algorithm, raw, &signature), Ok(()));
                let short = material.sign(*algorithm, Message::Digest(b"short"));
                assert_eq!(short, Err(KeyError::Length));
            }
        }
    }

    #[test]
    fn a_key_does_nothing_that_it_is_not_for() {
        let symmetric = Material::generate(KeySpec::Symmetric).unwrap();
        let raw = Message::Raw(MESSAGE);
        let refused = symmetric.sign(SigningAlgorithm::EcdsaSha256, raw);
        assert_eq!(refused, Err(KeyError::Usage));
        assert_eq!(symmetric.agree(&[]).unwrap_err(), KeyError::Usage);
        let p256 = Material::generate(KeySpec::named("ECC_NIST_P256").unwrap()).unwrap();
        let refused = p256.sign(SigningAlgorithm::EcdsaSha384, raw);
        assert_eq!(refused, Err(KeyError::Usage));
        let p384 = Material::generate(KeySpec::named("ECC_NIST_P384").unwrap()).unwrap();
        let refused = p256.agree(&p384.public_key().unwrap());
        assert_eq!(refused, Err(KeyError::PublicKey));
        assert_eq!(p256.agree(b"no key"), Err(KeyError::PublicKey));
    }

    #[test]
    fn material_of_another_spec_is_refused() {
        let p256 = Material::generate(KeySpec::named("ECC_NIST_P256").unwrap()).unwrap();
        for spec in KeySpec::all().filter(|spec| *spec != p256.spec()) {
            let refused = Material::from_bytes(spec, p256.bytes().expose());
            assert_eq!(refused.unwrap_err(), KeyError::Import, "{spec:?}");
        }
    }

    #[test]
    fn nothing_shows_the_material() {
        let material = Material::generate(KeySpec::Symmetric).unwrap();
        assert_eq!(format!("{material:?}"), "Material(Symmetric(Hidden))");
    }
}
