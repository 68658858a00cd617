//! What IAM has been told, and what it acts on yet: a change takes a while to spread.
//!
//! Owns the propagation delay. Handlers read the latest; authentication and authorisation see what has spread.

use std::cmp::Ordering;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imbl::Vector;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::rows::{self, Key as _, Place, Row, RowError, Rows, Writer};

/// A state whose changes take effect after a delay.
#[derive(Debug, Clone)]
pub struct Delayed<T> {
    latest: Arc<T>,
    /// Older states, oldest first, each with the time until which it was the latest.
    older: Vector<(Timestamp, Arc<T>)>,
    /// How many older states have been forgotten: by it an older state has a number that stays.
    forgotten: u64,
}

impl<T: Clone> Delayed<T> {
    /// A state that holds at once.
    pub fn new(state: T) -> Self {
        Self {
            latest: Arc::new(state),
            older: Vector::new(),
            forgotten: 0,
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
            self.forgotten += 1;
        }
        // Of several changes at one time nobody sees those between.
        let is_seen = self.older.back().is_none_or(|(until, _)| *until != now);
        if delay.is_positive() && is_seen {
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

/// An older state as it is kept: what makes it out of the next.
#[derive(Serialize, Deserialize)]
struct Undo {
    until: Timestamp,
    rows: Vec<(String, Option<String>)>,
}

/// What the rows of older states stand below; no field of a service's state is called so.
const OLDER: &[u8] = b"~older";

/// Where an older state's row stands: the youngest first, for each is made out of the next.
fn place_of(number: u64) -> Vec<u8> {
    (u64::MAX - number).part()
}

impl<T: Rows + Clone> Delayed<T> {
    /// The states that follow one another, from the older one with this number on.
    fn at(&self, number: u64) -> Option<(Timestamp, &T, &T)> {
        let place = usize::try_from(number.checked_sub(self.forgotten)?).ok()?;
        let (until, state) = self.older.get(place)?;
        let next = self.older.get(place + 1).map_or(&self.latest, |(_, s)| s);
        Some((*until, state, next))
    }

    fn numbers(&self) -> std::ops::Range<u64> {
        let count = u64::try_from(self.older.len()).unwrap_or(u64::MAX);
        self.forgotten..self.forgotten.saturating_add(count)
    }

    fn undo(&self, number: u64, writer: &mut Writer<'_>) -> Result<(), RowError> {
        let Some((until, state, next)) = self.at(number) else {
            return Ok(());
        };
        let rows = rows::between(Some(state), Some(next))?
            .into_iter()
            .map(|(place, value)| {
                let value = value.map(|value| STANDARD.encode(value));
                (STANDARD.encode(place.as_bytes()), value)
            })
            .collect();
        writer.within(&place_of(number), |writer| {
            writer.put(&Undo { until, rows })
        })
    }
}

/// The latest state has its rows; an older one has a row of what makes it out of the next one.
impl<T: Rows + Clone + Default> Rows for Delayed<T> {
    fn changes(
        new: Option<&Self>,
        old: Option<&Self>,
        writer: &mut Writer<'_>,
    ) -> Result<(), RowError> {
        <Arc<T> as Rows>::changes(
            new.map(|new| &new.latest),
            old.map(|old| &old.latest),
            writer,
        )?;
        let (is, was) = (
            new.map_or(0..0, Self::numbers),
            old.map_or(0..0, Self::numbers),
        );
        writer.within(OLDER, |writer| {
            for gone in was.clone().filter(|number| !is.contains(number)) {
                writer.within(&place_of(gone), Writer::take_out);
            }
            let Some(new) = new else { return Ok(()) };
            for number in is {
                // Two changes at one time leave the older state where it is, but with another next one.
                let same = match (new.at(number), old.and_then(|old| old.at(number))) {
                    (Some(new), Some(old)) => {
                        std::ptr::eq(new.1, old.1) && std::ptr::eq(new.2, old.2)
                    }
                    _ => false,
                };
                if !same {
                    new.undo(number, writer)?;
                }
            }
            Ok(())
        })
    }

    fn take(this: &mut Option<Self>, row: Row<'_>) -> Result<(), RowError> {
        let this = this.get_or_insert_default();
        match row.next() {
            Some((OLDER, below)) => {
                let (number, below) = below.next().ok_or_else(|| row.unknown())?;
                let number = u64::of_part(number).ok_or_else(|| row.unknown())?;
                if below.goes() {
                    this.older.pop_front();
                    return Ok(());
                }
                // The youngest comes first, and all rows of the latest before it.
                let next = this.older.front().map_or(&this.latest, |(_, next)| next);
                let mut state = Some(Arc::clone(next));
                let undo: Undo = below.read()?;
                for (place, value) in undo.rows {
                    let decoded = |text: String| STANDARD.decode(text).map_err(|_| row.unknown());
                    let place = Place::from_bytes(&decoded(place)?);
                    let value = value.map(decoded).transpose()?;
                    rows::take(&mut state, &place, value.as_deref())?;
                }
                let state = state.unwrap_or_default();
                this.older.push_front((undo.until, state));
                this.forgotten = u64::MAX - number;
                Ok(())
            }
            _ => {
                let mut latest = Some(std::mem::take(&mut this.latest));
                <Arc<T> as Rows>::take(&mut latest, row)?;
                this.latest = latest.unwrap_or_default();
                Ok(())
            }
        }
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
