//! Rotation: by the clock, or because somebody asks. Older material stays, and opens what it sealed.
//!
//! Owns which keys rotate and what their history shows. When the clock has come round is told by `due.rs`.

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stockade_keys::KeySpec;
use stockade_model::Timestamp;
use stockade_wire::AwsError;

use super::access::{named, text};
use super::data::page;
use super::deletion::after;
use super::readiness::{not_going, usable};
use super::state::{KeptMaterial, Key, Origin, Place, RotationKind, Standing};
use super::{errors, keys, record};
use crate::call::{Call, RecordExtras, Reply, ServiceEvent};
use crate::state::State as Range;

/// How many days lie between two rotations where nobody says.
pub const PERIOD: i64 = 365;
/// How often a key can be rotated on demand.
const MOST: u32 = 25;
/// How long before a rotation by the clock none can be asked for.
const TOO_LATE: SignedDuration = SignedDuration::from_mins(20);

/// Only symmetric keys have more than one material.
fn symmetric(key: &Key) -> Result<(), AwsError> {
    if key.spec == KeySpec::Symmetric {
        return Ok(());
    }
    Err(errors::unsupported(format!(
        "{} key spec is {} which is not valid for this operation.",
        key.arn(),
        key.spec.name()
    )))
}

/// Whether the clock can rotate a key.
fn rotatable(key: &Key) -> Result<(), AwsError> {
    symmetric(key)?;
    if key.origin == Origin::External {
        return Err(errors::unsupported(format!(
            "{} origin is EXTERNAL which is not valid for this operation.",
            key.arn()
        )));
    }
    primary(key)
}

fn primary(key: &Key) -> Result<(), AwsError> {
    if key.multi_region.is_some() && !key.is_primary() {
        return Err(errors::unsupported(format!(
            "{} is a multi-Region replica key: its rotation is that of the primary key.",
            key.arn()
        )));
    }
    Ok(())
}

/// A rotation's settings belong to a key that is on.
fn settable(key: &Key) -> Result<(), AwsError> {
    rotatable(key)?;
    usable(key)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Enable {
    key_id: String,
    rotation_period_in_days: Option<i64>,
}

/// `EnableKeyRotation`.
pub fn enable(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Enable = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    settable(key)?;
    let before = key.rotation.period;
    // Switched on again with nothing new said, it goes on as it was.
    let period = input.rotation_period_in_days.or(before).unwrap_or(PERIOD);
    let again = before.is_some() && input.rotation_period_in_days.is_none();
    let place = key.place();
    range.kms.change(&place, |key| {
        key.rotation.period = Some(period);
        if !again {
            key.rotation.next = Some(after(call.now, period));
        }
    });
    synchronise(range, &place);
    Ok(Reply::empty())
}

/// `DisableKeyRotation`.
pub fn disable(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let name = text(call, "KeyId").unwrap_or_default();
    let key = named(range, call, name)?.key;
    settable(key)?;
    let place = key.place();
    range.kms.change(&place, |key| {
        key.rotation.period = None;
        key.rotation.next = None;
    });
    synchronise(range, &place);
    Ok(Reply::empty())
}

/// `GetKeyRotationStatus`.
pub fn status(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let name = text(call, "KeyId").unwrap_or_default();
    let key = named(range, call, name)?.key;
    let on = key.rotation.period.filter(|_| key.deletion.is_none());
    let mut answer = json!({
        "KeyId": key.id,
        "KeyRotationEnabled": on.is_some(),
    });
    if let (Some(period), Some(members)) = (on, answer.as_object_mut()) {
        members.insert("RotationPeriodInDays".to_owned(), period.into());
        if let Some(next) = key.rotation.next {
            members.insert("NextRotationDate".to_owned(), next.to_string().into());
        }
    }
    Ok(Reply::of_value(answer))
}

/// `RotateKeyOnDemand`: done at once, where AWS takes some minutes.
pub fn on_demand(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let name = text(call, "KeyId").unwrap_or_default();
    let key = named(range, call, name)?.key;
    symmetric(key)?;
    primary(key)?;
    usable(key)?;
    if key.service.is_some() {
        return Err(errors::unsupported(format!(
            "The AWS managed key {} cannot be rotated on demand.",
            key.arn()
        )));
    }
    if key.rotation.on_demand >= MOST {
        return Err(errors::limit_exceeded(format!(
            "You have exceeded the limit of {MOST} on-demand rotations of {}.",
            key.arn()
        )));
    }
    let soon = |next: Timestamp| next.duration_since(call.now) <= TOO_LATE;
    if key.rotation_due().is_some_and(soon) {
        return Err(errors::of(
            "ConflictException",
            format!(
                "{} has an automatic rotation in progress, or one that begins within 20 minutes.",
                key.arn()
            ),
        ));
    }
    let answer = json!({"KeyId": key.id});
    let place = key.place();
    let event = rotate(range, &place, RotationKind::OnDemand, call.now)?;
    let record = RecordExtras {
        service_events: event.into_iter().collect(),
        ..RecordExtras::default()
    };
    Ok(Reply {
        record,
        ..Reply::of_value(answer)
    })
}

/// Gives a key new material, or that which was imported for it; tells the event.
///
/// # Errors
/// `KMSInvalidStateException` where none was imported.
pub fn rotate(
    range: &mut Range,
    place: &Place,
    kind: RotationKind,
    now: Timestamp,
) -> Result<Option<ServiceEvent>, AwsError> {
    let Some(key) = range.kms.key(place).cloned() else {
        return Ok(None);
    };
    let before = key.current().map(|kept| kept.id.clone());
    let made = match key.origin {
        Origin::Kms => Some(keys::new_material(range, &key)?),
        Origin::External => None,
    };
    let waits = |kept: &KeptMaterial| kept.standing == Standing::Waiting;
    if made.is_none() && !key.materials.iter().any(waits) {
        return Err(errors::invalid_state(
            &key.arn(),
            "not ready for rotation: no new key material was imported",
        ));
    }
    range.kms.change(place, |key| {
        for kept in &mut key.materials {
            match kept.standing {
                Standing::Current => kept.standing = Standing::Former,
                Standing::Waiting => {
                    kept.standing = Standing::Current;
                    kept.rotated = Some((now, kind));
                }
                Standing::Former => {}
            }
        }
        if let Some(made) = made {
            key.materials.push(KeptMaterial {
                rotated: Some((now, kind)),
                ..made
            });
        }
        if kind == RotationKind::OnDemand {
            key.rotation.on_demand += 1;
        } else if let (Some(period), Some(next)) = (key.rotation.period, key.rotation.next) {
            key.rotation.next = Some(after(next, period));
        }
    });
    synchronise(range, place);
    let key = range.kms.key(place).ok_or_else(errors::internal)?;
    let details = json!({
        "rotationType": kind.name(),
        "keyOrigin": key.origin.name(),
        "previousKeyMaterialId": before,
        "currentKeyMaterialId": key.current().map(|kept| &kept.id),
        "keyId": key.id,
    });
    Ok(Some(record::service_event(key, "RotateKey", details)))
}

/// Gives the replicas of a primary key what they share with it.
pub fn synchronise(range: &mut Range, place: &Place) {
    let Some(key) = range.kms.key(place) else {
        return;
    };
    let (rotation, materials) = (key.rotation.clone(), key.materials.clone());
    let is_ours = key.origin == Origin::Kms;
    for other in key.elsewhere() {
        range.kms.change(&other, |other| {
            other.rotation = rotation.clone();
            // Imported material is brought to each region by its owner.
            if is_ours {
                other.materials = materials.clone();
            }
        });
    }
}

/// `ListKeyRotations`.
pub fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let name = text(call, "KeyId").unwrap_or_default();
    let key = named(range, call, name)?.key;
    not_going(key)?;
    symmetric(key)?;
    let all = text(call, "IncludeKeyMaterial") == Some("ALL_KEY_MATERIAL");
    let shown = key
        .materials
        .iter()
        .enumerate()
        .filter(|(_, kept)| all || kept.rotated.is_some())
        .map(|(at, kept)| (format!("{at:08}"), entry(key, kept)));
    page(call, "Rotations", 100, shown)
}

fn entry(key: &Key, kept: &KeptMaterial) -> Value {
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    put("KeyId", json!(key.id));
    put("KeyMaterialId", json!(kept.id));
    let state = match kept.standing {
        Standing::Current => "CURRENT",
        Standing::Former => "NON_CURRENT",
        Standing::Waiting => "PENDING_ROTATION",
    };
    put("KeyMaterialState", json!(state));
    if let Some((at, kind)) = kept.rotated {
        put("RotationDate", json!(at.to_string()));
        put("RotationType", json!(kind.name()));
    }
    if key.origin == Origin::External {
        let there = kept.sealed.is_some();
        let import = if there { "IMPORTED" } else { "PENDING_IMPORT" };
        put("ImportState", json!(import));
        if let Some(description) = &kept.description {
            put("KeyMaterialDescription", json!(description));
        }
        if there {
            let model = match kept.expires {
                Some(_) => "KEY_MATERIAL_EXPIRES",
                None => "KEY_MATERIAL_DOES_NOT_EXPIRE",
            };
            put("ExpirationModel", json!(model));
        }
        if let Some(at) = kept.expires {
            put("ValidTo", json!(at.to_string()));
        }
    }
    Value::Object(shown)
}
