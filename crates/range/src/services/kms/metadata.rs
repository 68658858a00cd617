//! `KeyMetadata`: a key as the API shows it.
//!
//! Owns which members go with which kind of key.

use serde_json::{Map, Value, json};
use stockade_keys::KeyUsage;
use stockade_model::Region;

use super::state::{Deletion, Key, KeyState, Origin, key_arn};

/// A key as answers show it.
pub fn shown(key: &Key) -> Value {
    let state = key.state();
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    put("AWSAccountId", json!(key.account.as_str()));
    put("KeyId", json!(key.id));
    put("Arn", json!(key.arn()));
    put("CreationDate", json!(key.created.to_string()));
    put("Enabled", json!(state == KeyState::Enabled));
    put("Description", json!(key.description));
    put("KeyUsage", json!(key.usage.name()));
    put("KeyState", json!(state.name()));
    put("Origin", json!(key.origin.name()));
    let manager = if key.service.is_some() {
        "AWS"
    } else {
        "CUSTOMER"
    };
    put("KeyManager", json!(manager));
    put("CustomerMasterKeySpec", json!(key.spec.name()));
    put("KeySpec", json!(key.spec.name()));
    for (name, value) in algorithms(key) {
        put(name, value);
    }
    put("MultiRegion", json!(key.multi_region.is_some()));
    if let Some(all) = &key.multi_region {
        let one = |region: &Region| {
            json!({
                "Arn": key_arn(region, &key.account, &key.id),
                "Region": region.as_str(),
            })
        };
        let kind = if key.is_primary() {
            "PRIMARY"
        } else {
            "REPLICA"
        };
        let replicas: Vec<Value> = all.replicas.iter().map(one).collect();
        put(
            "MultiRegionConfiguration",
            json!({
                "MultiRegionKeyType": kind,
                "PrimaryKey": one(&all.primary),
                "ReplicaKeys": replicas,
            }),
        );
    }
    match &key.deletion {
        Some(Deletion::At(at)) => put("DeletionDate", json!(at.to_string())),
        Some(Deletion::AfterReplicas(days)) => put("PendingDeletionWindowInDays", json!(days)),
        None => {}
    }
    let current = key.current();
    let imported = current.filter(|kept| key.origin == Origin::External && kept.sealed.is_some());
    if let Some(imported) = imported {
        let model = match imported.expires {
            Some(_) => "KEY_MATERIAL_EXPIRES",
            None => "KEY_MATERIAL_DOES_NOT_EXPIRE",
        };
        put("ExpirationModel", json!(model));
        if let Some(at) = imported.expires {
            put("ValidTo", json!(at.to_string()));
        }
    }
    if let Some(current) = current.filter(|_| key.spec == stockade_keys::KeySpec::Symmetric) {
        put("CurrentKeyMaterialId", json!(current.id));
    }
    Value::Object(shown)
}

/// The algorithms of a key's usage, by the members that show them.
pub fn algorithms(key: &Key) -> Vec<(&'static str, Value)> {
    let spec = key.spec;
    match key.usage {
        KeyUsage::EncryptDecrypt => {
            let names = spec.encryption_algorithms().iter().map(|a| a.name());
            vec![("EncryptionAlgorithms", names.collect())]
        }
        KeyUsage::SignVerify => {
            let names = spec.signing_algorithms().iter().map(|a| a.name());
            vec![("SigningAlgorithms", names.collect())]
        }
        KeyUsage::GenerateVerifyMac => {
            let names = spec.mac_algorithm().into_iter().map(|a| a.name());
            vec![("MacAlgorithms", names.collect())]
        }
        KeyUsage::KeyAgreement => vec![("KeyAgreementAlgorithms", json!(["ECDH"]))],
        KeyUsage::EncapsulateDecapsulate => {
            vec![("EncapsulationAlgorithms", json!(["ML_KEM"]))]
        }
    }
}
