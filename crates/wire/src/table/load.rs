//! From a table's text to [`Service`].
//!
//! Owns what the facts mean.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use super::facts::{self, Members};
use super::routes::{routes, template};
use super::{
    ErrorFacts, Kind, Location, Member, Operation, Paging, Protocol, Service, Shape, ShapeId,
    TimestampFormat,
};

/// Reads a table. None for one that cannot be read, which no table of ours is.
pub(super) fn parse(name: &str, text: &str) -> Option<Service> {
    let table: facts::Table<'_> = serde_json::from_str(text).ok()?;
    let metadata = table.metadata;
    let ids = Ids(table
        .shapes
        .keys()
        .zip(0u32..)
        .map(|(name, id)| (*name, ShapeId(id)))
        .collect());
    let protocols = protocols(&metadata);
    let operations: BTreeMap<String, Operation> = table
        .operations
        .into_iter()
        .filter_map(|(name, facts)| Some((name.to_owned(), operation(name, facts, &ids)?)))
        .collect();
    let shapes: Vec<Shape> = table
        .shapes
        .into_iter()
        .map(|(name, facts)| shape(name, facts, &ids))
        .collect();
    let errors = (0u32..)
        .zip(&shapes)
        .filter(|(_, shape)| shape.error.is_some())
        .map(|(id, _)| ShapeId(id))
        .collect();
    Some(Service {
        name: name.to_owned(),
        signing_name: metadata
            .signing_name
            .unwrap_or_else(|| metadata.endpoint_prefix.clone()),
        endpoint_prefix: metadata.endpoint_prefix,
        service_id: metadata.service_id,
        api_version: metadata.api_version,
        protocol: protocols.first().copied()?,
        protocols,
        target_prefix: metadata.target_prefix,
        json_version: metadata.json_version,
        xml_namespace: metadata
            .xml_namespace
            .or_else(|| xml_namespace_of(name, &operations)),
        global: metadata.global,
        query_compatible: metadata.aws_query_compatible.is_some(),
        routes: routes(&operations, &shapes),
        operations,
        shapes,
        errors,
        generated_from: table.generated_from,
    })
}

/// The protocols that the model names and this crate speaks, the service's own choice first.
fn protocols(metadata: &facts::Metadata) -> Vec<Protocol> {
    let ten = metadata.json_version.as_deref() == Some("1.0");
    let mut names = vec![metadata.protocol.as_str()];
    names.extend(metadata.protocols.iter().map(String::as_str));
    let mut known: Vec<Protocol> = Vec::new();
    for name in names {
        let protocol = match name {
            "json" if ten => Protocol::Json10,
            "json" => Protocol::Json11,
            "query" => Protocol::Query,
            "ec2" => Protocol::Ec2,
            "rest-json" => Protocol::RestJson,
            "rest-xml" => Protocol::RestXml,
            "smithy-rpc-v2-cbor" => Protocol::RpcV2Cbor,
            _ => continue,
        };
        if !known.contains(&protocol) {
            known.push(protocol);
        }
    }
    known
}

/// The models of S3 and its like name their namespace with their inputs only.
fn xml_namespace_of(name: &str, operations: &BTreeMap<String, Operation>) -> Option<String> {
    let stated = operations
        .values()
        .find_map(|operation| operation.input_namespace.clone());
    stated.or_else(|| (name == "s3").then(|| "http://s3.amazonaws.com/doc/2006-03-01/".to_owned()))
}

struct Ids<'a>(HashMap<&'a str, ShapeId>);

impl Ids<'_> {
    fn of(&self, name: &str) -> Option<ShapeId> {
        self.0.get(name).copied()
    }
}

fn operation(name: &str, facts: facts::Operation<'_>, ids: &Ids<'_>) -> Option<Operation> {
    let (input, output) = (
        facts.input.unwrap_or_default(),
        facts.output.unwrap_or_default(),
    );
    Some(Operation {
        name: name.to_owned(),
        method: facts.http.method.parse().ok()?,
        template: template(&facts.http.request_uri),
        uri: facts.http.request_uri,
        response_code: facts.http.response_code.unwrap_or(200),
        input: ids.of(input.shape),
        output: ids.of(output.shape),
        errors: facts
            .errors
            .iter()
            .filter_map(|name| ids.of(name))
            .collect(),
        paging: facts.paging.map(|paging| Paging {
            input_tokens: paging.input_token,
            output_tokens: paging.output_token,
            limit: paging.limit_key,
            results: paging.result_key,
            more: paging.more_results,
        }),
        result_wrapper: output.result_wrapper,
        input_element: input.location_name,
        input_namespace: input.xml_namespace.map(|namespace| namespace.uri),
        checksum_required: facts.http_checksum_required,
        unauthenticated: facts.authtype == Some("none"),
        unsigned_payload: facts.unsigned_payload,
        compressed: facts.compression.iter().any(|name| name == "gzip"),
        host_prefix: facts.host_prefix,
    })
}

fn timestamp_format(name: Option<&str>) -> Option<TimestampFormat> {
    match name? {
        "iso8601" => Some(TimestampFormat::Iso8601),
        "unixTimestamp" => Some(TimestampFormat::Unix),
        "rfc822" => Some(TimestampFormat::Rfc822),
        _ => None,
    }
}

fn shape(name: &str, mut facts: facts::Shape<'_>, ids: &Ids<'_>) -> Shape {
    let is_error = facts.exception || facts.error.is_some();
    let error = is_error.then(|| {
        let stated = facts.error.take();
        let status = stated.as_ref().and_then(|error| error.http_status_code);
        ErrorFacts {
            code: stated
                .and_then(|error| error.code)
                .unwrap_or_else(|| name.to_owned()),
            status: status.unwrap_or(if facts.fault { 500 } else { 400 }),
            sender: !facts.fault,
        }
    });
    Shape {
        name: name.to_owned(),
        min: facts.min,
        max: facts.max,
        pattern: facts.pattern.take(),
        sensitive: facts.sensitive,
        streaming: facts.streaming,
        event_stream: facts.event_stream,
        timestamp_format: timestamp_format(facts.timestamp_format),
        wire_name: facts.location_name.take(),
        xml_namespace: facts.xml_namespace.take(),
        error,
        kind: kind(facts, ids),
        matcher: OnceLock::new(),
    }
}

fn kind(facts: facts::Shape<'_>, ids: &Ids<'_>) -> Kind {
    let element = |facts: Option<facts::Member<'_>>| {
        Box::new(
            facts
                .and_then(|facts| member("", facts, ids))
                .unwrap_or_else(nothing),
        )
    };
    match facts.kind {
        _ if facts.document => Kind::Document,
        "structure" => structure(
            facts.members,
            &facts.required,
            facts.payload,
            facts.union,
            ids,
        ),
        "list" => Kind::List {
            element: element(facts.member),
            flattened: facts.flattened,
        },
        "map" => Kind::Map {
            key: element(facts.key),
            value: element(facts.value),
            flattened: facts.flattened,
        },
        "blob" => Kind::Blob,
        "integer" => Kind::Integer,
        "long" => Kind::Long,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "boolean" => Kind::Boolean,
        "timestamp" => Kind::Timestamp,
        _ => Kind::String {
            values: facts.values,
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
        host_label: false,
    }
}

fn structure(
    facts: Members<'_>,
    required: &[&str],
    payload: Option<&str>,
    union: bool,
    ids: &Ids<'_>,
) -> Kind {
    let members: Vec<Member> = facts
        .0
        .into_iter()
        .filter_map(|(name, facts)| {
            let mut member = member(name, facts, ids)?;
            member.required = required.contains(&name);
            Some(member)
        })
        .collect();
    Kind::Structure {
        payload: payload.and_then(|name| members.iter().position(|member| member.name == name)),
        members,
        union,
    }
}

fn member(name: &str, facts: facts::Member<'_>, ids: &Ids<'_>) -> Option<Member> {
    let mut member = Member {
        name: name.to_owned(),
        shape: ids.of(facts.shape)?,
        ..nothing()
    };
    if let Some(facts) = facts.more {
        member.location = match facts.location {
            Some("uri") => Location::Uri,
            Some("querystring") => Location::Query,
            Some("header") => Location::Header,
            Some("headers") => Location::Headers,
            Some("statusCode") => Location::StatusCode,
            _ => Location::Body,
        };
        member.wire_name = facts.location_name;
        member.query_name = facts.query_name;
        member.flattened = facts.flattened;
        member.xml_attribute = facts.xml_attribute;
        member.xml_namespace = facts.xml_namespace;
        member.timestamp_format = timestamp_format(facts.timestamp_format);
        member.json_value = facts.jsonvalue;
        member.idempotency_token = facts.idempotency_token;
        member.streaming = facts.streaming;
        member.host_label = facts.host_label;
    }
    Some(member)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Segment, service, services};

    #[test]
    fn every_table_is_read_whole() {
        for name in services() {
            let service = service(name).unwrap();
            assert!(service.operations.len() > 5, "{name}");
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
