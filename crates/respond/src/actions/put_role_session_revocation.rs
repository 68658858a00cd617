//! Revokes the sessions of a role that were issued before a moment.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed, document_state};
use crate::aws::{Aws, Call, CallError};
use crate::inline::Holder;

/// Puts an inline policy on a role that denies everything to sessions issued before a moment.
/// It hits every user of the role; each that assumes it again works on. A role that the attacker
/// made is denied whenever the session was issued.
pub struct PutRoleSessionRevocation;

/// The parameters of [`PutRoleSessionRevocation`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The role.
    pub role: String,
    /// The inline policy's name.
    pub policy_name: String,
    /// Its document.
    pub document: Value,
}

impl PutRoleSessionRevocation {
    /// Denies the sessions issued before `cutoff` (a time, or `{now}`); all without one.
    pub fn params(role: &str, policy_name: &str, cutoff: Option<&str>) -> Params {
        let mut statement = json!({
            "Sid": "StockadeRevokeSessions", "Effect": "Deny", "Action": "*", "Resource": "*"
        });
        if let (Some(members), Some(cutoff)) = (statement.as_object_mut(), cutoff) {
            let condition = json!({"DateLessThan": {"aws:TokenIssueTime": cutoff}});
            members.insert("Condition".to_owned(), condition);
        }
        Params {
            role: role.to_owned(),
            policy_name: policy_name.to_owned(),
            document: json!({"Version": "2012-10-17", "Statement": [statement]}),
        }
    }
}

impl Action for PutRoleSessionRevocation {
    const NAME: &'static str = "put_role_session_revocation";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("revoke the sessions of role {}", params.role)
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
