//! What stands between the sockets and the desk: control calls are told from AWS calls, a panic is one call's, and
//! every answer is dated.
//!
//! Owns nothing of a request but that. How an AWS call is answered is `request.rs`.

use std::cell::RefCell;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response};
use stockade_model::Clock;
use stockade_wire::{AwsError, server};

use crate::answer::Answer;
use crate::authn::Trust;
use crate::call::TlsSession;
use crate::control;
use crate::issuers;
use crate::request::Desk;

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address; one of IPv4 is never shown in IPv6's form.
    pub address: IpAddr,
    /// How the connection is protected; none: it is in the clear.
    pub tls: Option<TlsSession>,
}

impl Peer {
    /// A peer that calls in the clear.
    pub fn plain(address: IpAddr) -> Self {
        Self {
            address: address.to_canonical(),
            tls: None,
        }
    }
}

/// What answers requests.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    pub desk: Arc<Desk>,
}

impl Front {
    /// Dates an answer by the range's clock, by which clients tell how far theirs is off.
    pub fn date(&self, answer: &mut Response<Bytes>) {
        thread_local! {
            /// The last date that was written, with its second: many answers have the same.
            static WRITTEN: RefCell<(i64, Option<HeaderValue>)> = const { RefCell::new((i64::MIN, None)) };
        }
        let now = self.desk.clock.now();
        let date = WRITTEN.with_borrow_mut(|(second, written)| {
            if *second != now.as_second() || written.is_none() {
                *second = now.as_second();
                let text = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
                *written = HeaderValue::try_from(text).ok();
            }
            written.clone()
        });
        if let Some(date) = date {
            answer.headers_mut().insert(http::header::DATE, date);
        }
    }

    /// Whether a web page from elsewhere asks a range that believes everybody: nobody who visits a page means to let it
    /// be root here.
    fn believes_a_page(&self, parts: &Parts) -> bool {
        let origin = parts.headers.get(http::header::ORIGIN);
        self.desk.trust == Trust::Anybody
            && origin.is_some_and(|origin| !is_local(origin.as_bytes()))
    }

    /// Answers; a panic in one request is an `InternalFailure` of that one.
    pub fn answer(&self, parts: &Parts, body: &Bytes, peer: &Peer) -> Answer {
        let answered = catch_unwind(AssertUnwindSafe(|| {
            if let Some(answer) = issuers::answer(&self.desk, parts) {
                return answer.into();
            }
            match control::called(parts.uri.path()) {
                Some(call) => control::answer(&self.desk, call, parts, body, peer.address).into(),
                None if self.believes_a_page(parts) => stranger_page().into(),
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
            server::encode_error(None, None, &error, "", None).into()
        })
    }
}

/// Whether a page comes from this machine.
fn is_local(origin: &[u8]) -> bool {
    let origin = str::from_utf8(origin).unwrap_or_default();
    let Ok(uri) = origin.parse::<http::Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn stranger_page() -> Response<Bytes> {
    let error = AwsError::new(
        403,
        "AccessDenied",
        "A web page from elsewhere may not call a range that checks no signatures; start it with --auth enforce",
    );
    server::encode_error(None, None, &error, "", None)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{Request, StatusCode};

    use super::*;
    use crate::request::tests::PANIC;
    use crate::server::{Config, Range};

    async fn open_range() -> Range {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            trust: Trust::Anybody,
            ..Config::default()
        };
        Range::start(config).await.unwrap()
    }

    fn call(range: &Range, body: String, header: (&str, &str)) -> (StatusCode, String) {
        let request = Request::post("/")
            .header("host", "127.0.0.1")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-amz-date", "20260302T080000Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=test/20260302/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=00",
            )
            .header(header.0, header.1)
            .body(Bytes::from(body))
            .unwrap();
        let answer = range.handle(request);
        (
            answer.status(),
            String::from_utf8(answer.body().to_vec()).unwrap(),
        )
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_is_one_calls_and_harms_no_other() {
        let range = Arc::new(open_range().await);
        let calls: Vec<_> = (0..64)
            .map(|number| {
                let range = Arc::clone(&range);
                tokio::task::spawn_blocking(move || {
                    let body = format!("Action=CreateUser&Version=2010-05-08&UserName=u{number}");
                    let agent = if number % 2 == 0 { PANIC } else { "quiet" };
                    (number, call(&range, body, ("user-agent", agent)))
                })
            })
            .collect();
        for done in calls {
            let (number, (status, body)) = done.await.unwrap();
            if number % 2 == 0 {
                assert_eq!(status, 500, "{body}");
                assert!(body.contains("<Code>InternalFailure</Code>"), "{body}");
            } else {
                assert_eq!(status, 200, "{body}");
            }
        }
        let (status, body) = call(
            &range,
            "Action=ListUsers&Version=2010-05-08".to_owned(),
            ("user-agent", "quiet"),
        );
        assert_eq!(status, 200);
        for number in (1..64).step_by(2) {
            assert!(
                body.contains(&format!("<UserName>u{number}</UserName>")),
                "u{number}"
            );
        }
    }

    #[tokio::test]
    async fn a_page_from_elsewhere_is_not_believed() {
        let range = open_range().await;
        let status = |origin| {
            let body = "Action=ListUsers&Version=2010-05-08".to_owned();
            call(&range, body, ("origin", origin)).0
        };
        for own in [
            "http://localhost:3000",
            "https://app.localhost",
            "http://127.0.0.1:80",
            "http://[::1]",
        ] {
            assert_eq!(status(own), 200, "{own}");
        }
        for other in [
            "https://evil.example",
            "http://203.0.113.9",
            "null",
            "",
            "http://localhost.evil.example",
        ] {
            assert_eq!(status(other), 403, "{other}");
        }
    }
}
