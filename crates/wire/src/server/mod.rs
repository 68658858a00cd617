//! The service's end: which operation a request is for, what it carries, and the answer.
//!
//! Owns the way in and out of a service. Knows no service's behaviour.

mod answer;
mod failure;
mod identify;
mod input;
mod pattern;
mod validate;
mod wording;

use crate::AwsError;
use crate::table::{Operation, Protocol, Service};

pub use crate::Decoded;
pub use answer::encode;
pub use failure::encode_error;
pub use identify::{Unidentified, identify};
pub use input::decode;
pub(crate) use input::{is_streaming, payload_value};
pub use validate::validate;

/// What a request is for.
#[derive(Clone, Debug)]
pub struct Target {
    /// The service.
    pub service: &'static Service,
    /// The operation.
    pub operation: &'static Operation,
    /// The protocol that the request speaks, and its answer must.
    pub protocol: Protocol,
    pub(crate) labels: Vec<(String, String)>,
}

impl Target {
    /// An operation in its service's own protocol, for those who know what is asked without a request's address.
    pub fn of(service: &'static Service, operation: &'static Operation) -> Self {
        Self::speaking(service, operation, service.protocol)
    }

    /// An operation in a protocol that its service speaks.
    pub fn speaking(
        service: &'static Service,
        operation: &'static Operation,
        protocol: Protocol,
    ) -> Self {
        Self {
            service,
            operation,
            protocol,
            labels: Vec::new(),
        }
    }
}

/// The refusal of an operation whose messages are streams of events.
fn no_events(target: &Target) -> AwsError {
    let message = format!(
        "{}:{} is not supported: it needs a stream of events.",
        target.service.name, target.operation.name
    );
    AwsError::new(501, "NotImplemented", message)
}
