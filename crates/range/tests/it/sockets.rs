//! The range over TCP: real connections, the control calls, the stop.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cloud::Cloud;

/// Sends raw text and reads until the other end closes.
async fn send(cloud: &Cloud, text: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(cloud.range.address()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (status, body)
}

async fn control(cloud: &Cloud, method: &str, path: &str, body: &str, more: &str) -> (u16, Value) {
    let text = format!(
        "{method} /_stockade/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n{more}\r\n{body}",
        body.len()
    );
    let (status, body) = send(cloud, &text).await;
    (status, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn a_signed_request_over_a_socket_is_answered() {
    let cloud = Cloud::start().await;
    let mut request = cloud.request("sts", "GetCallerIdentity", json!({}), "us-east-1");
    cloud.sign(&mut request, &cloud.admin(), "sts", "us-east-1");
    let (parts, body) = request.into_parts();
    let mut text = format!(
        "{} {} HTTP/1.1\r\nconnection: close\r\n",
        parts.method,
        parts.uri.path()
    );
    if !parts.headers.contains_key("host") {
        text += &format!("host: {}\r\n", cloud.range.address());
    }
    if !parts.headers.contains_key("content-length") {
        text += &format!("content-length: {}\r\n", body.len());
    }
    for (name, value) in &parts.headers {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    text += "\r\n";
    text += std::str::from_utf8(&body).unwrap();
    let (status, body) = send(&cloud, &text).await;
    assert_eq!(status, 200, "{body}");
    assert!(
        body.contains("<Arn>arn:aws:iam::123456789012:user/admin</Arn>"),
        "{body}"
    );
}

#[tokio::test]
async fn the_clock_is_read_and_advanced() {
    let cloud = Cloud::start().await;
    assert_eq!(control(&cloud, "GET", "health", "", "").await.0, 200);
    let (_, shown) = control(&cloud, "GET", "clock", "", "").await;
    assert_eq!(shown["now"], "2026-03-02T08:00:00Z");
    let (status, shown) = control(&cloud, "POST", "clock", r#"{"advance":"30m"}"#, "").await;
    assert_eq!(
        (status, &shown["now"]),
        (200, &json!("2026-03-02T08:30:00Z"))
    );
    for bad in ["", "{}", r#"{"advance":"-1h"}"#, r#"{"advance":"soon"}"#] {
        assert_eq!(
            control(&cloud, "POST", "clock", bad, "").await.0,
            400,
            "{bad}"
        );
    }
    let (status, _) = control(
        &cloud,
        "POST",
        "clock",
        r#"{"advance":"30m"}"#,
        "origin: http://evil.example\r\n",
    )
    .await;
    assert_eq!(status, 403, "a web page must not move the clock");
    assert_eq!(control(&cloud, "GET", "nothing", "", "").await.0, 404);
}

#[tokio::test]
async fn reset_gives_an_empty_cloud_with_the_same_administrator() {
    let cloud = Cloud::start().await;
    cloud.admin_call("iam", "CreateUser", json!({"UserName": "anna"}));
    assert_eq!(control(&cloud, "POST", "reset", "", "").await.0, 200);
    assert!(
        cloud
            .call(
                &cloud.admin(),
                "iam",
                "GetUser",
                json!({"UserName": "anna"})
            )
            .is_err()
    );
    assert!(
        cloud
            .call(
                &cloud.admin(),
                "iam",
                "GetUser",
                json!({"UserName": "admin"})
            )
            .is_ok()
    );
}

#[tokio::test]
async fn rubbish_is_answered_and_harms_nobody() {
    let cloud = Cloud::start().await;
    for text in [
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 11\r\n\r\nAction=%ff%0",
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: AWS4-HMAC-SHA256 nonsense\r\ncontent-length: 0\r\n\r\n",
        "PUT /%2e%2e/%00 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    ] {
        let (status, body) = send(&cloud, text).await;
        assert!((400..500).contains(&status), "{text:?}: {status} {body}");
    }
    assert!(
        cloud
            .call(&cloud.admin(), "sts", "GetCallerIdentity", json!({}))
            .is_ok()
    );
}

#[tokio::test]
async fn a_stopped_range_takes_no_more_connections() {
    let cloud = Cloud::start().await;
    let address = cloud.range.address();
    cloud.range.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_copy_goes_its_own_way() {
    let cloud = Cloud::start().await;
    cloud.admin_call("iam", "CreateUser", json!({"UserName": "anna"}));
    let copy = Cloud {
        range: cloud.range.copy().await.unwrap(),
    };
    copy.admin_call("iam", "DeleteUser", json!({"UserName": "anna"}));
    assert!(
        cloud
            .call(
                &cloud.admin(),
                "iam",
                "GetUser",
                json!({"UserName": "anna"})
            )
            .is_ok()
    );
}
