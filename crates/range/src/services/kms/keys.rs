//! Keys: made, described, listed, switched on and off.
//!
//! Owns what a key may be made of. Its way out is `deletion.rs`, its material's `import.rs` and `rotation.rs`.

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_keys::{KeySpec, KeyUsage, Material};
use stockade_wire::AwsError;

use super::access::named;
use super::data::page;
use super::readiness::not_going;
use super::state::{
    KeptMaterial, Key, KeyPolicy, KeyState, MultiRegion, Origin, Rotation, Standing, Tag,
};
use super::{errors, managed, metadata, policies, tags};
use crate::call::{Call, RecordExtras, Reply};
use crate::state::State as Range;
use crate::table::Table;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    #[serde(default)]
    description: String,
    key_usage: Option<String>,
    key_spec: Option<String>,
    customer_master_key_spec: Option<String>,
    origin: Option<String>,
    custom_key_store_id: Option<String>,
    xks_key_id: Option<String>,
    #[serde(default)]
    multi_region: bool,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// `CreateKey`.
pub fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let (spec, usage) = kind(&input)?;
    let origin = origin(&input)?;
    let tags = tags::merged(&[], input.tags)?;
    // The ids come first, for the policy is checked on the key that it is for.
    let id = new_id(range, input.multi_region);
    let mut key = Key {
        id,
        account: call.account().clone(),
        region: call.region.clone(),
        created: call.now,
        description: input.description,
        spec,
        usage,
        origin,
        enabled: true,
        service: None,
        policy: policies::usual(call.account()),
        tags,
        deletion: None,
        multi_region: input.multi_region.then(|| MultiRegion {
            primary: call.region.clone(),
            replicas: Vec::new(),
        }),
        rotation: Rotation::default(),
        materials: Vec::new(),
        aliases: Vec::new(),
        grants: Table::new(),
    };
    key.policy = policies::of_call(range, call, &key)?;
    if origin == Origin::Kms {
        key.materials.push(new_material(range, &key)?);
    }
    let answer = json!({"KeyMetadata": metadata::shown(&key)});
    let record = RecordExtras {
        resources: Some(super::record::resources([&key])),
        ..RecordExtras::default()
    };
    range.kms.put(key);
    Ok(Reply {
        record,
        ..Reply::of_value(answer)
    })
}

/// A new key's id.
pub fn new_id(range: &mut Range, multi_region: bool) -> String {
    match multi_region {
        true => format!("mrk-{}", range.ids.hex(32)),
        false => range.ids.uuid(),
    }
}

/// New material for a key, in use.
///
/// # Errors
/// `KMSInternalException`.
pub fn new_material(range: &mut Range, key: &Key) -> Result<KeptMaterial, AwsError> {
    let material = Material::generate(key.spec).map_err(errors::cryptography)?;
    let id = range.ids.hex(64);
    let sealed = range.kms.vault.seal(&key.id, &id, &material)?;
    Ok(KeptMaterial {
        id,
        sealed: Some(sealed),
        standing: Standing::Current,
        rotated: None,
        expires: None,
        description: None,
    })
}

/// What a key is to be, and for what.
fn kind(input: &Create) -> Result<(KeySpec, KeyUsage), AwsError> {
    let spec = match (&input.key_spec, &input.customer_master_key_spec) {
        (Some(_), Some(_)) => {
            return Err(errors::validation(
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
            ));
        }
        (Some(name), None) | (None, Some(name)) => name.as_str(),
        (None, None) => "SYMMETRIC_DEFAULT",
    };
    let spec = KeySpec::named(spec).ok_or_else(|| {
        errors::unsupported(format!("KeySpec {spec} is not supported in this region."))
    })?;
    let usage = match &input.key_usage {
        Some(name) => KeyUsage::named(name),
        None if spec == KeySpec::Symmetric => Some(KeyUsage::EncryptDecrypt),
        None => None,
    };
    let usage = usage.ok_or_else(|| {
        errors::validation(
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        )
    })?;
    if !spec.usages().contains(&usage) {
        return Err(errors::validation(format!(
            "KeyUsage {} is not compatible with KeySpec {}",
            usage.name(),
            spec.name()
        )));
    }
    Ok((spec, usage))
}

/// Where the material is to come from. Custom key stores need what no range has: a cluster, or a key manager elsewhere.
fn origin(input: &Create) -> Result<Origin, AwsError> {
    let origin = input.origin.as_deref().unwrap_or("AWS_KMS");
    let in_store = matches!(origin, "AWS_CLOUDHSM" | "EXTERNAL_KEY_STORE");
    match (&input.custom_key_store_id, in_store) {
        (Some(id), true) => return Err(errors::no_store(id)),
        (None, true) => {
            return Err(errors::validation(format!(
                "You must specify a CustomKeyStoreId when the Origin is {origin}."
            )));
        }
        (Some(_), false) => {
            return Err(errors::validation(format!(
                "You cannot specify a CustomKeyStoreId when the Origin is {origin}."
            )));
        }
        (None, false) => {}
    }
    if input.xks_key_id.is_some() {
        return Err(errors::validation(format!(
            "You cannot specify an XksKeyId when the Origin is {origin}."
        )));
    }
    Ok(match origin {
        "EXTERNAL" => Origin::External,
        _ => Origin::Kms,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfKey {
    key_id: String,
}

/// `DescribeKey`. AWS's own aliases have a key from their first look on.
pub fn describe(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfKey = call.read()?;
    super::grant_access::check_tokens(range, call)?;
    if let Some(key) = managed::to_be_made(range, call, &input.key_id) {
        let key = managed::make(range, key)?;
        let key = range.kms.key(&key).ok_or_else(errors::internal)?;
        return Ok(described(key));
    }
    let key = named(range, call, &input.key_id)?.key;
    Ok(described(key))
}

fn described(key: &Key) -> Reply {
    Reply::of_value(json!({"KeyMetadata": metadata::shown(key)}))
}

/// `ListKeys`.
pub fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let owners = super::data::texts(call, "ResourceOwners");
    // Nothing is shared by RAM in the range.
    let own = owners.is_empty() || owners.iter().any(|owner| owner == "SELF");
    let keys = range.kms.keys_of(call.account(), call.region);
    let keys = keys.filter(|_| own).map(|key| {
        let shown = json!({"KeyId": key.id, "KeyArn": key.arn()});
        (key.id.clone(), shown)
    });
    page(call, "Keys", 100, keys)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    key_id: String,
    description: String,
}

/// `UpdateKeyDescription`.
pub fn update_description(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Describe = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    not_going(key)?;
    let place = key.place();
    range
        .kms
        .change(&place, |key| key.description = input.description);
    Ok(Reply::empty())
}

/// `EnableKey`.
pub fn enable(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    switch(range, call, true)
}

/// `DisableKey`.
pub fn disable(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    switch(range, call, false)
}

fn switch(range: &mut Range, call: &Call<'_>, enabled: bool) -> Result<Reply, AwsError> {
    let input: OfKey = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    not_going(key)?;
    if key.state() == KeyState::PendingImport {
        return Err(errors::invalid_state(&key.arn(), "pending import"));
    }
    let place = key.place();
    range.kms.change(&place, |key| key.enabled = enabled);
    Ok(Reply::empty())
}

/// `GetKeyLastUsage`: what the range remembers of it since it was started.
pub fn last_usage(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfKey = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    let used = range.kms.vault.last_use(&key.place());
    let used = used.map(|used| {
        json!({
            "Operation": used.operation,
            "Timestamp": used.at.to_string(),
            "KmsRequestId": used.request_id,
        })
    });
    let created = key.created.to_string();
    let mut answer = json!({
        "KeyId": key.arn(),
        "TrackingStartDate": created,
        "KeyCreationDate": created,
    });
    if let (Some(used), Some(members)) = (used, answer.as_object_mut()) {
        members.insert("KeyLastUsage".to_owned(), used);
    }
    Ok(Reply::of_value(answer))
}

/// A key of a policy and material that somebody else has thought out.
pub fn of_service(
    call: &Call<'_>,
    id: String,
    service: &str,
    description: String,
    policy: KeyPolicy,
) -> Key {
    Key {
        id,
        account: call.account().clone(),
        region: call.region.clone(),
        created: call.now,
        description,
        spec: KeySpec::Symmetric,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::Kms,
        enabled: true,
        service: Some(service.to_owned()),
        policy,
        tags: Vec::new(),
        deletion: None,
        multi_region: None,
        rotation: Rotation::default(),
        materials: Vec::new(),
        aliases: Vec::new(),
        grants: Table::new(),
    }
}

/// The answer that names a key by its ARN.
pub fn answer_of(key: &Key) -> Value {
    json!({"KeyId": key.arn()})
}
