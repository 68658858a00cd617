//! Who sees the state and who changes it: readers have a version that stands still, and one writer at a time makes the next.
//!
//! Owns the versions. A change is done on a version of its own and is seen once all of it is done and, where there is a store, is
//! on the disk: an error or a panic leaves nothing half done. How a request is answered is `request.rs`; how a change is kept is
//! `store`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::rows;
use crate::state::State;
use crate::store::{Job, Keeper, NotKept, Ticket};
use crate::trail::{Delivered, Entry};

/// The versions of the state.
#[derive(Debug)]
pub struct Versions {
    heads: Arc<Heads>,
    keeper: Option<Keeper>,
}

/// The version that everybody sees, and the one that the next change is done upon.
#[derive(Debug)]
pub(crate) struct Heads {
    seen: RwLock<Arc<State>>,
    next: Mutex<Next>,
}

/// The version that the next change is done upon: ahead of what is seen by the changes that are not on the disk yet.
#[derive(Debug)]
pub(crate) struct Next {
    pub state: Arc<State>,
    /// Whether a delivery is not on the disk yet: then what it delivered still looks as if it were to be delivered.
    pub delivering: bool,
}

/// What a change leaves beside the state.
#[derive(Debug, Default)]
pub struct Aside {
    /// Records for the log.
    pub entries: Vec<Entry>,
    /// What was delivered.
    pub delivered: Vec<Delivered>,
}

impl Heads {
    fn new(state: Arc<State>) -> Self {
        Self {
            seen: RwLock::new(Arc::clone(&state)),
            next: Mutex::new(Next {
                state,
                delivering: false,
            }),
        }
    }

    /// The version that everybody sees.
    pub fn seen(&self) -> Arc<State> {
        Arc::clone(&self.seen.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows a version to everybody.
    pub fn show(&self, state: Arc<State>) {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *seen, state);
        drop(seen);
        // What nobody has any more is taken apart outside the lock.
        drop(old);
    }

    /// The version that the next change is done upon. A change that panicked has not touched it.
    pub fn next(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Aside {
    /// Puts it where it belongs. `kept`: a store has it already.
    pub(crate) fn apply(self, state: &State, kept: bool) {
        if kept {
            state.log.take_kept(self.entries);
        } else {
            state.log.take(self.entries);
        }
        for delivered in self.delivered {
            state.log.settle(delivered, kept);
        }
    }
}

impl Versions {
    /// A state in memory alone.
    pub fn in_memory(state: State) -> Self {
        Self {
            heads: Arc::new(Heads::new(Arc::new(state))),
            keeper: None,
        }
    }

    /// A state that a store keeps.
    ///
    /// # Errors
    /// Those of the start of the store's thread.
    pub(crate) fn kept(
        state: State,
        start: impl FnOnce(Arc<Heads>) -> std::io::Result<Keeper>,
    ) -> std::io::Result<Self> {
        let heads = Arc::new(Heads::new(Arc::new(state)));
        let keeper = Some(start(Arc::clone(&heads))?);
        Ok(Self { heads, keeper })
    }

    /// The version that everybody sees. It stands still.
    pub fn read(&self) -> Arc<State> {
        self.heads.seen()
    }

    /// Does a change: all of it or, where it fails or panics, nothing. The ticket says when it can be told; without one it can be
    /// told at once.
    ///
    /// # Errors
    /// Those of the change. What they say may rest on changes that are not kept yet: they are to be told when the ticket says
    /// so, too.
    pub fn change<T, E: From<rows::RowError>>(
        &self,
        change: impl FnOnce(&mut State) -> Result<(T, Aside), E>,
    ) -> (Result<T, E>, Option<Ticket>) {
        self.change_next(&mut self.heads.next(), change)
    }

    /// Delivers what `deliver` delivers, but while an earlier delivery is under way.
    pub fn deliver(
        &self,
        deliver: impl FnOnce(&mut State) -> Vec<Delivered>,
    ) -> Result<Option<Ticket>, rows::RowError> {
        let mut next = self.heads.next();
        if next.delivering {
            return Ok(None);
        }
        let (done, ticket) = self.change_next(&mut next, |state| {
            let delivered = deliver(state);
            let entries = Vec::new();
            Ok::<_, rows::RowError>(((), Aside { entries, delivered }))
        });
        next.delivering = ticket.is_some();
        done.map(|()| ticket)
    }

    fn change_next<T, E: From<rows::RowError>>(
        &self,
        next: &mut Next,
        change: impl FnOnce(&mut State) -> Result<(T, Aside), E>,
    ) -> (Result<T, E>, Option<Ticket>) {
        let mut state = State::clone(&next.state);
        let (value, aside) = match change(&mut state) {
            Ok(done) => done,
            Err(error) => return (Err(error), self.keeper.as_ref().and_then(Keeper::settled)),
        };
        let state = Arc::new(state);
        let Some(keeper) = &self.keeper else {
            next.state = Arc::clone(&state);
            self.heads.show(Arc::clone(&state));
            aside.apply(&state, false);
            return (Ok(value), None);
        };
        let job = match Job::of(&next.state, &state, aside) {
            Ok(job) => job,
            Err(error) => return (Err(error.into()), None),
        };
        next.state = state;
        (Ok(value), keeper.submit(job))
    }

    /// Waits until what was done can be told.
    ///
    /// # Errors
    /// It could not be kept, and is undone.
    pub fn settle(&self, ticket: Option<Ticket>) -> Result<(), NotKept> {
        ticket.map_or(Ok(()), Ticket::wait)
    }
}
