//! Principals in trust policies: checked when the policy is written, and kept by unique id.
//!
//! AWS keeps `AIDA…` and `AROA…` in place of the ARNs of users and roles, so that one that is deleted and made
//! again under its old name is a stranger. Accounts that the range does not hold are taken on trust: the range
//! knows a few accounts of the world, and an attacker's may be any other.

use serde_json::Value;
use stockade_model::{AccountId, Arn};
use stockade_wire::AwsError;

use super::documents::Document;
use super::errors;
use crate::state::State as Range;

/// Reads a trust policy.
pub(super) fn read(range: &Range, text: &str) -> Result<Document, AwsError> {
    let mut value: Value = serde_json::from_str(text)
        .map_err(|_| errors::malformed_policy("This policy contains invalid Json"))?;
    // First the document as it is: its own errors come before its principals'.
    let document = Document::trust(text, text)?;
    let mut changed = false;
    for_each_principal(&mut value, &mut |principal| {
        let stored = resolve(range, principal)?;
        changed |= stored != *principal;
        *principal = stored;
        Ok(())
    })?;
    if !changed {
        return Ok(document);
    }
    let stored = value.to_string();
    Document::trust(&stored, &stored)
}

/// A trust policy's text with ARNs for the unique ids of those who still exist.
pub(super) fn shown(range: &Range, text: &str) -> String {
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
    each: &mut dyn FnMut(&mut String) -> Result<(), AwsError>,
) -> Result<(), AwsError> {
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
fn resolve(range: &Range, principal: &str) -> Result<String, AwsError> {
    let invalid = || {
        errors::malformed_policy(format!(
            "Invalid principal in policy: \"AWS\":\"{principal}\""
        ))
    };
    if principal == "*" || principal.parse::<AccountId>().is_ok() {
        return Ok(principal.to_owned());
    }
    if principal.starts_with("AIDA") || principal.starts_with("AROA") {
        return arn_of(range, principal)
            .map(|_| principal.to_owned())
            .ok_or_else(invalid);
    }
    let arn: Arn = principal.parse().map_err(|_| invalid())?;
    let account: AccountId = arn.account.parse().map_err(|_| invalid())?;
    if !matches!(arn.service.as_str(), "iam" | "sts") {
        return Err(invalid());
    }
    let Ok(account) = range.account(&account) else {
        return Ok(principal.to_owned());
    };
    let iam = account.iam.read();
    let name = arn.resource_name();
    let stored = match (arn.service.as_str(), arn.resource_type()) {
        ("iam", "root") => Some(principal.to_owned()),
        ("iam", "user") => iam
            .user(name)
            .filter(|user| user.arn(&account.id) == arn)
            .map(|user| user.id.clone()),
        ("iam", "role") => iam
            .role(name)
            .filter(|role| role.arn(&account.id) == arn)
            .map(|role| role.id.clone()),
        ("sts", "assumed-role" | "federated-user") => Some(principal.to_owned()),
        _ => None,
    };
    stored.ok_or_else(invalid)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    fn trust(principal: &str) -> serde_json::Value {
        let document = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}],
        });
        json!(document.to_string())
    }

    fn shown(cloud: &mut Cloud) -> String {
        let role = cloud.iam("GetRole", json!({"RoleName": "r"})).unwrap();
        let text = role["Role"]["AssumeRolePolicyDocument"]
            .as_str()
            .unwrap()
            .to_owned();
        percent_encoding::percent_decode_str(&text)
            .decode_utf8()
            .unwrap()
            .into_owned()
    }

    #[test]
    fn a_user_made_again_is_a_stranger() {
        let mut cloud = Cloud::new();
        let arn = "arn:aws:iam::123456789012:user/a";
        let made = cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        let id = made["User"]["UserId"].as_str().unwrap().to_owned();
        let input = json!({"RoleName": "r", "AssumeRolePolicyDocument": trust(arn)});
        cloud.iam("CreateRole", input).unwrap();
        assert!(shown(&mut cloud).contains(arn));
        cloud.iam("DeleteUser", json!({"UserName": "a"})).unwrap();
        assert!(
            shown(&mut cloud).contains(&id),
            "what is deleted shows as its id"
        );
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        let text = shown(&mut cloud);
        assert!(text.contains(&id) && !text.contains(arn));
    }

    #[test]
    fn a_user_and_a_role_that_are_trusted_by_their_ids_get_in_and_their_successors_do_not() {
        let mut cloud = Cloud::new();
        let all: serde_json::Value = serde_json::from_str(super::super::bench::ALL).unwrap();
        let mut anna = cloud.user_with("a", all.clone());
        let arn = "arn:aws:iam::123456789012:user/a";
        let input = json!({"RoleName": "r", "AssumeRolePolicyDocument": trust(arn)});
        cloud.iam("CreateRole", input).unwrap();
        let by_role = trust("arn:aws:iam::123456789012:role/r");
        let input = json!({"RoleName": "second", "AssumeRolePolicyDocument": by_role});
        cloud.iam("CreateRole", input).unwrap();
        let into = |name: &str| json!({"RoleArn": format!("arn:aws:iam::123456789012:role/{name}"), "RoleSessionName": "s"});
        cloud.call(&anna, "sts", "AssumeRole", into("r")).unwrap();
        let chained = cloud.role(super::super::bench::ACCOUNT, "r");
        cloud
            .call(&chained, "sts", "AssumeRole", into("second"))
            .unwrap();
        let direct = cloud
            .call(&anna, "sts", "AssumeRole", into("second"))
            .unwrap_err();
        assert_eq!(direct.code, "AccessDenied");

        cloud
            .iam(
                "DeleteUserPolicy",
                json!({"UserName": "a", "PolicyName": "own"}),
            )
            .unwrap();
        cloud.iam("DeleteUser", json!({"UserName": "a"})).unwrap();
        anna = cloud.user_with("a", all);
        let stranger = cloud
            .call(&anna, "sts", "AssumeRole", into("r"))
            .unwrap_err();
        assert_eq!(stranger.code, "AccessDenied");
    }

    #[test]
    fn principals_must_exist_in_accounts_that_the_range_knows() {
        let mut cloud = Cloud::new();
        let bad = [
            "arn:aws:iam::123456789012:user/nobody",
            "arn:aws:iam::123456789012:role/none",
            "arn:aws:s3:::bucket",
            "AIDAAAAAAAAAAAAAAAAAA",
            "someone",
        ];
        for principal in bad {
            let input = json!({"RoleName": "r", "AssumeRolePolicyDocument": trust(principal)});
            let (code, message) = cloud.refused("CreateRole", input);
            assert_eq!(code, "MalformedPolicyDocument", "{principal}");
            assert_eq!(
                message,
                format!("Invalid principal in policy: \"AWS\":\"{principal}\"")
            );
        }
        let good = [
            "*",
            "123456789012",
            "arn:aws:iam::123456789012:root",
            "arn:aws:iam::999988887777:user/x",
        ];
        for (n, principal) in good.into_iter().enumerate() {
            let input =
                json!({"RoleName": format!("r{n}"), "AssumeRolePolicyDocument": trust(principal)});
            cloud.iam("CreateRole", input).unwrap();
        }
    }
}
