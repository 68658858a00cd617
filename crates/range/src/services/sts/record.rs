//! What the trail's records of STS show other than by the rule.

use serde_json::{Map, Value, json};

use super::assume_federated;
use super::session_tags;
use crate::call::{Call, RecordExtras};

/// What a record shows whatever the call comes to.
pub fn describe(call: &Call<'_>) -> RecordExtras {
    let mut extras = match call.operation {
        "AssumeRoleWithSAML" | "AssumeRoleWithWebIdentity" => assume_federated::describe(call),
        _ => RecordExtras::default(),
    };
    let mut additional = match extras.additional.take() {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    // The global endpoint is one of its own, whatever region serves it.
    let kind = match call.host.starts_with("sts.amazonaws.com") {
        true => "global",
        false => "regional",
    };
    let details = json!({"awsServingRegion": call.region.as_str(), "endpointType": kind});
    additional.insert("RequestDetails".into(), details);
    extras.additional = Some(Value::Object(additional));
    extras.more_parameters = more(call);
    extras
}

/// What is not in the call, and belongs to its parameters: the tags that come from the session before.
fn more(call: &Call<'_>) -> Map<String, Value> {
    let mut more = Map::new();
    if let ("AssumeRole", Some(session)) = (call.operation, &call.caller.session) {
        let tags: Map<String, Value> = session_tags::handed_on(session)
            .map(|(key, value)| (key.clone(), value.as_str().into()))
            .collect();
        if !tags.is_empty() {
            more.insert("incomingTransitiveTags".into(), Value::Object(tags));
        }
    }
    more
}
