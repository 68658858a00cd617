//! Policies that are part of a user, a group or a role.
//!
//! Owns the twelve calls that put, show, list and delete them.

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::attachments::Holder;
use super::documents::Document;
use super::errors;
use super::output::{page, reply};
use super::scope::{iam, iam_mut};
use crate::call::{Call, Reply};
use crate::state::State as Range;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfPolicy {
    policy_name: String,
    #[serde(default)]
    policy_document: String,
}

/// The characters that all inline policies of one entity may have together.
fn size_limit(holder: &Holder) -> usize {
    match holder {
        Holder::User(_) => 2048,
        Holder::Group(_) => 5120,
        Holder::Role(_) => 10240,
    }
}

fn none(holder: &Holder, policy: &str) -> AwsError {
    errors::no_such_entity(format!(
        "The {} policy with name {policy} cannot be found.",
        holder.kind()
    ))
}

pub(super) fn put(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfPolicy = call.read()?;
    let holder = Holder::of(call)?;
    let grants = holder.changeable(iam(range, call)?)?;
    let document = Document::identity(&input.policy_document)?;
    let others = grants
        .inline
        .iter()
        .filter(|(name, _)| **name != input.policy_name)
        .map(|(_, document)| document.size());
    let limit = size_limit(&holder);
    if others.sum::<usize>() + document.size() > limit {
        return Err(errors::limit_exceeded(format!(
            "Maximum policy size of {limit} bytes exceeded for {} {}",
            holder.kind(),
            holder.name()
        )));
    }
    holder
        .grants_mut(iam_mut(range, call)?)?
        .inline
        .insert(input.policy_name, document);
    Ok(Reply::empty())
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfPolicy = call.read()?;
    let holder = Holder::of(call)?;
    let (name, document) = holder
        .grants(iam(range, call)?)?
        .inline
        .get_key_value(&input.policy_name)
        .ok_or_else(|| none(&holder, &input.policy_name))?;
    let named = |kind: &str| (holder.kind() == kind).then(|| holder.name());
    Ok(reply(json!({
        "UserName": named("user"),
        "GroupName": named("group"),
        "RoleName": named("role"),
        "PolicyName": name,
        "PolicyDocument": document.encoded(),
    })))
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let names = Holder::of(call)?
        .grants(iam(range, call)?)?
        .inline
        .keys()
        .map(|name| (name.clone(), Value::from(name.as_str())));
    page(call, "PolicyNames", Value::Null, names)
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfPolicy = call.read()?;
    let holder = Holder::of(call)?;
    let grants = holder.changeable(iam(range, call)?)?;
    if !grants.inline.contains_key(&input.policy_name) {
        return Err(none(&holder, &input.policy_name));
    }
    holder
        .grants_mut(iam_mut(range, call)?)?
        .inline
        .remove(&input.policy_name);
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn inline_policies_are_limited_all_together() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        let document = |length: usize| {
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject",
                "Resource": format!("arn:aws:s3:::bucket/{}", "x".repeat(length))}]})
            .to_string()
        };
        let put = |name: &str, length| json!({"UserName": "a", "PolicyName": name, "PolicyDocument": document(length)});
        cloud.iam("PutUserPolicy", put("one", 1000)).unwrap();
        let over = cloud.refused("PutUserPolicy", put("two", 1000));
        assert_eq!(
            over,
            (
                "LimitExceeded".into(),
                "Maximum policy size of 2048 bytes exceeded for user a".into()
            )
        );
        cloud.iam("PutUserPolicy", put("one", 1500)).unwrap();
        let got = cloud
            .iam(
                "GetUserPolicy",
                json!({"UserName": "a", "PolicyName": "one"}),
            )
            .unwrap();
        assert!(got["PolicyDocument"].as_str().unwrap().starts_with("%7B"));
        let none = cloud.refused(
            "GetUserPolicy",
            json!({"UserName": "a", "PolicyName": "two"}),
        );
        assert_eq!(
            none,
            (
                "NoSuchEntity".into(),
                "The user policy with name two cannot be found.".into()
            )
        );
        let bad = cloud.refused(
            "PutUserPolicy",
            json!({"UserName": "a", "PolicyName": "bad", "PolicyDocument": "{"}),
        );
        assert_eq!(bad.0, "MalformedPolicyDocument");
        let names = cloud
            .iam("ListUserPolicies", json!({"UserName": "a"}))
            .unwrap();
        assert_eq!(names["PolicyNames"], json!(["one"]));
        cloud
            .iam(
                "DeleteUserPolicy",
                json!({"UserName": "a", "PolicyName": "one"}),
            )
            .unwrap();
        assert_eq!(
            cloud
                .refused(
                    "DeleteUserPolicy",
                    json!({"UserName": "a", "PolicyName": "one"})
                )
                .0,
            "NoSuchEntity"
        );
    }
}
