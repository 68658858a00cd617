//! Whatever bytes come: an answer or an error, never a panic.

use bytes::Bytes;
use proptest::prelude::*;
use stockade_wire::table::{service, services};
use stockade_wire::{client, server};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let xml = "(<[a-zA-Z:]{1,8}( [a-z]{1,3}=\"[^\"]{0,3}\")?>|</[a-zA-Z:]{1,8}>|&[a-z#0-9]{0,4};|<!\\[CDATA\\[|]]>|<!DOCTYPE a|<\\?|.){0,30}";
    let form = "([A-Z][a-z]{1,6}(\\.(member|entry|[0-9]{1,4}|Key|Value)){0,4}=[^&]{0,5}&){0,10}";
    let json = "[\\[\\]{}\":,a-zA-Z0-9.\\\\-]{0,60}";
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        xml.prop_map(String::into_bytes),
        form.prop_map(String::into_bytes),
        json.prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn any_request(
        method in "GET|PUT|POST|DELETE|HEAD|PATCH|[A-Z]{1,8}",
        target in "/[!-~]{0,60}",
        name in 0usize..services().count(),
        operation in any::<prop::sample::Index>(),
        header in proptest::collection::vec(any::<u8>(), 0..30),
        body in bytes(),
    ) {
        let service = service(services().nth(name).unwrap()).unwrap();
        let Ok(builder) = http::Request::builder().method(method.as_str()).uri(target).body(()) else { return Ok(()) };
        let (mut parts, ()) = builder.into_parts();
        for name in ["host", "content-type", "x-amz-copy-source", "content-length", "expires", "x-amz-meta-a"] {
            if let Ok(value) = http::HeaderValue::from_bytes(&header) {
                parts.headers.insert(name, value);
            }
        }
        let scope = format!("AWS4-HMAC-SHA256 Credential=A/20230710/r/{}/aws4_request", service.signing_name);
        parts.headers.insert("authorization", scope.parse().unwrap());
        let body = Bytes::from(body);
        if let Ok(target) = server::identify(&parts, &body) {
            let _ = server::decode(&target, &parts, &body);
        }
        // And the body for an operation that it was not meant for.
        let names: Vec<_> = service.operations.values().collect();
        let target = server::Target::of(service, names[operation.index(names.len())]);
        if let Ok(decoded) = server::decode(&target, &parts, &body) {
            let _ = server::validate(service, target.operation, &decoded.input, false);
        }
    }

    #[test]
    fn any_answer(
        status in 200u16..600,
        name in 0usize..services().count(),
        operation in any::<prop::sample::Index>(),
        body in bytes(),
    ) {
        let service = service(services().nth(name).unwrap()).unwrap();
        let names: Vec<_> = service.operations.values().collect();
        let response = http::Response::builder().status(status).body(()).unwrap();
        let _ = client::decode(service, names[operation.index(names.len())], &response.into_parts().0, &body.into());
    }
}

#[test]
fn depth_is_bounded() {
    let deep = |open: &str, close: &str| Bytes::from(open.repeat(100_000) + &close.repeat(100_000));
    for (name, operation, body) in [
        ("s3", "PutBucketTagging", deep("<a>", "</a>")),
        ("organizations", "ListAccounts", deep("{\"a\":", "}")),
        ("organizations", "ListAccounts", deep("[", "]")),
    ] {
        let service = service(name).unwrap();
        let target = server::Target::of(service, &service.operations[operation]);
        let parts = http::Request::get("/b?tagging")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        let error = server::decode(&target, &parts, &body).unwrap_err();
        assert!(error.sender_fault(), "{name}: {error}");
    }
}

#[test]
fn a_form_of_many_elements_is_read_in_good_time() {
    let mut form = String::from("Action=TagUser&UserName=a");
    for at in 1..=9000 {
        form += &format!("&Tags.member.{at}.Key=k{at}&Tags.member.{at}.Value=v");
    }
    let service = service("iam").unwrap();
    let target = server::Target::of(service, &service.operations["TagUser"]);
    let parts = http::Request::post("/").body(()).unwrap().into_parts().0;
    let read = server::decode(&target, &parts, &form.into()).unwrap();
    assert_eq!(read.input["Tags"].as_array().unwrap().len(), 9000);
}
