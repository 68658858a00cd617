//! Puts an account under the quarantine.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed, handle};
use crate::aws::{Aws, Call, CallError, pages};
use crate::scp;

/// Attaches the quarantine's service control policy to an account. An attacker inside the account
/// cannot reach it. It does not bind the management account.
pub struct AttachQuarantineScp;

/// The parameters of [`AttachQuarantineScp`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The policy's name.
    pub policy_name: String,
    /// The account.
    pub target: String,
}

impl AttachQuarantineScp {
    /// The parameters.
    pub fn params(policy_name: &str, target: &str) -> Params {
        Params {
            policy_name: policy_name.to_owned(),
            target: target.to_owned(),
        }
    }
}

fn call(operation: &str, params: &Params, handles: &Value) -> Call {
    let id = handle(handles, "id", "<the policy's id>");
    Call::new(
        "organizations",
        operation,
        json!({"PolicyId": id, "TargetId": params.target}),
    )
}

impl Action for AttachQuarantineScp {
    const NAME: &'static str = "attach_quarantine_scp";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!(
            "attach the service control policy {} to account {}",
            params.policy_name, params.target
        )
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let Some(id) = scp::id(aws, &params.policy_name).await? else {
            return Ok(Observed::of(json!({ "attached": false })));
        };
        let list = Call::new(
            "organizations",
            "ListTargetsForPolicy",
            json!({ "PolicyId": id }),
        );
        let targets = pages(aws, &list, "Targets").await?;
        let attached = targets.iter().any(|target| {
            target.get("TargetId").and_then(Value::as_str) == Some(params.target.as_str())
        });
        Ok(Observed {
            state: json!({ "attached": attached }),
            handles: json!({ "id": id }),
        })
    }

    fn after(_params: &Params, _before: &Value) -> Value {
        json!({ "attached": true })
    }

    fn apply(params: &Params, _before: &Value, handles: &Value) -> Call {
        call("AttachPolicy", params, handles)
    }

    fn inverse(params: &Params, _before: &Value, handles: &Value) -> Option<Call> {
        Some(call("DetachPolicy", params, handles))
    }

    fn check(params: &Params) -> String {
        format!("account {} is among the policy's targets", params.target)
    }
}
