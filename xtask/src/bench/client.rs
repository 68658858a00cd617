//! An HTTP client that costs next to nothing: requests are signed and written out beforehand, and of an answer it reads
//! the status and the length. One thread, some connections that are kept.
//!
//! The servers share the machine with it: what it does not use is theirs.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::BenchError;

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The requests again and again until the time is over.
    Repeat,
    /// Each once.
    Once,
}

/// A load.
#[derive(Debug)]
pub struct Load<'a> {
    /// What is asked, for errors.
    pub operation: &'a str,
    /// The requests as they go over the wire.
    pub requests: &'a [Vec<u8>],
    /// In which order.
    pub order: Order,
    /// Connections that are open at a time.
    pub connections: usize,
    /// For how long at most.
    pub time: Duration,
}

/// What a load came to.
#[derive(Debug, Default, Clone)]
pub struct Samples {
    /// How long it took.
    pub elapsed: Duration,
    /// How long each answer took.
    pub latencies: Vec<Duration>,
    /// The processor time that the server used.
    pub server: Duration,
}

impl Samples {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// The server's processor time for an answer.
    pub fn cost(&self) -> Duration {
        let answers = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        self.server.checked_div(answers).unwrap_or_default()
    }

    /// The latency that so many of a thousand answers stay below.
    pub fn below(&self, of_a_thousand: usize) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = sorted.len().saturating_mul(of_a_thousand) / 1_000;
        let last = sorted.last().copied();
        sorted.get(at).copied().or(last).unwrap_or_default()
    }

    /// These and those: one after the other.
    pub fn add(&mut self, more: Self) {
        self.elapsed += more.elapsed;
        self.server += more.server;
        self.latencies.extend(more.latencies);
    }
}

/// Sends one request and hands back the answer's body, if its status is 200.
pub fn ask(address: SocketAddr, operation: &str, request: &[u8]) -> Result<Vec<u8>, BenchError> {
    block(async {
        let mut connection = Connection::new(address);
        let answer = connection.exchange(request).await?;
        check(operation, &answer, &connection.buffer)?;
        Ok(connection
            .buffer
            .get(answer.head..answer.end)
            .unwrap_or_default()
            .to_vec())
    })
}

/// Sends a load.
pub fn send(address: SocketAddr, load: &Load<'_>) -> Result<Samples, BenchError> {
    block(async {
        let next = Rc::new(Cell::new(0_usize));
        let latencies = Rc::new(RefCell::new(Vec::new()));
        let requests: Rc<[Vec<u8>]> = load.requests.into();
        let begun = Instant::now();
        let (order, time) = (load.order, load.time);
        let set = LocalSet::new();
        let tasks: Vec<_> = (0..load.connections)
            .map(|_| {
                let (next, latencies) = (Rc::clone(&next), Rc::clone(&latencies));
                let (requests, operation) = (Rc::clone(&requests), load.operation.to_owned());
                set.spawn_local(async move {
                    let mut connection = Connection::new(address);
                    loop {
                        let number = next.replace(next.get().saturating_add(1));
                        let request = match order {
                            Order::Repeat => requests.get(number % requests.len().max(1)),
                            Order::Once => requests.get(number),
                        };
                        let Some(request) = request.filter(|_| begun.elapsed() < time) else {
                            return Ok::<_, BenchError>(());
                        };
                        let asked = Instant::now();
                        let answer = connection.exchange(request).await?;
                        latencies.borrow_mut().push(asked.elapsed());
                        check(&operation, &answer, &connection.buffer)?;
                    }
                })
            })
            .collect();
        set.await;
        let elapsed = begun.elapsed();
        for task in tasks {
            task.await
                .map_err(|error| BenchError::Answer(error.to_string()))??;
        }
        let latencies = latencies.take();
        Ok(Samples {
            elapsed,
            latencies,
            server: Duration::ZERO,
        })
    })
}

fn block<T>(work: impl Future<Output = Result<T, BenchError>>) -> Result<T, BenchError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

fn check(operation: &str, answer: &Answer, buffer: &[u8]) -> Result<(), BenchError> {
    if answer.status == 200 {
        return Ok(());
    }
    let body = buffer.get(answer.head..answer.end).unwrap_or_default();
    Err(BenchError::Status {
        operation: operation.to_owned(),
        status: answer.status,
        body: String::from_utf8_lossy(body).chars().take(300).collect(),
    })
}

struct Answer {
    status: u16,
    /// Where the body begins in the buffer, and where it ends.
    head: usize,
    end: usize,
}

struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            buffer: Vec::with_capacity(64 * 1024),
        }
    }

    /// Sends a request and reads its answer. A server that closes after an answer costs a new connection.
    async fn exchange(&mut self, request: &[u8]) -> Result<Answer, BenchError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(head) = head(&self.buffer)? {
                break head;
            }
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(BenchError::Answer("it broke off".to_owned()));
            }
        };
        let end = head.begin.saturating_add(head.length);
        while self.buffer.len() < end {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(BenchError::Answer("it broke off".to_owned()));
            }
        }
        if !head.closes {
            self.stream = Some(stream);
        }
        Ok(Answer {
            status: head.status,
            head: head.begin,
            end,
        })
    }
}

struct Head {
    status: u16,
    begin: usize,
    length: usize,
    closes: bool,
}

/// The head of an answer; none: it is not whole yet.
fn head(buffer: &[u8]) -> Result<Option<Head>, BenchError> {
    let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(buffer.get(..at).unwrap_or_default())
        .map_err(|_| BenchError::Answer("its head is no text".to_owned()))?;
    let strange = || BenchError::Answer(text.to_owned());
    let mut lines = text.split("\r\n");
    let first = lines.next().ok_or_else(strange)?;
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(strange)?;
    let (mut length, mut closes) = (None, first.starts_with("HTTP/1.0"));
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.trim().eq_ignore_ascii_case("close");
        }
    }
    Ok(Some(Head {
        status,
        begin: at + 4,
        length: length.ok_or_else(strange)?,
        closes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_status_length_and_whether_the_connection_is_kept() {
        assert!(
            head(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n")
                .unwrap()
                .is_none()
        );
        let kept = head(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
            .unwrap()
            .unwrap();
        assert_eq!((kept.status, kept.length, kept.closes), (200, 3, false));
        let closed =
            head(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nConnection: close\r\n\r\n");
        let closed = closed.unwrap().unwrap();
        assert_eq!((closed.status, closed.closes), (403, true));
        assert!(head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn percentiles_are_of_all_answers() {
        let mut samples = Samples {
            elapsed: Duration::from_secs(2),
            server: Duration::from_secs(1),
            latencies: (1..=500).map(Duration::from_millis).collect(),
        };
        samples.add(Samples {
            elapsed: Duration::from_secs(2),
            server: Duration::from_secs(1),
            latencies: (501..=1_000).map(Duration::from_millis).collect(),
        });
        assert_eq!(samples.rate().round() as i64, 250);
        assert_eq!(samples.cost(), Duration::from_millis(2));
        assert_eq!(samples.below(500), Duration::from_millis(501));
        assert_eq!(samples.below(990), Duration::from_millis(991));
    }
}
