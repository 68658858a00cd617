//! KMS's records in the trail: which keys a call touched, what it asked for, and nothing that is secret.
//!
//! Owns what they show other than by the rule. Writes no record itself.

use serde_json::{Map, Value, json};
use stockade_model::AccountId;

use super::access::{ciphertext_key, named, text};
use super::grants;
use super::state::{Key, Place};
use crate::call::{Call, RecordExtras, Reply, ServiceEvent};
use crate::row::Access;
use crate::services;
use crate::state::State as Range;

/// `resources`.
pub fn resources<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Value {
    keys.into_iter()
        .map(|key| {
            json!({
                "accountId": key.account.as_str(),
                "type": "AWS::KMS::Key",
                "ARN": key.arn(),
            })
        })
        .collect()
}

/// An event of KMS itself, on a key.
pub fn service_event(key: &Key, name: &str, details: Value) -> ServiceEvent {
    ServiceEvent {
        account: key.account.clone(),
        name: name.to_owned(),
        details,
        invoked_by: "AWS Internal".to_owned(),
        read_only: false,
        region: Some(key.region.clone()),
        resources: Some(resources([key])),
    }
}

/// The keys that a call is about, as far as they can be told.
fn touched<'a>(range: &'a Range, call: &Call<'_>) -> Vec<&'a Key> {
    let of = |member: &str| {
        let name = text(call, member)?;
        named(range, call, name).ok().map(|found| found.key)
    };
    let of_alias = || {
        let alias = range
            .kms
            .alias(call.account(), call.region, text(call, "AliasName")?)?;
        let place: Place = (call.region.clone(), alias.target.clone());
        range.kms.key(&place)
    };
    let of_ciphertext = |member: &str| ciphertext_key(range, call, member).ok().map(|f| f.key);
    let keys = match call.operation {
        "Decrypt" => vec![of_ciphertext("KeyId")],
        "ReEncrypt" => vec![of_ciphertext("SourceKeyId"), of("DestinationKeyId")],
        "CreateAlias" => vec![of("TargetKeyId")],
        "UpdateAlias" => vec![of_alias(), of("TargetKeyId")],
        "DeleteAlias" => vec![of_alias()],
        "RetireGrant" => vec![grants::to_retire(range, call).ok().map(|(key, _)| key)],
        _ => vec![of("KeyId")],
    };
    keys.into_iter().flatten().collect()
}

/// What the record of a call shows, whether it succeeds or not.
pub fn describe(range: &Range, call: &Call<'_>) -> RecordExtras {
    let keys = touched(range, call);
    let owner: Option<&AccountId> = keys.first().map(|key| &key.account);
    let also_in = owner.filter(|owner| *owner != call.account()).cloned();
    RecordExtras {
        more_parameters: defaults(call),
        resources: (!keys.is_empty()).then(|| resources(keys)),
        also_in,
        ..RecordExtras::default()
    }
}

/// Parameters that a record shows though nobody gave them.
fn defaults(call: &Call<'_>) -> Map<String, Value> {
    let members: &[(&str, &str, Value)] = match call.operation {
        "Encrypt" | "Decrypt" => &[(
            "EncryptionAlgorithm",
            "encryptionAlgorithm",
            json!("SYMMETRIC_DEFAULT"),
        )],
        "ReEncrypt" => &[
            (
                "SourceEncryptionAlgorithm",
                "sourceEncryptionAlgorithm",
                json!("SYMMETRIC_DEFAULT"),
            ),
            (
                "DestinationEncryptionAlgorithm",
                "destinationEncryptionAlgorithm",
                json!("SYMMETRIC_DEFAULT"),
            ),
        ],
        "CreateKey" => &[
            ("Description", "description", json!("")),
            ("KeyUsage", "keyUsage", json!("ENCRYPT_DECRYPT")),
            ("KeySpec", "keySpec", json!("SYMMETRIC_DEFAULT")),
            (
                "CustomerMasterKeySpec",
                "customerMasterKeySpec",
                json!("SYMMETRIC_DEFAULT"),
            ),
            ("Origin", "origin", json!("AWS_KMS")),
            ("MultiRegion", "multiRegion", json!(false)),
            (
                "BypassPolicyLockoutSafetyCheck",
                "bypassPolicyLockoutSafetyCheck",
                json!(false),
            ),
        ],
        "PutKeyPolicy" => &[
            ("PolicyName", "policyName", json!("default")),
            (
                "BypassPolicyLockoutSafetyCheck",
                "bypassPolicyLockoutSafetyCheck",
                json!(false),
            ),
        ],
        "ReplicateKey" => &[
            ("Description", "description", json!("")),
            (
                "BypassPolicyLockoutSafetyCheck",
                "bypassPolicyLockoutSafetyCheck",
                json!(false),
            ),
        ],
        _ => &[],
    };
    let spec = call
        .input
        .get("KeySpec")
        .or_else(|| call.input.get("CustomerMasterKeySpec"));
    let missing = members
        .iter()
        .filter(|(member, ..)| !call.input.contains_key(*member));
    missing
        .map(|(_, shown, value)| {
            // The two names of the spec show the same.
            let value = match (shown.ends_with("eySpec"), spec) {
                (true, Some(spec)) => spec.clone(),
                _ => value.clone(),
            };
            ((*shown).to_owned(), value)
        })
        .collect()
}

/// The same, once the answer is known.
pub fn conclude(call: &Call<'_>, described: RecordExtras, reply: &Reply) -> RecordExtras {
    let is_write =
        services::row("kms", call.operation).is_some_and(|row| row.access == Access::Write);
    if call.operation == "CreateGrant" {
        let grant = reply.output.get("GrantId").cloned().unwrap_or_default();
        let mut elements = json!({"grantId": grant});
        if let (Some(members), Some(arn)) = (elements.as_object_mut(), first_arn(&described)) {
            members.insert("keyId".to_owned(), arn);
        }
        return RecordExtras {
            response_elements: Some(elements),
            ..described
        };
    }
    // A change that answers nothing shows which key it changed.
    let elements = match first_arn(&described) {
        Some(arn) if is_write && reply.output.is_empty() => Some(json!({"keyId": arn})),
        _ => None,
    };
    RecordExtras {
        response_elements: elements,
        ..described
    }
}

fn first_arn(described: &RecordExtras) -> Option<Value> {
    let first = described.resources.as_ref()?.get(0)?;
    first.get("ARN").cloned()
}
