//! Any chunked body: taken out of its framing, or refused.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stockade_wire::sigv4;

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let stated = match kind % 3 {
        0 => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        1 => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        _ => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    };
    let (head, body) = stockade_fuzz::halves(rest);
    let mut request = http::Request::put("/b/k").header("x-amz-content-sha256", stated);
    for (name, value) in ["x-amz-trailer", "x-amz-decoded-content-length"]
        .iter()
        .zip(String::from_utf8_lossy(head).lines())
    {
        request = request.header(*name, value);
    }
    let Ok(request) = request.body(()) else {
        return;
    };
    let body = Bytes::copy_from_slice(body);
    if let Ok(whole) = sigv4::unchunk(None, &request.into_parts().0, &body) {
        assert!(whole.len() < body.len());
    }
});
