//! Events for the tests of this crate.

use serde_json::{Value, json};
use stockade_model::{Event, Origin};

/// An event with these fields; what every record has is filled in.
pub(crate) fn event(fields: Value) -> Event {
    let mut record = json!({
        "eventTime": "2026-01-01T00:00:00Z",
        "eventName": "GetThing",
        "eventSource": "test.amazonaws.com",
    });
    let map = record.as_object_mut().unwrap();
    for (name, value) in fields.as_object().unwrap() {
        map.insert(name.clone(), value.clone());
    }
    let origin = Origin {
        source: "test".into(),
        index: 0,
    };
    Event::new(record, origin).unwrap()
}
