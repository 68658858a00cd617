//! Members as fields of a form: `UserName=anna&Tags.member.1.Key=team`, as the protocols query and EC2 send their
//! requests.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::form::{Field, Node};
use super::scalar;
use super::{Fault, shallow};
use crate::Object;
use crate::table::{Kind, Member, Service, ShapeId, TimestampFormat};

/// Whether names are written as EC2 writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Query,
    Ec2,
}

impl Dialect {
    /// A member's name.
    fn name(self, member: &Member) -> Cow<'_, str> {
        if let Some(name) = &member.query_name {
            return name.into();
        }
        let wire = member.wire();
        match (self, wire.chars().next()) {
            (Self::Ec2, Some(first)) if first.is_ascii_lowercase() => {
                let rest = wire.get(1..).unwrap_or_default();
                format!("{}{rest}", first.to_ascii_uppercase()).into()
            }
            _ => wire.into(),
        }
    }

    /// The name of a list's elements or of a map's keys and values.
    fn element(element: &Member) -> Option<&str> {
        element
            .query_name
            .as_deref()
            .or(element.wire_name.as_deref())
    }

    /// Whether the elements of a list or the entries of a map stand right under its own name.
    fn flat(self, member: &Member, flattened: bool) -> bool {
        self == Self::Ec2 || flattened || member.flattened
    }
}

/// Writes a structure's members into a form.
pub(crate) fn write(
    service: &Service,
    id: ShapeId,
    members: &Object,
    dialect: Dialect,
) -> Result<Vec<(String, String)>, Fault> {
    let mut fields = Vec::new();
    write_members(service, id, members, "", dialect, &mut fields, 0)?;
    Ok(fields)
}

fn write_members(
    service: &Service,
    id: ShapeId,
    given: &Object,
    prefix: &str,
    dialect: Dialect,
    fields: &mut Vec<(String, String)>,
    depth: usize,
) -> Result<(), Fault> {
    let Kind::Structure { members, .. } = &service.shape(id).kind else {
        return Ok(());
    };
    for member in members {
        if let Some(value) = given.get(&member.name).filter(|value| !value.is_null()) {
            let name = under(prefix, &dialect.name(member));
            write_value(service, member, value, &name, dialect, fields, depth + 1)?;
        }
    }
    Ok(())
}

fn under(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
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
    shallow(&member.name, depth)?;
    let shape = service.shape(member.shape);
    match (&shape.kind, value) {
        (Kind::Structure { .. }, Value::Object(given)) => {
            write_members(service, member.shape, given, prefix, dialect, fields, depth)
                .map_err(|fault| fault.under(&member.name))?;
        }
        (Kind::List { element, flattened }, Value::Array(items)) => {
            if items.is_empty() && dialect == Dialect::Query {
                fields.push((prefix.to_owned(), String::new()));
            }
            let base = match (
                dialect.flat(member, *flattened),
                Dialect::element(element),
                prefix.rsplit_once('.'),
            ) {
                (false, name, _) => under(prefix, name.unwrap_or("member")),
                (true, Some(name), outer) if dialect == Dialect::Query => {
                    under(outer.map_or("", |(outer, _)| outer), name)
                }
                (true, ..) => prefix.to_owned(),
            };
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
            let base = if dialect.flat(member, *flattened) {
                prefix.to_owned()
            } else {
                under(prefix, "entry")
            };
            let key = Dialect::element(key).unwrap_or("key");
            let of_name = Dialect::element(of).unwrap_or("value");
            for (at, (name, value)) in entries.iter().enumerate() {
                let base = format!("{base}.{}", at + 1);
                fields.push((under(&base, key), name.clone()));
                let name = under(&base, of_name);
                write_value(service, of, value, &name, dialect, fields, depth + 1)?;
            }
        }
        _ => {
            let text = scalar::to_text(service, member, value, TimestampFormat::Iso8601)?;
            fields.push((prefix.to_owned(), text.into_owned()));
        }
    }
    Ok(())
}

/// Reads a structure's members from a form.
pub(crate) fn read(
    service: &Service,
    id: ShapeId,
    fields: &[Field<'_>],
    dialect: Dialect,
) -> Result<Object, Fault> {
    // Many an operation takes nothing.
    match &service.shape(id).kind {
        Kind::Structure { members, .. } if members.is_empty() => Ok(Object::new()),
        _ => read_members(service, id, &Node::tree(fields), dialect, 0),
    }
}

fn read_members(
    service: &Service,
    id: ShapeId,
    node: &Node<'_>,
    dialect: Dialect,
    depth: usize,
) -> Result<Object, Fault> {
    let mut read = Object::new();
    let Kind::Structure { members, .. } = &service.shape(id).kind else {
        return Ok(read);
    };
    for member in members {
        if let Some(value) = read_member(service, member, node, dialect, depth + 1)? {
            read.insert(member.name.clone(), value);
        }
    }
    Ok(read)
}

/// A member of a structure: what stands below the structure's own name.
fn read_member(
    service: &Service,
    member: &Member,
    outer: &Node<'_>,
    dialect: Dialect,
    depth: usize,
) -> Result<Option<Value>, Fault> {
    let name = dialect.name(member);
    // A flattened list's elements may stand beside the list's own name.
    if let Kind::List { element, flattened } = &service.shape(member.shape).kind
        && dialect == Dialect::Query
        && dialect.flat(member, *flattened)
        && let Some(beside) = Dialect::element(element)
        && let Some(node) = outer.at(beside)
    {
        let items = list(service, element, node, dialect, depth)
            .map_err(|fault| fault.under(&member.name))?;
        if !items.is_empty() {
            return Ok(Some(Value::Array(items)));
        }
    }
    match outer.at(&name) {
        Some(node) => read_value(service, member, node, dialect, depth),
        None => Ok(None),
    }
}

fn list(
    service: &Service,
    element: &Member,
    node: &Node<'_>,
    dialect: Dialect,
    depth: usize,
) -> Result<Vec<Value>, Fault> {
    node.numbered()
        .into_iter()
        .filter_map(|node| read_value(service, element, node, dialect, depth + 1).transpose())
        .collect()
}

fn read_value(
    service: &Service,
    member: &Member,
    node: &Node<'_>,
    dialect: Dialect,
    depth: usize,
) -> Result<Option<Value>, Fault> {
    shallow(&member.name, depth)?;
    let shape = service.shape(member.shape);
    let outer = |fault: Fault| fault.under(&member.name);
    match &shape.kind {
        Kind::Structure { .. } => {
            let read = read_members(service, member.shape, node, dialect, depth).map_err(outer)?;
            Ok(Some(Value::Object(read)))
        }
        Kind::List { element, flattened } => {
            let inner = if dialect.flat(member, *flattened) {
                None
            } else {
                node.at(Dialect::element(element).unwrap_or("member"))
            };
            // `Tags.1` is taken for `Tags.member.1` too: AWS reads both.
            for base in inner.into_iter().chain([node]) {
                let items = list(service, element, base, dialect, depth).map_err(outer)?;
                if !items.is_empty() {
                    return Ok(Some(Value::Array(items)));
                }
            }
            // `Tags=` is the empty list.
            Ok(node
                .value
                .filter(|text| text.is_empty())
                .map(|_| Value::Array(Vec::new())))
        }
        Kind::Map {
            key,
            value: of,
            flattened,
        } => {
            let base = if dialect.flat(member, *flattened) {
                Some(node)
            } else {
                node.at("entry")
            };
            let (key, of_name) = (
                Dialect::element(key).unwrap_or("key"),
                Dialect::element(of).unwrap_or("value"),
            );
            let mut entries = Map::new();
            for entry in base.map(Node::numbered).unwrap_or_default() {
                let name = entry.at(key).and_then(|node| node.value);
                if let (Some(name), Some(node)) = (name, entry.at(of_name))
                    && let Some(value) =
                        read_value(service, of, node, dialect, depth + 1).map_err(outer)?
                {
                    entries.insert(name.to_owned(), value);
                }
            }
            Ok((!entries.is_empty()).then_some(Value::Object(entries)))
        }
        kind => match node.value {
            Some(text) => match scalar::from_text(kind, text) {
                Some(value) => Ok(Some(value)),
                None => Err(Fault::text(member, kind, text)),
            },
            None => Ok(None),
        },
    }
}
