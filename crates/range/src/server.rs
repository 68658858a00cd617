//! The range as a server: how it starts, what it is told then, how it stops.
//!
//! Owns its life. The sockets are `sockets.rs`; how a request is answered is `request.rs`.

use std::fs::Permissions;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
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
use crate::birth::{check_same, first_state};
use crate::clock::RangeClock;
use crate::desk::Versions;
use crate::front::{Front, Peer};
use crate::ids::NoRandomness;
use crate::profile::{self, ProfileError};
use crate::provider_keys::{ProviderKeys, Reach};
use crate::request::Desk;
use crate::sockets;
use crate::state::Behaviour;
use crate::store::{self, Keeper, StoreError};
use crate::tls::{Certificates, Ready, TlsError};
use crate::whole::{RestoreError, SnapshotError};

/// How a range starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The account that it has at first; none: `123456789012`.
    pub account: Option<AccountId>,
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
    /// The folder that keeps what it knows; none: it is all in memory.
    pub data: Option<PathBuf>,
    /// Whose certificates it shows to who speaks TLS to it; none: it does not speak TLS.
    pub tls: Option<Certificates>,
}

impl Default for Config {
    fn default() -> Self {
        let behaviour = Behaviour::default();
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4566)),
            account: None,
            admin_key: None,
            seed: None,
            iam_delay: behaviour.iam_delay,
            trail_delay: behaviour.trail_delay,
            still_at: None,
            trust: Trust::Signatures,
            exposed: false,
            data: None,
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
    /// The data folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The administrator's profile cannot be written.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The machine has no thread to give.
    #[error("cannot start the thread that writes to the data folder: {0}")]
    Thread(std::io::Error),
    /// The range in the data folder is not the one that was asked for.
    #[error(
        "{flag} is not that of the range in {}: there it is {is}; leave {flag} out to go on with it, or give another folder with --data", .folder.display()
    )]
    Other {
        /// The data folder.
        folder: PathBuf,
        /// What was given.
        flag: &'static str,
        /// What it is there.
        is: String,
    },
    /// The administrator could not be made.
    #[error("cannot make the administrator: {0}")]
    Administrator(AwsError),
}

/// A running range. It stops when it is dropped.
#[derive(Debug)]
pub struct Range {
    desk: Arc<Desk>,
    administrator: (String, Secret),
    was_there: bool,
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
        let behaviour = Behaviour {
            iam_delay: config.iam_delay,
            trail_delay: config.trail_delay,
            ..Behaviour::default()
        };
        let (desk, was_there) = match &config.data {
            None => {
                let clock = RangeClock::from(None, config.still_at);
                let (state, ids) = first_state(&config, &behaviour, &clock)?;
                let state = Versions::in_memory(state);
                (Desk::new(state, clock, config.trust, ids), false)
            }
            Some(folder) => open(folder, &config, &behaviour)?,
        };
        let tls = config
            .tls
            .map(|certificates| Tls::ready(&certificates, listen.ip(), config.data.as_deref()))
            .transpose()?;
        let mut range = Self::serve(listen, desk, tls).await?;
        range.was_there = was_there;
        range.write_profile()?;
        Ok(range)
    }

    /// Starts a second range on a free port of loopback, with a copy of everything that this one knows. Its clock
    /// stands at this one's time.
    ///
    /// # Errors
    /// [`StartError::Listen`].
    pub async fn copy(&self) -> Result<Self, StartError> {
        let state = Versions::in_memory(self.desk.state.read().apart());
        let clock = RangeClock::still(self.desk.clock.now());
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let desk = Desk::new(state, clock, self.desk.trust, self.desk.ids());
        Self::serve(listen, desk, None).await
    }

    async fn serve(listen: SocketAddr, desk: Desk, tls: Option<Tls>) -> Result<Self, StartError> {
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
        let desk = Arc::new(desk.asking_providers(ProviderKeys::new(reach)));
        let birth = desk.state.read().birth.clone();
        let (stop, stopped) = oneshot::channel();
        let front = Front {
            desk: Arc::clone(&desk),
        };
        let acceptor = tls
            .as_ref()
            .map(|tls| TlsAcceptor::from(Arc::clone(&tls.ready.config)));
        let serving = tokio::spawn(sockets::accept(listener, front, acceptor, stopped));
        Ok(Self {
            desk,
            administrator: birth.map_or_else(
                || (String::new(), Secret::new("")),
                |birth| (birth.key, birth.secret),
            ),
            was_there: false,
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

    /// The administrator's access key of the first account, as it was at the start.
    pub fn administrator(&self) -> (&str, &Secret) {
        (&self.administrator.0, &self.administrator.1)
    }

    /// The account that it had at first.
    pub fn account(&self) -> AccountId {
        self.desk.state.read().config.account.clone()
    }

    /// Whether it goes on with what a data folder held.
    pub fn was_there(&self) -> bool {
        self.was_there
    }

    /// The administrator's profile below the data folder; none: there is no data folder.
    pub fn profile(&self) -> Option<&profile::Files> {
        self.desk.profile.as_ref()
    }

    fn write_profile(&self) -> Result<(), StartError> {
        if let Some(profile) = self.profile() {
            let endpoint = self.tls_endpoint().unwrap_or_else(|| self.endpoint());
            let place = profile::Place {
                endpoint: &endpoint,
                authority: self.authority(),
            };
            profile.write_place(&place)?;
            profile.write_key(&self.administrator.0, &self.administrator.1)?;
        }
        Ok(())
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
        self.desk.advance(by).unwrap_or_else(|error| {
            tracing::error!(%error, "the clock was not moved");
            self.now()
        })
    }

    /// The whole cloud as one archive.
    ///
    /// # Errors
    /// A body cannot be read.
    pub fn snapshot(&self) -> Result<Vec<u8>, SnapshotError> {
        self.desk.snapshot()
    }

    /// Takes a whole cloud out of an archive, in place of this one.
    ///
    /// # Errors
    /// [`RestoreError`]; nothing was changed.
    pub fn restore(&self, archive: &[u8]) -> Result<(), RestoreError> {
        self.desk.restore(archive)
    }

    /// Answers a request without a socket, as if it came from loopback.
    pub fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let front = Front {
            desk: Arc::clone(&self.desk),
        };
        let peer = Peer::plain(Ipv4Addr::LOCALHOST.into());
        front.answer(&parts, &body, &peer).wait(&self.desk)
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
    fn ready(
        certificates: &Certificates,
        listen: IpAddr,
        data: Option<&Path>,
    ) -> Result<Self, StartError> {
        // The machine's clock: clients judge certificates by theirs.
        let now = SystemClock.now();
        Ok(match certificates {
            Certificates::Own => {
                if let Some(data) = data {
                    return Ok(Self {
                        ready: Ready::own(&data.join("tls"), listen, now)?,
                        _folder: None,
                    });
                }
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

/// A range that a data folder keeps: the one that is in it, or a new one.
/// Tells whether it was there.
fn open(folder: &Path, config: &Config, behaviour: &Behaviour) -> Result<(Desk, bool), StartError> {
    let mut opened = store::open(folder)?;
    let starts = opened.file.starts();
    let was_there = opened.state.is_some();
    let (mut state, clock, ids) = match opened.state.take() {
        None => {
            let clock = RangeClock::from(None, config.still_at);
            let (mut state, ids) = first_state(config, behaviour, &clock)?;
            let root = state.kms.name_root().map_err(StartError::Administrator)?;
            // Before the rows that are worth nothing without it.
            opened.keep_root(&root)?;
            opened.begin(&state)?;
            (state, clock, ids)
        }
        Some(mut state) => {
            let birth = state.birth.as_ref().ok_or_else(|| StoreError::Damaged {
                folder: folder.to_owned(),
                why: "it does not say how the range began".to_owned(),
            })?;
            check_same(folder, config, birth)?;
            state.config = Behaviour {
                account: birth.account.clone(),
                ..behaviour.clone()
            };
            let ids = birth.ids.clone().branch().of_start(starts);
            let clock = RangeClock::from(state.clock.clone(), config.still_at);
            (state, clock, ids)
        }
    };
    // One of before there was KMS has none yet.
    let root = state.kms.name_root().map_err(StartError::Administrator)?;
    opened.keep_root(&root)?;
    state.s3.bodies = Arc::clone(&opened.bodies);
    let (file, bodies, roots) = (opened.file, opened.bodies, opened.roots);
    let state = Versions::kept(state, |heads| Keeper::start(file, bodies, heads));
    let state = state.map_err(StartError::Thread)?;
    let desk = Desk::new(state, clock, config.trust, ids);
    let desk = desk
        .with_profile(profile::Files::of(&folder.join("aws")))
        .with_roots(roots);
    Ok((desk, was_there))
}

#[derive(Debug)]
struct DeskClock(Arc<Desk>);

impl Clock for DeskClock {
    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}
