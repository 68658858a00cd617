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

    /// The time against which a signature made at `signed` is held. Clients outside sign by the machine's clock,
    /// which the range's may be far ahead of: the nearer of the two counts. A clock that stands has only its own time.
    pub fn for_signature(&self, signed: Timestamp) -> Timestamp {
        let reading = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = shown(reading);
        let machine = match reading {
            Reading::Running(_) => SystemClock.now(),
            Reading::Still(_) => return here,
        };
        let distance = |time: Timestamp| time.duration_since(signed).abs();
        if distance(machine) <= distance(here) {
            machine
        } else {
            here
        }
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
    fn signatures_by_the_machines_clock_stay_good_when_the_range_is_ahead() {
        let clock = RangeClock::running();
        let signed = clock.now();
        let ahead = clock.advance(SignedDuration::from_hours(24));
        assert!(clock.for_signature(signed).duration_since(signed) < SignedDuration::from_mins(1));
        assert!(clock.for_signature(ahead) >= ahead);
        let still = RangeClock::still(signed);
        still.advance(SignedDuration::from_hours(24));
        assert_eq!(still.for_signature(signed), still.now());
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
