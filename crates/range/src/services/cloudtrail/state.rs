//! What cloudtrail remembers.

/// The state of cloudtrail.
#[derive(Debug, Clone, Default)]
pub struct State {}
