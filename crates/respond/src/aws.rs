//! The AWS that a response talks to: one small trait, so that a fault can be played.
//!
//! Owns the seam between the response and the cloud, and how a call can fail. Must not know any
//! playbook. `client.rs` implements the trait on the signed client, `reach.rs` finds the client
//! for an account.

mod client;
mod pages;
mod reach;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stockade_model::Region;

pub use pages::pages;
pub use reach::{Identity, Reach};

/// A structure of the wire: member names as AWS's models have them.
pub type Object = Map<String, Value>;

/// A boxed future, so that the traits of this crate work behind a pointer.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One call of an AWS API, exactly as it will be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The service's name, as in `iam`.
    pub service: String,
    /// The operation, as in `PutUserPolicy`.
    pub operation: String,
    /// Its input by member name.
    pub input: Value,
}

impl Call {
    /// A call.
    pub fn new(service: &str, operation: &str, input: Value) -> Self {
        Self {
            service: service.to_owned(),
            operation: operation.to_owned(),
            input,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.operation)
    }
}

/// How a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// What it is about is not there.
    NotFound,
    /// AWS refused it for want of permission.
    Denied,
    /// The endpoint does not know the operation.
    NotImplemented,
    /// AWS refused it for another reason; nothing was changed.
    Refused,
    /// It was never sent.
    NotReached,
    /// Nobody knows whether it was carried out.
    OutcomeUnknown,
}

/// A call that failed. `Display` says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// As in `iam:GetUser`.
    pub call: String,
    /// How it failed.
    pub fault: Fault,
    /// AWS's error code, or empty where AWS did not answer.
    pub code: String,
    /// What happened and what to do, in a line.
    pub message: String,
}

fn advice(fault: Fault) -> &'static str {
    match fault {
        Fault::Denied => " (the responder's credentials lack this permission)",
        Fault::NotImplemented => " (this endpoint does not offer the operation)",
        Fault::NotReached => " (check the endpoint and the network; nothing was sent)",
        Fault::OutcomeUnknown => " (it may have been carried out: the state must be read again)",
        Fault::NotFound | Fault::Refused => "",
    }
}

impl CallError {
    /// An error of the call, from AWS's own code and message.
    pub fn new(call: &Call, fault: Fault, code: &str, message: &str) -> Self {
        let code_in_text = if code.is_empty() {
            String::new()
        } else {
            format!("{code}: ")
        };
        Self {
            call: call.to_string(),
            fault,
            code: code.to_owned(),
            message: format!("{call} failed: {code_in_text}{message}{}", advice(fault)),
        }
    }

    /// Whether AWS says that the thing is not there.
    pub fn is_not_found(&self) -> bool {
        self.fault == Fault::NotFound
    }
}

/// An AWS endpoint with the credentials of one principal, in one region.
pub trait Aws: Send + Sync {
    /// Sends one call. Retries of its own must be safe.
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Object, CallError>>;

    /// The same in another region.
    fn in_region(&self, region: &Region) -> Arc<dyn Aws>;

    /// The same with the credentials of a session of the role.
    fn assume_role<'a>(
        &'a self,
        role_arn: &'a str,
        session_name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Aws>, CallError>>;
}

/// Makes a call and takes "not there" for none.
pub(crate) async fn find(aws: &dyn Aws, call: &Call) -> Result<Option<Object>, CallError> {
    match aws.call(call).await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
