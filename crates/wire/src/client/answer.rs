//! An output from an answer, or the error that the service answered.

use bytes::Bytes;
use http::response::Parts;
use serde_json::Value;

use super::Decoded;
use crate::codec::json::Manner;
use crate::codec::xml::Naming;
use crate::codec::xml_tree::Element;
use crate::codec::{Fault, cbor, json, rest, xml, xml_tree};
use crate::server::{is_streaming, payload_value};
use crate::table::{Kind, Location, Operation, Protocol, Service, ShapeId};
use crate::{AwsError, Object};

/// What an answer carries, in the protocol that its service prefers.
///
/// # Errors
/// The error that the service answered; `InvalidResponse` with the answer's status if it cannot be read.
pub fn decode(
    service: &Service,
    operation: &Operation,
    response: &Parts,
    body: &Bytes,
) -> Result<Decoded, AwsError> {
    decode_in(service.protocol, service, operation, response, body)
}

/// What an answer carries, in the protocol that its request spoke.
///
/// # Errors
/// The error that the service answered; `InvalidResponse` with the answer's status if it cannot be read.
pub fn decode_in(
    protocol: Protocol,
    service: &Service,
    operation: &Operation,
    response: &Parts,
    body: &Bytes,
) -> Result<Decoded, AwsError> {
    if !response.status.is_success() {
        return Err(failure(service, response, body));
    }
    // S3 begins an answer that takes long with 200, and may then tell of an error in it.
    let late = matches!(
        operation.name.as_str(),
        "CopyObject" | "UploadPartCopy" | "CompleteMultipartUpload"
    );
    if service.name == "s3" && late && xml_tree::parse(body).is_ok_and(|root| root.name == "Error")
    {
        let mut error = failure(service, response, body);
        error.status = 500;
        return Err(error);
    }
    let Some(id) = operation.output else {
        return Ok(Decoded::default());
    };
    read(protocol, service, operation, id, response, body).map_err(|fault| {
        let what = if fault.member.is_empty() {
            "the body".to_owned()
        } else {
            fault.member
        };
        let why = format!(
            "the answer to {} cannot be read: {what} is not {}",
            operation.name,
            fault.expected.words()
        );
        AwsError::new(response.status.as_u16(), "InvalidResponse", why)
    })
}

fn read(
    protocol: Protocol,
    service: &Service,
    operation: &Operation,
    id: ShapeId,
    response: &Parts,
    body: &Bytes,
) -> Result<Decoded, Fault> {
    let only = |input| Ok(Decoded { input, body: None });
    match protocol {
        Protocol::Json10 | Protocol::Json11 => only(json::read(
            service,
            id,
            json::parse(body)?,
            Manner::Lenient,
        )?),
        Protocol::RpcV2Cbor => only(cbor::read(service, id, body)?),
        Protocol::Query => {
            let root = xml_tree::parse(body)?;
            match root.child(&operation.query_result()) {
                Some(result) => only(xml::read(service, id, result, Naming::Query, 0)?),
                None => only(Object::new()),
            }
        }
        Protocol::Ec2 => {
            let root = xml_tree::parse(body)?;
            only(xml::read(service, id, &root, Naming::Plain, 0)?)
        }
        Protocol::RestJson | Protocol::RestXml => {
            read_rest(protocol, service, operation, id, response, body)
        }
    }
}

fn read_rest(
    protocol: Protocol,
    service: &Service,
    operation: &Operation,
    id: ShapeId,
    response: &Parts,
    body: &Bytes,
) -> Result<Decoded, Fault> {
    let mut output = Object::new();
    let Kind::Structure {
        members, payload, ..
    } = &service.shape(id).kind
    else {
        return Ok(Decoded::default());
    };
    for member in members {
        match member.location {
            Location::Header | Location::Headers => {
                if let Some(value) = rest::read_header(service, member, &response.headers)? {
                    output.insert(member.name.clone(), value);
                }
            }
            Location::StatusCode => {
                output.insert(member.name.clone(), response.status.as_u16().into());
            }
            Location::Body | Location::Uri | Location::Query => {}
        }
    }
    if let Some(member) = payload.and_then(|at| members.get(at)) {
        if is_streaming(service, member) {
            return Ok(Decoded {
                input: output,
                body: Some(body.clone()),
            });
        }
        if !body.is_empty() {
            output.insert(
                member.name.clone(),
                payload_value(protocol, service, member, body, Manner::Lenient)?,
            );
        }
        return Ok(Decoded {
            input: output,
            body: None,
        });
    }
    if members
        .iter()
        .any(|member| member.location == Location::Body)
        && !body.is_empty()
    {
        if protocol == Protocol::RestJson {
            let value = json::parse(body)?;
            output.extend(json::read(service, id, value, Manner::Lenient)?);
        } else {
            let root = xml_tree::parse(body)?;
            if operation.name == "GetBucketLocation" {
                if !root.text.is_empty() {
                    output.insert("LocationConstraint".to_owned(), root.text.into());
                }
            } else {
                output.extend(xml::read(service, id, &root, Naming::Plain, 0)?);
            }
        }
    }
    Ok(Decoded {
        input: output,
        body: None,
    })
}

/// The error that a service answered, in whichever of AWS's forms.
fn failure(service: &Service, response: &Parts, body: &Bytes) -> AwsError {
    let status = response.status.as_u16();
    let header = |name: &str| {
        response
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let id = header("x-amzn-requestid").or_else(|| header("x-amz-request-id"));
    let in_cbor = || match cbor::read_any(body) {
        Ok(Value::Object(members)) if header("smithy-protocol").is_some() => Some(members),
        _ => None,
    };
    let told = if let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(body) {
        json_failure(members, header("x-amzn-errortype"))
    } else if let Some(members) = in_cbor() {
        json_failure(members, None)
    } else if let Ok(root) = xml_tree::parse(body) {
        xml_failure(&root)
    } else {
        None
    };
    let mut error = told.unwrap_or_else(|| match (header("x-amzn-errortype"), body.is_empty()) {
        (Some(code), _) => AwsError::new(status, bare(&code), ""),
        // The answer to a HEAD has no body.
        (None, true) => AwsError::new(
            status,
            bodiless(status),
            response.status.canonical_reason().unwrap_or_default(),
        ),
        (None, false) => AwsError::new(
            status,
            "InvalidResponse",
            format!(
                "the answer is not one of {}: is this an AWS endpoint?",
                service.name
            ),
        ),
    });
    if let Some((code, _)) = header("x-amzn-query-error")
        .as_deref()
        .and_then(|told| told.split_once(';'))
    {
        error.code = code.to_owned();
    }
    error.fields = members_of(service, &error.code, error.fields);
    error.status = status;
    error.request_id = error.request_id.take().or(id);
    error
}

/// An error's further members, those that the model knows under its names for them.
fn members_of(service: &Service, code: &str, mut told: Object) -> Object {
    if let Some(Kind::Structure { members, .. }) =
        service.error_named(code).map(|shape| &shape.kind)
    {
        for member in members.iter().filter(|member| member.wire() != member.name) {
            if let Some(value) = told.remove(member.wire()) {
                told.insert(member.name.clone(), value);
            }
        }
    }
    told
}

fn bodiless(status: u16) -> &'static str {
    match status {
        304 => "NotModified",
        400 => "BadRequest",
        403 => "AccessDenied",
        404 => "NotFound",
        412 => "PreconditionFailed",
        _ => "InvalidResponse",
    }
}

/// `com.amazonaws.iam#NoSuchEntity:http://…` → `NoSuchEntity`.
fn bare(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or_default();
    code.rsplit('#').next().unwrap_or_default()
}

fn json_failure(mut members: Object, header: Option<String>) -> Option<AwsError> {
    let mut text = |name: &str| {
        members
            .remove(name)
            .and_then(|value| value.as_str().map(str::to_owned))
    };
    let (kind, code) = (text("__type"), text("code"));
    let message = text("message")
        .or_else(|| text("Message"))
        .unwrap_or_default();
    let code = header.or(kind).or(code)?;
    let mut error = AwsError::new(0, bare(&code), message);
    error.fields = members;
    Some(error)
}

fn xml_failure(root: &Element) -> Option<AwsError> {
    let error = match root.name.as_str() {
        "Error" => root,
        "ErrorResponse" => root.child("Error")?,
        "Response" => root.child("Errors")?.child("Error")?,
        _ => return None,
    };
    let text = |name: &str| error.child(name).map(|child| child.text.clone());
    let mut told = AwsError::new(0, &text("Code")?, text("Message").unwrap_or_default());
    for child in &error.children {
        if child.children.is_empty()
            && !matches!(
                child.name.as_str(),
                "Code" | "Message" | "Type" | "RequestId" | "HostId" | "Resource"
            )
        {
            told.fields
                .insert(child.name.clone(), child.text.clone().into());
        }
    }
    let id = ["RequestId", "RequestID"]
        .iter()
        .find_map(|name| error.child(name).or_else(|| root.child(name)));
    told.request_id = id.map(|id| id.text.clone());
    Some(told)
}
