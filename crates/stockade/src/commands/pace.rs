//! Real time, told: a run says on standard error what it has done and what it waits for.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use stockade_model::Clock;
use stockade_respond::aws::BoxFuture;
use stockade_respond::pace::{Moment, Pace, RealPace};

use crate::out;

/// Waits this long are not worth a line, in seconds: reading back until a write counts.
const SHORT: i64 = 5;

/// Waits in real time and says so.
pub struct ToldPace(RealPace);

impl ToldPace {
    /// By this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(RealPace(clock))
    }
}

impl Pace for ToldPace {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn wait<'a>(&'a self, by: SignedDuration, why: &'a str) -> BoxFuture<'a, ()> {
        if by.as_secs() > SHORT {
            out::note(&format!("  waiting {} s: {why}", by.as_secs()));
        }
        self.0.wait(by, why)
    }

    fn at<'a>(&'a self, moment: Moment<'a>) -> BoxFuture<'a, ()> {
        match moment {
            Moment::AfterStep(id, title) => out::note(&format!("  step {id} done: {title}")),
            Moment::Undone(id, title) => out::note(&format!("  step {id} taken back: {title}")),
            Moment::BeforeStep(..) | Moment::BeforeWrite(..) | Moment::AfterWrite(..) => {}
        }
        Box::pin(std::future::ready(()))
    }
}
