//! Handshakes: what one account asks of another, and what that one answers.
//!
//! Owns a handshake's life and who may see it and answer it. What an accepted one does is in the file of what was asked:
//! `invitations.rs`, `features.rs`, `transfers.rs`.

use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Timestamp};
use stockade_wire::AwsError;

use super::scope::{managed, page};
use super::state::Organization;
use super::tags::Tag;
use super::{errors, features, invitations, transfers};
use crate::call::{Call, Reply, ServiceEvent};
use crate::services::iam::output::{reply, time};
use crate::state::State as Range;

/// How long a handshake that was answered can still be seen.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// Of an account: to join.
    Invite,
    /// Of the management account: to finish what every member has approved.
    EnableAllFeatures,
    /// Of a member: to approve.
    ApproveAllFeatures,
    /// Of another organisation: to let this one pay its bills.
    TransferResponsibility,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Standing {
    /// Not everybody has answered whose answer it waits for.
    Requested,
    /// It waits for its recipient alone.
    Open,
    /// Its sender took it back.
    Canceled,
    /// Its recipient agreed.
    Accepted,
    /// Its recipient did not agree.
    Declined,
    /// Nobody answered in time.
    Expired,
}

/// Somebody who takes part in a handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Party {
    /// An account.
    Account(AccountId),
    /// Whoever has this address.
    Email(String),
    /// An organisation, by its id.
    Organization(String),
}

impl Party {
    /// Its type and its id.
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Account(id) => ("ACCOUNT", id.as_str()),
            Self::Email(address) => ("EMAIL", address.as_str()),
            Self::Organization(id) => ("ORGANIZATION", id.as_str()),
        }
    }

    fn shown(&self) -> Value {
        let (kind, id) = self.parts();
        json!({"Id": id, "Type": kind})
    }

    fn resource(&self) -> Value {
        let (kind, id) = self.parts();
        json!({"Type": kind, "Value": id})
    }
}

/// A handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// `h-…`.
    pub id: String,
    /// What is asked.
    pub action: Action,
    /// Where it stands, but for the time: see [`Handshake::standing`].
    pub answer: Standing,
    /// The organisation that asks.
    pub organization: String,
    /// The account that manages that organisation.
    pub sender: AccountId,
    /// Who is asked.
    pub recipient: Party,
    /// When it was sent.
    pub requested: Timestamp,
    /// Until when it can be answered.
    pub expires: Timestamp,
    /// When it was answered or taken back.
    pub settled: Option<Timestamp>,
    /// What the sender says to the recipient.
    pub notes: Option<String>,
    /// The tags that an account gets when it joins.
    pub tags: Vec<Tag>,
    /// The handshake that this one is a part of.
    pub parent: Option<String>,
    /// What it tells of itself besides its parties.
    pub resources: Vec<Detail>,
}
crate::row!(Handshake);

/// A detail of a handshake: its type, its value, and the details of that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// As in `MASTER_EMAIL`.
    pub kind: String,
    /// The value.
    pub value: String,
    /// What there is to say of it.
    pub resources: Vec<Detail>,
}

impl Detail {
    pub(super) fn new(kind: &str, value: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            value: value.into(),
            resources: Vec::new(),
        }
    }

    fn shown(&self) -> Value {
        let below: Vec<Value> = self.resources.iter().map(Self::shown).collect();
        json!({
            "Type": self.kind,
            "Value": self.value,
            "Resources": (!below.is_empty()).then_some(below),
        })
    }
}

impl Handshake {
    /// Where it stands at a time: what nobody answered expires.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match self.answer {
            Standing::Requested | Standing::Open if now >= self.expires => Standing::Expired,
            standing => standing,
        }
    }

    /// Whether it can be answered still.
    pub fn is_pending(&self, now: Timestamp) -> bool {
        matches!(self.standing(now), Standing::Requested | Standing::Open)
    }

    fn is_visible(&self, now: Timestamp) -> bool {
        let ended = self.settled.unwrap_or(self.expires);
        now.duration_since(ended) < KEPT
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        let action = json!(self.action);
        let action = action.as_str().unwrap_or_default().to_ascii_lowercase();
        format!(
            "arn:aws:organizations::{}:handshake/{}/{action}/{}",
            self.sender, self.organization, self.id
        )
    }

    /// It as answers show it.
    pub fn shown(&self, now: Timestamp) -> Value {
        let mut parties = vec![Party::Organization(self.organization.clone()).shown()];
        let mut resources: Vec<Value> = self.resources.iter().map(Detail::shown).collect();
        if !matches!(self.recipient, Party::Organization(_)) {
            parties.push(self.recipient.shown());
            resources.insert(1.min(resources.len()), self.recipient.resource());
        }
        if let Some(notes) = &self.notes {
            resources.push(json!({"Type": "NOTES", "Value": notes}));
        }
        json!({
            "Id": self.id,
            "Arn": self.arn(),
            "Parties": parties,
            "State": self.standing(now),
            "RequestedTimestamp": time(self.requested),
            "ExpirationTimestamp": time(self.expires),
            "Action": self.action,
            "Resources": resources,
        })
    }

    /// Whether an account is the one who is asked.
    pub(super) fn is_for(&self, range: &Range, account: &AccountId) -> bool {
        match &self.recipient {
            Party::Account(id) => id == account,
            Party::Email(address) => range
                .account(account)
                .is_ok_and(|account| account.email.eq_ignore_ascii_case(address)),
            Party::Organization(_) => self.sender == *account,
        }
    }
}

/// What an organisation tells of itself to whom it asks.
pub(super) fn introduction(range: &Range, organization: &Organization) -> Detail {
    let management = range.account(&organization.management);
    let (email, name) = management.map_or(("", ""), |account| (&*account.email, &*account.name));
    Detail {
        resources: vec![
            Detail::new("MASTER_EMAIL", email),
            Detail::new("MASTER_NAME", name),
            Detail::new("ORGANIZATION_FEATURE_SET", organization.features.as_str()),
        ],
        ..Detail::new("ORGANIZATION", organization.id.as_str())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfHandshake {
    handshake_id: String,
}

/// The handshake that a call names, if the caller takes part in it.
fn named(range: &Range, call: &Call<'_>) -> Result<Arc<Handshake>, AwsError> {
    let OfHandshake { handshake_id } = call.read()?;
    range
        .organizations
        .read()
        .handshakes
        .get(&handshake_id)
        .filter(|handshake| handshake.is_visible(call.now))
        .filter(|handshake| {
            handshake.sender == *call.account() || handshake.is_for(range, call.account())
        })
        .cloned()
        .ok_or_else(errors::no_handshake)
}

/// The handshake that a call names and answers, which must still be open to that answer.
fn answerable(
    range: &Range,
    call: &Call<'_>,
    answer: Standing,
    may: impl Fn(&Handshake) -> bool,
) -> Result<Arc<Handshake>, AwsError> {
    let handshake = named(range, call)?;
    if !may(&handshake) {
        return Err(errors::denied());
    }
    let standing = handshake.standing(call.now);
    if standing == answer {
        return Err(errors::of(
            "HandshakeAlreadyInStateException",
            "The specified handshake is already in the requested state.",
        ));
    }
    if !handshake.is_pending(call.now) {
        return Err(not_now());
    }
    Ok(handshake)
}

pub(super) fn not_now() -> AwsError {
    errors::of(
        "InvalidHandshakeTransitionException",
        "You can't perform the operation on the handshake in its current state.",
    )
}

/// Writes an answer down.
pub(super) fn settle(range: &mut Range, call: &Call<'_>, id: &str, answer: Standing) {
    let organizations = range.organizations.write(call.now, range.config.iam_delay);
    if let Some(handshake) = organizations.handshakes.get_mut(id).map(Arc::make_mut) {
        handshake.answer = answer;
        if !matches!(answer, Standing::Requested | Standing::Open) {
            handshake.settled = Some(call.now);
        }
    }
}

fn answered(
    range: &Range,
    call: &Call<'_>,
    handshake: &Handshake,
    events: Vec<ServiceEvent>,
) -> Reply {
    let organizations = range.organizations.read();
    let now = organizations.handshakes.get(&handshake.id);
    let shown = now.map_or_else(|| handshake.shown(call.now), |now| now.shown(call.now));
    let mut answer = reply(json!({"Handshake": shown}));
    answer.record.service_events = events;
    // The sender's log has it too.
    answer.record.also_in = (handshake.sender != *call.account()).then(|| handshake.sender.clone());
    answer
}

pub(super) fn describe(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let handshake = named(range, call)?;
    Ok(reply(json!({"Handshake": handshake.shown(call.now)})))
}

pub(super) fn accept(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let handshake = answerable(range, call, Standing::Accepted, |handshake| {
        handshake.is_for(range, call.account())
    })?;
    let events = match handshake.action {
        Action::Invite => invitations::accept(range, call, &handshake)?,
        Action::EnableAllFeatures => features::finish(range, call, &handshake)?,
        Action::ApproveAllFeatures => features::approve(range, call, &handshake),
        Action::TransferResponsibility => transfers::accept(range, call, &handshake)?,
    };
    settle(range, call, &handshake.id, Standing::Accepted);
    Ok(answered(range, call, &handshake, events))
}

pub(super) fn decline(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let handshake = answerable(range, call, Standing::Declined, |handshake| {
        handshake.is_for(range, call.account())
    })?;
    settle(range, call, &handshake.id, Standing::Declined);
    Ok(answered(range, call, &handshake, Vec::new()))
}

pub(super) fn cancel(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let handshake = answerable(range, call, Standing::Canceled, |handshake| {
        handshake.sender == *call.account()
    })?;
    settle(range, call, &handshake.id, Standing::Canceled);
    features::cancel(range, call, &handshake);
    Ok(answered(range, call, &handshake, Vec::new()))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    #[serde(default)]
    filter: Filter,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    action_type: Option<String>,
    parent_handshake_id: Option<String>,
}

impl Filter {
    fn check(&self) -> Result<(), AwsError> {
        if self.action_type.is_some() && self.parent_handshake_id.is_some() {
            return Err(errors::invalid(
                "MAX_LIMIT_EXCEEDED_FILTER",
                "You can specify only one filter parameter for the operation.",
            ));
        }
        Ok(())
    }

    fn has(&self, handshake: &Handshake) -> bool {
        let action = json!(handshake.action);
        let by_action = self.action_type.as_ref();
        let by_parent = self.parent_handshake_id.as_ref();
        by_action.is_none_or(|wanted| action.as_str() == Some(wanted))
            && by_parent.is_none_or(|wanted| handshake.parent.as_ref() == Some(wanted))
    }
}

fn listed(
    range: &Range,
    call: &Call<'_>,
    which: impl Fn(&Handshake) -> bool,
) -> Result<Reply, AwsError> {
    let List { filter } = call.read()?;
    filter.check()?;
    let all = range.organizations.read().handshakes.values();
    let shown = all
        .filter(|handshake| handshake.is_visible(call.now))
        .filter(|handshake| which(handshake) && filter.has(handshake))
        .map(|handshake| (handshake.id.clone(), handshake.shown(call.now)));
    page(call, "Handshakes", shown)
}

/// What an account has received.
pub(super) fn received(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    listed(range, call, |handshake| {
        handshake.is_for(range, call.account())
    })
}

/// What the caller's organisation has sent.
pub(super) fn sent(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let organization = managed(range, call)?;
    listed(range, call, |handshake| {
        handshake.organization == organization.id
    })
}
