//! What stands between the sockets and the desk: control calls are told from AWS calls, a panic is one call's, and
//! every answer is dated.
//!
//! Owns nothing of a request but that. How an AWS call is answered is `request.rs`.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use stockade_model::Clock;
use stockade_wire::{AwsError, server};

use crate::call::TlsSession;
use crate::control;
use crate::request::Desk;
use crate::server::Birth;

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

/// What answers requests: the desk, and what the control calls need beside it.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    pub desk: Arc<Desk>,
    pub birth: Arc<Birth>,
}

impl Front {
    /// Dates an answer by the range's clock, by which clients tell how far theirs is off.
    pub fn date(&self, answer: &mut Response<Bytes>) {
        let now = self.desk.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT");
        if let Ok(date) = now.to_string().parse() {
            answer.headers_mut().insert(http::header::DATE, date);
        }
    }

    /// Answers; a panic in one request is an `InternalFailure` of that one.
    pub fn answer(&self, parts: &Parts, body: &Bytes, peer: &Peer) -> Response<Bytes> {
        let answered = catch_unwind(AssertUnwindSafe(|| {
            match control::called(parts.uri.path()) {
                Some(call) => {
                    control::answer(&self.desk, &self.birth, call, parts, body, peer.address)
                }
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
