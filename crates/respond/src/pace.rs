//! Waiting, and the moments of a run at which somebody may look or act.
//!
//! A real response waits in real time. A drill advances the range's clock instead, and lets the
//! attacker and the application act between two steps.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stockade_model::Clock;

use crate::aws::BoxFuture;

/// A moment of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment<'a> {
    /// The step is about to be looked at.
    BeforeStep(&'a str, &'a str),
    /// The write was journalled and is about to be sent.
    BeforeWrite(&'a str, &'a str),
    /// The write was sent; its effect is not read back yet.
    AfterWrite(&'a str, &'a str),
    /// The step is done, and what it does was read back.
    AfterStep(&'a str, &'a str),
    /// The step's write was taken back.
    Undone(&'a str, &'a str),
}

/// Time, and the moments of a run. A moment carries the step's id and title.
pub trait Pace: Send + Sync {
    /// The time, as the cloud has it.
    fn now(&self) -> Timestamp;

    /// Waits; `why` is for people.
    fn wait<'a>(&'a self, by: SignedDuration, why: &'a str) -> BoxFuture<'a, ()>;

    /// Called at each moment.
    fn at<'a>(&'a self, _moment: Moment<'a>) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Real time: waits as long as it says.
pub struct RealPace(pub Arc<dyn Clock>);

impl Pace for RealPace {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn wait<'a>(&'a self, by: SignedDuration, _why: &'a str) -> BoxFuture<'a, ()> {
        let by = Duration::try_from(by).unwrap_or_default();
        Box::pin(tokio::time::sleep(by))
    }
}
