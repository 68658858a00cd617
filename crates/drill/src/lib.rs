//! Scenarios on the range: real actors, a real attack, the real response, and a score.
//!
//! Owns the stories and their scoring. Must not reach into the range's state: every actor, the
//! responder too, speaks to it over the AWS wire, and only the clock is moved from here.

mod actor;
mod adversary;
mod attack;
mod company;
mod compromised_user;
mod error;
mod logs;
mod outcome;
mod pace;
mod recovery;
mod rehearsal;
pub mod report;
mod response;
mod score;
mod state;
pub mod telling;
mod world;

pub use actor::{Deed, Ending};
pub use compromised_user::{Options, Order, compromised_user};
pub use error::DrillError;
pub use outcome::{Attacker, Criterion, Honest, Met, Outcome, PlanRun, Tally, Times, UndoProof};
pub use telling::{Audience, Line, Nobody, Voice};
