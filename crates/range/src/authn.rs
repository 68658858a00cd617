//! Who calls: from the key that a request names to the principal that holds it, and whether the signature is good.
//!
//! Owns authentication. What the caller may do is `authz.rs`.

use bytes::Bytes;
use http::request::Parts;
use jiff::Timestamp;
use stockade_model::{AccountId, Secret};
use stockade_policy::Principal;
use stockade_wire::AwsError;
use stockade_wire::sigv4::{self, Claim, KeyCache, Payload};
use stockade_wire::table::Service;

use crate::call::Caller;
use crate::regions;
use crate::services::iam;
use crate::services::iam::access_keys::{KeyOwner, KeyStatus};
use crate::state::State;

/// Whose word is taken for who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// A signature's: everybody proves who they are.
    #[default]
    Signatures,
    /// Anybody's: no signature and no session token is checked. A known key is its owner, unless it is inactive or
    /// its session has ended; an account's id is that account's root; any other key is the root of the first account.
    /// Who names no key is a stranger as ever.
    Anybody,
}

/// A request, as far as it says who makes it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The service that is asked.
    pub service: &'a Service,
    /// Whether the operation is called by those who have no credentials: what they present is not a signature.
    pub unsigned: bool,
    /// What the request claims; none: it is anonymous.
    pub claim: Option<&'a Claim>,
    /// Its head.
    pub parts: &'a Parts,
    /// Its body, as it came.
    pub body: &'a Bytes,
    /// The range's time.
    pub now: Timestamp,
    /// The time that the signature is held against.
    pub signature_time: Timestamp,
    /// The keys of signatures that came before.
    pub keys: &'a KeyCache,
}

/// A caller who proved who they are, and the body as it was meant (without the framing of signed chunks).
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// Who calls.
    pub caller: Caller,
    /// The body.
    pub body: Bytes,
}

/// Finds out who makes a request.
///
/// # Errors
/// The service's own refusal. It is recorded in no trail: nobody knows who called.
pub fn authenticate(
    state: &State,
    trust: Trust,
    request: &Request<'_>,
) -> Result<Authenticated, AwsError> {
    let Request {
        service,
        unsigned,
        claim,
        parts,
        body,
        now,
        signature_time,
        keys,
    } = *request;
    if unsigned {
        return Ok(Authenticated {
            caller: anonymous(state),
            body: body.clone(),
        });
    }
    let Some(claim) = claim else {
        // S3 alone serves strangers; what they may do is up to the bucket's policy.
        if service.name == "s3" {
            let body = sigv4::unchunk(None, parts, body)?;
            return Ok(Authenticated {
                caller: anonymous(state),
                body,
            });
        }
        return Err(AwsError::missing_authentication(service));
    };
    let held = holder(state, trust, service, claim, now)?;
    if trust == Trust::Anybody {
        let caller = held.map_or_else(
            || taken_at_their_word(state, &claim.access_key),
            |(caller, _)| caller,
        );
        let body = sigv4::unchunk(None, parts, body)?;
        return Ok(Authenticated { caller, body });
    }
    let (caller, secret) = held.ok_or_else(|| AwsError::unknown_access_key(service))?;
    keys.verify(claim, secret, parts, body, signature_time)?;
    let body = match claim.payload {
        Payload::SignedChunks { .. } | Payload::UnsignedChunks => {
            keys.unchunk(claim, secret, parts, body)?
        }
        Payload::Digest(_) | Payload::Unsigned => body.clone(),
    };
    Ok(Authenticated { caller, body })
}

/// The account that must be made before a call can be answered: where nobody proves anything, an account is there as
/// soon as somebody calls as its root.
pub fn account_to_make(state: &State, trust: Trust, claim: Option<&Claim>) -> Option<AccountId> {
    let named = claim
        .filter(|_| trust == Trust::Anybody)?
        .access_key
        .parse();
    named
        .ok()
        .filter(|account| !state.accounts.contains_key(account))
}

/// Where nobody proves anything: the root of the account whose id stands in place of a key, or of the first.
fn taken_at_their_word(state: &State, key: &str) -> Caller {
    let account = key
        .parse()
        .ok()
        .filter(|account| state.accounts.contains_key(account))
        .unwrap_or_else(|| state.config.account.clone());
    root(&account, Some(key.to_owned()))
}

fn root(account: &AccountId, access_key: Option<String>) -> Caller {
    Caller {
        account: account.clone(),
        principal: Principal::Root {
            account: account.clone(),
        },
        arn: format!("arn:aws:iam::{account}:root"),
        user_id: account.to_string(),
        access_key,
        session: None,
    }
}

/// Who holds the key, and the key's secret; none: nobody does.
fn holder<'a>(
    state: &'a State,
    trust: Trust,
    service: &Service,
    claim: &Claim,
    now: Timestamp,
) -> Result<Option<(Caller, &'a Secret)>, AwsError> {
    let unknown = || AwsError::unknown_access_key(service);
    if let Some(issued) = state.sts.find(&claim.access_key) {
        if trust == Trust::Signatures {
            let presented = claim.session_token.as_deref().ok_or_else(unknown)?;
            if !same(presented.as_bytes(), issued.token.expose().as_bytes()) {
                return Err(AwsError::invalid_token(service));
            }
        }
        let session = issued.caller.session.as_ref().ok_or_else(unknown)?;
        if now >= session.expires {
            return Err(AwsError::expired_token(service));
        }
        if session.first_regions_only && !regions::is_on_from_the_start(&claim.region) {
            return Err(AwsError::invalid_token(service));
        }
        if !still_there(state, &issued.caller, now) {
            return Err(unknown());
        }
        return Ok(Some((issued.caller.clone(), &issued.secret)));
    }
    if claim.session_token.is_some() && trust == Trust::Signatures {
        return Err(AwsError::invalid_token(service));
    }
    let delay = state.config.iam_delay;
    for account in state.accounts.values() {
        let iam = account.iam.effective(now, delay);
        let Some(key) = iam.access_key(&claim.access_key) else {
            continue;
        };
        if key.status != KeyStatus::Active || account.is_closed(now) {
            return Err(unknown());
        }
        let caller = match &key.owner {
            KeyOwner::Root => root(&account.id, Some(key.id.clone())),
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
        return Ok(Some((caller, &key.secret)));
    }
    Ok(None)
}

/// Whether the account and the user behind a session are still there: its credentials die with them. A role's session lives on
/// without the role, and may do nothing.
fn still_there(state: &State, caller: &Caller, now: Timestamp) -> bool {
    let account = state.accounts.get(&caller.account);
    let Some(account) = account.filter(|account| !account.is_closed(now)) else {
        return false;
    };
    let iam = account.iam.effective(now, state.config.iam_delay);
    match &caller.principal {
        Principal::User { user_id, .. } => iam.user_by_id(user_id).is_some(),
        Principal::FederatedUser { issuer, .. } => {
            issuer.resource_type() != "user" || issuing_user(iam, caller).is_some()
        }
        _ => true,
    }
}

/// The user who asked for a federated session. Told by the id: one who is made again under the same name is another,
/// and one who is renamed is the same.
pub fn issuing_user<'a>(iam: &'a iam::State, caller: &Caller) -> Option<&'a iam::users::User> {
    let id = caller.session.as_ref()?.issuer_id.as_deref()?;
    iam.user_by_id(id)
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
