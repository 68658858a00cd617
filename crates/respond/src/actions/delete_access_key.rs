//! Deletes an access key.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed};
use crate::aws::{Aws, Call, CallError};
use crate::inline::observe_status;

/// Deletes an access key. One-way: AWS never gives the same key again.
pub struct DeleteAccessKey;

/// The parameters of [`DeleteAccessKey`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The user.
    pub user: String,
    /// The key.
    pub id: String,
}

impl DeleteAccessKey {
    /// The parameters.
    pub fn params(user: &str, id: &str) -> Params {
        Params {
            user: user.to_owned(),
            id: id.to_owned(),
        }
    }
}

impl Action for DeleteAccessKey {
    const NAME: &'static str = "delete_access_key";
    const ONE_WAY: bool = true;
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("delete access key {} of user {}", params.id, params.user)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let list = Call::new("iam", "ListAccessKeys", json!({ "UserName": params.user }));
        observe_status(aws, &list, "AccessKeyMetadata", "AccessKeyId", &params.id).await
    }

    fn after(_params: &Params, _before: &Value) -> Value {
        Value::Null
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        Call::new(
            "iam",
            "DeleteAccessKey",
            json!({"UserName": params.user, "AccessKeyId": params.id}),
        )
    }

    fn inverse(_params: &Params, _before: &Value, _handles: &Value) -> Option<Call> {
        None
    }

    fn check(params: &Params) -> String {
        format!("user {} has no key {}", params.user, params.id)
    }
}
