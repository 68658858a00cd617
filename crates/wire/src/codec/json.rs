//! JSON bodies: members under their wire names, times as numbers.

use serde_json::{Map, Value};

use super::scalar::{self, special};
use super::{Expected, Fault, shallow};
use crate::Object;
use crate::table::{Kind, Location, Member, Service, ShapeId, TimestampFormat};

/// Whether a reader takes what AWS's own refuse: times as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Strict,
    Lenient,
}

/// The members of a structure as a JSON body. Those that go elsewhere are left out.
pub(crate) fn write(service: &Service, id: ShapeId, members: &Object) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(128);
    write_members(service, id, members, &mut out, 0)?;
    Ok(out)
}

/// One value alone.
pub(crate) fn write_value(
    service: &Service,
    member: &Member,
    value: &Value,
) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(128);
    put(service, member, value, &mut out, 0)?;
    Ok(out)
}

fn write_members(
    service: &Service,
    id: ShapeId,
    given: &Object,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Fault> {
    out.push(b'{');
    if let Kind::Structure { members, .. } = &service.shape(id).kind {
        let mut first = true;
        for member in members {
            if depth == 0 && member.location != Location::Body {
                continue;
            }
            if let Some(value) = given.get(&member.name).filter(|value| !value.is_null()) {
                comma(&mut first, out);
                string(member.wire(), out);
                out.push(b':');
                put(service, member, value, out, depth + 1)?;
            }
        }
    }
    out.push(b'}');
    Ok(())
}

fn comma(first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    any(&text, out);
}

/// A value that is JSON already. Writing into memory does not fail, and no key is anything but text.
fn any(value: &impl serde::Serialize, out: &mut Vec<u8>) {
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.extend_from_slice(b"null");
    }
}

fn put(
    service: &Service,
    member: &Member,
    value: &Value,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Fault> {
    let shape = service.shape(member.shape);
    shallow(&member.name, depth)?;
    match (&shape.kind, value) {
        (Kind::Structure { .. }, Value::Object(given)) => {
            write_members(service, member.shape, given, out, depth)
                .map_err(|fault| fault.under(&member.name))?;
        }
        (Kind::List { element, .. }, Value::Array(items)) => {
            out.push(b'[');
            let mut first = true;
            for item in items {
                comma(&mut first, out);
                put(service, element, item, out, depth + 1)?;
            }
            out.push(b']');
        }
        (Kind::Map { value: of, .. }, Value::Object(entries)) => {
            out.push(b'{');
            let mut first = true;
            for (key, value) in entries {
                comma(&mut first, out);
                string(key, out);
                out.push(b':');
                put(service, of, value, out, depth + 1)?;
            }
            out.push(b'}');
        }
        (Kind::Timestamp, Value::String(text)) => {
            match member.timestamp_format.or(shape.timestamp_format) {
                None | Some(TimestampFormat::Unix) => {
                    let seconds = scalar::seconds(text)
                        .ok_or_else(|| Fault::new(&member.name, Expected::Time))?;
                    any(&seconds, out);
                }
                Some(format) => {
                    string(&scalar::to_text(service, member, value, format)?, out);
                }
            }
        }
        (Kind::Float | Kind::Double, Value::String(text)) if special(text).is_some() => {
            string(text, out);
        }
        (Kind::String { .. } | Kind::Blob, Value::String(text)) => string(text, out),
        (Kind::Boolean, Value::Bool(_))
        | (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, Value::Number(_))
        | (Kind::Document, _) => any(value, out),
        _ => return Err(Fault::kind(member, &shape.kind, value)),
    }
    Ok(())
}

/// The JSON of a body; an empty one is none.
pub(crate) fn parse(body: &[u8]) -> Result<Value, Fault> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|_| Fault::new("", Expected::Json))
}

/// The members of a structure from a JSON body. Members that the model does not have are passed over.
pub(crate) fn read(
    service: &Service,
    id: ShapeId,
    body: Value,
    manner: Manner,
) -> Result<Object, Fault> {
    match body {
        Value::Object(given) => take_members(service, id, given, manner, 0),
        Value::Null => Ok(Object::new()),
        other => Err(Fault {
            found: super::Found::of(&other),
            ..Fault::new("", Expected::Structure)
        }),
    }
}

fn take_members(
    service: &Service,
    id: ShapeId,
    mut given: Object,
    manner: Manner,
    depth: usize,
) -> Result<Object, Fault> {
    let mut read = Object::new();
    if let Kind::Structure { members, .. } = &service.shape(id).kind {
        for member in members {
            if given.is_empty() {
                break;
            }
            if depth == 0 && member.location != Location::Body {
                continue;
            }
            if let Some(value) = given.remove(member.wire()).filter(|value| !value.is_null()) {
                let value = take(service, member, value, manner, depth + 1)?;
                read.insert(member.name.clone(), value);
            }
        }
    }
    Ok(read)
}

/// One value alone.
pub(crate) fn read_value(
    service: &Service,
    member: &Member,
    value: Value,
    manner: Manner,
) -> Result<Value, Fault> {
    take(service, member, value, manner, 1)
}

fn take(
    service: &Service,
    member: &Member,
    value: Value,
    manner: Manner,
    depth: usize,
) -> Result<Value, Fault> {
    let shape = service.shape(member.shape);
    shallow(&member.name, depth)?;
    Ok(match (&shape.kind, value) {
        (Kind::Structure { .. }, Value::Object(given)) => {
            let read = take_members(service, member.shape, given, manner, depth);
            Value::Object(read.map_err(|fault| fault.under(&member.name))?)
        }
        (Kind::List { element, .. }, Value::Array(items)) => items
            .into_iter()
            .filter(|item| !item.is_null())
            .map(|item| take(service, element, item, manner, depth + 1))
            .collect::<Result<_, _>>()
            .map_err(|fault| fault.under(&member.name))?,
        (Kind::Map { value: of, .. }, Value::Object(entries)) => entries
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| Ok((key, take(service, of, value, manner, depth + 1)?)))
            .collect::<Result<Map<String, Value>, Fault>>()
            .map_err(|fault| fault.under(&member.name))?
            .into(),
        (Kind::Timestamp, value) => {
            let format = member.timestamp_format.or(shape.timestamp_format);
            let textual = format.is_some_and(|format| format != TimestampFormat::Unix);
            let time = match &value {
                Value::Number(number) => number.as_f64().and_then(scalar::from_seconds),
                Value::String(text) if textual || manner == Manner::Lenient => {
                    scalar::read_time(text)
                }
                _ => None,
            };
            match time {
                Some(time) => time.to_string().into(),
                None => return Err(Fault::kind(member, &shape.kind, &value)),
            }
        }
        (Kind::Integer | Kind::Long, Value::Number(number)) => {
            let whole = number.as_i64().or_else(|| whole(number.as_f64()?));
            let fits =
                |whole: &i64| matches!(shape.kind, Kind::Long) || i32::try_from(*whole).is_ok();
            match whole.filter(fits) {
                Some(whole) => whole.into(),
                None => return Err(Fault::kind(member, &shape.kind, &Value::Number(number))),
            }
        }
        (Kind::Blob, Value::String(text)) => {
            if scalar::is_base64(&text) {
                text.into()
            } else {
                return Err(Fault::text(member, &shape.kind, &text));
            }
        }
        (Kind::Float | Kind::Double, Value::String(text)) if special(&text).is_some() => {
            text.into()
        }
        (Kind::String { .. }, value @ Value::String(_))
        | (Kind::Boolean, value @ Value::Bool(_))
        | (Kind::Float | Kind::Double, value @ Value::Number(_))
        | (Kind::Document, value) => value,
        (kind, value) => return Err(Fault::kind(member, kind, &value)),
    })
}

/// Some clients write 5.0 for 5.
pub(crate) fn whole(float: f64) -> Option<i64> {
    if float.fract() != 0.0 || float.abs() >= 9e15 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole, and bounded just above"
    )]
    let whole = float as i64;
    Some(whole)
}
