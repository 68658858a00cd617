//! Tags of everything in IAM that can have them.
//!
//! Owns the rules for tags: the keys of users' and roles' are unique without regard to case, and keep the case that
//! they were given; the keys of all others differ by case.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::errors;
use super::managed_policies::own;
use super::oidc_providers;
use super::output::page;
use super::saml_providers;
use super::scope::{iam, iam_mut};
use super::state::{State, key};
use crate::call::{Call, Reply};
use crate::state::State as Range;

const TAGS_PER_RESOURCE: usize = 50;

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// The key.
    pub key: String,
    /// The value, which may be empty.
    pub value: String,
}

/// Whether two keys are one.
type Same = fn(&str, &str) -> bool;

/// `old` with the tags of `new` added, or in the place of those with the same keys, in the order of their keys: as
/// users and roles have them, without regard to case.
pub(super) fn merged(old: &[Tag], new: Vec<Tag>) -> Result<Vec<Tag>, AwsError> {
    let duplicates = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
    merge(old, new, str::eq_ignore_ascii_case, duplicates)
}

/// The same, as everything else has them: `team` and `Team` are two keys.
pub(super) fn merged_by_case(old: &[Tag], new: Vec<Tag>) -> Result<Vec<Tag>, AwsError> {
    merge(old, new, |a, b| a == b, "Duplicate tag keys found.")
}

fn merge(old: &[Tag], new: Vec<Tag>, same: Same, duplicates: &str) -> Result<Vec<Tag>, AwsError> {
    for (at, tag) in new.iter().enumerate() {
        let mut later = new.iter().skip(at + 1);
        if later.any(|other| same(&other.key, &tag.key)) {
            return Err(errors::invalid_input(duplicates));
        }
        if key(&tag.key).starts_with("aws:") {
            return Err(errors::invalid_input(
                "Tag keys that begin with aws: are reserved for use by AWS.",
            ));
        }
    }
    let mut tags = old.to_vec();
    tags.retain(|tag| !new.iter().any(|other| same(&other.key, &tag.key)));
    tags.extend(new);
    if tags.len() > TAGS_PER_RESOURCE {
        return Err(errors::limit_exceeded(
            "The number of tags has reached the maximum limit.",
        ));
    }
    tags.sort_by(|a, b| {
        key(&a.key)
            .cmp(&key(&b.key))
            .then_with(|| a.key.cmp(&b.key))
    });
    Ok(tags)
}

/// Tags as answers show them.
pub(super) fn shown(tags: &[Tag]) -> Value {
    json!(tags)
}

/// Tags as answers show them; null where there are none.
pub(super) fn shown_if_any(tags: &[Tag]) -> Value {
    match tags {
        [] => Value::Null,
        tags => shown(tags),
    }
}

/// What carries tags.
enum Tagged {
    User(String),
    Role(String),
    Policy(String),
    InstanceProfile(String),
    MfaDevice(String),
    ServerCertificate(String),
    OidcProvider(String),
    SamlProvider(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfResource {
    user_name: Option<String>,
    role_name: Option<String>,
    policy_arn: Option<String>,
    instance_profile_name: Option<String>,
    serial_number: Option<String>,
    server_certificate_name: Option<String>,
    #[serde(rename = "OpenIDConnectProviderArn")]
    oidc_provider: Option<String>,
    #[serde(rename = "SAMLProviderArn")]
    saml_provider: Option<String>,
}

impl Tagged {
    fn of(call: &Call<'_>) -> Result<Self, AwsError> {
        let input: OfResource = call.read()?;
        let account = call.account();
        if let Some(arn) = &input.oidc_provider {
            return oidc_providers::key_of(account, arn).map(Self::OidcProvider);
        }
        if let Some(arn) = &input.saml_provider {
            return saml_providers::key_of(account, arn).map(Self::SamlProvider);
        }
        None.or(input.user_name.map(Self::User))
            .or(input.role_name.map(Self::Role))
            .or(input.policy_arn.map(Self::Policy))
            .or(input.instance_profile_name.map(Self::InstanceProfile))
            .or(input.serial_number.map(Self::MfaDevice))
            .or(input.server_certificate_name.map(Self::ServerCertificate))
            .ok_or_else(errors::must_name_user)
    }

    fn tags<'a>(&self, state: &'a State) -> Result<&'a [Tag], AwsError> {
        match self {
            Self::User(name) => state
                .user(name)
                .map(|user| &*user.tags)
                .ok_or_else(|| errors::no_user(name)),
            Self::Role(name) => state
                .role(name)
                .map(|role| &*role.tags)
                .ok_or_else(|| errors::no_role(name)),
            Self::Policy(arn) => own(state, arn).map(|policy| &*policy.tags),
            Self::InstanceProfile(name) => state
                .instance_profiles
                .get(&key(name))
                .map(|profile| &*profile.tags)
                .ok_or_else(|| errors::no_instance_profile(name)),
            Self::MfaDevice(serial) => state
                .mfa_devices
                .get(serial)
                .map(|device| &*device.tags)
                .ok_or_else(|| super::mfa_devices::no_device(serial)),
            Self::ServerCertificate(name) => state
                .server_certificates
                .get(&key(name))
                .map(|certificate| &*certificate.tags)
                .ok_or_else(|| super::server_certificates::no_certificate(name)),
            Self::OidcProvider(key) => state
                .oidc_providers
                .get(key)
                .map(|provider| &*provider.tags)
                .ok_or_else(|| oidc_providers::not_found(key)),
            Self::SamlProvider(key) => state
                .saml_providers
                .get(key)
                .map(|provider| &*provider.tags)
                .ok_or_else(|| saml_providers::not_found(key)),
        }
    }

    /// Whether its keys are unique without regard to case.
    fn ignores_case(&self) -> bool {
        matches!(self, Self::User(_) | Self::Role(_))
    }

    fn set(&self, state: &mut State, tags: Vec<Tag>) {
        match self {
            Self::User(name) => {
                if let Some(user) = state.users.get_mut(&key(name)) {
                    Arc::make_mut(user).tags = tags;
                }
            }
            Self::Role(name) => {
                if let Some(role) = state.roles.get_mut(&key(name)) {
                    Arc::make_mut(role).tags = tags;
                }
            }
            Self::Policy(arn) => {
                let name = arn.rsplit('/').next().unwrap_or_default();
                if let Some(policy) = state.policies.get_mut(&key(name)) {
                    Arc::make_mut(policy).tags = tags;
                }
            }
            Self::InstanceProfile(name) => {
                if let Some(profile) = state.instance_profiles.get_mut(&key(name)) {
                    Arc::make_mut(profile).tags = tags;
                }
            }
            Self::MfaDevice(serial) => {
                if let Some(device) = state.mfa_devices.get_mut(serial) {
                    Arc::make_mut(device).tags = tags;
                }
            }
            Self::ServerCertificate(name) => {
                if let Some(certificate) = state.server_certificates.get_mut(&key(name)) {
                    Arc::make_mut(certificate).tags = tags;
                }
            }
            Self::OidcProvider(key) => {
                if let Some(provider) = state.oidc_providers.get_mut(key) {
                    Arc::make_mut(provider).tags = tags;
                }
            }
            Self::SamlProvider(key) => {
                if let Some(provider) = state.saml_providers.get_mut(key) {
                    Arc::make_mut(provider).tags = tags;
                }
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    tags: Vec<Tag>,
}

pub(super) fn put(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let Put { tags } = call.read()?;
    let tagged = Tagged::of(call)?;
    let old = tagged.tags(iam(range, call)?)?;
    let tags = match tagged.ignores_case() {
        true => merged(old, tags)?,
        false => merged_by_case(old, tags)?,
    };
    tagged.set(iam_mut(range, call)?, tags);
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Remove {
    tag_keys: Vec<String>,
}

pub(super) fn remove(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let Remove { tag_keys } = call.read()?;
    let tagged = Tagged::of(call)?;
    let mut tags = tagged.tags(iam(range, call)?)?.to_vec();
    let same: Same = match tagged.ignores_case() {
        true => str::eq_ignore_ascii_case,
        false => |a, b| a == b,
    };
    tags.retain(|tag| !tag_keys.iter().any(|gone| same(gone, &tag.key)));
    tagged.set(iam_mut(range, call)?, tags);
    Ok(Reply::empty())
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let tags = Tagged::of(call)?
        .tags(iam(range, call)?)?
        .iter()
        .map(|tag| (format!("{}\0{}", key(&tag.key), tag.key), json!(tag)));
    page(call, "Tags", Value::Null, tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn keys_are_unique_without_regard_to_case() {
        let old = [tag("Department", "finance"), tag("a", "1")];
        let new = merged(&old, vec![tag("department", "hr")]).unwrap();
        assert_eq!(new, [tag("a", "1"), tag("department", "hr")]);
        let twice = merged(&[], vec![tag("a", "1"), tag("A", "2")]).unwrap_err();
        assert_eq!(twice.code, "InvalidInput");
        assert_eq!(
            merged(&[], vec![tag("AWS:x", "1")]).unwrap_err().code,
            "InvalidInput"
        );
    }

    #[test]
    fn keys_of_policies_differ_by_case() {
        let new = merged_by_case(&[tag("team", "1")], vec![tag("Team", "2")]).unwrap();
        assert_eq!(new, [tag("Team", "2"), tag("team", "1")]);
        let twice = merged_by_case(&[], vec![tag("a", "1"), tag("a", "2")]).unwrap_err();
        assert_eq!(twice.message, "Duplicate tag keys found.");
    }

    #[test]
    fn fifty_is_the_most() {
        let many: Vec<_> = (0..50).map(|n| tag(&format!("k{n}"), "")).collect();
        assert!(merged(&[], many.clone()).is_ok());
        assert_eq!(
            merged(&many, vec![tag("one-more", "")]).unwrap_err().code,
            "LimitExceeded"
        );
        assert!(merged(&many, vec![tag("k0", "changed")]).is_ok());
    }
}
