//! What one attempt of a call says: an answer, a refusal, somebody who is not AWS, or silence; and whether the call may be
//! sent again.
//!
//! Owns that judgement. Sends nothing.

use bytes::Bytes;
use http::response;
use stockade_model::Timestamp;
use stockade_wire::table::{Kind, Operation, Service};
use stockade_wire::{AwsError, Object};

use crate::endpoint::{self, Endpoint};
use crate::error::{CloudError, NotReached};
use crate::retry::{Patience, Repetition, is_server_fault, is_throttled};
use crate::transport::Failure;

/// One call with all that does not change from attempt to attempt.
pub(crate) struct Call<'a> {
    pub(crate) service: &'static Service,
    pub(crate) operation: &'static Operation,
    pub(crate) input: &'a Object,
    pub(crate) body: Option<Bytes>,
    pub(crate) endpoint: Endpoint,
    pub(crate) repetition: Repetition,
}

impl Call<'_> {
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.service.name, self.operation.name)
    }

    pub(crate) fn shown(&self) -> String {
        endpoint::shown(&self.endpoint.uri)
    }
}

/// How an attempt ended that did not succeed.
pub(crate) struct Ended {
    pub(crate) error: CloudError,
    /// Whether the same call may be sent again.
    pub(crate) again: bool,
}

/// What no answer means for the call.
pub(crate) fn failed(call: &Call<'_>, failure: Failure, patience: &Patience) -> Ended {
    let is_write = call.repetition.is_write;
    match failure {
        Failure::NotReached(why, detail) => Ended {
            error: CloudError::NotReached {
                endpoint: call.shown(),
                why,
                detail,
            },
            // Nothing was sent; but a certificate or a name does not change in a moment.
            again: matches!(
                why,
                NotReached::Refused | NotReached::Silent | NotReached::Other
            ),
        },
        Failure::Interrupted(detail) => Ended {
            error: CloudError::Interrupted {
                call: call.name(),
                endpoint: call.shown(),
                is_write,
                detail,
            },
            again: call.repetition.is_harmless,
        },
        Failure::TimedOut => Ended {
            error: CloudError::TimedOut {
                call: call.name(),
                endpoint: call.shown(),
                is_write,
                seconds: patience.request.as_secs(),
            },
            again: call.repetition.is_harmless,
        },
    }
}

/// What shows that an answer is no AWS service's, if anything does.
pub(crate) fn foreign(call: &Call<'_>, parts: &response::Parts, body: &Bytes) -> Option<String> {
    // An object of S3 may be a page.
    if parts.status.is_success() && streams(call.service, call.operation) {
        return None;
    }
    let is_html = parts
        .headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/html"));
    let start: Vec<u8> = body
        .iter()
        .skip_while(|byte| byte.is_ascii_whitespace())
        .take(14)
        .map(u8::to_ascii_lowercase)
        .collect();
    // The content type alone proves nothing: emulators send JSON and empty answers as text/html.
    let is_page = start.starts_with(b"<!doctype html")
        || start.starts_with(b"<html")
        || is_html && start.first().is_some_and(|first| !b"{[<".contains(first));
    if is_page {
        return Some("a web page".to_owned());
    }
    if parts.status.is_redirection()
        && !parts.headers.contains_key("x-amz-request-id")
        && body.is_empty()
    {
        let to = parts
            .headers
            .get(http::header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("nowhere");
        return (parts.status.as_u16() != 304).then(|| format!("it sends us on to {to}"));
    }
    None
}

fn streams(service: &Service, operation: &Operation) -> bool {
    let Some(output) = operation.output else {
        return false;
    };
    match &service.shape(output).kind {
        Kind::Structure { members, .. } => members
            .iter()
            .any(|member| member.streaming || service.shape(member.shape).streaming),
        _ => false,
    }
}

pub(crate) fn not_aws(call: &Call<'_>, parts: &response::Parts, detail: String) -> Ended {
    let status = parts.status.as_u16();
    Ended {
        error: CloudError::NotAws {
            call: call.name(),
            endpoint: call.shown(),
            status,
            detail,
            // A page that refuses has changed nothing; a gateway's page tells nothing of what is behind it.
            is_write: call.repetition.is_write && !parts.status.is_client_error(),
        },
        again: parts.status.is_server_error() && call.repetition.is_harmless,
    }
}

/// What an error of the service means for the call.
pub(crate) fn refused(
    call: &Call<'_>,
    parts: &response::Parts,
    error: AwsError,
    now: Timestamp,
) -> Ended {
    if error.code == "InvalidResponse" {
        return not_aws(call, parts, error.message);
    }
    let is_skewed = matches!(
        error.code.as_str(),
        "RequestTimeTooSkewed" | "RequestInTheFuture"
    ) || error.message.starts_with("Signature expired")
        || error.message.starts_with("Signature not yet current");
    if is_skewed {
        return Ended {
            error: CloudError::ClockSkew {
                call: call.name(),
                ours: now,
                theirs: parts
                    .headers
                    .get(http::header::DATE)
                    .and_then(|value| value.to_str().ok())
                    .map(str::to_owned),
                error: Box::new(error),
            },
            again: false,
        };
    }
    let again = is_throttled(&error) || is_server_fault(&error) && call.repetition.is_harmless;
    Ended {
        error: CloudError::Service {
            service: call.service.name.clone(),
            operation: call.operation.name.clone(),
            endpoint: call.shown(),
            is_write: call.repetition.is_write,
            error: Box::new(error),
        },
        again,
    }
}
