//! Tags of keys.
//!
//! Owns what a tag may be.

use serde::Deserialize;
use serde_json::json;
use stockade_wire::AwsError;

use super::access::named;
use super::data::page;
use super::errors;
use super::readiness::not_going;
use super::state::Tag;
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// How many tags a key may have.
const MOST: usize = 50;

/// `old` with the tags of `new` added, or in the place of those with the same keys, in the order of their keys.
///
/// # Errors
/// `TagException`, `LimitExceededException`.
pub fn merged(old: &[Tag], new: Vec<Tag>) -> Result<Vec<Tag>, AwsError> {
    for (at, tag) in new.iter().enumerate() {
        if new.iter().skip(at + 1).any(|other| other.key == tag.key) {
            return Err(errors::tag("Duplicate tag keys"));
        }
        check_key(&tag.key)?;
    }
    let mut tags = old.to_vec();
    tags.retain(|tag| !new.iter().any(|other| other.key == tag.key));
    tags.extend(new);
    if tags.len() > MOST {
        return Err(errors::tag("Too many tags"));
    }
    tags.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(tags)
}

fn check_key(key: &str) -> Result<(), AwsError> {
    let reserved = key.get(..4).is_some_and(|s| s.eq_ignore_ascii_case("aws:"));
    if reserved {
        return Err(errors::tag(
            "aws: prefixed tag key names are not allowed for external use.",
        ));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    key_id: String,
    tags: Vec<Tag>,
}

/// `TagResource`.
pub fn tag(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Put = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    not_going(key)?;
    let tags = merged(&key.tags, input.tags)?;
    let place = key.place();
    range.kms.change(&place, |key| key.tags = tags);
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Take {
    key_id: String,
    tag_keys: Vec<String>,
}

/// `UntagResource`.
pub fn untag(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Take = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    not_going(key)?;
    for name in &input.tag_keys {
        check_key(name)?;
    }
    let place = key.place();
    range.kms.change(&place, |key| {
        key.tags.retain(|tag| !input.tag_keys.contains(&tag.key));
    });
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfKey {
    key_id: String,
}

/// `ListResourceTags`.
pub fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfKey = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    page(
        call,
        "Tags",
        50,
        key.tags.iter().map(|tag| (tag.key.clone(), json!(tag))),
    )
}
