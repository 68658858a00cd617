//! The answer to a call that failed.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::answer::{add_request_id, json_type, with_body, with_cbor};
use crate::codec::xml::{self, Naming};
use crate::codec::xml_text::XmlText;
use crate::codec::{cbor, json, rest};
use crate::table::{Kind, Location, Member, Protocol, Service, Shape};
use crate::{AwsError, Object};

/// The answer to a call that failed, in the protocol that the request speaks. `resource` is the path that S3 shows in
/// its errors.
pub fn encode_error(
    service: Option<&'static Service>,
    protocol: Option<Protocol>,
    error: &AwsError,
    request_id: &str,
    resource: Option<&str>,
) -> Response<Bytes> {
    // What cannot be told apart is answered as the services that refuse so would: in XML, if nothing is known.
    let of_s3 = matches!(error.code.as_str(), "MethodNotAllowed" | "InvalidURI");
    let s3 = service.map_or(of_s3, |service| service.name == "s3");
    let protocol = protocol.unwrap_or(match error.code.as_str() {
        "UnknownOperationException" | "InvalidSignatureException" => Protocol::Json11,
        _ if s3 => Protocol::RestXml,
        _ => Protocol::Query,
    });
    let known = Known::of(service, error);
    let mut response = match protocol {
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => known.json(protocol),
        Protocol::RpcV2Cbor => known.cbor(),
        Protocol::Ec2 => ec2_error(error, request_id),
        Protocol::RestXml if s3 => s3_error(error, request_id, resource),
        Protocol::Query | Protocol::RestXml => known.query(request_id),
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

/// Who is to blame.
fn fault(error: &AwsError) -> &'static str {
    if error.sender_fault() {
        "Sender"
    } else {
        "Receiver"
    }
}

/// An error, and what the service's model says of it.
struct Known<'a> {
    error: &'a AwsError,
    service: Option<&'static Service>,
    shape: Option<&'static Shape>,
}

impl<'a> Known<'a> {
    fn of(service: Option<&'static Service>, error: &'a AwsError) -> Self {
        Self {
            error,
            service,
            shape: service.and_then(|service| service.error_named(&error.code)),
        }
    }

    fn members(&self) -> &'static [Member] {
        match self.shape.map(|shape| &shape.kind) {
            Some(Kind::Structure { members, .. }) => members,
            _ => &[],
        }
    }

    /// What it is called where protocols go by the names of shapes.
    fn shape_name(&self) -> &str {
        self.shape.map_or(&self.error.code, |shape| &shape.name)
    }

    /// The code that the query protocol has for it.
    fn query_code(&self) -> &str {
        let stated = self.shape.and_then(|shape| shape.error.as_ref());
        stated.map_or(&self.error.code, |stated| &stated.code)
    }

    /// The name that the text has on the wire; clients read both.
    fn message_name(&self) -> &'static str {
        let named = |name: &str| self.members().iter().any(|member| member.wire() == name);
        if named("Message") && !named("message") {
            "Message"
        } else {
            "message"
        }
    }

    /// The fully qualified name of its shape. Errors of AWS's own framework are in a name space of their own.
    fn type_name(&self) -> String {
        match (self.service, self.shape) {
            (Some(service), Some(shape)) => {
                format!("com.amazonaws.{}#{}", service.name, shape.name)
            }
            _ => format!("com.amazon.coral.service#{}", self.error.code),
        }
    }

    /// The further members as the model knows them, those of the body; and those that it does not know.
    fn fields(&self) -> (Object, Object) {
        let known = |name: &String| {
            let member = self.members().iter().find(|member| member.name == *name);
            member.is_some_and(|member| member.location == Location::Body)
        };
        let fields = self.error.fields.clone();
        fields.into_iter().partition(|(name, _)| known(name))
    }

    /// The members of a body of JSON.
    fn body(&self, kind: Option<&str>) -> Vec<u8> {
        let (modelled, free) = self.fields();
        let mut members = free;
        if let Some(kind) = kind {
            members.insert("__type".to_owned(), kind.into());
        }
        let message = self.error.message.as_str().into();
        members.insert(self.message_name().to_owned(), message);
        let mut written = Value::Object(members).to_string().into_bytes();
        // Members that the model has go through its codec, for their wire names and times.
        if let (Some(service), Some(id)) = (self.service, self.id())
            && !modelled.is_empty()
            && let Ok(more) = json::write(service, id, &modelled)
            && more.len() > 2
        {
            written.pop();
            written.push(b',');
            written.extend_from_slice(more.get(1..).unwrap_or_default());
        }
        written
    }

    fn id(&self) -> Option<crate::table::ShapeId> {
        self.service?.id_of(self.shape?)
    }

    fn json(&self, protocol: Protocol) -> Response<Bytes> {
        let kind = match protocol {
            Protocol::Json10 => Some(self.type_name()),
            Protocol::Json11 => Some(self.shape_name().to_owned()),
            _ => None,
        };
        let mut response = with_body(json_type(protocol), self.body(kind.as_deref()));
        self.headers(&mut response, protocol);
        response
    }

    fn cbor(&self) -> Response<Bytes> {
        let kind = self.type_name();
        let (modelled, free) = self.fields();
        let free: Vec<(String, String)> = free
            .into_iter()
            .map(|(name, value)| (name, text_of(&value)))
            .collect();
        let mut texts = vec![
            ("__type", kind.as_str()),
            (self.message_name(), self.error.message.as_str()),
        ];
        texts.extend(
            free.iter()
                .map(|(name, text)| (name.as_str(), text.as_str())),
        );
        let body = match (self.service, self.id()) {
            (Some(service), Some(id)) if !modelled.is_empty() => {
                cbor::write_with(&texts, service, id, &modelled)
                    .unwrap_or_else(|_| cbor::texts(&texts))
            }
            _ => cbor::texts(&texts),
        };
        let mut response = with_cbor(body);
        self.headers(&mut response, Protocol::RpcV2Cbor);
        response
    }

    fn headers(&self, response: &mut Response<Bytes>, protocol: Protocol) {
        let headers = response.headers_mut();
        if protocol == Protocol::RestJson
            && let (Some(service), Some(id)) = (self.service, self.id())
        {
            // What cannot be a header is left out: the error itself still comes.
            let _ = rest::write_headers(service, id, &self.error.fields, headers);
        }
        if protocol != Protocol::RpcV2Cbor
            && let Ok(kind) = HeaderValue::from_str(self.shape_name())
        {
            headers.insert("x-amzn-errortype", kind);
        }
        if self.service.is_some_and(|service| service.query_compatible) {
            let value = format!("{};{}", self.query_code(), fault(self.error));
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert("x-amzn-query-error", value);
            }
        }
    }

    fn query(&self, id: &str) -> Response<Bytes> {
        let mut xml = XmlText::fragment();
        xml.open("ErrorResponse");
        if let Some(uri) = self
            .service
            .and_then(|service| service.xml_namespace.as_deref())
        {
            xml.attribute("xmlns", uri);
        }
        xml.open("Error");
        xml.leaf("Type", fault(self.error));
        xml.leaf("Code", self.query_code());
        xml.leaf("Message", &self.error.message);
        let (modelled, free) = self.fields();
        if let (Some(service), Some(shape)) = (self.service, self.id()) {
            let mut inner = XmlText::fragment();
            if xml::write_into(service, shape, &modelled, Naming::Query, &mut inner, 0).is_ok() {
                xml.raw(&inner.finish());
            }
        }
        for (name, value) in &free {
            xml.leaf(name, &text_of(value));
        }
        xml.close("Error");
        xml.leaf("RequestId", id);
        xml.close("ErrorResponse");
        with_body("text/xml", xml.finish())
    }
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn ec2_error(error: &AwsError, id: &str) -> Response<Bytes> {
    let mut xml = XmlText::document();
    xml.open("Response");
    xml.open("Errors");
    xml.open("Error");
    xml.leaf("Code", &error.code);
    xml.leaf("Message", &error.message);
    for (name, value) in &error.fields {
        xml.leaf(name, &text_of(value));
    }
    xml.close("Error");
    xml.close("Errors");
    xml.leaf("RequestID", id);
    xml.close("Response");
    with_body("text/xml;charset=UTF-8", xml.finish())
}

fn s3_error(error: &AwsError, id: &str, resource: Option<&str>) -> Response<Bytes> {
    let mut xml = XmlText::document();
    xml.open("Error");
    xml.leaf("Code", &error.code);
    xml.leaf("Message", &error.message);
    let mut host_id = id.to_owned();
    for (name, value) in &error.fields {
        if name == "HostId" {
            host_id = text_of(value);
        } else {
            xml.leaf(name, &text_of(value));
        }
    }
    if let Some(resource) = resource {
        xml.leaf("Resource", resource);
    }
    xml.leaf("RequestId", id);
    xml.leaf("HostId", &host_id);
    xml.close("Error");
    with_body("application/xml", xml.finish())
}
