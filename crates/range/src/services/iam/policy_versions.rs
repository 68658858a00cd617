//! The versions of managed policies.
//!
//! Owns which version is in force.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::Timestamp;
use stockade_wire::AwsError;

use super::attachments::check_arn;
use super::aws_managed;
use super::documents::{Document, encode};
use super::errors;
use super::managed_policies::{ManagedPolicy, OfPolicy, own, read_document};
use super::output::{page, reply, time};
use super::scope::{iam, iam_mut};
use super::state::{State, key};
use crate::call::{Call, Reply};
use crate::state::State as Range;

const VERSIONS_PER_POLICY: usize = 5;

/// A version of a managed policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// What it says.
    pub document: Document,
    /// When it was made.
    pub created: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    policy_arn: String,
    policy_document: String,
    #[serde(default)]
    set_as_default: bool,
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let policy = own(iam(range, call)?, &input.policy_arn)?;
    let document = read_document(&input.policy_document)?;
    if policy.versions.len() >= VERSIONS_PER_POLICY {
        return Err(errors::limit_exceeded(
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
        ));
    }
    let (name, number) = (key(&policy.name), policy.next);
    if let Some(policy) = iam_mut(range, call)?.policies.get_mut(&name) {
        let policy = Arc::make_mut(policy);
        policy.next += 1;
        policy.versions.insert(
            number,
            Version {
                document,
                created: call.now,
            },
        );
        if input.set_as_default {
            policy.default = number;
        }
        policy.updated = call.now;
    }
    Ok(reply(json!({"PolicyVersion": {
        "VersionId": format!("v{number}"),
        "IsDefaultVersion": input.set_as_default,
        "CreateDate": time(call.now),
    }})))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfVersion {
    policy_arn: String,
    version_id: String,
}

impl OfVersion {
    fn number(&self) -> Option<u32> {
        self.version_id.strip_prefix('v')?.parse().ok()
    }

    /// The customer's policy of which a version is meant.
    fn policy<'a>(&self, state: &'a State) -> Result<&'a ManagedPolicy, AwsError> {
        own(state, &self.policy_arn).map_err(|error| match error.code.as_str() {
            "NoSuchEntity" => self.none(),
            _ => error,
        })
    }

    fn none(&self) -> AwsError {
        errors::no_such_entity(format!(
            "Policy {} version {} does not exist or is not attachable.",
            self.policy_arn, self.version_id
        ))
    }
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfVersion = call.read()?;
    check_arn(&input.policy_arn)?;
    let state = iam(range, call)?;
    let answer = |text: String, default: bool, created: Timestamp| {
        reply(json!({"PolicyVersion": {
            "Document": text,
            "VersionId": input.version_id,
            "IsDefaultVersion": default,
            "CreateDate": time(created),
        }}))
    };
    if let Some(policy) = state.policy(&input.policy_arn) {
        let number = input.number().ok_or_else(|| input.none())?;
        let version = policy.versions.get(&number).ok_or_else(|| input.none())?;
        return Ok(answer(
            version.document.encoded(),
            policy.default == number,
            version.created,
        ));
    }
    let policy = aws_managed::find(&input.policy_arn).ok_or_else(|| input.none())?;
    if policy.version != input.version_id {
        return Err(input.none());
    }
    Ok(answer(encode(policy.text()), true, policy.updated))
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfPolicy { policy_arn } = call.read()?;
    check_arn(&policy_arn)?;
    let state = iam(range, call)?;
    let shown = |id: String, default: bool, created: Timestamp| json!({"VersionId": id, "IsDefaultVersion": default, "CreateDate": time(created)});
    if let Some(policy) = state.policy(&policy_arn) {
        // Newest first, as AWS has them.
        let versions = policy.versions.iter().rev().map(|(number, version)| {
            (
                format!("{:010}", u32::MAX - number),
                shown(
                    format!("v{number}"),
                    *number == policy.default,
                    version.created,
                ),
            )
        });
        return page(call, "Versions", Value::Null, versions);
    }
    let policy = aws_managed::find(&policy_arn).ok_or_else(|| errors::no_policy(&policy_arn))?;
    let only = (
        policy.version.clone(),
        shown(policy.version.clone(), true, policy.updated),
    );
    page(call, "Versions", Value::Null, [only])
}

pub(super) fn set_default(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfVersion = call.read()?;
    let policy = input.policy(iam(range, call)?)?;
    let number = input
        .number()
        .filter(|number| policy.versions.contains_key(number))
        .ok_or_else(|| input.none())?;
    let name = key(&policy.name);
    if let Some(policy) = iam_mut(range, call)?.policies.get_mut(&name) {
        let policy = Arc::make_mut(policy);
        policy.default = number;
        policy.updated = call.now;
    }
    Ok(Reply::empty())
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfVersion = call.read()?;
    let policy = input.policy(iam(range, call)?)?;
    let number = input
        .number()
        .filter(|number| policy.versions.contains_key(number))
        .ok_or_else(|| input.none())?;
    if number == policy.default {
        return Err(AwsError::new(
            409,
            "DeleteConflict",
            "Cannot delete the default version of a policy.",
        ));
    }
    let name = key(&policy.name);
    if let Some(policy) = iam_mut(range, call)?.policies.get_mut(&name) {
        Arc::make_mut(policy).versions.remove(&number);
    }
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn five_versions_are_the_most_and_the_one_in_force_stays() {
        let mut cloud = Cloud::new();
        let all = super::super::bench::ALL;
        let made = cloud
            .iam(
                "CreatePolicy",
                json!({"PolicyName": "p", "PolicyDocument": all}),
            )
            .unwrap();
        let arn = made["Policy"]["Arn"].clone();
        for n in 2..=5 {
            let input = json!({"PolicyArn": arn, "PolicyDocument": all, "SetAsDefault": n == 3});
            let version = cloud.iam("CreatePolicyVersion", input).unwrap();
            assert_eq!(version["PolicyVersion"]["VersionId"], format!("v{n}"));
        }
        let sixth = cloud.refused(
            "CreatePolicyVersion",
            json!({"PolicyArn": arn, "PolicyDocument": all}),
        );
        assert_eq!(sixth.0, "LimitExceeded");
        let kept = cloud.refused(
            "DeletePolicyVersion",
            json!({"PolicyArn": arn, "VersionId": "v3"}),
        );
        assert_eq!(kept.0, "DeleteConflict");
        cloud
            .iam(
                "DeletePolicyVersion",
                json!({"PolicyArn": arn, "VersionId": "v5"}),
            )
            .unwrap();
        let next = cloud
            .iam(
                "CreatePolicyVersion",
                json!({"PolicyArn": arn, "PolicyDocument": all}),
            )
            .unwrap();
        assert_eq!(
            next["PolicyVersion"]["VersionId"], "v6",
            "a number is not used again"
        );
        cloud
            .iam(
                "SetDefaultPolicyVersion",
                json!({"PolicyArn": arn, "VersionId": "v1"}),
            )
            .unwrap();
        let policy = cloud.iam("GetPolicy", json!({"PolicyArn": arn})).unwrap();
        assert_eq!(policy["Policy"]["DefaultVersionId"], "v1");
        let listed = cloud
            .iam(
                "ListPolicyVersions",
                json!({"PolicyArn": arn, "MaxItems": 2}),
            )
            .unwrap();
        assert_eq!(listed["Versions"][0]["VersionId"], "v6");
        assert_eq!(
            (
                &listed["IsTruncated"],
                listed["Versions"].as_array().unwrap().len()
            ),
            (&json!(true), 2)
        );
        for bad in ["v9", "x", "v"] {
            let none = cloud.refused(
                "GetPolicyVersion",
                json!({"PolicyArn": arn, "VersionId": bad}),
            );
            assert_eq!(none.0, "NoSuchEntity");
        }
        let several = cloud.refused("DeletePolicy", json!({"PolicyArn": arn}));
        assert_eq!(several.0, "DeleteConflict");
    }

    #[test]
    fn the_version_in_force_is_what_counts() {
        let mut cloud = Cloud::new();
        let all = super::super::bench::ALL;
        let deny = all.replace("Allow", "Deny");
        let made = cloud
            .iam(
                "CreatePolicy",
                json!({"PolicyName": "p", "PolicyDocument": all}),
            )
            .unwrap();
        let arn = made["Policy"]["Arn"].clone();
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        cloud
            .iam(
                "AttachUserPolicy",
                json!({"UserName": "a", "PolicyArn": arn}),
            )
            .unwrap();
        let anna = cloud.user("a");
        assert!(cloud.call(&anna, "iam", "ListUsers", json!({})).is_ok());
        let input = json!({"PolicyArn": arn, "PolicyDocument": deny, "SetAsDefault": true});
        cloud.iam("CreatePolicyVersion", input).unwrap();
        let refused = cloud
            .call(&anna, "iam", "ListUsers", json!({}))
            .unwrap_err();
        assert!(
            refused.message.contains("explicit deny"),
            "{}",
            refused.message
        );
        cloud
            .iam(
                "SetDefaultPolicyVersion",
                json!({"PolicyArn": arn, "VersionId": "v1"}),
            )
            .unwrap();
        assert!(cloud.call(&anna, "iam", "ListUsers", json!({})).is_ok());
    }
}
