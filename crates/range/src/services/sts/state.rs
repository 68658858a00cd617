//! What sts remembers.

/// The state of sts.
#[derive(Debug, Clone, Default)]
pub struct State {}
