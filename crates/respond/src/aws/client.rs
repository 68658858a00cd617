//! The trait on the signed client.

use std::sync::Arc;

use stockade_cloud::{Client, CloudError};
use stockade_model::Region;

use super::{Aws, BoxFuture, Call, CallError, Fault, Object};

/// How a call failed, in this crate's terms; the client's own words are kept.
fn error(call: String, error: &CloudError) -> CallError {
    let fault = if error.is_not_implemented() {
        Fault::NotImplemented
    } else if error.outcome_unknown() {
        Fault::OutcomeUnknown
    } else if error.is_denied() {
        Fault::Denied
    } else if error.is_not_found() {
        Fault::NotFound
    } else if matches!(error, CloudError::NotReached { .. }) {
        Fault::NotReached
    } else {
        Fault::Refused
    };
    CallError {
        call,
        fault,
        code: error.code().unwrap_or_default().to_owned(),
        message: error.to_string(),
    }
}

impl Aws for Client {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Object, CallError>> {
        Box::pin(async move {
            Self::call(self, &call.service, &call.operation, call.input.clone())
                .await
                .map_err(|failed| error(call.to_string(), &failed))
        })
    }

    fn in_region(&self, region: &Region) -> Arc<dyn Aws> {
        Arc::new(Self::in_region(self, region))
    }

    fn assume_role<'a>(
        &'a self,
        role_arn: &'a str,
        session_name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Aws>, CallError>> {
        Box::pin(async move {
            match Self::assume_role(self, role_arn, session_name).await {
                Ok(client) => Ok(Arc::new(client) as Arc<dyn Aws>),
                Err(failed) => Err(error(format!("sts:AssumeRole of {role_arn}"), &failed)),
            }
        })
    }
}
