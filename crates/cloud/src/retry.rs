//! When a call may be sent again, and after how long.
//!
//! Owns the rules of repetition. Sends nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stockade_wire::AwsError;
use stockade_wire::table::Operation;

use crate::Object;

/// How long to wait, and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// To connect.
    pub connect: Duration,
    /// For a whole answer, from the start of the attempt.
    pub request: Duration,
    /// Attempts in all.
    pub attempts: u32,
    /// The longest pause after the first attempt; each further one may be twice as long.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(30),
            attempts: 4,
            pause: Duration::from_millis(200),
        }
    }
}

/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Scatters pauses, so that callers who failed together do not come back together. Seeded from the clock that the client
/// was given, so that a drill repeats.
#[derive(Debug)]
pub(crate) struct Scatter(AtomicU64);

impl Scatter {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A pause between nothing and the attempt's longest.
    pub(crate) fn pause(&self, patience: &Patience, attempt: u32) -> Duration {
        let longest = patience
            .pause
            .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)))
            .min(LONGEST_PAUSE);
        // SplitMix64: even enough for a pause, and small.
        let state = self
            .0
            .fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)
            .wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let thousandths = u32::try_from((mixed ^ (mixed >> 31)) % 1000).unwrap_or_default();
        longest.saturating_mul(thousandths) / 1000
    }
}

/// What sending an operation twice means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repetition {
    /// The operation may change something.
    pub(crate) is_write: bool,
    /// Twice is as good as once.
    pub(crate) is_harmless: bool,
}

impl Repetition {
    /// The tables do not tell what an operation does, so its method and its verb must.
    pub(crate) fn of(operation: &Operation, input: &Object, is_rest: bool) -> Self {
        let name = operation.name.as_str();
        let begins = |verbs: &[&str]| verbs.iter().any(|verb| name.starts_with(verb));
        let safe_method =
            operation.method == http::Method::GET || operation.method == http::Method::HEAD;
        let reads = begins(&[
            "Get", "List", "Describe", "Lookup", "Head", "Search", "Simulate", "BatchGet",
            "Select", "Filter", "Query", "Scan", "Validate", "Decode", "Verify", "Check",
            "Estimate", "Preview",
        ]);
        // A session is made by name only, and REST's safe methods are safe by definition.
        let is_write = !(reads || is_rest && safe_method) || name == "GetFederationToken";
        // These add a record each time.
        let adds = matches!(
            name,
            "PutEvents"
                | "PutRecord"
                | "PutRecordBatch"
                | "PutRecords"
                | "PutLogEvents"
                | "PutMetricData"
        );
        let sets = begins(&["Put", "Update", "Attach", "Tag", "Untag", "Set"]) && !adds
            // A lock token is good for one change.
            && !input.contains_key("LockToken");
        let has_token = [
            "ClientToken",
            "ClientRequestToken",
            "IdempotencyToken",
            "IdempotentToken",
        ]
        .iter()
        .any(|member| input.get(*member).is_some_and(|value| !value.is_null()));
        Self {
            is_write,
            is_harmless: !is_write || sets || has_token,
        }
    }
}

/// Whether the service turned the call away unread: it may be sent again whatever it is.
pub(crate) fn is_throttled(error: &AwsError) -> bool {
    error.status == 429
        || matches!(
            error.code.as_str(),
            "Throttling"
                | "ThrottlingException"
                | "ThrottledException"
                | "RequestThrottled"
                | "RequestThrottledException"
                | "TooManyRequestsException"
                | "RequestLimitExceeded"
                | "BandwidthLimitExceeded"
                | "ProvisionedThroughputExceededException"
                | "SlowDown"
                | "EC2ThrottledException"
                | "PriorRequestNotComplete"
                | "ConcurrentModification"
        )
}

/// Whether the service failed, so that what it did is not known.
pub(crate) fn is_server_fault(error: &AwsError) -> bool {
    error.status >= 500 && error.status != 501 && !is_throttled(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_are_scattered_and_end() {
        let scatter = Scatter::new(7);
        let patience = Patience::default();
        let pauses: Vec<_> = (0..100).map(|_| scatter.pause(&patience, 3)).collect();
        assert!(pauses.iter().all(|pause| *pause < patience.pause * 4));
        assert!(pauses.iter().any(|pause| *pause > patience.pause * 2));
        assert!(pauses.iter().any(|pause| *pause < patience.pause));
        assert!((0..100).all(|_| scatter.pause(&patience, 60) < LONGEST_PAUSE));
        let again = Scatter::new(7);
        assert_eq!(again.pause(&patience, 3), pauses[0]);
    }

    #[test]
    fn turned_away_is_not_failed() {
        let error = |status, code| AwsError::new(status, code, "");
        assert!(is_throttled(&error(503, "SlowDown")) && !is_server_fault(&error(503, "SlowDown")));
        assert!(is_throttled(&error(400, "Throttling")));
        assert!(is_server_fault(&error(500, "ServiceFailure")));
        assert!(!is_server_fault(&error(501, "NotImplemented")));
        assert!(!is_throttled(&error(400, "ValidationError")));
    }
}
