//! Principals of policies by their unique ids: checked when a policy is written, and kept so.
//!
//! AWS keeps `AIDA…` and `AROA…` in place of the ARNs of users and roles, so that one that is deleted and made
//! again under its old name is a stranger. Accounts that the range does not hold are taken on trust: the range
//! knows a few accounts of the world, and an attacker's may be any other.

use serde_json::Value;
use stockade_model::{AccountId, Arn};

use crate::state::State as Range;

/// A principal that there is not, by the name that it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger(pub String);

/// A policy's text with unique ids for the ARNs of users and roles; none: it has none to change.
///
/// # Errors
/// The principal that there is not.
pub fn kept(range: &Range, text: &str) -> Result<Option<String>, Stranger> {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return Ok(None);
    };
    let mut changed = false;
    for_each_principal(&mut value, &mut |principal| {
        let stored = resolve(range, principal)?;
        changed |= stored != *principal;
        *principal = stored;
        Ok(())
    })?;
    Ok(changed.then(|| value.to_string()))
}

/// A policy's text with ARNs for the unique ids of those who still exist.
pub fn shown(range: &Range, text: &str) -> String {
    if !text.contains("\"AIDA") && !text.contains("\"AROA") {
        return text.to_owned();
    }
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    let named = for_each_principal(&mut value, &mut |principal| {
        if let Some(arn) = arn_of(range, principal) {
            *principal = arn;
        }
        Ok(())
    });
    match named {
        Ok(()) => value.to_string(),
        Err(_) => text.to_owned(),
    }
}

fn for_each_principal(
    document: &mut Value,
    each: &mut dyn FnMut(&mut String) -> Result<(), Stranger>,
) -> Result<(), Stranger> {
    let statements = match document.get_mut("Statement") {
        Some(Value::Array(items)) => items.as_mut_slice(),
        Some(one) => std::slice::from_mut(one),
        None => &mut [],
    };
    for statement in statements {
        for element in ["Principal", "NotPrincipal"] {
            let names = match statement.get_mut(element).and_then(|p| p.get_mut("AWS")) {
                Some(Value::Array(items)) => items.as_mut_slice(),
                Some(one) => std::slice::from_mut(one),
                None => continue,
            };
            for name in names {
                if let Value::String(name) = name {
                    each(name)?;
                }
            }
        }
    }
    Ok(())
}

/// What is kept for a principal that a document names.
fn resolve(range: &Range, principal: &str) -> Result<String, Stranger> {
    let stranger = || Stranger(principal.to_owned());
    if principal == "*" || principal.parse::<AccountId>().is_ok() {
        return Ok(principal.to_owned());
    }
    if principal.starts_with("AIDA") || principal.starts_with("AROA") {
        return arn_of(range, principal)
            .map(|_| principal.to_owned())
            .ok_or_else(stranger);
    }
    let arn: Arn = principal.parse().map_err(|_| stranger())?;
    let id = of_arn(range, &arn)?;
    Ok(id.unwrap_or_else(|| principal.to_owned()))
}

/// The unique id of the user or role with an ARN; none for what has none, and for those of accounts that the range does not
/// hold.
///
/// # Errors
/// There is no such principal.
pub fn of_arn(range: &Range, arn: &Arn) -> Result<Option<String>, Stranger> {
    let stranger = || Stranger(arn.to_string());
    let account: AccountId = arn.account.parse().map_err(|_| stranger())?;
    if !matches!(arn.service.as_str(), "iam" | "sts") {
        return Err(stranger());
    }
    let Ok(account) = range.account(&account) else {
        return Ok(None);
    };
    let iam = account.iam.read();
    let name = arn.resource_name();
    let found = match (arn.service.as_str(), arn.resource_type()) {
        ("iam", "root") | ("sts", "assumed-role" | "federated-user") => return Ok(None),
        ("iam", "user") => iam
            .user(name)
            .filter(|user| user.arn(&account.id) == *arn)
            .map(|user| user.id.clone()),
        ("iam", "role") => iam
            .role(name)
            .filter(|role| role.arn(&account.id) == *arn)
            .map(|role| role.id.clone()),
        _ => None,
    };
    found.map(Some).ok_or_else(stranger)
}

/// The ARN of the user or role with this unique id, in any account of the range.
fn arn_of(range: &Range, id: &str) -> Option<String> {
    if !id.starts_with("AIDA") && !id.starts_with("AROA") {
        return None;
    }
    range.accounts.values().find_map(|account| {
        let iam = account.iam.read();
        let user = iam.user_by_id(id).map(|user| user.arn(&account.id));
        let role = || iam.role_by_id(id).map(|role| role.arn(&account.id));
        user.or_else(role).map(|arn| arn.to_string())
    })
}
