//! JSON bodies: members under their wire names, times as numbers.

use serde_json::{Map, Value};

use super::scalar::{self, name_of};
use super::{DEEPEST, Fault};
use crate::Object;
use crate::table::{Kind, Location, Member, Service, ShapeId, TimestampFormat};

/// The members of a structure as they go into a JSON body. Those that go elsewhere are left out.
pub(crate) fn write(service: &Service, id: ShapeId, members: &Object) -> Result<Value, Fault> {
    let Kind::Structure { members: known, .. } = &service.shape(id).kind else {
        return Ok(Value::Object(Map::new()));
    };
    let mut written = Map::new();
    for member in known
        .iter()
        .filter(|member| member.location == Location::Body)
    {
        if let Some(value) = members.get(&member.name).filter(|value| !value.is_null()) {
            written.insert(
                member.wire().to_owned(),
                write_value(service, member, value, 0)?,
            );
        }
    }
    Ok(Value::Object(written))
}

/// One value.
pub(crate) fn write_value(
    service: &Service,
    member: &Member,
    value: &Value,
    depth: usize,
) -> Result<Value, Fault> {
    let shape = service.shape(member.shape);
    let wrong = || Fault::new(&member.name, name_of(&shape.kind));
    if depth > DEEPEST {
        return Err(Fault::new(&member.name, "less deep"));
    }
    Ok(match (&shape.kind, value) {
        (Kind::Structure { members, .. }, Value::Object(given)) => {
            let mut written = Map::new();
            for inner in members {
                if let Some(value) = given.get(&inner.name).filter(|value| !value.is_null()) {
                    let value = write_value(service, inner, value, depth + 1)
                        .map_err(|f| f.under(&member.name))?;
                    written.insert(inner.wire().to_owned(), value);
                }
            }
            Value::Object(written)
        }
        (Kind::List { element, .. }, Value::Array(items)) => items
            .iter()
            .map(|item| write_value(service, element, item, depth + 1))
            .collect::<Result<_, _>>()?,
        (Kind::Map { value: of, .. }, Value::Object(entries)) => entries
            .iter()
            .map(|(key, value)| Ok((key.clone(), write_value(service, of, value, depth + 1)?)))
            .collect::<Result<_, Fault>>()?,
        (Kind::Timestamp, Value::String(text)) => {
            match member.timestamp_format.or(shape.timestamp_format) {
                None | Some(TimestampFormat::Unix) => {
                    Value::Number(scalar::seconds(text).ok_or_else(wrong)?)
                }
                Some(format) => scalar::to_text(service, member, value, format)?.into(),
            }
        }
        (Kind::String { .. } | Kind::Blob, Value::String(_))
        | (Kind::Boolean, Value::Bool(_))
        | (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, Value::Number(_))
        | (Kind::Document, _) => value.clone(),
        _ => return Err(wrong()),
    })
}

/// The members of a structure from a JSON body. Members that the model does not have are passed over.
pub(crate) fn read(service: &Service, id: ShapeId, body: &Value) -> Result<Object, Fault> {
    let mut read = Object::new();
    let Kind::Structure { members, .. } = &service.shape(id).kind else {
        return Ok(read);
    };
    let given = match body {
        Value::Object(given) => given,
        Value::Null => return Ok(read),
        _ => return Err(Fault::new("", "a structure")),
    };
    for member in members
        .iter()
        .filter(|member| member.location == Location::Body)
    {
        if let Some(value) = given.get(member.wire()).filter(|value| !value.is_null()) {
            read.insert(member.name.clone(), read_value(service, member, value, 0)?);
        }
    }
    Ok(read)
}

/// One value.
pub(crate) fn read_value(
    service: &Service,
    member: &Member,
    value: &Value,
    depth: usize,
) -> Result<Value, Fault> {
    let shape = service.shape(member.shape);
    let wrong = || Fault::new(&member.name, name_of(&shape.kind));
    if depth > DEEPEST {
        return Err(Fault::new(&member.name, "less deep"));
    }
    Ok(match (&shape.kind, value) {
        (Kind::Structure { members, .. }, Value::Object(given)) => {
            let mut read = Map::new();
            for inner in members {
                if let Some(value) = given.get(inner.wire()).filter(|value| !value.is_null()) {
                    let value = read_value(service, inner, value, depth + 1)
                        .map_err(|f| f.under(&member.name))?;
                    read.insert(inner.name.clone(), value);
                }
            }
            Value::Object(read)
        }
        (Kind::List { element, .. }, Value::Array(items)) => items
            .iter()
            .filter(|item| !item.is_null())
            .map(|item| read_value(service, element, item, depth + 1))
            .collect::<Result<_, _>>()?,
        (Kind::Map { value: of, .. }, Value::Object(entries)) => entries
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| Ok((key.clone(), read_value(service, of, value, depth + 1)?)))
            .collect::<Result<_, Fault>>()?,
        (Kind::Timestamp, Value::Number(number)) => {
            let time = number
                .as_f64()
                .and_then(scalar::from_seconds)
                .ok_or_else(wrong)?;
            time.to_string().into()
        }
        (Kind::Timestamp, Value::String(text)) => {
            scalar::from_text(&shape.kind, text).ok_or_else(wrong)?
        }
        (Kind::Integer | Kind::Long, Value::Number(number)) => match number.as_i64() {
            Some(whole) => whole.into(),
            // Some clients write 5.0 for 5.
            None => number
                .as_f64()
                .filter(|float| float.fract() == 0.0 && float.abs() < 9e15)
                .and_then(|float| format!("{float:.0}").parse::<i64>().ok())
                .map(Value::from)
                .ok_or_else(wrong)?,
        },
        (Kind::Blob, Value::String(text)) if !scalar::is_base64(text) => return Err(wrong()),
        (Kind::String { .. } | Kind::Blob, Value::String(_))
        | (Kind::Boolean, Value::Bool(_))
        | (Kind::Float | Kind::Double, Value::Number(_))
        | (Kind::Document, _) => value.clone(),
        _ => return Err(wrong()),
    })
}
