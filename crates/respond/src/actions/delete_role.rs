//! Deletes a role.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed};
use crate::aws::{Aws, Call, CallError, find};

/// Deletes a role. One-way: a role made anew under the name has another unique id.
pub struct DeleteRole;

/// The parameters of [`DeleteRole`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The role.
    pub role: String,
}

impl DeleteRole {
    /// The parameters.
    pub fn params(role: &str) -> Params {
        Params {
            role: role.to_owned(),
        }
    }
}

fn call(operation: &str, params: &Params) -> Call {
    Call::new("iam", operation, json!({ "RoleName": params.role }))
}

impl Action for DeleteRole {
    const NAME: &'static str = "delete_role";
    const ONE_WAY: bool = true;
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("delete role {}", params.role)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let answer = find(aws, &call("GetRole", params)).await?;
        Ok(Observed::of(json!({ "exists": answer.is_some() })))
    }

    fn after(_params: &Params, _before: &Value) -> Value {
        json!({ "exists": false })
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        call("DeleteRole", params)
    }

    fn inverse(_params: &Params, _before: &Value, _handles: &Value) -> Option<Call> {
        None
    }

    fn check(params: &Params) -> String {
        format!("there is no role {}", params.role)
    }
}
