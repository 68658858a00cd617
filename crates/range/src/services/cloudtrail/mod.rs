//! cloudtrail: one row an operation.

pub mod state;

pub use state::State;

use crate::row::Row;

/// The operations that the range has.
pub const ROWS: &[Row] = &[];
