//! Readers of logs: files, folders and streams, compressed or not, to records.
//!
//! Owns finding the files, telling what they hold by their content, and reading them piece by
//! piece over all cores, so that memory is bounded by one record whatever the size of a file. What is
//! broken is reported with its file and place, and the rest is read on. Must not judge records.

mod json;
mod lines;
mod output;
mod read;
mod record;
mod source;
mod summary;
mod text;
mod unpack;
mod walk;
mod window;

use std::path::PathBuf;

pub use read::{Options, Progress, read, read_paths};
pub use record::{Record, Sink};
pub use source::read_source;
pub use summary::{LeftOut, Position, Skipped, Summary};

/// Why there is nothing to work on. Faults within files are no errors: see [`Summary::skipped`].
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// No path was given.
    #[error("no logs were named: give files, folders, or - for standard input")]
    NoPaths,
    /// A path that was named does not exist.
    #[error("`{0}` does not exist: check the path")]
    Missing(PathBuf),
    /// A path that was named cannot be read.
    #[error("`{path}` cannot be read: {reason}")]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// All was read, and no event was in it.
    #[error("no event was found in {}", .0.describe())]
    NoEvents(Box<Summary>),
}
