//! Denies a user everything by an inline policy of our own.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed, document_state};
use crate::aws::{Aws, Call, CallError};
use crate::inline::Holder;

/// Puts the quarantine policy on a user. It denies everything, so it also stops the sessions that
/// GetSessionToken and GetFederationToken made from the user's keys (an inactive key does not).
pub struct PutUserDeny;

/// The parameters of [`PutUserDeny`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The user.
    pub user: String,
    /// The inline policy's name.
    pub policy_name: String,
    /// Its document.
    pub document: Value,
}

impl PutUserDeny {
    /// The parameters for a user.
    pub fn params(user: &str, policy_name: &str) -> Params {
        Params {
            user: user.to_owned(),
            policy_name: policy_name.to_owned(),
            document: json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Sid": "StockadeQuarantine", "Effect": "Deny", "Action": "*", "Resource": "*"
                }]
            }),
        }
    }
}

impl Action for PutUserDeny {
    const NAME: &'static str = "put_user_deny";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("deny user {} everything", params.user)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        Holder::user(&params.user)
            .observe_policy(aws, &params.policy_name)
            .await
    }

    fn after(params: &Params, _before: &Value) -> Value {
        document_state(Some(params.document.clone()))
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        Holder::user(&params.user).put_policy(&params.policy_name, &params.document)
    }

    fn inverse(params: &Params, before: &Value, _handles: &Value) -> Option<Call> {
        Some(Holder::user(&params.user).set_policy(&params.policy_name, before))
    }

    fn check(params: &Params) -> String {
        format!("the policy reads back from user {} as put", params.user)
    }
}
