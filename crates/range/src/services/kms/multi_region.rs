//! Multi-Region keys: replicated to other regions, and which of them is the primary.
//!
//! Owns what replicas share with their primary key, and what is their own.

use serde::Deserialize;
use serde_json::json;
use stockade_model::Region;
use stockade_wire::AwsError;

use super::access::named;
use super::errors;
use super::readiness::usable;
use super::state::{KeptMaterial, Key, KeyState, MultiRegion, Origin, Tag};
use super::{metadata, policies, record, tags};
use crate::call::{Call, RecordExtras, Reply};
use crate::regions;
use crate::services::iam::unique_ids;
use crate::state::State as Range;
use crate::table::Table;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Replicate {
    key_id: String,
    replica_region: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// The region of a name.
fn region(name: &str) -> Result<Region, AwsError> {
    regions::known(name).ok_or_else(|| {
        errors::validation(format!(
            "The Region {name} is not a Region of this partition."
        ))
    })
}

fn primary(key: &Key) -> Result<&MultiRegion, AwsError> {
    let all = key.multi_region.as_ref().filter(|_| key.is_primary());
    all.ok_or_else(|| {
        errors::unsupported(format!("{} is not a multi-Region primary key.", key.arn()))
    })
}

/// `ReplicateKey`.
pub fn replicate(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Replicate = call.read()?;
    let key = named(range, call, &input.key_id)?.key.clone();
    let all = primary(&key)?;
    usable_or_waiting(&key)?;
    let region = region(&input.replica_region)?;
    if region == key.region {
        return Err(errors::validation(
            "The replica Region must be another one than that of the primary key.",
        ));
    }
    if all.replicas.contains(&region) {
        let arn = super::state::key_arn(&region, &key.account, &key.id);
        return Err(errors::already_exists(format!("{arn} already exists")));
    }
    let all = MultiRegion {
        primary: all.primary.clone(),
        replicas: all
            .replicas
            .iter()
            .cloned()
            .chain([region.clone()])
            .collect(),
    };
    let tags = tags::merged(&[], input.tags)?;
    let mut replica = Key {
        region,
        created: call.now,
        description: input.description,
        enabled: true,
        tags,
        deletion: None,
        multi_region: Some(all.clone()),
        materials: materials_of_replica(&key),
        aliases: Vec::new(),
        grants: Table::new(),
        ..key.clone()
    };
    replica.policy = policies::of_call(range, call, &replica)?;
    let policy = unique_ids::shown(range, &replica.policy.text);
    // AWS takes a moment, and says so.
    let mut shown = metadata::shown(&replica);
    if let Some(members) = shown.as_object_mut() {
        members.insert("KeyState".to_owned(), json!("Creating"));
        members.insert("Enabled".to_owned(), json!(false));
    }
    let answer = json!({
        "ReplicaKeyMetadata": shown,
        "ReplicaPolicy": policy,
        "ReplicaTags": replica.tags,
    });
    for other in std::iter::once(key.place()).chain(key.elsewhere()) {
        range
            .kms
            .change(&other, |other| other.multi_region = Some(all.clone()));
    }
    range.kms.put(replica);
    Ok(Reply::of_value(answer))
}

/// A key whose material is to be imported can be replicated before.
fn usable_or_waiting(key: &Key) -> Result<(), AwsError> {
    match key.state() {
        KeyState::PendingImport if key.origin == Origin::External => Ok(()),
        _ => usable(key),
    }
}

/// A replica has the same material; where its owner brings it, it has still to come.
fn materials_of_replica(key: &Key) -> Vec<KeptMaterial> {
    let there = |kept: &KeptMaterial| match key.origin {
        Origin::Kms => kept.clone(),
        Origin::External => KeptMaterial {
            sealed: None,
            expires: None,
            ..kept.clone()
        },
    };
    key.materials.iter().map(there).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    key_id: String,
    primary_region: String,
}

/// `UpdatePrimaryRegion`.
pub fn update_primary(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Update = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    let all = primary(key)?;
    usable(key)?;
    let region = region(&input.primary_region)?;
    let missing = || {
        let arn = super::state::key_arn(&region, &key.account, &key.id);
        errors::no_key(&arn)
    };
    if !all.replicas.contains(&region) {
        return Err(match region == key.region {
            true => errors::validation(
                "The new primary Region must be another one than the current primary Region.",
            ),
            false => missing(),
        });
    }
    let new = (region.clone(), key.id.clone());
    let replica = range.kms.key(&new).ok_or_else(missing)?;
    usable(replica)?;
    let mut replicas = vec![all.primary.clone()];
    replicas.extend(all.replicas.iter().filter(|r| **r != region).cloned());
    let all = MultiRegion {
        primary: region,
        replicas,
    };
    let (event, own) = (
        record::service_event(
            replica,
            "SynchronizeMultiRegionKey",
            json!({"keyId": key.id}),
        ),
        key.place(),
    );
    let places: Vec<_> = std::iter::once(own).chain(key.elsewhere()).collect();
    for place in places {
        range
            .kms
            .change(&place, |key| key.multi_region = Some(all.clone()));
    }
    let record = RecordExtras {
        service_events: vec![event],
        ..RecordExtras::default()
    };
    Ok(Reply {
        record,
        ..Reply::empty()
    })
}
