//! The HTTP bindings of the REST protocols: members in the path, the query and the headers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::form::Field;
use super::scalar;
use super::{Expected, Fault};
use crate::Object;
use crate::table::{Kind, Location, Member, Segment, Service, ShapeId, Template, TimestampFormat};

/// All but the unreserved characters of RFC 3986.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// The same, with slashes left as they are.
pub(crate) const RESERVED_BUT_SLASH: &AsciiSet = &RESERVED.remove(b'/');

/// A member of a structure by its label in the path.
fn labelled<'a>(service: &'a Service, id: ShapeId, label: &str) -> Option<&'a Member> {
    match &service.shape(id).kind {
        Kind::Structure { members, .. } => members
            .iter()
            .find(|member| member.location == Location::Uri && member.wire() == label),
        _ => None,
    }
}

/// The path and query of a request. `None` for a label that has no value.
pub(crate) fn address(
    service: &Service,
    template: &Template,
    input: Option<ShapeId>,
    members: &Object,
) -> Result<String, Fault> {
    let mut path = String::new();
    for segment in &template.path {
        path.push('/');
        let (label, set) = match segment {
            Segment::Literal(text) => {
                path.push_str(text);
                continue;
            }
            Segment::Label(label) => (label, RESERVED),
            Segment::Greedy(label) => (label, RESERVED_BUT_SLASH),
        };
        let member = input
            .and_then(|id| labelled(service, id, label))
            .ok_or_else(|| Fault::new(label, Expected::Member))?;
        let value = members
            .get(&member.name)
            .ok_or_else(|| Fault::new(&member.name, Expected::Given))?;
        let text = scalar::to_text(service, member, value, TimestampFormat::Iso8601)?;
        if text.is_empty() {
            return Err(Fault::new(&member.name, Expected::Given));
        }
        path.extend(utf8_percent_encode(&text, set));
    }
    if path.is_empty() {
        path.push('/');
    }
    let mut query: Vec<String> = template
        .query
        .iter()
        .map(|(name, value)| match value {
            Some(value) => format!("{name}={}", utf8_percent_encode(value, RESERVED)),
            None => name.clone(),
        })
        .collect();
    if let Some(Kind::Structure { members: known, .. }) = input.map(|id| &service.shape(id).kind) {
        for member in known
            .iter()
            .filter(|member| member.location == Location::Query)
        {
            if let Some(value) = members.get(&member.name).filter(|value| !value.is_null()) {
                write_query(service, member, value, &mut query)?;
            }
        }
    }
    if !query.is_empty() {
        path.push('?');
        path.push_str(&query.join("&"));
    }
    Ok(path)
}

fn write_query(
    service: &Service,
    member: &Member,
    value: &Value,
    query: &mut Vec<String>,
) -> Result<(), Fault> {
    let mut push = |name: &str, text: &str| {
        query.push(format!(
            "{}={}",
            utf8_percent_encode(name, RESERVED),
            utf8_percent_encode(text, RESERVED)
        ));
    };
    match (&service.shape(member.shape).kind, value) {
        (Kind::List { element, .. }, Value::Array(items)) => {
            for item in items {
                push(
                    member.wire(),
                    &scalar::to_text(service, element, item, TimestampFormat::Iso8601)?,
                );
            }
        }
        (Kind::Map { value: of, .. }, Value::Object(entries)) => {
            for (name, value) in entries {
                let values = match value {
                    Value::Array(values) => values.clone(),
                    one => vec![one.clone()],
                };
                for value in values {
                    match &value {
                        Value::String(text) => push(name, text),
                        other => push(
                            name,
                            &scalar::to_text(service, of, other, TimestampFormat::Iso8601)?,
                        ),
                    }
                }
            }
        }
        _ => push(
            member.wire(),
            &scalar::to_text(service, member, value, TimestampFormat::Iso8601)?,
        ),
    }
    Ok(())
}

/// The values of a path's labels, if the path fits the template.
pub(crate) fn labels(template: &Template, path: &str) -> Option<Vec<(String, String)>> {
    let mut labels = Vec::new();
    let mut rest = path.strip_prefix('/').unwrap_or(path);
    let mut segments = template.path.iter().peekable();
    while let Some(segment) = segments.next() {
        if let Segment::Greedy(label) = segment {
            // What follows a greedy label must be at the end of the path.
            let after: usize = segments.clone().count();
            let (own, others) = if after == 0 {
                (rest, "")
            } else {
                split_last(rest, after)?
            };
            if own.is_empty() {
                return None;
            }
            labels.push((label.clone(), decoded(own)));
            rest = others;
            continue;
        }
        let (head, tail) = rest
            .split_once('/')
            .map_or((rest, ""), |(head, tail)| (head, tail));
        match segment {
            Segment::Literal(text) if *text == decoded(head) => {}
            Segment::Label(label) if !head.is_empty() => {
                labels.push((label.clone(), decoded(head)))
            }
            _ => return None,
        }
        rest = tail;
    }
    rest.is_empty().then_some(labels)
}

/// The path before its last `count` segments, and those.
fn split_last(path: &str, count: usize) -> Option<(&str, &str)> {
    let at = path.rmatch_indices('/').nth(count - 1)?.0;
    Some((path.get(..at)?, path.get(at + 1..)?))
}

/// Without percent signs; a plus is a plus in a path.
pub(crate) fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

/// Reads the members that stand in the path, the query and the headers.
pub(crate) fn read_request(
    service: &Service,
    id: ShapeId,
    labels: &[(String, String)],
    query: &[Field<'_>],
    headers: &HeaderMap,
    template: &Template,
) -> Result<Object, Fault> {
    let mut read = Object::new();
    let Kind::Structure { members, .. } = &service.shape(id).kind else {
        return Ok(read);
    };
    for member in members {
        let kind = &service.shape(member.shape).kind;
        let text = match member.location {
            Location::Uri => labels
                .iter()
                .find(|(label, _)| label == member.wire())
                .map(|(_, text)| text.clone()),
            Location::Query => match kind {
                Kind::List { element, .. } => {
                    let values = query.iter().filter(|(name, _)| name == member.wire());
                    let of = &service.shape(element.shape).kind;
                    let items: Vec<Value> = values
                        .map(|(_, text)| {
                            scalar::from_text(of, text).ok_or_else(|| Fault::text(member, of, text))
                        })
                        .collect::<Result<_, _>>()?;
                    if !items.is_empty() {
                        read.insert(member.name.clone(), Value::Array(items));
                    }
                    continue;
                }
                Kind::Map { value: of, .. } => {
                    let lists = matches!(service.shape(of.shape).kind, Kind::List { .. });
                    let mut entries = Map::new();
                    for (name, text) in query {
                        let bound = members.iter().any(|m| {
                            m.location == Location::Query
                                && m.wire() == name
                                && m.name != member.name
                        });
                        if bound || template.query.iter().any(|(fixed, _)| fixed == name) {
                            continue;
                        }
                        if lists {
                            let list = entries
                                .entry(name.clone().into_owned())
                                .or_insert_with(|| Value::Array(Vec::new()));
                            if let Value::Array(items) = list {
                                items.push((&**text).into());
                            }
                        } else {
                            entries.insert(name.clone().into_owned(), (&**text).into());
                        }
                    }
                    if !entries.is_empty() {
                        read.insert(member.name.clone(), Value::Object(entries));
                    }
                    continue;
                }
                _ => query
                    .iter()
                    .find(|(name, _)| name == member.wire())
                    .map(|(_, text)| text.clone().into_owned()),
            },
            Location::Header | Location::Headers => {
                if let Some(value) = read_header(service, member, headers)? {
                    read.insert(member.name.clone(), value);
                }
                continue;
            }
            Location::Body | Location::StatusCode => None,
        };
        if let Some(text) = text {
            let value =
                scalar::from_text(kind, &text).ok_or_else(|| Fault::text(member, kind, &text))?;
            read.insert(member.name.clone(), value);
        }
    }
    Ok(read)
}

/// Reads one member from the headers.
pub(crate) fn read_header(
    service: &Service,
    member: &Member,
    headers: &HeaderMap,
) -> Result<Option<Value>, Fault> {
    let shape = service.shape(member.shape);
    let text_of = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    if member.location == Location::Headers {
        let prefix = member.wire().to_ascii_lowercase();
        let mut entries = Map::new();
        for (name, value) in headers {
            if let Some(key) = name.as_str().strip_prefix(&prefix) {
                entries.insert(key.to_owned(), text_of(value).into());
            }
        }
        return Ok((!entries.is_empty()).then_some(Value::Object(entries)));
    }
    let Some(value) = headers.get(member.wire().to_ascii_lowercase()) else {
        return Ok(None);
    };
    let text = text_of(value);
    let wrong = || Fault::text(member, &shape.kind, &text);
    if member.json_value {
        let bytes = STANDARD.decode(&text).map_err(|_| wrong())?;
        return String::from_utf8(bytes)
            .map(|text| Some(text.into()))
            .map_err(|_| wrong());
    }
    match &shape.kind {
        Kind::List { element, .. } => {
            let of = &service.shape(element.shape).kind;
            let pieces = split_list(&text, matches!(of, Kind::Timestamp));
            let items: Option<Vec<Value>> = pieces
                .iter()
                .map(|text| scalar::from_text(of, text))
                .collect();
            Ok(Some(Value::Array(items.ok_or_else(wrong)?)))
        }
        // A date that cannot be read is as if it were not there: so S3 takes a torn If-Modified-Since.
        Kind::Timestamp => Ok(scalar::from_text(&shape.kind, &text)),
        kind => scalar::from_text(kind, &text).map(Some).ok_or_else(wrong),
    }
}

/// A text as one of a header's list: in quotes if it holds what would end it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"']) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}

/// The members of a header's list. The day of an HTTP date has a comma of its own.
fn split_list(text: &str, dates: bool) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let (mut inside, mut escaped) = (false, false);
    for letter in text.chars() {
        let Some(piece) = pieces.last_mut() else {
            break;
        };
        match letter {
            _ if std::mem::take(&mut escaped) => piece.push(letter),
            '\\' if inside => escaped = true,
            '"' if inside || piece.trim().is_empty() => inside = !inside,
            ',' if inside || (dates && piece.trim().len() == 3) => piece.push(letter),
            ',' => pieces.push(String::new()),
            _ => piece.push(letter),
        }
    }
    pieces
        .into_iter()
        .map(|piece| piece.trim().to_owned())
        .filter(|piece| !piece.is_empty())
        .collect()
}

/// Writes the members that stand in headers.
pub(crate) fn write_headers(
    service: &Service,
    id: ShapeId,
    members: &Object,
    headers: &mut HeaderMap,
) -> Result<(), Fault> {
    let Kind::Structure { members: known, .. } = &service.shape(id).kind else {
        return Ok(());
    };
    for member in known {
        let Some(value) = members.get(&member.name).filter(|value| !value.is_null()) else {
            continue;
        };
        let mut put = |name: &str, text: &str| {
            let wrong = || Fault::new(&member.name, Expected::HeaderText);
            let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes())
                .map_err(|_| wrong())?;
            let value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| wrong())?;
            headers.insert(name, value);
            Ok(())
        };
        match (member.location, &service.shape(member.shape).kind, value) {
            (Location::Headers, _, Value::Object(entries)) => {
                for (key, value) in entries {
                    if let Value::String(text) = value {
                        put(&format!("{}{key}", member.wire()), text)?;
                    }
                }
            }
            (Location::Header, Kind::List { element, .. }, Value::Array(items)) => {
                let texts: Vec<String> = items
                    .iter()
                    .map(|item| {
                        let text =
                            scalar::to_text(service, element, item, TimestampFormat::Rfc822)?;
                        let plain =
                            !matches!(service.shape(element.shape).kind, Kind::String { .. });
                        Ok(if plain {
                            text.into_owned()
                        } else {
                            quoted(&text)
                        })
                    })
                    .collect::<Result<_, Fault>>()?;
                if !texts.is_empty() {
                    put(member.wire(), &texts.join(","))?;
                }
            }
            (Location::Header, _, Value::String(text)) if member.json_value => {
                put(member.wire(), &STANDARD.encode(text))?
            }
            (Location::Header, _, value) => {
                put(
                    member.wire(),
                    &scalar::to_text(service, member, value, TimestampFormat::Rfc822)?,
                )?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headers_list_is_split_at_its_commas() {
        let split = |text: &str| split_list(text, false);
        assert_eq!(split("a, b ,,c"), ["a", "b", "c"]);
        assert_eq!(split(r#""b,c", "\"def\"", a"#), ["b,c", "\"def\"", "a"]);
        assert_eq!(split(r#"a"b,c"#), [r#"a"b"#, "c"]);
        for text in ["a,b", "\"", "plain", "\\\","] {
            assert_eq!(split(&quoted(text)), [text]);
        }
        let dates = "Mon, 10 Jul 2023 11:45:00 GMT, Tue, 11 Jul 2023 11:45:00 GMT";
        assert_eq!(split_list(dates, true).len(), 2);
    }
}
