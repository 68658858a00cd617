//! Deletes a version of a managed policy.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed, document_state};
use crate::aws::{Aws, Call, CallError, find};
use crate::document;

/// Deletes a version of a managed policy that is not the default. One-way: made anew it has
/// another number. The document is kept in the journal.
pub struct DeletePolicyVersion;

/// The parameters of [`DeletePolicyVersion`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The policy.
    pub policy_arn: String,
    /// The version, as in `v2`.
    pub version: String,
}

impl DeletePolicyVersion {
    /// The parameters.
    pub fn params(policy_arn: &str, version: &str) -> Params {
        Params {
            policy_arn: policy_arn.to_owned(),
            version: version.to_owned(),
        }
    }
}

fn call(operation: &str, params: &Params) -> Call {
    Call::new(
        "iam",
        operation,
        json!({"PolicyArn": params.policy_arn, "VersionId": params.version}),
    )
}

impl Action for DeletePolicyVersion {
    const NAME: &'static str = "delete_policy_version";
    const ONE_WAY: bool = true;
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("delete version {} of {}", params.version, params.policy_arn)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let answer = find(aws, &call("GetPolicyVersion", params)).await?;
        let version = answer.as_ref().and_then(|a| a.get("PolicyVersion"));
        let document = document::read(version.and_then(|v| v.get("Document")));
        Ok(Observed::of(document_state(document)))
    }

    fn after(_params: &Params, _before: &Value) -> Value {
        Value::Null
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        call("DeletePolicyVersion", params)
    }

    fn inverse(_params: &Params, _before: &Value, _handles: &Value) -> Option<Call> {
        None
    }

    fn check(params: &Params) -> String {
        format!("{} has no version {}", params.policy_arn, params.version)
    }
}
