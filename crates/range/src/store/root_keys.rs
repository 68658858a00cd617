//! The root keys of KMS, in a file of their own beside the rows: what the rows hold of keys is worth nothing without them.
//!
//! Owns the file, which its owner alone may read. Which of its keys sealed the rows is told by a row: so a cloud that is replaced by
//! another one comes with its root key, whenever the machine stops.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use stockade_keys::RootKey;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// The file's name.
const NAME: &str = "kms-root-keys";

/// The root keys that a data folder has.
#[derive(Debug)]
pub struct RootKeys {
    path: PathBuf,
    keys: Vec<RootKey>,
}

impl RootKeys {
    /// Those of a folder; none where it has none yet.
    ///
    /// # Errors
    /// The file cannot be read, or is none.
    pub fn below(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        let text = match fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Zeroizing::default(),
            Err(error) => return Err(error),
        };
        if !text.is_empty() {
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        }
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it holds no root keys");
        let mut keys = Vec::new();
        for line in text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let bytes = Zeroizing::new(hex::decode(line).map_err(|_| damaged())?);
            keys.push(RootKey::from_bytes(&bytes).map_err(|_| damaged())?);
        }
        Ok(Self { path, keys })
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key of an id; without an id the first.
    pub fn of(&self, id: Option<&str>) -> Option<&RootKey> {
        match id {
            Some(id) => self.keys.iter().find(|key| key.id() == id),
            None => self.keys.first(),
        }
    }

    /// Keeps a key. It is on the disk when this returns.
    ///
    /// # Errors
    /// The disk's; then nothing was changed.
    pub fn keep(&mut self, key: &RootKey) -> io::Result<()> {
        if self.of(Some(&key.id())).is_some() {
            return Ok(());
        }
        let mut text = Zeroizing::new(String::new());
        for key in self.keys.iter().chain([key]) {
            text.push_str(&Zeroizing::new(hex::encode(key.bytes().expose())));
            text.push('\n');
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        // Made with mode 0600.
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        fs::File::open(folder)?.sync_all()?;
        self.keys.push(key.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_there_again_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = RootKeys::below(folder.path()).unwrap();
        assert!(keys.of(None).is_none());
        let (one, two) = (RootKey::generate().unwrap(), RootKey::generate().unwrap());
        for key in [&one, &two, &one] {
            keys.keep(key).unwrap();
        }
        let mode = fs::metadata(keys.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = RootKeys::below(folder.path()).unwrap();
        assert_eq!(again.keys.len(), 2);
        assert_eq!(again.of(None).unwrap().id(), one.id());
        let found = again.of(Some(&two.id())).unwrap();
        assert_eq!(found.bytes(), two.bytes());
        assert!(again.of(Some("another")).is_none());
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "no key\n").unwrap();
        assert!(RootKeys::below(folder.path()).is_err());
    }
}
