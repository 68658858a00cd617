//! Events in the order of their time, each once.
//!
//! Owns the order on which everything that counts or compares events rests, so that the order of
//! files does not matter.

use std::collections::HashSet;

use stockade_model::Event;

/// Events sorted by time; a record that was delivered twice (same `eventID` in the same account,
/// same time and operation) stands once.
#[derive(Debug)]
pub struct Timeline<'a> {
    events: Vec<&'a Event>,
}

impl<'a> Timeline<'a> {
    /// Sorts the events. Those of the same second are put in the order of their ids, so that the
    /// order in which they came in does not show.
    pub fn new(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut sorted: Vec<&Event> = events.into_iter().collect();
        sorted.sort_by(|a, b| {
            (a.time(), a.id(), a.name(), a.origin()).cmp(&(b.time(), b.id(), b.name(), b.origin()))
        });
        let mut seen = HashSet::new();
        sorted.retain(|event| match event.id() {
            // An id alone is not enough: one event must not be able to hide another.
            Some(id) => {
                let what = (event.time(), event.source(), event.name());
                seen.insert((id, event.account(), what))
            }
            None => true,
        });
        Self { events: sorted }
    }

    /// The events, first to last.
    pub fn events(&self) -> &[&'a Event] {
        &self.events
    }

    /// The event at a place.
    pub(crate) fn at(&self, place: usize) -> Option<&'a Event> {
        self.events.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;
    use serde_json::json;

    #[test]
    fn sorts_and_drops_second_deliveries() {
        let late = event(json!({"eventTime": "2026-01-01T00:00:09Z", "eventID": "a"}));
        let early = event(json!({"eventTime": "2026-01-01T00:00:01Z", "eventID": "b"}));
        let other = event(
            json!({"eventTime": "2026-01-01T00:00:05Z", "eventID": "a", "recipientAccountId": "2"}),
        );
        let nameless = event(json!({"eventTime": "2026-01-01T00:00:07Z"}));
        let same_id = event(
            json!({"eventTime": "2026-01-01T00:00:09Z", "eventID": "a", "eventName": "StopLogging"}),
        );
        let hidden = [&late, &same_id];
        assert_eq!(
            Timeline::new(hidden).events().len(),
            2,
            "an id hides nothing"
        );
        let all = [&late, &early, &late, &other, &nameless, &nameless];
        let timeline = Timeline::new(all);
        assert_eq!(
            timeline.events(),
            [&early, &other, &nameless, &nameless, &late]
        );
    }
}
