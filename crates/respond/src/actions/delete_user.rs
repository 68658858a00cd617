//! Deletes a user.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed};
use crate::aws::{Aws, Call, CallError, find};

/// Deletes a user. One-way: a user made anew under the name has another unique id, so policies that name the old one no longer match.
pub struct DeleteUser;

/// The parameters of [`DeleteUser`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The user.
    pub user: String,
}

impl DeleteUser {
    /// The parameters.
    pub fn params(user: &str) -> Params {
        Params {
            user: user.to_owned(),
        }
    }
}

fn call(operation: &str, params: &Params) -> Call {
    Call::new("iam", operation, json!({ "UserName": params.user }))
}

impl Action for DeleteUser {
    const NAME: &'static str = "delete_user";
    const ONE_WAY: bool = true;
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("delete user {}", params.user)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let answer = find(aws, &call("GetUser", params)).await?;
        Ok(Observed::of(json!({ "exists": answer.is_some() })))
    }

    fn after(_params: &Params, _before: &Value) -> Value {
        json!({ "exists": false })
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        call("DeleteUser", params)
    }

    fn inverse(_params: &Params, _before: &Value, _handles: &Value) -> Option<Call> {
        None
    }

    fn check(params: &Params) -> String {
        format!("there is no user {}", params.user)
    }
}
