//! The answer to a call that went well.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::Target;
use super::input::is_streaming;
use crate::codec::xml::{self, Naming};
use crate::codec::xml_text::XmlText;
use crate::codec::{Expected, Fault, cbor, json, rest};
use crate::table::{Kind, Location, Member, Protocol};
use crate::{AwsError, Object};

/// The answer to a call that went well, in the protocol that the request speaks.
///
/// An output that does not fit the model is a fault of the handler: it is answered as an `InternalFailure`. An
/// operation that answers with a stream of events cannot be answered.
pub fn encode(
    target: &Target,
    output: &Object,
    body: Option<Bytes>,
    request_id: &str,
) -> Response<Bytes> {
    let refused = |error: &AwsError| {
        let (service, protocol) = (Some(target.service), Some(target.protocol));
        super::encode_error(service, protocol, error, request_id, None)
    };
    if target.operation.has_events(target.service) {
        return refused(&super::no_events(target));
    }
    match written(target, output, body, request_id) {
        Ok(response) => response,
        Err(fault) => {
            let why = format!(
                "the answer's {} is not {}",
                fault.member,
                fault.expected.words()
            );
            refused(&AwsError::new(500, "InternalFailure", why))
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
        Protocol::RpcV2Cbor => cbor_answer(target, output)?,
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

/// An answer in CBOR.
pub(super) fn with_cbor(body: Vec<u8>) -> Response<Bytes> {
    let mut response = with_body("application/cbor", body);
    response
        .headers_mut()
        .insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
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
        Some(id) => Ok(with_body(kind, json::write(target.service, id, output)?)),
        None => Ok(with_body(kind, "{}")),
    }
}

fn cbor_answer(target: &Target, output: &Object) -> Result<Response<Bytes>, Fault> {
    match target.operation.output {
        Some(id) => Ok(with_cbor(cbor::write(target.service, id, output)?)),
        None => Ok(with_cbor(cbor::texts(&[]))),
    }
}

fn rooted(xml: &mut XmlText, name: &str, namespace: Option<&str>) {
    xml.open(name);
    if let Some(uri) = namespace {
        xml.attribute("xmlns", uri);
    }
}

fn query_answer(target: &Target, output: &Object, id: &str) -> Result<Response<Bytes>, Fault> {
    let operation = target.operation;
    let mut xml = XmlText::fragment();
    let name = format!("{}Response", operation.name);
    rooted(&mut xml, &name, target.service.xml_namespace.as_deref());
    if let Some(shape) = operation.output {
        let wrapper = operation.query_result();
        xml.open(&wrapper);
        xml::write_into(target.service, shape, output, Naming::Query, &mut xml, 0)?;
        xml.close(&wrapper);
    }
    xml.open("ResponseMetadata");
    xml.leaf("RequestId", id);
    xml.close("ResponseMetadata");
    xml.close(&name);
    Ok(with_body("text/xml", xml.finish()))
}

fn ec2_answer(target: &Target, output: &Object, id: &str) -> Result<Response<Bytes>, Fault> {
    let namespace = format!(
        "http://ec2.amazonaws.com/doc/{}/",
        target.service.api_version
    );
    let mut xml = XmlText::document();
    let name = format!("{}Response", target.operation.name);
    rooted(&mut xml, &name, Some(&namespace));
    xml.leaf("requestId", id);
    match target.operation.output {
        Some(shape) => {
            xml::write_into(target.service, shape, output, Naming::Plain, &mut xml, 0)?;
        }
        None => xml.leaf("return", "true"),
    }
    xml.close(&name);
    Ok(with_body("text/xml;charset=UTF-8", xml.finish()))
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
            response = payload_answer(target, member, value)?;
        }
    } else if members
        .iter()
        .any(|member| member.location == Location::Body)
    {
        response = if target.protocol == Protocol::RestJson {
            with_body("application/json", json::write(service, id, output)?)
        } else {
            let mut xml = XmlText::document();
            let name = root_name(target);
            rooted(&mut xml, &name, service.xml_namespace.as_deref());
            if target.operation.name == "GetBucketLocation" {
                // The one answer whose root is the value.
                let place = output.get("LocationConstraint").and_then(Value::as_str);
                xml.text(place.unwrap_or_default());
            } else {
                xml::write_into(service, id, output, Naming::Plain, &mut xml, 0)?;
            }
            xml.close(&name);
            with_body("application/xml", xml.finish())
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

/// An answer whose body is one member.
fn payload_answer(
    target: &Target,
    member: &Member,
    value: &Value,
) -> Result<Response<Bytes>, Fault> {
    let service = target.service;
    Ok(match (&service.shape(member.shape).kind, value) {
        (Kind::Blob, Value::String(text)) => {
            let bytes = STANDARD.decode(text);
            let bytes = bytes.map_err(|_| Fault::new(&member.name, Expected::Bytes))?;
            Response::new(bytes.into())
        }
        (Kind::String { .. }, Value::String(text)) => Response::new(text.clone().into()),
        (Kind::Structure { .. }, Value::Object(given)) if target.protocol == Protocol::RestXml => {
            let shape = service.shape(member.shape);
            let name = member
                .wire_name
                .as_deref()
                .or(shape.wire_name.as_deref())
                .unwrap_or(&shape.name);
            let mut xml = XmlText::document();
            rooted(&mut xml, name, service.xml_namespace.as_deref());
            xml::write_into(service, member.shape, given, Naming::Plain, &mut xml, 0)?;
            xml.close(name);
            with_body("application/xml", xml.finish())
        }
        _ => with_body(
            "application/json",
            json::write_value(service, member, value)?,
        ),
    })
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
        "ListDirectoryBuckets" => "ListAllMyDirectoryBucketsResult",
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
        "ListBucketInventoryConfigurations" => "ListInventoryConfigurationsResult",
        "ListBucketMetricsConfigurations" => "ListMetricsConfigurationsResult",
        "ListBucketAnalyticsConfigurations" => "ListBucketAnalyticsConfigurationsResult",
        // The other REST XML services call it what the call is called.
        name if target.service.name == "s3" => return format!("{name}Result"),
        name => return format!("{name}Response"),
    };
    s3.to_owned()
}
