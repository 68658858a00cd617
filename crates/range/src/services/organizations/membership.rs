//! Accounts that join an organisation and leave it, and the events by which the management account learns of it.
//!
//! Owns what happens to an account at the border of an organisation, whichever operation takes it across.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use stockade_model::{AccountId, Timestamp};
use stockade_wire::AwsError;

use super::errors;
use super::state::{Joined, Member, Organization};
use super::tags::Tag;
use crate::call::{Call, ServiceEvent};
use crate::services::iam;
use crate::state::State as Range;
use crate::trail;

/// How many accounts an organisation may have: the most that AWS grants. A range has nobody to ask for more than the
/// ten that AWS starts with.
const ACCOUNTS: usize = 50_000;
/// How long a new account stays before it may go.
const WAIT: SignedDuration = SignedDuration::from_hours(4 * 24);

/// How an account left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departed {
    /// By itself.
    Left,
    /// The management account took it out.
    Removed,
    /// It was closed, and its time is over.
    Cleaned,
}

/// An event of Organizations' own in the management account's log.
pub(super) fn event(organization: &Organization, name: &str, details: Value) -> ServiceEvent {
    ServiceEvent {
        account: organization.management.clone(),
        name: name.to_owned(),
        details,
        invoked_by: "AWS Internal".to_owned(),
        read_only: false,
        region: None,
        resources: None,
    }
}

/// The event of an account that joined.
pub(super) fn joined(
    organization: &Organization,
    account: &AccountId,
    method: Joined,
    now: Timestamp,
) -> ServiceEvent {
    let details = json!({
        "accountId": account,
        "joinedMethod": method,
        "joinedTime": trail::in_words(now),
    });
    event(organization, "AccountJoinedOrganization", details)
}

/// The event of an account that left.
pub(super) fn departed(
    organization: &Organization,
    account: &AccountId,
    how: Departed,
    now: Timestamp,
) -> ServiceEvent {
    let method = match how {
        Departed::Left => "LEFT",
        Departed::Removed => "REMOVED",
        Departed::Cleaned => "CLEANED",
    };
    let details = json!({
        "accountId": account,
        "departureMethod": method,
        "departureTime": trail::in_words(now),
    });
    event(organization, "AccountDepartedOrganization", details)
}

/// Whether there is room for one more account, those included who have been asked in (`asked`).
pub(super) fn has_room(organization: &Organization, asked: usize) -> bool {
    organization.members.len() + asked < ACCOUNTS
}

/// Puts an account into the tree, under the root.
pub(super) fn admit(
    organization: &mut Organization,
    account: &AccountId,
    method: Joined,
    tags: Vec<Tag>,
    now: Timestamp,
) {
    let member = Member {
        parent: organization.root.clone(),
        joined: now,
        method,
        moved: now,
        tags,
    };
    organization.members.insert(account.clone(), member);
    organization.attach_defaults(account.as_str());
}

/// Puts the role of Organizations into an account, if it is not there yet.
pub(super) fn add_role(
    range: &mut Range,
    call: &Call<'_>,
    account: &AccountId,
) -> Result<(), AwsError> {
    let id = range.ids.unique("AROA");
    let role = iam::service_linked_roles::of_organizations(id, call)?;
    let (key, delay) = (iam::key(&role.name), range.config.iam_delay);
    let account = range.account_mut(account)?;
    if account.iam.read().role(&role.name).is_none() {
        let state = account.iam.write(call.now, delay);
        state.roles.insert(key, Arc::new(role));
    }
    Ok(())
}

/// Refuses what may not leave: the management account, an account too new, an administrator of a service. AWS also
/// wants an account's own payment details first; a range has none.
pub(super) fn check_departure(
    range: &Range,
    organization: &Organization,
    account: &AccountId,
    now: Timestamp,
) -> Result<(), AwsError> {
    if organization.management == *account {
        return Err(errors::of(
            "MasterCannotLeaveOrganizationException",
            "You can't remove the management account from the organization.",
        ));
    }
    if organization.is_delegate(account, None) {
        return Err(errors::constraint(
            "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
            "You attempted to remove an account that is registered as a delegated administrator for a service integrated with your organization. To complete this operation, you must first deregister this account as a delegated administrator.",
        ));
    }
    let created = organization
        .members
        .get(account)
        .is_some_and(|member| member.method == Joined::Created);
    let made = range.account(account)?.created;
    if created && now.duration_since(made) < WAIT {
        return Err(errors::constraint(
            "WAIT_PERIOD_ACTIVE",
            "This operation requires a wait period. Try again later.",
        ));
    }
    Ok(())
}
