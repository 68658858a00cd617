//! Every operation of every table, there and back.

use bytes::Bytes;
use serde_json::Value;
use stockade_wire::table::{
    Kind, Location, Member, Operation, Protocol, Service, service, services,
};
use stockade_wire::{client, server};

use crate::make::Maker;

/// Messages an operation and protocol.
const TIMES: u64 = 3;

/// Operations whose requests are another's to the last byte; S3 takes them for the newer ones.
const SUPERSEDED: &[&str] = &[
    "GetBucketLifecycle",
    "PutBucketLifecycle",
    "GetBucketNotification",
    "PutBucketNotification",
    "ListDirectoryBuckets",
];

/// Every operation of every table, in every protocol that its service speaks.
fn every_operation(
    mut check: impl FnMut(&'static Service, &'static Operation, Protocol, &mut Maker),
) {
    for name in services() {
        let service = service(name).unwrap();
        for (at, operation) in service.operations.values().enumerate() {
            if SUPERSEDED.contains(&operation.name.as_str()) || operation.has_events(service) {
                continue;
            }
            for protocol in &service.protocols {
                for time in 0..TIMES {
                    let seed = at as u64 * 1000 + time;
                    check(service, operation, *protocol, &mut Maker::new(seed));
                }
            }
        }
    }
}

#[test]
fn requests_are_read_as_they_were_written() {
    let endpoint = "http://127.0.0.1:4566".parse().unwrap();
    let mut count = 0;
    every_operation(|service, operation, protocol, maker| {
        let what = format!("{}:{} in {protocol:?}", service.name, operation.name);
        let made = operation.input.map(|id| maker.message(service, id));
        let (input, body) = made.unwrap_or_default();
        let body = body.map(Bytes::from);
        let request = client::encode_in(
            protocol,
            service,
            operation,
            &input,
            body.clone(),
            &endpoint,
        )
        .unwrap_or_else(|error| panic!("{what}: {error}\n{input:?}"));
        let mut request = request;
        let keys = stockade_wire::sigv4::Credentials {
            access_key: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: stockade_model::Secret::new("secret"),
            session_token: None,
        };
        let now = "2023-07-10T12:00:00Z".parse().unwrap();
        let scope = &service.signing_name;
        stockade_wire::sigv4::sign(&mut request, &keys, "eu-west-1", scope, now).unwrap();
        let (parts, bytes) = request.into_parts();
        let claim = stockade_wire::sigv4::claim(&parts).unwrap().unwrap();
        stockade_wire::sigv4::verify(&claim, &keys.secret, &parts, &bytes, now)
            .unwrap_or_else(|error| panic!("{what}: {error}"));

        let target = server::identify(&parts, &bytes)
            .unwrap_or_else(|error| panic!("{what}: {error}\n{} {}", parts.method, parts.uri));
        assert_eq!(
            target.operation.name, operation.name,
            "{} {}",
            parts.method, parts.uri
        );
        assert_eq!(
            (&target.service.name, target.protocol),
            (&service.name, protocol)
        );
        let mut read = server::decode(&target, &parts, &bytes)
            .unwrap_or_else(|error| panic!("{what}: {error}\n{input:?}"));
        // The client adds the checksum that S3 wants.
        if !input.contains_key("ContentMD5") && parts.headers.contains_key("content-md5") {
            read.input.remove("ContentMD5");
        }
        same(&what, input, read.input);
        assert_eq!(
            read.body.unwrap_or_default(),
            body.unwrap_or_default(),
            "{what}"
        );
        count += 1;
    });
    assert!(count > 10_000, "{count}");
}

#[test]
fn answers_are_read_as_they_were_written() {
    let mut count = 0;
    every_operation(|service, operation, protocol, maker| {
        let what = format!("{}:{} in {protocol:?}", service.name, operation.name);
        let made = operation.output.map(|id| maker.message(service, id));
        let (output, body) = made.unwrap_or_default();
        let body = body.map(Bytes::from);
        let target = server::Target::speaking(service, operation, protocol);
        let response = server::encode(&target, &output, body.clone(), "request-1");
        assert!(
            response.status().is_success(),
            "{what}: {response:?}\n{output:?}"
        );
        let (parts, bytes) = response.into_parts();
        let mut read = client::decode_in(protocol, service, operation, &parts, &bytes)
            .unwrap_or_else(|error| {
                panic!(
                    "{what}: {error}\n{output:?}\n{}",
                    String::from_utf8_lossy(&bytes)
                )
            });
        // The status is read whether the service set it or not.
        for member in status_members(service, operation) {
            if !output.contains_key(&member.name) {
                read.input.remove(&member.name);
            }
        }
        same(&what, output, read.input);
        assert_eq!(
            read.body.unwrap_or_default(),
            body.unwrap_or_default(),
            "{what}"
        );
        count += 1;
    });
    assert!(count > 10_000, "{count}");
}

#[test]
fn errors_are_read_as_they_were_written() {
    every_operation(|service, operation, protocol, _| {
        for id in &operation.errors {
            let facts = service.shape(*id).error.clone().unwrap();
            let words = "It is <not> \"there\" & é";
            let error = stockade_wire::AwsError::new(facts.status, &facts.code, words)
                .with("Reason", "BECAUSE");
            let (speaking, path) = (Some(protocol), Some("/b/k"));
            let response = server::encode_error(Some(service), speaking, &error, "request-1", path);
            assert_eq!(response.status().as_u16(), facts.status);
            let (parts, bytes) = response.into_parts();
            let read = client::decode_in(protocol, service, operation, &parts, &bytes).unwrap_err();
            let what = format!("{}:{} in {protocol:?}", service.name, operation.name);
            // Where shapes are named on the wire, codes of the query protocol come in a header, if at all.
            let by_shape = !matches!(
                protocol,
                Protocol::Query | Protocol::Ec2 | Protocol::RestXml
            );
            let name = &service.shape(*id).name;
            let code = if by_shape && !service.query_compatible {
                name
            } else {
                &facts.code
            };
            assert_eq!((&read.code, read.message.as_str()), (code, words), "{what}");
            assert_eq!(read.fields["Reason"], "BECAUSE", "{what}");
            assert_eq!(read.request_id.as_deref(), Some("request-1"), "{what}");
        }
    });
}

/// Equal, but that an empty structure may be lost on the way: a form cannot tell it from none.
fn same(what: &str, written: stockade_wire::Object, read: stockade_wire::Object) {
    let (mut written, mut read) = (Value::Object(written), Value::Object(read));
    without_empty(&mut written);
    without_empty(&mut read);
    assert_eq!(written, read, "{what}");
}

fn without_empty(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(without_empty);
            members.retain(|_, value| !value.as_object().is_some_and(serde_json::Map::is_empty));
        }
        Value::Array(items) => {
            items.iter_mut().for_each(without_empty);
            items.retain(|value| !value.as_object().is_some_and(serde_json::Map::is_empty));
        }
        _ => {}
    }
}

fn status_members(service: &'static Service, operation: &Operation) -> Vec<&'static Member> {
    match operation.output.map(|id| &service.shape(id).kind) {
        Some(Kind::Structure { members, .. }) => members
            .iter()
            .filter(|member| member.location == Location::StatusCode)
            .collect(),
        _ => Vec::new(),
    }
}
