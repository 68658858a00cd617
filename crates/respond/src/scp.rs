//! Service control policies by their name.

use serde_json::{Value, json};

use crate::aws::{Aws, Call, CallError, pages};
use crate::document;

/// The longest document that Organizations takes, in characters.
pub const LONGEST: usize = 5_120;

/// The id of the policy with this name.
pub(crate) async fn id(aws: &dyn Aws, name: &str) -> Result<Option<String>, CallError> {
    let list = Call::new(
        "organizations",
        "ListPolicies",
        json!({"Filter": "SERVICE_CONTROL_POLICY"}),
    );
    let policies = pages(aws, &list, "Policies").await?;
    Ok(policies
        .iter()
        .find(|policy| policy.get("Name").and_then(Value::as_str) == Some(name))
        .and_then(|policy| Some(policy.get("Id")?.as_str()?.to_owned())))
}

/// The policy's document.
pub(crate) async fn content(aws: &dyn Aws, id: &str) -> Result<Option<Value>, CallError> {
    let call = Call::new("organizations", "DescribePolicy", json!({ "PolicyId": id }));
    let answer = aws.call(&call).await?;
    let policy = answer.get("Policy");
    Ok(document::read(policy.and_then(|p| p.get("Content"))))
}
