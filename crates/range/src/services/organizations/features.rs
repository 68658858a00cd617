//! From consolidated billing to all features: every account that was invited has to agree, then the management account
//! finishes it.
//!
//! Owns that one change of an organisation, and the handshakes that it takes.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;
use stockade_model::Timestamp;
use stockade_wire::AwsError;

use super::errors;
use super::handshakes::{self, Action, Handshake, Party, Standing};
use super::invitations::send;
use super::scope::managed;
use super::state::{Joined, Organization};
use crate::call::{Call, Reply, ServiceEvent};
use crate::services::iam::output::reply;
use crate::state::State as Range;

/// How long the members have to agree.
const OPEN_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Whether the change has been asked for and is not finished.
pub(super) fn is_under_way(range: &Range, organization: &Organization, now: Timestamp) -> bool {
    range
        .organizations
        .read()
        .handshakes
        .values()
        .any(|handshake| {
            handshake.organization == organization.id
                && handshake.action == Action::EnableAllFeatures
                && handshake.is_pending(now)
        })
}

/// Asks every account that was invited. Those that were made here need not be asked.
pub(super) fn enable(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let organization = managed(range, call)?;
    if organization.features == "ALL" {
        return Err(errors::handshake_constraint(
            "ORGANIZATION_ALREADY_HAS_ALL_FEATURES",
            "The handshake request is invalid because the organization has already enabled all features.",
        ));
    }
    if is_under_way(range, organization, call.now) {
        return Err(errors::handshake_constraint(
            "ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION",
            "The handshake request is invalid because the organization has already started the process to enable all features.",
        ));
    }
    let asked: Vec<Party> = organization
        .members
        .iter()
        .filter(|(id, member)| **id != organization.management && member.method == Joined::Invited)
        .map(|(id, _)| Party::Account(id.clone()))
        .collect();
    let expires = call.now.saturating_add(OPEN_FOR).unwrap_or(call.now);
    let mut handshake = Handshake {
        id: String::new(),
        action: Action::EnableAllFeatures,
        answer: match asked.is_empty() {
            true => Standing::Open,
            false => Standing::Requested,
        },
        organization: organization.id.clone(),
        sender: organization.management.clone(),
        recipient: Party::Organization(organization.id.clone()),
        requested: call.now,
        expires,
        settled: None,
        notes: None,
        tags: Vec::new(),
        parent: None,
        resources: vec![handshakes::introduction(range, organization)],
    };
    let sent = send(range, call, handshake.clone());
    handshake.action = Action::ApproveAllFeatures;
    handshake.answer = Standing::Open;
    handshake.parent = Some(sent.id.clone());
    for recipient in asked {
        let child = Handshake {
            recipient,
            ..handshake.clone()
        };
        send(range, call, child);
    }
    Ok(reply(json!({"Handshake": sent.shown(call.now)})))
}

fn parts<'a>(range: &'a Range, parent: &'a str) -> impl Iterator<Item = &'a Arc<Handshake>> {
    let all = range.organizations.read().handshakes.values();
    all.filter(move |handshake| handshake.parent.as_deref() == Some(parent))
}

/// A member agrees; with the last one the management account can finish.
pub(super) fn approve(
    range: &mut Range,
    call: &Call<'_>,
    handshake: &Handshake,
) -> Vec<ServiceEvent> {
    let Some(parent) = handshake.parent.clone() else {
        return Vec::new();
    };
    let open = parts(range, &parent)
        .filter(|part| part.id != handshake.id)
        .any(|part| part.answer != Standing::Accepted);
    if !open {
        handshakes::settle(range, call, &parent, Standing::Open);
    }
    Vec::new()
}

/// The management account finishes what every member has agreed to.
pub(super) fn finish(
    range: &mut Range,
    call: &Call<'_>,
    handshake: &Handshake,
) -> Result<Vec<ServiceEvent>, AwsError> {
    if handshake.answer != Standing::Open {
        return Err(handshakes::not_now());
    }
    let organizations = range.organizations.write(call.now, range.config.iam_delay);
    if let Some(organization) = organizations.by_id_mut(&handshake.organization) {
        "ALL".clone_into(&mut organization.features);
    }
    Ok(Vec::new())
}

/// What is taken back is taken back from everybody.
pub(super) fn cancel(range: &mut Range, call: &Call<'_>, handshake: &Handshake) {
    let pending: Vec<String> = parts(range, &handshake.id)
        .filter(|part| part.is_pending(call.now))
        .map(|part| part.id.clone())
        .collect();
    for id in pending {
        handshakes::settle(range, call, &id, Standing::Canceled);
    }
}
