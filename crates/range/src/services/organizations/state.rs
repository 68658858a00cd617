//! What organizations remembers.

/// The state of organizations.
#[derive(Debug, Clone, Default)]
pub struct State {}
