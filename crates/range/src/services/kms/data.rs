//! Members of requests and answers that many operations share: bytes, lists of texts, tags, pages.
//!
//! Owns how they are read and shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::errors;
use super::state::Tag;
use crate::call::{Call, Reply};

/// The bytes of a blob. The wire has seen to it that it is one.
pub fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_default();
    STANDARD.decode(text).unwrap_or_default()
}

/// The bytes of a member.
pub fn blob(call: &Call<'_>, member: &str) -> Vec<u8> {
    call.input.get(member).map(bytes).unwrap_or_default()
}

/// Bytes as an answer has them.
pub fn shown(bytes: &[u8]) -> Value {
    STANDARD.encode(bytes).into()
}

/// The texts of a list.
pub fn texts(call: &Call<'_>, member: &str) -> Vec<String> {
    let list = call.input.get(member).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

/// The tags that a call brings.
pub fn tags(call: &Call<'_>) -> Vec<Tag> {
    let list = call.input.get("Tags").cloned().unwrap_or_default();
    serde_json::from_value(list).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Paging {
    limit: Option<usize>,
    marker: Option<String>,
}

/// A page of a list: the items after the marker, each with what orders it.
///
/// # Errors
/// `InvalidMarkerException`.
pub fn page(
    call: &Call<'_>,
    list: &str,
    usual: usize,
    items: impl IntoIterator<Item = (String, Value)>,
) -> Result<Reply, AwsError> {
    let paging: Paging = call.read()?;
    let after = paging.marker.as_deref().map(|marker| {
        let read = STANDARD.decode(marker).ok();
        read.and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| errors::of("InvalidMarkerException", "Could not deserialize marker"))
    });
    let after = after.transpose()?;
    let size = paging.limit.unwrap_or(usual);
    let mut items: Vec<_> = items
        .into_iter()
        .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after))
        .collect();
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    let truncated = items.len() > size;
    items.truncate(size);
    let marker = items.last().map(|(key, _)| STANDARD.encode(key));
    let shown: Vec<Value> = items.into_iter().map(|(_, value)| value).collect();
    let mut answer = json!({ list: shown, "Truncated": truncated });
    if let (true, Some(marker), Some(members)) = (truncated, marker, answer.as_object_mut()) {
        members.insert("NextMarker".to_owned(), marker.into());
    }
    Ok(Reply::of_value(answer))
}
