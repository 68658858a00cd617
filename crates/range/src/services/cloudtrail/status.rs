//! Whether a trail logs, since when, and how its deliveries go.

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::Timestamp;
use stockade_wire::AwsError;

use super::{delivery, digests, trails};
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
        let place = (trail.home.clone(), trail.name.clone());
        if trail.settings.validation {
            digests::begin(state, call.account(), &place, call.now);
        }
    }
    Ok(Reply::empty())
}

/// `StopLogging`. What was taken before is still delivered, and a last digest lists it; what happens from now on never is.
pub(super) fn stop(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Named = call.read()?;
    let trail = trails::own_mut(state, call, &input.name)?;
    if trail.logging {
        trail.logging = false;
        trail.stopped = Some(call.now);
        let serial = trail.serial.clone();
        let delay = state.config.trail_delay.max(SignedDuration::from_secs(1));
        digests::close(state, &serial, delivery::next(call.now, delay));
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
            ("LatestDigestDeliveryTime", trail.digested),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                members.insert(name.into(), Value::String(seconds(time)));
            }
        }
        let errors = [
            ("LatestDeliveryError", &trail.error),
            ("LatestDigestDeliveryError", &trail.digest_error),
        ];
        for (name, error) in errors {
            if let Some(error) = error {
                members.insert(name.into(), error.as_str().into());
            }
        }
    }
    Ok(Reply::of_value(value))
}
