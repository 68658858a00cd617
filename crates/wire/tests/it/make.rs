//! Random inputs and outputs, from nothing but the table.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value, json};
use stockade_wire::Object;
use stockade_wire::table::{Kind, Location, Member, Service, Shape, ShapeId, TimestampFormat};

/// How deep optional members are made.
const DEEP: usize = 4;

/// A small generator of numbers (splitmix64): a seed gives the same value for ever.
pub struct Maker(u64);

impl Maker {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn one_of<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        let at = self.below(items.len() as u64) as usize;
        items[at]
    }

    /// An operation's members but the streaming one, and the bytes of that.
    pub fn message(&mut self, service: &Service, id: ShapeId) -> (Object, Option<Vec<u8>>) {
        let Value::Object(mut members) = self.structure(service, service.shape(id), 0) else {
            panic!("{} is no structure", service.shape(id).name);
        };
        let mut body = None;
        if let Kind::Structure { members: known, .. } = &service.shape(id).kind {
            for member in known.iter().filter(|member| is_streaming(service, member)) {
                members.remove(&member.name);
                let length = self.below(40);
                body = Some((0..length).map(|_| self.next().to_le_bytes()[0]).collect());
            }
        }
        (members, body)
    }

    fn structure(&mut self, service: &Service, shape: &Shape, depth: usize) -> Value {
        let Kind::Structure { members, union, .. } = &shape.kind else {
            panic!("{}", shape.name)
        };
        let mut made = Map::new();
        if *union {
            if !members.is_empty() && depth < 2 * DEEP {
                let at = self.below(members.len() as u64) as usize;
                let member = &members[at];
                made.insert(member.name.clone(), self.member(service, member, depth));
            }
            return Value::Object(made);
        }
        for member in members {
            let wanted = member.required || (depth < DEEP && self.below(3) > 0);
            if wanted && depth < 2 * DEEP {
                made.insert(member.name.clone(), self.member(service, member, depth));
            }
        }
        // A structure without members cannot be told from none at all in a form.
        let flat = |member: &&Member| {
            let kind = &service.shape(member.shape).kind;
            !matches!(
                kind,
                Kind::Structure { .. } | Kind::List { .. } | Kind::Map { .. }
            )
        };
        let spare = members
            .iter()
            .find(flat)
            .or(members.first().filter(|_| depth < 2 * DEEP));
        if let Some(member) = spare.filter(|_| made.is_empty() && depth > 0) {
            made.insert(member.name.clone(), self.member(service, member, depth));
        }
        Value::Object(made)
    }

    fn member(&mut self, service: &Service, member: &Member, depth: usize) -> Value {
        let shape = service.shape(member.shape);
        match member.location {
            Location::Header if !member.json_value => return self.header(service, member),
            Location::StatusCode => return json!(200 + self.below(4)),
            Location::Headers => {
                let entries = (0..1 + self.below(3))
                    .map(|at| (format!("key-{at}"), self.plain().into()))
                    .collect();
                return Value::Object(entries);
            }
            Location::Uri if matches!(shape.kind, Kind::String { .. }) => {
                let text = self.text(shape);
                // A bucket is one label of a path, whatever it holds; nothing at all is refused.
                return if text.is_empty() {
                    "x".into()
                } else {
                    text.into()
                };
            }
            _ => {}
        }
        match &shape.kind {
            Kind::Structure { .. } => self.structure(service, shape, depth + 1),
            Kind::List { element, .. } => {
                let count = 1 + self.below(3);
                (0..count)
                    .map(|_| self.member(service, element, depth + 1))
                    .collect()
            }
            Kind::Map { key, value, .. } => {
                let count = 1 + self.below(3);
                let mut entries = Map::new();
                for at in 0..count {
                    let name = format!("{}{at}", self.text(service.shape(key.shape)));
                    entries.insert(name, self.member(service, value, depth + 1));
                }
                Value::Object(entries)
            }
            Kind::Timestamp => {
                let format = member.timestamp_format.or(shape.timestamp_format);
                self.time(format == Some(TimestampFormat::Rfc822))
            }
            _ => self.scalar(shape),
        }
    }

    /// What a header can carry.
    fn header(&mut self, service: &Service, member: &Member) -> Value {
        let shape = service.shape(member.shape);
        match &shape.kind {
            Kind::Timestamp => {
                let format = member.timestamp_format.or(shape.timestamp_format);
                self.time(matches!(format, None | Some(TimestampFormat::Rfc822)))
            }
            Kind::List { element, .. } => {
                let count = 1 + self.below(3);
                let of = service.shape(element.shape);
                (0..count)
                    .map(|_| match &of.kind {
                        Kind::String { values } if values.is_empty() => Value::from(self.plain()),
                        _ => self.scalar(of),
                    })
                    .collect()
            }
            Kind::String { values } if values.is_empty() => self.plain().into(),
            _ => self.scalar(shape),
        }
    }

    fn scalar(&mut self, shape: &Shape) -> Value {
        match &shape.kind {
            Kind::String { .. } => self.text(shape).into(),
            Kind::Blob => {
                let length = self.below(20);
                let bytes: Vec<u8> = (0..length).map(|_| self.next().to_le_bytes()[0]).collect();
                STANDARD.encode(bytes).into()
            }
            Kind::Integer => json!(self.next() as i32),
            Kind::Long => json!(self.next() as i64),
            Kind::Float | Kind::Double if self.below(8) == 0 => {
                self.one_of(&["NaN", "Infinity", "-Infinity"]).into()
            }
            Kind::Float | Kind::Double => {
                let quarters = self.below(1 << 20) as f64 / 4.0 + 0.25;
                Value::Number(Number::from_f64(quarters).unwrap())
            }
            Kind::Boolean => json!(self.below(2) == 1),
            Kind::Timestamp => self.time(false),
            _ => json!({"any": ["JSON", 1, null]}),
        }
    }

    fn text(&mut self, shape: &Shape) -> String {
        if let Kind::String { values } = &shape.kind
            && !values.is_empty()
        {
            let at = self.below(values.len() as u64) as usize;
            return values[at].clone();
        }
        let pieces = [
            "a", "Z9", " ", "&", "<b>", "\"'", "é", "日本", "+", "%2F", "=", "/", "\n", "]]>", "?",
            "#", ";", "\t", "\r",
        ];
        (0..1 + self.below(6))
            .map(|_| self.one_of(&pieces))
            .collect()
    }

    fn plain(&mut self) -> String {
        let pieces = ["a", "Z9", "-", "/", "=", "+", "%41", "\"", ":", ",", " b"];
        (0..1 + self.below(6))
            .map(|_| self.one_of(&pieces))
            .collect()
    }

    fn time(&mut self, whole: bool) -> Value {
        let seconds = 1_000_000_000 + self.below(1_000_000_000);
        let milliseconds = if whole { 0 } else { self.below(2) * 250 };
        let time = jiff::Timestamp::from_millisecond((seconds * 1000 + milliseconds) as i64);
        time.unwrap().to_string().into()
    }
}

pub fn is_streaming(service: &Service, member: &Member) -> bool {
    member.streaming || service.shape(member.shape).streaming
}
