//! Which certificate a client is shown: one for the range's own names, and one for each bucket that stands in a host.
//!
//! A wildcard would do for `*.s3.localhost`; that of `*.localhost` is believed by some clients and not by others, so such names get certificates
//! of their own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rcgen::KeyPair;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use stockade_model::{Clock, SystemClock};

use super::TlsError;
use super::authority::{Authority, private};

/// How many names get a certificate of their own; further ones are shown the common one.
const NAMES: usize = 1_000;

/// Chooses certificates, and has them made.
#[derive(Debug)]
pub struct Resolver {
    authority: Authority,
    key: KeyPair,
    signer: Arc<dyn SigningKey>,
    common: Arc<CertifiedKey>,
    own: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl Resolver {
    /// A resolver for a range that listens on an address.
    pub fn new(authority: Authority, listen: IpAddr, now: Timestamp) -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let signer = aws_lc_rs::sign::any_supported_type(&private(&key))?;
        let mut names: Vec<String> = [
            "localhost",
            "127.0.0.1",
            "::1",
            "*.localhost",
            "*.s3.localhost",
        ]
        .map(str::to_owned)
        .into();
        let listen = listen.to_string();
        if !names.contains(&listen) {
            names.push(listen);
        }
        let certificate = authority.certify(names, &key, now)?;
        let common = Arc::new(CertifiedKey::new(vec![certificate], Arc::clone(&signer)));
        Ok(Self {
            authority,
            key,
            signer,
            common,
            own: Mutex::default(),
        })
    }

    /// Where the authority's certificate is.
    pub fn authority(&self) -> &Path {
        self.authority.path()
    }

    fn own(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = own.get(name) {
            return Some(Arc::clone(made));
        }
        if own.len() >= NAMES {
            return None;
        }
        let names = vec![name.to_owned()];
        // The clock of the machine: that is the one that clients judge by.
        let certificate = self
            .authority
            .certify(names, &self.key, SystemClock.now())
            .ok()?;
        let made = Arc::new(CertifiedKey::new(
            vec![certificate],
            Arc::clone(&self.signer),
        ));
        own.insert(name.to_owned(), Arc::clone(&made));
        Some(made)
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello
            .server_name()
            .filter(|name| name.ends_with(".localhost"));
        let own = name.and_then(|name| self.own(&name.to_ascii_lowercase()));
        Some(own.unwrap_or_else(|| Arc::clone(&self.common)))
    }
}
