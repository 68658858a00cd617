//! Events for the tests of this crate.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use stockade_model::{Event, Origin};
use stockade_scan::Scanner;

use crate::look::{Look, Names, Slots};

/// Shows the event as rules see it.
pub(crate) fn looked<T>(event: &Event, names: Names, show: impl FnOnce(&Look<'_>) -> T) -> T {
    let text = event.record().to_string();
    let mut members = Vec::new();
    Scanner::new(text.as_bytes(), 0)
        .object(0, &mut members, |_| false)
        .unwrap();
    let mut slots = Slots::new(names);
    slots.fill(text.as_bytes(), &members);
    show(&slots.look(event.kind(), text.as_bytes(), text.as_bytes()))
}

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
    // Each is a record of its own, as if all were read from one file.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let origin = Origin {
        source: "test".into(),
        index: NEXT.fetch_add(1, Ordering::Relaxed),
    };
    Event::new(record, origin).unwrap()
}
