//! Tags of trails.
//!
//! Owns the rules for tags: keys are not empty and not AWS's own, and a trail has fifty at most.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::{errors, trails};
use crate::call::{Call, Reply};
use crate::state::State;

const MOST: usize = 50;

/// A tag as the API writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

/// Adds tags, or gives those that are there a new value.
pub(super) fn merge(tags: &mut Vec<(String, String)>, new: &[Tag]) -> Result<(), AwsError> {
    let mut merged = tags.clone();
    for tag in new {
        if tag.key.is_empty() || tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(errors::tags(format!("Tag key {} is not valid.", tag.key)));
        }
        match merged.iter_mut().find(|(key, _)| *key == tag.key) {
            Some((_, value)) => value.clone_from(&tag.value),
            None => merged.push((tag.key.clone(), tag.value.clone())),
        }
    }
    if merged.len() > MOST {
        return Err(errors::too_many_tags(MOST));
    }
    *tags = merged;
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfResource {
    resource_id: String,
    #[serde(default)]
    tags_list: Vec<Tag>,
}

/// `AddTags`.
pub(super) fn add(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfResource = call.read()?;
    check_arn(&input.resource_id)?;
    let trail = trails::own_mut(state, call, &input.resource_id)
        .map_err(|_| errors::no_resource(&input.resource_id))?;
    merge(&mut trail.tags, &input.tags_list)?;
    Ok(Reply::empty())
}

/// `RemoveTags`: those with these keys, and these values where they are given.
pub(super) fn remove(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfResource = call.read()?;
    check_arn(&input.resource_id)?;
    let trail = trails::own_mut(state, call, &input.resource_id)
        .map_err(|_| errors::no_resource(&input.resource_id))?;
    let goes = |key: &str, value: &str| {
        input
            .tags_list
            .iter()
            .any(|tag| tag.key == key && (tag.value.is_empty() || tag.value == value))
    };
    trail.tags.retain(|(key, value)| !goes(key, value));
    Ok(Reply::empty())
}

/// `ListTags`.
pub(super) fn list(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct List {
        resource_id_list: Vec<String>,
    }
    let input: List = call.read()?;
    let mut lists = Vec::new();
    for id in &input.resource_id_list {
        check_arn(id)?;
        let trail = trails::seen(state, call, id).map_err(|_| errors::no_resource(id))?;
        let tags: Vec<Value> = trail
            .tags
            .iter()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        lists.push(json!({"ResourceId": id, "TagsList": tags}));
    }
    Ok(Reply::of_value(json!({"ResourceTagList": lists})))
}

fn check_arn(id: &str) -> Result<(), AwsError> {
    if id.starts_with("arn:") {
        return Ok(());
    }
    Err(errors::invalid_arn(format!("Trail ARN is invalid: {id}")))
}
