//! Makes a role.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed};
use crate::aws::{Aws, Call, CallError, find};
use crate::document;

/// Makes a role, as when one takes the place of a user's keys. Undo deletes it.
pub struct CreateRole;

/// The parameters of [`CreateRole`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The role.
    pub role: String,
    /// Who may assume it.
    pub trust: Value,
    /// What it is for.
    pub description: String,
}

impl CreateRole {
    /// The parameters.
    pub fn params(role: &str, trust: Value, description: &str) -> Params {
        Params {
            role: role.to_owned(),
            trust,
            description: description.to_owned(),
        }
    }
}

impl Action for CreateRole {
    const NAME: &'static str = "create_role";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("create role {}", params.role)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let call = Call::new("iam", "GetRole", json!({ "RoleName": params.role }));
        let answer = find(aws, &call).await?;
        let role = answer.as_ref().and_then(|a| a.get("Role"));
        let trust = role.and_then(|r| document::read(r.get("AssumeRolePolicyDocument")));
        Ok(Observed::of(trust.map_or(
            Value::Null,
            |trust| json!({ "trust": trust }),
        )))
    }

    fn after(params: &Params, _before: &Value) -> Value {
        json!({ "trust": params.trust })
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        Call::new(
            "iam",
            "CreateRole",
            json!({
                "RoleName": params.role,
                "AssumeRolePolicyDocument": document::text(&params.trust),
                "Description": params.description,
            }),
        )
    }

    fn inverse(params: &Params, _before: &Value, _handles: &Value) -> Option<Call> {
        Some(Call::new(
            "iam",
            "DeleteRole",
            json!({ "RoleName": params.role }),
        ))
    }

    fn check(params: &Params) -> String {
        format!("role {} is there with its trust policy", params.role)
    }
}
