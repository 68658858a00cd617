//! STS: who am I, and temporary credentials. One row an operation.
//!
//! Owns how credentials are handed out. What a session may do is `authz.rs`.

mod assume_federated;
pub mod assume_role;
mod assume_root;
pub mod authorization_message;
pub mod credentials;
mod delegated;
pub mod federation;
pub mod identity;
mod mfa;
mod record;
mod role_session;
mod saml;
pub mod session_tags;
pub mod session_token;
pub mod state;
mod vouched;
pub mod web_identity;
mod web_identity_token;

pub use record::describe;
pub use state::State;
pub use vouched::{Hand, Vouched, vouch};

use bytes::Bytes;
use http::request::Parts;
use stockade_wire::table::{Operation, Service};

use crate::call::Call;
use crate::row::{Access, EventKind, Handler, Needs, Row};
use crate::state::State as Range;

/// The operations that the range has.
pub const ROWS: &[Row] = &[
    look(
        "AssumeRole",
        Needs::Checked(assume_role::needs),
        Handler::Write(assume_role::assume),
    ),
    look(
        "AssumeRoleWithSAML",
        Needs::Checked(assume_federated::needs),
        Handler::Write(assume_federated::assume),
    ),
    look(
        "AssumeRoleWithWebIdentity",
        Needs::Checked(assume_federated::needs),
        Handler::Write(assume_federated::assume),
    ),
    change(
        "AssumeRoot",
        Needs::Checked(assume_root::needs),
        Handler::Write(assume_root::assume),
    ),
    look(
        "DecodeAuthorizationMessage",
        on_all("sts:DecodeAuthorizationMessage"),
        Handler::Read(authorization_message::decode),
    ),
    look(
        "GetAccessKeyInfo",
        on_all("sts:GetAccessKeyInfo"),
        Handler::Read(identity::access_key_info),
    ),
    look(
        "GetCallerIdentity",
        Needs::Nothing,
        Handler::Read(identity::caller),
    ),
    change(
        "GetDelegatedAccessToken",
        on_all("sts:GetDelegatedAccessToken"),
        Handler::Write(delegated::exchange),
    ),
    change(
        "GetFederationToken",
        Needs::Checked(federation::needs),
        Handler::Write(federation::token),
    ),
    change(
        "GetSessionToken",
        Needs::Nothing,
        Handler::Write(session_token::token),
    ),
    look(
        "GetWebIdentityToken",
        Needs::Checked(web_identity_token::needs),
        Handler::Read(web_identity_token::token),
    ),
];

/// The one operation for which an identity provider must be asked before it can be answered.
pub const WEB_IDENTITY: &str = "AssumeRoleWithWebIdentity";
/// Requests that are longer carry no token.
const LONGEST_REQUEST: usize = 256 * 1_024;

/// Whether a request may be that operation, told without reading it.
pub fn may_need_keys(parts: &Parts, body: &Bytes) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    let named = |text: &[u8]| {
        text.windows(WEB_IDENTITY.len())
            .any(|at| at == WEB_IDENTITY.as_bytes())
    };
    let in_head = || {
        let target = parts.headers.get("x-amz-target");
        named(parts.uri.path().as_bytes()) || target.is_some_and(|target| named(target.as_bytes()))
    };
    body.len() <= LONGEST_REQUEST && (named(query.as_bytes()) || named(body) || in_head())
}

/// Whether an operation is called by those who have no credentials: then no signature is asked for.
pub fn is_unsigned(service: &Service, operation: &Operation) -> bool {
    service.name == "sts" && operation.unauthenticated
}

/// CloudTrail calls the ways into a role read-only, though they hand out credentials.
const fn look(operation: &'static str, needs: Needs, handler: Handler) -> Row {
    row(operation, needs, Access::Read, handler)
}

const fn change(operation: &'static str, needs: Needs, handler: Handler) -> Row {
    row(operation, needs, Access::Write, handler)
}

const fn row(operation: &'static str, needs: Needs, access: Access, handler: Handler) -> Row {
    Row {
        operation,
        needs,
        access,
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
