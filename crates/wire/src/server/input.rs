//! What a request carries.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use serde_json::Value;

use super::{Decoded, Target, no_events, wording};
use crate::codec::form::{Field, fields};
use crate::codec::json::{self, Manner};
use crate::codec::query::{self, Dialect};
use crate::codec::xml::{self, Naming};
use crate::codec::{Expected, Fault, cbor, rest, scalar, xml_tree};
use crate::table::{Kind, Location, Member, Protocol, Service, ShapeId};
use crate::{AwsError, Object};

/// How large a packed body may be once it is unpacked.
const LARGEST_UNPACKED: u64 = 32 * 1024 * 1024;

/// The input that a request carries.
///
/// # Errors
/// The service's own error for a malformed request.
pub fn decode(target: &Target, parts: &Parts, body: &Bytes) -> Result<Decoded, AwsError> {
    if target.operation.has_events(target.service) {
        return Err(no_events(target));
    }
    let Some(id) = target.operation.input else {
        return Ok(Decoded::default());
    };
    let refused = |fault: Fault| wording::malformed(target, &fault);
    let body = unpacked(target, parts, body).map_err(refused)?;
    let service = target.service;
    let decoded = match target.protocol {
        Protocol::Json10 | Protocol::Json11 => json::parse(&body)
            .and_then(|value| json::read(service, id, value, Manner::Strict))
            .map(only_members),
        Protocol::RpcV2Cbor => cbor::read(service, id, &body).map(only_members),
        Protocol::Query => form(service, id, parts, &body, Dialect::Query).map(only_members),
        Protocol::Ec2 => form(service, id, parts, &body, Dialect::Ec2).map(only_members),
        Protocol::RestJson | Protocol::RestXml => read_rest(target, id, parts, &body),
    };
    decoded.map_err(refused)
}

fn only_members(input: Object) -> Decoded {
    Decoded { input, body: None }
}

/// The body without the packing that some operations let clients use.
fn unpacked(target: &Target, parts: &Parts, body: &Bytes) -> Result<Bytes, Fault> {
    let packed = parts.headers.get(CONTENT_ENCODING);
    if !target.operation.compressed || packed.is_none_or(|packing| packing != "gzip") {
        return Ok(body.clone());
    }
    let mut whole = Vec::new();
    let read = MultiGzDecoder::new(&**body)
        .take(LARGEST_UNPACKED + 1)
        .read_to_end(&mut whole);
    match read {
        Ok(length) if length as u64 > LARGEST_UNPACKED => Err(Fault::new("", Expected::Shorter)),
        Ok(_) => Ok(whole.into()),
        Err(_) => Err(Fault::new("", Expected::Packed)),
    }
}

fn form(
    service: &Service,
    id: ShapeId,
    parts: &Parts,
    body: &Bytes,
    dialect: Dialect,
) -> Result<Object, Fault> {
    // Of two with one name the first counts, and what was posted comes first: so the action is told, too.
    let mut all: Vec<Field<'_>> = fields(body).collect();
    all.extend(fields(parts.uri.query().unwrap_or_default().as_bytes()));
    query::read(service, id, &all, dialect)
}

fn read_rest(target: &Target, id: ShapeId, parts: &Parts, body: &Bytes) -> Result<Decoded, Fault> {
    let service = target.service;
    let asked: Vec<Field<'_>> = fields(parts.uri.query().unwrap_or_default().as_bytes()).collect();
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
                Protocol::RestJson => json::read(service, id, json::parse(body)?, Manner::Strict)?,
                _ if body.is_empty() => Object::new(),
                _ => xml::read(service, id, &xml_tree::parse(body)?, Naming::Plain, 0)?,
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
    let value = payload_value(target.protocol, service, member, body, Manner::Strict)?;
    if !value.is_null() {
        input.insert(member.name.clone(), value);
    }
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
    manner: Manner,
) -> Result<Value, Fault> {
    match &service.shape(member.shape).kind {
        Kind::Blob => Ok(STANDARD.encode(body).into()),
        Kind::String { .. } => {
            let text =
                std::str::from_utf8(body).map_err(|_| Fault::new(&member.name, Expected::Utf8))?;
            Ok(text.into())
        }
        Kind::Structure { .. } if protocol == Protocol::RestXml => Ok(Value::Object(xml::read(
            service,
            member.shape,
            &xml_tree::parse(body)?,
            Naming::Plain,
            0,
        )?)),
        kind if protocol == Protocol::RestXml => {
            let root = xml_tree::parse(body)?;
            scalar::from_text(kind, &root.text).ok_or_else(|| Fault::text(member, kind, &root.text))
        }
        _ => match json::parse(body)? {
            Value::Null => Ok(Value::Null),
            value => json::read_value(service, member, value, manner),
        },
    }
}
