//! The account's alias, its rules for passwords, and the count of all that it holds.
//!
//! Owns the settings of the account as a whole.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::access_keys::KeyOwner;
use super::errors;
use super::output::{page, reply};
use super::scope::{iam, iam_mut};
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// The account's rules for passwords.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PasswordPolicy {
    /// In characters.
    pub minimum_length: u32,
    /// Whether one of AWS's symbols is required.
    pub symbols: bool,
    /// Whether a digit is required.
    pub numbers: bool,
    /// Whether an upper-case letter is required.
    pub uppercase: bool,
    /// Whether a lower-case letter is required.
    pub lowercase: bool,
    /// Whether users may change their own passwords.
    pub users_may_change: bool,
    /// In days; none for passwords that do not end.
    pub max_age: Option<u32>,
    /// How many earlier passwords may not be used again.
    pub reuse_prevention: Option<u32>,
    /// Whether a user with an ended password needs an administrator.
    pub hard_expiry: Option<bool>,
}

impl Default for PasswordPolicy {
    /// The rules of an account that set none of its own.
    fn default() -> Self {
        Self {
            minimum_length: 8,
            symbols: false,
            numbers: false,
            uppercase: false,
            lowercase: false,
            users_may_change: false,
            max_age: None,
            reuse_prevention: None,
            hard_expiry: None,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfAlias {
    account_alias: String,
}

pub(super) fn create_alias(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfAlias { account_alias } = call.read()?;
    check_alias(&account_alias)?;
    let taken = range
        .accounts
        .values()
        .any(|account| account.iam.read().alias.as_ref() == Some(&account_alias));
    if taken {
        return Err(errors::already_exists(format!(
            "The account alias {account_alias} already exists."
        )));
    }
    iam_mut(range, call)?.alias = Some(account_alias);
    Ok(Reply::empty())
}

/// The model's pattern for aliases looks ahead, which the wire's patterns cannot.
fn check_alias(alias: &str) -> Result<(), AwsError> {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let hyphens = alias.starts_with('-') || alias.ends_with('-') || alias.contains("--");
    if alias.bytes().all(letter) && !hyphens && (3..=63).contains(&alias.len()) {
        return Ok(());
    }
    Err(errors::validation(
        "The specified value for accountAlias is invalid. It must contain only digits, lowercase letters, and hyphens, but cannot begin or end with a hyphen.",
    ))
}

pub(super) fn list_aliases(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let alias = iam(range, call)?.alias.as_ref();
    let found = alias.map(|alias| (alias.clone(), Value::from(alias.as_str())));
    page(call, "AccountAliases", Value::Null, found)
}

pub(super) fn delete_alias(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfAlias { account_alias } = call.read()?;
    if iam(range, call)?.alias.as_ref() != Some(&account_alias) {
        return Err(errors::no_such_entity(format!(
            "The account alias {account_alias} cannot be found."
        )));
    }
    iam_mut(range, call)?.alias = None;
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdatePasswords {
    minimum_password_length: Option<u32>,
    require_symbols: Option<bool>,
    require_numbers: Option<bool>,
    require_uppercase_characters: Option<bool>,
    require_lowercase_characters: Option<bool>,
    allow_users_to_change_password: Option<bool>,
    max_password_age: Option<u32>,
    password_reuse_prevention: Option<u32>,
    hard_expiry: Option<bool>,
}

/// What a call leaves out goes back to its default, as on AWS.
pub(super) fn update_passwords(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: UpdatePasswords = call.read()?;
    let policy = PasswordPolicy {
        minimum_length: input.minimum_password_length.unwrap_or(6),
        symbols: input.require_symbols.unwrap_or_default(),
        numbers: input.require_numbers.unwrap_or_default(),
        uppercase: input.require_uppercase_characters.unwrap_or_default(),
        lowercase: input.require_lowercase_characters.unwrap_or_default(),
        users_may_change: input.allow_users_to_change_password.unwrap_or_default(),
        max_age: input.max_password_age.filter(|days| *days > 0),
        reuse_prevention: input.password_reuse_prevention.filter(|n| *n > 0),
        hard_expiry: input.hard_expiry,
    };
    iam_mut(range, call)?.password_policy = Some(policy);
    Ok(Reply::empty())
}

fn no_password_policy(call: &Call<'_>) -> AwsError {
    errors::no_such_entity(format!(
        "The Password Policy with domain name {} cannot be found.",
        call.account()
    ))
}

pub(super) fn get_passwords(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let policy = iam(range, call)?
        .password_policy
        .as_ref()
        .ok_or_else(|| no_password_policy(call))?;
    Ok(reply(json!({"PasswordPolicy": {
        "MinimumPasswordLength": policy.minimum_length,
        "RequireSymbols": policy.symbols,
        "RequireNumbers": policy.numbers,
        "RequireUppercaseCharacters": policy.uppercase,
        "RequireLowercaseCharacters": policy.lowercase,
        "AllowUsersToChangePassword": policy.users_may_change,
        "ExpirePasswords": policy.max_age.is_some(),
        "MaxPasswordAge": policy.max_age,
        "PasswordReusePrevention": policy.reuse_prevention,
        "HardExpiry": policy.hard_expiry,
    }})))
}

pub(super) fn delete_passwords(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    if iam(range, call)?.password_policy.is_none() {
        return Err(errors::no_such_entity(
            "The account policy with name PasswordPolicy cannot be found.",
        ));
    }
    iam_mut(range, call)?.password_policy = None;
    Ok(Reply::empty())
}

pub(super) fn summary(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let state = iam(range, call)?;
    let devices = state.mfa_devices.values();
    let in_use = devices.clone().filter(|d| d.enabled.is_some()).count();
    let root_mfa = devices
        .filter_map(|d| d.enabled.as_ref())
        .any(|e| e.user.is_empty());
    let root_keys = state
        .access_keys
        .values()
        .any(|key| key.owner == KeyOwner::Root);
    let versions: usize = state
        .policies
        .values()
        .map(|policy| policy.versions.len())
        .sum();
    let flag = usize::from;
    Ok(reply(json!({"SummaryMap": {
        "AccessKeysPerUserQuota": 2,
        "AccountAccessKeysPresent": flag(root_keys),
        "AccountMFAEnabled": flag(root_mfa),
        "AccountPasswordPresent": 1,
        "AccountSigningCertificatesPresent": 0,
        "AssumeRolePolicySizeQuota": 2048,
        "AttachedPoliciesPerGroupQuota": 10,
        "AttachedPoliciesPerRoleQuota": 10,
        "AttachedPoliciesPerUserQuota": 10,
        "GlobalEndpointTokenVersion": if state.tokens_for_all_regions { 2 } else { 1 },
        "GroupPolicySizeQuota": 5120,
        "Groups": state.groups.len(),
        "GroupsPerUserQuota": 10,
        "GroupsQuota": 300,
        "InstanceProfiles": state.instance_profiles.len(),
        "InstanceProfilesQuota": 1000,
        "MFADevices": state.mfa_devices.len(),
        "MFADevicesInUse": in_use,
        "Policies": state.policies.len(),
        "PoliciesQuota": 1500,
        "PolicySizeQuota": 6144,
        "PolicyVersionsInUse": versions,
        "PolicyVersionsInUseQuota": 10000,
        "Providers": state.oidc_providers.len() + state.saml_providers.len(),
        "RolePolicySizeQuota": 10240,
        "Roles": state.roles.len(),
        "RolesQuota": 1000,
        "ServerCertificates": state.server_certificates.len(),
        "ServerCertificatesQuota": 20,
        "SigningCertificatesPerUserQuota": 2,
        "UserPolicySizeQuota": 2048,
        "Users": state.users.len(),
        "UsersQuota": 5000,
        "VersionsPerPolicyQuota": 5,
    }})))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn aliases_are_host_names_and_nobody_elses() {
        let mut cloud = Cloud::new();
        for bad in ["ab", "-abc", "abc-", "a--b", "Abc", "a b", "a.b"] {
            let refused = cloud.refused("CreateAccountAlias", json!({"AccountAlias": bad}));
            assert_eq!(refused.0, "ValidationError", "{bad}");
        }
        cloud
            .iam("CreateAccountAlias", json!({"AccountAlias": "a-1"}))
            .unwrap();
        let taken = cloud.refused("CreateAccountAlias", json!({"AccountAlias": "a-1"}));
        assert_eq!(
            taken,
            (
                "EntityAlreadyExists".into(),
                "The account alias a-1 already exists.".into()
            )
        );
    }
}
