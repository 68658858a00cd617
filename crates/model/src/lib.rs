//! What every other crate speaks of: ARNs and ids, CloudTrail events, findings, the clock.
//!
//! Owns the names. Must not do I/O: nothing here opens a file or a socket, and only
//! [`clock::SystemClock`] asks the machine for the time.

pub mod arn;
pub mod attack;
pub mod clock;
pub mod event;
pub mod finding;
pub mod id;
pub mod log;
pub mod secret;

pub use arn::{Arn, ArnError};
pub use attack::{Tactic, Technique};
pub use clock::{Clock, ManualClock, SystemClock};
pub use event::{Event, Origin};
pub use finding::{EventRef, Finding, Severity};
pub use id::{AccountId, IdError, Region};
pub use jiff::Timestamp;
pub use log::LogKind;
pub use secret::{Secret, exposed};
