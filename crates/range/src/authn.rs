//! Who calls: from the key that a request names to the principal that holds it, and whether the signature is good.
//!
//! Owns authentication. What the caller may do is `authz.rs`.

use bytes::Bytes;
use http::request::Parts;
use jiff::Timestamp;
use stockade_model::{Arn, Secret};
use stockade_policy::Principal;
use stockade_wire::AwsError;
use stockade_wire::sigv4::{self, Claim, Payload};
use stockade_wire::table::Service;

use crate::call::Caller;
use crate::services::iam::access_keys::{KeyOwner, KeyStatus};
use crate::state::State;

/// A caller who proved who they are, and the body as it was meant (without the framing of signed chunks).
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// Who calls.
    pub caller: Caller,
    /// The body.
    pub body: Bytes,
}

/// Why a caller was turned away, and in whose trail that is recorded: a call with a wrong signature is
/// recorded nowhere, since nobody knows who made it.
pub type Refusal = AwsError;

/// Checks the signature of a request. `None` claims nothing: the caller is anonymous.
pub fn authenticate(
    state: &State,
    service: &Service,
    claim: Option<&Claim>,
    parts: &Parts,
    body: &Bytes,
    now: Timestamp,
) -> Result<Authenticated, Refusal> {
    let Some(claim) = claim else {
        // S3 alone serves strangers; what they may do is up to the bucket's policy.
        if service.name == "s3" {
            return Ok(Authenticated {
                caller: anonymous(state),
                body: body.clone(),
            });
        }
        return Err(AwsError::missing_authentication(service));
    };
    let (caller, secret) = holder(state, service, claim, now)?;
    sigv4::verify(claim, secret, parts, body, now)?;
    let body = match claim.payload {
        Payload::SignedChunks { .. } | Payload::UnsignedChunks => {
            sigv4::unchunk(Some((claim, secret)), parts, body)?
        }
        Payload::Digest(_) | Payload::Unsigned => body.clone(),
    };
    Ok(Authenticated { caller, body })
}

/// Who holds the key, and the key's secret.
fn holder<'a>(
    state: &'a State,
    service: &Service,
    claim: &Claim,
    now: Timestamp,
) -> Result<(Caller, &'a Secret), Refusal> {
    let unknown = || AwsError::unknown_access_key(service);
    if let Some(issued) = state.sts.find(&claim.access_key) {
        let presented = claim.session_token.as_deref().ok_or_else(unknown)?;
        if !same(presented.as_bytes(), issued.token.expose().as_bytes()) {
            return Err(AwsError::invalid_token(service));
        }
        let session = issued.caller.session.as_ref().ok_or_else(unknown)?;
        if now >= session.expires {
            return Err(AwsError::expired_token(service));
        }
        if !still_there(state, &issued.caller, now) {
            return Err(unknown());
        }
        return Ok((issued.caller.clone(), &issued.secret));
    }
    if claim.session_token.is_some() {
        return Err(AwsError::invalid_token(service));
    }
    let delay = state.config.iam_delay;
    for account in state.accounts.values() {
        let iam = account.iam.effective(now, delay);
        let Some(key) = iam.access_key(&claim.access_key) else {
            continue;
        };
        if key.status != KeyStatus::Active {
            return Err(unknown());
        }
        let caller = match &key.owner {
            KeyOwner::Root => Caller {
                account: account.id.clone(),
                principal: Principal::Root {
                    account: account.id.clone(),
                },
                arn: format!("arn:aws:iam::{}:root", account.id),
                user_id: account.id.to_string(),
                access_key: Some(key.id.clone()),
                session: None,
            },
            KeyOwner::User(name) => {
                let user = iam.user(name).ok_or_else(unknown)?;
                let arn = user.arn(&account.id);
                Caller {
                    account: account.id.clone(),
                    arn: arn.to_string(),
                    user_id: user.id.clone(),
                    principal: Principal::User {
                        arn,
                        user_id: user.id.clone(),
                    },
                    access_key: Some(key.id.clone()),
                    session: None,
                }
            }
        };
        return Ok((caller, &key.secret));
    }
    Err(unknown())
}

/// Whether the user or role behind a session is still there: its credentials die with it.
fn still_there(state: &State, caller: &Caller, now: Timestamp) -> bool {
    let Some(account) = state.accounts.get(&caller.account) else {
        return false;
    };
    let iam = account.iam.effective(now, state.config.iam_delay);
    match &caller.principal {
        Principal::User { user_id, .. } => iam.user_by_id(user_id).is_some(),
        Principal::Role { role_id, .. } => iam.role_by_id(role_id).is_some(),
        Principal::FederatedUser { issuer, .. } => {
            user_named_by(issuer).is_none_or(|name| iam.user(name).is_some())
        }
        _ => true,
    }
}

/// The user's name in an ARN of a user; none for root's.
pub fn user_named_by(arn: &Arn) -> Option<&str> {
    (arn.resource_type() == "user").then(|| arn.resource_name())
}

/// A caller without credentials. The account is only a place to look things up from; nothing is allowed by it.
fn anonymous(state: &State) -> Caller {
    Caller {
        account: state.config.account.clone(),
        principal: Principal::Anonymous,
        arn: "anonymous".to_owned(),
        user_id: "anonymous".to_owned(),
        access_key: None,
        session: None,
    }
}

/// Compares without telling by the time it takes how much was right.
fn same(one: &[u8], other: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one, other).is_ok()
}
