//! TLS for the range: by certificates of its own authority, or by the user's.
//!
//! Owns keys and certificates. Sockets are `sockets.rs`.

mod authority;
mod files;
mod pem;
mod resolver;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ResolvesServerCert;
use rustls::{CipherSuite, ProtocolVersion, ServerConfig, ServerConnection};
use webpki::{EndEntityCert, KeyUsage};

use crate::call::TlsSession;

/// Whose certificates the range shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificates {
    /// Those of an authority of its own, which is made at the first start.
    Own,
    /// The user's.
    Files {
        /// The certificate and those that lead to its authority, in PEM.
        certificate: PathBuf,
        /// Its key, in PEM.
        key: PathBuf,
    },
}

/// Why the range cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read or written.
    #[error("cannot {deed} {}: {source}", path.display())]
    File {
        /// `read` or `write`.
        deed: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file without what it should have.
    #[error("{} {why}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The key is another certificate's.
    #[error(
        "the key in {} does not belong to the certificate in {}; give the pair that was made together",
        key.display(), certificate.display()
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate is not valid now.
    #[error("the certificate in {} is valid only {when}; give another", path.display())]
    Validity {
        /// Its file.
        path: PathBuf,
        /// `until …` or `from …`.
        when: String,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Making(#[from] rcgen::Error),
    /// The library does not take what it was given.
    #[error("cannot speak TLS: {0}")]
    Library(#[from] rustls::Error),
}

/// What the sockets need to speak TLS, and what clients need to believe it.
#[derive(Debug)]
pub(crate) struct Ready {
    /// The server's side of every connection.
    pub config: Arc<ServerConfig>,
    /// The certificate of the range's own authority.
    pub authority: Option<PathBuf>,
}

impl Ready {
    /// By certificates of the authority that is kept in `folder`; it is made if it is not there.
    pub fn own(folder: &Path, listen: IpAddr, now: Timestamp) -> Result<Self, TlsError> {
        let authority = authority::Authority::open(folder, now)?;
        let resolver = resolver::Resolver::new(authority, listen, now)?;
        Ok(Self {
            authority: Some(resolver.authority().to_owned()),
            config: server(Arc::new(resolver))?,
        })
    }

    /// By the user's certificate.
    pub fn files(certificate: &Path, key: &Path, now: Timestamp) -> Result<Self, TlsError> {
        let shown = files::certified(certificate, key, now)?;
        let shown = Arc::new(rustls::sign::SingleCertAndKey::from(shown));
        Ok(Self {
            config: server(shown)?,
            authority: None,
        })
    }
}

fn server(shown: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(shown);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// From when or until when a certificate is valid, if it is not valid now. Whether clients believe it is up to them.
fn invalid(certificate: &CertificateDer<'_>, now: Timestamp) -> Option<String> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let usage = KeyUsage::server_auth();
    // There is no authority to lead to: of what may be wrong the validity is looked at first.
    let judged = certificate.verify_for_usage(&[], &[], &[], time, usage, None, None);
    match judged.err()? {
        webpki::Error::CertExpired { not_after, .. } => Some(format!("until {}", day(not_after))),
        webpki::Error::CertNotValidYet { not_before, .. } => {
            Some(format!("from {} on", day(not_before)))
        }
        _ => None,
    }
}

fn day(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds)
        .map_or_else(|_| "the end of time".to_owned(), |at| at.to_string())
}

/// How a connection is protected, in CloudTrail's spelling, which is OpenSSL's.
pub(crate) fn session(connection: &ServerConnection) -> Option<TlsSession> {
    let version = match connection.protocol_version()? {
        ProtocolVersion::TLSv1_2 => "TLSv1.2",
        ProtocolVersion::TLSv1_3 => "TLSv1.3",
        _ => return None,
    };
    let suite = connection.negotiated_cipher_suite()?.suite();
    Some(TlsSession {
        version,
        cipher_suite: openssl_name(suite)?,
    })
}

fn openssl_name(suite: CipherSuite) -> Option<&'static str> {
    use CipherSuite as S;
    Some(match suite {
        S::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        S::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        S::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        S::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        S::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        S::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        S::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        S::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        S::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_that_is_spoken_has_a_name() {
        for suite in aws_lc_rs::default_provider().cipher_suites {
            assert!(openssl_name(suite.suite()).is_some(), "{suite:?}");
        }
    }
}
