//! Whose credentials sign, where, and in which region: from the command line, the environment and the files that the AWS
//! tools share.
//!
//! Owns the order of those sources: what is given, then (unless a profile is asked for by name) the environment, then the
//! profile. Must not print or keep a secret in an error.

mod environment;
mod error;
mod ini;
mod process;
mod profile;

use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;
use serde_json::json;
use stockade_model::{Clock, Region, Secret};
use stockade_wire::sigv4::Credentials;

use crate::client::Client;
use crate::config::Config;

pub use environment::Environment;
pub use error::CredentialsError;
use profile::{Profile, Profiles};

/// What somebody gave on the command line; it goes before all else.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--profile`
    pub profile: Option<String>,
    /// `--region`
    pub region: Option<String>,
    /// `--endpoint-url`
    pub endpoint: Option<String>,
}

/// No chain of profiles is longer; what is turns in a circle.
const LONGEST_CHAIN: usize = 10;

impl Config {
    /// The configuration that the environment and the shared files tell. A profile that takes a role takes it here.
    ///
    /// # Errors
    /// In words that say what to do: nothing found, an unknown profile, single sign-on, a file that cannot be read.
    pub async fn load(
        environment: &Environment,
        overrides: &Overrides,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CredentialsError> {
        let asked = overrides.profile.as_deref();
        let from_environment = match asked {
            Some(_) => None,
            None => environment_keys(environment)?,
        };
        let name = asked
            .or_else(|| environment.get("AWS_PROFILE"))
            .or_else(|| environment.get("AWS_DEFAULT_PROFILE"));
        let profiles = Profiles::read(environment)?;
        let own = profiles.find(name.unwrap_or("default"));
        if own.is_none()
            && let (Some(name), None) = (name, &from_environment)
        {
            return Err(profiles.unknown(name));
        }
        let setting = |key: &str| own.and_then(|profile| profile.get(key));

        let region = overrides
            .region
            .as_deref()
            .or_else(|| environment.get("AWS_REGION"))
            .or_else(|| environment.get("AWS_DEFAULT_REGION"))
            .or_else(|| setting("region"))
            .unwrap_or("us-east-1");
        let region: Region = region.parse().map_err(|error: stockade_model::IdError| {
            CredentialsError::Setting(error.to_string())
        })?;
        let ignored = environment
            .get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let endpoint = overrides.endpoint.as_deref().or_else(|| {
            environment
                .get("AWS_ENDPOINT_URL")
                .or_else(|| setting("endpoint_url"))
                .filter(|_| !ignored)
        });
        let endpoint = endpoint.map(parse_endpoint).transpose()?;
        let ca_bundle = environment
            .get("AWS_CA_BUNDLE")
            .or_else(|| setting("ca_bundle"))
            .map(PathBuf::from);
        let with = |credentials| Self {
            endpoint: endpoint.clone(),
            ca_bundle: ca_bundle.clone(),
            ..Self::new(region.clone(), credentials, Arc::clone(&clock))
        };

        if let Some(credentials) = from_environment {
            return Ok(with(credentials));
        }
        let Some(own) = own else {
            return Err(profiles.nothing());
        };
        let source = Source {
            environment,
            profiles: &profiles,
            with: &with,
        };
        Ok(with(source.credentials(own).await?))
    }
}

fn parse_endpoint(text: &str) -> Result<Uri, CredentialsError> {
    let uri: Uri = text.parse().map_err(|_| {
        CredentialsError::Setting(format!(
            "`{text}` is not an endpoint: it must read http://127.0.0.1:4566 or https://host"
        ))
    })?;
    crate::endpoint::check(&uri).map_err(|error| CredentialsError::Setting(error.to_string()))?;
    Ok(uri)
}

fn environment_keys(environment: &Environment) -> Result<Option<Credentials>, CredentialsError> {
    match (
        environment.get("AWS_ACCESS_KEY_ID"),
        environment.get("AWS_SECRET_ACCESS_KEY"),
    ) {
        (Some(key), Some(secret)) => Ok(Some(Credentials {
            access_key: key.to_owned(),
            secret: Secret::new(secret),
            session_token: environment.get("AWS_SESSION_TOKEN").map(Secret::new),
        })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(CredentialsError::Half("AWS_SECRET_ACCESS_KEY")),
        (None, Some(_)) => Err(CredentialsError::Half("AWS_ACCESS_KEY_ID")),
    }
}

/// Where profiles' credentials come from.
struct Source<'a> {
    environment: &'a Environment,
    profiles: &'a Profiles,
    /// The configuration with other credentials, for taking roles.
    with: &'a dyn Fn(Credentials) -> Config,
}

impl Source<'_> {
    /// A profile's credentials: the first that stands on its own, then every role on the way back.
    async fn credentials(&self, profile: &Profile) -> Result<Credentials, CredentialsError> {
        let mut roles = Vec::new();
        let mut at = profile;
        let mut credentials = loop {
            let Some(role) = at.get("role_arn") else {
                break self.own(at).await?;
            };
            if at.get("mfa_serial").is_some() {
                return Err(CredentialsError::Export {
                    profile: at.name.clone(),
                    why: "asks for an MFA code",
                });
            }
            if at.get("web_identity_token_file").is_some() {
                return Err(CredentialsError::Export {
                    profile: at.name.clone(),
                    why: "takes its role with a web identity",
                });
            }
            roles.push((at, role));
            if roles.len() > LONGEST_CHAIN {
                return Err(CredentialsError::Circle(profile.name.clone()));
            }
            match (at.get("source_profile"), at.get("credential_source")) {
                // A profile may hold the keys that take its own role.
                (Some(name), _) if name == at.name => break self.own(at).await?,
                (Some(name), _) => {
                    at = self
                        .profiles
                        .find(name)
                        .ok_or_else(|| self.profiles.unknown(name))?;
                }
                (None, Some("Environment")) => {
                    break environment_keys(self.environment)?
                        .ok_or(CredentialsError::Half("AWS_ACCESS_KEY_ID"))?;
                }
                (None, Some(_)) => {
                    return Err(CredentialsError::Export {
                        profile: at.name.clone(),
                        why: "takes its credentials from the machine it runs on",
                    });
                }
                (None, None) => {
                    return Err(CredentialsError::Missing {
                        profile: at.name.clone(),
                        setting: "source_profile",
                    });
                }
            }
        };
        while let Some((profile, role)) = roles.pop() {
            credentials = self.take(profile, role, credentials).await?;
        }
        Ok(credentials)
    }

    async fn take(
        &self,
        profile: &Profile,
        role: &str,
        credentials: Credentials,
    ) -> Result<Credentials, CredentialsError> {
        let failed = |error| CredentialsError::AssumeRole {
            profile: profile.name.clone(),
            role: role.to_owned(),
            error: Box::new(error),
        };
        let mut input = json!({
            "RoleArn": role,
            "RoleSessionName": profile.get("role_session_name").unwrap_or("stockade"),
        });
        if let Some(members) = input.as_object_mut() {
            if let Some(id) = profile.get("external_id") {
                members.insert("ExternalId".to_owned(), id.into());
            }
            if let Some(seconds) = profile
                .get("duration_seconds")
                .and_then(|s| s.parse::<u32>().ok())
            {
                members.insert("DurationSeconds".to_owned(), seconds.into());
            }
        }
        let client = Client::new((self.with)(credentials)).map_err(failed)?;
        let taken = client.assume_role_with(input).await.map_err(failed)?;
        Ok(taken.config().credentials.clone())
    }

    /// What a profile holds itself: keys, or a process that prints them.
    async fn own(&self, profile: &Profile) -> Result<Credentials, CredentialsError> {
        let missing = |setting| CredentialsError::Missing {
            profile: profile.name.clone(),
            setting,
        };
        match (
            profile.get("aws_access_key_id"),
            profile.get("aws_secret_access_key"),
        ) {
            (Some(key), Some(secret)) => Ok(Credentials {
                access_key: key.to_owned(),
                secret: Secret::new(secret),
                session_token: profile.get("aws_session_token").map(Secret::new),
            }),
            (Some(_), None) => Err(missing("aws_secret_access_key")),
            (None, Some(_)) => Err(missing("aws_access_key_id")),
            (None, None) => {
                if let Some(command) = profile.get("credential_process") {
                    return process::run(&profile.name, command).await;
                }
                if profile.uses_sso() {
                    return Err(CredentialsError::Export {
                        profile: profile.name.clone(),
                        why: "uses single sign-on",
                    });
                }
                if profile.get("web_identity_token_file").is_some() {
                    return Err(CredentialsError::Export {
                        profile: profile.name.clone(),
                        why: "takes its role with a web identity",
                    });
                }
                Err(missing("aws_access_key_id"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
