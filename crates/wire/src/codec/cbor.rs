//! CBOR bodies, as the protocol rpc-v2-cbor has them: structures as maps by member, times as tagged seconds, bytes as
//! bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Number, Value};

use super::scalar::{self, LENIENT, special};
use super::{Expected, Fault, shallow};
use crate::Object;
use crate::table::{Kind, Member, Service, ShapeId};

/// The tag of seconds since 1970.
const SECONDS: u64 = 1;

type Out = Encoder<Vec<u8>>;

fn unwritten<E>(_: minicbor::encode::Error<E>) -> Fault {
    Fault::new("", Expected::Cbor)
}

fn torn(_: minicbor::decode::Error) -> Fault {
    Fault::new("", Expected::Cbor)
}

/// The members of a structure as a body.
pub(crate) fn write(service: &Service, id: ShapeId, members: &Object) -> Result<Vec<u8>, Fault> {
    let mut out = Encoder::new(Vec::with_capacity(128));
    write_members(service, id, members, &mut out, 0)?;
    Ok(out.into_writer())
}

/// A body of texts alone.
pub(crate) fn texts(members: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Encoder::new(Vec::with_capacity(128));
    let written = (|| {
        out.map(members.len() as u64)?;
        for (name, text) in members {
            out.str(name)?.str(text)?;
        }
        Ok::<(), minicbor::encode::Error<_>>(())
    })();
    debug_assert!(written.is_ok(), "memory takes everything");
    out.into_writer()
}

/// The members of a structure, with some texts before them.
pub(crate) fn write_with(
    texts: &[(&str, &str)],
    service: &Service,
    id: ShapeId,
    members: &Object,
) -> Result<Vec<u8>, Fault> {
    let mut out = Encoder::new(Vec::with_capacity(128));
    out.begin_map().map_err(unwritten)?;
    for (name, text) in texts {
        out.str(name).map_err(unwritten)?;
        out.str(text).map_err(unwritten)?;
    }
    if let Kind::Structure { members: known, .. } = &service.shape(id).kind {
        for member in known {
            if let Some(value) = members.get(&member.name).filter(|value| !value.is_null()) {
                out.str(member.wire()).map_err(unwritten)?;
                put(service, member, value, &mut out, 1)?;
            }
        }
    }
    out.end().map_err(unwritten)?;
    Ok(out.into_writer())
}

fn write_members(
    service: &Service,
    id: ShapeId,
    given: &Object,
    out: &mut Out,
    depth: usize,
) -> Result<(), Fault> {
    let known = match &service.shape(id).kind {
        Kind::Structure { members, .. } => members.as_slice(),
        _ => &[],
    };
    let set = || {
        known.iter().filter_map(|member| {
            let value = given.get(&member.name).filter(|value| !value.is_null())?;
            Some((member, value))
        })
    };
    out.map(set().count() as u64).map_err(unwritten)?;
    for (member, value) in set() {
        out.str(member.wire()).map_err(unwritten)?;
        put(service, member, value, out, depth + 1)?;
    }
    Ok(())
}

fn put(
    service: &Service,
    member: &Member,
    value: &Value,
    out: &mut Out,
    depth: usize,
) -> Result<(), Fault> {
    let shape = service.shape(member.shape);
    let wrong = || Fault::kind(member, &shape.kind, value);
    shallow(&member.name, depth)?;
    match (&shape.kind, value) {
        (Kind::Structure { .. }, Value::Object(given)) => {
            write_members(service, member.shape, given, out, depth)
                .map_err(|fault| fault.under(&member.name))?;
        }
        (Kind::List { element, .. }, Value::Array(items)) => {
            out.array(items.len() as u64).map_err(unwritten)?;
            for item in items {
                put(service, element, item, out, depth + 1)?;
            }
        }
        (Kind::Map { value: of, .. }, Value::Object(entries)) => {
            out.map(entries.len() as u64).map_err(unwritten)?;
            for (key, value) in entries {
                out.str(key).map_err(unwritten)?;
                put(service, of, value, out, depth + 1)?;
            }
        }
        (Kind::String { .. }, Value::String(text)) => {
            out.str(text).map_err(unwritten)?;
        }
        (Kind::Blob, Value::String(text)) => {
            let bytes = LENIENT.decode(text).map_err(|_| wrong())?;
            out.bytes(&bytes).map_err(unwritten)?;
        }
        (Kind::Timestamp, Value::String(text)) => {
            let seconds = scalar::seconds(text).ok_or_else(wrong)?;
            out.tag(Tag::new(SECONDS)).map_err(unwritten)?;
            number(&seconds, out)?;
        }
        (Kind::Float, Value::Number(given)) => {
            #[expect(clippy::cast_possible_truncation, reason = "the shape has 32 bits")]
            let narrow = given.as_f64().ok_or_else(wrong)? as f32;
            out.f32(narrow).map_err(unwritten)?;
        }
        (Kind::Double, Value::Number(given)) => {
            out.f64(given.as_f64().ok_or_else(wrong)?)
                .map_err(unwritten)?;
        }
        (Kind::Float | Kind::Double, Value::String(text)) => {
            out.f64(special(text).ok_or_else(wrong)?)
                .map_err(unwritten)?;
        }
        (Kind::Integer | Kind::Long, Value::Number(given)) => number(given, out)?,
        (Kind::Boolean, Value::Bool(truth)) => {
            out.bool(*truth).map_err(unwritten)?;
        }
        (Kind::Document, value) => document(value, out, depth)?,
        _ => return Err(wrong()),
    }
    Ok(())
}

fn number(number: &Number, out: &mut Out) -> Result<(), Fault> {
    if let Some(whole) = number.as_i64() {
        out.i64(whole).map_err(unwritten)?;
    } else if let Some(whole) = number.as_u64() {
        out.u64(whole).map_err(unwritten)?;
    } else {
        out.f64(number.as_f64().unwrap_or_default())
            .map_err(unwritten)?;
    }
    Ok(())
}

fn document(value: &Value, out: &mut Out, depth: usize) -> Result<(), Fault> {
    shallow("", depth)?;
    match value {
        Value::Null => out.null().map(|_| ()).map_err(unwritten),
        Value::Bool(truth) => out.bool(*truth).map(|_| ()).map_err(unwritten),
        Value::Number(given) => number(given, out),
        Value::String(text) => out.str(text).map(|_| ()).map_err(unwritten),
        Value::Array(items) => {
            out.array(items.len() as u64).map_err(unwritten)?;
            items
                .iter()
                .try_for_each(|item| document(item, out, depth + 1))
        }
        Value::Object(entries) => {
            out.map(entries.len() as u64).map_err(unwritten)?;
            entries.iter().try_for_each(|(key, value)| {
                out.str(key).map_err(unwritten)?;
                document(value, out, depth + 1)
            })
        }
    }
}

/// The members of a structure from a body. Members that the model does not have are passed over; an empty body has none.
pub(crate) fn read(service: &Service, id: ShapeId, body: &[u8]) -> Result<Object, Fault> {
    if body.is_empty() {
        return Ok(Object::new());
    }
    let mut from = Decoder::new(body);
    let read = take_members(service, id, &mut from, 0)?;
    if from.position() != body.len() {
        return Err(Fault::new("", Expected::Cbor));
    }
    Ok(read)
}

/// Any body as JSON has it; bytes in base64.
pub(crate) fn read_any(body: &[u8]) -> Result<Value, Fault> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    take_any(&mut Decoder::new(body), 0)
}

/// Goes through a map, of a known length or not.
fn entries(
    from: &mut Decoder<'_>,
    mut each: impl FnMut(String, &mut Decoder<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if !matches!(from.datatype().map_err(torn)?, Type::Map | Type::MapIndef) {
        return Err(Fault::new("", Expected::Structure));
    }
    let mut left = from.map().map_err(torn)?;
    while more(&mut left, from)? {
        let key = text(from)?;
        each(key, from)?;
    }
    Ok(())
}

/// Goes through a list, of a known length or not.
fn items(
    from: &mut Decoder<'_>,
    mut each: impl FnMut(&mut Decoder<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut left = from.array().map_err(torn)?;
    while more(&mut left, from)? {
        each(from)?;
    }
    Ok(())
}

/// Whether something follows; passes over the end of what has no length.
fn more(left: &mut Option<u64>, from: &mut Decoder<'_>) -> Result<bool, Fault> {
    match left {
        Some(0) => Ok(false),
        Some(count) => {
            *count -= 1;
            Ok(true)
        }
        None if from.datatype().map_err(torn)? == Type::Break => {
            from.skip().map_err(torn)?;
            Ok(false)
        }
        None => Ok(true),
    }
}

fn text(from: &mut Decoder<'_>) -> Result<String, Fault> {
    if from.datatype().map_err(torn)? == Type::StringIndef {
        let pieces = from.str_iter().map_err(torn)?;
        return pieces.collect::<Result<String, _>>().map_err(torn);
    }
    from.str().map(str::to_owned).map_err(torn)
}

fn bytes(from: &mut Decoder<'_>) -> Result<Vec<u8>, Fault> {
    if from.datatype().map_err(torn)? == Type::BytesIndef {
        let mut whole = Vec::new();
        for piece in from.bytes_iter().map_err(torn)? {
            whole.extend_from_slice(piece.map_err(torn)?);
        }
        return Ok(whole);
    }
    from.bytes().map(<[u8]>::to_vec).map_err(torn)
}

/// A null or an undefined is as if nothing were there.
fn nothing(from: &mut Decoder<'_>) -> Result<bool, Fault> {
    let empty = matches!(from.datatype().map_err(torn)?, Type::Null | Type::Undefined);
    if empty {
        from.skip().map_err(torn)?;
    }
    Ok(empty)
}

fn take_members(
    service: &Service,
    id: ShapeId,
    from: &mut Decoder<'_>,
    depth: usize,
) -> Result<Object, Fault> {
    let known = match &service.shape(id).kind {
        Kind::Structure { members, .. } => members.as_slice(),
        _ => &[],
    };
    let mut read = Object::new();
    entries(from, |name, from| {
        let Some(member) = known.iter().find(|member| member.wire() == name) else {
            return skip(from, depth + 1);
        };
        if nothing(from)? {
            return Ok(());
        }
        let value = take(service, member, from, depth + 1)?;
        read.insert(member.name.clone(), value);
        Ok(())
    })?;
    Ok(read)
}

fn take(
    service: &Service,
    member: &Member,
    from: &mut Decoder<'_>,
    depth: usize,
) -> Result<Value, Fault> {
    shallow(&member.name, depth)?;
    let shape = service.shape(member.shape);
    let there = from.datatype().map_err(torn)?;
    let under = |fault: Fault| fault.under(&member.name);
    let wrong = || Fault::kind(member, &shape.kind, &sample(there));
    Ok(match (&shape.kind, there) {
        (Kind::Structure { .. }, Type::Map | Type::MapIndef) => {
            Value::Object(take_members(service, member.shape, from, depth).map_err(under)?)
        }
        (Kind::List { element, .. }, Type::Array | Type::ArrayIndef) => {
            let mut list = Vec::new();
            items(from, |from| {
                if !nothing(from)? {
                    list.push(take(service, element, from, depth + 1)?);
                }
                Ok(())
            })
            .map_err(under)?;
            Value::Array(list)
        }
        (Kind::Map { value: of, .. }, Type::Map | Type::MapIndef) => {
            let mut map = Map::new();
            entries(from, |key, from| {
                if !nothing(from)? {
                    map.insert(key, take(service, of, from, depth + 1)?);
                }
                Ok(())
            })
            .map_err(under)?;
            Value::Object(map)
        }
        (Kind::String { .. }, Type::String | Type::StringIndef) => text(from)?.into(),
        (Kind::Blob, Type::Bytes | Type::BytesIndef) => STANDARD.encode(bytes(from)?).into(),
        (Kind::Boolean, Type::Bool) => from.bool().map_err(torn)?.into(),
        (Kind::Timestamp, Type::Tag) => {
            if from.tag().map_err(torn)?.as_u64() != SECONDS {
                return Err(wrong());
            }
            let seconds = float(from)?.ok_or_else(wrong)?;
            let time = scalar::from_seconds(seconds).ok_or_else(wrong)?;
            time.to_string().into()
        }
        (Kind::Integer | Kind::Long, _) => {
            let whole = whole(from)?.ok_or_else(wrong)?;
            if matches!(shape.kind, Kind::Integer) && i32::try_from(whole).is_err() {
                return Err(wrong());
            }
            whole.into()
        }
        (Kind::Float | Kind::Double, _) => from_float(float(from)?.ok_or_else(wrong)?),
        (Kind::Document, _) => take_any(from, depth)?,
        _ => return Err(wrong()),
    })
}

/// Something of a type, so that a fault can name what was there.
fn sample(there: Type) -> Value {
    match there {
        Type::String | Type::StringIndef => "".into(),
        Type::Bool => true.into(),
        Type::F16 | Type::F32 | Type::F64 => {
            Number::from_f64(0.5).map_or(Value::Null, Value::Number)
        }
        Type::Array | Type::ArrayIndef => Value::Array(Vec::new()),
        Type::Map | Type::MapIndef => Value::Object(Map::new()),
        Type::Null | Type::Undefined => Value::Null,
        _ => 0.into(),
    }
}

fn from_float(float: f64) -> Value {
    match Number::from_f64(float) {
        Some(number) => Value::Number(number),
        None if float.is_nan() => "NaN".into(),
        None if float > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

/// A whole number of 64 bits; some clients write 5.0 for 5.
fn whole(from: &mut Decoder<'_>) -> Result<Option<i64>, Fault> {
    Ok(match from.datatype().map_err(torn)? {
        Type::F16 | Type::F32 | Type::F64 => float(from)?.and_then(super::json::whole),
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::Int => i64::try_from(i128::from(from.int().map_err(torn)?)).ok(),
        _ => None,
    })
}

/// Any number.
fn float(from: &mut Decoder<'_>) -> Result<Option<f64>, Fault> {
    Ok(match from.datatype().map_err(torn)? {
        Type::F16 => {
            let at = from.position();
            let half = from
                .input()
                .get(at + 1..at + 3)
                .and_then(|bytes| <[u8; 2]>::try_from(bytes).ok());
            from.set_position(at + 3);
            Some(half_float(u16::from_be_bytes(
                half.ok_or_else(|| Fault::new("", Expected::Cbor))?,
            )))
        }
        Type::F32 => Some(f64::from(from.f32().map_err(torn)?)),
        Type::F64 => Some(from.f64().map_err(torn)?),
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::Int => {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a number is asked for, not a whole one"
            )]
            let float = i128::from(from.int().map_err(torn)?) as f64;
            Some(float)
        }
        _ => None,
    })
}

/// A float of 16 bits.
fn half_float(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from((bits >> 10) & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2f64.powi(exponent - 25),
    }
}

fn skip(from: &mut Decoder<'_>, depth: usize) -> Result<(), Fault> {
    take_any(from, depth).map(|_| ())
}

fn take_any(from: &mut Decoder<'_>, depth: usize) -> Result<Value, Fault> {
    shallow("", depth)?;
    Ok(match from.datatype().map_err(torn)? {
        Type::Bool => from.bool().map_err(torn)?.into(),
        Type::String | Type::StringIndef => text(from)?.into(),
        Type::Bytes | Type::BytesIndef => STANDARD.encode(bytes(from)?).into(),
        Type::Array | Type::ArrayIndef => {
            let mut list = Vec::new();
            items(from, |from| {
                list.push(take_any(from, depth + 1)?);
                Ok(())
            })?;
            Value::Array(list)
        }
        Type::Map | Type::MapIndef => {
            let mut map = Map::new();
            entries(from, |key, from| {
                map.insert(key, take_any(from, depth + 1)?);
                Ok(())
            })?;
            Value::Object(map)
        }
        Type::Tag => {
            from.tag().map_err(torn)?;
            take_any(from, depth + 1)?
        }
        Type::F16 | Type::F32 | Type::F64 => from_float(float(from)?.unwrap_or_default()),
        Type::Break | Type::Unknown(_) => return Err(Fault::new("", Expected::Cbor)),
        Type::Null | Type::Undefined | Type::Simple => {
            from.skip().map_err(torn)?;
            Value::Null
        }
        _ => {
            let whole = i128::from(from.int().map_err(torn)?);
            i64::try_from(whole)
                .map(Value::from)
                .or_else(|_| u64::try_from(whole).map(Value::from))
                .unwrap_or(Value::Null)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    fn put_metrics(body: &str) -> Result<Object, Fault> {
        let cloudwatch = table::service("cloudwatch").unwrap();
        let id = cloudwatch.operations["PutMetricData"].input.unwrap();
        read(cloudwatch, id, &hex::decode(body).unwrap())
    }

    #[test]
    fn whatever_the_length_of_a_number_or_none_of_a_list_is_read() {
        // {_ "Namespace": (_ "a", "b"), "MetricData": [_ {"Value": 1.5 as half, "Timestamp": 1(1688989500)}]}
        let body = [
            "bf",
            "694e616d657370616365",
            "7f61616162ff",
            "6a4d657472696344617461",
            "9f",
            "a2",
            "6556616c7565",
            "f93e00",
            "6954696d657374616d70",
            "c11a64abef3c",
            "ff",
            "ff",
        ];
        let read = put_metrics(&body.concat()).unwrap();
        assert_eq!(read["Namespace"], "ab");
        assert_eq!(read["MetricData"][0]["Value"], 1.5);
        assert_eq!(read["MetricData"][0]["Timestamp"], "2023-07-10T11:45:00Z");
    }

    #[test]
    fn halves_are_what_they_should_be() {
        for (bits, wanted) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc400, -4.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half_float(bits), wanted, "{bits:x}");
        }
        assert!(half_float(0x7e00).is_nan());
    }

    #[test]
    fn what_is_torn_or_wrong_is_refused() {
        for body in [
            "a1",                                         // a map that breaks off
            "80",                                         // no map
            "a1694e616d65737061636501",                   // a number for a text
            "bb7fffffffffffffff",                         // a map of more than there is
            "a16a4d6574726963446174619b7fffffffffffffff", // a list of more than there is
            "a0a0",                                       // two
            "a1694e616d657370616365c1c1c1",               // tags of nothing
            "a1694e616d65737061636562ffff",               // not UTF-8
            "a10100",                                     // a key that is no text
        ] {
            assert!(put_metrics(body).is_err(), "{body}");
        }
        let deep = "a16161".repeat(4000) + "00";
        assert!(put_metrics(&deep).is_err());
        let deep = "a1694e616d657370616365".to_owned() + &"81".repeat(100_000);
        assert!(put_metrics(&deep).is_err());
    }
}
