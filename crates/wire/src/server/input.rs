//! What a request carries.

use bytes::Bytes;
use http::request::Parts;
use serde_json::Value;

use super::{Decoded, Target};
use crate::codec::query::{Dialect, fields};
use crate::codec::{Fault, json, query, rest, scalar, xml, xml_tree};
use crate::table::{Kind, Location, Member, Protocol, Service, ShapeId};
use crate::{AwsError, Object};

/// The input that a request carries.
///
/// # Errors
/// The service's own error for a malformed request.
pub fn decode(target: &Target, parts: &Parts, body: &Bytes) -> Result<Decoded, AwsError> {
    let Some(id) = target.operation.input else {
        return Ok(Decoded::default());
    };
    let service = target.service;
    let decoded = match target.protocol {
        Protocol::Json10 | Protocol::Json11 => read_json(service, id, body).map(only_members),
        Protocol::Query => form(service, id, parts, body, Dialect::Query).map(only_members),
        Protocol::Ec2 => form(service, id, parts, body, Dialect::Ec2).map(only_members),
        Protocol::RestJson | Protocol::RestXml => read_rest(target, id, parts, body),
    };
    decoded.map_err(|fault| malformed(target, &fault))
}

fn only_members(input: Object) -> Decoded {
    Decoded { input, body: None }
}

fn malformed(target: &Target, fault: &Fault) -> AwsError {
    let what = if fault.member.is_empty() {
        "The body".to_owned()
    } else {
        fault.member.clone()
    };
    let why = format!("{what} must be {}", fault.expected);
    match target.protocol {
        Protocol::Query | Protocol::Ec2 => AwsError::new(400, "MalformedInput", why),
        Protocol::RestXml if fault.member.is_empty() => AwsError::new(
            400,
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        ),
        Protocol::RestXml => {
            AwsError::new(400, "InvalidArgument", why).with("ArgumentName", fault.member.as_str())
        }
        _ => AwsError::new(400, "SerializationException", why),
    }
}

fn form(
    service: &Service,
    id: ShapeId,
    parts: &Parts,
    body: &Bytes,
    dialect: Dialect,
) -> Result<Object, Fault> {
    let mut all = fields(parts.uri.query().unwrap_or_default().as_bytes());
    all.extend(fields(body));
    query::read(service, id, &all.into_iter().collect(), dialect)
}

fn read_json(service: &Service, id: ShapeId, body: &Bytes) -> Result<Object, Fault> {
    json::read(service, id, &parse_json(body)?)
}

fn parse_json(body: &[u8]) -> Result<Value, Fault> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|_| Fault::new("", "JSON"))
}

fn read_rest(target: &Target, id: ShapeId, parts: &Parts, body: &Bytes) -> Result<Decoded, Fault> {
    let service = target.service;
    let asked = fields(parts.uri.query().unwrap_or_default().as_bytes());
    let mut input = rest::read_request(
        service,
        id,
        &target.labels,
        &asked,
        &parts.headers,
        &target.operation.template,
    )?;
    let Kind::Structure {
        members, payload, ..
    } = &service.shape(id).kind
    else {
        return Ok(only_members(input));
    };
    let Some(member) = payload.and_then(|at| members.get(at)) else {
        if members
            .iter()
            .any(|member| member.location == Location::Body)
        {
            let more = match target.protocol {
                Protocol::RestJson => json::read(service, id, &parse_json(body)?)?,
                _ if body.is_empty() => Object::new(),
                _ => xml::read(service, id, &xml_tree::parse(body)?, 0)?,
            };
            input.extend(more);
        }
        return Ok(only_members(input));
    };
    if is_streaming(service, member) {
        return Ok(Decoded {
            input,
            body: Some(body.clone()),
        });
    }
    if body.is_empty() {
        return Ok(only_members(input));
    }
    let value = payload_value(target.protocol, service, member, body)?;
    input.insert(member.name.clone(), value);
    Ok(only_members(input))
}

/// Whether a member is sent as bytes beside the others.
pub(crate) fn is_streaming(service: &Service, member: &Member) -> bool {
    member.streaming || service.shape(member.shape).streaming
}

/// The member that is the whole body.
pub(crate) fn payload_value(
    protocol: Protocol,
    service: &Service,
    member: &Member,
    body: &[u8],
) -> Result<Value, Fault> {
    use base64::Engine;
    match &service.shape(member.shape).kind {
        Kind::Blob => Ok(base64::engine::general_purpose::STANDARD
            .encode(body)
            .into()),
        Kind::String { .. } => {
            let text = std::str::from_utf8(body).map_err(|_| Fault::new(&member.name, "text"))?;
            Ok(text.into())
        }
        Kind::Structure { .. } if protocol == Protocol::RestXml => Ok(Value::Object(xml::read(
            service,
            member.shape,
            &xml_tree::parse(body)?,
            0,
        )?)),
        _ if protocol == Protocol::RestXml => {
            let root = xml_tree::parse(body)?;
            let kind = &service.shape(member.shape).kind;
            scalar::from_text(kind, &root.text)
                .ok_or_else(|| Fault::new(&member.name, scalar::name_of(kind)))
        }
        _ => json::read_value(service, member, &parse_json(body)?, 0),
    }
}
