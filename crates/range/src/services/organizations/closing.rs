//! Accounts that are closed: first pending, then suspended with everybody in them, and after ninety days gone.
//!
//! Owns a closed account's way, which goes by the range's clock.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Timestamp};
use stockade_wire::AwsError;

use super::accounts::{OfAccount, named};
use super::errors;
use super::membership::{self, Departed};
use super::scope::{changed, managed};
use super::state::Organization;
use crate::call::{Call, Reply, ServiceEvent};
use crate::state::{Account, State as Range};
use crate::trail;

/// How long closing takes.
const TAKES: SignedDuration = SignedDuration::from_mins(1);
/// How long a closed account stays in its organisation.
const STAYS: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How many accounts may be on the way at once.
const AT_ONCE: usize = 3;
/// Over how long closed accounts are counted.
const COUNTED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What becomes of a closed account at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Due {
    at: Timestamp,
    account: AccountId,
    asked: Timestamp,
    gone: bool,
}

/// `Status` and `State` of an account, as answers show them.
pub(super) fn standing(account: &Account, now: Timestamp) -> (&'static str, &'static str) {
    match account.closed {
        None => ("ACTIVE", "ACTIVE"),
        Some(_) if account.is_closed(now) => ("SUSPENDED", "CLOSED"),
        Some(_) => ("PENDING_CLOSURE", "PENDING_CLOSURE"),
    }
}

/// How many accounts may be closed within thirty days.
fn quota(organization: &Organization) -> usize {
    (organization.members.len() / 5).clamp(250, 1_000)
}

pub(super) fn close(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfAccount { account_id } = call.read()?;
    let organization = managed(range, call)?;
    let (id, _) = named(organization, &account_id)?;
    if organization.management == id {
        return Err(errors::constraint(
            "CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
            "You attempted to close the management account. To close the management account for the organization, you must first either remove or close all member accounts in the organization.",
        ));
    }
    if organization.features != "ALL" {
        return Err(errors::not_all_features());
    }
    let account = range.account(&id)?;
    if account.is_closed(call.now) {
        return Err(errors::of(
            "AccountAlreadyClosedException",
            "The provided account is already closed.",
        ));
    }
    if account.closed.is_some() {
        return Err(errors::of(
            "ConflictException",
            "The request failed because it conflicts with the current state of the specified resource.",
        ));
    }
    let pending = organization.members.keys().filter(|id| {
        range
            .account(id)
            .is_ok_and(|account| account.closed.is_some() && !account.is_closed(call.now))
    });
    if pending.count() >= AT_ONCE {
        return Err(errors::constraint(
            "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED",
            "You attempted to exceed the number of accounts that you can close at a time.",
        ));
    }
    let recent = |at: &Timestamp| call.now.duration_since(*at) < COUNTED;
    if organization.closings.iter().filter(|at| recent(at)).count() >= quota(organization) {
        return Err(errors::constraint(
            "CLOSE_ACCOUNT_QUOTA_EXCEEDED",
            "You have exceeded close account quota for the past 30 days.",
        ));
    }
    let at = call.now.saturating_add(TAKES).unwrap_or(Timestamp::MAX);
    range.account_mut(&id)?.closed = Some(at);
    let organization = changed(range, call)?;
    organization.closings.retain(recent);
    organization.closings.push(call.now);
    let due = Due {
        at,
        account: id,
        asked: call.now,
        gone: false,
    };
    range
        .organizations
        .write(call.now, range.config.iam_delay)
        .due
        .insert(due);
    Ok(Reply::empty())
}

/// Whether something is due by now.
pub fn is_due(range: &Range, now: Timestamp) -> bool {
    let first = range.organizations.read().due.first();
    first.is_some_and(|first| first.at <= now)
}

/// Does what is due by now, and hands back what is to be recorded of it.
pub fn settle(range: &mut Range, now: Timestamp) -> Vec<ServiceEvent> {
    let mut events = Vec::new();
    let delay = range.config.iam_delay;
    while is_due(range, now) {
        let organizations = range.organizations.write(now, delay);
        let Some(due) = organizations.due.pop_first() else {
            break;
        };
        // An account that was taken out meanwhile is its organisation's no more.
        let Some(organization) = organizations.of_mut(&due.account) else {
            continue;
        };
        if due.gone {
            let gone = membership::departed(organization, &due.account, Departed::Cleaned, due.at);
            events.push(gone);
            organization.drop_member(&due.account);
            continue;
        }
        events.push(closed(organization, &due));
        organizations.due.insert(Due {
            at: due.at.saturating_add(STAYS).unwrap_or(Timestamp::MAX),
            gone: true,
            ..due
        });
    }
    events
}

fn closed(organization: &Organization, due: &Due) -> ServiceEvent {
    let details: Value = json!({"closeAccountStatus": {
        "accountId": due.account,
        "state": "SUCCEEDED",
        "requestedTimestamp": trail::in_words(due.asked),
        "completedTimestamp": trail::in_words(due.at),
    }});
    ServiceEvent {
        invoked_by: "organizations.amazonaws.com".to_owned(),
        ..membership::event(organization, "CloseAccountResult", details)
    }
}
