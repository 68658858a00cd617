//! XML bodies: members as elements, in requests of S3 and answers of S3, IAM, STS and EC2.

use serde_json::{Map, Value};

use super::scalar;
use super::xml_text::XmlText;
use super::xml_tree::Element;
use super::{Fault, shallow};
use crate::Object;
use crate::table::{Kind, Location, Member, Service, ShapeId, TimestampFormat, XmlNamespace};

/// Which names elements have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// The model's `locationName`.
    Plain,
    /// `queryName` before that: in the answers of the protocol query, for a service that has another one besides.
    Query,
}

impl Naming {
    /// The name that the model states for a member or an element.
    fn stated(self, member: &Member) -> Option<&str> {
        let query = member.query_name.as_deref().filter(|_| self == Self::Query);
        query.or(member.wire_name.as_deref())
    }

    fn name(self, member: &Member) -> &str {
        self.stated(member).unwrap_or(&member.name)
    }

    /// The name of a flattened list's elements, which is that of the list where it has one of its own.
    fn repeated<'a>(self, list: &'a Member, element: &'a Member) -> &'a str {
        self.stated(list)
            .or(self.stated(element))
            .unwrap_or(&list.name)
    }
}

fn namespaced(xml: &mut XmlText, namespace: Option<&XmlNamespace>) {
    match namespace {
        Some(XmlNamespace {
            prefix: Some(prefix),
            uri,
        }) => xml.attribute(&format!("xmlns:{prefix}"), uri),
        Some(XmlNamespace { prefix: None, uri }) => xml.attribute("xmlns", uri),
        None => {}
    }
}

/// Writes a structure's members, those of the body, as attributes and children of the element that was just opened.
pub(crate) fn write_into(
    service: &Service,
    id: ShapeId,
    members: &Object,
    naming: Naming,
    xml: &mut XmlText,
    depth: usize,
) -> Result<(), Fault> {
    let Kind::Structure { members: known, .. } = &service.shape(id).kind else {
        return Ok(());
    };
    shallow("", depth)?;
    let set = |attribute: bool| {
        known.iter().filter_map(move |member| {
            let here = depth > 0 || member.location == Location::Body;
            let value = members.get(&member.name)?;
            (here && member.xml_attribute == attribute && !value.is_null())
                .then_some((member, value))
        })
    };
    for (member, value) in set(true) {
        let text = scalar::to_text(service, member, value, TimestampFormat::Iso8601)?;
        xml.attribute(naming.name(member), &text);
    }
    for (member, value) in set(false) {
        write_member(
            service,
            member,
            naming.name(member),
            value,
            naming,
            xml,
            depth + 1,
        )?;
    }
    Ok(())
}

fn write_member(
    service: &Service,
    member: &Member,
    name: &str,
    value: &Value,
    naming: Naming,
    xml: &mut XmlText,
    depth: usize,
) -> Result<(), Fault> {
    shallow(&member.name, depth)?;
    let shape = service.shape(member.shape);
    let namespace = member
        .xml_namespace
        .as_ref()
        .or(shape.xml_namespace.as_ref());
    match (&shape.kind, value) {
        (Kind::Structure { .. }, Value::Object(given)) => {
            xml.open(name);
            namespaced(xml, namespace);
            write_into(service, member.shape, given, naming, xml, depth)
                .map_err(|fault| fault.under(&member.name))?;
            xml.close(name);
        }
        (Kind::List { element, flattened }, Value::Array(items)) => {
            if *flattened || member.flattened {
                let name = naming.repeated(member, element);
                for item in items {
                    write_member(service, element, name, item, naming, xml, depth + 1)?;
                }
            } else {
                xml.open(name);
                namespaced(xml, namespace);
                let inner = naming.stated(element).unwrap_or("member");
                for item in items {
                    write_member(service, element, inner, item, naming, xml, depth + 1)?;
                }
                xml.close(name);
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
            let flat = *flattened || member.flattened;
            let entry_name = if flat { name } else { "entry" };
            let key_name = naming.stated(key).unwrap_or("key");
            let of_name = naming.stated(of).unwrap_or("value");
            if !flat {
                xml.open(name);
                namespaced(xml, namespace);
            }
            for (entry, value) in entries {
                xml.open(entry_name);
                xml.leaf(key_name, entry);
                write_member(service, of, of_name, value, naming, xml, depth + 1)?;
                xml.close(entry_name);
            }
            if !flat {
                xml.close(name);
            }
        }
        (Kind::Structure { .. } | Kind::List { .. } | Kind::Map { .. }, _) => {
            return Err(Fault::kind(member, &shape.kind, value));
        }
        _ => {
            xml.open(name);
            namespaced(xml, namespace);
            xml.text(&scalar::to_text(
                service,
                member,
                value,
                TimestampFormat::Iso8601,
            )?);
            xml.close(name);
        }
    }
    Ok(())
}

/// Reads a structure's members, those of the body, from an element.
pub(crate) fn read(
    service: &Service,
    id: ShapeId,
    element: &Element,
    naming: Naming,
    depth: usize,
) -> Result<Object, Fault> {
    let mut read = Object::new();
    let Kind::Structure { members, .. } = &service.shape(id).kind else {
        return Ok(read);
    };
    shallow("", depth)?;
    for member in members
        .iter()
        .filter(|member| depth > 0 || member.location == Location::Body)
    {
        let value = if member.xml_attribute {
            element.attribute(naming.name(member)).map(Value::from)
        } else {
            read_member(service, member, element, naming, depth + 1)?
        };
        if let Some(value) = value {
            read.insert(member.name.clone(), value);
        }
    }
    Ok(read)
}

fn read_member(
    service: &Service,
    member: &Member,
    parent: &Element,
    naming: Naming,
    depth: usize,
) -> Result<Option<Value>, Fault> {
    let shape = service.shape(member.shape);
    let name = naming.name(member);
    match &shape.kind {
        Kind::List { element, flattened } if *flattened || member.flattened => {
            let name = naming.repeated(member, element);
            let items: Vec<Value> = parent
                .children
                .iter()
                .filter(|child| child.name == name)
                .map(|child| read_value(service, element, child, naming, depth + 1))
                .collect::<Result<_, _>>()
                .map_err(|fault| fault.under(&member.name))?;
            Ok((!items.is_empty()).then_some(Value::Array(items)))
        }
        Kind::Map {
            key,
            value,
            flattened,
        } if *flattened || member.flattened => {
            let entries = entries(service, (key, value), parent, name, naming, depth)?;
            Ok((!entries.is_empty()).then_some(Value::Object(entries)))
        }
        _ => match parent.child(name) {
            Some(child) => read_value(service, member, child, naming, depth + 1).map(Some),
            None => Ok(None),
        },
    }
}

fn entries(
    service: &Service,
    (key, of): (&Member, &Member),
    parent: &Element,
    name: &str,
    naming: Naming,
    depth: usize,
) -> Result<Map<String, Value>, Fault> {
    let key_name = naming.stated(key).unwrap_or("key");
    let of_name = naming.stated(of).unwrap_or("value");
    let mut entries = Map::new();
    for pair in parent.children.iter().filter(|child| child.name == name) {
        if let (Some(key), Some(value)) = (pair.child(key_name), pair.child(of_name)) {
            let value = read_value(service, of, value, naming, depth + 1)?;
            entries.insert(key.text.clone(), value);
        }
    }
    Ok(entries)
}

fn read_value(
    service: &Service,
    member: &Member,
    element: &Element,
    naming: Naming,
    depth: usize,
) -> Result<Value, Fault> {
    shallow(&member.name, depth)?;
    let shape = service.shape(member.shape);
    let under = |fault: Fault| fault.under(&member.name);
    Ok(match &shape.kind {
        Kind::Structure { .. } => {
            Value::Object(read(service, member.shape, element, naming, depth).map_err(under)?)
        }
        Kind::List { element: of, .. } => {
            let inner = naming.stated(of).unwrap_or("member");
            let items = element.children.iter().filter(|child| child.name == inner);
            items
                .map(|child| read_value(service, of, child, naming, depth + 1))
                .collect::<Result<_, _>>()
                .map_err(under)?
        }
        Kind::Map { key, value, .. } => Value::Object(
            entries(service, (key, value), element, "entry", naming, depth).map_err(under)?,
        ),
        kind => scalar::from_text(kind, &element.text)
            .ok_or_else(|| Fault::text(member, kind, &element.text))?,
    })
}
