//! Policies of every type: made, shown, changed, deleted.
//!
//! Owns the policies. What they stand on is `attachments.rs`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::documents::Document;
use super::policy_types::PolicyType;
use super::scope::{changed, managed, page};
use super::state::{Organization, OrganizationPolicy};
use super::tags::{self, Tag};
use super::{effective, errors};
use crate::call::{Call, Reply};
use crate::services::iam::output::reply;
use crate::state::State as Range;

pub(super) fn summary(organization: &Organization, policy: &OrganizationPolicy) -> Value {
    json!({
        "Id": policy.id,
        "Arn": organization.policy_arn(policy),
        "Name": policy.name,
        "Description": policy.description,
        "Type": policy.kind.name(),
        "AwsManaged": policy.aws,
    })
}

fn shown(organization: &Organization, policy: &OrganizationPolicy) -> Value {
    json!({"Policy": {
        "PolicySummary": summary(organization, policy),
        "Content": &*policy.content,
    }})
}

fn read(kind: PolicyType, content: &str) -> Result<Document, AwsError> {
    if content.chars().count() > kind.content_limit() {
        return Err(errors::constraint(
            "POLICY_CONTENT_LIMIT_EXCEEDED",
            "You have exceeded the content size limit of a policy.",
        ));
    }
    Document::read(kind, content).map_err(|_| errors::malformed_policy())
}

fn check_name(
    organization: &Organization,
    kind: PolicyType,
    name: &str,
    but: &str,
) -> Result<(), AwsError> {
    let mut policies = organization.policies.values();
    let own = policies.any(|p| p.kind == kind && p.name == name && p.id != but);
    if own || kind.full_access().is_some_and(|policy| policy.name == name) {
        return Err(errors::of(
            "DuplicatePolicyException",
            "A policy with the same name already exists.",
        ));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    content: String,
    description: String,
    name: String,
    r#type: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let organization = managed(range, call)?;
    let kind = PolicyType::read(&input.r#type)?;
    if organization.features != "ALL" {
        return Err(errors::type_not_available());
    }
    check_name(organization, kind, &input.name, "")?;
    let of_kind = organization
        .policies
        .values()
        .filter(|policy| policy.kind == kind);
    if of_kind.count() >= kind.number_limit() {
        return Err(errors::constraint(
            "POLICY_NUMBER_LIMIT_EXCEEDED",
            "You have exceeded the number of policies that you can have in an organization.",
        ));
    }
    let document = read(kind, &input.content)?;
    let tags = tags::merged(&[], input.tags)?;
    let made = OrganizationPolicy {
        id: format!("p-{}", range.ids.lower(8)),
        name: input.name,
        description: input.description,
        kind,
        content: input.content.into(),
        document,
        aws: false,
        tags,
    };
    let organization = changed(range, call)?;
    let answer = shown(organization, &made);
    organization
        .policies
        .insert(made.id.clone(), Arc::new(made));
    Ok(reply(answer))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfPolicy {
    policy_id: String,
    name: Option<String>,
    description: Option<String>,
    content: Option<String>,
}

pub(super) fn describe(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfPolicy = call.read()?;
    let organization = managed(range, call)?;
    let policy = organization
        .policy(&input.policy_id)
        .ok_or_else(errors::no_policy)?;
    Ok(reply(shown(organization, &policy)))
}

/// The customer's policy with this id; AWS's cannot be changed.
fn own<'a>(
    organization: &'a Organization,
    id: &str,
) -> Result<&'a Arc<OrganizationPolicy>, AwsError> {
    if organization.policy(id).is_some_and(|policy| policy.aws) {
        return Err(errors::invalid(
            "IMMUTABLE_POLICY",
            "You specified a policy that is managed by AWS and cannot be modified.",
        ));
    }
    organization.policies.get(id).ok_or_else(errors::no_policy)
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfPolicy = call.read()?;
    let organization = managed(range, call)?;
    let mut policy = own(organization, &input.policy_id)?.as_ref().clone();
    if let Some(name) = input.name {
        check_name(organization, policy.kind, &name, &policy.id)?;
        policy.name = name;
    }
    if let Some(content) = input.content {
        policy.document = read(policy.kind, &content)?;
        policy.content = content.into();
    }
    if let Some(description) = input.description {
        policy.description = description;
    }
    let (before, kind) = (organization.clone(), policy.kind);
    let organization = changed(range, call)?;
    organization.touched.insert(kind, call.now);
    let mut answer = reply(shown(organization, &policy));
    organization
        .policies
        .insert(policy.id.clone(), Arc::new(policy));
    answer.record.service_events = effective::verdicts(&before, organization, kind, call.now);
    Ok(answer)
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfPolicy = call.read()?;
    let organization = managed(range, call)?;
    let id = own(organization, &input.policy_id)?.id.clone();
    if organization
        .attachments
        .values()
        .any(|attached| attached.contains(&id))
    {
        return Err(errors::of(
            "PolicyInUseException",
            "The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation.",
        ));
    }
    changed(range, call)?.policies.remove(&id);
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    filter: String,
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let List { filter } = call.read()?;
    let organization = managed(range, call)?;
    let kind = PolicyType::read(&filter)?;
    let own = organization
        .policies
        .values()
        .filter(|policy| policy.kind == kind)
        .cloned();
    // Capital letters sort before small ones, so that AWS's come first.
    let policies = kind.full_access().into_iter().chain(own);
    let policies = policies.map(|policy| (policy.id.clone(), summary(organization, &policy)));
    page(call, "Policies", policies)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::services::iam::bench::Cloud;

    const SCP: &str = "SERVICE_CONTROL_POLICY";

    #[test]
    fn policies_are_checked_changed_and_deleted() {
        let mut cloud = Cloud::new();
        cloud
            .organizations("CreateOrganization", json!({}))
            .unwrap();
        let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
        let make = |name: &str, content: &str| json!({"Content": content, "Description": "d", "Name": name, "Type": SCP});
        let made = cloud
            .organizations("CreatePolicy", make("one", deny))
            .unwrap()["Policy"]
            .clone();
        assert_eq!(made["Content"], deny);
        let id = made["PolicySummary"]["Id"].clone();
        let named = |error: stockade_wire::AwsError| {
            (
                error.code,
                error.fields.get("Reason").cloned().unwrap_or_default(),
            )
        };
        let bad = |cloud: &mut Cloud, input| {
            named(cloud.organizations("CreatePolicy", input).unwrap_err())
        };
        assert_eq!(
            bad(&mut cloud, make("one", deny)).0,
            "DuplicatePolicyException"
        );
        assert_eq!(
            bad(&mut cloud, make("two", "{")).0,
            "MalformedPolicyDocumentException"
        );
        let long = format!("{deny}{}", " ".repeat(10_240));
        assert_eq!(
            bad(&mut cloud, make("two", &long)).1,
            "POLICY_CONTENT_LIMIT_EXCEEDED"
        );
        let other = json!({"Content": "{}", "Description": "", "Name": "t", "Type": "TAG_POLICY"});
        assert_eq!(bad(&mut cloud, other).0, "MalformedPolicyDocumentException");
        let changed = cloud
            .organizations("UpdatePolicy", json!({"PolicyId": id, "Name": "uno"}))
            .unwrap();
        assert_eq!(changed["Policy"]["PolicySummary"]["Name"], "uno");
        let aws = cloud
            .organizations(
                "UpdatePolicy",
                json!({"PolicyId": "p-FullAWSAccess", "Name": "x"}),
            )
            .unwrap_err();
        assert_eq!(aws.fields["Reason"], "IMMUTABLE_POLICY");
        let listed = cloud
            .organizations("ListPolicies", json!({"Filter": SCP}))
            .unwrap();
        let names: Vec<_> = listed["Policies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["Name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["FullAWSAccess", "uno"]);
        let tag = json!({"ResourceId": id, "Tags": [{"Key": "k", "Value": "v"}]});
        cloud.organizations("TagResource", tag).unwrap();
        let tags = cloud
            .organizations("ListTagsForResource", json!({"ResourceId": id}))
            .unwrap();
        assert_eq!(tags["Tags"], json!([{"Key": "k", "Value": "v"}]));
        cloud
            .organizations("DeletePolicy", json!({"PolicyId": id}))
            .unwrap();
        assert_eq!(
            cloud
                .organizations("DescribePolicy", json!({"PolicyId": id}))
                .unwrap_err()
                .code,
            "PolicyNotFoundException"
        );
    }
}
