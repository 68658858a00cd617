//! The range as a server: how it starts, what it is told then, how it stops.
//!
//! Owns its life. The sockets are `sockets.rs`; how a request is answered is `request.rs`.

use std::fs::Permissions;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use stockade_model::{AccountId, Clock, Secret, SystemClock};
use stockade_wire::AwsError;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::authn::Trust;
use crate::clock::RangeClock;
use crate::front::{Front, Peer};
use crate::ids::{Ids, NoRandomness};
use crate::provider_keys::{ProviderKeys, Reach};
use crate::request::Desk;
use crate::services::iam;
use crate::sockets;
use crate::state::{Behaviour, State};
use crate::tls::{Certificates, Ready, TlsError};

/// How a range starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The account that it has at first.
    pub account: AccountId,
    /// The administrator's key; none: a random one.
    pub admin_key: Option<(String, Secret)>,
    /// The same seed gives the same ids; none: ids that nobody can foretell.
    pub seed: Option<u64>,
    /// How long a change in IAM or Organizations takes to spread.
    pub iam_delay: SignedDuration,
    /// How often trails deliver.
    pub trail_delay: SignedDuration,
    /// A clock that stands at this time until it is moved; none: the machine's.
    pub still_at: Option<Timestamp>,
    /// Whose word is taken for who calls.
    pub trust: Trust,
    /// Whether it may listen on an address that others can reach. Never together with [`Trust::Anybody`].
    pub exposed: bool,
    /// Whose certificates it shows to who speaks TLS to it; none: it does not speak TLS.
    pub tls: Option<Certificates>,
}

impl Default for Config {
    fn default() -> Self {
        let behaviour = Behaviour::default();
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4566)),
            account: behaviour.account,
            admin_key: None,
            seed: None,
            iam_delay: behaviour.iam_delay,
            trail_delay: behaviour.trail_delay,
            still_at: None,
            trust: Trust::Signatures,
            exposed: false,
            tls: None,
        }
    }
}

/// Why a range did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}: {source}; choose another with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Others could reach it, and nobody said that they may.
    #[error(
        "{0} can be reached from other machines; listen on 127.0.0.1, or say --exposed if that is meant"
    )]
    Exposed(SocketAddr),
    /// Others could reach a range that believes everybody.
    #[error(
        "{0} can be reached from other machines, and without signatures anybody there would be root; listen on 127.0.0.1"
    )]
    ExposedToAnybody(SocketAddr),
    /// No ids without randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// Without certificates no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is no place for what lives as long as the range.
    #[error("cannot make a temporary folder: {0}")]
    Temporary(std::io::Error),
    /// The administrator could not be made.
    #[error("cannot make the administrator: {0}")]
    Administrator(AwsError),
}

/// A running range. It stops when it is dropped.
#[derive(Debug)]
pub struct Range {
    desk: Arc<Desk>,
    birth: Arc<Birth>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
    tls: Option<Tls>,
}

/// How a range speaks TLS.
#[derive(Debug)]
struct Tls {
    ready: Ready,
    /// Where its authority is, if it ends with the range.
    _folder: Option<TempDir>,
}

impl Range {
    /// Starts a new, empty cloud.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let listen = config.listen;
        match (listen.ip().is_loopback(), config.trust, config.exposed) {
            (false, Trust::Anybody, _) => return Err(StartError::ExposedToAnybody(listen)),
            (false, Trust::Signatures, false) => return Err(StartError::Exposed(listen)),
            _ => {}
        }
        let clock = config
            .still_at
            .map_or_else(RangeClock::running, RangeClock::still);
        let mut ids = match config.seed {
            Some(seed) => Ids::seeded(seed),
            None => Ids::unforeseeable()?,
        };
        let administrator = config
            .admin_key
            .clone()
            .unwrap_or_else(|| (ids.access_key("AKIA", &config.account), ids.secret()));
        let birth = Birth {
            behaviour: Behaviour {
                iam_delay: config.iam_delay,
                trail_delay: config.trail_delay,
                account: config.account,
            },
            administrator,
            ids: ids.clone(),
        };
        let state = birth
            .state(clock.now())
            .map_err(StartError::Administrator)?;
        let requests = ids.branch();
        let desk = Desk::new(state, clock, config.trust, requests);
        let tls = config
            .tls
            .map(|certificates| Tls::ready(&certificates, listen.ip()))
            .transpose()?;
        Self::serve(listen, desk, birth, tls).await
    }

    /// Starts a second range on a free port of loopback, with a copy of everything that this one knows. Its clock
    /// stands at this one's time.
    ///
    /// # Errors
    /// [`StartError::Listen`].
    pub async fn copy(&self) -> Result<Self, StartError> {
        let state = self.desk.read().clone();
        let clock = RangeClock::still(self.desk.clock.now());
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let desk = Desk::new(state, clock, self.desk.trust, self.desk.ids());
        Self::serve(listen, desk, self.birth.as_ref().clone(), None).await
    }

    async fn serve(
        listen: SocketAddr,
        desk: Desk,
        birth: Birth,
        tls: Option<Tls>,
    ) -> Result<Self, StartError> {
        let failed = |source| StartError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let reach = if address.ip().is_loopback() {
            Reach::FromThisMachine
        } else {
            Reach::Public
        };
        let desk = desk.asking_providers(ProviderKeys::new(reach));
        let (desk, birth) = (Arc::new(desk), Arc::new(birth));
        let (stop, stopped) = oneshot::channel();
        let front = Front {
            desk: Arc::clone(&desk),
            birth: Arc::clone(&birth),
        };
        let acceptor = tls
            .as_ref()
            .map(|tls| TlsAcceptor::from(Arc::clone(&tls.ready.config)));
        let serving = tokio::spawn(sockets::accept(listener, front, acceptor, stopped));
        Ok(Self {
            desk,
            birth,
            address,
            stop: Some(stop),
            serving: Some(serving),
            tls,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As AWS clients on this machine want it: `http://127.0.0.1:4566`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.reachable())
    }

    /// The same by TLS; none: it does not speak TLS.
    pub fn tls_endpoint(&self) -> Option<String> {
        self.tls
            .as_ref()
            .map(|_| format!("https://{}", self.reachable()))
    }

    /// The certificate of its own authority, for clients to believe what it shows.
    pub fn authority(&self) -> Option<&Path> {
        self.tls.as_ref()?.ready.authority.as_deref()
    }

    /// Where it can be reached from this machine: who listens on every address listens on loopback too.
    fn reachable(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            other => other,
        };
        SocketAddr::new(ip, self.address.port())
    }

    /// The administrator's access key of the first account.
    pub fn administrator(&self) -> (&str, &Secret) {
        (&self.birth.administrator.0, &self.birth.administrator.1)
    }

    /// What time it is in the range.
    pub fn now(&self) -> Timestamp {
        self.desk.clock.now()
    }

    /// The range's clock, to read.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(DeskClock(Arc::clone(&self.desk)))
    }

    /// Moves the clock forward; what falls due is delivered.
    pub fn advance(&self, by: SignedDuration) -> Timestamp {
        self.desk.advance(by)
    }

    /// Answers a request without a socket, as if it came from loopback.
    pub fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let front = Front {
            desk: Arc::clone(&self.desk),
            birth: Arc::clone(&self.birth),
        };
        front.answer(&parts, &body, &Peer::plain(Ipv4Addr::LOCALHOST.into()))
    }

    /// Stops: no new connection is taken, and those that are open may finish.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have ended on its own.
            let _ = stop.send(());
        }
        if let Some(serving) = self.serving.take() {
            let _ = serving.await;
        }
    }
}

impl Tls {
    fn ready(certificates: &Certificates, listen: IpAddr) -> Result<Self, StartError> {
        // The machine's clock: clients judge certificates by theirs.
        let now = SystemClock.now();
        Ok(match certificates {
            Certificates::Own => {
                let folder = tempfile::Builder::new()
                    .prefix("stockade-range-")
                    .permissions(Permissions::from_mode(0o700))
                    .tempdir()
                    .map_err(StartError::Temporary)?;
                Self {
                    ready: Ready::own(folder.path(), listen, now)?,
                    _folder: Some(folder),
                }
            }
            Certificates::Files { certificate, key } => Self {
                ready: Ready::files(certificate, key, now)?,
                _folder: None,
            },
        })
    }
}

/// How a range came to be, to begin it anew.
#[derive(Debug, Clone)]
pub(crate) struct Birth {
    behaviour: Behaviour,
    administrator: (String, Secret),
    ids: Ids,
}

impl Birth {
    /// The state of a new range: one account and its administrator.
    ///
    /// # Errors
    /// An administrator's key that cannot be one.
    pub(crate) fn state(&self, now: Timestamp) -> Result<State, AwsError> {
        let mut state = State::new(self.behaviour.clone(), self.ids.clone(), now);
        let (id, secret) = &self.administrator;
        let account = &self.behaviour.account;
        iam::users::add_administrator(&mut state, account, id, secret.clone(), now)?;
        Ok(state)
    }
}

#[derive(Debug)]
struct DeskClock(Arc<Desk>);

impl Clock for DeskClock {
    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}
