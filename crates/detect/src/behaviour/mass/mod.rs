//! Much of the same in a short time: objects read, things deleted, objects encrypted anew.
//!
//! Owns what counts as an object of a call. Each detector is a file. A caller that does it every day is no
//! news: each is held to what was usual for it.

mod delete;
mod encrypt;
mod read;

use std::borrow::Cow;

use crate::look::Look;

use super::tally::Stretch;

pub(super) use delete::MASS_DELETE;
pub(super) use encrypt::MASS_ENCRYPT;
pub(super) use read::MASS_READ;

const WINDOW: i64 = 600;

fn parameter<'a>(look: &Look<'a>, name: &str) -> Option<Cow<'a, str>> {
    look.text(&["requestParameters", name])
}

/// Whether it is far beyond what the caller did before.
fn is_new(stretch: &Stretch<'_>) -> bool {
    stretch
        .usual
        .is_none_or(|most| stretch.count >= most.saturating_mul(5))
}

/// What was usual.
fn usual(stretch: &Stretch<'_>) -> String {
    match stretch.usual {
        None => "none before in these logs".to_owned(),
        Some(most) => format!("at most {most} in as long a time before"),
    }
}

#[cfg(test)]
mod testing {
    use serde_json::{Value, json};
    use stockade_model::Event;

    pub(super) fn call(second: i64, source: &str, name: &str, parameters: Value) -> Event {
        let time: stockade_model::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let time = time + jiff::SignedDuration::from_secs(second);
        crate::testing::event(
            json!({"eventTime": time.to_string(), "eventSource": format!("{source}.amazonaws.com"), "eventName": name,
            "requestParameters": parameters, "sourceIPAddress": "203.0.113.9", "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/a", "accessKeyId": "AKIA1"}}),
        )
    }
}
