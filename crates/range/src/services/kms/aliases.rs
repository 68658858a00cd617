//! Aliases: made, pointed elsewhere, listed, taken off.
//!
//! Owns what an alias may be called and point at.

use serde::Deserialize;
use serde_json::json;
use stockade_wire::AwsError;

use super::access::named;
use super::data::page;
use super::errors;
use super::readiness::not_going;
use super::state::{Alias, Key, alias_arn};
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// How many aliases a key may have.
const MOST: usize = 50;
const PREFIX: &str = "alias/";
/// What stands before the aliases of AWS's own keys.
pub const RESERVED: &str = "alias/aws/";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Point {
    alias_name: String,
    target_key_id: String,
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return Err(errors::validation(
            "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    };
    if name.starts_with(RESERVED) {
        return Err(errors::of("NotAuthorizedException", ""));
    }
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
    if rest.is_empty() || !rest.bytes().all(known) {
        return Err(errors::validation(format!(
            "{name} contains invalid characters for an alias"
        )));
    }
    Ok(())
}

/// `CreateAlias`.
pub fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Point = call.read()?;
    check_name(&input.alias_name)?;
    let key = named(range, call, &input.target_key_id)?.key;
    let (account, region) = (call.account(), call.region);
    if range
        .kms
        .alias(account, region, &input.alias_name)
        .is_some()
    {
        return Err(errors::already_exists(format!(
            "An alias with the name {} already exists",
            alias_arn(region, account, &input.alias_name)
        )));
    }
    not_going(key)?;
    check_room(key)?;
    let target = key.id.clone();
    let alias = Alias {
        name: input.alias_name,
        target,
        created: call.now,
        updated: call.now,
    };
    range.kms.put_alias(account, region, alias);
    Ok(Reply::empty())
}

fn check_room(key: &Key) -> Result<(), AwsError> {
    if key.aliases.len() >= MOST {
        return Err(errors::limit_exceeded(format!(
            "You have exceeded the limit of {MOST} aliases on a KMS key."
        )));
    }
    Ok(())
}

/// `UpdateAlias`.
pub fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Point = call.read()?;
    check_name(&input.alias_name)?;
    let new = named(range, call, &input.target_key_id)?.key;
    let (account, region) = (call.account(), call.region);
    let alias = range.kms.alias(account, region, &input.alias_name);
    let alias = alias
        .cloned()
        .ok_or_else(|| errors::no_alias(&alias_arn(region, account, &input.alias_name)))?;
    let old = range.kms.key(&(region.clone(), alias.target.clone()));
    let kind = |key: &Key| {
        let is_mac = matches!(key.spec, stockade_keys::KeySpec::Hmac(_));
        (key.spec.is_asymmetric(), is_mac, key.usage)
    };
    if old.is_some_and(|old| kind(old) != kind(new)) {
        return Err(errors::validation(format!(
            "Alias {} cannot be changed to a KMS key of another type or key usage.",
            alias_arn(region, account, &alias.name)
        )));
    }
    not_going(new)?;
    if new.id != alias.target {
        check_room(new)?;
    }
    let target = new.id.clone();
    let alias = Alias {
        target,
        updated: call.now,
        ..alias
    };
    range.kms.put_alias(account, region, alias);
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    alias_name: String,
}

/// `DeleteAlias`.
pub fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Delete = call.read()?;
    check_name(&input.alias_name)?;
    let (account, region) = (call.account(), call.region);
    if range
        .kms
        .alias(account, region, &input.alias_name)
        .is_none()
    {
        return Err(errors::no_alias(&alias_arn(
            region,
            account,
            &input.alias_name,
        )));
    }
    range.kms.remove_alias(account, region, &input.alias_name);
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    key_id: Option<String>,
}

/// `ListAliases`.
pub fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: List = call.read()?;
    let key = input.key_id.as_deref().map(|name| named(range, call, name));
    let key = key.transpose()?.map(|found| &found.key.id);
    let (account, region) = (call.account(), call.region);
    let aliases = range.kms.aliases_of(account, region);
    let aliases = aliases.filter(|alias| key.is_none_or(|id| alias.target == *id));
    let shown = aliases.map(|alias| {
        let shown = json!({
            "AliasName": alias.name,
            "AliasArn": alias_arn(region, account, &alias.name),
            "TargetKeyId": alias.target,
            "CreationDate": alias.created.to_string(),
            "LastUpdatedDate": alias.updated.to_string(),
        });
        (alias.name.clone(), shown)
    });
    page(call, "Aliases", 50, shown)
}
