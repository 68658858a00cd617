//! The codecs for another program to try: a JSON object a line in, a JSON object a line out.
//!
//! `{"do": "decode", "method", "uri", "headers", "body"}` tells what a request carries; `{"do": "answer", "service",
//! "operation", "protocol", "output", "body"}` and `{"do": "error", "service", "protocol", "code", "message", "status",
//! "fields"}` give an answer. Bodies are base64, protocols go by botocore's names.

use std::error::Error;
use std::io::{self, BufRead, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Map, Value, json};
use stockade_wire::table::{self, Protocol, Service};
use stockade_wire::{AwsError, server};

type Wrong = Box<dyn Error>;

fn main() -> Result<(), Wrong> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let told = told(&asked).unwrap_or_else(|wrong| json!({"wrong": wrong.to_string()}));
        writeln!(out, "{told}")?;
        out.flush()?;
    }
    Ok(())
}

fn told(asked: &Value) -> Result<Value, Wrong> {
    match text(asked, "do") {
        "decode" => decode(asked),
        "answer" => answer(asked),
        "error" => error(asked),
        other => Err(format!("there is no {other:?}").into()),
    }
}

fn text<'a>(asked: &'a Value, name: &str) -> &'a str {
    asked.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn members(asked: &Value, name: &str) -> Map<String, Value> {
    let members = asked.get(name).and_then(Value::as_object);
    members.cloned().unwrap_or_default()
}

fn bytes(asked: &Value, name: &str) -> Result<Bytes, Wrong> {
    Ok(STANDARD.decode(text(asked, name))?.into())
}

fn service(asked: &Value) -> Result<(&'static Service, Protocol), Wrong> {
    let service = table::service(text(asked, "service")).ok_or("no such service")?;
    let protocol = service.protocols.iter().find(|protocol| {
        text(asked, "protocol")
            == match protocol {
                Protocol::Json10 | Protocol::Json11 => "json",
                Protocol::Query => "query",
                Protocol::Ec2 => "ec2",
                Protocol::RestJson => "rest-json",
                Protocol::RestXml => "rest-xml",
                Protocol::RpcV2Cbor => "smithy-rpc-v2-cbor",
            }
    });
    Ok((service, *protocol.ok_or("no such protocol")?))
}

fn refused(error: &AwsError) -> Value {
    json!({"error": {"code": error.code, "message": error.message, "status": error.status, "fields": error.fields}})
}

fn decode(asked: &Value) -> Result<Value, Wrong> {
    let mut request = Request::builder()
        .method(text(asked, "method"))
        .uri(text(asked, "uri"));
    for (name, value) in members(asked, "headers") {
        request = request.header(name, value.as_str().unwrap_or_default().as_bytes());
    }
    let (parts, body) = request.body(bytes(asked, "body")?)?.into_parts();
    let target = match server::identify(&parts, &body) {
        Ok(target) => target,
        Err(unidentified) => return Ok(refused(&unidentified.error)),
    };
    Ok(match server::decode(&target, &parts, &body) {
        Ok(decoded) => json!({
            "service": target.service.name,
            "operation": target.operation.name,
            "input": decoded.input,
            "body": decoded.body.map(|body| STANDARD.encode(body)),
        }),
        Err(error) => refused(&error),
    })
}

fn answer(asked: &Value) -> Result<Value, Wrong> {
    let (service, protocol) = service(asked)?;
    let operation = service.operations.get(text(asked, "operation"));
    let operation = operation.ok_or("no such operation")?;
    let target = server::Target::speaking(service, operation, protocol);
    let body = asked.get("body").filter(|body| !body.is_null());
    let body = body.map(|_| bytes(asked, "body")).transpose()?;
    let output = members(asked, "output");
    Ok(shown(&server::encode(&target, &output, body, "request-1")))
}

fn error(asked: &Value) -> Result<Value, Wrong> {
    let (service, protocol) = service(asked)?;
    let status = asked.get("status").and_then(Value::as_u64).unwrap_or(400);
    let mut error = AwsError::new(
        status.try_into()?,
        text(asked, "code"),
        text(asked, "message"),
    );
    error.fields = members(asked, "fields");
    let answer = server::encode_error(
        Some(service),
        Some(protocol),
        &error,
        "request-1",
        Some("/b"),
    );
    Ok(shown(&answer))
}

fn shown(answer: &Response<Bytes>) -> Value {
    let headers: Map<String, Value> = answer
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value.into())
        })
        .collect();
    json!({"status": answer.status().as_u16(), "headers": headers, "body": STANDARD.encode(answer.body())})
}
