//! `GetDelegatedAccessToken`: what a customer has delegated to a partner for a time, by the token that it was sent.
//!
//! Owns the session. The request and its approval are IAM's (`delegation_requests.rs`).

use serde::Deserialize;
use stockade_model::Arn;
use stockade_policy::{Named, Policy, Principal};
use stockade_wire::AwsError;

use super::credentials;
use super::role_session::invalid;
use crate::call::{Call, Caller, RecordExtras, Reply};
use crate::services::iam::delegation_requests::{self, Delegated};
use crate::state::State as Range;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    trade_in_token: String,
}

/// Hands out a session of the one who approved, cut down to what was asked for.
pub fn exchange(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    let refused = || invalid("The trade-in token is not valid.");
    let delegated = delegation_requests::exchange(range, &input.trade_in_token)
        // A token that was sent to one partner is none to another.
        .filter(|delegated| delegated.requestor == *call.account())
        .ok_or_else(refused)?;
    let seconds = delegated.until.duration_since(call.now).as_secs();
    if seconds <= 0 {
        return Err(AwsError::new(
            400,
            "ExpiredTradeInTokenException",
            "The trade-in token provided in the request has expired and can no longer be exchanged for credentials. Request a new token and retry the operation.",
        ));
    }
    let policy = Policy::parse(&delegated.policy).map_err(|_| refused())?;
    let caller = approver(range, call, &delegated).ok_or_else(refused)?;
    let packed = credentials::packed_size(Some(&delegated.policy), &[], &Vec::new())?;
    let mut session = credentials::session(range, call, seconds);
    session.policies = vec![Named::new("delegated permissions", policy)];
    session.delegate = Some(call.account().clone());
    let assumed = caller.principal.principal_arn();
    let mut answer = credentials::issue(range, caller, session, call.now, None);
    answer.insert("AssumedPrincipal".into(), assumed.into());
    if let Some(size) = packed {
        answer.insert("PackedPolicySize".into(), size);
    }
    let mut reply = Reply::from(answer);
    reply.record = RecordExtras {
        also_in: Some(delegated.account),
        ..RecordExtras::default()
    };
    Ok(reply)
}

/// Who approved, as a caller. One who is gone can delegate nothing any more.
fn approver(range: &Range, call: &Call<'_>, delegated: &Delegated) -> Option<Caller> {
    let account = &delegated.account;
    let iam = range
        .accounts
        .get(account)?
        .iam
        .effective(call.now, range.config.iam_delay);
    let arn: Arn = delegated.approver.parse().ok()?;
    let (principal, user_id) = match (arn.service.as_str(), arn.resource_type()) {
        ("iam", "user") => {
            let user = iam.user(arn.resource_name())?;
            let user_id = user.id.clone();
            (
                Principal::User {
                    arn: user.arn(account),
                    user_id: user_id.clone(),
                },
                user_id,
            )
        }
        ("iam", "root") => (
            Principal::Root {
                account: account.clone(),
            },
            account.to_string(),
        ),
        ("sts", "assumed-role") => {
            let (name, session) = arn
                .resource
                .strip_prefix("assumed-role/")?
                .split_once('/')?;
            let role = iam.role(name)?;
            (
                Principal::Role {
                    role_arn: role.arn(account),
                    session_arn: arn.clone(),
                    role_id: role.id.clone(),
                    provider: None,
                },
                format!("{}:{session}", role.id),
            )
        }
        _ => return None,
    };
    Some(Caller {
        account: account.clone(),
        arn: principal.name(),
        user_id,
        principal,
        access_key: None,
        session: None,
    })
}
