//! The user's certificate and key.

use std::path::Path;

use jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::{TlsError, invalid, pem};

/// Reads a certificate, those that lead to its authority, and its key.
pub fn certified(certificate: &Path, key: &Path, now: Timestamp) -> Result<CertifiedKey, TlsError> {
    let wrong = |path: &Path, why: String| TlsError::Content {
        path: path.to_owned(),
        why,
    };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&pem::read(certificate)?)
            .collect::<Result<_, _>>()
            .map_err(|error| wrong(certificate, format!("is no PEM that can be read: {error}")))?;
    let Some(first) = chain.first() else {
        let why = "has no certificate in PEM (-----BEGIN CERTIFICATE-----)";
        return Err(wrong(certificate, why.to_owned()));
    };
    let secret = PrivateKeyDer::from_pem_slice(&pem::read(key)?).map_err(|error| {
        wrong(
            key,
            match error {
                PemError::NoItemsFound => "has no private key in PEM that can be read; one that needs a passphrase must be given without it".to_owned(),
                other => format!("is no PEM that can be read: {other}"),
            },
        )
    })?;
    if let Some(when) = invalid(first, now) {
        return Err(TlsError::Validity {
            path: certificate.to_owned(),
            when,
        });
    }
    CertifiedKey::from_der(chain, secret, &aws_lc_rs::default_provider()).map_err(|error| {
        match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
            },
            Error::InvalidCertificate(why) => wrong(
                certificate,
                format!("has a certificate that cannot be read: {why:?}"),
            ),
            other => wrong(key, format!("has a key that cannot be used: {other}")),
        }
    })
}
