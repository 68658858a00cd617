//! Who may: what each operation of KMS needs, on which key, under which key policy and grant.
//!
//! Owns KMS's condition keys, and the words with which it refuses. Decides nothing itself.

use std::collections::BTreeMap;

use serde_json::Value;
use stockade_keys::Blob;
use stockade_policy::{Context, Decision, PolicyKind, ResourceRule};
use stockade_wire::AwsError;

use super::data::{self, bytes};
use super::naming::{self, Found, Name, Takes};
use super::state::{Key, Place, alias_arn};
use super::{errors, grant_access, managed};
use crate::call::Call;
use crate::row::Need;
use crate::state::State as Range;

/// The operations that take aliases where they ask for a key.
const BY_ALIAS: [&str; 17] = [
    "Decapsulate",
    "Decrypt",
    "DeriveSharedSecret",
    "DescribeKey",
    "Encapsulate",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GetPublicKey",
    "ReEncrypt",
    "Sign",
    "Verify",
    "VerifyMac",
    "ListAliases",
];

/// The other operations that can be called on a key of another account.
const ABROAD: [&str; 5] = [
    "CreateGrant",
    "GetKeyRotationStatus",
    "ListGrants",
    "RetireGrant",
    "RevokeGrant",
];

/// Why one is refused a key of another account that does not let one in, or that there is not.
const UNSEEN: &str = "because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access";

/// A text member of the input.
pub fn text<'a>(call: &Call<'a>, member: &str) -> Option<&'a str> {
    call.input.get(member).and_then(Value::as_str)
}

/// Whether the call is one that only asks whether it would do.
pub fn is_dry_run(call: &Call<'_>) -> bool {
    call.input.get("DryRun").and_then(Value::as_bool) == Some(true)
}

/// Whether a dry run may leave out the ciphertext.
pub fn ignores_ciphertext(call: &Call<'_>) -> bool {
    let modifiers = call.input.get("DryRunModifiers").and_then(Value::as_array);
    is_dry_run(call) && modifiers.is_some_and(|all| all.iter().any(|m| m == "IGNORE_CIPHERTEXT"))
}

/// The pairs of a member of the input.
pub fn pairs(input: &Value) -> BTreeMap<String, String> {
    let members = input.as_object().into_iter().flatten();
    members
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// The encryption context of a call, by its member's name.
pub fn encryption_context(call: &Call<'_>, member: &str) -> BTreeMap<String, String> {
    call.input.get(member).map(pairs).unwrap_or_default()
}

/// What a call must be allowed to do.
///
/// # Errors
/// What KMS says before it asks who calls: that there is no such key.
pub fn needs(range: &Range, call: &Call<'_>) -> Result<Vec<Need>, AwsError> {
    match call.operation {
        "CreateKey" => Ok(creation(call)),
        "CreateAlias" => {
            let mut needs = vec![alias_need(call)];
            needs.push(of_member(range, call, "TargetKeyId")?);
            Ok(needs)
        }
        "UpdateAlias" | "DeleteAlias" => alias_change(range, call),
        "ReEncrypt" => re_encryption(range, call),
        "Decrypt" => {
            let found = ciphertext_key(range, call, "KeyId")?;
            Ok(vec![need(range, call, "kms:Decrypt", found)])
        }
        "RetireGrant" => grant_access::retirement(range, call),
        "DescribeKey" => description(range, call),
        "ListKeys" | "ListAliases" | "ListRetirableGrants" | "GenerateRandom" => {
            Ok(vec![on_all(call)])
        }
        "ReplicateKey" => {
            let key = of_member(range, call, "KeyId")?;
            Ok(std::iter::once(key).chain(creation(call)).collect())
        }
        operation if operation.contains("CustomKeyStore") => Ok(vec![on_all(call)]),
        _ => Ok(vec![of_member(range, call, "KeyId")?]),
    }
}

fn on_all(call: &Call<'_>) -> Need {
    Need {
        context: caller_context(call),
        ..Need::new(&format!("kms:{}", call.operation), "*")
    }
}

fn of_member(range: &Range, call: &Call<'_>, member: &str) -> Result<Need, AwsError> {
    let found = named(range, call, text(call, member).unwrap_or_default())?;
    let action = format!("kms:{}", call.operation);
    Ok(need(range, call, &action, found))
}

/// The key that a caller names.
///
/// # Errors
/// That there is none; to strangers, that they may not.
pub fn named<'a>(range: &'a Range, call: &Call<'_>, name: &str) -> Result<Found<'a>, AwsError> {
    let by_alias = BY_ALIAS.contains(&call.operation);
    let takes = if by_alias {
        Takes::Aliases
    } else {
        Takes::Keys
    };
    let read = Name::read(name, call)?;
    let found = naming::find(range, call, name, takes);
    if read.account() == call.account() {
        return found;
    }
    let abroad = by_alias || ABROAD.contains(&call.operation);
    let found = found.ok().filter(|_| abroad);
    found.ok_or_else(|| unseen(call, &action_of(call), &read.arn(call.region)))
}

fn action_of(call: &Call<'_>) -> String {
    match call.operation {
        "ReEncrypt" => "kms:ReEncryptTo".to_owned(),
        operation => format!("kms:{operation}"),
    }
}

fn unseen(call: &Call<'_>, action: &str, arn: &str) -> AwsError {
    let message = format!(
        "User: {} is not authorized to perform: {action} on resource: {arn} {UNSEEN}",
        call.caller.arn
    );
    errors::of("AccessDeniedException", message)
}

/// The key that a ciphertext is of: the one that the caller names, or the one that the ciphertext does.
///
/// # Errors
/// `InvalidCiphertextException`; that there is no such key, or that the caller may not.
pub fn ciphertext_key<'a>(
    range: &'a Range,
    call: &Call<'_>,
    member: &str,
) -> Result<Found<'a>, AwsError> {
    if let Some(name) = text(call, member) {
        return named(range, call, name);
    }
    let Some(ciphertext) = call.input.get("CiphertextBlob") else {
        return Err(errors::validation(
            "Either the ciphertext or the key must be given.",
        ));
    };
    let blob = Blob::from_bytes(&bytes(ciphertext)).map_err(errors::cryptography)?;
    let place: Place = (call.region.clone(), blob.key_id);
    let key = range.kms.key(&place).ok_or_else(|| {
        let action = if call.operation == "ReEncrypt" {
            "kms:ReEncryptFrom"
        } else {
            "kms:Decrypt"
        };
        let message = format!(
            "User: {} is not authorized to perform: {action} on the resource associated with this ciphertext {UNSEEN}",
            call.caller.arn
        );
        errors::of("AccessDeniedException", message)
    })?;
    Ok(Found { key, alias: None })
}

/// An action on a key, with all that has a say.
pub fn need(range: &Range, call: &Call<'_>, action: &str, found: Found<'_>) -> Need {
    let key = found.key;
    let mut context = request_context(call, action);
    key_context(key, &mut context);
    if let Some(alias) = found.alias {
        context.set("kms:RequestAlias", alias);
    }
    Need {
        owner: Some(key.account.clone()),
        context,
        policy: Some((key.policy.compiled.clone(), ResourceRule::KmsKey)),
        grant: grant_access::allowing(range, call, key, action),
        ..Need::new(action, key.arn())
    }
}

fn re_encryption(range: &Range, call: &Call<'_>) -> Result<Vec<Need>, AwsError> {
    let source = ciphertext_key(range, call, "SourceKeyId")?;
    let destination = named(
        range,
        call,
        text(call, "DestinationKeyId").unwrap_or_default(),
    )?;
    let same = source.key.place() == destination.key.place();
    let mut needs = vec![
        need(range, call, "kms:ReEncryptFrom", source),
        need(range, call, "kms:ReEncryptTo", destination),
    ];
    for need in &mut needs {
        need.context.set("kms:ReEncryptOnSameKey", same.to_string());
    }
    Ok(needs)
}

/// A predefined alias has a key from its first look on.
fn description(range: &Range, call: &Call<'_>) -> Result<Vec<Need>, AwsError> {
    let name = text(call, "KeyId").unwrap_or_default();
    match managed::to_be_made(range, call, name) {
        Some(key) => {
            let found = Found {
                key: &key,
                alias: None,
            };
            Ok(vec![need(range, call, "kms:DescribeKey", found)])
        }
        None => Ok(vec![of_member(range, call, "KeyId")?]),
    }
}

fn creation(call: &Call<'_>) -> Vec<Need> {
    let mut context = caller_context(call);
    let spec = text(call, "KeySpec").or_else(|| text(call, "CustomerMasterKeySpec"));
    let spec = spec.unwrap_or("SYMMETRIC_DEFAULT");
    let usage = text(call, "KeyUsage").unwrap_or("ENCRYPT_DECRYPT");
    let multi = call.input.get("MultiRegion").and_then(Value::as_bool) == Some(true);
    context.set("kms:KeySpec", spec);
    context.set("kms:CustomerMasterKeySpec", spec);
    context.set("kms:KeyUsage", usage);
    context.set("kms:CustomerMasterKeyUsage", usage);
    context.set("kms:KeyOrigin", text(call, "Origin").unwrap_or("AWS_KMS"));
    context.set("kms:MultiRegion", multi.to_string());
    if multi {
        context.set("kms:MultiRegionKeyType", "PRIMARY");
    }
    bypass_context(call, &mut context);
    let tags = tag_context(call, &mut context);
    let mut needs = vec![Need {
        context: context.clone(),
        ..Need::new("kms:CreateKey", "*")
    }];
    if tags {
        needs.push(Need {
            context,
            ..Need::new("kms:TagResource", managed::any_key_arn(call))
        });
    }
    needs
}

fn alias_need(call: &Call<'_>) -> Need {
    let name = text(call, "AliasName").unwrap_or_default();
    Need {
        context: caller_context(call),
        owner: Some(call.account().clone()),
        ..Need::new(
            &format!("kms:{}", call.operation),
            alias_arn(call.region, call.account(), name),
        )
    }
}

fn alias_change(range: &Range, call: &Call<'_>) -> Result<Vec<Need>, AwsError> {
    let name = text(call, "AliasName").unwrap_or_default();
    let mut needs = vec![alias_need(call)];
    let alias = range.kms.alias(call.account(), call.region, name);
    let key = alias.and_then(|alias| range.kms.key(&(call.region.clone(), alias.target.clone())));
    if let Some(key) = key {
        let action = format!("kms:{}", call.operation);
        needs.push(need(range, call, &action, Found { key, alias: None }));
    }
    if call.operation == "UpdateAlias" {
        needs.push(of_member(range, call, "TargetKeyId")?);
    }
    Ok(needs)
}

/// What every call carries.
fn caller_context(call: &Call<'_>) -> Context {
    let mut context = Context::new().with("kms:CallerAccount", call.account().as_str());
    if let Some(service) = call.via {
        let via = format!("{service}.{}.amazonaws.com", call.region);
        context.set("kms:ViaService", via);
    }
    context
}

fn bypass_context(call: &Call<'_>, context: &mut Context) {
    let bypass = call.input.get("BypassPolicyLockoutSafetyCheck");
    let bypass = bypass.and_then(Value::as_bool) == Some(true);
    context.set("kms:BypassPolicyLockoutSafetyCheck", bypass.to_string());
}

/// The tags that a call brings; whether there are any.
fn tag_context(call: &Call<'_>, context: &mut Context) -> bool {
    let tags = data::tags(call);
    for tag in &tags {
        context.set(&format!("aws:RequestTag/{}", tag.key), tag.value.as_str());
    }
    let mut keys: Vec<String> = tags.into_iter().map(|tag| tag.key).collect();
    keys.extend(data::texts(call, "TagKeys"));
    let any = !keys.is_empty();
    context.insert("aws:TagKeys", keys);
    any
}

/// What a key brings.
fn key_context(key: &Key, context: &mut Context) {
    context.set("kms:KeySpec", key.spec.name());
    context.set("kms:CustomerMasterKeySpec", key.spec.name());
    context.set("kms:KeyUsage", key.usage.name());
    context.set("kms:CustomerMasterKeyUsage", key.usage.name());
    context.set("kms:KeyOrigin", key.origin.name());
    context.set("kms:MultiRegion", key.multi_region.is_some().to_string());
    if key.multi_region.is_some() {
        let kind = if key.is_primary() {
            "PRIMARY"
        } else {
            "REPLICA"
        };
        context.set("kms:MultiRegionKeyType", kind);
    }
    context.insert("kms:ResourceAliases", key.aliases.iter().cloned());
    for tag in &key.tags {
        context.set(&format!("aws:ResourceTag/{}", tag.key), tag.value.as_str());
    }
}

/// Members of the input that are condition keys as they stand.
const MEMBERS: [(&str, &str); 13] = [
    ("SigningAlgorithm", "kms:SigningAlgorithm"),
    ("MacAlgorithm", "kms:MacAlgorithm"),
    ("KeyAgreementAlgorithm", "kms:KeyAgreementAlgorithm"),
    ("KeyPairSpec", "kms:DataKeyPairSpec"),
    ("WrappingAlgorithm", "kms:WrappingAlgorithm"),
    ("WrappingKeySpec", "kms:WrappingKeySpec"),
    ("ExpirationModel", "kms:ExpirationModel"),
    ("ValidTo", "kms:ValidTo"),
    ("RotationPeriodInDays", "kms:RotationPeriodInDays"),
    ("ReplicaRegion", "kms:ReplicaRegion"),
    ("PrimaryRegion", "kms:PrimaryRegion"),
    ("GranteePrincipal", "kms:GranteePrincipal"),
    ("RetiringPrincipal", "kms:RetiringPrincipal"),
];

/// What a call brings for one of its actions.
fn request_context(call: &Call<'_>, action: &str) -> Context {
    let mut context = caller_context(call);
    for (member, key) in MEMBERS {
        match call.input.get(member) {
            Some(Value::String(value)) => context.set(key, value.as_str()),
            Some(value @ Value::Number(_)) => context.set(key, value.to_string()),
            _ => {}
        }
    }
    let encryption = |context: &mut Context, member: &str, algorithm: &str| {
        let pairs = encryption_context(call, member);
        for (key, value) in &pairs {
            context.set(&format!("kms:EncryptionContext:{key}"), value.as_str());
        }
        context.insert("kms:EncryptionContextKeys", pairs.into_keys());
        let algorithm = text(call, algorithm).unwrap_or("SYMMETRIC_DEFAULT");
        context.set("kms:EncryptionAlgorithm", algorithm);
    };
    match action.strip_prefix("kms:").unwrap_or(action) {
        "Encrypt" | "Decrypt" => {
            encryption(&mut context, "EncryptionContext", "EncryptionAlgorithm");
        }
        operation if operation.starts_with("GenerateDataKey") => {
            encryption(&mut context, "EncryptionContext", "EncryptionAlgorithm");
        }
        "ReEncryptFrom" => encryption(
            &mut context,
            "SourceEncryptionContext",
            "SourceEncryptionAlgorithm",
        ),
        "ReEncryptTo" => encryption(
            &mut context,
            "DestinationEncryptionContext",
            "DestinationEncryptionAlgorithm",
        ),
        "Sign" | "Verify" => {
            context.set(
                "kms:MessageType",
                text(call, "MessageType").unwrap_or("RAW"),
            );
        }
        "CreateGrant" => grant_access::request_context(call, &mut context),
        "ListGrants" | "RevokeGrant" => {
            context.set("kms:GrantIsForAWSResource", call.via.is_some().to_string());
        }
        "PutKeyPolicy" | "ReplicateKey" => bypass_context(call, &mut context),
        "ScheduleKeyDeletion" => {
            let days = call
                .input
                .get("PendingWindowInDays")
                .and_then(Value::as_i64);
            let days = days.unwrap_or(super::deletion::DAYS);
            context.set(
                "kms:ScheduleKeyDeletionPendingWindowInDays",
                days.to_string(),
            );
        }
        "ImportKeyMaterial" if !call.input.contains_key("ExpirationModel") => {
            context.set("kms:ExpirationModel", "KEY_MATERIAL_EXPIRES");
        }
        _ => {}
    }
    if matches!(
        call.operation,
        "TagResource" | "UntagResource" | "ReplicateKey"
    ) {
        tag_context(call, &mut context);
    }
    context
}

/// The words of a refusal, where KMS has its own.
pub fn refusal_words(call: &Call<'_>, need: &Need, decision: &Decision, message: String) -> String {
    let on = format!(" on resource: {}", need.resource);
    let member = match need.action.as_str() {
        "kms:Decrypt" => Some("KeyId"),
        "kms:ReEncryptFrom" => Some("SourceKeyId"),
        _ => None,
    };
    let by_ciphertext = member.is_some_and(|member| !call.input.contains_key(member));
    let shown = if by_ciphertext {
        " on the resource associated with this ciphertext".to_owned()
    } else {
        on.clone()
    };
    let own = need
        .owner
        .as_ref()
        .is_none_or(|owner| owner == call.account());
    let by_resource = matches!(
        decision.decided_by,
        Some(PolicyKind::Resource | PolicyKind::Trust)
    );
    // Another account's policy is nobody's business.
    if !own && by_resource {
        return format!(
            "User: {} is not authorized to perform: {}{shown} {UNSEEN}",
            call.caller.principal.name(),
            need.action
        );
    }
    match by_ciphertext {
        true => message.replacen(&on, &shown, 1),
        false => message,
    }
}
