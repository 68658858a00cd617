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

fn tags_of<'a>(organization: &'a Organization, id: &str) -> Result<&'a [Tag], AwsError> {
    if organization.root == id {
        return Ok(&organization.root_tags);
    }
    let unit = organization.units.get(id).map(|unit| &*unit.tags);
    let policy = organization.policies.get(id).map(|policy| &*policy.tags);
    let account = id
        .parse::<AccountId>()
        .ok()
        .and_then(|id| organization.members.get(&id));
    unit.or(policy)
        .or(account.map(|member| &*member.tags))
        .ok_or_else(errors::no_target)
}

fn set(organization: &mut Organization, id: &str, tags: Vec<Tag>) {
    if organization.root == id {
        organization.root_tags = tags;
    } else if let Some(unit) = organization.units.get_mut(id) {
        unit.tags = tags;
    } else if let Some(policy) = organization.policies.get_mut(id) {
        Arc::make_mut(policy).tags = tags;
    } else if let Some(member) = id
        .parse()
        .ok()
        .and_then(|id| organization.members.get_mut(&id))
    {
        member.tags = tags;
    }
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
    let tags = merged(
        tags_of(managed(range, call)?, &input.resource_id)?,
        input.tags,
    )?;
    set(changed(range, call)?, &input.resource_id, tags);
    Ok(Reply::empty())
}

pub(super) fn remove(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfResource = call.read()?;
    let mut tags = tags_of(managed(range, call)?, &input.resource_id)?.to_vec();
    tags.retain(|tag| !input.tag_keys.contains(&tag.key));
    set(changed(range, call)?, &input.resource_id, tags);
    Ok(Reply::empty())
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfResource = call.read()?;
    let tags = tags_of(managed(range, call)?, &input.resource_id)?;
    page(
        call,
        "Tags",
        tags.iter().map(|tag| (tag.key.clone(), json!(tag))),
    )
}
