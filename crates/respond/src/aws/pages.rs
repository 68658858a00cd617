//! All pages of a listing.

use serde_json::Value;

use super::{Aws, Call, CallError, Fault, Object};

/// More pages than any listing has: an endpoint that repeats its token must not hold us for ever.
const MOST: usize = 2_000;

/// Calls until the last page and gathers the lists named `key`.
///
/// Understands `Marker` with `IsTruncated` (IAM) and `NextToken` (the others).
pub async fn pages(aws: &dyn Aws, call: &Call, key: &str) -> Result<Vec<Value>, CallError> {
    let mut call = call.clone();
    let mut items = Vec::new();
    for _ in 0..MOST {
        let mut answer = aws.call(&call).await?;
        if let Some(Value::Array(list)) = answer.remove(key) {
            items.extend(list);
        }
        let Some((member, token)) = next(&answer) else {
            return Ok(items);
        };
        let Some(input) = call.input.as_object_mut() else {
            return Ok(items);
        };
        if input.insert(member.to_owned(), token.clone()) == Some(token) {
            break;
        }
    }
    Err(CallError::new(
        &call,
        Fault::Refused,
        "",
        "the listing repeats itself and has no end",
    ))
}

fn next(answer: &Object) -> Option<(&'static str, Value)> {
    let text = |name: &str| {
        answer
            .get(name)
            .filter(|v| v.as_str().is_some_and(|s| !s.is_empty()))
            .cloned()
    };
    let truncated = answer.get("IsTruncated").and_then(Value::as_bool);
    match (truncated, text("Marker"), text("NextToken")) {
        (Some(true), Some(marker), _) => Some(("Marker", marker)),
        (_, _, Some(token)) => Some(("NextToken", token)),
        _ => None,
    }
}
