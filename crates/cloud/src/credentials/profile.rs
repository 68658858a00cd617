//! The profiles of `~/.aws/config` and `~/.aws/credentials`, or of the files that the environment names.
//!
//! Owns how the two files make one profile. What its settings mean is the parent's matter.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::ini;
use super::{CredentialsError, Environment};

/// A profile's settings.
#[derive(Default)]
pub(super) struct Profile {
    pub(super) name: String,
    settings: BTreeMap<String, String>,
}

impl Profile {
    pub(super) fn get(&self, setting: &str) -> Option<&str> {
        self.settings
            .get(setting)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(super) fn uses_sso(&self) -> bool {
        self.settings.keys().any(|name| name.starts_with("sso_"))
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Profile").field(&self.name).finish()
    }
}

/// Every profile of both files.
#[derive(Debug)]
pub(super) struct Profiles {
    all: BTreeMap<String, Profile>,
    files: Vec<PathBuf>,
}

impl Profiles {
    pub(super) fn read(environment: &Environment) -> Result<Self, CredentialsError> {
        let mut profiles = Self {
            all: BTreeMap::new(),
            files: Vec::new(),
        };
        if let Some(path) = environment.path("AWS_CONFIG_FILE", ".aws/config") {
            for (section, settings) in text(&path)?
                .map(|text| ini::parse(&text))
                .unwrap_or_default()
            {
                let name = match section.strip_prefix("profile ") {
                    Some(name) => name.trim_matches(['"', '\'']),
                    None if section == "default" => "default",
                    // `sso-session` and `services` are no profiles.
                    None => continue,
                };
                profiles.add(name, settings);
            }
            profiles.files.push(path);
        }
        if let Some(path) = environment.path("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials") {
            for (name, settings) in text(&path)?
                .map(|text| ini::parse(&text))
                .unwrap_or_default()
            {
                profiles.add(&name, settings);
            }
            profiles.files.push(path);
        }
        Ok(profiles)
    }

    /// What is added later goes before what was there: the credentials file before the config file.
    fn add(&mut self, name: &str, settings: BTreeMap<String, String>) {
        let profile = self.all.entry(name.to_owned()).or_default();
        profile.name = name.to_owned();
        profile.settings.extend(settings);
    }

    pub(super) fn find(&self, name: &str) -> Option<&Profile> {
        self.all.get(name)
    }

    fn looked(&self) -> String {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        if files.is_empty() {
            "no file, for HOME is not set".to_owned()
        } else {
            files.join(" and ")
        }
    }

    pub(super) fn unknown(&self, name: &str) -> CredentialsError {
        let known: Vec<_> = self.all.keys().map(|name| format!("`{name}`")).collect();
        CredentialsError::UnknownProfile {
            name: name.to_owned(),
            looked: self.looked(),
            known: if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            },
        }
    }

    pub(super) fn nothing(&self) -> CredentialsError {
        CredentialsError::Nothing {
            looked: self.looked(),
        }
    }
}

/// A file's text; none where there is no file.
fn text(path: &Path) -> Result<Option<String>, CredentialsError> {
    let failed = |detail: String| CredentialsError::File {
        path: path.to_owned(),
        detail,
    };
    match std::fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| failed("it is not text".to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(format!("it cannot be read: {error}"))),
    }
}
