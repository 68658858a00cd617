//! Readers of logs: files, folders and streams, compressed or not, to events.
//!
//! Owns finding the files, telling what they hold by their content, and reading them piece by
//! piece, so that memory is bounded by one record whatever the size of a file. What is broken is
//! reported with its file and place, and the rest is read on. Must not judge events.

mod json;
mod lines;
mod source;
mod summary;
mod walk;

use std::path::PathBuf;

use stockade_model::Event;

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

/// Reads every log under the paths and hands each event to `sink`, in the order of the sorted
/// files. A folder is read with all that is under it; `-` is standard input.
///
/// Files are CloudTrail's own (`{"Records": […]}`), arrays, one record a line, one record, what
/// LookupEvents answers, or EventBridge envelopes; plain or gzip, told by their content.
pub fn read_paths(paths: &[PathBuf], sink: &mut dyn FnMut(Event)) -> Result<Summary, IngestError> {
    if paths.is_empty() {
        return Err(IngestError::NoPaths);
    }
    let mut summary = Summary::default();
    let inputs = walk::inputs(paths, &mut summary)?;
    for input in inputs {
        match input {
            walk::Input::Stdin => {
                read_source("-", std::io::stdin().lock(), sink, &mut summary);
            }
            walk::Input::File(path) => {
                let name = path.display().to_string();
                match std::fs::File::open(&path) {
                    Ok(file) => read_source(&name, file, sink, &mut summary),
                    Err(error) => {
                        summary.files += 1;
                        summary.skip(&name, Position::Whole, format!("cannot be opened: {error}"));
                    }
                }
            }
        }
    }
    if summary.events == 0 {
        return Err(IngestError::NoEvents(Box::new(summary)));
    }
    Ok(summary)
}
