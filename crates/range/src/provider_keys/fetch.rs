//! One document over HTTPS: no redirect, no proxy, not too long, and only from where the range may ask.
//!
//! Owns the connection. The address is looked up once, judged, and connected to: a name that changes in between
//! changes nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::NoKeys;
use super::certificates::{Judge, PROVIDER, VerifiedBy};
use super::reach::Reach;

/// How many bytes a document may have.
const LONGEST: usize = 256 * 1_024;
/// How long a connection to one address may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How many addresses of a name are tried.
const MOST_ADDRESSES: usize = 4;

/// Fetches documents.
#[derive(Debug)]
pub(super) struct Fetcher {
    reach: Reach,
}

/// What was fetched.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) text: String,
    /// How long it may be kept, where it says so.
    pub(super) max_age: Option<Duration>,
    pub(super) verified_by: VerifiedBy,
}

impl Fetcher {
    pub(super) fn new(reach: Reach) -> Self {
        Self { reach }
    }

    pub(super) async fn get(
        &self,
        address: &str,
        thumbprints: &[String],
    ) -> Result<Document, NoKeys> {
        let bad = |why: &str| NoKeys::Document(format!("{why}: {}", short(address)));
        let uri: Uri = address.parse().map_err(|_| bad("not an address"))?;
        if uri.scheme_str() != Some("https") {
            return Err(bad("not an https address"));
        }
        let authority = uri
            .authority()
            .ok_or_else(|| bad("an address without a host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("an address with a user"));
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|_| bad("not a host"))?;
        let stream = self
            .connect(host, authority.port_u16().unwrap_or(443))
            .await?;

        let judge = Arc::new(Judge::new(thumbprints));
        let config = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_safe_default_protocol_versions()
            .map_err(unreachable)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&judge) as Arc<_>)
            .with_no_client_auth();
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await;
        let stream = stream.map_err(|error| {
            match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(rustls::Error::InvalidCertificate(_)) => NoKeys::Certificate,
                _ => unreachable(error),
            }
        })?;
        let verified_by = judge.verdict().ok_or(NoKeys::Certificate)?;

        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(64 * 1_024)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(unreachable)?;
        let driver = AbortOnDrop(tokio::spawn(async move {
            // What breaks the connection breaks the request too, which says so.
            let _ = connection.await;
        }));
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path)
            .header(header::HOST, authority.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, "stockade-range")
            .body(Empty::<Bytes>::new())
            .map_err(unreachable)?;
        let answer = sender.send_request(request).await.map_err(unreachable)?;
        if answer.status() != StatusCode::OK {
            return Err(bad(&format!("status {}", answer.status().as_u16())));
        }
        let max_age = max_age(answer.headers());
        let body = Limited::new(answer.into_body(), LONGEST).collect().await;
        let body = body.map_err(|_| bad("too long, or broken off"))?.to_bytes();
        drop(driver);
        let text = String::from_utf8(body.into()).map_err(|_| bad("not text"))?;
        Ok(Document {
            text,
            max_age,
            verified_by,
        })
    }

    /// Connects to the first address of a name at which the range may ask and somebody answers.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, NoKeys> {
        let found = tokio::net::lookup_host((host, port))
            .await
            .map_err(unreachable)?;
        let allowed: Vec<SocketAddr> = found
            .filter(|address| self.reach.allows(address.ip()))
            .take(MOST_ADDRESSES)
            .collect();
        let mut last = NoKeys::Unreachable("the range may not ask at its address".into());
        for address in allowed {
            match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = unreachable(error),
                Err(_) => last = NoKeys::Unreachable("the connection took too long".into()),
            }
        }
        Err(last)
    }
}

/// A task that ends with who waits for it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn unreachable(error: impl std::fmt::Display) -> NoKeys {
    NoKeys::Unreachable(short(&error.to_string()))
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

/// How long an answer may be kept.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let control = headers.get(header::CACHE_CONTROL)?.to_str().ok()?;
    let directives: Vec<&str> = control.split(',').map(str::trim).collect();
    if directives
        .iter()
        .any(|d| d.eq_ignore_ascii_case("no-store") || d.eq_ignore_ascii_case("no-cache"))
    {
        return Some(Duration::ZERO);
    }
    directives
        .iter()
        .find_map(|directive| directive.strip_prefix("max-age="))
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs)
}
