//! Deletes a managed policy.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed};
use crate::aws::{Aws, Call, CallError, find};

/// Deletes a managed policy. One-way: its versions and its id are gone. It must be attached to nothing.
pub struct DeletePolicy;

/// The parameters of [`DeletePolicy`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The managed policy.
    pub policy_arn: String,
}

impl DeletePolicy {
    /// The parameters.
    pub fn params(policy_arn: &str) -> Params {
        Params {
            policy_arn: policy_arn.to_owned(),
        }
    }
}

fn call(operation: &str, params: &Params) -> Call {
    Call::new("iam", operation, json!({ "PolicyArn": params.policy_arn }))
}

impl Action for DeletePolicy {
    const NAME: &'static str = "delete_policy";
    const ONE_WAY: bool = true;
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("delete managed policy {}", params.policy_arn)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let answer = find(aws, &call("GetPolicy", params)).await?;
        Ok(Observed::of(json!({ "exists": answer.is_some() })))
    }

    fn after(_params: &Params, _before: &Value) -> Value {
        json!({ "exists": false })
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        call("DeletePolicy", params)
    }

    fn inverse(_params: &Params, _before: &Value, _handles: &Value) -> Option<Call> {
        None
    }

    fn check(params: &Params) -> String {
        format!("there is no managed policy {}", params.policy_arn)
    }
}
