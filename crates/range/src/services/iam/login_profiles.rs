//! Console passwords of users.
//!
//! Owns the login profile and the check of a password against the account's rules. The password itself is
//! kept as a digest: nothing in the range signs in with it yet, and nothing may read it back.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    if state.password_policy.is_none() && kinds_of_characters(password) < DEFAULT_KINDS {
        return Err(violation(
            "Password does not conform to the account password policy.",
        ));
    }
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
        (symbols, lacks(is_symbol), "symbol"),
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

/// How many kinds of characters a password has, where the account has no rules of its own.
const DEFAULT_KINDS: usize = 3;

fn is_symbol(letter: char) -> bool {
    "!@#$%^&*()_+-=[]{}|'".contains(letter)
}

/// How many of upper case, lower case, digits and symbols a password has.
fn kinds_of_characters(password: &str) -> usize {
    let kinds: [fn(char) -> bool; 4] = [
        |c| c.is_ascii_uppercase(),
        |c| c.is_ascii_lowercase(),
        |c| c.is_ascii_digit(),
        is_symbol,
    ];
    kinds
        .into_iter()
        .filter(|kind| password.chars().any(kind))
        .count()
}

/// Refuses a password that was used before, as far back as the account's rules look.
fn check_reuse(state: &State, profile: &LoginProfile, new: [u8; 32]) -> Result<(), AwsError> {
    let rules = state.password_policy.as_ref();
    let kept = rules.and_then(|rules| rules.reuse_prevention).unwrap_or(0);
    let mut earlier = profile.digests.iter().take(kept as usize);
    match earlier.any(|old| *old == new) {
        true => Err(violation(
            "Password was used before and cannot be used again.",
        )),
        false => Ok(()),
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
    let profile = user.login.as_ref().ok_or_else(|| no_profile(user))?;
    Ok((user, profile))
}

fn no_profile(user: &User) -> AwsError {
    errors::no_such_entity(format!(
        "Login Profile for User {} cannot be found.",
        user.name
    ))
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
            check_reuse(state, profile, new)?;
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    old_password: String,
    new_password: String,
}

/// `ChangePassword`: users change their own, and must know the old one.
pub(super) fn change(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Change = call.read()?;
    let state = iam(range, call)?;
    let user = scope::caller(state, call).ok_or_else(|| {
        AwsError::new(
            400,
            "InvalidUserType",
            "Only IAM Users can change their own password",
        )
    })?;
    let profile = user.login.as_ref().ok_or_else(|| no_profile(user))?;
    let current = digest(&input.old_password, user);
    let known = profile.digests.first();
    let right = known.is_some_and(|known| verify_slices_are_equal(known, &current).is_ok());
    if !right {
        return Err(AwsError::new(
            403,
            "AccessDenied",
            "The old password was incorrect.",
        ));
    }
    check_password(state, &input.new_password)?;
    let new = digest(&input.new_password, user);
    check_reuse(state, profile, new)?;
    let name = key(&user.name);
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&name)
        && let Some(profile) = &mut Arc::make_mut(user).login
    {
        profile.set_password(new, call.now);
        profile.reset_required = false;
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

    #[test]
    fn users_change_their_own_passwords_and_must_know_the_old_one() {
        let mut cloud = Cloud::new();
        let may = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "iam:ChangePassword", "Resource": "arn:aws:iam::123456789012:user/${aws:username}",
        }]});
        let anna = cloud.user_with("a", may);
        let change = |old: &str, new: &str| json!({"OldPassword": old, "NewPassword": new});
        let refused = |cloud: &mut Cloud, old: &str, new: &str| {
            let error = cloud
                .call(&anna, "iam", "ChangePassword", change(old, new))
                .unwrap_err();
            (error.code, error.message)
        };
        assert_eq!(
            refused(&mut cloud, "a", "b").1,
            "Login Profile for User a cannot be found."
        );
        cloud
            .iam(
                "CreateLoginProfile",
                json!({"UserName": "a", "Password": "G00d-enough!", "PasswordResetRequired": true}),
            )
            .unwrap();
        cloud
            .iam(
                "UpdateAccountPasswordPolicy",
                json!({"MinimumPasswordLength": 8, "PasswordReusePrevention": 2}),
            )
            .unwrap();
        let wrong = (
            "AccessDenied".into(),
            "The old password was incorrect.".into(),
        );
        assert_eq!(refused(&mut cloud, "wrong", "An0ther-one!"), wrong);
        for bad in ["short", "G00d-enough!"] {
            assert_eq!(
                refused(&mut cloud, "G00d-enough!", bad).0,
                "PasswordPolicyViolation",
                "{bad}"
            );
        }
        cloud
            .call(
                &anna,
                "iam",
                "ChangePassword",
                change("G00d-enough!", "An0ther-one!"),
            )
            .unwrap();
        assert_eq!(refused(&mut cloud, "G00d-enough!", "Th1rd-one!!!"), wrong);
        let shown = cloud
            .iam("GetLoginProfile", json!({"UserName": "a"}))
            .unwrap();
        assert_eq!(shown["LoginProfile"]["PasswordResetRequired"], false);
        assert_eq!(
            cloud.refused("ChangePassword", change("a", "b")),
            (
                "InvalidUserType".into(),
                "Only IAM Users can change their own password".into()
            )
        );
    }

    #[test]
    fn the_accounts_rules_may_let_every_user_change_theirs() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        let anna = cloud.user("a");
        cloud
            .iam(
                "CreateLoginProfile",
                json!({"UserName": "a", "Password": "G00d-enough!"}),
            )
            .unwrap();
        let change = || json!({"OldPassword": "G00d-enough!", "NewPassword": "An0ther-one!"});
        let may = |cloud: &mut Cloud, yes: bool| {
            let rules = json!({"AllowUsersToChangePassword": yes});
            cloud.iam("UpdateAccountPasswordPolicy", rules).unwrap();
        };
        for rules in [None, Some(false)] {
            if let Some(yes) = rules {
                may(&mut cloud, yes);
            }
            let refused = cloud.call(&anna, "iam", "ChangePassword", change());
            assert_eq!(refused.unwrap_err().code, "AccessDenied");
            let unseen = cloud.call(&anna, "iam", "GetAccountPasswordPolicy", json!({}));
            assert_eq!(unseen.unwrap_err().code, "AccessDenied");
        }
        may(&mut cloud, true);
        let other = json!({"UserName": "a", "Password": "An0ther-one!"});
        assert!(
            cloud
                .call(&anna, "iam", "UpdateLoginProfile", other)
                .is_err()
        );
        cloud
            .call(&anna, "iam", "GetAccountPasswordPolicy", json!({}))
            .unwrap();
        let denied = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iam:ChangePassword", "Resource": "*"}]});
        let put = json!({"UserName": "a", "PolicyName": "p", "PolicyDocument": denied.to_string()});
        cloud.iam("PutUserPolicy", put).unwrap();
        let refused = cloud.call(&anna, "iam", "ChangePassword", change());
        assert!(refused.unwrap_err().message.contains("explicit deny"));
        cloud
            .iam(
                "DeleteUserPolicy",
                json!({"UserName": "a", "PolicyName": "p"}),
            )
            .unwrap();
        cloud
            .call(&anna, "iam", "ChangePassword", change())
            .unwrap();
    }
}
