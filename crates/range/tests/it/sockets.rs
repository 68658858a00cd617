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
    let mut request = cloud.request("sts", "GetCallerIdentity", json!({}));
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

/// Sends raw text, closes this end's half, and reads all that comes back.
async fn exchange(cloud: &Cloud, text: &[u8]) -> String {
    let mut stream = TcpStream::connect(cloud.range.address()).await.unwrap();
    stream.write_all(text).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

const HEALTH: &str = "GET /_stockade/health HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_turn_though_the_client_says_no_more() {
    let cloud = Cloud::start().await;
    let answer = exchange(&cloud, HEALTH.repeat(20).as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 20, "{answer}");
}

#[tokio::test]
async fn an_old_client_is_answered_and_its_connection_closed() {
    let cloud = Cloud::start().await;
    let mut stream = TcpStream::connect(cloud.range.address()).await.unwrap();
    stream
        .write_all(b"GET /_stockade/health HTTP/1.0\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 OK"), "{answer}");
}

#[tokio::test]
async fn who_asks_whether_to_go_on_is_told_so() {
    let cloud = Cloud::start().await;
    let mut stream = TcpStream::connect(cloud.range.address()).await.unwrap();
    stream
        .write_all(b"POST /_stockade/clock HTTP/1.1\r\nhost: localhost\r\ncontent-length: 17\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 25];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(br#"{"advance":"30m"}"#).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_too_large_and_a_body_that_breaks_off_are_told_so() {
    let cloud = Cloud::start().await;
    let head = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "x".repeat(600_000)
    );
    let answer = exchange(&cloud, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many = format!(
        "GET / HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "x: y\r\n".repeat(500)
    );
    let answer = exchange(&cloud, many.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let torn = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nAction=";
    let answer = exchange(&cloud, torn).await;
    assert!(answer.contains("<Code>IncompleteBody</Code>"), "{answer}");
    let huge = b"PUT /b/k HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000000\r\nexpect: 100-continue\r\n\r\n";
    let answer = exchange(&cloud, huge).await;
    assert!(answer.contains("<Code>EntityTooLarge</Code>"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_comes_whole_however_it_is_cut() {
    let cloud = Cloud::start().await;
    cloud.admin_call("s3", "CreateBucket", json!({"Bucket": "large"}));
    let body = "0123456789abcdef".repeat(100_000);
    let mut request = cloud.request(
        "s3",
        "PutObject",
        json!({"Bucket": "large", "Key": "k", "Body": body}),
    );
    cloud.sign(&mut request, &cloud.admin(), "s3", "us-east-1");
    let (parts, _) = request.into_parts();
    let mut head = format!("PUT {} HTTP/1.1\r\nconnection: close\r\n", parts.uri.path());
    for (name, value) in &parts.headers {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    if !parts.headers.contains_key("host") {
        head += &format!("host: {}\r\n", cloud.range.address());
    }
    if !parts.headers.contains_key("content-length") {
        head += &format!("content-length: {}\r\n", body.len());
    }
    let mut stream = TcpStream::connect(cloud.range.address()).await.unwrap();
    stream
        .write_all(format!("{head}\r\n").as_bytes())
        .await
        .unwrap();
    for piece in body.as_bytes().chunks(70_001) {
        stream.write_all(piece).await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let stored = cloud.admin_call("s3", "GetObject", json!({"Bucket": "large", "Key": "k"}));
    assert_eq!(stored["Body"], hex::encode(body));
}

#[tokio::test]
async fn a_stop_lets_those_finish_who_have_begun_and_waits_for_nobody_who_is_idle() {
    let cloud = Cloud::start().await;
    let address = cloud.range.address();
    let silent = TcpStream::connect(address).await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(HEALTH.as_bytes()).await.unwrap();
    let mut some = [0; 16];
    idle.read_exact(&mut some).await.unwrap();
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(
        b"POST /_stockade/clock HTTP/1.1\r\nhost: localhost\r\ncontent-length: 17\r\n\r\n{\"adv",
    )
    .await
    .unwrap();
    // The head is read before the stop begins.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let stopping = tokio::spawn(cloud.range.stop());
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody else is taken"
    );
    busy.write_all(br#"ance":"30m"}"#).await.unwrap();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    stopping.await.unwrap();
    drop((silent, idle));
}
