//! The range over TLS: its own authority, the user's files, and what may be wrong with them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use stockade_range::server::{Config, Range, StartError};
use stockade_range::tls::{Certificates, TlsError};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

async fn start(certificates: Certificates) -> Result<Range, StartError> {
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        tls: Some(certificates),
        ..Config::default()
    };
    Range::start(config).await
}

fn connector(root: CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// The status of a health check by TLS, under a name.
async fn health(
    range: &Range,
    root: &CertificateDer<'static>,
    name: &str,
) -> std::io::Result<String> {
    let stream = TcpStream::connect(range.address()).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut stream = connector(root.clone()).connect(name, stream).await?;
    let ask = b"GET /_stockade/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(ask).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn one_port_speaks_both_and_every_name_of_this_machine_is_believed() {
    let range = start(Certificates::Own).await.unwrap();
    let path = range.authority().unwrap().to_owned();
    let root = CertificateDer::from_pem_file(&path).unwrap();
    for name in [
        "127.0.0.1",
        "::1",
        "localhost",
        "bucket.localhost",
        "bucket.s3.localhost",
        "a.b.localhost",
    ] {
        let answer = health(&range, &root, name).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
    }
    assert!(health(&range, &root, "example.com").await.is_err());
    let mut plain = TcpStream::connect(range.address()).await.unwrap();
    let ask = b"GET /_stockade/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    plain.write_all(ask).await.unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(
        range.tls_endpoint().unwrap(),
        format!("https://{}", range.address())
    );
    for file in [path.clone(), path.with_file_name("ca.key")] {
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "{file:?}"
        );
    }
    range.stop().await;
    assert!(
        !path.exists(),
        "what lives as long as the range goes with it"
    );
}

/// A certificate and its key in files.
fn pair(
    folder: &Path,
    name: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    let paths = (
        folder.join(format!("{name}.pem")),
        folder.join(format!("{name}.key")),
    );
    fs::write(&paths.0, pem("CERTIFICATE", certificate.der())).unwrap();
    fs::write(&paths.1, pem("PRIVATE KEY", &key.serialize_der())).unwrap();
    paths
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

#[tokio::test]
async fn the_users_certificate_is_shown() {
    let home = TempDir::new().unwrap();
    let (certificate, key) = pair(home.path(), "own", |_| {});
    let root = CertificateDer::from_pem_file(&certificate).unwrap();
    let range = start(Certificates::Files { certificate, key })
        .await
        .unwrap();
    let answer = health(&range, &root, "localhost").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(range.authority(), None);
}

#[tokio::test]
async fn what_is_wrong_with_the_users_files_is_said() {
    let home = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (good, good_key) = pair(home.path(), "good", |_| {});
    let (_, other_key) = pair(home.path(), "other", |_| {});
    let (old, old_key) = pair(home.path(), "old", |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 2, 3);
    });
    let (early, early_key) = pair(home.path(), "early", |params| {
        params.not_before = date_time_ymd(2999, 1, 1);
        params.not_after = date_time_ymd(3000, 1, 1);
    });
    let none = home.path().join("none");
    let text = file("text", "hello");
    let torn = file("torn", "-----BEGIN CERTIFICATE-----\nMIIB");
    let rubbish = file("rubbish", &pem("CERTIFICATE", b"no certificate"));
    let bad_key = file("bad-key", &pem("PRIVATE KEY", b"no key"));
    let locked = file("locked", &pem("ENCRYPTED PRIVATE KEY", b"0"));
    for (certificate, key, why) in [
        (&none, &good_key, "cannot read"),
        (&good, &none, "cannot read"),
        (&text, &good_key, "has no certificate in PEM"),
        (&torn, &good_key, "is no PEM that can be read"),
        (&rubbish, &good_key, "has a certificate that cannot be read"),
        (&good, &text, "has no private key in PEM"),
        (&good, &locked, "passphrase"),
        (&good, &bad_key, "has a key that cannot be used"),
        (&good, &other_key, "does not belong to the certificate"),
        (&old, &old_key, "valid only until 2021-02-03T00:00:00Z"),
        (
            &early,
            &early_key,
            "valid only from 2999-01-01T00:00:00Z on",
        ),
    ] {
        let files = Certificates::Files {
            certificate: certificate.clone(),
            key: key.clone(),
        };
        let error = start(files).await.unwrap_err();
        assert!(
            matches!(
                error,
                StartError::Tls(
                    TlsError::File { .. }
                        | TlsError::Content { .. }
                        | TlsError::Mismatch { .. }
                        | TlsError::Validity { .. }
                )
            ),
            "{error:?}"
        );
        assert!(error.to_string().contains(why), "{why}: {error}");
        assert!(
            error
                .to_string()
                .contains(&home.path().display().to_string()),
            "{error}"
        );
    }
}
