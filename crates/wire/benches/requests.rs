//! What a request costs before and after its handler, on one core: told apart, its signature verified, read, answered.
//! `cargo bench --package stockade-wire`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark may fail as a test does"
)]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::Request;
use http::request::Parts;
use jiff::Timestamp;
use serde_json::{Value, json};
use stockade_model::Secret;
use stockade_wire::sigv4::{self, Credentials, KeyCache};
use stockade_wire::{Object, client, server, table};

fn noon() -> Timestamp {
    "2023-07-10T12:00:00Z".parse().unwrap()
}

fn credentials() -> Credentials {
    Credentials {
        access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        session_token: None,
    }
}

/// A signed request with the headers that boto3 sends.
fn signed(service: &str, operation: &str, input: &Value) -> (Parts, Bytes) {
    let service = table::service(service).unwrap();
    let endpoint = "http://127.0.0.1:4566".parse().unwrap();
    let operation = &service.operations[operation];
    let input = input.as_object().unwrap();
    let mut request: Request<Bytes> =
        client::encode(service, operation, input, None, &endpoint).unwrap();
    let now = noon();
    sigv4::sign(
        &mut request,
        &credentials(),
        "us-east-1",
        &service.signing_name,
        now,
    )
    .unwrap();
    for (name, value) in [
        ("accept-encoding", "identity"),
        (
            "user-agent",
            "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.13 cfg/retry-mode#legacy",
        ),
        (
            "amz-sdk-invocation-id",
            "0f8fad5b-d9cb-469f-a165-70867728950e",
        ),
        ("amz-sdk-request", "attempt=1"),
        ("content-length", "100"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request.into_parts()
}

fn users(count: usize) -> Object {
    let users: Vec<Value> = (0..count)
        .map(|at| {
            json!({
                "Path": "/", "UserName": format!("user-{at:03}"), "UserId": format!("AIDAIOSFODNN7EXAMP{at:03}"),
                "Arn": format!("arn:aws:iam::123456789012:user/user-{at:03}"), "CreateDate": "2023-07-10T11:45:00Z",
            })
        })
        .collect();
    json!({"Users": users, "IsTruncated": false})
        .as_object()
        .unwrap()
        .clone()
}

fn requests(criterion: &mut Criterion) {
    let cache = KeyCache::new();
    let Credentials { secret, .. } = credentials();
    let user =
        json!({"UserName": "anna", "Path": "/team/", "Tags": [{"Key": "team", "Value": "red"}]});
    for (service, operation, input, output) in [
        (
            "sts",
            "GetCallerIdentity",
            json!({}),
            json!({"UserId": "AIDA", "Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/anna"}),
        ),
        (
            "iam",
            "CreateUser",
            user,
            json!({"User": users(1)["Users"][0]}),
        ),
    ] {
        let (parts, body) = signed(service, operation, &input);
        let target = server::identify(&parts, &body).unwrap();
        let claim = sigv4::claim(&parts).unwrap().unwrap();
        let output = output.as_object().unwrap().clone();
        let mut group = criterion.benchmark_group(operation);
        group.bench_function("identify", |bench| {
            bench.iter(|| server::identify(black_box(&parts), &body).unwrap());
        });
        group.bench_function("claim", |bench| {
            bench.iter(|| sigv4::claim(black_box(&parts)).unwrap());
        });
        group.bench_function("verify", |bench| {
            bench.iter(|| {
                cache
                    .verify(&claim, &secret, black_box(&parts), &body, noon())
                    .unwrap()
            });
        });
        group.bench_function("verify with a key that is not kept", |bench| {
            bench
                .iter(|| sigv4::verify(&claim, &secret, black_box(&parts), &body, noon()).unwrap());
        });
        group.bench_function("decode and validate", |bench| {
            bench.iter(|| {
                let decoded = server::decode(&target, black_box(&parts), &body).unwrap();
                server::validate(target.service, target.operation, &decoded.input, false).unwrap();
                decoded
            });
        });
        group.bench_function("encode", |bench| {
            bench.iter(|| server::encode(&target, black_box(&output), None, "request-1"));
        });
        group.bench_function("all", |bench| {
            bench.iter(|| {
                let target = server::identify(black_box(&parts), &body).unwrap();
                let claim = sigv4::claim(&parts).unwrap().unwrap();
                cache
                    .verify(&claim, &secret, &parts, &body, noon())
                    .unwrap();
                let decoded = server::decode(&target, &parts, &body).unwrap();
                server::validate(target.service, target.operation, &decoded.input, false).unwrap();
                server::encode(&target, &output, None, "request-1")
            });
        });
        group.finish();
    }
    let iam = table::service("iam").unwrap();
    let target = server::Target::of(iam, &iam.operations["ListUsers"]);
    let output = users(100);
    criterion.bench_function("ListUsers/encode 100 users", |bench| {
        bench.iter(|| server::encode(&target, black_box(&output), None, "request-1"));
    });
}

/// A table that is read for the first time: unpacked, and its facts taken in.
fn tables(criterion: &mut Criterion) {
    for name in ["sts", "iam", "ec2"] {
        criterion.bench_function(&format!("table/{name}"), |bench| {
            bench.iter(|| table::read_again(black_box(name)).unwrap());
        });
    }
}

criterion_group!(benches, requests, tables);
criterion_main!(benches);
