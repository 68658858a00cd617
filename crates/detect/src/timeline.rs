//! The events that something took note of, in the order of their time, each once.
//!
//! Owns the order on which everything that counts or compares events rests, so that the order of
//! files does not matter.

use stockade_model::{EventRef, Origin, Timestamp};

use crate::fields::Outcome;
use crate::world::{Actor, Moved, Str, Way, World, moment};

/// An event of which something took note, without its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Microseconds since 1970.
    pub(crate) time: i64,
    /// `eventID`, or what the kind of log has for it.
    pub(crate) id: Str,
    pub(crate) name: Str,
    pub(crate) source: Str,
    /// Who, from where: see [`World::caller`].
    pub(crate) way: u32,
    /// Where it was read.
    pub(crate) file: Str,
    pub(crate) index: u64,
    pub(crate) outcome: Outcome,
    /// What it was about, where the request names it.
    pub(crate) target: Str,
    /// Which rules it matched, in order.
    pub(crate) rules: Vec<u32>,
    /// Which behavioural detectors want it, and what each notes of it.
    pub(crate) notes: Vec<(u8, Str)>,
    /// Fields by which correlations group and count.
    pub(crate) fields: Vec<(u32, Str)>,
}

impl Row {
    /// Takes in what was noted of the same event elsewhere.
    fn take(&mut self, other: &mut Self) {
        for rule in other.rules.drain(..) {
            if !self.rules.contains(&rule) {
                self.rules.push(rule);
            }
        }
        for note in other.notes.drain(..) {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        for field in other.fields.drain(..) {
            if !self.fields.contains(&field) {
                self.fields.push(field);
            }
        }
    }

    /// The same row, in a world that took in its own.
    pub(crate) fn moved(mut self, moved: &Moved) -> Self {
        self.id = moved.text(self.id);
        self.name = moved.text(self.name);
        self.source = moved.text(self.source);
        self.way = moved.way(self.way);
        self.file = moved.text(self.file);
        self.target = moved.text(self.target);
        self.notes
            .iter_mut()
            .for_each(|(_, note)| *note = moved.text(*note));
        self.fields
            .iter_mut()
            .for_each(|(_, text)| *text = moved.text(*text));
        self
    }
}

/// The rows in order, with the world that they are of.
#[derive(Debug)]
pub(crate) struct Timeline<'a> {
    pub(crate) world: &'a World,
    rows: Vec<Row>,
}

impl<'a> Timeline<'a> {
    /// Sorts the rows. Those of the same moment are put in the order of their ids, so that the order
    /// in which they came in does not show. A record that was delivered twice (same `eventID` in the
    /// same account, same time and operation) stands once: an id alone is not enough, as one event must
    /// not be able to hide another.
    pub(crate) fn new(world: &'a World, mut rows: Vec<Row>) -> Self {
        let text = |number: Str| world.strings.text(number);
        let account = |row: &Row| {
            let caller = world.caller(row.way);
            caller.map_or("", |(way, _)| text(way.account))
        };
        rows.sort_by(|a, b| {
            a.time
                .cmp(&b.time)
                .then_with(|| text(a.id).cmp(text(b.id)))
                .then_with(|| text(a.name).cmp(text(b.name)))
                .then_with(|| text(a.source).cmp(text(b.source)))
                .then_with(|| account(a).cmp(account(b)))
                .then_with(|| text(a.file).cmp(text(b.file)))
                .then_with(|| a.index.cmp(&b.index))
        });
        rows.dedup_by(|later, first| {
            let twice = first.id != 0
                && (first.time, first.id, first.name, first.source)
                    == (later.time, later.id, later.name, later.source)
                && account(first) == account(later);
            let same = twice || (first.file, first.index) == (later.file, later.index);
            if same {
                first.take(later);
            }
            same
        });
        Self { world, rows }
    }

    /// The rows, first to last.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row at a place.
    pub(crate) fn at(&self, place: usize) -> Option<&Row> {
        self.rows.get(place)
    }

    /// The places that a detector wanted, with what it noted.
    pub(crate) fn noted(&self, detector: u8) -> impl Iterator<Item = (usize, &Row, &'a str)> {
        self.rows
            .iter()
            .enumerate()
            .filter_map(move |(place, row)| {
                let (_, note) = row.notes.iter().find(|(number, _)| *number == detector)?;
                Some((place, row, self.world.strings.text(*note)))
            })
    }

    /// Who made the call of a row, and from where.
    pub(crate) fn caller(&self, row: &Row) -> Option<(&'a Way, &'a Actor)> {
        self.world.caller(row.way)
    }

    /// A text.
    pub(crate) fn text(&self, number: Str) -> &'a str {
        self.world.strings.text(number)
    }

    /// A row's time.
    pub(crate) fn time(&self, row: &Row) -> Timestamp {
        moment(row.time)
    }

    /// A row as findings point to it.
    pub(crate) fn proof(&self, row: &Row) -> EventRef {
        EventRef {
            time: self.time(row),
            name: self.text(row.name).to_owned(),
            id: self.world.strings.some(row.id).map(str::to_owned),
            origin: Origin {
                source: self.text(row.file).into(),
                index: row.index,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::hunt::RuleSet;
    use crate::testing::event;
    use serde_json::json;
    use stockade_model::{Event, Finding};

    fn found(events: &[&Event]) -> Vec<Finding> {
        let rules = RuleSet::load_text(
            "r",
            "title: T\nid: r\nlogsource: {product: aws}\ndetection: {a: {eventVersion: null}, condition: a}\n",
        );
        let events: Vec<Event> = events
            .iter()
            .enumerate()
            .map(|(index, event)| {
                let mut origin = event.origin().clone();
                origin.index = index as u64;
                Event::new(event.record().clone(), origin).unwrap()
            })
            .collect();
        rules.hunt(&events)
    }

    #[test]
    fn sorts_and_drops_second_deliveries() {
        let late = event(json!({"eventTime": "2026-01-01T00:00:09Z", "eventID": "a"}));
        let early = event(json!({"eventTime": "2026-01-01T00:00:01Z", "eventID": "b"}));
        let nameless = event(json!({"eventTime": "2026-01-01T00:00:07Z"}));
        let same_id = event(
            json!({"eventTime": "2026-01-01T00:00:09Z", "eventID": "a", "eventName": "StopLogging"}),
        );
        let names = |events: &[&Event]| -> Vec<String> {
            let found = found(events);
            let [finding] = found.as_slice() else {
                panic!("{found:?}")
            };
            finding
                .proof
                .iter()
                .map(|proof| format!("{} {}", proof.time, proof.name))
                .collect()
        };
        assert_eq!(names(&[&late, &same_id]).len(), 2, "an id hides nothing");
        let all = names(&[&late, &early, &late, &nameless, &nameless]);
        let times: Vec<&str> = all.iter().map(|text| &text[17..19]).collect();
        assert_eq!(times, ["01", "07", "07", "09"]);
    }
}
