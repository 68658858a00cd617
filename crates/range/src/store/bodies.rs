//! Where the bytes of objects are: in memory, or in files of their own below the data folder.
//!
//! Owns the files. A file is written before the row that names it and is on the disk before that row is; it is taken away once no
//! version of the state has it. What nobody names any more is swept away at the next start.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// What is longer than this, in bytes, gets a file of its own; what is not stands in its row.
const INLINE: usize = 16 * 1024;

/// Where bodies are kept. By default: in memory.
#[derive(Debug, Default)]
pub struct Bodies {
    folder: Option<PathBuf>,
    /// How often the store was opened: so a name is never used again.
    start: u64,
    next: AtomicU64,
    /// Files that are written and not on the disk for sure.
    unsynced: Mutex<Vec<File>>,
    /// Files that no version of the state has any more.
    dropped: Mutex<Vec<String>>,
    /// Whether the disk failed: then nothing is known of what was written.
    failed: AtomicBool,
}

/// A body in a file.
#[derive(Debug)]
pub struct Stored {
    bodies: Arc<Bodies>,
    name: String,
    length: u64,
}

impl Drop for Stored {
    fn drop(&mut self) {
        lock(&self.bodies.dropped).push(std::mem::take(&mut self.name));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bodies {
    /// Those below a data folder.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn below(folder: &Path, start: u64) -> io::Result<Self> {
        let folder = folder.join("bodies");
        if !folder.is_dir() {
            fs::DirBuilder::new().mode(0o700).create(&folder)?;
        }
        Ok(Self {
            folder: Some(folder),
            start,
            ..Self::default()
        })
    }

    /// Keeps bytes in a file; none: they are to stand in their row.
    ///
    /// # Errors
    /// The file cannot be written, as on a full disk.
    pub fn keep(self: &Arc<Self>, bytes: &Bytes) -> io::Result<Option<Arc<Stored>>> {
        let Some(folder) = self.folder.as_ref().filter(|_| bytes.len() > INLINE) else {
            return Ok(None);
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("{:08x}-{number:08x}", self.start);
        let path = folder.join(&name);
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        if let Err(error) = file.write_all(bytes) {
            // Half a file is of no use; if it stays, it is swept away at the next start.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        lock(&self.unsynced).push(file);
        Ok(Some(Arc::new(Stored {
            bodies: Arc::clone(self),
            name,
            length: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        })))
    }

    /// A body that a row names.
    ///
    /// # Errors
    /// There is no such file, or it is of another length.
    pub fn find(self: &Arc<Self>, name: &str, length: u64) -> io::Result<Arc<Stored>> {
        let missing = || {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("the body {name} is missing"),
            )
        };
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        let folder = self.folder.as_ref().filter(|_| plain).ok_or_else(missing)?;
        let found = fs::metadata(folder.join(name))
            .map_err(|_| missing())?
            .len();
        if found != length {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the body {name} has {found} bytes in place of {length}"),
            ));
        }
        Ok(Arc::new(Stored {
            bodies: Arc::clone(self),
            name: name.to_owned(),
            length,
        }))
    }

    /// Gets what was written onto the disk for sure.
    ///
    /// # Errors
    /// The disk's. After one there is no telling what is on it, and it fails until the range is started again.
    pub fn sync(&self) -> io::Result<()> {
        let written = std::mem::take(&mut *lock(&self.unsynced));
        let Some(folder) = self.folder.as_ref().filter(|_| !written.is_empty()) else {
            return self.check();
        };
        let done = written
            .iter()
            .try_for_each(File::sync_all)
            .and_then(|()| File::open(folder)?.sync_all());
        if done.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        done.and_then(|()| self.check())
    }

    fn check(&self) -> io::Result<()> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk failed before"));
        }
        Ok(())
    }

    /// Takes away the files that no version of the state has any more. The rows that named them must be gone.
    pub fn take_away_dropped(&self) {
        let dropped = std::mem::take(&mut *lock(&self.dropped));
        let Some(folder) = &self.folder else { return };
        for name in dropped {
            if let Err(error) = fs::remove_file(folder.join(&name)) {
                tracing::debug!(%error, name, "a body stays until the next start");
            }
        }
    }

    /// Leaves the files where they are that no version of the state has any more: it is not known which rows are on the disk.
    pub fn leave_dropped(&self) {
        lock(&self.dropped).clear();
    }

    /// Takes away what is named by nothing.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn sweep(&self, named: &BTreeSet<String>) -> io::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let is_named = entry
                .file_name()
                .to_str()
                .is_some_and(|n| named.contains(n));
            if !is_named && let Err(error) = fs::remove_file(entry.path()) {
                tracing::warn!(%error, path = %entry.path().display(), "cannot take away what nothing names");
            }
        }
        Ok(())
    }
}

impl Stored {
    /// The name of its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// So many of its bytes from a place on.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, from: u64, length: u64) -> io::Result<Bytes> {
        let folder = self.bodies.folder.as_ref();
        let path = folder.ok_or(io::ErrorKind::NotFound)?.join(&self.name);
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let room = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut bytes = Vec::with_capacity(room);
        file.take(length).read_to_end(&mut bytes)?;
        if bytes.len() < room {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_when_nobody_has_it_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let bodies = Arc::new(Bodies::below(folder.path(), 1).unwrap());
        let bytes = Bytes::from(vec![7; INLINE + 1]);
        assert!(bodies.keep(&bytes.slice(1..)).unwrap().is_none());
        let one = bodies.keep(&bytes).unwrap().unwrap();
        bodies.sync().unwrap();
        let path = folder.path().join("bodies").join(one.name());
        let other = Arc::clone(&one);
        drop(one);
        bodies.take_away_dropped();
        assert_eq!(other.read(5, 3).unwrap(), [7, 7, 7][..]);
        assert!(other.read(INLINE as u64, 2).is_err());
        drop(other);
        assert!(path.exists());
        bodies.take_away_dropped();
        assert!(!path.exists());
    }

    #[test]
    fn what_rows_name_is_found_or_said_to_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = Bytes::from(vec![7; INLINE + 1]);
        let first = Arc::new(Bodies::below(folder.path(), 1).unwrap());
        let (kept, orphan) = (first.keep(&bytes).unwrap(), first.keep(&bytes).unwrap());
        let name = kept.as_ref().unwrap().name().to_owned();
        let orphan = orphan.unwrap().name().to_owned();
        let again = Arc::new(Bodies::below(folder.path(), 2).unwrap());
        again.sweep(&BTreeSet::from([name.clone()])).unwrap();
        assert_eq!(
            again
                .find(&name, bytes.len() as u64)
                .unwrap()
                .read(0, 1)
                .unwrap(),
            [7][..]
        );
        assert!(again.find(&name, 3).is_err());
        assert!(again.find(&orphan, bytes.len() as u64).is_err());
        assert!(again.find("../bodies", 1).is_err());
        assert_ne!(again.keep(&bytes).unwrap().unwrap().name(), name);
    }
}
