//! Invitations: an account that exists is asked to join, and joins.
//!
//! Owns who may be asked, how often, and what accepting does.

use std::sync::Arc;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;
use stockade_model::AccountId;
use stockade_wire::AwsError;

use super::handshakes::{self, Action, Handshake, Party, Standing};
use super::membership::{self, Departed};
use super::scope::managed;
use super::state::{Joined, Organization};
use super::tags::{self, Tag};
use super::{errors, features};
use crate::call::{Call, Reply, ServiceEvent};
use crate::services::iam::output::reply;
use crate::state::State as Range;

/// How long an invitation can be answered.
const OPEN_FOR: SignedDuration = SignedDuration::from_hours(15 * 24);
/// How many invitations that nobody has accepted may be sent in a day.
const PER_DAY: usize = 20;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Whom a call names as the other side.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Target {
    id: String,
    r#type: String,
}

impl Target {
    /// The account or the address.
    pub(super) fn party(&self) -> Result<Party, AwsError> {
        let pattern = || {
            errors::invalid(
                "INVALID_PATTERN",
                "You provided a value that doesn't match the required pattern.",
            )
        };
        match self.r#type.as_str() {
            "ACCOUNT" => Ok(Party::Account(self.id.parse().map_err(|_| pattern())?)),
            "EMAIL" if is_address(&self.id) => Ok(Party::Email(self.id.clone())),
            "EMAIL" => Err(errors::invalid(
                "INVALID_EMAIL_ADDRESS_TARGET",
                "You specified an invalid email address for the invited account owner.",
            )),
            _ => Err(errors::invalid(
                "INVALID_PARTY_TYPE_TARGET",
                "You specified the wrong type of entity (account, organization, or email) as a party.",
            )),
        }
    }
}

/// Whether a text can be an account's address, by AWS's rules.
pub(super) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let forbidden = |letter: char| letter.is_whitespace() || "\"'()<>[]:;,\\|%&".contains(letter);
    (6..=64).contains(&text.len())
        && text.is_ascii()
        && !local.is_empty()
        && !local.starts_with('.')
        && !local.contains(forbidden)
        && domain.contains('.')
        && domain
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-.".contains(letter))
        && !domain.starts_with(['-', '.'])
        && !domain.ends_with(['-', '.'])
}

/// The account that is meant, where the range has it.
pub(super) fn account_of(range: &Range, party: &Party) -> Option<AccountId> {
    match party {
        Party::Account(id) => range.accounts.get(id).map(|account| account.id.clone()),
        Party::Email(address) => range
            .accounts
            .values()
            .find(|account| account.email.eq_ignore_ascii_case(address))
            .map(|account| account.id.clone()),
        Party::Organization(_) => None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Invite {
    target: Target,
    notes: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn invite(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Invite = call.read()?;
    let organization = managed(range, call)?;
    let recipient = input.target.party()?;
    let tags = tags::merged(&[], input.tags)?;
    check(range, organization, &recipient, call)?;
    let handshake = Handshake {
        id: String::new(),
        action: Action::Invite,
        answer: Standing::Open,
        organization: organization.id.clone(),
        sender: organization.management.clone(),
        recipient,
        requested: call.now,
        expires: call.now.saturating_add(OPEN_FOR).unwrap_or(call.now),
        settled: None,
        notes: input.notes.filter(|notes| !notes.is_empty()),
        tags,
        parent: None,
        resources: vec![handshakes::introduction(range, organization)],
    };
    let sent = send(range, call, handshake);
    Ok(reply(json!({"Handshake": sent.shown(call.now)})))
}

/// Sends a handshake: it gets its id.
pub(super) fn send(range: &mut Range, call: &Call<'_>, mut handshake: Handshake) -> Arc<Handshake> {
    handshake.id = format!("h-{}", range.ids.lower(10));
    let sent = Arc::new(handshake);
    range
        .organizations
        .write(call.now, range.config.iam_delay)
        .handshakes
        .insert(sent.id.clone(), Arc::clone(&sent));
    sent
}

fn check(
    range: &Range,
    organization: &Organization,
    recipient: &Party,
    call: &Call<'_>,
) -> Result<(), AwsError> {
    let invitations: Vec<&Handshake> = range
        .organizations
        .read()
        .handshakes
        .values()
        .map(Arc::as_ref)
        .filter(|handshake| handshake.organization == organization.id)
        .filter(|handshake| handshake.action == Action::Invite)
        .collect();
    if features::is_under_way(range, organization, call.now) {
        return Err(errors::handshake_constraint(
            "INVITE_DISABLED_DURING_ENABLE_ALL_FEATURES",
            "You can't issue new invitations to join an organization while it's in the process of enabling all features.",
        ));
    }
    let account = account_of(range, recipient);
    if account.is_none() && matches!(recipient, Party::Account(_)) {
        return Err(errors::invalid(
            "INVALID_PARTY_TYPE_TARGET",
            "You specified an account that doesn't exist.",
        ));
    }
    if account.is_some_and(|account| organization.members.contains_key(&account)) {
        return Err(errors::handshake_constraint(
            "ALREADY_IN_AN_ORGANIZATION",
            "The handshake request is invalid because the invited account is already a member of an organization.",
        ));
    }
    let mut pending = invitations
        .iter()
        .filter(|handshake| handshake.is_pending(call.now));
    if pending
        .clone()
        .any(|handshake| handshake.recipient == *recipient)
    {
        return Err(errors::of(
            "DuplicateHandshakeException",
            "A handshake with the same action and target already exists.",
        ));
    }
    if !membership::has_room(organization, pending.by_ref().count()) {
        return Err(errors::constraint(
            "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
            "You have exceeded the allowed number of AWS accounts.",
        ));
    }
    let today = invitations.iter().filter(|handshake| {
        call.now.duration_since(handshake.requested) < DAY && handshake.answer != Standing::Accepted
    });
    if today.count() >= PER_DAY {
        return Err(errors::constraint(
            "HANDSHAKE_RATE_LIMIT_EXCEEDED",
            "You have exceeded the number of handshakes that you can send in one day.",
        ));
    }
    Ok(())
}

/// The caller's account joins; where it was in another organisation, it leaves that one.
pub(super) fn accept(
    range: &mut Range,
    call: &Call<'_>,
    handshake: &Handshake,
) -> Result<Vec<ServiceEvent>, AwsError> {
    let account = call.account().clone();
    let organizations = range.organizations.read();
    let organization = organizations
        .by_id(&handshake.organization)
        .ok_or_else(errors::no_handshake)?;
    if !membership::has_room(organization, 0) {
        return Err(errors::handshake_constraint(
            "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
            "You attempted to exceed the limit on the number of accounts in an organization.",
        ));
    }
    let mut events = Vec::new();
    if let Some(before) = organizations.of(&account) {
        if before.id == organization.id {
            return Err(errors::handshake_constraint(
                "ALREADY_IN_AN_ORGANIZATION",
                "The handshake request is invalid because the invited account is already a member of an organization.",
            ));
        }
        membership::check_departure(range, before, &account, call.now)?;
        events.push(membership::departed(
            before,
            &account,
            Departed::Left,
            call.now,
        ));
    }
    events.push(membership::joined(
        organization,
        &account,
        Joined::Invited,
        call.now,
    ));
    membership::add_role(range, call, &account)?;
    let organizations = range.organizations.write(call.now, range.config.iam_delay);
    if let Some(before) = organizations.of_mut(&account) {
        before.drop_member(&account);
    }
    if let Some(organization) = organizations.by_id_mut(&handshake.organization) {
        let tags = handshake.tags.clone();
        membership::admit(organization, &account, Joined::Invited, tags, call.now);
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_awss_rules() {
        for good in ["a@b.io", "first.last+tag@sub.example.com"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "a@b",
            "@example.com",
            ".a@example.com",
            "a b@example.com",
            "a@-example.com",
            "a@b@example.com",
            "ä@example.com",
            "plain",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
