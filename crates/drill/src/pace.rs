//! Time in a drill: a wait moves the range's clock, and whoever is about acts meanwhile.
//!
//! Owns the race. Must not know what a step does.

use jiff::SignedDuration;
use stockade_model::Timestamp;
use stockade_range::server::Range;
use stockade_respond::aws::BoxFuture;
use stockade_respond::pace::{Moment, Pace};
use tokio::sync::Mutex;

use crate::adversary::Adversary;
use crate::company::Company;
use crate::telling::{Teller, Voice};

/// How long a call of the response takes.
const CALL: SignedDuration = SignedDuration::from_millis(200);
/// In a wait that is longer than this nobody acts every second.
const LONG: SignedDuration = SignedDuration::from_secs(60);
/// How often they act then.
const WATCHED: SignedDuration = SignedDuration::from_secs(60);

/// Everybody who acts while the response is at work.
pub(crate) struct Cast {
    pub company: Company,
    pub adversary: Adversary,
}

/// The pace of a drill.
pub(crate) struct DrillPace<'a> {
    range: &'a Range,
    /// Nobody acts in a rehearsal.
    cast: Option<&'a Mutex<Cast>>,
    teller: Option<&'a Teller<'a>>,
}

impl<'a> DrillPace<'a> {
    /// With the attacker and the honest at work, and every step told.
    pub(crate) fn race(range: &'a Range, cast: &'a Mutex<Cast>, teller: &'a Teller<'a>) -> Self {
        Self {
            range,
            cast: Some(cast),
            teller: Some(teller),
        }
    }

    /// With the attacker and the honest at work, untold.
    pub(crate) fn silent(range: &'a Range, cast: &'a Mutex<Cast>) -> Self {
        Self {
            range,
            cast: Some(cast),
            teller: None,
        }
    }

    /// With nobody.
    pub(crate) fn alone(range: &'a Range) -> Self {
        Self {
            range,
            cast: None,
            teller: None,
        }
    }

    async fn act(&self, now: Timestamp) {
        if let Some(cast) = self.cast {
            let mut cast = cast.lock().await;
            cast.adversary.strike().await;
            cast.company.work(now).await;
        }
    }
}

impl Pace for DrillPace<'_> {
    fn now(&self) -> Timestamp {
        self.range.now()
    }

    fn wait<'a>(&'a self, by: SignedDuration, _why: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let beat = if by > LONG {
                WATCHED
            } else {
                SignedDuration::from_secs(1)
            };
            let mut left = by;
            while left.is_positive() {
                let step = left.min(beat);
                let now = self.range.advance(step);
                self.act(now).await;
                left -= step;
            }
        })
    }

    fn at<'a>(&'a self, moment: Moment<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            match moment {
                Moment::BeforeStep(..) => {
                    self.range.advance(CALL);
                }
                Moment::AfterStep(id, title) => {
                    if let Some(teller) = self.teller {
                        teller.tell(Voice::Responder, format!("step {id} done: {title}"));
                    }
                    let now = self.range.advance(CALL);
                    self.act(now).await;
                }
                _ => {}
            }
        })
    }
}
