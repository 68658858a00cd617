//! S3's records in the trail, which are like no other service's.
//!
//! Owns the names of S3's events, their request parameters (the query and the `x-amz-` headers by their wire
//! names, and the body as the XML was), their resources and additional data. Writes no record itself.

use serde_json::{Map, Value, json};
use stockade_model::AccountId;
use stockade_policy::Principal;
use stockade_wire::table::{self, Kind, Location, Member, Operation, Service, ShapeId};

use super::access::{header, text};
use super::copy::Source;
use super::names;
use crate::call::{Call, RecordExtras, Reply};
use crate::state::State;

/// Headers that no record shows: secrets, and what only says how the request was sent.
const HIDDEN: [&str; 8] = [
    "x-amz-server-side-encryption-customer-key",
    "x-amz-server-side-encryption-customer-key-MD5",
    "x-amz-copy-source-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key-MD5",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-checksum-mode",
    "x-amz-mfa",
    "x-amz-checksum-algorithm",
];

/// What the record of a call shows, whether it succeeds or not. Asked before the deed: a bucket that is deleted
/// is a resource of its deletion.
pub fn describe(state: &State, call: &Call<'_>) -> RecordExtras {
    let service = table::service("s3");
    let operation = service.and_then(|service| service.operations.get(call.operation));
    let owner = text(call, "Bucket")
        .and_then(|name| state.s3.bucket(name))
        .map(|bucket| &bucket.owner);
    let anonymous = call.caller.principal == Principal::Anonymous;
    RecordExtras {
        event_name: Some(event_name(call.operation).to_owned()),
        request_parameters: match (service, operation) {
            (Some(service), Some(operation)) => Some(request_parameters(service, operation, call)),
            _ => None,
        },
        response_elements: Some(Value::Null),
        additional: Some(Value::Object(additional(call))),
        resources: resources(state, call),
        also_in: owner
            .filter(|owner| anonymous || *owner != call.account())
            .cloned(),
        ..RecordExtras::default()
    }
}

/// The same, once the answer is known.
pub fn conclude(call: &Call<'_>, described: RecordExtras, reply: &Reply) -> RecordExtras {
    let mut additional = additional(call);
    let answered = reply.body.as_ref().map_or(0, bytes::Bytes::len);
    additional.insert("bytesTransferredOut".to_owned(), json!(answered));
    if tells_encryption(call.operation) && reply.output.contains_key("ServerSideEncryption") {
        let chosen = text(call, "ServerSideEncryption").is_some();
        let applied = if chosen { "SSE_S3" } else { "Default_SSE_S3" };
        additional.insert("SSEApplied".to_owned(), json!(applied));
    }
    RecordExtras {
        response_elements: Some(response_elements(call, reply)),
        additional: Some(Value::Object(additional)),
        ..described
    }
}

fn tells_encryption(operation: &str) -> bool {
    matches!(
        operation,
        "PutObject"
            | "CopyObject"
            | "CreateMultipartUpload"
            | "UploadPart"
            | "UploadPartCopy"
            | "GetObject"
            | "HeadObject"
    )
}

fn event_name(operation: &str) -> &str {
    match operation {
        "ListObjectsV2" => "ListObjects",
        "PutPublicAccessBlock" => "PutBucketPublicAccessBlock",
        "GetPublicAccessBlock" => "GetBucketPublicAccessBlock",
        "DeletePublicAccessBlock" => "DeleteBucketPublicAccessBlock",
        "PutBucketLifecycleConfiguration" => "PutBucketLifecycle",
        "GetBucketLifecycleConfiguration" => "GetBucketLifecycle",
        "GetBucketNotificationConfiguration" => "GetBucketNotification",
        "GetBucketAccelerateConfiguration" => "GetAccelerateConfiguration",
        "GetObjectLockConfiguration" => "GetBucketObjectLockConfiguration",
        own => own,
    }
}

fn request_parameters(service: &Service, operation: &Operation, call: &Call<'_>) -> Value {
    let mut out = Map::new();
    // What the path's template says of the query names the sub-resource: `policy`, `list-type=2`.
    if let Some((_, query)) = operation.uri.split_once('?') {
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            out.insert(name.to_owned(), json!(value));
        }
    }
    for member in members(service, operation.input) {
        let Some(value) = call.input.get(&member.name) else {
            continue;
        };
        let wire = member.wire();
        match member.location {
            Location::Uri if member.name == "Bucket" => {
                out.insert("bucketName".to_owned(), value.clone());
            }
            Location::Uri => {
                out.insert(wire.to_ascii_lowercase(), value.clone());
            }
            Location::Query => {
                out.insert(wire.to_owned(), as_text(value));
            }
            Location::Header if wire.starts_with("x-amz-") && shown(wire) => {
                out.insert(wire.to_owned(), as_text(value));
            }
            Location::Body if call.operation == "PutBucketPolicy" => {
                let policy = value
                    .as_str()
                    .and_then(|text| serde_json::from_str(text).ok());
                out.insert(
                    "bucketPolicy".to_owned(),
                    policy.unwrap_or_else(|| value.clone()),
                );
            }
            // The keys of a deletion and the parts of an upload are data, and not shown.
            Location::Body
                if !matches!(call.operation, "DeleteObjects" | "CompleteMultipartUpload") =>
            {
                let mut body = xml(service, member.shape, value);
                if let (Some(body), Some(namespace)) =
                    (body.as_object_mut(), &service.xml_namespace)
                {
                    body.insert("xmlns".to_owned(), json!(namespace));
                }
                out.insert(wire.to_owned(), body);
            }
            _ => {}
        }
    }
    out.insert("Host".to_owned(), json!(call.host));
    Value::Object(out)
}

fn shown(header: &str) -> bool {
    !HIDDEN.contains(&header)
        && (!header.starts_with("x-amz-checksum-") || header == "x-amz-checksum-type")
        && header != "x-amz-confirm-remove-self-bucket-access"
}

fn as_text(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        other => json!(other.to_string()),
    }
}

fn members(service: &Service, shape: Option<ShapeId>) -> &[Member] {
    match shape.map(|shape| &service.shape(shape).kind) {
        Some(Kind::Structure { members, .. }) => members,
        _ => &[],
    }
}

/// A body as the record shows its XML: a list is one value where it has one, and texts that look like numbers
/// or truths are such.
fn xml(service: &Service, shape: ShapeId, value: &Value) -> Value {
    match (&service.shape(shape).kind, value) {
        (Kind::Structure { members, .. }, Value::Object(object)) => {
            let mut out = Map::new();
            for member in members {
                let Some(value) = object.get(&member.name) else {
                    continue;
                };
                let flat = match &service.shape(member.shape).kind {
                    Kind::List { flattened, .. } => *flattened || member.flattened,
                    _ => false,
                };
                let value = xml(service, member.shape, value);
                // A flattened list has no element around it: its own name is that of each entry.
                let value = match (flat, value) {
                    (true, Value::Object(wrapped)) => {
                        wrapped.into_iter().next().map_or(Value::Null, |(_, v)| v)
                    }
                    (_, value) => value,
                };
                out.insert(member.wire().to_owned(), value);
            }
            Value::Object(out)
        }
        (Kind::List { element, .. }, Value::Array(list)) => {
            let mut entries: Vec<Value> = list
                .iter()
                .map(|v| xml(service, element.shape, v))
                .collect();
            let entries = if entries.len() == 1 {
                entries.pop().unwrap_or_default()
            } else {
                Value::Array(entries)
            };
            let name = element.wire_name.as_deref().unwrap_or("member");
            json!({name: entries})
        }
        (_, Value::String(text)) => match text.as_str() {
            "true" => json!(true),
            "false" => json!(false),
            _ => text
                .parse::<i64>()
                .map_or_else(|_| value.clone(), |number| json!(number)),
        },
        _ => value.clone(),
    }
}

fn response_elements(call: &Call<'_>, reply: &Reply) -> Value {
    if matches!(
        call.operation,
        "GetObject" | "HeadObject" | "GetObjectTagging"
    ) {
        return Value::Null;
    }
    let mut out = Map::new();
    for (member, header) in [
        ("ServerSideEncryption", "x-amz-server-side-encryption"),
        ("VersionId", "x-amz-version-id"),
        ("CopySourceVersionId", "x-amz-copy-source-version-id"),
        ("DeleteMarker", "x-amz-delete-marker"),
    ] {
        if let Some(value) = reply.output.get(member) {
            out.insert(header.to_owned(), as_text(value));
        }
    }
    if out.is_empty() {
        Value::Null
    } else {
        Value::Object(out)
    }
}

fn resources(state: &State, call: &Call<'_>) -> Option<Value> {
    let bucket = state.s3.bucket(text(call, "Bucket")?)?;
    // A bucket that was just made is no resource of its making.
    if call.operation == "CreateBucket" {
        return None;
    }
    let of_bucket = |name: &str, owner: &AccountId| json!({"accountId": owner, "type": "AWS::S3::Bucket", "ARN": format!("arn:aws:s3:::{name}")});
    let mut out = Vec::new();
    if let Some(key) = text(call, "Key") {
        let arn = format!("arn:aws:s3:::{}/{key}", bucket.name);
        out.push(json!({"type": "AWS::S3::Object", "ARN": arn}));
    } else if touches_objects(call.operation) {
        let prefix = format!("arn:aws:s3:::{}/", bucket.name);
        out.push(json!({"type": "AWS::S3::Object", "ARNPrefix": prefix}));
    }
    out.push(of_bucket(&bucket.name, &bucket.owner));
    if let Some(Ok(source)) = text(call, "CopySource").map(Source::read) {
        let arn = format!("arn:aws:s3:::{}/{}", source.bucket, source.key);
        out.push(json!({"type": "AWS::S3::Object", "ARN": arn}));
        if let Some(from) = state.s3.bucket(&source.bucket) {
            out.push(of_bucket(&from.name, &from.owner));
        }
    }
    Some(Value::Array(out))
}

fn touches_objects(operation: &str) -> bool {
    matches!(
        operation,
        "ListObjects"
            | "ListObjectsV2"
            | "ListObjectVersions"
            | "ListMultipartUploads"
            | "DeleteObjects"
    )
}

fn additional(call: &Call<'_>) -> Map<String, Value> {
    let mut out = Map::new();
    let sent = header(call.headers, "x-amz-decoded-content-length")
        .or_else(|| header(call.headers, "content-length"))
        .and_then(|length| length.parse::<u64>().ok());
    if call.caller.principal != Principal::Anonymous {
        out.insert("SignatureVersion".to_owned(), json!("SigV4"));
        let method = if call.presigned {
            "QueryString"
        } else {
            "AuthHeader"
        };
        out.insert("AuthenticationMethod".to_owned(), json!(method));
    }
    out.insert(
        "bytesTransferredIn".to_owned(),
        json!(sent.unwrap_or_default()),
    );
    out.insert("bytesTransferredOut".to_owned(), json!(0));
    out.insert(
        "x-amz-id-2".to_owned(),
        json!(names::extended_request_id(call.request_id)),
    );
    out
}
