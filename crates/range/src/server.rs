//! The range as a server: listens, answers, stops; and the control calls below `/_stockade/`.
//!
//! Owns the sockets. How a request is answered is `request.rs`.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
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

use crate::clock::RangeClock;
use crate::control;
use crate::ids::{Ids, NoRandomness};
use crate::request::{Desk, Source};
use crate::services::iam;
use crate::state::{Behaviour, State};

/// The largest body that is taken, in bytes: S3's for a single put.
const MAX_BODY: usize = 5 * 1024 * 1024 * 1024;
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
    address: SocketAddr,
    administrator: (String, Secret),
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl Range {
    /// Starts a new, empty cloud.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let clock = config
            .still_at
            .map_or_else(RangeClock::running, RangeClock::still);
        let now = clock.now();
        let mut ids = match config.seed {
            Some(seed) => Ids::seeded(seed),
            None => Ids::unforeseeable()?,
        };
        let administrator = config
            .admin_key
            .clone()
            .unwrap_or_else(|| (ids.access_key("AKIA"), ids.secret()));
        let behaviour = Behaviour {
            iam_delay: config.iam_delay,
            trail_delay: config.trail_delay,
            account: config.account.clone(),
        };
        let mut state = State::new(behaviour, ids, now);
        iam::users::add_administrator(
            &mut state,
            &config.account,
            &administrator.0,
            administrator.1.clone(),
            now,
        )
        .map_err(StartError::Administrator)?;
        Self::serve(config.listen, state, clock, administrator).await
    }

    /// Starts a second range on a free port of loopback, with a copy of everything that this one knows. Its clock
    /// stands at this one's time.
    pub async fn copy(&self) -> Result<Self, StartError> {
        let state = self.desk.read().clone();
        let clock = RangeClock::still(self.desk.clock.now());
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::serve(listen, state, clock, self.administrator.clone()).await
    }

    async fn serve(
        listen: SocketAddr,
        state: State,
        clock: RangeClock,
        administrator: (String, Secret),
    ) -> Result<Self, StartError> {
        let failed = |source| StartError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let desk = Arc::new(Desk {
            state: std::sync::RwLock::new(state),
            clock,
        });
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(accept(listener, Arc::clone(&desk), stopped));
        Ok(Self {
            desk,
            address,
            administrator,
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
        (&self.administrator.0, &self.administrator.1)
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
        answer(&self.desk, &parts, &body, IpAddr::V4(Ipv4Addr::LOCALHOST))
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

#[derive(Debug)]
struct DeskClock(Arc<Desk>);

impl Clock for DeskClock {
    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

async fn accept(listener: TcpListener, desk: Arc<Desk>, mut stopped: oneshot::Receiver<()>) {
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
                desk.deliver();
                continue;
            }
            _ = &mut stopped => break,
        };
        // Answers are small: waiting to fill a packet would only add delay.
        let _ = stream.set_nodelay(true);
        let desk = Arc::clone(&desk);
        let service = service_fn(move |request| respond(Arc::clone(&desk), request, peer.ip()));
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
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(GRACE) => {}
    }
}

async fn respond(
    desk: Arc<Desk>,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            let error = AwsError::new(
                400,
                "RequestTimeout",
                "The request's body could not be read.",
            );
            return Ok(server::encode_error(None, None, &error, "", None).map(Full::new));
        }
    };
    Ok(answer(&desk, &parts, &body, peer).map(Full::new))
}

/// Answers; a panic in one request is an `InternalFailure` of that one.
fn answer(
    desk: &Desk,
    parts: &http::request::Parts,
    body: &Bytes,
    peer: IpAddr,
) -> Response<Bytes> {
    let answered = catch_unwind(AssertUnwindSafe(|| {
        match control::called(parts.uri.path()) {
            Some(call) => control::answer(desk, call, parts, body, peer),
            None => desk.answer(parts, body, &Source { address: peer }),
        }
    }));
    answered.unwrap_or_else(|_| {
        tracing::error!(
            path = parts.uri.path(),
            "a request panicked; this is a fault of the range"
        );
        let error = AwsError::new(
            500,
            "InternalFailure",
            "The range failed to answer this call. This is a fault of the range.",
        );
        let mut response = server::encode_error(None, None, &error, "", None);
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}
