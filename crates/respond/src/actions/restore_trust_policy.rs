//! Puts back who may assume a role.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed, document_state};
use crate::aws::{Aws, Call, CallError, find};
use crate::document;

/// Replaces a role's trust policy. Sessions that were made under the old one live on: revoke
/// them as well.
pub struct RestoreTrustPolicy;

/// The parameters of [`RestoreTrustPolicy`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The role.
    pub role: String,
    /// The trust policy.
    pub document: Value,
}

impl RestoreTrustPolicy {
    /// The parameters.
    pub fn params(role: &str, document: Value) -> Params {
        Params {
            role: role.to_owned(),
            document,
        }
    }
}

fn update(role: &str, content: &Value) -> Call {
    Call::new(
        "iam",
        "UpdateAssumeRolePolicy",
        json!({"RoleName": role, "PolicyDocument": document::text(content)}),
    )
}

impl Action for RestoreTrustPolicy {
    const NAME: &'static str = "restore_trust_policy";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("restore the trust policy of role {}", params.role)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let call = Call::new("iam", "GetRole", json!({ "RoleName": params.role }));
        let answer = find(aws, &call).await?;
        let role = answer.as_ref().and_then(|a| a.get("Role"));
        let trust = document::read(role.and_then(|r| r.get("AssumeRolePolicyDocument")));
        Ok(Observed::of(document_state(trust)))
    }

    fn after(params: &Params, _before: &Value) -> Value {
        document_state(Some(params.document.clone()))
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        update(&params.role, &params.document)
    }

    fn inverse(params: &Params, before: &Value, _handles: &Value) -> Option<Call> {
        Some(update(&params.role, before.get("document")?))
    }

    fn check(params: &Params) -> String {
        format!("the trust policy of role {} reads back", params.role)
    }
}
