//! Adds a user to a group.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed};
use crate::aws::{Aws, Call, CallError, pages};

/// Adds a user to a group.
pub struct AddUserToGroup;

/// The parameters of [`AddUserToGroup`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The user.
    pub user: String,
    /// The group.
    pub group: String,
}

impl AddUserToGroup {
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

impl Action for AddUserToGroup {
    const NAME: &'static str = "add_user_to_group";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("add user {} to group {}", params.user, params.group)
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
        json!({ "member": true })
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        call("AddUserToGroup", params)
    }

    fn inverse(params: &Params, _before: &Value, _handles: &Value) -> Option<Call> {
        Some(call("RemoveUserFromGroup", params))
    }

    fn check(params: &Params) -> String {
        format!("the groups of user {} read back", params.user)
    }
}
