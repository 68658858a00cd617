//! Forms: `UserName=anna&Tags.member.1.Key=team`, as the protocols query and EC2 send their requests.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::scalar::{self, name_of};
use super::{DEEPEST, Fault};
use crate::Object;
use crate::table::{Kind, Member, Service, ShapeId, TimestampFormat};

/// The most elements that a list may have in a form.
const LONGEST: usize = 10_000;

/// Whether names are written as EC2 writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Query,
    Ec2,
}

impl Dialect {
    fn name(self, member: &Member) -> String {
        match self {
            Self::Query => member.wire().to_owned(),
            Self::Ec2 => member.query_name.clone().unwrap_or_else(|| {
                let wire = member.wire();
                let mut letters = wire.chars();
                letters.next().map_or_else(String::new, |first| {
                    first.to_ascii_uppercase().to_string() + letters.as_str()
                })
            }),
        }
    }

    /// The names under which a list's elements or a map's entries stand: `Tags.member.1`, `Tag.1`.
    fn list(self, service: &Service, member: &Member, element: &Member, prefix: &str) -> String {
        let flattened = member.flattened
            || matches!(
                service.shape(member.shape).kind,
                Kind::List {
                    flattened: true,
                    ..
                }
            )
            || self == Self::Ec2;
        if !flattened {
            return format!(
                "{prefix}.{}",
                element.wire_name.as_deref().unwrap_or("member")
            );
        }
        match (&element.wire_name, prefix.rsplit_once('.')) {
            (Some(name), _) if self == Self::Ec2 && !name.is_empty() => prefix.to_owned(),
            (Some(name), Some((outer, _))) => format!("{outer}.{name}"),
            (Some(name), None) => name.clone(),
            (None, _) => prefix.to_owned(),
        }
    }
}

/// The fields of a form.
pub(crate) type Fields = BTreeMap<String, String>;

/// Writes a structure's members into a form.
pub(crate) fn write(
    service: &Service,
    id: ShapeId,
    members: &Object,
    dialect: Dialect,
) -> Result<Vec<(String, String)>, Fault> {
    let mut fields = Vec::new();
    let Kind::Structure { members: known, .. } = &service.shape(id).kind else {
        return Ok(fields);
    };
    for member in known {
        if let Some(value) = members.get(&member.name).filter(|value| !value.is_null()) {
            write_value(
                service,
                member,
                value,
                &dialect.name(member),
                dialect,
                &mut fields,
                0,
            )?;
        }
    }
    Ok(fields)
}

fn write_value(
    service: &Service,
    member: &Member,
    value: &Value,
    prefix: &str,
    dialect: Dialect,
    fields: &mut Vec<(String, String)>,
    depth: usize,
) -> Result<(), Fault> {
    if depth > DEEPEST {
        return Err(Fault::new(&member.name, "less deep"));
    }
    let shape = service.shape(member.shape);
    match (&shape.kind, value) {
        (Kind::Structure { members, .. }, Value::Object(given)) => {
            for inner in members {
                if let Some(value) = given.get(&inner.name).filter(|value| !value.is_null()) {
                    let name = format!("{prefix}.{}", dialect.name(inner));
                    write_value(service, inner, value, &name, dialect, fields, depth + 1)
                        .map_err(|fault| fault.under(&member.name))?;
                }
            }
        }
        (Kind::List { element, .. }, Value::Array(items)) => {
            if items.is_empty() && dialect == Dialect::Query {
                fields.push((prefix.to_owned(), String::new()));
            }
            let base = dialect.list(service, member, element, prefix);
            for (at, item) in items.iter().enumerate() {
                let name = format!("{base}.{}", at + 1);
                write_value(service, element, item, &name, dialect, fields, depth + 1)?;
            }
        }
        (
            Kind::Map {
                key,
                value: of,
                flattened,
            },
            Value::Object(entries),
        ) => {
            let base = if *flattened || member.flattened {
                prefix.to_owned()
            } else {
                format!("{prefix}.entry")
            };
            for (at, (name, value)) in entries.iter().enumerate() {
                let base = format!("{base}.{}", at + 1);
                fields.push((
                    format!("{base}.{}", key.wire_name.as_deref().unwrap_or("key")),
                    name.clone(),
                ));
                let under = format!("{base}.{}", of.wire_name.as_deref().unwrap_or("value"));
                write_value(service, of, value, &under, dialect, fields, depth + 1)?;
            }
        }
        _ => {
            let text = scalar::to_text(service, member, value, TimestampFormat::Iso8601)?;
            fields.push((prefix.to_owned(), text));
        }
    }
    Ok(())
}

/// Reads a structure's members from a form.
pub(crate) fn read(
    service: &Service,
    id: ShapeId,
    fields: &Fields,
    dialect: Dialect,
) -> Result<Object, Fault> {
    let mut read = Object::new();
    let Kind::Structure { members, .. } = &service.shape(id).kind else {
        return Ok(read);
    };
    for member in members {
        if let Some(value) = read_value(service, member, fields, &dialect.name(member), dialect, 0)?
        {
            read.insert(member.name.clone(), value);
        }
    }
    Ok(read)
}

/// Whether a form has anything at or below a name.
fn has(fields: &Fields, prefix: &str) -> bool {
    fields.contains_key(prefix)
        || fields
            .range(format!("{prefix}.")..)
            .next()
            .is_some_and(|(name, _)| {
                name.strip_prefix(prefix)
                    .is_some_and(|rest| rest.starts_with('.'))
            })
}

fn read_value(
    service: &Service,
    member: &Member,
    fields: &Fields,
    prefix: &str,
    dialect: Dialect,
    depth: usize,
) -> Result<Option<Value>, Fault> {
    if depth > DEEPEST {
        return Err(Fault::new(&member.name, "less deep"));
    }
    let shape = service.shape(member.shape);
    match &shape.kind {
        Kind::Structure { members, .. } => {
            if !has(fields, prefix) {
                return Ok(None);
            }
            let mut read = Map::new();
            for inner in members {
                let name = format!("{prefix}.{}", dialect.name(inner));
                let value = read_value(service, inner, fields, &name, dialect, depth + 1);
                if let Some(value) = value.map_err(|fault| fault.under(&member.name))? {
                    read.insert(inner.name.clone(), value);
                }
            }
            Ok(Some(Value::Object(read)))
        }
        Kind::List { element, .. } => {
            let base = dialect.list(service, member, element, prefix);
            // `Tags.1` is taken for `Tags.member.1` too: AWS reads both.
            let bases = [base, prefix.to_owned()];
            for base in bases {
                let mut items = Vec::new();
                for at in 1..=LONGEST {
                    let name = format!("{base}.{at}");
                    if !has(fields, &name) {
                        break;
                    }
                    items.extend(read_value(
                        service,
                        element,
                        fields,
                        &name,
                        dialect,
                        depth + 1,
                    )?);
                }
                if !items.is_empty() {
                    return Ok(Some(Value::Array(items)));
                }
            }
            // `Tags=` is the empty list.
            Ok(fields
                .get(prefix)
                .filter(|text| text.is_empty())
                .map(|_| Value::Array(Vec::new())))
        }
        Kind::Map {
            key,
            value: of,
            flattened,
        } => {
            let base = if *flattened || member.flattened {
                prefix.to_owned()
            } else {
                format!("{prefix}.entry")
            };
            let mut entries = Map::new();
            for at in 1..=LONGEST {
                let base = format!("{base}.{at}");
                let Some(name) = fields.get(&format!(
                    "{base}.{}",
                    key.wire_name.as_deref().unwrap_or("key")
                )) else {
                    break;
                };
                let under = format!("{base}.{}", of.wire_name.as_deref().unwrap_or("value"));
                if let Some(value) = read_value(service, of, fields, &under, dialect, depth + 1)? {
                    entries.insert(name.clone(), value);
                }
            }
            Ok((!entries.is_empty()).then_some(Value::Object(entries)))
        }
        kind => match fields.get(prefix) {
            Some(text) => {
                let value = scalar::from_text(kind, text);
                value
                    .map(Some)
                    .ok_or_else(|| Fault::new(&member.name, name_of(kind)))
            }
            None => Ok(None),
        },
    }
}

/// The fields of a form body or a query string.
pub(crate) fn fields(text: &[u8]) -> Vec<(String, String)> {
    text.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut half = || unescaped(halves.next().unwrap_or_default());
            (half(), half())
        })
        .collect()
}

fn unescaped(text: &[u8]) -> String {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_encoding::percent_decode(&spaced)
        .decode_utf8_lossy()
        .into_owned()
}
