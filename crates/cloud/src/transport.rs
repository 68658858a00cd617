//! One HTTP exchange: connect, send, read the answer.
//!
//! Owns connections, TLS and timeouts, and tells a request that was not sent from one that may have been.

use std::error::Error as StdError;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::{CloudError, NotReached};
use crate::retry::Patience;

/// Answers larger than this are not read: no AWS answer is, and an object of S3 that is belongs on a disk.
const LARGEST_ANSWER: usize = 1024 * 1024 * 1024;

pub(crate) type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing was sent.
    NotReached(NotReached, String),
    /// Sent, perhaps in part; no answer.
    Interrupted(String),
    /// Sent; no answer in time.
    TimedOut,
}

/// A pool of connections.
pub(crate) fn pool(
    patience: &Patience,
    tls: bool,
    ca_bundle: Option<&Path>,
) -> Result<Http, CloudError> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(patience.connect));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls_config(tls, ca_bundle)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(20))
        .build(connector))
}

fn tls_config(tls: bool, ca_bundle: Option<&Path>) -> Result<ClientConfig, CloudError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| CloudError::Config(format!("TLS cannot be set up: {error}")))?;
    let builder = match ca_bundle {
        Some(path) => builder.with_root_certificates(bundle(path)?),
        // The system's store takes a while to read, and a plain endpoint needs none.
        None if !tls => builder.with_root_certificates(RootCertStore::empty()),
        None => builder.with_native_roots().map_err(|error| {
            CloudError::Config(format!(
                "the system has no trusted certificates ({error}): install ca-certificates, or name a bundle in AWS_CA_BUNDLE"
            ))
        })?,
    };
    Ok(builder.with_no_client_auth())
}

fn bundle(path: &Path) -> Result<RootCertStore, CloudError> {
    let error = |detail: String| {
        CloudError::Config(format!(
            "AWS_CA_BUNDLE: {} is not a PEM file of certificates: {detail}",
            path.display()
        ))
    };
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|problem| error(problem.to_string()))?
    {
        let certificate = certificate.map_err(|problem| error(problem.to_string()))?;
        roots
            .add(certificate)
            .map_err(|problem| error(problem.to_string()))?;
    }
    if roots.is_empty() {
        return Err(error("it holds none".to_owned()));
    }
    Ok(roots)
}

/// Sends a request and reads the whole answer.
pub(crate) async fn exchange(
    http: &Http,
    request: Request<Bytes>,
    patience: &Patience,
) -> Result<(response::Parts, Bytes), Failure> {
    let send = async {
        let answer = http
            .request(request.map(Full::new))
            .await
            .map_err(|error| failure(&error))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER)
            .collect()
            .await
            .map_err(|error| Failure::Interrupted(root_cause(&*error)))?;
        Ok((parts, body.to_bytes()))
    };
    tokio::time::timeout(patience.request, send)
        .await
        .unwrap_or(Err(Failure::TimedOut))
}

fn failure(error: &hyper_util::client::legacy::Error) -> Failure {
    let cause = root_cause(error);
    if !error.is_connect() {
        return Failure::Interrupted(cause);
    }
    Failure::NotReached(reason(error), cause)
}

type Cause<'a> = &'a (dyn StdError + 'static);

/// The errors from the outermost to the innermost, those that an I/O error wraps included.
fn chain(error: Cause<'_>) -> impl Iterator<Item = Cause<'_>> {
    fn next<'a>(error: &Cause<'a>) -> Option<Cause<'a>> {
        let error: Cause<'a> = *error;
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(|error| error.get_ref())
            .map(|inner| inner as Cause<'a>);
        wrapped.or_else(|| error.source())
    }
    // A chain that does not end is not worth following.
    std::iter::successors(Some(error), next).take(20)
}

fn root_cause(error: Cause<'_>) -> String {
    chain(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

fn reason(error: Cause<'_>) -> NotReached {
    use std::io::ErrorKind;
    for error in chain(error) {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return match error {
                rustls::Error::InvalidCertificate(_) => NotReached::Certificate,
                rustls::Error::InvalidMessage(_) => NotReached::NotTls,
                _ => NotReached::Other,
            };
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            match error.kind() {
                ErrorKind::ConnectionRefused => return NotReached::Refused,
                ErrorKind::TimedOut
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable => {
                    return NotReached::Silent;
                }
                _ => {}
            }
        }
        let text = error.to_string();
        if text.contains("dns error") || text.contains("failed to lookup address") {
            return NotReached::Name;
        }
    }
    NotReached::Other
}
