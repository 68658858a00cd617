//! Opening the store: the file, its protection, its schema.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row as _, SqlitePool};

use crate::error::StoreError;

/// Each migration takes the schema from its index to the next. Never change one that was
/// released: add another.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/0001_incidents.sql")];

/// How a file of SQLite's begins.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// How long a write waits for another process's write.
const BUSY: Duration = Duration::from_secs(15);

/// The store: one SQLite file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) pool: SqlitePool,
    pub(crate) path: PathBuf,
}

impl Store {
    /// Opens the file, making it and its folder when they are not there, readable by their
    /// owner alone. Every commit is on the disk before its call answers.
    ///
    /// Errors: [`StoreError::File`] when it cannot be used, [`StoreError::TooNew`] when a newer
    /// program has written it.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        private_folder(path)?;
        // SQLite gives its side files the permissions of the main file.
        drop(private_file(path)?);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        // One connection: writes of one process queue here instead of failing in SQLite.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await
            .map_err(|error| StoreError::File {
                path: path.to_owned(),
                why: error.to_string(),
            })?;
        let store = Self {
            pool,
            path: path.to_owned(),
        };
        store.migrate().await?;
        Ok(store)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the file; other clones of this store are closed with it.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        let mut transaction = self.pool.begin_with("begin immediate").await?;
        let found: i64 = sqlx::query("pragma user_version")
            .fetch_one(&mut *transaction)
            .await?
            .try_get(0)?;
        if found > known {
            return Err(StoreError::TooNew { found, known });
        }
        for migration in MIGRATIONS
            .iter()
            .skip(usize::try_from(found).unwrap_or_default())
        {
            sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
        }
        if found < known {
            // A pragma takes no parameter; the number is this program's own.
            let sql = sqlx::AssertSqlSafe(format!("pragma user_version = {known}"));
            sqlx::raw_sql(sql).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

fn private_folder(path: &Path) -> Result<(), StoreError> {
    let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) else {
        return Ok(());
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| StoreError::File {
        path: folder.to_owned(),
        why: error.to_string(),
    })
}

/// Whether it is a file that is empty or a database of SQLite's.
fn is_ours(file: &mut File) -> std::io::Result<bool> {
    let found = file.metadata()?;
    if !found.is_file() || found.len() == 0 {
        return Ok(found.is_file());
    }
    let mut start = Vec::new();
    file.take(SQLITE.len() as u64).read_to_end(&mut start)?;
    Ok(start == SQLITE)
}

/// Opens or makes a file that its owner alone may read.
pub(crate) fn private_file(path: &Path) -> Result<File, StoreError> {
    let failed = |error: std::io::Error| StoreError::File {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    // A path that was mistyped: nobody's device or notes are touched.
    if !is_ours(&mut file).map_err(failed)? {
        return Err(failed(std::io::Error::other(
            "it is something else than an incident store",
        )));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mut permissions = file.metadata().map_err(failed)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            file.set_permissions(permissions).map_err(failed)?;
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/incidents.db");
        let store = Store::open(&path).await.unwrap();
        for name in ["incidents.db", "incidents.db-wal", "incidents.db-shm"] {
            let mode = std::fs::metadata(path.with_file_name(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        store.close().await;
        // A file that somebody opened to all is closed again.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        Store::open(&path).await.unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn every_commit_is_synced() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("i.db")).await.unwrap();
        let full: i64 = sqlx::query_scalar("pragma synchronous")
            .fetch_one(&store.pool)
            .await
            .unwrap();
        let mode: String = sqlx::query_scalar("pragma journal_mode")
            .fetch_one(&store.pool)
            .await
            .unwrap();
        assert_eq!((full, mode.as_str()), (2, "wal"));
    }

    #[tokio::test]
    async fn a_newer_file_and_a_wrong_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i.db");
        let store = Store::open(&path).await.unwrap();
        sqlx::raw_sql("pragma user_version = 99")
            .execute(&store.pool)
            .await
            .unwrap();
        store.close().await;
        let error = Store::open(&path).await.unwrap_err();
        assert!(
            matches!(error, StoreError::TooNew { found: 99, .. }),
            "{error}"
        );

        let other = folder.path().join("notes.txt");
        std::fs::write(&other, "this is no database at all, but a text ".repeat(99)).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions();
        let before = mode(&other);
        assert!(Store::open(&other).await.is_err());
        assert_eq!(
            mode(&other),
            before,
            "the file of somebody else was changed"
        );
        assert!(Store::open(folder.path()).await.is_err());
    }
}
