//! Reading a JSON document, or several after one another, record by record.
//!
//! Owns the shapes that records come in: `Records`, `Events`, arrays, single ones. A document is never
//! held as a whole.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Value};

use crate::source::{Counted, LIMIT, Output, explain};
use crate::summary::Position;

/// Reads to the end, or to the first fault: what comes after a fault in a document cannot be told
/// from its inside.
pub(crate) fn read(input: Counted<impl Read>, output: &mut Output<'_>) {
    let taken = input.counter();
    let limit = Rc::new(Cell::new(LIMIT));
    let input = input.limited(Rc::clone(&limit));
    let mut parser = serde_json::Deserializer::from_reader(input);
    loop {
        if let Err(error) = parser.end() {
            // Anything but more content is left to the document's own reading to report.
            if error.is_io() {
                return fault(&error, taken.get(), output);
            }
        } else {
            return;
        }
        let document = Document {
            output,
            at: None,
            taken: Some(Marks {
                taken: &taken,
                limit: &limit,
            }),
        };
        if let Err(error) = document.deserialize(&mut parser) {
            return fault(&error, taken.get(), output);
        }
        limit.set(taken.get() + LIMIT);
    }
}

fn fault(error: &serde_json::Error, byte: u64, output: &mut Output<'_>) {
    let reason = match (error.io_error_kind(), error.classify()) {
        (Some(kind), _) => explain(&io::Error::new(kind, error.to_string())),
        (None, Category::Eof) => "the file ends in the middle of a record".to_owned(),
        _ => format!("is not JSON from here on ({error}); what follows was not read"),
    };
    output.skip(Position::Byte(byte), reason);
}

/// How far the reader is, and how far it may go for the record at hand.
#[derive(Clone, Copy)]
struct Marks<'a> {
    taken: &'a Cell<u64>,
    limit: &'a Cell<u64>,
}

impl Marks<'_> {
    fn pass(&self) {
        self.limit.set(self.taken.get() + LIMIT);
    }
}

/// One document, which hands on its records as they are read.
pub(crate) struct Document<'a, 'b> {
    output: &'a mut Output<'b>,
    at: Option<Position>,
    taken: Option<Marks<'a>>,
}

impl<'a, 'b> Document<'a, 'b> {
    /// A document on a line of its own.
    pub(crate) fn on_line(output: &'a mut Output<'b>, line: u64) -> Self {
        Self {
            output,
            at: Some(Position::Line(line)),
            taken: None,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudTrail record, or `Records` with an array of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut fields = Map::new();
        let mut listed = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "Records" || key == "Events" {
                map.next_value_seed(List {
                    output: self.output,
                    at: self.at,
                    marks: self.taken,
                })?;
                listed = true;
            } else {
                fields.insert(key, map.next_value()?);
            }
        }
        if !listed {
            self.output.record(Value::Object(fields), self.at);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        List {
            output: self.output,
            at: self.at,
            marks: self.taken,
        }
        .visit_seq(seq)
    }
}

/// An array of records.
struct List<'a, 'b> {
    output: &'a mut Output<'b>,
    at: Option<Position>,
    marks: Option<Marks<'a>>,
}

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of CloudTrail records")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element::<Value>()? {
            self.output.record(value, self.at);
            if let Some(marks) = self.marks {
                marks.pass();
            }
        }
        Ok(())
    }
}
