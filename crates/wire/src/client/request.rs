//! A request from an input.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Request, Uri};
use md5::{Digest, Md5};
use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use super::EncodeError;
use crate::Object;
use crate::codec::query::Dialect;
use crate::codec::rest::RESERVED;
use crate::codec::xml_tree::Element;
use crate::codec::{Fault, json, query, rest, xml, xml_tree};
use crate::server::is_streaming;
use crate::table::{Kind, Location, Operation, Protocol, Service, ShapeId};

/// A request, not yet signed. S3 buckets go into the path.
///
/// # Errors
/// An input that does not fit the operation's shape.
pub fn encode(
    service: &Service,
    operation: &Operation,
    input: &Object,
    body: Option<Bytes>,
    endpoint: &Uri,
    _region: &str,
) -> Result<Request<Bytes>, EncodeError> {
    check_known(service, operation, input)?;
    let mut headers = HeaderMap::new();
    let kind = |headers: &mut HeaderMap, text: &'static str| {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(text));
    };
    let fault = |fault: Fault| match fault.expected {
        "given" => EncodeError::Missing {
            operation: operation.name.clone(),
            member: fault.member,
        },
        expected => EncodeError::Type {
            operation: operation.name.clone(),
            member: fault.member,
            expected,
        },
    };
    let mut address = "/".to_owned();
    let bytes = match service.protocol {
        Protocol::Json10 | Protocol::Json11 => {
            let ten = service.protocol == Protocol::Json10;
            kind(
                &mut headers,
                if ten {
                    "application/x-amz-json-1.0"
                } else {
                    "application/x-amz-json-1.1"
                },
            );
            let target = format!(
                "{}.{}",
                service.target_prefix.as_deref().unwrap_or_default(),
                operation.name
            );
            let target = HeaderValue::from_str(&target)
                .map_err(|_| http(operation, "its name is no header"))?;
            headers.insert("x-amz-target", target);
            let written = operation
                .input
                .map(|id| json::write(service, id, input))
                .transpose()
                .map_err(fault)?;
            written
                .map_or_else(|| "{}".to_owned(), |value| value.to_string())
                .into()
        }
        Protocol::Query | Protocol::Ec2 => {
            kind(
                &mut headers,
                "application/x-www-form-urlencoded; charset=utf-8",
            );
            let dialect = if service.protocol == Protocol::Ec2 {
                Dialect::Ec2
            } else {
                Dialect::Query
            };
            let members = operation
                .input
                .map(|id| query::write(service, id, input, dialect));
            let mut fields = vec![
                ("Action".to_owned(), operation.name.clone()),
                ("Version".to_owned(), service.api_version.clone()),
            ];
            fields.extend(members.transpose().map_err(fault)?.unwrap_or_default());
            let pairs: Vec<String> = fields
                .iter()
                .map(|(n, v)| {
                    format!(
                        "{}={}",
                        utf8_percent_encode(n, RESERVED),
                        utf8_percent_encode(v, RESERVED)
                    )
                })
                .collect();
            pairs.join("&").into()
        }
        Protocol::RestJson | Protocol::RestXml => {
            address = rest::address(service, &operation.template, operation.input, input)
                .map_err(fault)?;
            match operation.input {
                Some(id) => {
                    rest::write_headers(service, id, input, &mut headers).map_err(fault)?;
                    rest_body(service, operation, id, input, body, &mut headers).map_err(fault)?
                }
                None => Bytes::new(),
            }
        }
    };
    if operation.checksum_required
        && !headers.contains_key("content-md5")
        && !headers
            .keys()
            .any(|name| name.as_str().starts_with("x-amz-checksum-"))
    {
        let sum = HeaderValue::from_str(&STANDARD.encode(Md5::digest(&bytes)));
        headers.insert(
            "content-md5",
            sum.map_err(|_| http(operation, "the checksum is no header"))?,
        );
    }
    let base = endpoint.to_string();
    let mut request = Request::builder()
        .method(operation.method.clone())
        .uri(format!("{}{address}", base.trim_end_matches('/')))
        .body(bytes)
        .map_err(|e| http(operation, &e.to_string()))?;
    *request.headers_mut() = headers;
    Ok(request)
}

fn http(operation: &Operation, why: &str) -> EncodeError {
    EncodeError::Http {
        operation: operation.name.clone(),
        why: why.to_owned(),
    }
}

/// A member that the operation does not have is a slip of the caller's: told at once, before anything is sent.
fn check_known(
    service: &Service,
    operation: &Operation,
    input: &Object,
) -> Result<(), EncodeError> {
    let known = match operation.input.map(|id| &service.shape(id).kind) {
        Some(Kind::Structure { members, .. }) => members.as_slice(),
        _ => &[],
    };
    match input
        .keys()
        .find(|name| !known.iter().any(|member| member.name == **name))
    {
        Some(member) => Err(EncodeError::Unknown {
            operation: operation.name.clone(),
            member: member.clone(),
        }),
        None => Ok(()),
    }
}

fn rest_body(
    service: &Service,
    operation: &Operation,
    id: ShapeId,
    input: &Object,
    body: Option<Bytes>,
    headers: &mut HeaderMap,
) -> Result<Bytes, Fault> {
    let Kind::Structure {
        members, payload, ..
    } = &service.shape(id).kind
    else {
        return Ok(Bytes::new());
    };
    let xml_type = HeaderValue::from_static("application/xml");
    if let Some(member) = payload.and_then(|at| members.get(at)) {
        if is_streaming(service, member) {
            return Ok(body.unwrap_or_default());
        }
        let Some(value) = input.get(&member.name).filter(|value| !value.is_null()) else {
            return Ok(Bytes::new());
        };
        return match (&service.shape(member.shape).kind, value) {
            (Kind::Blob, Value::String(text)) => STANDARD
                .decode(text)
                .map(Bytes::from)
                .map_err(|_| Fault::new(&member.name, "bytes in base64")),
            (Kind::String { .. }, Value::String(text)) => Ok(text.clone().into()),
            (Kind::Structure { .. }, Value::Object(given))
                if service.protocol == Protocol::RestXml =>
            {
                let shape = service.shape(member.shape);
                let name = member
                    .wire_name
                    .as_deref()
                    .or(shape.wire_name.as_deref())
                    .unwrap_or(&shape.name);
                let namespace = member
                    .xml_namespace
                    .as_ref()
                    .or(shape.xml_namespace.as_ref());
                let uri = namespace
                    .map(|namespace| namespace.uri.clone())
                    .or_else(|| service.xml_namespace.clone());
                let mut root = rooted(name, uri);
                xml::write_into(service, member.shape, given, &mut root, 0)?;
                headers.insert(CONTENT_TYPE, xml_type);
                Ok(xml_tree::document(&root).into())
            }
            _ => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Ok(json::write_value(service, member, value, 0)?
                    .to_string()
                    .into())
            }
        };
    }
    let of_body = |name: &String| {
        members
            .iter()
            .any(|m| m.name == *name && m.location == Location::Body)
    };
    if !input.keys().any(of_body) {
        return Ok(Bytes::new());
    }
    if service.protocol == Protocol::RestJson {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return Ok(json::write(service, id, input)?.to_string().into());
    }
    let name = operation
        .input_element
        .clone()
        .unwrap_or_else(|| service.shape(id).name.clone());
    let mut root = rooted(
        &name,
        operation
            .input_namespace
            .clone()
            .or_else(|| service.xml_namespace.clone()),
    );
    xml::write_into(service, id, input, &mut root, 0)?;
    headers.insert(CONTENT_TYPE, xml_type);
    Ok(xml_tree::document(&root).into())
}

fn rooted(name: &str, namespace: Option<String>) -> Element {
    let attributes = namespace
        .map(|uri| ("xmlns".to_owned(), uri))
        .into_iter()
        .collect();
    Element {
        name: name.to_owned(),
        attributes,
        ..Element::default()
    }
}
