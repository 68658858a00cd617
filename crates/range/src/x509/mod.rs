//! X.509 certificates and private keys in PEM: read, held against each other, and chains checked.
//!
//! Owns what certificates say. Knows no service, and keeps no private key.

mod pem;

use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use jiff::Timestamp;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

/// Why something is no certificate or key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum X509Error {
    /// The text is not PEM, or holds something else.
    #[error("give it in PEM format")]
    NotPem,
    /// What is in the PEM cannot be read.
    #[error("it cannot be read: make it anew")]
    Malformed,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct X509 {
    der: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
    issuer: Vec<u8>,
    subject: Vec<u8>,
    public_key: Vec<u8>,
    /// The part that the signature is over, as it came.
    signed: Vec<u8>,
    /// The signature's algorithm, as an object identifier.
    algorithm: String,
    signature: Vec<u8>,
}

impl X509 {
    /// Reads the one certificate of a PEM text.
    pub fn from_pem(text: &str) -> Result<Self, X509Error> {
        match Self::chain_from_pem(text)?.as_slice() {
            [only] => Ok(only.clone()),
            _ => Err(X509Error::NotPem),
        }
    }

    /// Reads the certificates of a PEM text, one at least.
    pub fn chain_from_pem(text: &str) -> Result<Vec<Self>, X509Error> {
        let blocks = pem::read(text).ok_or(X509Error::NotPem)?;
        if blocks.is_empty() {
            return Err(X509Error::NotPem);
        }
        blocks
            .into_iter()
            .map(|block| match block.label.as_str() {
                "CERTIFICATE" | "X509 CERTIFICATE" => Self::from_der(&block.bytes),
                _ => Err(X509Error::NotPem),
            })
            .collect()
    }

    /// Reads a certificate in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        let read = X509Certificate::from_der(der);
        let Ok(([], certificate)) = read else {
            return Err(X509Error::Malformed);
        };
        let time =
            |at: ASN1Time| Timestamp::from_second(at.timestamp()).map_err(|_| X509Error::Malformed);
        let body = &certificate.tbs_certificate;
        Ok(Self {
            der: der.to_vec(),
            not_before: time(body.validity.not_before)?,
            not_after: time(body.validity.not_after)?,
            issuer: body.issuer.as_raw().to_vec(),
            subject: body.subject.as_raw().to_vec(),
            public_key: body.subject_pki.subject_public_key.data.to_vec(),
            signed: body.as_ref().to_vec(),
            algorithm: certificate.signature_algorithm.algorithm.to_id_string(),
            signature: certificate.signature_value.data.to_vec(),
        })
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Until when it is good.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether it is good at this time.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// Whether another certificate's holder signed this one.
    pub fn is_signed_by(&self, issuer: &Self) -> bool {
        self.issuer == issuer.subject && self.verify(issuer).is_some()
    }

    fn verify(&self, issuer: &Self) -> Option<()> {
        let candidates: &[&'static dyn signature::VerificationAlgorithm] = match &*self.algorithm {
            // Signed with RSA, PKCS#1 v1.5.
            "1.2.840.113549.1.1.5" => &[&signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY],
            "1.2.840.113549.1.1.11" => {
                &[&signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY]
            }
            "1.2.840.113549.1.1.12" => &[&signature::RSA_PKCS1_2048_8192_SHA384],
            "1.2.840.113549.1.1.13" => {
                &[&signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY]
            }
            // Signed with ECDSA: the key says on which curve.
            "1.2.840.10045.4.3.2" => &[
                &signature::ECDSA_P256_SHA256_ASN1,
                &signature::ECDSA_P384_SHA256_ASN1,
                &signature::ECDSA_P521_SHA256_ASN1,
                &signature::ECDSA_P256K1_SHA256_ASN1,
            ],
            "1.2.840.10045.4.3.3" => &[
                &signature::ECDSA_P384_SHA384_ASN1,
                &signature::ECDSA_P256_SHA384_ASN1,
                &signature::ECDSA_P521_SHA384_ASN1,
            ],
            "1.2.840.10045.4.3.4" => &[
                &signature::ECDSA_P521_SHA512_ASN1,
                &signature::ECDSA_P384_SHA512_ASN1,
                &signature::ECDSA_P256_SHA512_ASN1,
            ],
            "1.3.101.112" => &[&signature::ED25519],
            _ => &[],
        };
        candidates.iter().find_map(|candidate| {
            UnparsedPublicKey::new(*candidate, &issuer.public_key)
                .verify(&self.signed, &self.signature)
                .ok()
        })
    }
}

/// Where a chain breaks that begins with the certificate's signer: −1 for the certificate itself, else the place in
/// the chain; none where it holds.
pub fn break_in_chain(certificate: &X509, chain: &[X509], now: Timestamp) -> Option<i64> {
    let signers = chain.iter();
    let signed = std::iter::once(certificate).chain(chain);
    for (place, (signed, signer)) in (-1_i64..).zip(signed.zip(signers)) {
        if !signed.is_signed_by(signer) {
            return Some(place);
        }
        if !signer.is_valid_at(now) {
            return Some(place + 1);
        }
    }
    None
}

/// A private key, of which only the public half is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicHalf(Vec<u8>);

impl PublicHalf {
    /// Reads a private key in PEM that is not encrypted: PKCS#8, or the older forms of RSA and of elliptic curves.
    pub fn of_private_key(text: &str) -> Result<Self, X509Error> {
        let blocks = pem::read(text).ok_or(X509Error::NotPem)?;
        // OpenSSL writes the curve's parameters before the key.
        let mut keys = blocks
            .into_iter()
            .filter(|block| block.label != "EC PARAMETERS");
        let (Some(key), None) = (keys.next(), keys.next()) else {
            return Err(X509Error::NotPem);
        };
        let der = key.bytes.as_slice();
        let found = match key.label.as_str() {
            "RSA PRIVATE KEY" => rsa(der),
            "EC PRIVATE KEY" => elliptic(der),
            "PRIVATE KEY" => rsa_pkcs8(der)
                .or_else(|| elliptic(der))
                .or_else(|| edwards(der)),
            _ => return Err(X509Error::NotPem),
        };
        found.map(Self).ok_or(X509Error::Malformed)
    }

    /// Whether a certificate is for this key.
    pub fn is_of(&self, certificate: &X509) -> bool {
        certificate.public_key == self.0
    }
}

fn rsa(der: &[u8]) -> Option<Vec<u8>> {
    let key = aws_lc_rs::rsa::KeyPair::from_der(der).ok()?;
    Some(key.public_key().as_ref().to_vec())
}

fn rsa_pkcs8(der: &[u8]) -> Option<Vec<u8>> {
    let key = aws_lc_rs::rsa::KeyPair::from_pkcs8(der).ok()?;
    Some(key.public_key().as_ref().to_vec())
}

fn elliptic(der: &[u8]) -> Option<Vec<u8>> {
    let curves = [
        &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
        &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
        &signature::ECDSA_P256K1_SHA256_ASN1_SIGNING,
    ];
    curves.into_iter().find_map(|curve| {
        let key = EcdsaKeyPair::from_private_key_der(curve, der).ok()?;
        Some(key.public_key().as_ref().to_vec())
    })
}

fn edwards(der: &[u8]) -> Option<Vec<u8>> {
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
    Some(key.public_key().as_ref().to_vec())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const LEAF: &str = include_str!("testdata/leaf.pem");
    pub(crate) const LEAF_KEY: &str = include_str!("testdata/leaf-pkcs8.key");
    pub(crate) const MIDDLE: &str = include_str!("testdata/middle.pem");
    pub(crate) const ROOT: &str = include_str!("testdata/root.pem");
    pub(crate) const SELF_SIGNED: &str = include_str!("testdata/self-signed.pem");
    pub(crate) const SELF_SIGNED_KEY: &str = include_str!("testdata/self-signed-pkcs1.key");
    pub(crate) const EXPIRED: &str = include_str!("testdata/expired.pem");

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    #[test]
    fn a_certificate_tells_its_dates() {
        let leaf = X509::from_pem(LEAF).unwrap();
        assert_eq!(leaf.not_before.to_string(), "2020-01-01T00:00:00Z");
        assert_eq!(leaf.not_after().to_string(), "2100-01-01T00:00:00Z");
        assert!(leaf.is_valid_at(now()));
        assert!(!X509::from_pem(EXPIRED).unwrap().is_valid_at(now()));
    }

    #[test]
    fn keys_in_every_form_match_their_certificate_and_no_other() {
        let leaf = X509::from_pem(LEAF).unwrap();
        let own = X509::from_pem(SELF_SIGNED).unwrap();
        for (key, certificate, other) in [
            (LEAF_KEY, &leaf, &own),
            (include_str!("testdata/leaf-sec1.key"), &leaf, &own),
            (SELF_SIGNED_KEY, &own, &leaf),
            (include_str!("testdata/self-signed-pkcs8.key"), &own, &leaf),
        ] {
            let key = PublicHalf::of_private_key(key).unwrap();
            assert!(key.is_of(certificate) && !key.is_of(other));
        }
    }

    #[test]
    fn what_is_no_certificate_or_key_is_refused() {
        let two = format!("{LEAF}{MIDDLE}");
        let text_before = format!("subject: leaf\n{LEAF}");
        let cut = LEAF.replacen("MI", "MJ", 1);
        for bad in [
            "",
            "hello",
            &two,
            &text_before,
            &cut,
            LEAF_KEY,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        ] {
            assert!(X509::from_pem(bad).is_err(), "{bad}");
        }
        let encrypted = include_str!("testdata/leaf-encrypted.key");
        for bad in [
            "",
            LEAF,
            encrypted,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        ] {
            assert!(PublicHalf::of_private_key(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_chain_holds_in_its_order_alone() {
        let read = |text| X509::from_pem(text).unwrap();
        let (leaf, middle, root) = (read(LEAF), read(MIDDLE), read(ROOT));
        let chain = [middle.clone(), root.clone()];
        assert_eq!(break_in_chain(&leaf, &chain, now()), None);
        assert_eq!(break_in_chain(&leaf, &chain[..1], now()), None);
        assert_eq!(
            break_in_chain(&leaf, &[root.clone(), middle.clone()], now()),
            Some(-1)
        );
        assert_eq!(
            break_in_chain(&leaf, &[middle.clone(), leaf.clone()], now()),
            Some(0)
        );
        let later = "2101-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(break_in_chain(&leaf, &[middle], later), Some(0));
        assert!(root.is_signed_by(&root));
    }
}
