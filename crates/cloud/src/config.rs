//! What a client needs to know: the endpoint, the region, whose credentials.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;
use stockade_model::{Clock, Region};
use stockade_wire::sigv4::Credentials;

use crate::endpoint;

/// Whom to call, as whom.
#[derive(Clone)]
pub struct Config {
    /// One endpoint for all services; without it AWS's own host names.
    pub endpoint: Option<Uri>,
    /// The region of regional services.
    pub region: Region,
    /// What signs.
    pub credentials: Credentials,
    /// The time that signatures carry.
    pub clock: Arc<dyn Clock>,
    /// Sent as `X-Stockade-Source-Ip`, which a range on loopback honours. Never sent to AWS.
    pub source_ip: Option<String>,
    /// In place of `stockade/<version>`.
    pub user_agent: Option<String>,
    /// A PEM file of authorities to trust in place of the system's (`AWS_CA_BUNDLE`).
    pub ca_bundle: Option<PathBuf>,
}

impl Config {
    /// AWS itself, with these credentials.
    pub fn new(region: Region, credentials: Credentials, clock: Arc<dyn Clock>) -> Self {
        Self {
            endpoint: None,
            region,
            credentials,
            clock,
            source_ip: None,
            user_agent: None,
            ca_bundle: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("endpoint", &self.endpoint.as_ref().map(endpoint::shown))
            .field("region", &self.region.as_str())
            .field("access_key", &self.credentials.access_key)
            .finish_non_exhaustive()
    }
}
