//! The range's clock: the machine's, moved forward, or one that stands until it is moved.
//!
//! Owns what time it is in the range. Everything that waits in AWS (propagation, delivery, expiry) waits by it.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use stockade_model::{Clock, SystemClock};

/// The range's clock.
#[derive(Debug)]
pub struct RangeClock(Mutex<Reading>);

#[derive(Debug, Clone, Copy)]
enum Reading {
    /// Runs with the machine, so much ahead of it.
    Running(SignedDuration),
    /// Shows this until it is moved.
    Still(Timestamp),
}

impl RangeClock {
    /// A clock that runs with the machine's.
    pub fn running() -> Self {
        Self(Mutex::new(Reading::Running(SignedDuration::ZERO)))
    }

    /// A clock that stands at `start` until it is moved, so that a drill repeats to the second.
    pub fn still(start: Timestamp) -> Self {
        Self(Mutex::new(Reading::Still(start)))
    }

    /// Moves the clock forward and says what it shows then. It never goes back: a negative move, or one
    /// past the end of time, leaves it where it is.
    pub fn advance(&self, by: SignedDuration) -> Timestamp {
        {
            let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let now = shown(*reading);
            if by.is_positive() && now.checked_add(by).is_ok() {
                *reading = match *reading {
                    Reading::Running(ahead) => Reading::Running(ahead.saturating_add(by)),
                    Reading::Still(at) => Reading::Still(at.checked_add(by).unwrap_or(at)),
                };
            }
        }
        self.now()
    }

    /// Whether it stands until it is moved.
    pub fn is_still(&self) -> bool {
        matches!(
            *self.0.lock().unwrap_or_else(PoisonError::into_inner),
            Reading::Still(_)
        )
    }
}

fn shown(reading: Reading) -> Timestamp {
    match reading {
        Reading::Running(ahead) => {
            let now = SystemClock.now();
            now.checked_add(ahead).unwrap_or(now)
        }
        Reading::Still(at) => at,
    }
}

impl Clock for RangeClock {
    fn now(&self) -> Timestamp {
        shown(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_still_clock_moves_only_forward() {
        let start: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let clock = RangeClock::still(start);
        assert_eq!(clock.now(), start);
        assert_eq!(clock.advance(SignedDuration::from_secs(-60)), start);
        assert_eq!(clock.advance(SignedDuration::MAX), start);
        assert_eq!(
            clock.advance(SignedDuration::from_secs(60)).as_second(),
            start.as_second() + 60
        );
    }

    #[test]
    fn a_running_clock_can_be_ahead() {
        let clock = RangeClock::running();
        let before = clock.now();
        assert!(
            clock
                .advance(SignedDuration::from_hours(36))
                .duration_since(before)
                >= SignedDuration::from_hours(36)
        );
    }
}
