//! Those whom an identity provider vouches for: the callers of `AssumeRoleWithSAML` and `AssumeRoleWithWebIdentity`,
//! who hold no credentials and sign nothing.
//!
//! Owns the way from what they present to who they are. What proves it is `saml.rs` and `web_identity.rs`.

use serde_json::{Map, Value};
use stockade_model::{AccountId, Arn, Timestamp};
use stockade_wire::{AwsError, Object};

use super::session_tags::Tags;
use super::{saml, web_identity};
use crate::call::{Caller, Federation};
use crate::provider_keys::ProviderKeys;
use crate::state::State as Range;

/// How far a provider's clock may be off, in seconds.
pub(super) const LEEWAY: i64 = 300;

/// Somebody whom an identity provider vouches for.
#[derive(Debug, Clone)]
pub struct Vouched {
    /// As policies see them.
    pub caller: Caller,
    /// What goes on in the session.
    pub federation: Federation,
    /// The session's name.
    pub session_name: String,
    /// The tags that the provider gives.
    pub tags: Tags,
    /// The keys of those that go on to chained sessions.
    pub transitive_tags: Vec<String>,
    /// The source identity that the provider gives.
    pub source_identity: Option<String>,
    /// The longest session that the provider allows, in seconds.
    pub longest: Option<i64>,
    /// Members of the answer.
    pub answer: Map<String, Value>,
    /// Members of the record: `userIdentity`.
    pub identity: Value,
    /// Members of the record: in `requestParameters`.
    pub parameters: Map<String, Value>,
    /// Members of the record: in `additionalEventData`.
    pub additional: Map<String, Value>,
    /// Members of the record: what was touched beside the role.
    pub resources: Vec<Value>,
}

/// What is at hand to find out who somebody is.
pub struct Hand<'a> {
    /// Everything that the range knows.
    pub range: &'a Range,
    /// The keys of OpenID Connect providers.
    pub keys: &'a ProviderKeys,
    /// The range's time.
    pub now: Timestamp,
    /// The time against which what was issued at a time is held: providers live by the machine's clock, which the
    /// range's may be ahead of.
    pub aged: &'a dyn Fn(Timestamp) -> Timestamp,
}

/// Finds out who makes a call that is not signed.
///
/// # Errors
/// STS's own refusal.
pub fn vouch(hand: &Hand<'_>, operation: &str, input: &Object) -> Result<Vouched, AwsError> {
    match operation {
        "AssumeRoleWithSAML" => saml::vouch(hand, input),
        _ => web_identity::vouch(hand, input),
    }
}

/// A refusal of what a provider signed.
pub(super) fn invalid(why: impl Into<String>) -> AwsError {
    AwsError::new(400, "InvalidIdentityToken", why)
}

pub(super) fn expired(why: impl Into<String>) -> AwsError {
    AwsError::new(400, "ExpiredTokenException", why)
}

/// The account of an ARN.
pub(super) fn account_of(arn: &str) -> Option<AccountId> {
    arn.parse::<Arn>().ok()?.account.parse().ok()
}

/// A source identity by the rules that it has in a call.
pub(super) fn check_source_identity(text: &str) -> Result<(), AwsError> {
    let reserved = text
        .get(..4)
        .is_some_and(|s| s.eq_ignore_ascii_case("aws:"));
    if is_name(text) && !reserved {
        return Ok(());
    }
    Err(invalid(
        "Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with \"aws:\"",
    ))
}

/// Whether a text may name a session.
pub(super) fn is_name(text: &str) -> bool {
    (2..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}
