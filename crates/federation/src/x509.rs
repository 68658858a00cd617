//! X.509 certificates, as far as federation asks: the key that they carry, and from when until when.
//!
//! Owns the reading. Verifies no chain: SAML pins certificates by its metadata, and chains of TLS are TLS's matter.

use jiff::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::key::PublicKey;

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The key that it carries.
    pub key: PublicKey,
    /// Good from.
    pub not_before: Timestamp,
    /// Good until.
    pub not_after: Timestamp,
}

impl Certificate {
    /// Reads a certificate from DER. None for what is none, and for keys that are neither RSA nor on a NIST curve.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let Ok(([], certificate)) = X509Certificate::from_der(der) else {
            return None;
        };
        let validity = certificate.validity();
        Some(Self {
            key: PublicKey::from_spki(certificate.public_key())?,
            not_before: Timestamp::from_second(validity.not_before.timestamp()).ok()?,
            not_after: Timestamp::from_second(validity.not_after.timestamp()).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Curve;
    use crate::pem;

    const CERTIFICATES: [&str; 2] = [
        include_str!("../tests/data/rsa.pem"),
        include_str!("../tests/data/p256.pem"),
    ];

    #[test]
    fn keys_and_times_are_read() {
        let [rsa, p256] = CERTIFICATES.map(|pem| {
            let der = pem::block(pem, "CERTIFICATE").unwrap();
            Certificate::from_der(&der).unwrap()
        });
        assert!(
            matches!(rsa.key, PublicKey::Rsa { ref n, ref e } if n.len() == 256 && *e == [1, 0, 1])
        );
        assert!(matches!(
            p256.key,
            PublicKey::Ec {
                curve: Curve::P256,
                ..
            }
        ));
        assert!(rsa.not_before < rsa.not_after);
    }

    #[test]
    fn cut_short_or_changed_it_does_not_panic() {
        let der = pem::block(CERTIFICATES[0], "CERTIFICATE").unwrap();
        for length in 0..der.len() {
            assert!(Certificate::from_der(&der[..length]).is_none());
        }
        for at in 0..der.len() {
            let mut changed = der.clone();
            changed[at] ^= 0xff;
            let _ = Certificate::from_der(&changed);
        }
    }
}
