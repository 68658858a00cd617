//! Grants: made and listed.
//!
//! Owns what a grant may say, and the form of its token. Whom it allows what is `grant_access.rs`, how it ends `grant_end.rs`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_keys::grant::can_allow;
use stockade_model::{AccountId, Arn};
use stockade_wire::AwsError;

use super::access::{is_dry_run, named, text};
use super::data::page;
use super::errors;
use super::grant_access::check_tokens;
use super::readiness::usable;
use super::state::{Grant, Key, Party, Place, key_arn};
use crate::call::{Call, Reply};
use crate::services::iam::unique_ids;
use crate::state::State as Range;

/// How many grants a key may have.
const MOST: usize = 50_000;
/// How many a page has where nobody says.
const PAGE: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    key_id: String,
    grantee_principal: Option<String>,
    grantee_service_principal: Option<String>,
    retiring_principal: Option<String>,
    retiring_service_principal: Option<String>,
    operations: Vec<String>,
    #[serde(default)]
    constraints: Constraints,
    name: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Constraints {
    encryption_context_equals: Option<BTreeMap<String, String>>,
    encryption_context_subset: Option<BTreeMap<String, String>>,
    source_arn: Option<String>,
}

/// `CreateGrant`.
pub fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    let place = key.place();
    check_tokens(range, call)?;
    usable(key)?;
    let grant = wanted(range, call, key, input)?;
    let known = key
        .grants
        .values()
        .find(|old| is_same(old, &grant))
        .cloned();
    if known.is_none() && key.grants.len() >= MOST {
        return Err(errors::limit_exceeded(format!(
            "You have exceeded the limit of {MOST} grants on {}.",
            key.arn()
        )));
    }
    if is_dry_run(call) {
        return Err(errors::dry_run());
    }
    // The same request with the same name again is the same grant, with another token.
    let id = match &known {
        Some(known) => known.id.clone(),
        None => range.ids.hex(64),
    };
    let token = token(&place, &id, &range.ids.hex(32));
    let grant = Grant {
        id: id.clone(),
        token: token.clone(),
        created: known.map_or(grant.created, |known| known.created),
        ..grant
    };
    range.kms.change(&place, |key| {
        key.grants.insert(id.clone(), grant);
    });
    Ok(Reply::of_value(json!({"GrantId": id, "GrantToken": token})))
}

fn is_same(one: &Grant, other: &Grant) -> bool {
    let same = Grant {
        id: one.id.clone(),
        token: one.token.clone(),
        created: one.created,
        ..other.clone()
    };
    one.name.is_some() && *one == same
}

/// The grant that a call asks for, without its id and token.
fn wanted(range: &Range, call: &Call<'_>, key: &Key, input: Create) -> Result<Grant, AwsError> {
    if input.operations.is_empty() {
        return Err(errors::validation(
            "1 validation error detected: Value '[]' at 'operations' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ));
    }
    let mut operations = input.operations;
    let mut seen = Vec::new();
    operations.retain(|operation| {
        let new = !seen.contains(operation);
        seen.push(operation.clone());
        new
    });
    for operation in &operations {
        if !can_allow(operation, key.spec, key.usage) {
            return Err(errors::validation(format!(
                "Operation {operation} is not supported by the key {}.",
                key.arn()
            )));
        }
    }
    let Constraints {
        encryption_context_equals: equals,
        encryption_context_subset: subset,
        source_arn,
    } = input.constraints;
    if equals.is_some() && subset.is_some() {
        return Err(errors::validation(
            "Only one of EncryptionContextEquals and EncryptionContextSubset can be specified in the constraints of a grant.",
        ));
    }
    let is_symmetric = key.spec == stockade_keys::KeySpec::Symmetric;
    if !is_symmetric && (equals.is_some() || subset.is_some()) {
        return Err(errors::validation(
            "Encryption context constraints are supported only on grants for symmetric encryption KMS keys.",
        ));
    }
    let grantee = one(
        range,
        "grantee",
        input.grantee_principal,
        input.grantee_service_principal,
    )?;
    let grantee = grantee.ok_or_else(|| {
        errors::validation("Either GranteePrincipal or GranteeServicePrincipal must be specified.")
    })?;
    let retiring = one(
        range,
        "retiring",
        input.retiring_principal,
        input.retiring_service_principal,
    )?;
    Ok(Grant {
        id: String::new(),
        name: input.name,
        created: call.now,
        grantee,
        retiring,
        issuer: call.account().clone(),
        operations,
        equals,
        subset,
        source_arn,
        token: String::new(),
    })
}

/// One side of a grant: a principal or a service, not both.
fn one(
    range: &Range,
    side: &str,
    principal: Option<String>,
    service: Option<String>,
) -> Result<Option<Party>, AwsError> {
    match (principal, service) {
        (Some(_), Some(_)) => Err(errors::validation(format!(
            "Only one {side} principal can be specified."
        ))),
        (Some(name), None) => party(range, name).map(Some),
        (None, Some(name)) => Ok(Some(Party {
            name,
            unique_id: None,
            is_service: true,
        })),
        (None, None) => Ok(None),
    }
}

/// A principal by its ARN. One of an account that the range has must be there; the others are taken on trust.
fn party(range: &Range, name: String) -> Result<Party, AwsError> {
    // Services were named so before there was a member for them.
    if !name.starts_with("arn:") && name.ends_with(".amazonaws.com") {
        return Ok(Party {
            name,
            unique_id: None,
            is_service: true,
        });
    }
    let invalid = || errors::of("InvalidArnException", format!("ARN '{name}' is invalid."));
    if name.parse::<AccountId>().is_ok() {
        return Ok(Party {
            name: format!("arn:aws:iam::{name}:root"),
            unique_id: None,
            is_service: false,
        });
    }
    let arn: Arn = name.parse().map_err(|_| invalid())?;
    let shaped = match (arn.service.as_str(), arn.resource_type()) {
        ("iam", "root" | "user" | "role") | ("sts", "assumed-role" | "federated-user") => {
            arn.account.parse::<AccountId>().is_ok()
        }
        _ => false,
    };
    if !shaped {
        return Err(invalid());
    }
    let unique_id = unique_ids::of_arn(range, &arn).map_err(|unique_ids::Stranger(_)| invalid())?;
    Ok(Party {
        name,
        unique_id,
        is_service: false,
    })
}

/// A grant token: it tells where the grant is, and proves it by chance.
fn token(place: &Place, id: &str, chance: &str) -> String {
    let (region, key) = place;
    STANDARD.encode(format!("grant/{region}/{key}/{id}/{chance}"))
}

/// The grant of a token, and its key.
pub fn of_token<'a>(range: &'a Range, token: &str) -> Option<(&'a Key, &'a Grant)> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let parts: Vec<&str> = text.split('/').collect();
    let ["grant", region, key, id, _] = parts.as_slice() else {
        return None;
    };
    let place = (region.parse().ok()?, (*key).to_owned());
    let key = range.kms.key(&place)?;
    let grant = key.grants.get(*id)?;
    (grant.token == token).then_some((key, grant))
}

/// The grant that a call is to end, by its token or by its key and id.
///
/// # Errors
/// That there is none.
pub fn to_retire<'a>(range: &'a Range, call: &Call<'_>) -> Result<(&'a Key, &'a Grant), AwsError> {
    match (
        text(call, "GrantToken"),
        text(call, "KeyId"),
        text(call, "GrantId"),
    ) {
        (Some(token), None, None) => of_token(range, token)
            .filter(|(key, _)| key.region == *call.region)
            .ok_or_else(|| errors::of("InvalidGrantTokenException", "")),
        (None, Some(key), Some(id)) => {
            let key = named(range, call, key)?.key;
            Ok((key, of_id(key, id)?))
        }
        _ => Err(errors::validation(
            "Specify either the grant token, or the key ID and the grant ID.",
        )),
    }
}

/// A grant of a key by its id.
///
/// # Errors
/// `InvalidGrantIdException`, `NotFoundException`.
pub fn of_id<'a>(key: &'a Key, id: &str) -> Result<&'a Grant, AwsError> {
    let is_id = id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_id {
        return Err(errors::of("InvalidGrantIdException", "Invalid grant ID"));
    }
    key.grants
        .get(id)
        .ok_or_else(|| errors::not_found(format!("Grant ID {id} not found")))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    key_id: String,
    grant_id: Option<String>,
    grantee_principal: Option<String>,
    grantee_service_principal: Option<String>,
}

/// `ListGrants`.
pub fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: List = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    let one = input.grant_id.as_deref().map(|id| of_id(key, id));
    let one = one.transpose()?.map(|grant| &grant.id);
    let by_name = |party: &Party, name: &Option<String>, is_service: bool| {
        name.as_ref()
            .is_none_or(|name| party.name == *name && party.is_service == is_service)
    };
    let grants = key.grants.values().filter(|grant| {
        one.is_none_or(|id| grant.id == *id)
            && by_name(&grant.grantee, &input.grantee_principal, false)
            && by_name(&grant.grantee, &input.grantee_service_principal, true)
    });
    page(
        call,
        "Grants",
        PAGE,
        grants.map(|grant| (grant.id.clone(), shown(key, grant))),
    )
}

/// `ListRetirableGrants`: of the caller's account and region, those that somebody may retire.
pub fn list_retirable(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let principal = text(call, "RetiringPrincipal");
    let service = text(call, "RetiringServicePrincipal");
    let (name, is_service) = match (principal, service) {
        (Some(name), None) => (name, false),
        (None, Some(name)) => (name, true),
        _ => {
            return Err(errors::validation(
                "Specify one retiring principal: RetiringPrincipal or RetiringServicePrincipal.",
            ));
        }
    };
    let is_arn = name.parse::<Arn>().is_ok_and(|arn| {
        matches!(arn.service.as_str(), "iam" | "sts") && arn.account.parse::<AccountId>().is_ok()
    });
    if !is_service && !is_arn && !name.ends_with(".amazonaws.com") {
        return Err(errors::of(
            "InvalidArnException",
            format!("ARN '{name}' is invalid."),
        ));
    }
    let keys = range.kms.keys_of(call.account(), call.region);
    let grants = keys.flat_map(|key| key.grants.values().map(move |grant| (key, grant)));
    let grants = grants.filter(|(_, grant)| {
        let retiring = grant.retiring.as_ref();
        retiring.is_some_and(|party| party.name == name)
    });
    page(
        call,
        "Grants",
        PAGE,
        grants.map(|(key, grant)| (grant.id.clone(), shown(key, grant))),
    )
}

fn shown(key: &Key, grant: &Grant) -> Value {
    let mut shown = json!({
        "KeyId": key_arn(&key.region, &key.account, &key.id),
        "GrantId": grant.id,
        "Name": grant.name.clone().unwrap_or_default(),
        "CreationDate": grant.created.to_string(),
        "IssuingAccount": format!("arn:aws:iam::{}:root", grant.issuer),
        "Operations": grant.operations,
    });
    let mut constraints = json!({});
    let put = |target: &mut Value, name: &str, value: Value| {
        if let Some(members) = target.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    if let Some(pairs) = &grant.equals {
        put(&mut constraints, "EncryptionContextEquals", json!(pairs));
    }
    if let Some(pairs) = &grant.subset {
        put(&mut constraints, "EncryptionContextSubset", json!(pairs));
    }
    if let Some(arn) = &grant.source_arn {
        put(&mut constraints, "SourceArn", json!(arn));
    }
    if constraints.as_object().is_some_and(|all| !all.is_empty()) {
        put(&mut shown, "Constraints", constraints);
    }
    // Who was deleted since is shown by the unique id; a service under the name of a principal too.
    let sides = [
        ("Grantee", Some(&grant.grantee)),
        ("Retiring", grant.retiring.as_ref()),
    ];
    for (side, party) in sides {
        let Some(party) = party else { continue };
        put(&mut shown, &format!("{side}Principal"), json!(party.name));
        if party.is_service {
            let member = format!("{side}ServicePrincipal");
            put(&mut shown, &member, json!(party.name));
        }
    }
    shown
}
