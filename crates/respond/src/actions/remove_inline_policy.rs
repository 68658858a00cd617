//! Deletes an inline policy.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Observed};
use crate::aws::{Aws, Call, CallError};
use crate::inline::Holder;

/// Deletes an inline policy of a user, group or role. Its document is kept in the journal, and
/// undo puts it back.
pub struct RemoveInlinePolicy;

/// The parameters of [`RemoveInlinePolicy`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// Who holds it.
    pub holder: Holder,
    /// The inline policy's name.
    pub policy_name: String,
}

impl RemoveInlinePolicy {
    /// The parameters.
    pub fn params(holder: Holder, policy_name: &str) -> Params {
        Params {
            holder,
            policy_name: policy_name.to_owned(),
        }
    }
}

impl Action for RemoveInlinePolicy {
    const NAME: &'static str = "remove_inline_policy";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!(
            "remove inline policy {} from {}",
            params.policy_name, params.holder
        )
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        params.holder.observe_policy(aws, &params.policy_name).await
    }

    fn after(_params: &Params, _before: &Value) -> Value {
        Value::Null
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        params.holder.delete_policy(&params.policy_name)
    }

    fn inverse(params: &Params, before: &Value, _handles: &Value) -> Option<Call> {
        Some(params.holder.set_policy(&params.policy_name, before))
    }

    fn check(params: &Params) -> String {
        format!("{} has no inline policy {}", params.holder, params.policy_name)
    }
}
