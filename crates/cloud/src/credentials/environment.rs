//! The environment, as a value: what reads it can be tested without changing it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Environment variables. An empty one counts as absent, as the AWS tools have it.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// This process's variables, those that are not text left out.
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        )
    }

    /// Some variables.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A path in a variable, or below the user's home.
    pub(super) fn path(&self, name: &str, below_home: &str) -> Option<PathBuf> {
        let home = self
            .get("HOME")
            .or_else(|| self.get("USERPROFILE"))
            .map(PathBuf::from);
        match self.get(name) {
            Some(given) => match (given.strip_prefix("~/"), home) {
                (Some(rest), Some(home)) => Some(home.join(rest)),
                _ => Some(PathBuf::from(given)),
            },
            None => home.map(|home| home.join(below_home)),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: values hold secrets.
        f.debug_set().entries(self.0.keys()).finish()
    }
}
