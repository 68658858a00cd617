//! The file of rows: one `redb` database.
//!
//! Owns the form of the file and what is held against it: its format, and a sum over all rows, by which damage shows. A
//! damaged file is never written to.

use std::fs::File as Folder;
use std::ops::BitXor;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use redb::{
    Builder, Database, DatabaseError, ReadOnlyDatabase, ReadableDatabase, ReadableTable as _,
    StorageError, TableDefinition, TableError,
};

use super::guard::{Panicked, guarded};
use super::{FORMAT, StoreError};
use crate::rows::{Changes, Place};

/// The name of the file.
const NAME: &str = "range.redb";
/// Its name until a range has begun in it.
const UNFINISHED: &str = "range.redb.new";
const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
/// What is said of the file as a whole.
const FACTS: TableDefinition<'_, &str, u128> = TableDefinition::new("facts");
/// How much of the file is held in memory, in bytes: the state is there already.
const CACHE: usize = 8 * 1024 * 1024;

/// The facts.
const FORMAT_FACT: &str = "format";
const STARTS: &str = "starts";
const COMMITS: &str = "commits";
const COUNT: &str = "rows";
const SUM: &str = "sum";

/// An open file of rows.
#[derive(Debug)]
pub struct File {
    folder: PathBuf,
    path: PathBuf,
    /// None after the disk failed, until it is opened again.
    database: Option<Database>,
    facts: Facts,
}

/// What is said of the file as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Facts {
    starts: u64,
    commits: u64,
    rows: u64,
    sum: u128,
}

/// A row's share of the sum.
fn share(key: &[u8], value: &[u8]) -> u128 {
    let mut digest = digest::Context::new(&digest::SHA256);
    digest.update(&u64::try_from(key.len()).unwrap_or(u64::MAX).to_be_bytes());
    digest.update(key);
    digest.update(value);
    let sum = digest.finish();
    let first = sum.as_ref().first_chunk::<16>();
    first.map_or(0, |bytes| u128::from_be_bytes(*bytes))
}

impl File {
    /// Opens the file of a folder, or makes it; a row is handed to `take` each, in the order of their places.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(
        folder: &Path,
        take: impl FnMut(Place, &[u8]) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let mut path = folder.join(NAME);
        if !path.exists() {
            path = folder.join(UNFINISHED);
        }
        let mut take = take;
        let mut attempt = || {
            let opened = guarded(|| {
                // To open a file for writing marks it: what is damaged is found before that, where the file was closed well.
                if let Ok(still) = ReadOnlyDatabase::open(&path) {
                    let found = read(folder, &still, &mut take)?;
                    drop(still);
                    let database = database(folder, &path)?;
                    let now = facts(&database);
                    // Another range had it in between.
                    return match now {
                        Ok(now) if now == found => Ok((database, found)),
                        _ => Err(StoreError::InUse(folder.to_owned())),
                    };
                }
                let database = database(folder, &path)?;
                let facts = read(folder, &database, &mut take)?;
                Ok((database, facts))
            });
            opened.unwrap_or_else(|panicked| {
                Err(damaged(
                    folder,
                    &format!("range.redb cannot be read: {panicked}"),
                ))
            })
        };
        let mut opened = attempt();
        if path.ends_with(UNFINISHED) && matches!(opened, Err(StoreError::Damaged { .. })) {
            // A first start was cut off: nobody was told of anything in it.
            let removed = std::fs::remove_file(&path);
            removed.map_err(|source| StoreError::Folder {
                folder: folder.to_owned(),
                source,
            })?;
            opened = attempt();
        }
        let (database, facts) = opened?;
        let mut file = Self {
            folder: folder.to_owned(),
            path,
            database: Some(database),
            facts,
        };
        // Ids that are not kept at each use are told apart by the start.
        file.facts.starts += 1;
        let began = file.commit(&Changes::new());
        began.map_err(|source| match source.get_ref() {
            // What is damaged may be where nothing was read, and something is to be written.
            Some(inner) if inner.is::<Panicked>() => {
                damaged(folder, &format!("range.redb cannot be written: {source}"))
            }
            _ => file.of_folder(source),
        })?;
        Ok(file)
    }

    /// Gives a new file its name, once what a range begins with is in it: so a first start that is cut off leaves none.
    ///
    /// # Errors
    /// The disk's.
    pub fn settle_in(&mut self) -> Result<(), StoreError> {
        if !self.path.ends_with(UNFINISHED) {
            return Ok(());
        }
        let path = self.folder.join(NAME);
        let done = std::fs::rename(&self.path, &path)
            .and_then(|()| Folder::open(&self.folder)?.sync_all());
        done.map_err(|source| self.of_folder(source))?;
        self.path = path;
        Ok(())
    }

    pub(super) fn of_folder(&self, source: std::io::Error) -> StoreError {
        StoreError::Folder {
            folder: self.folder.clone(),
            source,
        }
    }

    /// How often it was opened, this time included.
    pub fn starts(&self) -> u64 {
        self.facts.starts
    }

    /// Puts changes onto the disk, all or none.
    ///
    /// # Errors
    /// The disk's. Whether the changes are on it is then not known: see [`File::open_again`].
    pub fn commit(&mut self, changes: &Changes) -> std::io::Result<()> {
        let Some(database) = &self.database else {
            return Err(std::io::Error::other("the file is closed"));
        };
        let written = guarded(|| write(database, self.facts, changes, false).map_err(to_io));
        match written.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked))) {
            Ok(facts) => {
                self.facts = facts;
                Ok(())
            }
            Err(error) => {
                // Nothing that it still has may be believed, nor written when it is closed.
                let database = self.database.take();
                let _ = guarded(|| drop(database));
                Err(error)
            }
        }
    }

    /// Opens the file again after the disk failed. If that does not hold what was last known to be there, it is written anew
    /// from `all`.
    ///
    /// # Errors
    /// The disk's.
    pub fn open_again(&mut self, all: impl FnOnce() -> Changes) -> std::io::Result<()> {
        if self.database.is_some() {
            return Ok(());
        }
        let opened = guarded(|| {
            let database = database(&self.folder, &self.path)?;
            let found = facts(&database);
            let mut facts = found.map_err(|error| damaged(&self.folder, &error.to_string()))?;
            if facts != self.facts {
                let rewritten = write(&database, self.facts, &all(), true);
                facts = rewritten.map_err(|error| self.of_folder(to_io(error)))?;
            }
            Ok::<_, StoreError>((database, facts))
        });
        let opened = opened.map_err(std::io::Error::other)?;
        let (database, facts) = opened.map_err(std::io::Error::other)?;
        self.facts = facts;
        self.database = Some(database);
        Ok(())
    }
}

fn to_io(error: redb::Error) -> std::io::Error {
    match error {
        redb::Error::Io(error) => error,
        other => std::io::Error::other(other),
    }
}

fn damaged(folder: &Path, why: &str) -> StoreError {
    StoreError::Damaged {
        folder: folder.to_owned(),
        why: why.to_owned(),
    }
}

fn database(folder: &Path, path: &Path) -> Result<Database, StoreError> {
    let failed = |source| StoreError::Folder {
        folder: folder.to_owned(),
        source,
    };
    // The library would make a new database of an empty file.
    if path.ends_with(NAME) && std::fs::metadata(path).map_err(failed)?.len() == 0 {
        return Err(damaged(folder, "range.redb is empty"));
    }
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    let opened = if path.ends_with(NAME) {
        builder.open(path)
    } else {
        make_private(path).map_err(failed)?;
        builder.create(path)
    };
    opened.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            StoreError::InUse(folder.to_owned())
        }
        DatabaseError::Storage(StorageError::Io(source)) => match source.kind() {
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
                damaged(folder, &format!("range.redb cannot be read: {source}"))
            }
            _ => failed(source),
        },
        DatabaseError::UpgradeRequired(version) => StoreError::Newer {
            folder: folder.to_owned(),
            found: format!("redb {version}"),
        },
        other => damaged(folder, &format!("range.redb cannot be read: {other}")),
    })
}

/// Makes the file, which nobody else may read.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map(drop)
}

fn facts(database: &impl ReadableDatabase) -> Result<Facts, redb::Error> {
    let reading = database.begin_read()?;
    let facts = match reading.open_table(FACTS) {
        Ok(facts) => facts,
        Err(TableError::TableDoesNotExist(_)) => return Ok(Facts::default()),
        Err(error) => return Err(error.into()),
    };
    let fact = |name| -> Result<u128, redb::Error> {
        Ok(facts.get(name)?.map_or(0, |value| value.value()))
    };
    let small = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
    Ok(Facts {
        starts: small(fact(STARTS)?),
        commits: small(fact(COMMITS)?),
        rows: small(fact(COUNT)?),
        sum: fact(SUM)?,
    })
}

fn read(
    folder: &Path,
    database: &impl ReadableDatabase,
    mut take: impl FnMut(Place, &[u8]) -> Result<(), StoreError>,
) -> Result<Facts, StoreError> {
    let unreadable = |error: redb::Error| damaged(folder, &error.to_string());
    let reading = database
        .begin_read()
        .map_err(|error| unreadable(error.into()))?;
    let format = match reading.open_table(FACTS) {
        Ok(facts) => facts
            .get(FORMAT_FACT)
            .map(|value| value.map(|value| value.value())),
        // It was made, and nothing was ever written.
        Err(TableError::TableDoesNotExist(_)) => return Ok(Facts::default()),
        Err(error) => return Err(unreadable(error.into())),
    };
    let format = format.map_err(|error| unreadable(error.into()))?;
    match format {
        Some(format) if format == u128::from(FORMAT) => {}
        Some(found) => {
            return Err(StoreError::Newer {
                folder: folder.to_owned(),
                found: found.to_string(),
            });
        }
        None => return Err(damaged(folder, "it does not say of which format it is")),
    }
    let facts = facts(database).map_err(unreadable)?;
    let (mut rows, mut sum) = (0_u64, 0_u128);
    match reading.open_table(ROWS) {
        Ok(table) => {
            for row in table.iter().map_err(|error| unreadable(error.into()))? {
                let (key, value) = row.map_err(|error| unreadable(error.into()))?;
                rows += 1;
                sum ^= share(key.value(), value.value());
                take(Place::from_bytes(key.value()), value.value())?;
            }
        }
        Err(TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(unreadable(error.into())),
    }
    if (rows, sum) != (facts.rows, facts.sum) {
        return Err(damaged(folder, "its rows are not those that were written"));
    }
    Ok(facts)
}

/// Writes changes; `anew`: in place of whatever is there.
fn write(
    database: &Database,
    facts: Facts,
    changes: &Changes,
    anew: bool,
) -> Result<Facts, redb::Error> {
    let writing = database.begin_write()?;
    let mut facts = facts;
    if anew {
        writing.delete_table(ROWS)?;
        (facts.rows, facts.sum) = (0, 0);
    }
    {
        let mut table = writing.open_table(ROWS)?;
        for (place, value) in changes {
            let key = place.as_bytes();
            let old = match value {
                Some(value) => {
                    facts.sum = facts.sum.bitxor(share(key, value));
                    facts.rows += 1;
                    table.insert(key, value.as_slice())?
                }
                None => table.remove(key)?,
            };
            if let Some(old) = old {
                facts.sum = facts.sum.bitxor(share(key, old.value()));
                facts.rows = facts.rows.saturating_sub(1);
            }
        }
        facts.commits += 1;
        let mut table = writing.open_table(FACTS)?;
        let said = [
            (FORMAT_FACT, u128::from(FORMAT)),
            (STARTS, facts.starts.into()),
            (COMMITS, facts.commits.into()),
            (COUNT, facts.rows.into()),
            (SUM, facts.sum),
        ];
        for (name, value) in said {
            table.insert(name, value)?;
        }
    }
    writing.commit()?;
    Ok(facts)
}
