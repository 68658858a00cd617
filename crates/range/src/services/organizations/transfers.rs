//! Responsibility transfers: the management account of one organisation pays the bills of another.
//!
//! Owns a transfer's life. What is paid is nobody's business here: a range has no bills.

use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Timestamp};
use stockade_wire::AwsError;

use super::errors;
use super::handshakes::{Action, Detail, Handshake, Standing};
use super::invitations::{Target, account_of, send};
use super::membership::event;
use super::scope::{managed, page};
use super::state::{Organization, State};
use super::tags::{self, Tag};
use crate::call::{Call, Reply, ServiceEvent};
use crate::services::iam::output::{reply, time};
use crate::state::State as Range;
use crate::trail;

/// How long the other organisation has to answer.
const OPEN_FOR: SignedDuration = SignedDuration::from_hours(15 * 24);

/// A transfer between two organisations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// `rt-…`.
    pub id: String,
    /// What it is called by those who take it on.
    pub name: String,
    /// The organisation that takes it on.
    pub target: Side,
    /// The organisation that gives it away; none until it agreed.
    pub source: Option<Side>,
    /// From when on.
    pub start: Timestamp,
    /// Until when; none: it goes on.
    pub end: Option<Timestamp>,
    /// The handshake that it came from.
    pub handshake: String,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
}
crate::row!(Transfer);

/// An organisation that takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// `o-…`.
    pub organization: String,
    /// The account that manages it.
    pub management: AccountId,
}

impl Side {
    fn of(organization: &Organization) -> Self {
        Self {
            organization: organization.id.clone(),
            management: organization.management.clone(),
        }
    }

    fn shown(&self, range: &Range) -> Value {
        let email = range.account(&self.management).ok();
        json!({
            "ManagementAccountId": self.management,
            "ManagementAccountEmail": email.map(|account| &account.email),
        })
    }
}

impl Transfer {
    fn status(&self, organizations: &State, now: Timestamp) -> &'static str {
        let handshake = organizations.handshakes.get(&self.handshake);
        match (self.end, handshake.map(|asked| asked.standing(now))) {
            (Some(_), _) => "WITHDRAWN",
            (None, Some(Standing::Requested | Standing::Open)) => "REQUESTED",
            (None, Some(Standing::Canceled)) => "CANCELED",
            (None, Some(Standing::Declined)) => "DECLINED",
            (None, Some(Standing::Expired)) => "EXPIRED",
            (None, Some(Standing::Accepted) | None) => "ACCEPTED",
        }
    }

    /// The side that an organisation has in it: `inbound` where it takes on, `outbound` where it gives away.
    fn direction(&self, organization: &str) -> Option<&'static str> {
        if self.target.organization == organization {
            return Some("inbound");
        }
        let source = self.source.as_ref()?;
        (source.organization == organization).then_some("outbound")
    }

    fn shown(&self, range: &Range, own: &Organization, now: Timestamp) -> Value {
        let organizations = range.organizations.read();
        let direction = self.direction(&own.id).unwrap_or("inbound");
        let status = self.status(organizations, now);
        let source = self.source.as_ref().map(|side| side.shown(range));
        json!({
            "Arn": own.arn(&format!("transfer/{}/billing/{direction}/{}", own.id, self.id)),
            "Name": self.name,
            "Id": self.id,
            "Type": "BILLING",
            "Status": status,
            "Source": source,
            "Target": self.target.shown(range),
            "StartTimestamp": time(self.start),
            "EndTimestamp": self.end.map(time),
            "ActiveHandshakeId": (status == "REQUESTED").then_some(&self.handshake),
        })
    }
}

fn not_found() -> AwsError {
    errors::of(
        "ResponsibilityTransferNotFoundException",
        "You specified a responsibility transfer that doesn't exist.",
    )
}

/// Whether an organisation takes part in a transfer that is asked for or goes on.
pub(super) fn is_pending(range: &Range, organization: &str, now: Timestamp) -> bool {
    let organizations = range.organizations.read();
    organizations.transfers.values().any(|transfer| {
        transfer.direction(organization).is_some()
            && matches!(
                transfer.status(organizations, now),
                "REQUESTED" | "ACCEPTED"
            )
    })
}

fn check_type(kind: &str) -> Result<(), AwsError> {
    if kind == "BILLING" {
        return Ok(());
    }
    Err(errors::invalid(
        "UNSUPPORTED_ACTION_IN_RESPONSIBILITY_TRANSFER",
        "You provided a value that is not supported by this operation.",
    ))
}

fn utc(at: Timestamp) -> DateTime {
    TimeZone::UTC.to_datetime(at)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Invite {
    r#type: String,
    target: Target,
    notes: Option<String>,
    start_timestamp: Timestamp,
    source_name: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn invite(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Invite = call.read()?;
    let organization = managed(range, call)?;
    if organization.features != "ALL" {
        return Err(errors::not_all_features());
    }
    check_type(&input.r#type)?;
    check_start(input.start_timestamp, call.now)?;
    let recipient = input.target.party()?;
    let tags = tags::merged(&[], input.tags)?;
    let account = account_of(range, &recipient);
    if account.as_ref() == Some(&organization.management) {
        return Err(errors::handshake_constraint(
            "SOURCE_AND_TARGET_CANNOT_MATCH",
            "An account can't accept a transfer invitation if it is both the sender and recipient of the invitation.",
        ));
    }
    let organizations = range.organizations.read();
    let duplicate = organizations.handshakes.values().any(|handshake| {
        handshake.organization == organization.id
            && handshake.action == Action::TransferResponsibility
            && handshake.recipient == recipient
            && handshake.is_pending(call.now)
    });
    if duplicate {
        return Err(errors::of(
            "DuplicateHandshakeException",
            "A handshake with the same action and target already exists.",
        ));
    }
    let target = Side::of(organization);
    let management = range.account(&organization.management)?;
    let resources = vec![
        Detail::new("MANAGEMENT_ACCOUNT", target.management.as_str()),
        Detail::new("MANAGEMENT_EMAIL", management.email.as_str()),
        Detail::new("MANAGEMENT_NAME", management.name.as_str()),
        Detail::new("TRANSFER_TYPE", "BILLING"),
        Detail::new("TRANSFER_START_TIMESTAMP", time(input.start_timestamp)),
    ];
    let mut handshake = Handshake {
        id: String::new(),
        action: Action::TransferResponsibility,
        answer: Standing::Open,
        organization: target.organization.clone(),
        sender: target.management.clone(),
        recipient,
        requested: call.now,
        expires: call.now.saturating_add(OPEN_FOR).unwrap_or(call.now),
        settled: None,
        notes: input.notes.filter(|notes| !notes.is_empty()),
        tags: Vec::new(),
        parent: None,
        resources,
    };
    let id = format!("rt-{}", range.ids.lower(10));
    let named = Detail::new("RESPONSIBILITY_TRANSFER", id.as_str());
    handshake.resources.push(named);
    let sent = send(range, call, handshake);
    let transfer = Transfer {
        id: id.clone(),
        name: input.source_name,
        target,
        source: None,
        start: input.start_timestamp,
        end: None,
        handshake: sent.id.clone(),
        tags,
    };
    range
        .organizations
        .write(call.now, range.config.iam_delay)
        .transfers
        .insert(id, Arc::new(transfer));
    Ok(reply(json!({"Handshake": sent.shown(call.now)})))
}

/// A transfer starts with a month that is still to come.
fn check_start(start: Timestamp, now: Timestamp) -> Result<(), AwsError> {
    let day = utc(start);
    if day.time() != jiff::civil::Time::midnight() {
        return Err(errors::invalid(
            "START_DATE_NOT_BEGINNING_OF_DAY",
            "You provided an invalid start date. The start date must be the beginning of the day (00:00:00.000).",
        ));
    }
    if day.day() != 1 {
        return Err(errors::invalid(
            "START_DATE_NOT_BEGINNING_OF_MONTH",
            "You provided an invalid start date. The start date must be the first day of the month.",
        ));
    }
    if start <= now {
        return Err(errors::invalid(
            "START_DATE_TOO_EARLY",
            "You provided an invalid start date. The start date is too early.",
        ));
    }
    Ok(())
}

/// The end of the month of a time, to the millisecond.
fn end_of_month(at: Timestamp) -> Option<Timestamp> {
    let next = utc(at)
        .date()
        .first_of_month()
        .checked_add(1.month())
        .ok()?;
    let next = TimeZone::UTC.to_timestamp(next.to_datetime(jiff::civil::Time::midnight()));
    next.ok()?.checked_sub(SignedDuration::from_millis(1)).ok()
}

/// The caller's organisation agrees.
pub(super) fn accept(
    range: &mut Range,
    call: &Call<'_>,
    handshake: &Handshake,
) -> Result<Vec<ServiceEvent>, AwsError> {
    let own = managed(range, call)?;
    let source = Side::of(own);
    let organizations = range.organizations.read();
    let taken = organizations.transfers.values().any(|transfer| {
        transfer.source.as_ref() == Some(&source)
            && transfer.status(organizations, call.now) == "ACCEPTED"
    });
    if taken {
        return Err(errors::handshake_constraint(
            "RESPONSIBILITY_TRANSFER_ALREADY_EXISTS",
            "You cannot perform this operation with the current transfer.",
        ));
    }
    let id = of_handshake(organizations, &handshake.id).ok_or_else(not_found)?;
    let organizations = range.organizations.write(call.now, range.config.iam_delay);
    let transfer = organizations.transfers.get_mut(&id).map(Arc::make_mut);
    let transfer = transfer.ok_or_else(not_found)?;
    transfer.source = Some(source);
    let transfer = transfer.clone();
    Ok(published(
        range,
        &transfer,
        "ResponsibilityTransferAccepted",
        call.now,
    ))
}

fn of_handshake(organizations: &State, handshake: &str) -> Option<String> {
    let mut transfers = organizations.transfers.values();
    let found = transfers.find(|transfer| transfer.handshake == handshake)?;
    Some(found.id.clone())
}

/// Both sides learn of it.
fn published(range: &Range, transfer: &Transfer, name: &str, now: Timestamp) -> Vec<ServiceEvent> {
    let details = json!({"responsibilityTransfer": {
        "id": transfer.id,
        "type": "BILLING",
        "status": transfer.status(range.organizations.read(), now),
        "sourceManagementAccountId": transfer.source.as_ref().map(|side| &side.management),
        "targetManagementAccountId": transfer.target.management,
        "startTimestamp": trail::in_words(transfer.start),
        "endTimestamp": transfer.end.map(trail::in_words),
    }});
    let sides = transfer.source.iter().chain([&transfer.target]);
    sides
        .filter_map(|side| range.organizations.read().by_id(&side.organization))
        .map(|organization| event(organization, name, details.clone()))
        .collect()
}

/// The transfer that a call names, if the caller's organisation takes part in it.
fn named<'a>(
    range: &'a Range,
    call: &Call<'_>,
) -> Result<(&'a Organization, &'a Transfer), AwsError> {
    let OfTransfer { id, .. } = call.read()?;
    let own = managed(range, call)?;
    let transfer = range.organizations.read().transfers.get(&id);
    let transfer = transfer.filter(|transfer| transfer.direction(&own.id).is_some());
    Ok((own, transfer.ok_or_else(not_found)?))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfTransfer {
    id: String,
    name: Option<String>,
    end_timestamp: Option<Timestamp>,
}

pub(super) fn describe(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let (own, transfer) = named(range, call)?;
    let shown = transfer.shown(range, own, call.now);
    Ok(reply(json!({"ResponsibilityTransfer": shown})))
}

fn change(
    range: &mut Range,
    call: &Call<'_>,
    id: &str,
    change: impl FnOnce(&mut Transfer),
) -> Result<Reply, AwsError> {
    let organizations = range.organizations.write(call.now, range.config.iam_delay);
    if let Some(transfer) = organizations.transfers.get_mut(id).map(Arc::make_mut) {
        change(transfer);
    }
    describe(range, call)
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfTransfer = call.read()?;
    let (own, transfer) = named(range, call)?;
    if transfer.direction(&own.id) != Some("inbound") {
        return Err(errors::denied());
    }
    let status = transfer.status(range.organizations.read(), call.now);
    if !matches!(status, "REQUESTED" | "ACCEPTED") {
        return Err(errors::constraint(
            "TRANSFER_RESPONSIBILITY_UPDATE_NOT_ALLOWED",
            "You cannot update this transfer because it is no longer active. Transfers that have been withdrawn, declined, expired, or cancelled cannot be modified.",
        ));
    }
    change(range, call, &input.id, |transfer| {
        if let Some(name) = input.name {
            transfer.name = name;
        }
    })
}

pub(super) fn terminate(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfTransfer = call.read()?;
    let (_, transfer) = named(range, call)?;
    match transfer.status(range.organizations.read(), call.now) {
        "ACCEPTED" => {}
        "WITHDRAWN" => {
            return Err(errors::of(
                "ResponsibilityTransferAlreadyInStatusException",
                "The responsibility transfer is already in the status that you specified.",
            ));
        }
        _ => {
            return Err(errors::of(
                "InvalidResponsibilityTransferTransitionException",
                "The responsibility transfer can't transition to the requested state because it's not in a valid state for this operation.",
            ));
        }
    }
    let first = call.now.max(transfer.start);
    let end = match input.end_timestamp {
        None => end_of_month(first).unwrap_or(first),
        Some(end) => check_end(end, first)?,
    };
    let mut answer = change(range, call, &input.id, |transfer| transfer.end = Some(end))?;
    let (_, transfer) = named(range, call)?;
    let name = "ResponsibilityTransferTerminated";
    answer.record.service_events = published(range, transfer, name, call.now);
    Ok(answer)
}

/// A transfer ends with a month.
fn check_end(end: Timestamp, first: Timestamp) -> Result<Timestamp, AwsError> {
    let last = end_of_month(end).unwrap_or(end);
    // Clients send whole seconds, or milliseconds.
    if last.duration_since(end) >= SignedDuration::from_secs(1) {
        return Err(errors::invalid(
            "END_DATE_NOT_END_OF_MONTH",
            "You provided an invalid end date. The end date must be the end of the last day of the month (23.59.59.999).",
        ));
    }
    if end < first {
        return Err(errors::invalid(
            "END_DATE_TOO_EARLY",
            "You provided an invalid end date. The end date is too early.",
        ));
    }
    Ok(last)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    r#type: String,
    id: Option<String>,
}

fn listed(range: &Range, call: &Call<'_>, direction: &str) -> Result<Reply, AwsError> {
    let input: List = call.read()?;
    let own = managed(range, call)?;
    check_type(&input.r#type)?;
    let all = &range.organizations.read().transfers;
    let ours = |transfer: &Transfer| transfer.direction(&own.id) == Some(direction);
    if let Some(id) = &input.id
        && !all.get(id).is_some_and(|transfer| ours(transfer))
    {
        return Err(not_found());
    }
    let shown = all
        .values()
        .filter(|transfer| ours(transfer))
        .filter(|transfer| input.id.as_ref().is_none_or(|id| *id == transfer.id))
        .map(|transfer| (transfer.id.clone(), transfer.shown(range, own, call.now)));
    page(call, "ResponsibilityTransfers", shown)
}

pub(super) fn inbound(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    listed(range, call, "inbound")
}

pub(super) fn outbound(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    listed(range, call, "outbound")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_with_its_last_millisecond() {
        let end = |at: &str| end_of_month(at.parse().unwrap()).unwrap().to_string();
        assert_eq!(end("2026-02-03T10:00:00Z"), "2026-02-28T23:59:59.999Z");
        assert_eq!(end("2026-12-31T23:59:59Z"), "2026-12-31T23:59:59.999Z");
    }
}
