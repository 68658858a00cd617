//! A request from an input.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Request, Uri};
use md5::{Digest, Md5};
use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use super::EncodeError;
use crate::Object;
use crate::codec::query::{self, Dialect};
use crate::codec::rest::{self, RESERVED};
use crate::codec::xml::{self, Naming};
use crate::codec::xml_text::XmlText;
use crate::codec::{Expected, Fault, cbor, json};
use crate::server::is_streaming;
use crate::table::{Kind, Location, Operation, Protocol, Service, ShapeId};

/// A request, not yet signed, in the protocol that its service prefers. S3 buckets go into the path.
///
/// # Errors
/// An input that does not fit the operation's shape.
pub fn encode(
    service: &Service,
    operation: &Operation,
    input: &Object,
    body: Option<Bytes>,
    endpoint: &Uri,
) -> Result<Request<Bytes>, EncodeError> {
    encode_in(service.protocol, service, operation, input, body, endpoint)
}

/// A request, not yet signed, in a protocol that its service speaks.
///
/// # Errors
/// An input that does not fit the operation's shape.
pub fn encode_in(
    protocol: Protocol,
    service: &Service,
    operation: &Operation,
    input: &Object,
    body: Option<Bytes>,
    endpoint: &Uri,
) -> Result<Request<Bytes>, EncodeError> {
    check_known(service, operation, input)?;
    if operation.has_events(service) {
        return Err(EncodeError::Events {
            operation: operation.name.clone(),
        });
    }
    let fault = |fault: Fault| match fault.expected {
        Expected::Given => EncodeError::Missing {
            operation: operation.name.clone(),
            member: fault.member,
        },
        expected => EncodeError::Type {
            operation: operation.name.clone(),
            member: fault.member,
            expected: expected.words(),
        },
    };
    let mut message = Message::default();
    match protocol {
        Protocol::Json10 | Protocol::Json11 => {
            message
                .json(protocol, service, operation, input)
                .map_err(fault)?;
        }
        Protocol::RpcV2Cbor => message.cbor(service, operation, input).map_err(fault)?,
        Protocol::Query => {
            message
                .form(service, operation, input, Dialect::Query)
                .map_err(fault)?;
        }
        Protocol::Ec2 => {
            message
                .form(service, operation, input, Dialect::Ec2)
                .map_err(fault)?;
        }
        Protocol::RestJson | Protocol::RestXml => {
            message.address = rest::address(service, &operation.template, operation.input, input)
                .map_err(fault)?;
            if let Some(id) = operation.input {
                rest::write_headers(service, id, input, &mut message.headers).map_err(fault)?;
                message.body = rest_body(
                    protocol,
                    service,
                    operation,
                    id,
                    input,
                    body,
                    &mut message.headers,
                )
                .map_err(fault)?;
            }
        }
    }
    if service.query_compatible && !matches!(protocol, Protocol::Query) {
        let asks = HeaderValue::from_static("true");
        message.headers.insert("x-amzn-query-mode", asks);
    }
    let has_checksum = |headers: &HeaderMap| {
        headers.contains_key("content-md5")
            || headers
                .keys()
                .any(|name| name.as_str().starts_with("x-amz-checksum-"))
    };
    if operation.checksum_required && !has_checksum(&message.headers) {
        let sum = HeaderValue::from_str(&STANDARD.encode(Md5::digest(&message.body)));
        message.headers.insert(
            "content-md5",
            sum.map_err(|_| http(operation, "the checksum is no header"))?,
        );
    }
    let method = if protocol.is_rest() {
        operation.method.clone()
    } else {
        Method::POST
    };
    let base = prefixed(service, operation, input, endpoint)?;
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{}{}", base.trim_end_matches('/'), message.address))
        .body(message.body)
        .map_err(|e| http(operation, &e.to_string()))?;
    *request.headers_mut() = message.headers;
    Ok(request)
}

/// A request on its way.
struct Message {
    address: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Default for Message {
    fn default() -> Self {
        Self {
            address: "/".to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }
}

impl Message {
    fn kind(&mut self, kind: &'static str) {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }

    fn json(
        &mut self,
        protocol: Protocol,
        service: &Service,
        operation: &Operation,
        input: &Object,
    ) -> Result<(), Fault> {
        self.kind(if protocol == Protocol::Json10 {
            "application/x-amz-json-1.0"
        } else {
            "application/x-amz-json-1.1"
        });
        let prefix = service.target_prefix.as_deref().unwrap_or_default();
        let target = HeaderValue::from_str(&format!("{prefix}.{}", operation.name))
            .map_err(|_| Fault::new("x-amz-target", Expected::HeaderText))?;
        self.headers.insert("x-amz-target", target);
        self.body = match operation.input {
            Some(id) => json::write(service, id, input)?.into(),
            None => Bytes::from_static(b"{}"),
        };
        Ok(())
    }

    fn cbor(
        &mut self,
        service: &Service,
        operation: &Operation,
        input: &Object,
    ) -> Result<(), Fault> {
        self.kind("application/cbor");
        let headers = [
            ("smithy-protocol", "rpc-v2-cbor"),
            ("accept", "application/cbor"),
        ];
        for (name, value) in headers {
            self.headers.insert(name, HeaderValue::from_static(value));
        }
        let target = service.target_prefix.as_deref().unwrap_or_default();
        self.address = format!("/service/{target}/operation/{}", operation.name);
        self.body = match operation.input {
            Some(id) => cbor::write(service, id, input)?.into(),
            None => Bytes::new(),
        };
        Ok(())
    }

    fn form(
        &mut self,
        service: &Service,
        operation: &Operation,
        input: &Object,
        dialect: Dialect,
    ) -> Result<(), Fault> {
        self.kind("application/x-www-form-urlencoded; charset=utf-8");
        let mut form = format!("Action={}&Version={}", operation.name, service.api_version);
        let fields = match operation.input {
            Some(id) => query::write(service, id, input, dialect)?,
            None => Vec::new(),
        };
        for (name, value) in fields {
            form.push('&');
            form.extend(utf8_percent_encode(&name, RESERVED));
            form.push('=');
            form.extend(utf8_percent_encode(&value, RESERVED));
        }
        self.body = form.into();
        Ok(())
    }
}

/// The endpoint, with the labels before its host that the operation has. An address in figures takes none.
fn prefixed(
    service: &Service,
    operation: &Operation,
    input: &Object,
    endpoint: &Uri,
) -> Result<String, EncodeError> {
    let base = endpoint.to_string();
    let host = endpoint.host().unwrap_or_default();
    let plain = host == "localhost" || host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    let (Some(prefix), false) = (&operation.host_prefix, plain) else {
        return Ok(base);
    };
    let mut prefix = prefix.clone();
    if let Some(Kind::Structure { members, .. }) = operation.input.map(|id| &service.shape(id).kind)
    {
        for member in members.iter().filter(|member| member.host_label) {
            let value = input.get(&member.name).and_then(Value::as_str);
            let label =
                value
                    .filter(|text| is_label(text))
                    .ok_or_else(|| EncodeError::Missing {
                        operation: operation.name.clone(),
                        member: member.name.clone(),
                    })?;
            prefix = prefix.replace(&format!("{{{}}}", member.name), label);
        }
    }
    Ok(base.replacen("://", &format!("://{prefix}"), 1))
}

/// Whether a text can be one label of a host.
fn is_label(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(fits)
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

/// The body of a REST request: the streaming member, the member that is the body, or all members that are in it.
fn rest_body(
    protocol: Protocol,
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
                .map_err(|_| Fault::new(&member.name, Expected::Bytes)),
            (Kind::String { .. }, Value::String(text)) => Ok(text.clone().into()),
            (Kind::Structure { .. }, Value::Object(given)) if protocol == Protocol::RestXml => {
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
                headers.insert(CONTENT_TYPE, xml_type);
                xml_body(service, member.shape, given, name, uri)
            }
            _ => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Ok(json::write_value(service, member, value)?.into())
            }
        };
    }
    let of_body = |name: &String| {
        members
            .iter()
            .any(|m| m.name == *name && m.location == Location::Body)
    };
    let given = input.keys().any(of_body);
    let has_body = members
        .iter()
        .any(|member| member.location == Location::Body);
    // REST JSON has a body wherever it could have members.
    let bodied = given || (has_body && protocol == Protocol::RestJson);
    if !bodied {
        return Ok(Bytes::new());
    }
    if protocol == Protocol::RestJson {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return Ok(json::write(service, id, input)?.into());
    }
    let name = operation
        .input_element
        .as_ref()
        .unwrap_or(&service.shape(id).name);
    let uri = operation.input_namespace.as_ref();
    headers.insert(CONTENT_TYPE, xml_type);
    let uri = uri.or(service.xml_namespace.as_ref());
    xml_body(service, id, input, name, uri.cloned())
}

fn xml_body(
    service: &Service,
    id: ShapeId,
    members: &Object,
    name: &str,
    namespace: Option<String>,
) -> Result<Bytes, Fault> {
    let mut xml = XmlText::document();
    xml.open(name);
    if let Some(uri) = namespace {
        xml.attribute("xmlns", &uri);
    }
    xml::write_into(service, id, members, Naming::Plain, &mut xml, 0)?;
    xml.close(name);
    Ok(xml.finish().into())
}
