//! The administrator's key as an AWS profile: files that AWS clients read.
//!
//! Owns their form and that nobody but their owner may read them.

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use stockade_model::Secret;
use tempfile::NamedTempFile;

/// The profile's name.
pub const NAME: &str = "range";

/// The files of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// For `AWS_CONFIG_FILE`.
    pub config: PathBuf,
    /// For `AWS_SHARED_CREDENTIALS_FILE`.
    pub credentials: PathBuf,
}

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct ProfileError {
    path: PathBuf,
    source: io::Error,
}

/// What clients must know of a range.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Its address as clients want it.
    pub endpoint: &'a str,
    /// The certificate of its authority, where it speaks TLS by its own.
    pub authority: Option<&'a Path>,
}

impl Files {
    /// The files of the profile below a folder.
    pub fn of(folder: &Path) -> Self {
        Self {
            config: folder.join("config"),
            credentials: folder.join("credentials"),
        }
    }

    /// Writes where the range is: it may be elsewhere at every start.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn write_place(&self, place: &Place<'_>) -> Result<(), ProfileError> {
        let mut text = format!(
            "# Written by `stockade range` at every start.\n[profile {NAME}]\nregion = us-east-1\nendpoint_url = {}\n",
            place.endpoint
        );
        if let Some(authority) = place.authority {
            text.push_str(&format!("ca_bundle = {}\n", authority.display()));
        }
        write(&self.config, &text)
    }

    /// Writes the key that the administrator had at first.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn write_key(&self, id: &str, secret: &Secret) -> Result<(), ProfileError> {
        let text = format!(
            "# Written by `stockade range` at every start.\n[{NAME}]\naws_access_key_id = {id}\naws_secret_access_key = {}\n",
            secret.expose()
        );
        write(&self.credentials, &text)
    }
}

/// Puts a file in its place whole, for its owner alone.
fn write(path: &Path, text: &str) -> Result<(), ProfileError> {
    let put = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        // Made with mode 0600.
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        fs::File::open(folder)?.sync_all()
    };
    put().map_err(|source| ProfileError {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_profile_is_for_its_owner_alone_and_follows_the_range() {
        let home = tempfile::tempdir().unwrap();
        let files = Files::of(&home.path().join("aws"));
        files
            .write_key("AKIAIOSFODNN7EXAMPLE", &Secret::new("a/se+cret"))
            .unwrap();
        for (endpoint, authority) in [
            ("http://127.0.0.1:1", None),
            ("https://127.0.0.1:2", Some("/x/ca.pem")),
        ] {
            let authority = authority.map(Path::new);
            files
                .write_place(&Place {
                    endpoint,
                    authority,
                })
                .unwrap();
            let text = fs::read_to_string(&files.config).unwrap();
            assert!(
                text.contains(&format!("\nendpoint_url = {endpoint}\n")),
                "{text}"
            );
            assert_eq!(text.contains("ca_bundle"), authority.is_some(), "{text}");
        }
        let text = fs::read_to_string(&files.credentials).unwrap();
        assert!(text.contains(
            "[range]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = a/se+cret\n"
        ));
        for path in [&files.config, &files.credentials] {
            assert_eq!(
                fs::metadata(path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        assert_eq!(
            fs::metadata(home.path().join("aws"))
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o700
        );
    }
}
