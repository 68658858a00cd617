//! An endpoint that answers from a script, connection by connection, and remembers what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What to do with the next request.
#[derive(Clone)]
pub enum Deed {
    /// Answer with a status, a content type and a body.
    Answer(u16, &'static str, String),
    /// Read the request, then close.
    Drop,
    /// Read the request, then say nothing.
    Hang,
    /// Answer with bytes that are no HTTP.
    Garbage,
    /// Promise more than is sent.
    Torn,
}

pub fn xml(status: u16, body: &str) -> Deed {
    Deed::Answer(status, "text/xml", body.to_owned())
}

pub fn identity() -> Deed {
    xml(
        200,
        r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/anna</Arn><UserId>AIDA</UserId><Account>111122223333</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"#,
    )
}

pub fn error(status: u16, code: &str, message: &str) -> Deed {
    xml(
        status,
        &format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r-2</RequestId></ErrorResponse>"
        ),
    )
}

/// A server that plays its script; after the end, the last deed again.
pub struct Server {
    pub port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub async fn play(script: Vec<Deed>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, script.clone(), Arc::clone(&seen)));
            }
        });
        Self { port, requests }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, script: Vec<Deed>, seen: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read(&mut stream).await {
        let deed = {
            let mut seen = seen.lock().unwrap();
            seen.push(request);
            let index = (seen.len() - 1).min(script.len() - 1);
            script[index].clone()
        };
        let sent = match deed {
            Deed::Answer(status, kind, body) => {
                let head = format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nDate: Mon, 06 May 2024 12:00:00 GMT\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(format!("{head}{body}").as_bytes()).await
            }
            Deed::Drop => return,
            Deed::Hang => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return;
            }
            Deed::Garbage => {
                let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await;
                return;
            }
            Deed::Torn => {
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<Get")
                    .await;
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// A whole request: head and body. None when the client is gone.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = head
                .lines()
                .find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse().ok())?
                })
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}
