//! The range as a server: listens, answers, stops; and the control calls below `/_stockade/`.
//!
//! Owns the sockets. How a request is answered is `request.rs`.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use jiff::{SignedDuration, Timestamp};
use stockade_model::{AccountId, Clock, Secret};
use stockade_wire::{AwsError, server};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::authn::Trust;
use crate::clock::RangeClock;
use crate::control;
use crate::ids::{Ids, NoRandomness};
use crate::request::Desk;
use crate::services::iam;
use crate::state::{Behaviour, State};

/// The largest body that is taken, in bytes. It is held in memory, so that it is less than S3's 5 GiB.
const MAX_BODY: usize = 1024 * 1024 * 1024;
/// How long open connections are given to finish at a stop.
const GRACE: Duration = Duration::from_secs(5);

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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4566)),
            account: first_account(),
            admin_key: None,
            seed: None,
            iam_delay: SignedDuration::ZERO,
            trail_delay: SignedDuration::from_mins(5),
            still_at: None,
            trust: Trust::Signatures,
            exposed: false,
        }
    }
}

#[expect(clippy::unwrap_used, reason = "the text is twelve digits")]
fn first_account() -> AccountId {
    "123456789012".parse().unwrap()
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
        "{0} can be reached from other machines; a range listens on 127.0.0.1 unless it is told otherwise"
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
            .unwrap_or_else(|| (ids.access_key("AKIA"), ids.secret()));
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
        Self::serve(listen, desk, birth).await
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
        Self::serve(listen, desk, self.birth.as_ref().clone()).await
    }

    async fn serve(listen: SocketAddr, desk: Desk, birth: Birth) -> Result<Self, StartError> {
        let failed = |source| StartError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (desk, birth) = (Arc::new(desk), Arc::new(birth));
        let (stop, stopped) = oneshot::channel();
        let front = Front {
            desk: Arc::clone(&desk),
            birth: Arc::clone(&birth),
        };
        let serving = tokio::spawn(accept(listener, front, stopped));
        Ok(Self {
            desk,
            birth,
            address,
            stop: Some(stop),
            serving: Some(serving),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As AWS clients want it: `http://127.0.0.1:4566`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
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
        front.answer(&parts, &body, IpAddr::V4(Ipv4Addr::LOCALHOST))
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

/// What answers requests: the desk, and what the control calls need beside it.
#[derive(Debug, Clone)]
struct Front {
    desk: Arc<Desk>,
    birth: Arc<Birth>,
}

#[derive(Debug)]
struct DeskClock(Arc<Desk>);

impl Clock for DeskClock {
    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

async fn accept(listener: TcpListener, front: Front, mut stopped: oneshot::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    // Trails deliver though nobody calls.
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        let (stream, peer) = tokio::select! {
            taken = listener.accept() => match taken {
                Ok(taken) => taken,
                // Out of file descriptors, say: wait for some to be free again.
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = tick.tick() => {
                front.desk.deliver();
                continue;
            }
            _ = &mut stopped => break,
        };
        // Answers are small: waiting to fill a packet would only add delay. One that cannot be set is only slower.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection waits to fill its packets");
        }
        let front = front.clone();
        let service = service_fn(move |request| respond(front.clone(), request, peer.ip()));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(30))
            .serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(GRACE) => {}
    }
}

async fn respond(
    front: Front,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            tracing::debug!(%error, "a request's body could not be read");
            let error = AwsError::new(
                400,
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size, or it broke off.",
            );
            return Ok(server::encode_error(None, None, &error, "", None).map(Full::new));
        }
    };
    let mut answer = front.answer(&parts, &body, peer);
    front.date(&mut answer);
    Ok(answer.map(Full::new))
}

impl Front {
    /// Dates an answer by the range's clock, by which clients tell how far theirs is off.
    fn date(&self, answer: &mut Response<Bytes>) {
        let now = self.desk.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT");
        if let Ok(date) = now.to_string().parse() {
            answer.headers_mut().insert(http::header::DATE, date);
        }
    }

    /// Answers; a panic in one request is an `InternalFailure` of that one.
    fn answer(&self, parts: &Parts, body: &Bytes, peer: IpAddr) -> Response<Bytes> {
        let answered = catch_unwind(AssertUnwindSafe(|| {
            match control::called(parts.uri.path()) {
                Some(call) => control::answer(&self.desk, &self.birth, call, parts, body, peer),
                None => self.desk.answer(parts, body, peer),
            }
        }));
        answered.unwrap_or_else(|_| {
            tracing::error!(path = parts.uri.path(), "a request panicked; this is a fault of the range");
            let error = AwsError::new(
                500,
                "InternalFailure",
                "The request processing has failed because of an unknown error: a fault of the range.",
            );
            server::encode_error(None, None, &error, "", None)
        })
    }
}
