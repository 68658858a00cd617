//! A data folder is opened: what is in it is found again, or it is new.
//!
//! Owns the folder itself. What is in the file of rows is `file.rs`, what is beside it `bodies.rs`.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use stockade_keys::RootKey;

use super::StoreError;
use super::bodies::Bodies;
use super::file::File;
use super::root_keys::RootKeys;
use crate::rows;
use crate::state::State;

/// What a data folder holds.
#[derive(Debug)]
pub struct Opened {
    /// The file of rows.
    pub(crate) file: File,
    /// Where bodies are kept.
    pub bodies: Arc<Bodies>,
    /// The root keys of KMS.
    pub roots: RootKeys,
    /// What was there; none: it is new.
    pub state: Option<State>,
}

/// Opens a data folder, and makes it if it is not there.
///
/// # Errors
/// [`StoreError`]. Nothing in the folder was changed.
pub fn open(folder: &Path) -> Result<Opened, StoreError> {
    let failed = |source| StoreError::Folder {
        folder: folder.to_owned(),
        source,
    };
    make(folder).map_err(failed)?;
    let damaged = |why: String| StoreError::Damaged {
        folder: folder.to_owned(),
        why,
    };
    let mut state: Option<State> = None;
    let file = File::open(folder, |place, value| {
        rows::take(&mut state, &place, Some(value)).map_err(|error| damaged(error.to_string()))
    })?;
    let bodies = Arc::new(Bodies::below(folder, file.starts()).map_err(failed)?);
    let roots = RootKeys::below(folder).map_err(failed)?;
    if let Some(state) = &mut state {
        let known = state.kms.take_root(&roots);
        known.map_err(|id| {
            damaged(format!(
                "the root key {id} of KMS is not in {}",
                roots.path().display()
            ))
        })?;
        let found = state.s3.find_bodies(&bodies);
        let named = found.map_err(|error| damaged(error.to_string()))?;
        // Only now that it is known what is named.
        bodies.sweep(&named).map_err(failed)?;
        state.forget_the_gone();
        state.log.note_news();
    }
    Ok(Opened {
        file,
        bodies,
        roots,
        state,
    })
}

impl Opened {
    /// Keeps a root key of KMS, apart from the rows.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep_root(&mut self, root: &RootKey) -> Result<(), StoreError> {
        let kept = self.roots.keep(root);
        kept.map_err(|source| self.file.of_folder(source))
    }

    /// Writes what a new range begins with.
    ///
    /// # Errors
    /// The disk's.
    pub fn begin(&mut self, state: &State) -> Result<(), StoreError> {
        let rows = rows::all(state)?;
        let kept = self.file.commit(&rows);
        kept.map_err(|source| self.file.of_folder(source))?;
        self.file.settle_in()?;
        state.log.note_news();
        Ok(())
    }
}

/// Makes the folder, which nobody else may read: the secrets of keys are in it.
fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        let mode = fs::metadata(folder)?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        }
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)?;
    // The folder's own entry must outlast a power failure too.
    match folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) => fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
