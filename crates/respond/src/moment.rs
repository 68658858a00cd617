//! `{now}` in parameters: the moment of the step, not of the plan.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Stands for the moment of the step.
pub const NOW: &str = "{now}";

/// Stands for so many seconds after the moment of the step.
pub fn now_plus(seconds: i64) -> String {
    format!("{{now+{seconds}s}}")
}

/// Puts the time in place of every `{now}` and `{now+15s}` that is a whole text.
pub fn resolve(value: &Value, now: Timestamp) -> Value {
    match value {
        Value::String(text) => match offset(text) {
            Some(seconds) => Value::from(second(now, seconds).to_string()),
            None => value.clone(),
        },
        Value::Array(items) => items.iter().map(|item| resolve(item, now)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), resolve(member, now)))
            .collect(),
        other => other.clone(),
    }
}

fn offset(text: &str) -> Option<i64> {
    let inner = text.strip_prefix("{now")?.strip_suffix('}')?;
    if inner.is_empty() {
        return Some(0);
    }
    inner.strip_prefix('+')?.strip_suffix('s')?.parse().ok()
}

/// The next whole second: AWS keeps issue times by the second, and a session of this very second
/// must not slip through.
fn second(now: Timestamp, more: i64) -> Timestamp {
    let up = i64::from(now.subsec_nanosecond() > 0);
    now.checked_add(SignedDuration::from_secs(more.saturating_add(up)))
        .ok()
        .and_then(|t| Timestamp::from_second(t.as_second()).ok())
        .unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_whole_texts_are_times_and_seconds_are_rounded_up() {
        let now = "2026-11-23T10:00:00.2Z".parse().unwrap();
        let value = json!({"a": [NOW, now_plus(15)], "b": "at {now}", "c": 1});
        assert_eq!(
            resolve(&value, now),
            json!({"a": ["2026-11-23T10:00:01Z", "2026-11-23T10:00:16Z"], "b": "at {now}", "c": 1})
        );
        let whole = "2026-11-23T10:00:00Z".parse().unwrap();
        assert_eq!(resolve(&json!(NOW), whole), json!("2026-11-23T10:00:00Z"));
    }
}
