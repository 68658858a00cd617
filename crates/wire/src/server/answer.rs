//! The answer to a call that went well.

use base64::Engine;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::Target;
use super::input::is_streaming;
use crate::codec::xml_tree::Element;
use crate::codec::{Fault, json, rest, xml, xml_tree};
use crate::table::{Kind, Location, Protocol};
use crate::{AwsError, Object};

/// The answer to a call that went well.
///
/// An output that does not fit the model is a fault of the handler: it is answered as an `InternalFailure`.
pub fn encode(
    target: &Target,
    output: &Object,
    body: Option<Bytes>,
    request_id: &str,
) -> Response<Bytes> {
    match written(target, output, body, request_id) {
        Ok(response) => response,
        Err(fault) => {
            let why = format!("the answer's {} is not {}", fault.member, fault.expected);
            let error = AwsError::new(500, "InternalFailure", why);
            super::encode_error(
                Some(target.service),
                Some(target.protocol),
                &error,
                request_id,
                None,
            )
        }
    }
}

fn written(
    target: &Target,
    output: &Object,
    body: Option<Bytes>,
    id: &str,
) -> Result<Response<Bytes>, Fault> {
    let mut response = match target.protocol {
        Protocol::Json10 | Protocol::Json11 => json_answer(target, output)?,
        Protocol::Query => query_answer(target, output, id)?,
        Protocol::Ec2 => ec2_answer(target, output, id)?,
        Protocol::RestJson | Protocol::RestXml => rest_answer(target, output, body)?,
    };
    if !target.protocol.is_rest() {
        *response.status_mut() = usual_status(target);
    }
    add_request_id(
        &mut response,
        target.protocol,
        target.service.name == "s3",
        id,
    );
    Ok(response)
}

/// The status of a good answer, where the output does not say another.
fn usual_status(target: &Target) -> StatusCode {
    StatusCode::from_u16(target.operation.response_code).unwrap_or_default()
}

/// The request's id, under the name that the protocol has for it.
pub(super) fn add_request_id(
    response: &mut Response<Bytes>,
    protocol: Protocol,
    s3: bool,
    id: &str,
) {
    if id.is_empty() {
        return;
    }
    let Ok(value) = HeaderValue::from_str(id) else {
        return;
    };
    let headers = response.headers_mut();
    if s3 {
        headers.insert("x-amz-request-id", value.clone());
        headers.entry("x-amz-id-2").or_insert(value);
    } else {
        headers.insert(
            if protocol == Protocol::Ec2 {
                "x-amz-request-id"
            } else {
                "x-amzn-requestid"
            },
            value,
        );
    }
}

/// An answer with a body of a kind.
pub(super) fn with_body(kind: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The content type of a JSON answer.
pub(super) fn json_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Json10 => "application/x-amz-json-1.0",
        Protocol::Json11 => "application/x-amz-json-1.1",
        _ => "application/json",
    }
}

fn json_answer(target: &Target, output: &Object) -> Result<Response<Bytes>, Fault> {
    let kind = json_type(target.protocol);
    match target.operation.output {
        Some(id) => Ok(with_body(
            kind,
            json::write(target.service, id, output)?.to_string(),
        )),
        None => Ok(with_body(kind, "{}")),
    }
}

fn leaf(name: &str, text: &str) -> Element {
    Element {
        name: name.to_owned(),
        text: text.to_owned(),
        ..Element::default()
    }
}

fn rooted(name: String, namespace: Option<&str>) -> Element {
    let attributes = namespace
        .map(|uri| ("xmlns".to_owned(), uri.to_owned()))
        .into_iter()
        .collect();
    Element {
        name,
        attributes,
        ..Element::default()
    }
}

fn query_answer(target: &Target, output: &Object, id: &str) -> Result<Response<Bytes>, Fault> {
    let operation = target.operation;
    let mut root = rooted(
        format!("{}Response", operation.name),
        target.service.xml_namespace.as_deref(),
    );
    if let Some(shape) = operation.output {
        let name = operation
            .result_wrapper
            .clone()
            .unwrap_or_else(|| format!("{}Result", operation.name));
        let mut result = rooted(name, None);
        xml::write_into(target.service, shape, output, &mut result, 0)?;
        root.children.push(result);
    }
    let mut metadata = rooted("ResponseMetadata".to_owned(), None);
    metadata.children.push(leaf("RequestId", id));
    root.children.push(metadata);
    let mut text = String::new();
    xml_tree::write(&root, &mut text);
    Ok(with_body("text/xml", text))
}

fn ec2_answer(target: &Target, output: &Object, id: &str) -> Result<Response<Bytes>, Fault> {
    let namespace = format!(
        "http://ec2.amazonaws.com/doc/{}/",
        target.service.api_version
    );
    let mut root = rooted(
        format!("{}Response", target.operation.name),
        Some(&namespace),
    );
    root.children.push(leaf("requestId", id));
    match target.operation.output {
        Some(shape) => xml::write_into(target.service, shape, output, &mut root, 0)?,
        None => root.children.push(leaf("return", "true")),
    }
    Ok(with_body(
        "text/xml;charset=UTF-8",
        xml_tree::document(&root),
    ))
}

fn rest_answer(
    target: &Target,
    output: &Object,
    body: Option<Bytes>,
) -> Result<Response<Bytes>, Fault> {
    let service = target.service;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = usual_status(target);
    let Some(id) = target.operation.output else {
        return Ok(response);
    };
    let Kind::Structure {
        members, payload, ..
    } = &service.shape(id).kind
    else {
        return Ok(response);
    };
    if let Some(member) = payload.and_then(|at| members.get(at)) {
        if is_streaming(service, member) {
            *response.body_mut() = body.unwrap_or_default();
        } else if let Some(value) = output.get(&member.name).filter(|value| !value.is_null()) {
            response = match (&service.shape(member.shape).kind, value) {
                (Kind::Blob, Value::String(text)) => {
                    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
                    Response::new(
                        bytes
                            .map_err(|_| Fault::new(&member.name, "base64"))?
                            .into(),
                    )
                }
                (Kind::String { .. }, Value::String(text)) => Response::new(text.clone().into()),
                (Kind::Structure { .. }, Value::Object(given))
                    if target.protocol == Protocol::RestXml =>
                {
                    let shape = service.shape(member.shape);
                    let name = member
                        .wire_name
                        .as_deref()
                        .or(shape.wire_name.as_deref())
                        .unwrap_or(&shape.name);
                    let mut root = rooted(name.to_owned(), service.xml_namespace.as_deref());
                    xml::write_into(service, member.shape, given, &mut root, 0)?;
                    with_body("application/xml", xml_tree::document(&root))
                }
                _ => with_body(
                    "application/json",
                    json::write_value(service, member, value, 0)?.to_string(),
                ),
            };
        }
    } else if members
        .iter()
        .any(|member| member.location == Location::Body)
    {
        response = if target.protocol == Protocol::RestJson {
            with_body(
                "application/json",
                json::write(service, id, output)?.to_string(),
            )
        } else {
            let mut root = rooted(root_name(target), service.xml_namespace.as_deref());
            if target.operation.name == "GetBucketLocation" {
                // The one answer whose root is the value.
                root.text = output
                    .get("LocationConstraint")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned();
            } else {
                xml::write_into(service, id, output, &mut root, 0)?;
            }
            with_body("application/xml", xml_tree::document(&root))
        };
    }
    *response.status_mut() = usual_status(target);
    for member in members
        .iter()
        .filter(|member| member.location == Location::StatusCode)
    {
        let code = output
            .get(&member.name)
            .and_then(Value::as_u64)
            .and_then(|code| u16::try_from(code).ok());
        if let Some(status) = code.and_then(|code| StatusCode::from_u16(code).ok()) {
            *response.status_mut() = status;
        }
    }
    rest::write_headers(service, id, output, response.headers_mut())?;
    if response.headers().contains_key("content-range") {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// The root element of an XML answer: S3's model names few of them.
fn root_name(target: &Target) -> String {
    let operation = target.operation;
    let stated = operation
        .output
        .and_then(|id| target.service.shape(id).wire_name.clone());
    if let Some(name) = stated {
        return name;
    }
    let s3 = match operation.name.as_str() {
        "ListBuckets" => "ListAllMyBucketsResult",
        "ListObjects" | "ListObjectsV2" => "ListBucketResult",
        "ListObjectVersions" => "ListVersionsResult",
        "CreateMultipartUpload" => "InitiateMultipartUploadResult",
        "ListParts" => "ListPartsResult",
        "DeleteObjects" => "DeleteResult",
        "GetBucketLocation" => "LocationConstraint",
        "GetBucketVersioning" => "VersioningConfiguration",
        "GetBucketTagging" | "GetObjectTagging" => "Tagging",
        "GetBucketAcl" | "GetObjectAcl" => "AccessControlPolicy",
        "GetBucketLifecycleConfiguration" => "LifecycleConfiguration",
        "GetBucketCors" => "CORSConfiguration",
        "GetBucketLogging" => "BucketLoggingStatus",
        "GetBucketWebsite" => "WebsiteConfiguration",
        "GetBucketNotificationConfiguration" => "NotificationConfiguration",
        "GetObjectAttributes" => "GetObjectAttributesResponse",
        name => return format!("{name}Result"),
    };
    s3.to_owned()
}
