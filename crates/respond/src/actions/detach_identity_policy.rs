//! Detaches a managed policy from a user, group or role.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed};
use crate::aws::{Aws, Call, CallError};
use crate::inline::Holder;

/// Detaches a managed policy from a user, group or role.
pub struct DetachIdentityPolicy;

/// The parameters of [`DetachIdentityPolicy`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// Who holds it.
    pub holder: Holder,
    /// The managed policy.
    pub policy_arn: String,
}

impl DetachIdentityPolicy {
    /// The parameters.
    pub fn params(holder: Holder, policy_arn: &str) -> Params {
        Params {
            holder,
            policy_arn: policy_arn.to_owned(),
        }
    }
}

impl Action for DetachIdentityPolicy {
    const NAME: &'static str = "detach_identity_policy";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("detach {} from {}", params.policy_arn, params.holder)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        params.holder.observe_attached(aws, &params.policy_arn).await
    }

    fn after(_params: &Params, _before: &Value) -> Value {
        json!({ "attached": false })
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        params.holder.detach(&params.policy_arn)
    }

    fn inverse(params: &Params, _before: &Value, _handles: &Value) -> Option<Call> {
        Some(params.holder.attach(&params.policy_arn))
    }

    fn check(params: &Params) -> String {
        format!("the list of policies of {} reads back", params.holder)
    }
}
