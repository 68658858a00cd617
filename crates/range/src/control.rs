//! The control calls: `/_stockade/health`, `/clock`, `/requests`, `/reset`. From loopback only.
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
use crate::server::Birth;
use crate::services::cloudtrail::delivery;

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
    birth: &Birth,
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
    match (call, &parts.method) {
        ("health", &Method::GET) => json_answer(StatusCode::OK, &json!({"status": "running"})),
        ("clock", &Method::GET) => json_answer(
            StatusCode::OK,
            &json!({"now": desk.clock.now().to_string()}),
        ),
        ("clock", &Method::POST) => match serde_json::from_slice::<Advance>(body) {
            Ok(Advance { advance }) if advance.is_positive() => {
                let now = desk.advance(advance);
                json_answer(StatusCode::OK, &json!({"now": now.to_string()}))
            }
            _ => json_answer(
                StatusCode::BAD_REQUEST,
                &json!({"error": "send {\"advance\": \"PT30M\"}: how far to move the clock forward, as an ISO 8601 duration or like \"30m\""}),
            ),
        },
        ("requests", &Method::GET) => {
            json_answer(StatusCode::OK, &json!({"requests": desk.seen()}))
        }
        ("reset", &Method::POST) => match birth.state(desk.clock.now()) {
            Ok(state) => {
                *desk.write() = state;
                json_answer(StatusCode::OK, &json!({"status": "reset"}))
            }
            Err(error) => json_answer(
                StatusCode::INTERNAL_SERVER_ERROR,
                &json!({"error": error.to_string()}),
            ),
        },
        ("health" | "clock" | "requests" | "reset", _) => json_answer(
            StatusCode::METHOD_NOT_ALLOWED,
            &json!({"error": "this control call does not take this method"}),
        ),
        _ => json_answer(
            StatusCode::NOT_FOUND,
            &json!({"error": "no such control call: there are health, clock, requests and reset"}),
        ),
    }
}

impl Desk {
    /// Moves the clock forward; what falls due is delivered.
    pub fn advance(&self, by: SignedDuration) -> jiff::Timestamp {
        let now = self.clock.advance(by);
        self.deliver();
        now
    }

    /// Delivers what is due by now.
    pub fn deliver(&self) {
        let now = self.clock.now();
        delivery::deliver_due(&mut self.write(), now);
    }
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
