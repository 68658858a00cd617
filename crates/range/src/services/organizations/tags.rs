//! Tags of the root, units, accounts and policies.
//!
//! Owns the rules for tags, which here are compared with regard to case.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use stockade_model::AccountId;
use stockade_wire::AwsError;

use super::errors;
use super::scope::{changed, managed, page};
use super::state::Organization;
use crate::call::{Call, Reply};
use crate::state::State as Range;

const TAGS_PER_RESOURCE: usize = 50;

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// The key.
    pub key: String,
    /// The value, which may be empty.
    pub value: String,
}

/// `old` with the tags of `new` added, or in the place of those with the same keys, in the order of their keys.
pub(super) fn merged(old: &[Tag], new: Vec<Tag>) -> Result<Vec<Tag>, AwsError> {
    for (at, tag) in new.iter().enumerate() {
        if new.iter().skip(at + 1).any(|other| other.key == tag.key) {
            return Err(errors::invalid(
                "DUPLICATE_TAG_KEY",
                "Tag keys must be unique among the tags.",
            ));
        }
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(errors::invalid(
                "INVALID_SYSTEM_TAGS_PARAMETER",
                "You specified a tag key that is a system tag.",
            ));
        }
    }
    let mut tags = old.to_vec();
    tags.retain(|tag| !new.iter().any(|other| other.key == tag.key));
    tags.extend(new);
    if tags.len() > TAGS_PER_RESOURCE {
        return Err(errors::constraint(
            "MAX_TAG_LIMIT_EXCEEDED",
            "You have exceeded the number of tags allowed on this resource.",
        ));
    }
    tags.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(tags)
}

/// The tags of something of the organisation's; none if it has nothing of this id.
pub(super) fn tags_of<'a>(
    range: &'a Range,
    organization: &'a Organization,
    id: &str,
) -> Option<&'a [Tag]> {
    if organization.root == id {
        return Some(&organization.root_tags);
    }
    let of_policy = organization.resource_policy.as_ref();
    let account = id.parse::<AccountId>().ok();
    let transfer = range.organizations.read().transfers.get(id);
    None.or(organization.units.get(id).map(|unit| &*unit.tags))
        .or(organization.policies.get(id).map(|policy| &*policy.tags))
        .or(account
            .and_then(|id| organization.members.get(&id))
            .map(|member| &*member.tags))
        .or(of_policy
            .filter(|policy| policy.id == id)
            .map(|policy| &*policy.tags))
        .or(transfer
            .filter(|transfer| transfer.target.organization == organization.id)
            .map(|transfer| &*transfer.tags))
}

fn set(range: &mut Range, call: &Call<'_>, id: &str, tags: Vec<Tag>) -> Result<(), AwsError> {
    let organizations = range.organizations.write(call.now, range.config.iam_delay);
    if let Some(transfer) = organizations.transfers.get_mut(id) {
        Arc::make_mut(transfer).tags = tags;
        return Ok(());
    }
    let organization = changed(range, call)?;
    if organization.root == id {
        organization.root_tags = tags;
    } else if let Some(unit) = organization.units.get_mut(id) {
        unit.tags = tags;
    } else if let Some(policy) = organization.policies.get_mut(id) {
        Arc::make_mut(policy).tags = tags;
    } else if let Some(policy) = &mut organization.resource_policy
        && policy.id == id
    {
        Arc::make_mut(policy).tags = tags;
    } else if let Some(member) = id
        .parse()
        .ok()
        .and_then(|id: AccountId| organization.members.get_mut(&id))
    {
        member.tags = tags;
    }
    Ok(())
}

fn named<'a>(range: &'a Range, call: &Call<'_>, id: &str) -> Result<&'a [Tag], AwsError> {
    tags_of(range, managed(range, call)?, id).ok_or_else(errors::no_target)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfResource {
    resource_id: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

pub(super) fn put(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfResource = call.read()?;
    let tags = merged(named(range, call, &input.resource_id)?, input.tags)?;
    set(range, call, &input.resource_id, tags)?;
    Ok(Reply::empty())
}

pub(super) fn remove(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfResource = call.read()?;
    let mut tags = named(range, call, &input.resource_id)?.to_vec();
    tags.retain(|tag| !input.tag_keys.contains(&tag.key));
    set(range, call, &input.resource_id, tags)?;
    Ok(Reply::empty())
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfResource = call.read()?;
    let tags = named(range, call, &input.resource_id)?;
    page(
        call,
        "Tags",
        tags.iter().map(|tag| (tag.key.clone(), json!(tag))),
    )
}
