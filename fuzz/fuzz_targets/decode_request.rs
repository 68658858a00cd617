//! Any body for any operation in any protocol: read and held against the model, and what was read can be written and
//! read again.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stockade_wire::{Object, client, server};

fuzz_target!(|data: &[u8]| {
    let Some((service, operation, protocol, rest)) = stockade_fuzz::operation(data) else {
        return;
    };
    let (head, body) = stockade_fuzz::halves(rest);
    let Ok(text) = std::str::from_utf8(head) else {
        return;
    };
    let mut request = http::Request::post("/");
    for line in text.lines() {
        if let Some((name, value)) = line.split_once(':') {
            request = request.header(name, value);
        }
    }
    let Ok(request) = request.body(()) else {
        return;
    };
    let (parts, ()) = request.into_parts();
    let target = server::Target::speaking(service, operation, protocol);
    let body = Bytes::copy_from_slice(body);
    let Ok(decoded) = server::decode(&target, &parts, &body) else {
        return;
    };
    let _ = server::validate(service, operation, &decoded.input, decoded.body.is_some());
    if protocol.is_rest() {
        return;
    }
    let endpoint = "http://127.0.0.1/".parse().unwrap();
    let there_and_back = |input: &Object| -> Object {
        let written = client::encode_in(protocol, service, operation, input, None, &endpoint);
        let (parts, body) = written.expect("what was read fits").into_parts();
        let read = server::decode(&target, &parts, &body);
        read.expect("what was written is read").input
    };
    // Once it may lose what the protocol cannot say (an empty structure in a form); then it stays as it is.
    let once = there_and_back(&decoded.input);
    assert_eq!(once, there_and_back(&once));
});
