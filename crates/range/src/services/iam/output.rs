//! How answers are put together: values without the members that have none, times, pages.
//!
//! Owns the shape of answers. Knows no entity.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use stockade_model::Timestamp;
use stockade_wire::{AwsError, Object};

use super::errors;
use crate::call::{Call, Reply};

/// How many items a page has unless the caller says.
const PAGE: usize = 100;

/// A time as answers carry it; IAM keeps whole seconds.
pub fn time(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second())
        .unwrap_or(at)
        .to_string()
}

/// An answer of these members; those that are null are left out, at every depth.
pub fn reply(mut value: Value) -> Reply {
    leave_out_nulls(&mut value);
    match value {
        Value::Object(members) => Reply::from(members),
        _ => Reply::from(Object::new()),
    }
}

fn leave_out_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(leave_out_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_nulls),
        _ => {}
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Paging {
    marker: Option<String>,
    max_items: Option<usize>,
}

/// The input of lists that can be narrowed to a path.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UnderPath {
    path_prefix: Option<String>,
}

impl UnderPath {
    /// Whether an entity with this path is asked for.
    pub fn has(&self, path: &str) -> bool {
        self.path_prefix
            .as_ref()
            .is_none_or(|prefix| path.starts_with(prefix))
    }
}

/// One page of `items` (which come in the order of their keys) as an answer whose member `list` they are,
/// with `more` as further members. The marker is the last item's key, so that what is added or removed
/// between two pages shifts nothing.
pub fn page(
    call: &Call<'_>,
    list: &str,
    more: Value,
    items: impl IntoIterator<Item = (String, Value)>,
) -> Result<Reply, AwsError> {
    let paging: Paging = call.read()?;
    let after = paging.marker.as_deref().map(read_marker).transpose()?;
    let size = paging.max_items.unwrap_or(PAGE).max(1);
    let mut rest = items
        .into_iter()
        .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let mut last = None;
    let mut taken = Vec::new();
    for (key, value) in rest.by_ref().take(size) {
        taken.push(value);
        last = Some(key);
    }
    let truncated = rest.next().is_some();
    let mut answer = match more {
        Value::Object(members) => members,
        _ => Object::new(),
    };
    answer.insert(list.to_owned(), Value::Array(taken));
    answer.insert("IsTruncated".to_owned(), truncated.into());
    if let Some(last) = last.filter(|_| truncated) {
        answer.insert("Marker".to_owned(), write_marker(&last).into());
    }
    Ok(reply(Value::Object(answer)))
}

/// A page's marker: opaque to the caller.
pub fn write_marker(key: &str) -> String {
    STANDARD.encode(key)
}

/// What a marker stands for.
pub fn read_marker(marker: &str) -> Result<String, AwsError> {
    STANDARD
        .decode(marker)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| errors::validation("Invalid Marker."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nulls_are_left_out_at_every_depth() {
        let mut value = json!({"a": null, "b": {"c": null, "d": [{"e": null}]}});
        leave_out_nulls(&mut value);
        assert_eq!(value, json!({"b": {"d": [{}]}}));
    }

    #[test]
    fn times_have_whole_seconds() {
        let at: Timestamp = "2023-07-10T11:45:00.75Z".parse().unwrap();
        assert_eq!(time(at), "2023-07-10T11:45:00Z");
    }

    #[test]
    fn markers_that_are_none_are_refused() {
        assert_eq!(read_marker(&write_marker("anna")).unwrap(), "anna");
        assert_eq!(read_marker("%%%").unwrap_err().code, "ValidationError");
    }
}
