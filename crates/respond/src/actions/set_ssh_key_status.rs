//! Makes an SSH public key of a user inactive, or active again.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed};
use crate::aws::{Aws, Call, CallError};
use crate::inline::observe_status;

/// Sets the status of an SSH public key. CodeCommit takes it beside access keys.
pub struct SetSshKeyStatus;

/// The parameters of [`SetSshKeyStatus`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The user.
    pub user: String,
    /// The credential's id.
    pub id: String,
    /// `Active` or `Inactive`.
    pub status: String,
}

impl SetSshKeyStatus {
    /// Makes it inactive.
    pub fn inactive(user: &str, id: &str) -> Params {
        Params {
            user: user.to_owned(),
            id: id.to_owned(),
            status: "Inactive".to_owned(),
        }
    }
}

fn update(params: &Params, status: &Value) -> Call {
    Call::new(
        "iam",
        "UpdateSSHPublicKey",
        json!({"UserName": params.user, "SSHPublicKeyId": params.id, "Status": status}),
    )
}

impl Action for SetSshKeyStatus {
    const NAME: &'static str = "set_ssh_key_status";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!(
            "make SSH key {} of user {} {}",
            params.id,
            params.user,
            params.status.to_lowercase()
        )
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let list = Call::new("iam", "ListSSHPublicKeys", json!({ "UserName": params.user }));
        observe_status(aws, &list, "SSHPublicKeys", "SSHPublicKeyId", &params.id).await
    }

    fn after(params: &Params, _before: &Value) -> Value {
        json!({ "status": params.status })
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        update(params, &json!(params.status))
    }

    fn inverse(params: &Params, before: &Value, _handles: &Value) -> Option<Call> {
        Some(update(params, before.get("status").unwrap_or(&Value::Null)))
    }

    fn check(params: &Params) -> String {
        format!("{} reads back as {}", params.id, params.status)
    }
}
