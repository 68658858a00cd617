//! What the range's clock does to keys: they go, their material expires, they are rotated.
//!
//! Owns the order, and the events that AWS records of it.

use serde_json::json;
use stockade_model::Timestamp;

use super::state::{Deletion, Place, RotationKind};
use super::{deletion, import, record, rotation};
use crate::call::ServiceEvent;
use crate::state::State as Range;

/// How much is done at once: a clock that was moved by a hundred years leaves the rest for the next time.
const AT_ONCE: usize = 10_000;

/// Whether something is due by now.
pub fn is_due(range: &Range, now: Timestamp) -> bool {
    range.kms.first_due(now).is_some()
}

/// Does what is due by now, and tells the events.
pub fn settle(range: &mut Range, now: Timestamp) -> Vec<ServiceEvent> {
    let mut events = Vec::new();
    for _ in 0..AT_ONCE {
        let Some(place) = range.kms.first_due(now).cloned() else {
            break;
        };
        let done = one(range, &place, now);
        if done.is_empty() {
            break;
        }
        events.extend(done);
    }
    events
}

fn one(range: &mut Range, place: &Place, now: Timestamp) -> Vec<ServiceEvent> {
    let Some(key) = range.kms.key(place) else {
        return Vec::new();
    };
    if let Some(Deletion::At(at)) = &key.deletion
        && *at <= now
    {
        let gone = deletion::carry_out(&mut range.kms, place, now);
        return gone
            .map(|key| record::service_event(&key, "DeleteKey", json!({"keyId": key.id})))
            .into_iter()
            .collect();
    }
    let expired = key
        .materials
        .iter()
        .find(|kept| kept.sealed.is_some() && kept.expires.is_some_and(|at| at <= now));
    if let Some(expired) = expired {
        let (id, key_id) = (expired.id.clone(), key.id.clone());
        let details = json!({"keyId": key.id, "keyMaterialId": id});
        let event = record::service_event(key, "DeleteExpiredKeyMaterial", details);
        range.kms.change(place, |key| import::forget(key, &id));
        range.kms.vault.close(&key_id);
        return vec![event];
    }
    let at = key.rotation_due().filter(|at| *at <= now);
    let Some(at) = at else { return Vec::new() };
    match rotation::rotate(range, place, RotationKind::Automatic, at) {
        Ok(event) => event.into_iter().collect(),
        Err(error) => {
            tracing::error!(%error.code, "a key could not be rotated");
            Vec::new()
        }
    }
}
