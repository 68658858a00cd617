//! XML bodies: members as elements, in requests of S3 and answers of S3, IAM, STS and EC2.

use serde_json::{Map, Value};

use super::scalar::{self, name_of};
use super::xml_tree::Element;
use super::{DEEPEST, Fault};
use crate::Object;
use crate::table::{Kind, Location, Member, Service, ShapeId, TimestampFormat, XmlNamespace};

fn namespaced(element: &mut Element, namespace: Option<&XmlNamespace>) {
    if let Some(namespace) = namespace {
        let name = namespace
            .prefix
            .as_ref()
            .map_or("xmlns".to_owned(), |prefix| format!("xmlns:{prefix}"));
        element.attributes.push((name, namespace.uri.clone()));
    }
}

/// Writes a structure's members, those of the body, as children and attributes of `element`.
pub(crate) fn write_into(
    service: &Service,
    id: ShapeId,
    members: &Object,
    element: &mut Element,
    depth: usize,
) -> Result<(), Fault> {
    let Kind::Structure { members: known, .. } = &service.shape(id).kind else {
        return Ok(());
    };
    if depth > DEEPEST {
        return Err(Fault::new("", "less deep"));
    }
    for member in known
        .iter()
        .filter(|member| member.location == Location::Body)
    {
        let Some(value) = members.get(&member.name).filter(|value| !value.is_null()) else {
            continue;
        };
        if member.xml_attribute {
            let text = scalar::to_text(service, member, value, TimestampFormat::Iso8601)?;
            element.attributes.push((member.wire().to_owned(), text));
        } else {
            write_member(service, member, member.wire(), value, element, depth + 1)?;
        }
    }
    Ok(())
}

fn write_member(
    service: &Service,
    member: &Member,
    name: &str,
    value: &Value,
    parent: &mut Element,
    depth: usize,
) -> Result<(), Fault> {
    if depth > DEEPEST {
        return Err(Fault::new(&member.name, "less deep"));
    }
    let shape = service.shape(member.shape);
    let mut element = Element {
        name: name.to_owned(),
        ..Element::default()
    };
    namespaced(
        &mut element,
        member
            .xml_namespace
            .as_ref()
            .or(shape.xml_namespace.as_ref()),
    );
    match (&shape.kind, value) {
        (Kind::Structure { .. }, Value::Object(given)) => {
            write_into(service, member.shape, given, &mut element, depth)
                .map_err(|f| f.under(&member.name))?;
        }
        (
            Kind::List {
                element: of,
                flattened,
            },
            Value::Array(items),
        ) => {
            let flattened = *flattened || member.flattened;
            let default = if flattened { name } else { "member" };
            let inner = of
                .wire_name
                .as_deref()
                .filter(|_| !flattened || member.wire_name.is_none())
                .unwrap_or(default);
            let inner = if flattened {
                member.wire_name.as_deref().unwrap_or(inner)
            } else {
                inner
            };
            if flattened {
                for item in items {
                    write_member(service, of, inner, item, parent, depth + 1)?;
                }
                return Ok(());
            }
            for item in items {
                write_member(service, of, inner, item, &mut element, depth + 1)?;
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
            let flattened = *flattened || member.flattened;
            for (entry, value) in entries {
                let mut pair = Element {
                    name: if flattened { name } else { "entry" }.to_owned(),
                    ..Element::default()
                };
                let key_name = key.wire_name.as_deref().unwrap_or("key");
                pair.children.push(Element {
                    name: key_name.to_owned(),
                    text: entry.clone(),
                    ..Element::default()
                });
                write_member(
                    service,
                    of,
                    of.wire_name.as_deref().unwrap_or("value"),
                    value,
                    &mut pair,
                    depth + 1,
                )?;
                if flattened {
                    &mut *parent
                } else {
                    &mut element
                }
                .children
                .push(pair);
            }
            if flattened {
                return Ok(());
            }
        }
        (Kind::Structure { .. } | Kind::List { .. } | Kind::Map { .. }, _) => {
            return Err(Fault::new(&member.name, name_of(&shape.kind)));
        }
        _ => element.text = scalar::to_text(service, member, value, TimestampFormat::Iso8601)?,
    }
    parent.children.push(element);
    Ok(())
}

/// Reads a structure's members, those of the body, from an element.
pub(crate) fn read(
    service: &Service,
    id: ShapeId,
    element: &Element,
    depth: usize,
) -> Result<Object, Fault> {
    let mut read = Object::new();
    let Kind::Structure { members, .. } = &service.shape(id).kind else {
        return Ok(read);
    };
    if depth > DEEPEST {
        return Err(Fault::new("", "less deep"));
    }
    for member in members
        .iter()
        .filter(|member| member.location == Location::Body)
    {
        let value = if member.xml_attribute {
            element.attribute(member.wire()).map(Value::from)
        } else {
            read_member(service, member, element, depth + 1)?
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
    depth: usize,
) -> Result<Option<Value>, Fault> {
    let shape = service.shape(member.shape);
    let name = member.wire();
    match &shape.kind {
        Kind::List {
            element: of,
            flattened,
        } if *flattened || member.flattened => {
            // The elements stand under the member's own name, or under the element's.
            let inner = member
                .wire_name
                .as_deref()
                .or(of.wire_name.as_deref())
                .unwrap_or(name);
            let items: Vec<Value> = parent
                .children
                .iter()
                .filter(|child| child.name == inner)
                .filter_map(|child| read_value(service, of, child, depth + 1).transpose())
                .collect::<Result<_, _>>()?;
            Ok((!items.is_empty()).then_some(Value::Array(items)))
        }
        Kind::Map {
            key,
            value: of,
            flattened,
        } if *flattened || member.flattened => {
            let entries = entries(service, key, of, parent, name, depth)?;
            Ok((!entries.is_empty()).then_some(Value::Object(entries)))
        }
        _ => match parent.child(name) {
            Some(child) => read_value(service, member, child, depth + 1),
            None => Ok(None),
        },
    }
}

fn entries(
    service: &Service,
    key: &Member,
    of: &Member,
    parent: &Element,
    name: &str,
    depth: usize,
) -> Result<Map<String, Value>, Fault> {
    let mut entries = Map::new();
    for pair in parent.children.iter().filter(|child| child.name == name) {
        let Some(key) = pair.child(key.wire_name.as_deref().unwrap_or("key")) else {
            continue;
        };
        if let Some(value) = pair.child(of.wire_name.as_deref().unwrap_or("value"))
            && let Some(value) = read_value(service, of, value, depth + 1)?
        {
            entries.insert(key.text.clone(), value);
        }
    }
    Ok(entries)
}

fn read_value(
    service: &Service,
    member: &Member,
    element: &Element,
    depth: usize,
) -> Result<Option<Value>, Fault> {
    if depth > DEEPEST {
        return Err(Fault::new(&member.name, "less deep"));
    }
    let shape = service.shape(member.shape);
    Ok(Some(match &shape.kind {
        Kind::Structure { .. } => Value::Object(
            read(service, member.shape, element, depth).map_err(|f| f.under(&member.name))?,
        ),
        Kind::List { element: of, .. } => {
            let inner = of.wire_name.as_deref().unwrap_or("member");
            let items = element.children.iter().filter(|child| child.name == inner);
            items
                .filter_map(|child| read_value(service, of, child, depth + 1).transpose())
                .collect::<Result<_, _>>()?
        }
        Kind::Map { key, value: of, .. } => {
            Value::Object(entries(service, key, of, element, "entry", depth)?)
        }
        kind => {
            let value = scalar::from_text(kind, &element.text);
            value.ok_or_else(|| Fault::new(&member.name, name_of(kind)))?
        }
    }))
}
