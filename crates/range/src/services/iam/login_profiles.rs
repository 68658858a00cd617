//! Console passwords of users.
//!
//! Owns the login profile and the check of a password against the account's rules. The password itself is
//! kept as a digest: nothing in the range signs in with it yet, and nothing may read it back.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::Timestamp;
use stockade_wire::AwsError;

use super::account::PasswordPolicy;
use super::errors;
use super::output::{reply, time};
use super::scope::{self, iam, iam_mut};
use super::state::{State, key};
use super::users::User;
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// A console password.
#[derive(Debug, Clone)]
pub struct LoginProfile {
    /// When it was made.
    pub created: Timestamp,
    /// When the password was last set.
    pub changed: Timestamp,
    /// Whether the user must choose another at the next sign-in.
    pub reset_required: bool,
    /// Digests of this password and of those before it, newest first, as far back as reuse may be forbidden.
    digests: Vec<[u8; 32]>,
}

/// The passwords that an account may remember.
const REMEMBERED: usize = 24;

fn digest(password: &str, user: &User) -> [u8; 32] {
    let salted = format!("{}:{password}", user.id);
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, salted.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(sum.as_ref());
    bytes
}

impl LoginProfile {
    fn shown(&self, user: &User) -> Value {
        json!({"LoginProfile": {
            "UserName": user.name,
            "CreateDate": time(self.created),
            "PasswordResetRequired": self.reset_required,
        }})
    }

    fn set_password(&mut self, digest: [u8; 32], now: Timestamp) {
        self.digests.insert(0, digest);
        self.digests.truncate(REMEMBERED);
        self.changed = now;
    }
}

fn violation(message: &str) -> AwsError {
    AwsError::new(400, "PasswordPolicyViolation", message)
}

/// Refuses a password that the account's rules forbid.
fn check_password(state: &State, password: &str) -> Result<(), AwsError> {
    let rules = state.password_policy.clone().unwrap_or_default();
    let PasswordPolicy {
        minimum_length,
        symbols,
        numbers,
        uppercase,
        lowercase,
        ..
    } = rules;
    if password.chars().count() < minimum_length as usize {
        return Err(violation(&format!(
            "Password should have a minimum length of {minimum_length}"
        )));
    }
    let lacks = |test: fn(char) -> bool| !password.chars().any(test);
    let symbol = |c: char| "!@#$%^&*()_+-=[]{}|'".contains(c);
    let rules: [(bool, bool, &str); 4] = [
        (
            uppercase,
            lacks(|c| c.is_ascii_uppercase()),
            "uppercase letter",
        ),
        (
            lowercase,
            lacks(|c| c.is_ascii_lowercase()),
            "lowercase letter",
        ),
        (symbols, lacks(symbol), "symbol"),
        (numbers, lacks(|c| c.is_ascii_digit()), "number"),
    ];
    match rules
        .iter()
        .find(|(required, lacking, _)| *required && *lacking)
    {
        Some((_, _, what)) => Err(violation(&format!(
            "Password should have at least one {what}"
        ))),
        None => Ok(()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    password: Option<String>,
    password_reset_required: Option<bool>,
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    let state = iam(range, call)?;
    let user = scope::user(state, call)?;
    if user.login.is_some() {
        return Err(errors::already_exists(format!(
            "Login Profile for user {} already exists.",
            user.name
        )));
    }
    let password = input
        .password
        .ok_or_else(|| errors::validation("A password is required."))?;
    check_password(state, &password)?;
    let profile = LoginProfile {
        created: call.now,
        changed: call.now,
        reset_required: input.password_reset_required.unwrap_or_default(),
        digests: vec![digest(&password, user)],
    };
    let (answer, name) = (profile.shown(user), key(&user.name));
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&name) {
        Arc::make_mut(user).login = Some(profile);
    }
    Ok(reply(answer))
}

/// The user of a call and its login profile.
fn existing<'a>(
    state: &'a State,
    call: &Call<'_>,
) -> Result<(&'a User, &'a LoginProfile), AwsError> {
    let user = scope::user(state, call)?;
    let profile = user.login.as_ref().ok_or_else(|| {
        errors::no_such_entity(format!(
            "Login Profile for User {} cannot be found.",
            user.name
        ))
    })?;
    Ok((user, profile))
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let (user, profile) = existing(iam(range, call)?, call)?;
    Ok(reply(profile.shown(user)))
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    let state = iam(range, call)?;
    let (user, profile) = existing(state, call)?;
    let new = match &input.password {
        Some(password) => {
            check_password(state, password)?;
            let new = digest(password, user);
            let kept = state
                .password_policy
                .as_ref()
                .and_then(|p| p.reuse_prevention);
            if profile
                .digests
                .iter()
                .take(kept.unwrap_or(0) as usize)
                .any(|old| *old == new)
            {
                return Err(violation(
                    "Password was used before and cannot be used again.",
                ));
            }
            Some(new)
        }
        None => None,
    };
    let name = key(&user.name);
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&name)
        && let Some(profile) = &mut Arc::make_mut(user).login
    {
        if let Some(new) = new {
            profile.set_password(new, call.now);
        }
        if let Some(required) = input.password_reset_required {
            profile.reset_required = required;
        }
    }
    Ok(Reply::empty())
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let (user, _) = existing(iam(range, call)?, call)?;
    let name = key(&user.name);
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&name) {
        Arc::make_mut(user).login = None;
    }
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn passwords_follow_the_accounts_rules() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        let rules = json!({"MinimumPasswordLength": 10, "RequireSymbols": true, "RequireNumbers": true,
            "RequireUppercaseCharacters": true, "RequireLowercaseCharacters": true, "PasswordReusePrevention": 2});
        cloud.iam("UpdateAccountPasswordPolicy", rules).unwrap();
        for bad in [
            "Sh0rt!",
            "nouppercase1!",
            "NOLOWERCASE1!",
            "NoNumbersHere!",
            "NoSymbolsHere1",
        ] {
            let refused = cloud.refused(
                "CreateLoginProfile",
                json!({"UserName": "a", "Password": bad}),
            );
            assert_eq!(refused.0, "PasswordPolicyViolation", "{bad}");
        }
        let made = cloud.iam(
            "CreateLoginProfile",
            json!({"UserName": "a", "Password": "G00d-enough!", "PasswordResetRequired": true}),
        );
        assert_eq!(made.unwrap()["LoginProfile"]["PasswordResetRequired"], true);
        let twice = cloud.refused(
            "CreateLoginProfile",
            json!({"UserName": "a", "Password": "G00d-enough!"}),
        );
        assert_eq!(
            twice,
            (
                "EntityAlreadyExists".into(),
                "Login Profile for user a already exists.".into()
            )
        );
        let again = cloud.refused(
            "UpdateLoginProfile",
            json!({"UserName": "a", "Password": "G00d-enough!"}),
        );
        assert_eq!(again.0, "PasswordPolicyViolation");
        cloud.iam("UpdateLoginProfile", json!({"UserName": "a", "Password": "An0ther-one!", "PasswordResetRequired": false})).unwrap();
        let shown = cloud
            .iam("GetLoginProfile", json!({"UserName": "a"}))
            .unwrap();
        assert_eq!(shown["LoginProfile"]["PasswordResetRequired"], false);
        cloud
            .iam("DeleteLoginProfile", json!({"UserName": "a"}))
            .unwrap();
        let gone = cloud.refused("GetLoginProfile", json!({"UserName": "a"}));
        assert_eq!(
            gone,
            (
                "NoSuchEntity".into(),
                "Login Profile for User a cannot be found.".into()
            )
        );
    }
}
