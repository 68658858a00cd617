//! Makes an earlier version of a managed policy the default again.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed};
use crate::aws::{Aws, Call, CallError, find};

/// Sets the default version of a managed policy.
pub struct RestoreDefaultPolicyVersion;

/// The parameters of [`RestoreDefaultPolicyVersion`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The policy.
    pub policy_arn: String,
    /// The version, as in `v1`.
    pub version: String,
}

impl RestoreDefaultPolicyVersion {
    /// The parameters.
    pub fn params(policy_arn: &str, version: &str) -> Params {
        Params {
            policy_arn: policy_arn.to_owned(),
            version: version.to_owned(),
        }
    }
}

fn set(policy_arn: &str, version: &Value) -> Call {
    Call::new(
        "iam",
        "SetDefaultPolicyVersion",
        json!({"PolicyArn": policy_arn, "VersionId": version}),
    )
}

impl Action for RestoreDefaultPolicyVersion {
    const NAME: &'static str = "restore_default_policy_version";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!(
            "make {} the default version of {}",
            params.version, params.policy_arn
        )
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let call = Call::new("iam", "GetPolicy", json!({ "PolicyArn": params.policy_arn }));
        let answer = find(aws, &call).await?;
        let version = answer
            .as_ref()
            .and_then(|a| a.get("Policy")?.get("DefaultVersionId"));
        Ok(Observed::of(json!({ "default": version })))
    }

    fn after(params: &Params, _before: &Value) -> Value {
        json!({ "default": params.version })
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        set(&params.policy_arn, &json!(params.version))
    }

    fn inverse(params: &Params, before: &Value, _handles: &Value) -> Option<Call> {
        Some(set(
            &params.policy_arn,
            before.get("default").unwrap_or(&Value::Null),
        ))
    }

    fn check(params: &Params) -> String {
        format!("the default version reads back as {}", params.version)
    }
}
