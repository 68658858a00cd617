//! Signed, retried, paged calls to any AWS endpoint, by operation name, on the tables of `wire`.
//!
//! Owns: where a service answers, what to do when it does not, how a list is read to its end, and whose credentials
//! sign. Must not know what any operation is for: playbooks are above. A call that changes something is never sent
//! twice unless the first one surely did not reach the service or sending it twice makes no difference; where it is
//! not known whether it took effect, the error says so ([`CloudError::outcome_unknown`]).

mod attempt;
mod client;
mod config;
pub mod credentials;
mod endpoint;
mod error;
mod paging;
mod retry;
mod service_clock;
mod transport;

pub use client::{CallerIdentity, Client};
pub use config::Config;
pub use credentials::{CredentialsError, Environment, Overrides};
pub use error::{CloudError, NotReached};
pub use retry::Patience;
pub use service_clock::ServiceClock;
pub use stockade_wire::sigv4::Credentials;
pub use stockade_wire::{AwsError, Object};
