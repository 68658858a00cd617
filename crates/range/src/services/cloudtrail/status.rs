//! Whether a trail logs, since when, and how its deliveries go.

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::Timestamp;
use stockade_wire::AwsError;

use super::trails;
use crate::call::{Call, Reply};
use crate::state::State;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
}

/// `StartLogging`. Starting what runs changes nothing.
pub(super) fn start(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Named = call.read()?;
    let trail = trails::own_mut(state, call, &input.name)?;
    if !trail.logging {
        trail.logging = true;
        trail.started = Some(call.now);
    }
    Ok(Reply::empty())
}

/// `StopLogging`. What was taken before is still delivered; what happens from now on never is.
pub(super) fn stop(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Named = call.read()?;
    let trail = trails::own_mut(state, call, &input.name)?;
    if trail.logging {
        trail.logging = false;
        trail.stopped = Some(call.now);
    }
    Ok(Reply::empty())
}

fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

/// `GetTrailStatus`.
pub(super) fn get(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Named = call.read()?;
    let trail = trails::seen(state, call, &input.name)?;
    let text = |time: Option<Timestamp>| time.map(seconds).unwrap_or_default();
    let mut value = json!({
        "IsLogging": trail.logging,
        "LatestDeliveryAttemptTime": text(trail.attempted),
        "LatestNotificationAttemptTime": "",
        "LatestNotificationAttemptSucceeded": "",
        "LatestDeliveryAttemptSucceeded": text(trail.delivered),
        "TimeLoggingStarted": text(trail.started),
        "TimeLoggingStopped": text(trail.stopped),
    });
    if let Some(members) = value.as_object_mut() {
        let times = [
            ("LatestDeliveryTime", trail.delivered),
            ("StartLoggingTime", trail.started),
            ("StopLoggingTime", trail.stopped),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                members.insert(name.into(), Value::String(seconds(time)));
            }
        }
        if let Some(error) = &trail.error {
            members.insert("LatestDeliveryError".into(), error.as_str().into());
        }
    }
    Ok(Reply::of_value(value))
}
