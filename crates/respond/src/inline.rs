//! Who can hold IAM policies, and the calls that read and write them.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::Observed;
use crate::aws::{Aws, Call, CallError, find, pages};
use crate::document;

/// A kind of identity that holds policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolderKind {
    /// A user.
    User,
    /// A group.
    Group,
    /// A role.
    Role,
}

/// An identity that holds policies.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Holder {
    /// Its kind.
    pub kind: HolderKind,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.word().to_lowercase(), self.name)
    }
}

impl Holder {
    /// A user.
    pub fn user(name: &str) -> Self {
        Self::new(HolderKind::User, name)
    }

    /// A role.
    pub fn role(name: &str) -> Self {
        Self::new(HolderKind::Role, name)
    }

    /// A group.
    pub fn group(name: &str) -> Self {
        Self::new(HolderKind::Group, name)
    }

    fn new(kind: HolderKind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
        }
    }

    /// The word that AWS's operations and members have for it.
    fn word(&self) -> &'static str {
        match self.kind {
            HolderKind::User => "User",
            HolderKind::Group => "Group",
            HolderKind::Role => "Role",
        }
    }

    /// A call of `<before><Word><after>` with the holder's name and more members.
    fn call(&self, before: &str, after: &str, more: Value) -> Call {
        let word = self.word();
        let mut input = json!({ format!("{word}Name"): self.name });
        if let (Some(input), Value::Object(more)) = (input.as_object_mut(), more) {
            input.extend(more);
        }
        Call::new("iam", &format!("{before}{word}{after}"), input)
    }

    /// Puts an inline policy.
    pub fn put_policy(&self, policy: &str, content: &Value) -> Call {
        self.call(
            "Put",
            "Policy",
            json!({"PolicyName": policy, "PolicyDocument": document::text(content)}),
        )
    }

    /// Deletes an inline policy.
    pub fn delete_policy(&self, policy: &str) -> Call {
        self.call("Delete", "Policy", json!({ "PolicyName": policy }))
    }

    /// Attaches a managed policy.
    pub fn attach(&self, arn: &str) -> Call {
        self.call("Attach", "Policy", json!({ "PolicyArn": arn }))
    }

    /// Detaches a managed policy.
    pub fn detach(&self, arn: &str) -> Call {
        self.call("Detach", "Policy", json!({ "PolicyArn": arn }))
    }

    /// Lists the names of the inline policies (`PolicyNames`).
    pub fn list_inline(&self) -> Call {
        self.call("List", "Policies", json!({}))
    }

    /// Lists the managed policies (`AttachedPolicies`).
    pub fn list_attached(&self) -> Call {
        let word = self.word();
        let mut call = self.call("List", "Policies", json!({}));
        call.operation = format!("ListAttached{word}Policies");
        call
    }

    /// The inline policy of this name.
    pub async fn read_policy(
        &self,
        aws: &dyn Aws,
        policy: &str,
    ) -> Result<Option<Value>, CallError> {
        let call = self.call("Get", "Policy", json!({ "PolicyName": policy }));
        let answer = find(aws, &call).await?;
        Ok(answer.and_then(|answer| document::read(answer.get("PolicyDocument"))))
    }

    /// The state of an inline policy: `{"document": …}`, or null.
    pub(crate) async fn observe_policy(
        &self,
        aws: &dyn Aws,
        policy: &str,
    ) -> Result<Observed, CallError> {
        let document = self.read_policy(aws, policy).await?;
        Ok(Observed::of(document.map_or(
            Value::Null,
            |document| json!({ "document": document }),
        )))
    }

    /// The write that makes an inline policy what a state says: put back, or deleted.
    pub(crate) fn set_policy(&self, policy: &str, state: &Value) -> Call {
        match state.get("document") {
            Some(document) => self.put_policy(policy, document),
            None => self.delete_policy(policy),
        }
    }

    /// Whether the managed policy is attached: `{"attached": …}`.
    pub(crate) async fn observe_attached(
        &self,
        aws: &dyn Aws,
        arn: &str,
    ) -> Result<Observed, CallError> {
        let list = match pages(aws, &self.list_attached(), "AttachedPolicies").await {
            Err(error) if error.is_not_found() => Vec::new(),
            other => other?,
        };
        let attached = list
            .iter()
            .any(|policy| policy.get("PolicyArn").and_then(Value::as_str) == Some(arn));
        Ok(Observed::of(json!({ "attached": attached })))
    }
}

/// The member of the list item whose `id` member is `value`: `{"status": …}`, or null.
pub(crate) async fn observe_status(
    aws: &dyn Aws,
    call: &Call,
    list: &str,
    id: &str,
    value: &str,
) -> Result<Observed, CallError> {
    let items = match pages(aws, call, list).await {
        Err(error) if error.is_not_found() => Vec::new(),
        other => other?,
    };
    let status = items
        .iter()
        .find(|item| item.get(id).and_then(Value::as_str) == Some(value))
        .and_then(|item| item.get("Status"));
    Ok(Observed::of(
        status.map_or(Value::Null, |status| json!({ "status": status })),
    ))
}
