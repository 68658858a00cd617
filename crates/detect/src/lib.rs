//! Detection: Sigma rules and behavioural detectors over CloudTrail events.
//!
//! Owns the path from events to findings, to the lineage of credentials, and to the story that a
//! person reads. Synchronous and pure: events come in, findings go out; the time is that of the
//! events. Must not read logs, call AWS, or print; [`files`] alone opens files, and only rules.

mod access;
mod baseline;
mod behaviour;
mod builtin;
mod check;
mod correlate;
pub mod coverage;
mod fields;
mod files;
mod geo;
mod hunt;
mod hunter;
mod impossible;
mod intel;
pub mod lineage;
mod load;
mod logsource;
mod look;
mod page;
mod profile;
mod program;
pub mod render;
mod rule;
mod sigma;
pub mod story;
mod summary;
mod suppress;
#[cfg(test)]
mod testing;
mod timeline;
mod vocabulary;
mod world;

pub use baseline::{Baseline, BaselineError};
pub use check::{Failure, TestReport, rules_lint, rules_test};
pub use fields::Outcome;
pub use geo::{Places, PlacesError};
pub use hunt::{Given, Hunt, RuleSet};
pub use hunter::{Common, Hunter, Seen};
pub use intel::{Intel, IntelError};
pub use lineage::Lineage;
pub use load::{Loader, NotApplicable, Problem};
pub use rule::{Kind, Meta};
pub use story::{Story, stories};
pub use summary::{Counted, Overview};
pub use suppress::{Suppressed, Suppression, SuppressionError, Suppressions};
