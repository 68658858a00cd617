//! `LookupEvents`: the management events of the last 90 days in one account and region, newest first.
//!
//! Owns the search. The log itself is the range's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::{errors, resources};
use crate::call::{Call, Reply};
use crate::state::State;

const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
const PAGE: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Lookup {
    #[serde(default)]
    lookup_attributes: Vec<Attribute>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    event_category: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    attribute_key: String,
    attribute_value: String,
}

/// `LookupEvents`.
pub(super) fn lookup(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Lookup = call.read()?;
    let attribute = match input.lookup_attributes.as_slice() {
        [] => None,
        [one] => Some(one),
        _ => {
            return Err(errors::lookup(
                "You can specify only one lookup attribute at a time.",
            ));
        }
    };
    if attribute.is_some_and(|attribute| attribute.attribute_value.is_empty()) {
        return Err(errors::lookup(
            "The value of a lookup attribute must not be empty.",
        ));
    }
    if let (Some(start), Some(end)) = (input.start_time, input.end_time)
        && start > end
    {
        return Err(errors::time_range());
    }
    if input.event_category.is_some() {
        // The only other category is that of insights, and the range has none.
        return Ok(Reply::of_value(json!({"Events": []})));
    }
    let oldest = call.now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    let start = input.start_time.unwrap_or(oldest).max(oldest);
    let end = input.end_time.unwrap_or(Timestamp::MAX);
    let from = match &input.next_token {
        None => None,
        Some(token) => Some(number(token, call).ok_or_else(errors::token)?),
    };
    let history = state.log.of(&(call.account().clone(), call.region.clone()));
    let hint = attribute.and_then(hint);
    let size = input.max_results.unwrap_or(PAGE).clamp(1, PAGE);
    let mut events = Vec::new();
    let mut next = None;
    // Events keep their numbers, so that older pages stay where they are while new ones come in.
    for record in history.before(from) {
        if record.time < start {
            break;
        }
        if seconds(record.time) > end
            || hint
                .as_ref()
                .is_some_and(|hint| !record.text.contains(hint))
        {
            continue;
        }
        let Ok(value) = serde_json::from_str::<Value>(&record.text) else {
            continue;
        };
        if !attribute.is_none_or(|attribute| has(&value, attribute)) {
            continue;
        }
        if events.len() == size {
            next = Some(token(record.number.saturating_add(1), call));
            break;
        }
        events.push(shown(&value, &record.text));
    }
    let mut reply = json!({"Events": events});
    if let (Some(members), Some(next)) = (reply.as_object_mut(), next) {
        members.insert("NextToken".into(), next.into());
    }
    Ok(Reply::of_value(reply))
}

/// What the text of every record has that has an attribute: to look for it is quicker than to read the record. None where
/// the attribute is not in the text as it is.
fn hint(attribute: &Attribute) -> Option<String> {
    let quoted = Value::from(attribute.attribute_value.as_str()).to_string();
    match attribute.attribute_key.as_str() {
        "EventId" | "EventName" | "EventSource" | "AccessKeyId" => Some(quoted),
        // Of a longer text it may be a part.
        "Username" if attribute.attribute_value != "root" => {
            let inside = quoted.get(1..quoted.len().saturating_sub(1));
            inside.map(str::to_owned)
        }
        "ReadOnly" => Some(format!("\"readOnly\":{}", attribute.attribute_value)),
        _ => None,
    }
}

/// Events carry whole seconds.
fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// What a page's token must fit: the search, but for the token and the size of pages.
fn search(call: &Call<'_>) -> Vec<u8> {
    let mut input = call.input.clone();
    input.remove("NextToken");
    input.remove("MaxResults");
    let text = format!(
        "{} {} {}",
        call.account(),
        call.region,
        Value::Object(input)
    );
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().copied().take(12).collect()
}

fn token(number: u64, call: &Call<'_>) -> String {
    let mut bytes = search(call);
    bytes.extend(number.to_be_bytes());
    STANDARD.encode(bytes)
}

fn number(token: &str, call: &Call<'_>) -> Option<u64> {
    let bytes = STANDARD.decode(token).ok()?;
    let (of, number) = bytes.split_at_checked(12)?;
    let number = u64::from_be_bytes(number.try_into().ok()?);
    (of == search(call)).then_some(number)
}

fn text<'a>(record: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter()
        .try_fold(record, |value, name| value.get(name))?
        .as_str()
}

/// The name by which the history knows who called: a user's, a session's, `root`.
fn user_name(record: &Value) -> Option<&str> {
    match text(record, &["userIdentity", "type"])? {
        "Root" => Some("root"),
        "IAMUser" => text(record, &["userIdentity", "userName"]),
        "AssumedRole" | "FederatedUser" => text(record, &["userIdentity", "principalId"])?
            .split_once(':')
            .map(|(_, name)| name),
        _ => None,
    }
}

fn read_only(record: &Value) -> &'static str {
    if record.get("readOnly") == Some(&Value::Bool(true)) {
        "true"
    } else {
        "false"
    }
}

fn has(record: &Value, attribute: &Attribute) -> bool {
    let wanted = attribute.attribute_value.as_str();
    match attribute.attribute_key.as_str() {
        "EventId" => text(record, &["eventID"]) == Some(wanted),
        "EventName" => text(record, &["eventName"]) == Some(wanted),
        "EventSource" => text(record, &["eventSource"]) == Some(wanted),
        "ReadOnly" => read_only(record) == wanted,
        "Username" => user_name(record) == Some(wanted),
        "AccessKeyId" => text(record, &["userIdentity", "accessKeyId"]) == Some(wanted),
        "ResourceType" => resources::of(record)
            .iter()
            .any(|resource| resource.kind == wanted),
        "ResourceName" => resources::of(record)
            .iter()
            .any(|resource| resource.name == wanted),
        _ => false,
    }
}

fn shown(record: &Value, text_of_it: &str) -> Value {
    let resources: Vec<Value> = resources::of(record)
        .into_iter()
        .map(|resource| json!({"ResourceType": resource.kind, "ResourceName": resource.name}))
        .collect();
    let mut event = json!({
        "EventId": text(record, &["eventID"]),
        "EventName": text(record, &["eventName"]),
        "ReadOnly": read_only(record),
        "EventTime": text(record, &["eventTime"]),
        "EventSource": text(record, &["eventSource"]),
        "Resources": resources,
        "CloudTrailEvent": text_of_it,
    });
    if let Some(members) = event.as_object_mut() {
        if let Some(key) = text(record, &["userIdentity", "accessKeyId"]) {
            members.insert("AccessKeyId".into(), key.into());
        }
        if let Some(name) = user_name(record) {
            members.insert("Username".into(), name.into());
        }
    }
    event
}
