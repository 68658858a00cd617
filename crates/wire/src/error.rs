//! An error as an AWS service answers it, and the ones that every service shares.

use crate::Object;
use crate::server::Target;
use crate::table::{Protocol, Service};

/// An error that a service answered, or is to answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    /// The code that clients match on, such as `NoSuchEntity`.
    pub code: String,
    /// The text for people.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
    /// Further members of the error's shape, such as S3's `BucketName`.
    pub fields: Object,
    /// The id of the request that was refused, where the answer told it.
    pub request_id: Option<String>,
}

impl AwsError {
    /// An error with nothing but its status, code and message.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            status,
            fields: Object::new(),
            request_id: None,
        }
    }

    /// The same error with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Whether the sender is to blame (a 4xx status), so that the same call again fails again.
    pub fn sender_fault(&self) -> bool {
        (400..500).contains(&self.status)
    }

    /// The refusal of an access key that no one owns, in the words of the service.
    pub fn unknown_access_key(service: impl Into<Family>) -> Self {
        match service.into() {
            Family::S3 => Self::new(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
            Family::Query => Self::new(
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            ),
            Family::Ec2 => Self::new(
                401,
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
            ),
            Family::Json => Self::new(
                400,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            Family::Rest => Self::new(
                403,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
        }
    }

    /// The refusal of a session token that does not belong to its key or was altered.
    pub fn invalid_token(service: impl Into<Family>) -> Self {
        match service.into() {
            Family::S3 => Self::new(
                400,
                "InvalidToken",
                "The provided token is malformed or otherwise invalid.",
            ),
            other => Self::unknown_access_key(other),
        }
    }

    /// The refusal of a session that has ended.
    pub fn expired_token(service: impl Into<Family>) -> Self {
        match service.into() {
            Family::S3 => Self::new(400, "ExpiredToken", "The provided token has expired."),
            Family::Query => Self::new(
                403,
                "ExpiredToken",
                "The security token included in the request is expired",
            ),
            Family::Ec2 => Self::new(400, "RequestExpired", "Request has expired."),
            Family::Json => Self::new(
                400,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
            Family::Rest => Self::new(
                403,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
        }
    }

    /// The refusal of a credential scope that names a region that there is not.
    pub fn unknown_region(service: impl Into<Family>, region: &str) -> Self {
        let words = format!("Credential should be scoped to a valid region, not '{region}'. ");
        match service.into() {
            Family::S3 => Self::new(
                400,
                "AuthorizationHeaderMalformed",
                format!(
                    "The authorization header is malformed; the region '{region}' is wrong; expecting 'us-east-1'"
                ),
            )
            .with("Region", "us-east-1"),
            Family::Query => Self::new(403, "SignatureDoesNotMatch", words),
            Family::Ec2 => Self::new(
                401,
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
            ),
            Family::Json => Self::new(400, "InvalidSignatureException", words),
            Family::Rest => Self::new(403, "InvalidSignatureException", words),
        }
    }

    /// The answer to a call that failed by a fault of the service.
    pub fn internal(service: impl Into<Family>) -> Self {
        let (code, words) = match service.into() {
            Family::S3 => (
                "InternalError",
                "We encountered an internal error. Please try again.",
            ),
            Family::Ec2 => ("InternalError", "An internal error has occurred"),
            _ => (
                "InternalFailure",
                "The request processing has failed because of an unknown error, exception or failure.",
            ),
        };
        Self::new(500, code, words)
    }

    /// The refusal of a request that must be signed and is not.
    pub fn missing_authentication(service: impl Into<Family>) -> Self {
        match service.into() {
            Family::S3 => Self::new(403, "AccessDenied", "Access Denied"),
            Family::Query => Self::new(
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            ),
            Family::Ec2 => Self::new(
                401,
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
            ),
            Family::Json => Self::new(
                400,
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            ),
            Family::Rest => Self::new(
                403,
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            ),
        }
    }

    /// The refusal of a call that policies do not allow; `message` is the decision's own.
    pub fn access_denied(service: impl Into<Family>, message: impl Into<String>) -> Self {
        match service.into() {
            Family::S3 | Family::Query => Self::new(403, "AccessDenied", message),
            Family::Ec2 => Self::new(403, "UnauthorizedOperation", message),
            Family::Json => Self::new(400, "AccessDeniedException", message),
            Family::Rest => Self::new(403, "AccessDeniedException", message),
        }
    }
}

/// How the errors that come before a service's own code are worded: by the protocol that the request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// S3 and S3 Control, whose errors are like no other's.
    S3,
    /// `query`, and the REST XML services beside S3.
    Query,
    /// EC2.
    Ec2,
    /// JSON 1.0 and 1.1, and CBOR.
    Json,
    /// REST JSON.
    Rest,
}

impl Family {
    pub(crate) fn speaking(protocol: Protocol, signing_name: &str) -> Self {
        match protocol {
            Protocol::RestXml if signing_name == "s3" => Self::S3,
            Protocol::Query | Protocol::RestXml => Self::Query,
            Protocol::Ec2 => Self::Ec2,
            Protocol::Json10 | Protocol::Json11 | Protocol::RpcV2Cbor => Self::Json,
            Protocol::RestJson => Self::Rest,
        }
    }
}

/// In the service's own choice of protocol.
impl From<&Service> for Family {
    fn from(service: &Service) -> Self {
        Self::speaking(service.protocol, &service.signing_name)
    }
}

/// In the protocol that a request speaks.
impl From<&Target> for Family {
    fn from(target: &Target) -> Self {
        Self::speaking(target.protocol, &target.service.signing_name)
    }
}
