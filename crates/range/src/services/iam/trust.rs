//! Trust policies: read when they are written, with their principals kept by unique id.
//!
//! Owns the errors. Which principals there are is `unique_ids.rs`.

use serde_json::Value;
use stockade_wire::AwsError;

use super::documents::Document;
use super::errors;
use super::unique_ids::{self, Stranger};
use crate::state::State as Range;

pub(super) use super::unique_ids::shown;

/// Reads a trust policy.
pub(super) fn read(range: &Range, text: &str) -> Result<Document, AwsError> {
    serde_json::from_str::<Value>(text)
        .map_err(|_| errors::malformed_policy("This policy contains invalid Json"))?;
    // First the document as it is: its own errors come before its principals'.
    let document = Document::trust(text, text)?;
    let kept = unique_ids::kept(range, text).map_err(|Stranger(name)| {
        errors::malformed_policy(format!("Invalid principal in policy: \"AWS\":\"{name}\""))
    })?;
    match kept {
        Some(kept) => Document::trust(&kept, &kept),
        None => Ok(document),
    }
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
