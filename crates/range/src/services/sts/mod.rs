//! STS: who am I, and temporary credentials. One row an operation.
//!
//! Owns how credentials are handed out. What a session may do is `authz.rs`.

pub mod assume_role;
pub mod credentials;
pub mod federation;
pub mod identity;
pub mod session_token;
pub mod state;

pub use state::State;

use crate::call::Call;
use crate::row::{Access, EventKind, Handler, Needs, Row};
use crate::state::State as Range;

/// The operations that the range has.
pub const ROWS: &[Row] = &[
    row(
        "AssumeRole",
        Needs::These(assume_role::needs),
        Handler::Write(assume_role::assume),
    ),
    row(
        "GetAccessKeyInfo",
        on_all("sts:GetAccessKeyInfo"),
        Handler::Read(identity::access_key_info),
    ),
    row(
        "GetCallerIdentity",
        Needs::Nothing,
        Handler::Read(identity::caller),
    ),
    row(
        "GetFederationToken",
        Needs::These(federation::needs),
        Handler::Write(federation::token),
    ),
    row(
        "GetSessionToken",
        Needs::Nothing,
        Handler::Write(session_token::token),
    ),
];

/// CloudTrail calls all of STS read-only.
const fn row(operation: &'static str, needs: Needs, handler: Handler) -> Row {
    Row {
        operation,
        needs,
        access: Access::Read,
        event: EventKind::Management,
        handler,
    }
}

const fn on_all(action: &'static str) -> Needs {
    fn all(_: &Range, _: &Call<'_>) -> Vec<String> {
        vec!["*".to_owned()]
    }
    Needs::Action { action, on: all }
}
