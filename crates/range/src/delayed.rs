//! What IAM has been told, and what it acts on yet: a change takes a while to spread.
//!
//! Owns the propagation delay. Handlers read the latest; authentication and authorisation see what has spread.

use std::cmp::Ordering;
use std::sync::Arc;

use imbl::Vector;
use jiff::{SignedDuration, Timestamp};

/// A state whose changes take effect after a delay.
#[derive(Debug, Clone)]
pub struct Delayed<T> {
    latest: Arc<T>,
    /// Older states, oldest first, each with the time until which it was the latest.
    older: Vector<(Timestamp, Arc<T>)>,
}

impl<T: Clone> Delayed<T> {
    /// A state that holds at once.
    pub fn new(state: T) -> Self {
        Self {
            latest: Arc::new(state),
            older: Vector::new(),
        }
    }

    /// The latest state: what was written can be read at once.
    pub fn read(&self) -> &T {
        &self.latest
    }

    /// The latest state, to change. What it was before goes on holding for `delay`.
    pub fn write(&mut self, now: Timestamp, delay: SignedDuration) -> &mut T {
        while self
            .older
            .front()
            .is_some_and(|(until, _)| now.duration_since(*until) >= delay)
        {
            self.older.pop_front();
        }
        if delay.is_positive() {
            self.older.push_back((now, Arc::clone(&self.latest)));
        }
        Arc::make_mut(&mut self.latest)
    }

    /// The state that has spread by now.
    pub fn effective(&self, now: Timestamp, delay: SignedDuration) -> &T {
        // They stand in the order of time, for the range's clock never goes back.
        let found = self.older.binary_search_by(|(until, _)| {
            if now.duration_since(*until) < delay {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        });
        let oldest_that_holds = found.unwrap_or_else(|place| place);
        self.older
            .get(oldest_that_holds)
            .map_or(&self.latest, |(_, state)| state)
    }
}

impl<T: Clone + Default> Default for Delayed<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn each_change_spreads_on_its_own_time() {
        let delay = SignedDuration::from_secs(4);
        let mut state = Delayed::new(0);
        *state.write(at(10), delay) = 1;
        *state.write(at(12), delay) = 2;
        assert_eq!(*state.read(), 2);
        let seen: Vec<i32> = [10, 13, 14, 15, 16, 20]
            .into_iter()
            .map(|s| *state.effective(at(s), delay))
            .collect();
        assert_eq!(seen, [0, 0, 1, 1, 2, 2]);
        *state.write(at(30), delay) = 3;
        assert_eq!(state.older.len(), 1, "what has spread is forgotten");
    }

    #[test]
    fn without_a_delay_a_change_holds_at_once() {
        let mut state = Delayed::new(0);
        *state.write(at(10), SignedDuration::ZERO) = 1;
        assert_eq!(*state.effective(at(10), SignedDuration::ZERO), 1);
        assert!(state.older.is_empty());
    }
}
