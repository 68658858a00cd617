//! The control calls: `/_stockade/health`, `/clock`, `/requests`, `/notifications`, `/reset`. From loopback only.
//!
//! Owns what AWS has no call for.

use std::net::IpAddr;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::Clock;

use crate::request::Desk;
use crate::services::iam::delegation_requests;
use crate::whole::RestoreError;

const PREFIX: &str = "/_stockade/";

/// The name of the control call at a path; none if the path is none of ours. S3 would take `_stockade` for a
/// bucket, but no bucket may be called so.
pub fn called(path: &str) -> Option<&str> {
    path.strip_prefix(PREFIX)
}

#[derive(Deserialize)]
struct Advance {
    advance: SignedDuration,
}

/// Answers a control call.
pub(crate) fn answer(
    desk: &Desk,
    call: &str,
    parts: &Parts,
    body: &Bytes,
    peer: IpAddr,
) -> Response<Bytes> {
    if !peer.is_loopback() {
        return json_answer(
            StatusCode::FORBIDDEN,
            &json!({"error": "control calls are answered on loopback only"}),
        );
    }
    // A page in a browser on this machine must not be able to move the clock.
    if parts.headers.contains_key("origin") {
        return json_answer(
            StatusCode::FORBIDDEN,
            &json!({"error": "control calls are not for web pages"}),
        );
    }
    // Nor one whose name was made to lead here.
    let host = parts.headers.get(http::header::HOST);
    if !host.is_some_and(|host| is_this_machine(host.as_bytes())) {
        return json_answer(
            StatusCode::FORBIDDEN,
            &json!({"error": "call by address, or as localhost"}),
        );
    }
    match (call, &parts.method) {
        ("health", &Method::GET) => json_answer(StatusCode::OK, &json!({"status": "running"})),
        ("clock", &Method::GET) => json_answer(
            StatusCode::OK,
            &json!({"now": desk.clock.now().to_string()}),
        ),
        ("clock", &Method::POST) => match serde_json::from_slice::<Advance>(body) {
            Ok(Advance { advance }) if advance.is_positive() => match desk.advance(advance) {
                Ok(now) => json_answer(StatusCode::OK, &json!({"now": now.to_string()})),
                Err(error) => unavailable(&error),
            },
            _ => json_answer(
                StatusCode::BAD_REQUEST,
                &json!({"error": "send {\"advance\": \"PT30M\"}: how far to move the clock forward, as an ISO 8601 duration or like \"30m\""}),
            ),
        },
        ("requests", &Method::GET) => {
            json_answer(StatusCode::OK, &json!({"requests": desk.last_seen.list()}))
        }
        ("notifications", &Method::GET) => {
            let sent = delegation_requests::notifications(&desk.state.read());
            json_answer(StatusCode::OK, &json!({"notifications": sent}))
        }
        ("reset", &Method::POST) => match desk.reset() {
            Ok(()) => json_answer(StatusCode::OK, &json!({"status": "reset"})),
            Err(error) => unavailable(&error),
        },
        ("snapshot", &Method::POST) => match desk.snapshot() {
            Ok(archive) => {
                let mut answer = Response::new(Bytes::from(archive));
                let kind = http::HeaderValue::from_static("application/octet-stream");
                let headers = answer.headers_mut();
                headers.insert(http::header::CONTENT_TYPE, kind);
                answer
            }
            Err(error) => unavailable(&error),
        },
        ("restore", &Method::POST) => match desk.restore(body) {
            Ok(()) => json_answer(StatusCode::OK, &json!({"status": "restored"})),
            Err(error @ RestoreError::Archive(_)) => json_answer(
                StatusCode::BAD_REQUEST,
                &json!({"error": error.to_string()}),
            ),
            Err(error) => unavailable(&error),
        },
        (
            "health" | "clock" | "requests" | "notifications" | "reset" | "snapshot" | "restore",
            _,
        ) => json_answer(
            StatusCode::METHOD_NOT_ALLOWED,
            &json!({"error": "this control call does not take this method"}),
        ),
        _ => json_answer(
            StatusCode::NOT_FOUND,
            &json!({"error": "no such control call: there are health, clock, requests, notifications, reset, snapshot and restore"}),
        ),
    }
}

fn unavailable(error: &impl ToString) -> Response<Bytes> {
    json_answer(
        StatusCode::SERVICE_UNAVAILABLE,
        &json!({"error": error.to_string()}),
    )
}

/// Whether a host is an address or `localhost`, and not a name that anybody may have given to this machine.
pub(crate) fn is_this_machine(host: &[u8]) -> bool {
    let Ok(host) = str::from_utf8(host) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.ends_with(".localhost") || bare.parse::<IpAddr>().is_ok()
}

fn json_answer(status: StatusCode, value: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(value.to_string()));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_anybody_may_have_given_is_not_this_machine() {
        for own in [
            "127.0.0.1:4566",
            "[::1]:4566",
            "[::1]",
            "localhost",
            "localhost:4566",
            "x.localhost:80",
        ] {
            assert!(is_this_machine(own.as_bytes()), "{own}");
        }
        for other in [
            "evil.example:4566",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            ":4566",
        ] {
            assert!(!is_this_machine(other.as_bytes()), "{other}");
        }
    }
}
