//! Keys on their way out: scheduled, called back, and gone when the time has come.
//!
//! Owns the waiting. When it is over is told by `due.rs`.

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;
use stockade_model::Timestamp;
use stockade_wire::AwsError;

use super::access::named;
use super::readiness::not_going;
use super::state::{Deletion, Key, Place, State};
use super::{errors, keys};
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// How many days a key waits where nobody says.
pub const DAYS: i64 = 30;
/// The fewest.
const LEAST: i64 = 7;
/// The most.
const MOST: i64 = 30;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Schedule {
    key_id: String,
    pending_window_in_days: Option<i64>,
}

/// `ScheduleKeyDeletion`.
pub fn schedule(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Schedule = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    let days = input.pending_window_in_days.unwrap_or(DAYS);
    let bound = match days {
        days if days < LEAST => Some(("greater", LEAST)),
        days if days > MOST => Some(("less", MOST)),
        _ => None,
    };
    if let Some((than, bound)) = bound {
        return Err(errors::validation(format!(
            "1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value {than} than or equal to {bound}"
        )));
    }
    not_going(key)?;
    if key.service.is_some() {
        return Err(errors::unsupported(format!(
            "The AWS managed key {} cannot be deleted.",
            key.arn()
        )));
    }
    let has_replicas = key.is_primary() && !key.elsewhere().is_empty();
    let deletion = match has_replicas {
        true => Deletion::AfterReplicas(days),
        false => Deletion::At(after(call.now, days)),
    };
    let place = key.place();
    range
        .kms
        .change(&place, |key| key.deletion = Some(deletion.clone()));
    let key = range.kms.key(&place).ok_or_else(errors::internal)?;
    let mut answer = json!({
        "KeyId": key.arn(),
        "KeyState": key.state().name(),
        "PendingWindowInDays": days,
    });
    if let (Deletion::At(at), Some(members)) = (&deletion, answer.as_object_mut()) {
        members.insert("DeletionDate".to_owned(), json!(at.to_string()));
    }
    Ok(Reply::of_value(answer))
}

/// So many days later.
pub fn after(now: Timestamp, days: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(days * 24))
        .unwrap_or(now)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfKey {
    key_id: String,
}

/// `CancelKeyDeletion`: the key is there again, and off.
pub fn cancel(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfKey = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    if key.deletion.is_none() {
        return Err(errors::invalid_state(&key.arn(), "not pending deletion"));
    }
    let (place, answer) = (key.place(), keys::answer_of(key));
    range.kms.change(&place, |key| {
        key.deletion = None;
        key.enabled = false;
    });
    Ok(Reply::of_value(answer))
}

/// Takes a key out, with its aliases. A primary key that waited for this replica begins its own wait.
pub fn carry_out(kms: &mut State, place: &Place, now: Timestamp) -> Option<Key> {
    let key = kms.remove(place)?;
    for name in &key.aliases {
        kms.remove_alias(&key.account, &key.region, name);
    }
    for other in key.elsewhere() {
        kms.change(&other, |other| {
            let Some(all) = &mut other.multi_region else {
                return;
            };
            all.replicas.retain(|region| *region != key.region);
            let last = all.replicas.is_empty();
            if let (true, Some(Deletion::AfterReplicas(days))) = (last, &other.deletion) {
                other.deletion = Some(Deletion::At(after(now, *days)));
            }
        });
    }
    if key.elsewhere().is_empty() {
        kms.vault.close(&key.id);
    }
    Some(key)
}
