//! The facts of each service: operations, shapes, wire names, constraints.
//!
//! The tables come from `cargo xtask shapes`; they are in the binary packed and are read when a service is first asked
//! for, so that an unused service costs nothing. Holds facts only: how to
//! read or write them on the wire is the codecs' matter.

use std::collections::BTreeMap;

mod facts;
mod index;
mod load;
mod routes;

pub(crate) use index::{Entry, entries};
pub use index::{read_again, service, services};

/// A wire protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// JSON 1.0 with `X-Amz-Target`.
    Json10,
    /// JSON 1.1 with `X-Amz-Target`.
    Json11,
    /// Form-encoded requests, XML answers.
    Query,
    /// EC2's form of [`Protocol::Query`].
    Ec2,
    /// JSON with HTTP bindings.
    RestJson,
    /// XML with HTTP bindings.
    RestXml,
    /// CBOR under `/service/{name}/operation/{name}`.
    RpcV2Cbor,
}

impl Protocol {
    /// Whether bodies are JSON.
    pub fn is_json(self) -> bool {
        matches!(self, Self::Json10 | Self::Json11 | Self::RestJson)
    }

    /// Whether members are bound to the path, the query and headers.
    pub fn is_rest(self) -> bool {
        matches!(self, Self::RestJson | Self::RestXml)
    }
}

/// One service: its names, its operations, its shapes.
#[derive(Clone, Debug)]
pub struct Service {
    /// The name of its table and of botocore's folder: `iam`, `organizations`, `s3`.
    pub name: String,
    /// The service in a credential scope.
    pub signing_name: String,
    /// The first label of its host name.
    pub endpoint_prefix: String,
    /// AWS's own identifier, such as `Elastic Load Balancing v2`.
    pub service_id: String,
    /// The version of its API: `2010-05-08`.
    pub api_version: String,
    /// The protocol that is used unless the request says otherwise.
    pub protocol: Protocol,
    /// All protocols that the model names and this crate speaks, the primary one among them.
    pub protocols: Vec<Protocol>,
    /// What stands before the dot in `X-Amz-Target`.
    pub target_prefix: Option<String>,
    /// `1.0` or `1.1`, for the JSON protocols.
    pub json_version: Option<String>,
    /// The XML namespace of its answers.
    pub xml_namespace: Option<String>,
    /// Whether it has one endpoint for all regions (IAM, Organizations).
    pub global: bool,
    /// Whether its errors carry `x-amzn-query-error` besides their JSON.
    pub query_compatible: bool,
    /// The operations by name.
    pub operations: BTreeMap<String, Operation>,
    /// The shapes; see [`Service::shape`].
    pub shapes: Vec<Shape>,
    /// What the table was made from: `botocore 1.43.11`.
    pub generated_from: String,
    pub(crate) routes: Vec<Route>,
    pub(crate) errors: Vec<ShapeId>,
}

impl Service {
    /// A shape of this service.
    ///
    /// An id of another service gives whatever shape has that number, or a string.
    pub fn shape(&self, id: ShapeId) -> &Shape {
        self.shapes.get(id.0 as usize).unwrap_or(&UNKNOWN)
    }

    /// A shape by its name in the model.
    pub fn shape_named(&self, name: &str) -> Option<&Shape> {
        let at = self
            .shapes
            .binary_search_by(|shape| shape.name.as_str().cmp(name))
            .ok()?;
        self.shapes.get(at)
    }

    /// The id of one of this service's shapes.
    pub(crate) fn id_of(&self, shape: &Shape) -> Option<ShapeId> {
        let at = self
            .shapes
            .binary_search_by(|known| known.name.cmp(&shape.name))
            .ok()?;
        u32::try_from(at).ok().map(ShapeId)
    }

    /// An error by its shape's name (`NoSuchEntityException`) or by its code on the wire (`NoSuchEntity`).
    pub fn error_named(&self, name: &str) -> Option<&Shape> {
        let named = self.shape_named(name).filter(|shape| shape.error.is_some());
        let coded = |shape: &&Shape| shape.error.as_ref().is_some_and(|error| error.code == name);
        named.or_else(|| self.errors.iter().map(|id| self.shape(*id)).find(coded))
    }
}

static UNKNOWN: Shape = Shape {
    name: String::new(),
    kind: Kind::String { values: Vec::new() },
    min: None,
    max: None,
    pattern: None,
    sensitive: false,
    streaming: false,
    event_stream: false,
    timestamp_format: None,
    wire_name: None,
    xml_namespace: None,
    error: None,
    matcher: std::sync::OnceLock::new(),
};

/// A place in [`Service::shapes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShapeId(pub(crate) u32);

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its name: `CreateUser`.
    pub name: String,
    /// The HTTP method.
    pub method: http::Method,
    /// The template of the request's path and query: `/{Bucket}/{Key+}?uploads`.
    pub uri: String,
    /// The status of a good answer.
    pub response_code: u16,
    /// The shape of the input; none if it takes none.
    pub input: Option<ShapeId>,
    /// The shape of the output; none if it gives none.
    pub output: Option<ShapeId>,
    /// The errors that the model names.
    pub errors: Vec<ShapeId>,
    /// How it pages; none if it does not.
    pub paging: Option<Paging>,
    /// The element around a query answer: `CreateUserResult`.
    pub result_wrapper: Option<String>,
    /// The root element of an XML request, where the model names one.
    pub input_element: Option<String>,
    /// The XML namespace of an XML request.
    pub input_namespace: Option<String>,
    /// Whether the request must carry a checksum.
    pub checksum_required: bool,
    /// Whether it is called without a signature (`sts:AssumeRoleWithWebIdentity`).
    pub unauthenticated: bool,
    /// Whether its body is not signed.
    pub unsigned_payload: bool,
    /// Whether clients may pack its body with gzip.
    pub compressed: bool,
    /// A label that goes before the host name, such as `{AccountId}.`.
    pub host_prefix: Option<String>,
    pub(crate) template: Template,
}

impl Operation {
    /// The element around its answer in the protocol query.
    pub(crate) fn query_result(&self) -> std::borrow::Cow<'_, str> {
        match &self.result_wrapper {
            Some(name) => name.into(),
            None => format!("{}Result", self.name).into(),
        }
    }

    /// Whether its input or its output is a stream of events.
    pub fn has_events(&self, service: &Service) -> bool {
        let events = |id: ShapeId| match &service.shape(id).kind {
            Kind::Structure { members, .. } => members
                .iter()
                .any(|member| service.shape(member.shape).event_stream),
            _ => false,
        };
        self.input.is_some_and(events) || self.output.is_some_and(events)
    }

    /// The members of the query that its template fixes, but the one that only repeats the operation's name.
    pub(crate) fn fixed_query(&self) -> impl Iterator<Item = &(String, Option<String>)> {
        self.template
            .query
            .iter()
            .filter(|(name, _)| name != "x-id")
    }
}

/// How an operation pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// The members of the input that take the token.
    pub input_tokens: Vec<String>,
    /// The paths in the output that give the next token; `||` tells alternatives.
    pub output_tokens: Vec<String>,
    /// The member of the input that limits a page.
    pub limit: Option<String>,
    /// The paths in the output that hold the results.
    pub results: Vec<String>,
    /// The path in the output that tells whether more follows.
    pub more: Option<String>,
}

/// One shape.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its name in the model.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The least length, count or value.
    pub min: Option<f64>,
    /// The greatest length, count or value.
    pub max: Option<f64>,
    /// The regular expression that a whole value matches, in Java's dialect.
    pub pattern: Option<String>,
    /// Whether values must not be shown.
    pub sensitive: bool,
    /// Whether it is sent as bytes beside the members.
    pub streaming: bool,
    /// Whether it is a stream of events (which this crate does not speak).
    pub event_stream: bool,
    /// The format of a timestamp, where it is not the protocol's own.
    pub timestamp_format: Option<TimestampFormat>,
    /// The name of its element where it is the body of a request or answer.
    pub wire_name: Option<String>,
    /// The XML namespace of its element.
    pub xml_namespace: Option<XmlNamespace>,
    /// The facts of an error; none if it is none.
    pub error: Option<ErrorFacts>,
    pub(crate) matcher: std::sync::OnceLock<Option<regex::Regex>>,
}

/// What a shape is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Members by name.
    Structure {
        /// The members, in the model's order.
        members: Vec<Member>,
        /// The member that is the whole body.
        payload: Option<usize>,
        /// Whether exactly one member is set.
        union: bool,
    },
    /// Values of one shape.
    List {
        /// The elements.
        element: Box<Member>,
        /// Whether the elements stand without one around them.
        flattened: bool,
    },
    /// Values by key.
    Map {
        /// The keys.
        key: Box<Member>,
        /// The values.
        value: Box<Member>,
        /// Whether the entries stand without an element around them.
        flattened: bool,
    },
    /// Text.
    String {
        /// The values that it may take; empty if any.
        values: Vec<String>,
    },
    /// Bytes.
    Blob,
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    /// 32 bits, floating.
    Float,
    /// 64 bits, floating.
    Double,
    /// True or false.
    Boolean,
    /// A moment.
    Timestamp,
    /// Any JSON.
    Document,
}

/// One member of a structure, or the elements of a list, or the keys or values of a map.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name in the model; empty for elements.
    pub name: String,
    /// Its shape.
    pub shape: ShapeId,
    /// Where it is in an HTTP message.
    pub location: Location,
    /// The model's `locationName`.
    pub wire_name: Option<String>,
    /// The model's `queryName`: its name in a form, where it differs (EC2, SQS).
    pub query_name: Option<String>,
    /// Whether it must be given.
    pub required: bool,
    /// Whether its list or map is flattened here.
    pub flattened: bool,
    /// Whether it is an attribute of its element.
    pub xml_attribute: bool,
    /// The XML namespace of its element.
    pub xml_namespace: Option<XmlNamespace>,
    /// The format of a timestamp, where it differs from its shape's.
    pub timestamp_format: Option<TimestampFormat>,
    /// Whether it is JSON inside base64 in a header.
    pub json_value: bool,
    /// Whether clients fill it with a random token.
    pub idempotency_token: bool,
    /// Whether it is sent as bytes beside the members.
    pub streaming: bool,
    /// Whether clients put it before the host name too.
    pub host_label: bool,
}

impl Member {
    /// The name on the wire: the model's `locationName`, or the member's own name.
    pub fn wire(&self) -> &str {
        self.wire_name.as_deref().unwrap_or(&self.name)
    }
}

/// Where a member is in an HTTP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the body.
    Body,
    /// In the path.
    Uri,
    /// In the query.
    Query,
    /// One header.
    Header,
    /// All headers with a prefix.
    Headers,
    /// The status of the answer.
    StatusCode,
}

/// The format of a timestamp on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// `2023-07-10T11:45:00Z`
    Iso8601,
    /// Seconds since 1970.
    Unix,
    /// `Mon, 10 Jul 2023 11:45:00 GMT`
    Rfc822,
}

/// A namespace of an XML element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlNamespace {
    /// The prefix, if any.
    pub prefix: Option<String>,
    /// The address that names it.
    pub uri: String,
}

/// What the model tells of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorFacts {
    /// The code on the wire.
    pub code: String,
    /// The HTTP status.
    pub status: u16,
    /// Whether the sender is to blame.
    pub sender: bool,
}

/// A parsed [`Operation::uri`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Template {
    pub(crate) path: Vec<Segment>,
    pub(crate) query: Vec<(String, Option<String>)>,
}

/// One segment of a path's template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(String),
    Label(String),
    Greedy(String),
}

/// One way to an operation, for REST services: sorted so that the most specific comes first.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) operation: String,
    /// The query members that tell it from an operation with the same path.
    pub(crate) needs: Vec<String>,
}
