//! Makes the service control policy that quarantines.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed, document_state, handle};
use crate::aws::{Aws, Call, CallError};
use crate::{document, scp};

/// Makes a service control policy. It does nothing until it is attached.
pub struct CreateQuarantineScp;

/// The parameters of [`CreateQuarantineScp`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The policy's name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its document.
    pub document: Value,
}

impl CreateQuarantineScp {
    /// The parameters.
    pub fn params(name: &str, description: &str, document: Value) -> Params {
        Params {
            name: name.to_owned(),
            description: description.to_owned(),
            document,
        }
    }
}

impl Action for CreateQuarantineScp {
    const NAME: &'static str = "create_quarantine_scp";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("create the service control policy {}", params.name)
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

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        Call::new(
            "organizations",
            "CreatePolicy",
            json!({
                "Name": params.name,
                "Description": params.description,
                "Type": "SERVICE_CONTROL_POLICY",
                "Content": document::text(&params.document),
            }),
        )
    }

    fn inverse(_params: &Params, _before: &Value, handles: &Value) -> Option<Call> {
        let id = handle(handles, "id", "<the policy's id>");
        Some(Call::new(
            "organizations",
            "DeletePolicy",
            json!({ "PolicyId": id }),
        ))
    }

    fn check(params: &Params) -> String {
        format!("the policy {} reads back as made", params.name)
    }
}
