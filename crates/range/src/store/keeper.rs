//! The thread that writes changes to the disk, many at one time, and then lets them be told.
//!
//! Owns the order: a change is on the disk, then it is seen, then it is told. One that cannot be kept is undone with all that was
//! built upon it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use stockade_wire::AwsError;
use tokio::sync::oneshot;

use super::bodies::Bodies;
use super::file::File;
use crate::desk::{Aside, Heads};
use crate::rows::{self, Changes, Key as _, RowError, Writer};
use crate::state::State;
use crate::trail::Told;

/// How long what reads leave may wait.
const IDLE: Duration = Duration::from_secs(1);
/// How many changes go to the disk at one time at most.
const MOST: usize = 1024;

/// A change on its way to the disk.
#[derive(Debug)]
pub struct Job {
    changes: Changes,
    state: Arc<State>,
    aside: Aside,
    /// Whether the state is not a later version of the same cloud, but another one.
    replaces: bool,
    /// Whether somebody waits to tell it: not where nothing but records comes of it.
    is_awaited: bool,
}

impl Job {
    /// What makes a new version of an old one.
    ///
    /// # Errors
    /// [`RowError::Unwritable`].
    pub fn of(old: &Arc<State>, new: &Arc<State>, aside: Aside) -> Result<Self, RowError> {
        let replaces = !new.log.is(&old.log);
        if replaces {
            new.log.note_news();
        }
        let mut changes = rows::between(Some(&**new), Some(&**old))?;
        let is_awaited = !changes.is_empty() || !aside.delivered.is_empty();
        if is_awaited {
            let mut writer = Writer::new(&mut changes);
            writer.within(b"log", |writer| {
                aside
                    .entries
                    .iter()
                    .try_for_each(|entry| entry.write(writer))?;
                aside
                    .delivered
                    .iter()
                    .try_for_each(|delivered| delivered.write(writer))
            })?;
        }
        Ok(Self {
            changes,
            state: Arc::clone(new),
            aside,
            replaces,
            is_awaited,
        })
    }
}

/// A change could not be kept, and is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the change could not be kept on the disk, and is undone")]
pub struct NotKept;

/// Says when a change can be told.
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<Result<(), NotKept>>);

impl From<RowError> for AwsError {
    fn from(error: RowError) -> Self {
        tracing::error!(%error, "this is a fault of the range");
        Self::new(
            500,
            "InternalFailure",
            "The request processing has failed because of an unknown error: a fault of the range.",
        )
    }
}

impl Future for Ticket {
    type Output = Result<(), NotKept>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|told| told.unwrap_or(Err(NotKept)))
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Ticket {
    /// One that says this at once.
    pub fn of(told: Result<(), NotKept>) -> Self {
        let (tell, ticket) = oneshot::channel();
        // The other end is here.
        let _ = tell.send(told);
        Self(ticket)
    }

    /// Waits on this thread.
    ///
    /// # Errors
    /// [`NotKept`].
    pub fn wait(self) -> Result<(), NotKept> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut ticket = pin!(self);
        loop {
            match ticket.as_mut().poll(&mut context) {
                Poll::Ready(told) => return told,
                Poll::Pending => thread::park(),
            }
        }
    }
}

type Waiting = (Option<Job>, oneshot::Sender<Result<(), NotKept>>);

/// Hands changes to the thread that writes them. When it is dropped, all that was handed over is written first.
#[derive(Debug)]
pub struct Keeper {
    queue: Option<Sender<Waiting>>,
    thread: Option<JoinHandle<()>>,
    /// How many changes have been handed over, and how many of them are done with.
    handed: AtomicU64,
    done: Arc<AtomicU64>,
}

impl Keeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// The machine's, where it has no thread to give.
    pub(crate) fn start(
        file: File,
        bodies: Arc<Bodies>,
        heads: Arc<Heads>,
    ) -> std::io::Result<Self> {
        let (queue, taken) = mpsc::channel();
        let done = Arc::new(AtomicU64::new(0));
        let writing = Writing {
            file,
            bodies,
            heads,
            taken,
            done: Arc::clone(&done),
            is_failing: false,
            has_failed: false,
        };
        let thread = thread::Builder::new()
            .name("range-store".to_owned())
            .spawn(move || writing.run())?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            handed: AtomicU64::new(0),
            done,
        })
    }

    /// Hands a change over. It must be called in the order of the versions.
    pub fn submit(&self, job: Job) -> Option<Ticket> {
        if job.is_awaited {
            return self.hand_over(Some(job));
        }
        // Only records: they go with the next change, or within a second.
        job.aside.apply(&job.state, false);
        self.settled()
    }

    /// Says when all that was handed over so far is done with; none: it is.
    pub fn settled(&self) -> Option<Ticket> {
        if self.done.load(Ordering::Acquire) == self.handed.load(Ordering::Acquire) {
            return None;
        }
        self.hand_over(None)
    }

    fn hand_over(&self, job: Option<Job>) -> Option<Ticket> {
        let (tell, told) = oneshot::channel();
        self.handed.fetch_add(1, Ordering::AcqRel);
        if let Some(queue) = &self.queue {
            // Where the thread has ended nobody is told that it was kept.
            let _ = queue.send((job, tell));
        }
        Some(Ticket(told))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It has no more to say.
            let _ = thread.join();
        }
    }
}

struct Writing {
    file: File,
    bodies: Arc<Bodies>,
    heads: Arc<Heads>,
    taken: Receiver<Waiting>,
    done: Arc<AtomicU64>,
    /// Whether the last commit failed: it is said in the log once.
    is_failing: bool,
    /// Whether any failed since the start.
    has_failed: bool,
}

impl Writing {
    fn run(mut self) {
        let mut held = None;
        loop {
            let first = match held.take() {
                Some(first) => Ok(first),
                None => self.taken.recv_timeout(IDLE),
            };
            let mut batch = Vec::new();
            let is_over = matches!(first, Err(RecvTimeoutError::Disconnected));
            if let Ok(first) = first {
                let mut is_alone = replaces(&first);
                batch.push(first);
                while batch.len() < MOST && !is_alone {
                    let Ok(next) = self.taken.try_recv() else {
                        break;
                    };
                    is_alone = replaces(&next);
                    if is_alone {
                        held = Some(next);
                    } else {
                        batch.push(next);
                    }
                }
            }
            self.keep(batch, &mut held);
            if is_over {
                return;
            }
        }
    }

    /// Puts a batch onto the disk, with what reads have left, and lets it be seen and told.
    fn keep(&mut self, batch: Vec<Waiting>, held: &mut Option<Waiting>) {
        let newest = batch.iter().rev().find_map(|(job, _)| job.as_ref());
        let is_another = newest.is_some_and(|job| job.replaces);
        let newest = newest.map(|job| Arc::clone(&job.state));
        let mut changes = Changes::new();
        // What another cloud begins with is all in its change.
        let told = if is_another {
            Ok(Told::default())
        } else {
            let seen = self.heads.seen();
            write_news(newest.as_ref().unwrap_or(&seen), &mut changes)
        };
        let (mut asides, mut tells) = (Vec::new(), Vec::new());
        for (job, tell) in batch {
            if let Some(job) = job {
                changes.extend(job.changes);
                asides.push((job.state, job.aside));
            }
            tells.push(tell);
        }
        let kept = match &told {
            Ok(_) => self.commit(&changes),
            Err(error) => Err(std::io::Error::other(error.to_string())),
        };
        let told = told.unwrap_or_default();
        match kept {
            Ok(()) => self.show(newest, asides),
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::error!(%error, "changes cannot be kept: they are refused until they can");
                }
                self.has_failed = true;
                tells.extend(held.take().map(|(_, tell)| tell));
                tells.extend(self.undo(told));
            }
        }
        let (count, told) = (
            tells.len(),
            if self.is_failing {
                Err(NotKept)
            } else {
                Ok(())
            },
        );
        for tell in tells {
            // Who asked may have gone.
            let _ = tell.send(told);
        }
        self.done
            .fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::AcqRel);
    }

    fn commit(&mut self, changes: &Changes) -> std::io::Result<()> {
        if changes.is_empty() && !self.is_failing {
            return Ok(());
        }
        self.bodies.sync()?;
        let heads = &self.heads;
        // What has been kept could be written, so that it can be written again.
        let all = || rows::all(&*heads.seen()).unwrap_or_default();
        self.file.open_again(all)?;
        self.file.commit(changes)
    }

    fn show(&mut self, newest: Option<Arc<State>>, asides: Vec<(Arc<State>, Aside)>) {
        if std::mem::take(&mut self.is_failing) {
            tracing::info!("changes can be kept again");
        }
        if let Some(state) = newest {
            self.heads.show(state);
        }
        let delivered = asides.iter().any(|(_, aside)| !aside.delivered.is_empty());
        for (state, aside) in asides {
            aside.apply(&state, true);
        }
        if delivered {
            self.heads.next().delivering = false;
        }
        if self.has_failed {
            self.bodies.leave_dropped();
        } else {
            self.bodies.take_away_dropped();
        }
    }

    /// Goes back to what everybody sees; answers who waits for what was built upon what could not be kept.
    fn undo(&self, told: Told) -> Vec<oneshot::Sender<Result<(), NotKept>>> {
        let seen = self.heads.seen();
        seen.log.was_not_kept(told);
        for account in seen.accounts.values() {
            account.usage.was_not_kept();
        }
        // Nothing is handed over while the lock is held.
        let mut next = self.heads.next();
        let later = std::iter::from_fn(|| self.taken.try_recv().ok());
        let later = later.map(|(_, tell)| tell).collect();
        next.state = seen;
        next.delivering = false;
        later
    }
}

fn replaces((job, _): &Waiting) -> bool {
    job.as_ref().is_some_and(|job| job.replaces)
}

/// What reads have left since the last time.
fn write_news(state: &State, changes: &mut Changes) -> Result<Told, RowError> {
    let mut writer = Writer::new(changes);
    for (id, account) in &state.accounts {
        writer.within(b"accounts", |writer| {
            writer.within(&id.part(), |writer| {
                writer.within(b"usage", |writer| account.usage.write_news(writer))
            })
        })?;
    }
    writer.within(b"log", |writer| state.log.write_news(writer))
}
