//! Gives the quarantine another document, as when a second pass moves its moment on.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed, document_state, handle};
use crate::aws::{Aws, Call, CallError};
use crate::{document, scp};

/// Replaces the document of a service control policy of ours.
pub struct UpdateQuarantineScp;

/// The parameters of [`UpdateQuarantineScp`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The policy's name.
    pub name: String,
    /// Its document.
    pub document: Value,
}

impl UpdateQuarantineScp {
    /// The parameters.
    pub fn params(name: &str, document: Value) -> Params {
        Params {
            name: name.to_owned(),
            document,
        }
    }
}

fn update(document: &Value, handles: &Value) -> Call {
    let id = handle(handles, "id", "<the policy's id>");
    Call::new(
        "organizations",
        "UpdatePolicy",
        json!({"PolicyId": id, "Content": document::text(document)}),
    )
}

impl Action for UpdateQuarantineScp {
    const NAME: &'static str = "update_quarantine_scp";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("update the service control policy {}", params.name)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let Some(id) = scp::id(aws, &params.name).await? else {
            return Ok(Observed::default());
        };
        Ok(Observed {
            state: document_state(scp::content(aws, &id).await?),
            handles: json!({ "id": id }),
        })
    }

    fn after(params: &Params, _before: &Value) -> Value {
        document_state(Some(params.document.clone()))
    }

    fn apply(params: &Params, _before: &Value, handles: &Value) -> Call {
        update(&params.document, handles)
    }

    fn inverse(_params: &Params, before: &Value, handles: &Value) -> Option<Call> {
        Some(update(before.get("document")?, handles))
    }

    fn check(params: &Params) -> String {
        format!("the policy {} reads back as updated", params.name)
    }
}
