//! Deletes a user's console password.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed};
use crate::aws::{Aws, Call, CallError, find};

/// Deletes a user's login profile. One-way: nobody knows the old password.
pub struct DeleteLoginProfile;

/// The parameters of [`DeleteLoginProfile`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The user.
    pub user: String,
}

impl DeleteLoginProfile {
    /// The parameters.
    pub fn params(user: &str) -> Params {
        Params {
            user: user.to_owned(),
        }
    }
}

fn call(operation: &str, params: &Params) -> Call {
    Call::new("iam", operation, json!({ "UserName": params.user }))
}

impl Action for DeleteLoginProfile {
    const NAME: &'static str = "delete_login_profile";
    const ONE_WAY: bool = true;
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("delete the console password of user {}", params.user)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let answer = find(aws, &call("GetLoginProfile", params)).await?;
        Ok(Observed::of(json!({ "login_profile": answer.is_some() })))
    }

    fn after(_params: &Params, _before: &Value) -> Value {
        json!({ "login_profile": false })
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        call("DeleteLoginProfile", params)
    }

    fn inverse(_params: &Params, _before: &Value, _handles: &Value) -> Option<Call> {
        None
    }

    fn check(params: &Params) -> String {
        format!("user {} has no login profile", params.user)
    }
}
