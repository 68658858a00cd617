//! The answer to a call that failed.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::answer::{add_request_id, json_type, with_body};
use crate::codec::xml_tree::{self, Element};
use crate::table::{Protocol, Service};
use crate::{AwsError, Object};

/// The answer to a call that failed. `resource` is the path that S3 shows in its errors.
pub fn encode_error(
    service: Option<&'static Service>,
    protocol: Option<Protocol>,
    error: &AwsError,
    request_id: &str,
    resource: Option<&str>,
) -> Response<Bytes> {
    // What cannot be told apart is answered as the services that refuse so would: in XML, if nothing is known.
    let of_s3 = matches!(error.code.as_str(), "MethodNotAllowed" | "InvalidURI");
    let s3 = service.map_or(of_s3, |service| service.signing_name == "s3");
    let protocol = protocol.unwrap_or(match error.code.as_str() {
        "UnknownOperationException" | "InvalidSignatureException" => Protocol::Json11,
        _ if s3 => Protocol::RestXml,
        _ => Protocol::Query,
    });
    let mut response = match protocol {
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => {
            json_error(service, protocol, error)
        }
        Protocol::Ec2 => ec2_error(error, request_id),
        Protocol::RestXml if s3 => s3_error(error, request_id, resource),
        Protocol::Query | Protocol::RestXml => query_error(service, error, request_id),
    };
    *response.status_mut() =
        StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if bodiless(response.status()) {
        *response.body_mut() = Bytes::new();
        response.headers_mut().remove(http::header::CONTENT_TYPE);
    }
    add_request_id(&mut response, protocol, s3, request_id);
    response
}

/// Answers that may not have a body.
fn bodiless(status: StatusCode) -> bool {
    status == StatusCode::NOT_MODIFIED || status == StatusCode::NO_CONTENT
}

fn json_error(service: Option<&Service>, protocol: Protocol, error: &AwsError) -> Response<Bytes> {
    let mut body = Object::new();
    // Some services spell the member with a capital letter; clients read both.
    let shape = service.and_then(|service| service.error_named(&error.code));
    let capital = shape.is_some_and(|shape| match &shape.kind {
        crate::table::Kind::Structure { members, .. } => {
            members.iter().any(|member| member.wire() == "Message")
        }
        _ => false,
    });
    if protocol != Protocol::RestJson {
        body.insert("__type".to_owned(), error.code.as_str().into());
    }
    body.insert(
        if capital { "Message" } else { "message" }.to_owned(),
        error.message.as_str().into(),
    );
    for (name, value) in &error.fields {
        body.insert(name.clone(), value.clone());
    }
    let mut response = with_body(json_type(protocol), json!(body).to_string());
    if let Ok(kind) = HeaderValue::from_str(&error.code) {
        response.headers_mut().insert("x-amzn-errortype", kind);
    }
    if service.is_some_and(|service| service.query_compatible) {
        let fault = if error.sender_fault() {
            "Sender"
        } else {
            "Receiver"
        };
        if let Ok(value) = HeaderValue::from_str(&format!("{};{fault}", error.code)) {
            response.headers_mut().insert("x-amzn-query-error", value);
        }
    }
    response
}

fn leaf(name: &str, text: &str) -> Element {
    Element {
        name: name.to_owned(),
        text: text.to_owned(),
        ..Element::default()
    }
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn query_error(service: Option<&Service>, error: &AwsError, id: &str) -> Response<Bytes> {
    let mut root = Element {
        name: "ErrorResponse".to_owned(),
        ..Element::default()
    };
    if let Some(uri) = service.and_then(|service| service.xml_namespace.clone()) {
        root.attributes.push(("xmlns".to_owned(), uri));
    }
    let mut inner = Element {
        name: "Error".to_owned(),
        ..Element::default()
    };
    inner.children.push(leaf(
        "Type",
        if error.sender_fault() {
            "Sender"
        } else {
            "Receiver"
        },
    ));
    inner.children.push(leaf("Code", &error.code));
    inner.children.push(leaf("Message", &error.message));
    inner.children.extend(
        error
            .fields
            .iter()
            .map(|(name, value)| leaf(name, &text_of(value))),
    );
    root.children.push(inner);
    root.children.push(leaf("RequestId", id));
    let mut text = String::new();
    xml_tree::write(&root, &mut text);
    with_body("text/xml", text)
}

fn ec2_error(error: &AwsError, id: &str) -> Response<Bytes> {
    let mut inner = Element {
        name: "Error".to_owned(),
        ..Element::default()
    };
    inner.children = vec![leaf("Code", &error.code), leaf("Message", &error.message)];
    let errors = Element {
        name: "Errors".to_owned(),
        children: vec![inner],
        ..Element::default()
    };
    let children = vec![errors, leaf("RequestID", id)];
    let root = Element {
        name: "Response".to_owned(),
        children,
        ..Element::default()
    };
    with_body("text/xml;charset=UTF-8", xml_tree::document(&root))
}

fn s3_error(error: &AwsError, id: &str, resource: Option<&str>) -> Response<Bytes> {
    let mut root = Element {
        name: "Error".to_owned(),
        ..Element::default()
    };
    root.children = vec![leaf("Code", &error.code), leaf("Message", &error.message)];
    let mut host_id = id.to_owned();
    for (name, value) in &error.fields {
        if name == "HostId" {
            host_id = text_of(value);
        } else {
            root.children.push(leaf(name, &text_of(value)));
        }
    }
    if let Some(resource) = resource {
        root.children.push(leaf("Resource", resource));
    }
    root.children.push(leaf("RequestId", id));
    root.children.push(leaf("HostId", &host_id));
    with_body("application/xml", xml_tree::document(&root))
}
