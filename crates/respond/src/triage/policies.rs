//! Policy documents as they are now.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::{Aws, Call, CallError, Fault, pages};
use crate::document;
use crate::inline::Holder;
use crate::scp;

/// A policy with its document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyDocument {
    /// Its name, or its ARN when it is managed.
    pub name: String,
    /// Whether it is a managed policy.
    pub managed: bool,
    /// The document.
    pub document: Value,
}

/// The service control policies of one level: root, unit, account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScpLevel {
    /// The root's, unit's or account's id.
    pub target: String,
    /// The policies.
    pub policies: Vec<PolicyDocument>,
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The managed policy's default version.
pub async fn managed(aws: &dyn Aws, arn: &str) -> Result<PolicyDocument, CallError> {
    let call = Call::new("iam", "GetPolicy", json!({ "PolicyArn": arn }));
    let answer = aws.call(&call).await?;
    let policy = answer.get("Policy").cloned().unwrap_or_default();
    let call = Call::new(
        "iam",
        "GetPolicyVersion",
        json!({"PolicyArn": arn, "VersionId": text(&policy, "DefaultVersionId")}),
    );
    let answer = aws.call(&call).await?;
    let version = answer.get("PolicyVersion");
    let read = document::read(version.and_then(|v| v.get("Document")));
    let document = read.ok_or_else(|| unreadable(&call))?;
    Ok(PolicyDocument {
        name: arn.to_owned(),
        managed: true,
        document,
    })
}

fn unreadable(call: &Call) -> CallError {
    CallError::new(call, Fault::Refused, "", "the policy cannot be read")
}

/// The policies attached to a user, group or role, and then its inline policies.
pub async fn of_holder(
    aws: &dyn Aws,
    holder: &Holder,
) -> Result<(Vec<PolicyDocument>, Vec<PolicyDocument>), CallError> {
    Ok((attached(aws, holder).await?, inline(aws, holder).await?))
}

/// The policies attached to a user, group or role.
pub(super) async fn attached(
    aws: &dyn Aws,
    holder: &Holder,
) -> Result<Vec<PolicyDocument>, CallError> {
    let mut policies = Vec::new();
    for item in pages(aws, &holder.list_attached(), "AttachedPolicies").await? {
        policies.push(managed(aws, text(&item, "PolicyArn")).await?);
    }
    Ok(policies)
}

/// The inline policies of a user, group or role.
pub(super) async fn inline(
    aws: &dyn Aws,
    holder: &Holder,
) -> Result<Vec<PolicyDocument>, CallError> {
    let call = holder.list_inline();
    let mut policies = Vec::new();
    for name in pages(aws, &call, "PolicyNames").await? {
        let name = name.as_str().unwrap_or_default();
        // Deleted between the two calls counts as not there.
        if let Some(document) = holder.read_policy(aws, name).await? {
            policies.push(PolicyDocument {
                name: name.to_owned(),
                managed: false,
                document,
            });
        }
    }
    Ok(policies)
}

/// The service control policies that bind an account, from the root down. `aws` is the
/// management account's.
pub async fn scp_levels(aws: &dyn Aws, account: &str) -> Result<Vec<ScpLevel>, CallError> {
    let mut targets = vec![account.to_owned()];
    // Organizations has five levels of units at most, between the root and the account.
    for _ in 0..8 {
        let Some(child) = targets.last() else { break };
        if child.starts_with("r-") {
            break;
        }
        let call = Call::new("organizations", "ListParents", json!({ "ChildId": child }));
        let parents = pages(aws, &call, "Parents").await?;
        let Some(parent) = parents.first() else { break };
        targets.push(text(parent, "Id").to_owned());
    }
    let mut levels = Vec::new();
    for target in targets.into_iter().rev() {
        let call = Call::new(
            "organizations",
            "ListPoliciesForTarget",
            json!({"TargetId": target, "Filter": "SERVICE_CONTROL_POLICY"}),
        );
        let mut policies = Vec::new();
        for item in pages(aws, &call, "Policies").await? {
            let content = scp::content(aws, text(&item, "Id")).await?;
            policies.push(PolicyDocument {
                name: text(&item, "Name").to_owned(),
                managed: true,
                document: content.ok_or_else(|| unreadable(&call))?,
            });
        }
        levels.push(ScpLevel { target, policies });
    }
    Ok(levels)
}
