//! The range's clock: the machine's, moved forward, or one that stands until it is moved.
//!
//! Owns what time it is in the range. Everything that waits in AWS (propagation, delivery, expiry) waits by it.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stockade_model::{Clock, SystemClock};

/// The range's clock.
#[derive(Debug)]
pub struct RangeClock(Mutex<ClockReading>);

/// What a range's clock shows, and how it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClockReading {
    /// Runs with the machine, so much ahead of it.
    Running {
        /// How far.
        ahead: SignedDuration,
        /// Every move: when it was by the machine's clock, and how far ahead the range was from then on.
        moves: Vec<(Timestamp, SignedDuration)>,
    },
    /// Shows this until it is moved.
    Still(Timestamp),
}

impl RangeClock {
    /// A clock that runs with the machine's.
    pub fn running() -> Self {
        Self(Mutex::new(ClockReading::Running {
            ahead: SignedDuration::ZERO,
            moves: Vec::new(),
        }))
    }

    /// A clock that stands at `start` until it is moved, so that a drill repeats to the second.
    pub fn still(start: Timestamp) -> Self {
        Self(Mutex::new(ClockReading::Still(start)))
    }

    fn reading(&self) -> MutexGuard<'_, ClockReading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A clock that goes on from what another showed. One that stood runs on from there, where it is to run; one that
    /// is to stand stands at `still`, or at what was shown if that is later: the time never goes back.
    pub fn from(kept: Option<ClockReading>, still: Option<Timestamp>) -> Self {
        let reading = match (kept, still) {
            (None, None) => return Self::running(),
            (None, Some(at)) => ClockReading::Still(at),
            (Some(kept), Some(at)) => ClockReading::Still(kept.shown().max(at)),
            (Some(ClockReading::Still(at)), None) => ClockReading::running_from(at),
            (Some(kept), None) => kept,
        };
        Self(Mutex::new(reading))
    }

    /// Moves the clock forward and says what it shows then. It never goes back: a negative move, or one
    /// past the end of time, leaves it where it is.
    pub fn advance(&self, by: SignedDuration) -> Timestamp {
        let kept: Result<Timestamp, Infallible> = self.advance_if(by, |_| Ok(()));
        match kept {
            Ok(now) => now,
        }
    }

    /// The same, if what it shows then can be kept.
    ///
    /// # Errors
    /// Those of `keep`; the clock was not moved.
    pub fn advance_if<E>(
        &self,
        by: SignedDuration,
        keep: impl FnOnce(&ClockReading) -> Result<(), E>,
    ) -> Result<Timestamp, E> {
        let mut reading = self.reading();
        if by.is_positive() && reading.shown().checked_add(by).is_ok() {
            let mut moved = reading.clone();
            match &mut moved {
                ClockReading::Running { ahead, moves } => {
                    *ahead = ahead.saturating_add(by);
                    moves.push((SystemClock.now(), *ahead));
                }
                ClockReading::Still(at) => *at = at.checked_add(by).unwrap_or(*at),
            }
            keep(&moved)?;
            *reading = moved;
        }
        Ok(reading.shown())
    }

    /// What it shows, to keep.
    pub fn kept(&self) -> ClockReading {
        self.reading().clone()
    }

    /// The time against which a signature made at `signed` is held. Clients outside sign by the machine's clock,
    /// which the range's may be far ahead of: what counts is how much time has gone by in the range since. A
    /// client that signs by the range's own time is believed too.
    ///
    /// Signatures carry whole seconds. Within the second of a move a header is taken to be signed after it, since
    /// it is used at once, and a presigned address before it, since it is kept.
    pub fn for_signature(&self, signed: Timestamp, presigned: bool) -> Timestamp {
        let reading = self.reading();
        let now = reading.shown();
        let ClockReading::Running { moves, .. } = &*reading else {
            return now;
        };
        let within = SignedDuration::from_secs(if presigned { 0 } else { 1 });
        let ahead_then = moves
            .iter()
            .rev()
            .find(|(moved, _)| moved.duration_since(signed) < within || *moved <= signed)
            .map_or(SignedDuration::ZERO, |(_, ahead)| *ahead);
        let by_the_machine = now.checked_sub(ahead_then).unwrap_or(now);
        let distance = |time: Timestamp| time.duration_since(signed).abs();
        if distance(by_the_machine) <= distance(now) {
            by_the_machine
        } else {
            now
        }
    }
}

crate::row!(ClockReading);

impl ClockReading {
    /// A clock that runs from this time on, if the machine's is behind it.
    fn running_from(at: Timestamp) -> Self {
        let machine = SystemClock.now();
        let ahead = at.duration_since(machine).max(SignedDuration::ZERO);
        let moves = if ahead.is_zero() {
            Vec::new()
        } else {
            vec![(machine, ahead)]
        };
        Self::Running { ahead, moves }
    }

    /// The time.
    pub fn shown(&self) -> Timestamp {
        match self {
            Self::Running { ahead, .. } => {
                let now = SystemClock.now();
                now.checked_add(*ahead).unwrap_or(now)
            }
            Self::Still(at) => *at,
        }
    }
}

impl Clock for RangeClock {
    fn now(&self) -> Timestamp {
        self.reading().shown()
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
    fn signatures_age_by_the_ranges_clock_whoevers_clock_they_are_made_by() {
        let minute = SignedDuration::from_mins(1);
        let clock = RangeClock::running();
        let early = clock.now();
        let ahead = clock.advance(SignedDuration::from_hours(24));
        let old = clock.for_signature(early, true);
        assert!(
            old.duration_since(early) >= SignedDuration::from_hours(24),
            "{old}"
        );
        let machine = SystemClock.now();
        assert!(
            clock
                .for_signature(machine, false)
                .duration_since(machine)
                .abs()
                < minute
        );
        let later = machine.checked_add(SignedDuration::from_secs(2)).unwrap();
        assert!(clock.for_signature(later, true).duration_since(later).abs() < minute);
        assert!(
            clock
                .for_signature(ahead, false)
                .duration_since(ahead)
                .abs()
                < minute
        );
        let still = RangeClock::still(early);
        still.advance(SignedDuration::from_hours(24));
        assert_eq!(still.for_signature(early, false), still.now());
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
