//! The store of a range: what is to outlast it, in a folder.
//!
//! Owns how a change gets onto the disk before it is told, and how a range is found again. What a state is made of is the
//! services'; how it is kept as rows is `rows.rs`.

mod bodies;
mod file;
mod guard;
mod keeper;
mod open;
mod root_keys;

use std::path::PathBuf;

use stockade_wire::AwsError;

pub use bodies::{Bodies, Stored};
pub use keeper::{Job, Keeper, NotKept, Ticket};
pub use open::{Opened, open};
pub use root_keys::RootKeys;

use crate::rows::RowError;

/// The version of the form that this program writes and reads.
pub const FORMAT: u32 = 1;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made, read or written.
    #[error("cannot use the data folder {}: {source}", .folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it.
    #[error("another range uses the data folder {}; stop it, or give this one another folder with --data", .0.display())]
    InUse(PathBuf),
    /// A newer program wrote it.
    #[error(
        "the data folder {} is of format {found}, and this program knows formats up to {FORMAT}; use the program that wrote it, or a newer one", .folder.display()
    )]
    Newer {
        /// Which.
        folder: PathBuf,
        /// The version that was found.
        found: String,
    },
    /// What is there is not what was written.
    #[error(
        "the data folder {} is damaged: {why}; nothing in it was changed. Restore a snapshot into a range with another folder", .folder.display()
    )]
    Damaged {
        /// Which.
        folder: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A row has no form.
    #[error(transparent)]
    Row(#[from] RowError),
}

/// The error of a call for which the disk failed: an SDK tries it again, and a person frees some of the disk.
pub fn unavailable() -> AwsError {
    AwsError::new(
        503,
        "ServiceUnavailable",
        "The request has failed due to a temporary failure of the server: the range cannot use the disk of its data folder. Nothing was changed.",
    )
}
