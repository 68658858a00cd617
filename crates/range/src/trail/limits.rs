//! How much a record holds: CloudTrail cuts texts short and leaves out what is too large.
//!
//! Owns the limits of a record's fields.

use serde_json::{Value, json};

/// The bytes that `userAgent`, `errorCode` and `errorMessage` may have.
const TEXT: usize = 1_024;
/// The bytes that `requestParameters` and `responseElements` may have.
const MEMBERS: usize = 100 * 1_024;
/// The bytes that `additionalEventData` may have.
pub(super) const ADDITIONAL: usize = 28 * 1_024;

/// A text, cut short where it is too long.
pub(super) fn text(text: &str) -> &str {
    let mut end = text.len().min(TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Parameters or elements; where they are too large, that they are left out.
pub(super) fn members(value: Value) -> Value {
    within(value, MEMBERS)
}

/// A field; where it is larger than it may be, that it is left out.
pub(super) fn within(value: Value, limit: usize) -> Value {
    match at_least(&value, limit) {
        true => json!({"omitted": true}),
        false => value,
    }
}

/// Whether a value takes more than so many bytes. Nothing is written for it: most values are far below.
fn at_least(value: &Value, limit: usize) -> bool {
    let mut left = limit;
    !takes(value, &mut left)
}

/// Takes the bytes of a value from what is left; false where that is not enough.
fn takes(value: &Value, left: &mut usize) -> bool {
    let mut take = |bytes: usize| match left.checked_sub(bytes) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    };
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => take(4),
        Value::String(text) => take(text.len() + 2),
        Value::Array(items) => take(2 + items.len()) && items.iter().all(|item| takes(item, left)),
        Value::Object(members) => {
            take(2)
                && members.iter().all(|(name, member)| {
                    left.checked_sub(name.len() + 4).is_some_and(|rest| {
                        *left = rest;
                        takes(member, left)
                    })
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_letters() {
        assert_eq!(text("short"), "short");
        let long = "a".repeat(1_023) + "é";
        assert_eq!(text(&long).len(), 1_023);
    }

    #[test]
    fn what_is_too_large_is_left_out_as_a_whole() {
        let small = json!({"a": ["b", {"c": 1, "d": null}]});
        assert_eq!(members(small.clone()), small);
        let fits = json!({"a": "x".repeat(100 * 1_024 - 100)});
        assert_eq!(members(fits.clone()), fits);
        for large in [
            json!({"a": "x".repeat(100 * 1_024)}),
            json!({"a": vec!["x"; 50_000]}),
            json!({"x".repeat(100 * 1_024): 1}),
        ] {
            assert_eq!(members(large), json!({"omitted": true}));
        }
    }
}
