//! Takes a user out of a group.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed};
use crate::aws::{Aws, Call, CallError, pages};

/// Takes a user out of a group.
pub struct RemoveUserFromGroup;

/// The parameters of [`RemoveUserFromGroup`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The user.
    pub user: String,
    /// The group.
    pub group: String,
}

impl RemoveUserFromGroup {
    /// The parameters.
    pub fn params(user: &str, group: &str) -> Params {
        Params {
            user: user.to_owned(),
            group: group.to_owned(),
        }
    }
}

fn call(operation: &str, params: &Params) -> Call {
    Call::new(
        "iam",
        operation,
        json!({"GroupName": params.group, "UserName": params.user}),
    )
}

impl Action for RemoveUserFromGroup {
    const NAME: &'static str = "remove_user_from_group";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("take user {} out of group {}", params.user, params.group)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let list = Call::new(
            "iam",
            "ListGroupsForUser",
            json!({ "UserName": params.user }),
        );
        let groups = match pages(aws, &list, "Groups").await {
            Err(error) if error.is_not_found() => Vec::new(),
            other => other?,
        };
        let member = groups.iter().any(|group| {
            group.get("GroupName").and_then(Value::as_str) == Some(params.group.as_str())
        });
        Ok(Observed::of(json!({ "member": member })))
    }

    fn after(_params: &Params, _before: &Value) -> Value {
        json!({ "member": false })
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        call("RemoveUserFromGroup", params)
    }

    fn inverse(params: &Params, _before: &Value, _handles: &Value) -> Option<Call> {
        Some(call("AddUserToGroup", params))
    }

    fn check(params: &Params) -> String {
        format!("the groups of user {} read back", params.user)
    }
}
