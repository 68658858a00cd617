//! Why there are no credentials, in words that say what to do.

use std::path::PathBuf;

use crate::error::CloudError;

/// Why there are no credentials.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CredentialsError {
    /// No source has any.
    #[error(
        "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with --profile or AWS_PROFILE \
         (looked in the environment and in {looked})"
    )]
    Nothing {
        /// The files.
        looked: String,
    },
    /// One variable of a pair.
    #[error("{0} is not set, though the other half of the key is")]
    Half(&'static str),
    /// No such profile.
    #[error("there is no profile `{name}` in {looked}; there is {known}")]
    UnknownProfile {
        /// As asked for.
        name: String,
        /// The files.
        looked: String,
        /// Those that there are.
        known: String,
    },
    /// A profile whose credentials another tool must fetch.
    #[error(
        "profile `{profile}` {why}, which is not supported yet: run `eval \"$(aws configure export-credentials --profile {profile} --format env)\"` \
         and try again without --profile"
    )]
    Export {
        /// The profile.
        profile: String,
        /// What it does.
        why: &'static str,
    },
    /// A profile that lacks a setting.
    #[error("profile `{profile}` has no {setting}")]
    Missing {
        /// The profile.
        profile: String,
        /// The setting.
        setting: &'static str,
    },
    /// Profiles that name each other as their source.
    #[error("profile `{0}`: its chain of source_profile turns in a circle")]
    Circle(String),
    /// A file that is there and cannot be read.
    #[error("{}: {detail}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        detail: String,
    },
    /// The process of a profile failed.
    #[error("profile `{profile}`: its credential_process {detail}")]
    Process {
        /// The profile.
        profile: String,
        /// How it failed; never what it printed.
        detail: String,
    },
    /// The role of a profile was not given.
    #[error("profile `{profile}`: the role {role} was not given: {error}")]
    AssumeRole {
        /// The profile.
        profile: String,
        /// The role's ARN.
        role: String,
        /// Why not.
        error: Box<CloudError>,
    },
    /// A region or endpoint that is none.
    #[error("{0}")]
    Setting(String),
}
