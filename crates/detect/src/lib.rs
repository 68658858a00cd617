//! Detection: Sigma rules and behavioural detectors over CloudTrail events.
//!
//! Owns the path from events to findings, to the lineage of credentials, and to the story that a
//! person reads. Synchronous and pure: events come in, findings go out; the time is that of the
//! events. Must not read logs, call AWS, or print; [`files`] alone opens files, and only rules.

mod access;
mod behaviour;
mod builtin;
mod check;
mod correlate;
mod fields;
mod files;
mod hunt;
mod hunter;
pub mod lineage;
mod load;
mod logsource;
mod look;
mod program;
pub mod render;
mod rule;
mod sigma;
pub mod story;
#[cfg(test)]
mod testing;
mod timeline;
mod world;

pub use check::{Failure, TestReport, rules_lint, rules_test};
pub use fields::Outcome;
pub use hunt::{Hunt, RuleSet};
pub use hunter::{Common, Hunter, Seen};
pub use lineage::Lineage;
pub use load::{Loader, NotApplicable, Problem};
pub use rule::{Kind, Meta};
pub use story::{Story, stories};
