//! Answers on their way out: what a change came to is told once it is on the disk.
//!
//! Owns what is answered, and recorded, where it could not be kept. How a call is answered is `request.rs`.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use stockade_wire::AwsError;
use stockade_wire::server::{self, Target};

use crate::request::Desk;
use crate::seen::Seen;
use crate::services;
use crate::store::{NotKept, Ticket, unavailable};
use crate::trail::{self, Entry, Record};

/// An answer, which may have to wait until what it tells is on the disk.
#[derive(Debug)]
pub struct Answer {
    pub(crate) response: Response<Bytes>,
    pub(crate) seen: Option<Seen>,
    pub(crate) waits: Option<Waits>,
}

/// What an answer waits for.
#[derive(Debug)]
pub(crate) struct Waits {
    pub ticket: Ticket,
    /// What is answered where it cannot be kept.
    pub instead: Instead,
}

/// What is answered, and recorded, in place of a success that could not be kept.
#[derive(Debug)]
pub(crate) struct Instead {
    pub target: Target,
    pub request_id: String,
    pub path: String,
    pub entries: Vec<Entry>,
}

impl From<Response<Bytes>> for Answer {
    fn from(response: Response<Bytes>) -> Self {
        Self {
            response,
            seen: None,
            waits: None,
        }
    }
}

impl Answer {
    /// The answer, once it may be told.
    pub async fn when_kept(mut self, desk: &Desk) -> Response<Bytes> {
        let Some(waits) = &mut self.waits else {
            return self.response;
        };
        let kept = (&mut waits.ticket).await;
        self.told(desk, kept)
    }

    /// The same, waiting on this thread.
    pub fn wait(mut self, desk: &Desk) -> Response<Bytes> {
        let Some(waits) = self.waits.take() else {
            return self.response;
        };
        let kept = waits.ticket.wait();
        let (ticket, instead) = (Ticket::of(kept), waits.instead);
        self.waits = Some(Waits { ticket, instead });
        self.told(desk, kept)
    }

    pub(crate) fn told(self, desk: &Desk, kept: Result<(), NotKept>) -> Response<Bytes> {
        let mut response = self.response;
        let mut seen = self.seen;
        if let (Err(_), Some(Waits { instead, .. })) = (kept, self.waits)
            // What failed anyway failed.
            && response.status().is_success()
        {
            let error = unavailable();
            if let Some(seen) = &mut seen {
                seen.error_code = Some(error.code.clone());
            }
            let failed = |entry: Entry| {
                let text = trail::failed(&entry.record.text, instead.target.service, &error);
                Entry {
                    record: Arc::new(Record {
                        text: text.into(),
                        ..*entry.record
                    }),
                    ..entry
                }
            };
            let entries = instead.entries.into_iter().map(failed).collect();
            desk.state.read().log.take(entries);
            let path = Some(instead.path.as_str());
            response = refused(&instead.target, error, &instead.request_id, path);
        }
        if let Some(mut seen) = seen {
            seen.status = response.status().as_u16();
            desk.last_seen.remember(seen);
        }
        response
    }
}

/// The answer to a call that failed.
pub(crate) fn refused(
    target: &Target,
    mut error: AwsError,
    request_id: &str,
    path: Option<&str>,
) -> Response<Bytes> {
    if target.service.name == "s3" {
        error = error.with("HostId", services::s3::extended_request_id(request_id));
    }
    let (service, protocol) = (Some(target.service), Some(target.protocol));
    let answer = server::encode_error(service, protocol, &error, request_id, path);
    with_extended_id(answer, target, request_id)
}

/// S3's answers carry a second id.
pub(crate) fn with_extended_id(
    mut answer: Response<Bytes>,
    target: &Target,
    request_id: &str,
) -> Response<Bytes> {
    if target.service.name == "s3"
        && let Ok(extended) = services::s3::extended_request_id(request_id).parse()
    {
        answer.headers_mut().insert("x-amz-id-2", extended);
    }
    answer
}
