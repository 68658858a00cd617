//! From the tables' text to [`Service`], once, at first use.
//!
//! Owns the reading of the tables that `cargo xtask shapes` writes.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::{
    ErrorFacts, Kind, Location, Member, Operation, Paging, Protocol, Route, Segment, Service,
    Shape, ShapeId, Template, TimestampFormat, XmlNamespace,
};

type Facts = Map<String, Value>;

/// A table's text and what it says, once somebody asked.
struct Table {
    name: &'static str,
    signing_name: &'static str,
    text: &'static str,
    service: OnceLock<Option<Service>>,
}

macro_rules! tables {
    ($($name:literal signed $signing:literal),* $(,)?) => {
        const COUNT: usize = [$($name),*].len();
        static TABLES: [Table; COUNT] = [$(Table {
            name: $name,
            signing_name: $signing,
            text: include_str!(concat!($name, ".json")),
            service: OnceLock::new(),
        }),*];
    };
}

// The list stands beside the tables, made with them.
include!("../../tables/list.rs");

impl Table {
    fn read(&'static self) -> Option<&'static Service> {
        self.service
            .get_or_init(|| parse(self.name, self.text))
            .as_ref()
    }
}

/// The service whose table has this name (`iam`, `organizations`); parsed at first use.
pub fn service(name: &str) -> Option<&'static Service> {
    TABLES.iter().find(|table| table.name == name)?.read()
}

/// The services that are signed for under a name (`s3`: S3 and S3 Control). Parses no other.
pub fn signed_as(signing_name: &str) -> impl Iterator<Item = &'static Service> {
    TABLES
        .iter()
        .filter(move |table| table.signing_name == signing_name)
        .filter_map(Table::read)
}

/// The names of the services that have a table. Parses nothing.
pub fn services() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name)
}

fn parse(name: &str, text: &str) -> Option<Service> {
    let table: Value = serde_json::from_str(text).ok()?;
    let metadata = table.get("metadata")?.as_object()?;
    let shapes = table.get("shapes")?.as_object()?;
    let ids = Ids(shapes
        .keys()
        .zip(0u32..)
        .map(|(name, id)| (name.as_str(), ShapeId(id)))
        .collect());
    let prefix = text_of(metadata, "endpointPrefix")?;
    let spoken = metadata
        .get("protocols")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let protocols: Vec<Protocol> = spoken
        .filter_map(Value::as_str)
        .filter_map(|name| Protocol::read(name, metadata))
        .collect();
    // Where the first choice is one that nobody here speaks, the next one counts.
    let protocol = Protocol::read(&text_of(metadata, "protocol")?, metadata)
        .or_else(|| protocols.first().copied())?;
    let operations: BTreeMap<String, Operation> = table
        .get("operations")?
        .as_object()?
        .iter()
        .filter_map(|(name, facts)| {
            Some((name.clone(), operation(name, facts.as_object()?, &ids)?))
        })
        .collect();
    let shapes: Vec<Shape> = shapes
        .iter()
        .map(|(name, facts)| shape(name, facts, &ids))
        .collect();
    Some(Service {
        name: name.to_owned(),
        signing_name: text_of(metadata, "signingName").unwrap_or_else(|| prefix.clone()),
        endpoint_prefix: prefix,
        service_id: text_of(metadata, "serviceId").unwrap_or_default(),
        api_version: text_of(metadata, "apiVersion").unwrap_or_default(),
        protocol,
        protocols,
        target_prefix: text_of(metadata, "targetPrefix"),
        json_version: text_of(metadata, "jsonVersion"),
        xml_namespace: text_of(metadata, "xmlNamespace")
            .or_else(|| xml_namespace_of(name, &operations)),
        // STS and S3 have a global address too, but answer in every region.
        global: matches!(
            name,
            "iam" | "organizations" | "route53" | "cloudfront" | "shield" | "support"
        ),
        query_compatible: metadata.contains_key("awsQueryCompatible"),
        routes: routes(&operations, &shapes),
        operations,
        shapes,
        generated_from: table
            .get("generated_from")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
    })
}

/// S3's model names its namespace with its inputs only.
fn xml_namespace_of(name: &str, operations: &BTreeMap<String, Operation>) -> Option<String> {
    let stated = operations
        .values()
        .find_map(|operation| operation.input_namespace.clone());
    stated.or_else(|| (name == "s3").then(|| "http://s3.amazonaws.com/doc/2006-03-01/".to_owned()))
}

struct Ids<'a>(HashMap<&'a str, ShapeId>);

impl Ids<'_> {
    fn of(&self, facts: &Facts, name: &str) -> Option<ShapeId> {
        self.0.get(facts.get(name)?.as_str()?).copied()
    }
}

fn text_of(facts: &Facts, name: &str) -> Option<String> {
    facts.get(name)?.as_str().map(str::to_owned)
}

fn is(facts: &Facts, name: &str) -> bool {
    facts.get(name).and_then(Value::as_bool).unwrap_or(false)
}

impl Protocol {
    fn read(name: &str, metadata: &Facts) -> Option<Self> {
        Some(match name {
            "json" if text_of(metadata, "jsonVersion").as_deref() == Some("1.0") => Self::Json10,
            "json" => Self::Json11,
            "query" => Self::Query,
            "ec2" => Self::Ec2,
            "rest-json" => Self::RestJson,
            "rest-xml" => Self::RestXml,
            _ => return None,
        })
    }
}

fn operation(name: &str, facts: &Facts, ids: &Ids<'_>) -> Option<Operation> {
    let http = facts.get("http")?.as_object()?;
    let uri = text_of(http, "requestUri")?;
    let part = |name: &str| facts.get(name).and_then(Value::as_object);
    let (input, output) = (part("input"), part("output"));
    Some(Operation {
        name: name.to_owned(),
        method: text_of(http, "method")?.parse().ok()?,
        template: template(&uri),
        uri,
        response_code: http
            .get("responseCode")
            .and_then(Value::as_u64)
            .and_then(|c| c.try_into().ok())
            .unwrap_or(200),
        input: input.and_then(|input| ids.of(input, "shape")),
        output: output.and_then(|output| ids.of(output, "shape")),
        errors: facts
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|error| ids.0.get(error.as_str()?).copied())
            .collect(),
        paging: facts.get("paging").and_then(Value::as_object).map(paging),
        result_wrapper: output.and_then(|output| text_of(output, "resultWrapper")),
        input_element: input.and_then(|input| text_of(input, "locationName")),
        input_namespace: input.and_then(namespace).map(|namespace| namespace.uri),
        checksum_required: is(facts, "httpChecksumRequired"),
        unauthenticated: text_of(facts, "authtype").as_deref() == Some("none"),
        unsigned_payload: is(facts, "unsignedPayload"),
        host_prefix: text_of(facts, "hostPrefix"),
    })
}

/// A text or a list of texts.
fn texts(facts: &Facts, name: &str) -> Vec<String> {
    match facts.get(name) {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

fn paging(facts: &Facts) -> Paging {
    Paging {
        input_tokens: texts(facts, "input_token"),
        output_tokens: texts(facts, "output_token"),
        limit: text_of(facts, "limit_key"),
        results: texts(facts, "result_key"),
        more: text_of(facts, "more_results"),
    }
}

fn template(uri: &str) -> Template {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let segment = |text: &str| match text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
    {
        Some(label) => match label.strip_suffix('+') {
            Some(greedy) => Segment::Greedy(greedy.to_owned()),
            None => Segment::Label(label.to_owned()),
        },
        None => Segment::Literal(text.to_owned()),
    };
    Template {
        path: path
            .split('/')
            .filter(|text| !text.is_empty())
            .map(segment)
            .collect(),
        query: query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (pair.to_owned(), None),
            })
            .collect(),
    }
}

/// The way to every operation, the most specific first: more required query members, then more literal segments,
/// then fewer greedy labels.
fn routes(operations: &BTreeMap<String, Operation>, shapes: &[Shape]) -> Vec<Route> {
    let same_way = |one: &Operation, other: &Operation| {
        one.name != other.name
            && one.method == other.method
            && one.template.path == other.template.path
            && one.fixed_query().eq(other.fixed_query())
    };
    let mut routes: Vec<(&Operation, Vec<String>)> = operations
        .values()
        .map(|operation| {
            // Operations that share path and query are told apart by the members that one of them requires.
            let shared = operations.values().any(|other| same_way(operation, other));
            let needs = if shared {
                required_query(operation, shapes)
            } else {
                Vec::new()
            };
            (operation, needs)
        })
        .collect();
    routes.sort_by_key(|(operation, needs)| {
        let path = &operation.template.path;
        let literal = path
            .iter()
            .filter(|segment| matches!(segment, Segment::Literal(_)))
            .count();
        let greedy = path
            .iter()
            .filter(|segment| matches!(segment, Segment::Greedy(_)))
            .count();
        let query = operation.fixed_query().count() + needs.len();
        std::cmp::Reverse((query, literal, path.len(), usize::MAX - greedy))
    });
    routes
        .into_iter()
        .map(|(operation, needs)| Route {
            operation: operation.name.clone(),
            needs,
        })
        .collect()
}

fn required_query(operation: &Operation, shapes: &[Shape]) -> Vec<String> {
    let input = operation.input.and_then(|id| shapes.get(id.0 as usize));
    let Some(Kind::Structure { members, .. }) = input.map(|shape| &shape.kind) else {
        return Vec::new();
    };
    members
        .iter()
        .filter(|member| member.required && member.location == Location::Query)
        .map(|member| member.wire().to_owned())
        .collect()
}

fn namespace(facts: &Facts) -> Option<XmlNamespace> {
    match facts.get("xmlNamespace")? {
        Value::String(uri) => Some(XmlNamespace {
            prefix: None,
            uri: uri.clone(),
        }),
        Value::Object(namespace) => Some(XmlNamespace {
            prefix: text_of(namespace, "prefix"),
            uri: text_of(namespace, "uri")?,
        }),
        _ => None,
    }
}

fn timestamp_format(facts: &Facts) -> Option<TimestampFormat> {
    match facts.get("timestampFormat")?.as_str()? {
        "iso8601" => Some(TimestampFormat::Iso8601),
        "unixTimestamp" => Some(TimestampFormat::Unix),
        "rfc822" => Some(TimestampFormat::Rfc822),
        _ => None,
    }
}

fn shape(name: &str, facts: &Value, ids: &Ids<'_>) -> Shape {
    let empty = Facts::new();
    let facts = facts.as_object().unwrap_or(&empty);
    let error = facts.get("error").and_then(Value::as_object);
    let is_error = is(facts, "exception") || error.is_some();
    Shape {
        name: name.to_owned(),
        kind: kind(facts, ids),
        min: facts.get("min").and_then(Value::as_f64),
        max: facts.get("max").and_then(Value::as_f64),
        pattern: text_of(facts, "pattern"),
        sensitive: is(facts, "sensitive"),
        streaming: is(facts, "streaming"),
        event_stream: is(facts, "eventstream"),
        timestamp_format: timestamp_format(facts),
        wire_name: text_of(facts, "locationName"),
        xml_namespace: namespace(facts),
        error: is_error.then(|| ErrorFacts {
            code: error
                .and_then(|error| text_of(error, "code"))
                .unwrap_or_else(|| name.to_owned()),
            status: error
                .and_then(|error| error.get("httpStatusCode"))
                .and_then(Value::as_u64)
                .and_then(|status| status.try_into().ok())
                .unwrap_or(if is(facts, "fault") { 500 } else { 400 }),
            sender: !is(facts, "fault"),
        }),
        matcher: OnceLock::new(),
    }
}

fn kind(facts: &Facts, ids: &Ids<'_>) -> Kind {
    let element = |name: &str| {
        let facts = facts.get(name).and_then(Value::as_object);
        Box::new(
            facts
                .and_then(|facts| member(String::new(), facts, ids))
                .unwrap_or_else(nothing),
        )
    };
    match facts
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
    {
        _ if is(facts, "document") => Kind::Document,
        "structure" => structure(facts, ids),
        "list" => Kind::List {
            element: element("member"),
            flattened: is(facts, "flattened"),
        },
        "map" => Kind::Map {
            key: element("key"),
            value: element("value"),
            flattened: is(facts, "flattened"),
        },
        "blob" => Kind::Blob,
        "integer" => Kind::Integer,
        "long" => Kind::Long,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "boolean" => Kind::Boolean,
        "timestamp" => Kind::Timestamp,
        _ => Kind::String {
            values: texts(facts, "enum"),
        },
    }
}

/// Stands for an element that a table forgot: no table of ours does.
fn nothing() -> Member {
    Member {
        name: String::new(),
        shape: ShapeId(u32::MAX),
        location: Location::Body,
        wire_name: None,
        query_name: None,
        required: false,
        flattened: false,
        xml_attribute: false,
        xml_namespace: None,
        timestamp_format: None,
        json_value: false,
        idempotency_token: false,
        streaming: false,
    }
}

fn structure(facts: &Facts, ids: &Ids<'_>) -> Kind {
    let required = texts(facts, "required");
    let mut members: Vec<Member> = facts
        .get("members")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, facts)| member(name.clone(), facts.as_object()?, ids))
        .collect();
    for member in &mut members {
        member.required = required.contains(&member.name);
    }
    let payload = text_of(facts, "payload");
    Kind::Structure {
        payload: payload.and_then(|name| members.iter().position(|member| member.name == name)),
        members,
        union: is(facts, "union"),
    }
}

fn member(name: String, facts: &Facts, ids: &Ids<'_>) -> Option<Member> {
    Some(Member {
        name,
        shape: ids.of(facts, "shape")?,
        location: match facts.get("location").and_then(Value::as_str) {
            Some("uri") => Location::Uri,
            Some("querystring") => Location::Query,
            Some("header") => Location::Header,
            Some("headers") => Location::Headers,
            Some("statusCode") => Location::StatusCode,
            _ => Location::Body,
        },
        wire_name: text_of(facts, "locationName"),
        query_name: text_of(facts, "queryName"),
        required: false,
        flattened: is(facts, "flattened"),
        xml_attribute: is(facts, "xmlAttribute"),
        xml_namespace: namespace(facts),
        timestamp_format: timestamp_format(facts),
        json_value: is(facts, "jsonvalue"),
        idempotency_token: is(facts, "idempotencyToken"),
        streaming: is(facts, "streaming"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_read_whole() {
        for name in services() {
            let service = service(name).unwrap();
            assert!(service.operations.len() > 5, "{name}");
            assert!(
                signed_as(&service.signing_name).any(|signed| signed.name == name),
                "{name}"
            );
            for operation in service.operations.values() {
                for id in operation
                    .input
                    .iter()
                    .chain(&operation.output)
                    .chain(&operation.errors)
                {
                    assert_ne!(service.shape(*id).name, "", "{name}:{}", operation.name);
                }
            }
            for shape in &service.shapes {
                let members: Vec<&Member> = match &shape.kind {
                    Kind::Structure { members, .. } => members.iter().collect(),
                    Kind::List { element, .. } => vec![element],
                    Kind::Map { key, value, .. } => vec![key, value],
                    _ => Vec::new(),
                };
                for member in members {
                    assert_ne!(
                        service.shape(member.shape).name,
                        "",
                        "{name}: {} of {}",
                        member.name,
                        shape.name
                    );
                }
            }
        }
        assert!(service("unheard-of").is_none());
    }

    #[test]
    fn facts_are_where_they_should_be() {
        let iam = service("iam").unwrap();
        assert!(iam.global && iam.protocol == Protocol::Query && iam.api_version == "2010-05-08");
        let no_entity = iam
            .shape_named("NoSuchEntityException")
            .unwrap()
            .error
            .clone()
            .unwrap();
        assert_eq!(
            (no_entity.code.as_str(), no_entity.status),
            ("NoSuchEntity", 404)
        );
        let list = iam.operations.get("ListUsers").unwrap();
        assert_eq!(list.paging.as_ref().unwrap().input_tokens, ["Marker"]);
        let s3 = service("s3").unwrap();
        let get = s3.operations.get("GetObject").unwrap();
        assert_eq!(
            get.template.path.last(),
            Some(&Segment::Greedy("Key".to_owned()))
        );
    }
}
