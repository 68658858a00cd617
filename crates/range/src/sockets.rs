//! The sockets: takes connections, reads requests, writes answers, and stops.
//!
//! Owns what a client may do to a connection: how slow, how large, for how long. What it asks is for `front.rs`.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use stockade_wire::{AwsError, server};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::front::{Front, Peer};
use crate::tls;

/// The largest body that is taken, in bytes. It is held in memory, so that it is less than S3's 5 GiB.
const MAX_BODY: u64 = 1024 * 1024 * 1024;
/// How much room is made for a body before it comes, however long its head says that it is.
const FIRST_ROOM: usize = 1024 * 1024;
/// A body of this many bytes is worked on apart from the connections: its digest alone takes a while.
const LARGE_BODY: usize = 512 * 1024;
/// How long open connections are given to finish at a stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long a connection may say nothing between requests, or take over the head of one.
const HEAD: Duration = Duration::from_secs(30);
/// How long a body may stand still.
const STALL: Duration = Duration::from_secs(30);
/// How long the two ends may take to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The first byte of every TLS connection; no HTTP request begins so.
const TLS_HANDSHAKE: u8 = 0x16;

/// Takes connections until it is told to stop; then those that are open may finish what they have begun.
pub(crate) async fn accept(
    listener: TcpListener,
    front: Front,
    tls: Option<TlsAcceptor>,
    mut stopped: oneshot::Receiver<()>,
) {
    let (stop, stopping) = watch::channel(false);
    let mut open = JoinSet::new();
    // Trails deliver though nobody calls.
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut out_of_sockets = false;
    loop {
        tokio::select! {
            taken = listener.accept() => match taken {
                Ok((stream, address)) => {
                    out_of_sockets = false;
                    let connection = Connection {
                        front: front.clone(),
                        address,
                        stopping: stopping.clone(),
                    };
                    open.spawn(connection.run(stream, tls.clone()));
                }
                // Out of file descriptors, say: wait for some to be free again.
                Err(error) => {
                    if !out_of_sockets {
                        tracing::warn!(%error, open = open.len(), "cannot take another connection for now");
                    }
                    out_of_sockets = true;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = open.join_next() => {}
            // Nobody waits to be told.
            _ = tick.tick() => drop(front.desk.tick()),
            _ = &mut stopped => break,
        }
    }
    drop(listener);
    // Nobody listens any more where the last connection has ended.
    let _ = stop.send(true);
    let finish = async { while open.join_next().await.is_some() {} };
    if timeout(GRACE, finish).await.is_err() {
        tracing::warn!("connections were cut off that had not finished");
    }
}

struct Connection {
    front: Front,
    address: SocketAddr,
    stopping: watch::Receiver<bool>,
}

impl Connection {
    async fn run(mut self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        // Answers are small: waiting to fill a packet would only add delay. One that cannot be set is only slower.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection waits to fill its packets");
        }
        // A connection that says nothing costs no more than its socket.
        let first = tokio::select! {
            first = timeout(HEAD, first_byte(&stream)) => first,
            _ = self.stopping.changed() => return,
        };
        // Boxed: else every connection, silent or not, would have the room that these need.
        let done = match (first, tls) {
            (Ok(Ok(Some(TLS_HANDSHAKE))), Some(tls)) => Box::pin(self.secured(stream, tls)).await,
            (Ok(Ok(Some(_))), _) => {
                let peer = Peer::plain(self.address.ip());
                Box::pin(self.converse(stream, peer)).await
            }
            (Ok(Ok(None)) | Err(_), _) => Ok(()),
            (Ok(Err(error)), _) => Err(Box::from(error)),
        };
        if let Err(error) = done {
            tracing::debug!(%error, "a connection broke");
        }
    }

    async fn secured(self, stream: TcpStream, tls: TlsAcceptor) -> Result<(), Broken> {
        let stream = timeout(HANDSHAKE, tls.accept(stream)).await??;
        let peer = Peer {
            tls: tls::session(stream.get_ref().1),
            ..Peer::plain(self.address.ip())
        };
        self.converse(stream, peer).await
    }

    /// Requests and answers, one after the other.
    async fn converse(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
    ) -> Result<(), Broken> {
        let peer = Arc::new(peer);
        let front = self.front;
        let service = service_fn(move |request| respond(front.clone(), request, Arc::clone(&peer)));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            // Who has said all that they will may still listen.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            done = connection.as_mut() => return Ok(done?),
            _ = self.stopping.changed() => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

/// Waits for a connection to say something, and tells its first byte; none: it was closed.
async fn first_byte(stream: &TcpStream) -> io::Result<Option<u8>> {
    let mut first = [0];
    let taken = stream.peek(&mut first).await?;
    Ok(first.first().copied().filter(|_| taken > 0))
}

async fn respond(
    front: Front,
    request: Request<Incoming>,
    peer: Arc<Peer>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = read(body).await;
    if let Ok(body) = &body {
        front.desk.prepare(&parts, body).await;
    }
    let answer = match body {
        Ok(body) if body.len() < LARGE_BODY => {
            let answer = front.answer(&parts, &body, &peer);
            answer.when_kept(&front.desk).await
        }
        Ok(body) => {
            let front = front.clone();
            let work = move || front.answer(&parts, &body, &peer).wait(&front.desk);
            match tokio::task::spawn_blocking(work).await {
                Ok(answer) => answer,
                Err(_) => refuse(AwsError::new(
                    503,
                    "ServiceUnavailable",
                    "The range is stopping.",
                )),
            }
        }
        Err(unread) => {
            tracing::debug!(
                ?unread,
                path = parts.uri.path(),
                "a request's body was not read"
            );
            refuse(unread.error())
        }
    };
    let mut answer = answer;
    front.date(&mut answer);
    Ok(answer.map(Full::new))
}

fn refuse(error: AwsError) -> Response<Bytes> {
    server::encode_error(None, None, &error, "", None)
}

/// Why a request's body could not be read.
#[derive(Debug)]
enum Unread {
    TooLarge,
    Stalled,
    Broken,
}

impl Unread {
    /// In S3's words: no other service takes bodies that are long.
    fn error(&self) -> AwsError {
        match self {
            Self::TooLarge => AwsError::new(
                400,
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
            )
            .with("MaxSizeAllowed", MAX_BODY.to_string()),
            Self::Stalled => AwsError::new(
                400,
                "RequestTimeout",
                "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.",
            ),
            Self::Broken => AwsError::new(
                400,
                "IncompleteBody",
                "The request body terminated unexpectedly",
            ),
        }
    }
}

/// Reads a body whole. One that came in one piece, as nearly all do, is not copied.
async fn read(mut body: Incoming) -> Result<Bytes, Unread> {
    let told = body.size_hint();
    if told.lower() > MAX_BODY {
        return Err(Unread::TooLarge);
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while !body.is_end_stream() {
        let frame = match timeout(STALL, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Err(Unread::Broken),
            Ok(None) => break,
            Err(_) => return Err(Unread::Stalled),
        };
        // What is no data is a trailer: the signature's parts are in the body itself.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if !first.is_empty() {
            let more = usize::try_from(told.lower()).unwrap_or(FIRST_ROOM);
            all.reserve(more.min(FIRST_ROOM).max(first.len()));
            all.extend_from_slice(&first);
            first = Bytes::new();
        }
        all.extend_from_slice(&data);
        if all.len() as u64 > MAX_BODY {
            return Err(Unread::TooLarge);
        }
    }
    Ok(if first.is_empty() {
        all.freeze()
    } else {
        first
    })
}
