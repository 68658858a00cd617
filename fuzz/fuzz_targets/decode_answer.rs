//! Any answer to any operation in any protocol: read, or told as an error.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stockade_wire::client;

fuzz_target!(|data: &[u8]| {
    let Some((service, operation, protocol, rest)) = stockade_fuzz::operation(data) else {
        return;
    };
    let Some((status, rest)) = rest.split_first() else {
        return;
    };
    let (head, body) = stockade_fuzz::halves(rest);
    let mut response = http::Response::builder().status(200 + u16::from(*status) * 2);
    for line in String::from_utf8_lossy(head).lines() {
        if let Some((name, value)) = line.split_once(':') {
            response = response.header(name, value);
        }
    }
    let Ok(response) = response.body(()) else {
        return;
    };
    let body = Bytes::copy_from_slice(body);
    let _ = client::decode_in(
        protocol,
        service,
        operation,
        &response.into_parts().0,
        &body,
    );
});
