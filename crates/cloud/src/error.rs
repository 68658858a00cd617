//! What can go wrong with a call, in words that say what to do next.
//!
//! Owns the wording. No secret is ever in it: nothing here holds one.

use std::fmt;

use stockade_model::Timestamp;
use stockade_wire::AwsError;
use stockade_wire::client::EncodeError;

/// Why an endpoint was not reached. Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReached {
    /// The name does not resolve.
    Name,
    /// Nobody listens there.
    Refused,
    /// No answer to the attempt to connect.
    Silent,
    /// The certificate is not trusted, or is not that host's.
    Certificate,
    /// Whoever answers does not speak TLS.
    NotTls,
    /// Anything else.
    Other,
}

impl fmt::Display for NotReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "its name does not resolve: check the spelling, the region and your DNS",
            Self::Refused => {
                "nothing listens there: check the port, and that the service is running"
            }
            Self::Silent => "it does not answer: check the network, a proxy or a firewall in between",
            Self::Certificate => {
                "its certificate is not trusted: check the host name, or name your own authority in AWS_CA_BUNDLE"
            }
            Self::NotTls => "it does not speak TLS: try http:// instead of https://",
            Self::Other => "the connection failed: check the address and the network",
        })
    }
}

/// What went wrong with a call.
#[derive(Debug, Clone)]
pub enum CloudError {
    /// The service answered with an error.
    Service {
        /// As in `iam`.
        service: String,
        /// As in `CreateUser`.
        operation: String,
        /// Where the call went.
        endpoint: String,
        /// Whether the operation may change something.
        is_write: bool,
        /// The service's own error.
        error: Box<AwsError>,
    },
    /// The service takes the request for too old or too new.
    ClockSkew {
        /// As in `iam:CreateUser`.
        call: String,
        /// This side's time.
        ours: Timestamp,
        /// The service's `Date`, where it sent one.
        theirs: Option<String>,
        /// The service's own error.
        error: Box<AwsError>,
    },
    /// The endpoint was not reached, so nothing happened there.
    NotReached {
        /// The endpoint.
        endpoint: String,
        /// Why.
        why: NotReached,
        /// The cause, as the system tells it.
        detail: String,
    },
    /// The request was sent and the connection ended before an answer.
    Interrupted {
        /// As in `iam:CreateUser`.
        call: String,
        /// The endpoint.
        endpoint: String,
        /// Whether the operation may change something: then nobody knows whether it did.
        is_write: bool,
        /// The cause, as the system tells it.
        detail: String,
    },
    /// The request was sent and no answer came in time.
    TimedOut {
        /// As in `iam:CreateUser`.
        call: String,
        /// The endpoint.
        endpoint: String,
        /// Whether the operation may change something: then nobody knows whether it did.
        is_write: bool,
        /// How long it was waited for, in seconds.
        seconds: u64,
    },
    /// What answered is not AWS.
    NotAws {
        /// As in `iam:CreateUser`.
        call: String,
        /// The endpoint.
        endpoint: String,
        /// The HTTP status.
        status: u16,
        /// What was wrong with the answer.
        detail: String,
        /// Whether the operation may change something: then nobody knows whether it did.
        is_write: bool,
    },
    /// No such service or operation in the tables.
    Unknown {
        /// As in `iam:CreateUsr`.
        call: String,
    },
    /// The input does not fit the operation.
    Encode(EncodeError),
    /// The configuration cannot be used: an endpoint that is no address, credentials that no header can carry, a bundle
    /// of certificates that cannot be read.
    Config(String),
    /// A list does not come to its end.
    Paging {
        /// As in `iam:ListUsers`.
        call: String,
        /// What is wrong.
        detail: String,
    },
}

impl CloudError {
    /// Whether nobody knows if the call changed something: it was sent, and no answer that can be trusted came back.
    /// Look before you send it again, and undo it as if it had.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Service {
                is_write, error, ..
            } => *is_write && crate::retry::is_server_fault(error),
            Self::Interrupted { is_write, .. }
            | Self::TimedOut { is_write, .. }
            | Self::NotAws { is_write, .. } => *is_write,
            _ => false,
        }
    }

    /// The service's error, where it answered with one.
    pub fn service_error(&self) -> Option<&AwsError> {
        match self {
            Self::Service { error, .. } | Self::ClockSkew { error, .. } => Some(error),
            _ => None,
        }
    }

    /// The code of the service's error, as in `NoSuchEntity`.
    pub fn code(&self) -> Option<&str> {
        self.service_error().map(|error| error.code.as_str())
    }

    /// Whether what the call speaks of does not exist.
    pub fn is_not_found(&self) -> bool {
        self.service_error().is_some_and(|error| {
            let code = error.code.as_str();
            code.starts_with("NoSuch") || code.contains("NotFound") || error.status == 404
        })
    }

    /// Whether the caller lacks permission.
    pub fn is_denied(&self) -> bool {
        self.code().is_some_and(|code| {
            matches!(
                code,
                "AccessDenied" | "AccessDeniedException" | "AuthorizationError"
            ) || code.ends_with("UnauthorizedOperation")
        })
    }

    /// Whether the service has no such operation.
    pub fn is_not_implemented(&self) -> bool {
        self.service_error()
            .is_some_and(|error| error.status == 501 || error.code == "NotImplemented")
    }
}

/// What to do about errors whose own text does not say it.
fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "AuthFailure" => {
            "the access key is not known there: check the profile or AWS_ACCESS_KEY_ID, and that this is the right endpoint"
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" => {
            "the secret does not belong to the access key: check AWS_SECRET_ACCESS_KEY"
        }
        "ExpiredToken" | "ExpiredTokenException" => "the session has ended: get new credentials",
        "InvalidToken" => "the session token is not valid: check AWS_SESSION_TOKEN",
        "OptInRequired" | "SubscriptionRequiredException" => {
            "the account does not have this service switched on"
        }
        _ => return None,
    })
}

const LOOK_FIRST: &str =
    "It is not known whether the call took effect: look before you send it again.";

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service {
                service,
                operation,
                endpoint,
                error,
                ..
            } => {
                write!(
                    f,
                    "{service}:{operation}: {}: {}",
                    error.code, error.message
                )?;
                if let Some(hint) = hint(&error.code) {
                    write!(f, " ({endpoint}; {hint})")?;
                }
                if let Some(id) = &error.request_id {
                    write!(f, " [request {id}]")?;
                }
            }
            Self::ClockSkew {
                call,
                ours,
                theirs,
                error,
            } => {
                write!(
                    f,
                    "{call}: the clocks differ: set this machine's clock. Here it is {ours}"
                )?;
                if let Some(theirs) = theirs {
                    write!(f, ", there it is {theirs}")?;
                }
                write!(f, " ({}: {})", error.code, error.message)?;
            }
            Self::NotReached {
                endpoint,
                why,
                detail,
            } => write!(f, "{endpoint} was not reached: {why} ({detail})")?,
            Self::Interrupted {
                call,
                endpoint,
                detail,
                ..
            } => write!(
                f,
                "{call}: {endpoint} closed the connection before it answered ({detail})"
            )?,
            Self::TimedOut {
                call,
                endpoint,
                seconds,
                ..
            } => write!(f, "{call}: no answer from {endpoint} in {seconds} s")?,
            Self::NotAws {
                call,
                endpoint,
                status: status @ 500..,
                detail,
                ..
            } => write!(
                f,
                "{call}: {endpoint} answered HTTP {status} with {detail}: the service failed, or a gateway in between did"
            )?,
            Self::NotAws {
                call,
                endpoint,
                status,
                detail,
                ..
            } => write!(
                f,
                "{call}: what answers at {endpoint} is not AWS (HTTP {status}, {detail}): check the endpoint and its port"
            )?,
            Self::Unknown { call } => write!(
                f,
                "{call}: no such operation: check the spelling of service and operation"
            )?,
            Self::Encode(error) => write!(f, "the input does not fit: {error}")?,
            Self::Config(detail) => f.write_str(detail)?,
            Self::Paging { call, detail } => write!(f, "{call}: {detail}")?,
        }
        if self.outcome_unknown() {
            write!(f, ". {LOOK_FIRST}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CloudError {}

impl From<EncodeError> for CloudError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}
