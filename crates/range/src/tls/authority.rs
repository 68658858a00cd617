//! The range's own certificate authority: made at the first start, kept in a folder, the same at the next.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::{TlsError, invalid, pem};

const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca.key";
/// For how long an authority is valid, in years.
const YEARS: i64 = 10;
/// For how long a server's certificate is valid, in days. One is made at every start.
const DAYS: i64 = 397;

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    path: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// The authority of a folder; it is made if it is not there.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Self, TlsError> {
        let (path, key) = (folder.join(CERTIFICATE), folder.join(KEY));
        let alone = |path: PathBuf, other: &str| TlsError::Content {
            path,
            why: format!(
                "is there without {other}; bring that back, or remove both for a new authority"
            ),
        };
        match (path.exists(), key.exists()) {
            (false, false) => make(folder, &path, &key, now)?,
            (true, true) => {}
            (true, false) => return Err(alone(path, KEY)),
            (false, true) => return Err(alone(key, CERTIFICATE)),
        }
        Self::read(path, &key, now)
    }

    fn read(path: PathBuf, key: &Path, now: Timestamp) -> Result<Self, TlsError> {
        let wrong = |path: &Path| TlsError::Content {
            path: path.to_owned(),
            why:
                "is not what the range wrote there; remove it and its neighbour for a new authority"
                    .to_owned(),
        };
        let certificate =
            CertificateDer::from_pem_slice(&pem::read(&path)?).map_err(|_| wrong(&path))?;
        let secret = PrivateKeyDer::from_pem_slice(&pem::read(key)?).map_err(|_| wrong(key))?;
        if let Some(when) = invalid(&certificate, now) {
            return Err(TlsError::Validity { path, when });
        }
        let pair = KeyPair::try_from(&secret).map_err(|_| wrong(key))?;
        let provider = aws_lc_rs::default_provider();
        CertifiedKey::from_der(vec![certificate], secret, &provider).map_err(|_| {
            TlsError::Mismatch {
                certificate: path.clone(),
                key: key.to_owned(),
            }
        })?;
        let issuer = Issuer::new(authority(&pair, now)?, pair);
        Ok(Self { path, issuer })
    }

    /// Where its certificate is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A certificate for these names, of a server that holds `key`.
    pub fn certify(
        &self,
        names: Vec<String>,
        key: &KeyPair,
        now: Timestamp,
    ) -> Result<CertificateDer<'static>, TlsError> {
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name = named("Stockade range");
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        valid(&mut server, now, Span::new().days(DAYS));
        Ok(server.signed_by(key, &self.issuer)?.into())
    }
}

fn make(folder: &Path, path: &Path, key: &Path, now: Timestamp) -> Result<(), TlsError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| TlsError::File {
        deed: "make",
        path: folder.to_owned(),
        source,
    })?;
    let pair = KeyPair::generate()?;
    let certificate = authority(&pair, now)?.self_signed(&pair)?;
    // The key last: a certificate without its key is noticed, and no key is ever used without one.
    pem::write_new(path, &pem::pem("CERTIFICATE", certificate.der()))?;
    pem::write_new(key, &pem::pem("PRIVATE KEY", &pair.serialize_der()))
}

/// What the authority's certificate says. Its name follows from its key, so that it is the same whenever it is asked.
fn authority(pair: &KeyPair, now: Timestamp) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::new(Vec::new())?;
    let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, pair.public_key_raw());
    let short: String = hex::encode(digest.as_ref()).chars().take(8).collect();
    params.distinguished_name = named(&format!("Stockade range authority {short}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, now, Span::new().years(YEARS));
    Ok(params)
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::OrganizationName, "Stockade");
    named.push(DnType::CommonName, name);
    named
}

/// From yesterday on: the other machine's clock may be a little behind.
fn valid(params: &mut CertificateParams, now: Timestamp, long: Span) {
    let today = TimeZone::UTC.to_datetime(now).date();
    let day = |date: jiff::civil::Date| {
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        date_time_ymd(i32::from(date.year()), month, day)
    };
    params.not_before = day(today.saturating_sub(Span::new().days(1)));
    params.not_after = day(today.saturating_add(long));
}

/// A key as the TLS library takes it.
pub fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}
