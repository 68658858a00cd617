//! Puts an inline policy on a role.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Observed, document_state};
use crate::aws::{Aws, Call, CallError};
use crate::inline::Holder;

/// Gives a role its permissions.
pub struct PutRolePolicy;

/// The parameters of [`PutRolePolicy`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The role.
    pub role: String,
    /// The inline policy's name.
    pub policy_name: String,
    /// Its document.
    pub document: Value,
}

impl PutRolePolicy {
    /// The parameters.
    pub fn params(role: &str, policy_name: &str, document: Value) -> Params {
        Params {
            role: role.to_owned(),
            policy_name: policy_name.to_owned(),
            document,
        }
    }
}

impl Action for PutRolePolicy {
    const NAME: &'static str = "put_role_policy";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("give role {} the policy {}", params.role, params.policy_name)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        Holder::role(&params.role)
            .observe_policy(aws, &params.policy_name)
            .await
    }

    fn after(params: &Params, _before: &Value) -> Value {
        document_state(Some(params.document.clone()))
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        Holder::role(&params.role).put_policy(&params.policy_name, &params.document)
    }

    fn inverse(params: &Params, before: &Value, _handles: &Value) -> Option<Call> {
        Some(Holder::role(&params.role).set_policy(&params.policy_name, before))
    }

    fn check(params: &Params) -> String {
        format!("the policy reads back from role {} as put", params.role)
    }
}
