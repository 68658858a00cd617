//! From bytes to what the targets need: a message's head and body, an operation.

use bytes::Bytes;
use http::request::Parts;
use stockade_wire::table::{self, Operation, Protocol, Service};

/// A request: a line with its method and address, lines of headers, an empty line, the body.
pub fn request(data: &[u8]) -> Option<(Parts, Bytes)> {
    let (head, body) = halves(data);
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, uri) = first.split_once(' ')?;
    let mut request = http::Request::builder().method(method).uri(uri);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        request = request.header(name, value.get(1..)?.trim_ascii());
    }
    let (parts, ()) = request.body(()).ok()?.into_parts();
    Some((parts, Bytes::copy_from_slice(body)))
}

/// What is before an empty line, and what is after it.
pub fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n");
    match end {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &[]),
    }
}

/// An operation and a protocol that its service speaks, by three bytes; and the rest.
pub fn operation(data: &[u8]) -> Option<(&'static Service, &'static Operation, Protocol, &[u8])> {
    let ([service, operation, protocol], rest) = data.split_first_chunk()?;
    let names: Vec<&str> = table::services().collect();
    let service = table::service(names[usize::from(*service) % names.len()])?;
    let at = usize::from(*operation) % service.operations.len();
    let operation = service.operations.values().nth(at)?;
    let protocol = service.protocols[usize::from(*protocol) % service.protocols.len()];
    Some((service, operation, protocol, rest))
}
