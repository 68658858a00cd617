//! Whose certificates are believed: those that the machine's roots speak for, and those whose chain ends in a
//! certificate that was registered by its thumbprint.
//!
//! Owns that choice, for one connection. Chains, names and times are checked by webpki, as ever.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use aws_lc_rs::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Why a certificate was believed, the weaker reason first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VerifiedBy {
    /// A registered thumbprint.
    Thumbprint,
    /// One of the roots of this machine.
    Roots,
}

impl VerifiedBy {
    /// As the trail shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Thumbprint => "Thumbprint",
            Self::Roots => "IAMTrustStore",
        }
    }
}

/// The cryptography of every connection.
pub(super) static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

/// The roots of this machine; none where it has none.
static ROOTS: LazyLock<Option<Arc<WebPkiServerVerifier>>> = LazyLock::new(|| {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    verifier(store).ok()
});

fn verifier(store: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&PROVIDER))
        .build()
        .map_err(|error| Error::General(error.to_string()))
}

/// Judges the certificate of one connection, and remembers why it was believed.
#[derive(Debug)]
pub(super) struct Judge {
    thumbprints: Vec<String>,
    verdict: Mutex<Option<VerifiedBy>>,
}

impl Judge {
    pub(super) fn new(thumbprints: &[String]) -> Self {
        Self {
            thumbprints: thumbprints.to_vec(),
            verdict: Mutex::new(None),
        }
    }

    /// Why the certificate was believed; none: it was not, or there was none yet.
    pub(super) fn verdict(&self) -> Option<VerifiedBy> {
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn by_thumbprint(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let top = intermediates.last().unwrap_or(end_entity);
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, top);
        if !self.thumbprints.contains(&hex::encode(digest)) {
            return Err(CertificateError::UnknownIssuer.into());
        }
        if intermediates.is_empty() {
            // It is the registered certificate itself, which has no chain to be checked.
            return verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name);
        }
        let mut store = RootCertStore::empty();
        store.add(top.clone().into_owned())?;
        verifier(store)?
            .verify_server_cert(end_entity, intermediates, server_name, &[], now)
            .map(|_| ())
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by_roots = ROOTS.as_ref().is_some_and(|roots| {
            roots
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .is_ok()
        });
        let verdict = if by_roots {
            VerifiedBy::Roots
        } else {
            self.by_thumbprint(end_entity, intermediates, server_name, now)?;
            VerifiedBy::Thumbprint
        };
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &PROVIDER.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &PROVIDER.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER
            .signature_verification_algorithms
            .supported_schemes()
    }
}
