//! The service's time, told by the `Date` of its answers.
//!
//! Owns how far the service's clock is from this machine's. A machine may be minutes off and its signatures still be
//! good, but what is written by its clock (that sessions issued until now are revoked) or asked by it (the events until
//! now) would then be wrong by as much.

use std::sync::atomic::{AtomicI64, Ordering};

use http::HeaderMap;
use http::header::DATE;
use jiff::{SignedDuration, Timestamp};
use stockade_model::Clock;

use crate::client::Client;

/// What a machine that is set by the network is off, with the way of an answer.
const USUAL: i64 = 2;

/// How many seconds the service's clock was ahead at its last answer.
#[derive(Debug, Default)]
pub(crate) struct Ahead(AtomicI64);

impl Ahead {
    /// Reads the `Date` of an answer that came at `received`. An answer without one changes nothing.
    pub(crate) fn told(&self, headers: &HeaderMap, received: Timestamp) {
        let date = headers
            .get(DATE)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        if let Some(date) = date {
            // A date has whole seconds, cut off: rather a second late than early, so that nothing slips through.
            let ahead = date.timestamp().as_second() + 1 - received.as_second();
            let ahead = if ahead.abs() <= USUAL { 0 } else { ahead };
            self.0.store(ahead, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self) -> SignedDuration {
        SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// The service's clock: this machine's, moved by what the last answer told.
#[derive(Debug)]
pub struct ServiceClock(pub(crate) Client);

impl Clock for ServiceClock {
    fn now(&self) -> Timestamp {
        let now = self.0.now();
        now.checked_add(self.0.ahead()).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(date: &str, received: &str) -> i64 {
        let ahead = Ahead::default();
        let mut headers = HeaderMap::new();
        headers.insert(DATE, date.parse().unwrap());
        ahead.told(&headers, received.parse().unwrap());
        ahead.get().as_secs()
    }

    #[test]
    fn a_clock_that_is_off_is_told_by_the_answers_and_a_good_one_is_left_alone() {
        let date = "Mon, 23 Nov 2026 14:00:00 GMT";
        assert_eq!(ahead(date, "2026-11-23T13:56:00Z"), 241);
        assert_eq!(ahead(date, "2026-11-23T14:04:00Z"), -239);
        assert_eq!(ahead(date, "2026-11-23T14:00:00.9Z"), 0);
        assert_eq!(ahead(date, "2026-11-23T13:59:59Z"), 0);
        assert_eq!(ahead("soon", "2026-11-23T13:56:00Z"), 0);
    }
}
