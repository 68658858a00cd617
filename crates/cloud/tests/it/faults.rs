//! Each fault, what is tried again, and what is said.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stockade_cloud::{Client, CloudError, Config, Credentials, NotReached, Patience};
use stockade_model::{Region, Secret, SystemClock};

use crate::server::{Deed, Server, error, identity, xml};

const SECRET: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";

fn client_of(url: &str) -> Client {
    let credentials = Credentials {
        access_key: "AKIDEXAMPLE".into(),
        secret: Secret::new(SECRET),
        session_token: None,
    };
    let config = Config {
        endpoint: Some(url.parse().unwrap()),
        source_ip: Some("203.0.113.7".into()),
        ..Config::new(Region::us_east_1(), credentials, Arc::new(SystemClock))
    };
    let patience = Patience {
        connect: Duration::from_millis(500),
        request: Duration::from_millis(700),
        attempts: 3,
        pause: Duration::from_millis(2),
    };
    Client::patient(config, patience).unwrap()
}

struct Outcome {
    result: Result<(), CloudError>,
    requests: Vec<String>,
}

impl Outcome {
    /// The error's text, which never holds the secret.
    fn says(&self) -> String {
        let error = self.result.as_ref().unwrap_err();
        assert!(!format!("{error} {error:?}").contains(SECRET));
        error.to_string()
    }

    fn unknown(&self) -> bool {
        self.result.as_ref().unwrap_err().outcome_unknown()
    }
}

/// A read: `sts:GetCallerIdentity`.
async fn read(script: Vec<Deed>) -> Outcome {
    let server = Server::play(script).await;
    let result = client_of(&server.url()).caller_identity().await.map(|_| ());
    Outcome {
        result,
        requests: server.requests(),
    }
}

async fn write(operation: &str, input: serde_json::Value, script: Vec<Deed>) -> Outcome {
    let server = Server::play(script).await;
    let result = client_of(&server.url())
        .call("iam", operation, input)
        .await
        .map(|_| ());
    Outcome {
        result,
        requests: server.requests(),
    }
}

/// A write that must not be done twice.
async fn create(script: Vec<Deed>) -> Outcome {
    write("CreateAccessKey", json!({"UserName": "anna"}), script).await
}

/// A write that twice is as good as once.
async fn put(script: Vec<Deed>) -> Outcome {
    let input = json!({"UserName": "anna", "PolicyName": "deny", "PolicyDocument": "{}"});
    write("PutUserPolicy", input, script).await
}

fn put_done() -> Deed {
    xml(
        200,
        "<PutUserPolicyResponse><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PutUserPolicyResponse>",
    )
}

#[tokio::test]
async fn a_good_answer() {
    let server = Server::play(vec![identity()]).await;
    let who = client_of(&server.url()).caller_identity().await.unwrap();
    assert_eq!(who.account, "111122223333");
    assert_eq!(who.arn, "arn:aws:iam::111122223333:user/anna");
    let request = server.requests()[0].to_lowercase();
    for expected in [
        "authorization: aws4-hmac-sha256 credential=akidexample/",
        "user-agent: stockade/",
        "x-stockade-source-ip: 203.0.113.7",
        "action=getcalleridentity",
    ] {
        assert!(request.contains(expected), "{expected}: {request}");
    }
    assert!(!request.contains(&SECRET.to_lowercase()));
}

#[tokio::test]
async fn a_read_survives_a_passing_fault() {
    for fault in [
        error(503, "ServiceUnavailable", "later"),
        error(500, "InternalFailure", "oops"),
        error(400, "Throttling", "slow down"),
        Deed::Answer(502, "text/html", "<html>bad gateway</html>".into()),
        Deed::Drop,
        Deed::Torn,
        Deed::Hang,
    ] {
        let outcome = read(vec![fault, identity()]).await;
        assert!(outcome.result.is_ok(), "{:?}", outcome.result);
        assert_eq!(outcome.requests.len(), 2);
    }
}

#[tokio::test]
async fn a_read_gives_up_in_the_end() {
    let outcome = read(vec![error(503, "ServiceUnavailable", "later")]).await;
    assert_eq!(outcome.requests.len(), 3);
    assert!(outcome.says().contains("ServiceUnavailable: later"));
    assert!(!outcome.unknown());
}

#[tokio::test]
async fn a_write_is_not_sent_twice_where_it_may_have_been_done() {
    for fault in [
        Deed::Drop,
        Deed::Torn,
        Deed::Hang,
        error(500, "ServiceFailure", "oops"),
        Deed::Answer(502, "text/html", "<html>bad gateway</html>".into()),
        Deed::Garbage,
    ] {
        let outcome = create(vec![fault]).await;
        assert_eq!(outcome.requests.len(), 1, "{}", outcome.says());
        assert!(outcome.unknown(), "{}", outcome.says());
        assert!(
            outcome.says().contains("not known whether"),
            "{}",
            outcome.says()
        );
    }
}

#[tokio::test]
async fn a_write_that_was_turned_away_is_sent_again() {
    let outcome = create(vec![error(400, "Throttling", "Rate exceeded")]).await;
    assert_eq!(outcome.requests.len(), 3);
    assert!(!outcome.unknown());
}

#[tokio::test]
async fn a_write_that_may_be_repeated_is_sent_again() {
    for fault in [Deed::Drop, error(500, "ServiceFailure", "oops")] {
        let outcome = put(vec![fault, put_done()]).await;
        assert!(outcome.result.is_ok(), "{:?}", outcome.result);
        assert_eq!(outcome.requests.len(), 2);
    }
    let outcome = put(vec![Deed::Drop]).await;
    assert_eq!(outcome.requests.len(), 3);
    assert!(outcome.unknown());
}

#[tokio::test]
async fn a_refusal_is_final_and_known() {
    let outcome = create(vec![error(403, "AccessDenied", "no")]).await;
    let refused = outcome.result.as_ref().unwrap_err();
    assert!(refused.is_denied() && !refused.is_not_found() && !outcome.unknown());
    assert_eq!(outcome.requests.len(), 1);
    let outcome = create(vec![error(404, "NoSuchEntity", "no anna")]).await;
    assert!(outcome.result.as_ref().unwrap_err().is_not_found());
    let outcome = create(vec![error(501, "NotImplemented", "not here")]).await;
    assert!(outcome.result.as_ref().unwrap_err().is_not_implemented() && !outcome.unknown());
    let outcome = read(vec![error(403, "InvalidClientTokenId", "bad token")]).await;
    assert!(
        outcome.says().contains("check the profile"),
        "{}",
        outcome.says()
    );
}

#[tokio::test]
async fn clocks_that_differ() {
    let message = "Signature expired: 20240506T000000Z is now earlier than 20240506T114500Z";
    let outcome = read(vec![error(403, "SignatureDoesNotMatch", message)]).await;
    let says = outcome.says();
    assert!(
        says.contains("set this machine's clock") && says.contains("Mon, 06 May 2024 12:00:00 GMT"),
        "{says}"
    );
}

#[tokio::test]
async fn somebody_who_is_not_aws() {
    for (deed, expected) in [
        (
            Deed::Answer(200, "text/html", "<html>hello</html>".into()),
            "a web page",
        ),
        (
            Deed::Answer(404, "text/html; charset=utf-8", "<!DOCTYPE html>".into()),
            "a web page",
        ),
        (Deed::Answer(200, "text/plain", "OK".into()), "is not AWS"),
        (
            Deed::Answer(301, "text/plain", String::new()),
            "sends us on",
        ),
    ] {
        let outcome = read(vec![deed]).await;
        let says = outcome.says();
        assert!(
            says.contains("is not AWS") && says.contains(expected) && says.contains("127.0.0.1"),
            "{says}"
        );
    }
}

#[tokio::test]
async fn an_emulator_that_calls_everything_html() {
    let answer = |status, body: &str| Deed::Answer(status, "text/html; charset=utf-8", body.into());
    let server = Server::play(vec![
        answer(200, r#"{"Organization": {"Id": "o-exampleorgid"}}"#),
        answer(404, ""),
    ])
    .await;
    let client = client_of(&server.url());
    let organization = client
        .call("organizations", "DescribeOrganization", json!({}))
        .await
        .unwrap();
    assert_eq!(organization["Organization"]["Id"], "o-exampleorgid");
    let problem = client
        .call("s3", "HeadBucket", json!({"Bucket": "no-such-bucket"}))
        .await
        .unwrap_err();
    assert!(problem.is_not_found(), "{problem:?}");
}

#[tokio::test]
async fn nobody_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for (url, reason) in [
        (format!("http://127.0.0.1:{port}"), NotReached::Refused),
        ("http://no-such-host.invalid:1".to_owned(), NotReached::Name),
    ] {
        let result = client_of(&url)
            .call("iam", "CreateAccessKey", json!({"UserName": "anna"}))
            .await;
        let problem = result.unwrap_err();
        assert!(
            matches!(&problem, CloudError::NotReached { why, .. } if *why == reason),
            "{problem:?}"
        );
        assert!(!problem.outcome_unknown());
        assert!(problem.to_string().starts_with(&url), "{problem}");
    }
}

#[tokio::test]
async fn a_plain_server_behind_an_https_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let problem = client_of(&url).caller_identity().await.unwrap_err();
    assert!(
        matches!(
            &problem,
            CloudError::NotReached {
                why: NotReached::NotTls,
                ..
            }
        ),
        "{problem:?}"
    );
    assert!(problem.to_string().contains("try http://"), "{problem}");
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let page = |users: &str, more: &str| {
        xml(
            200,
            &format!(
                "<ListUsersResponse><ListUsersResult><Users>{users}</Users>{more}</ListUsersResult></ListUsersResponse>"
            ),
        )
    };
    let user = |name: &str| {
        format!(
            "<member><UserName>{name}</UserName><Path>/</Path><UserId>AIDAAAAAAAAAAAAAAAAA</UserId><Arn>arn:aws:iam::111122223333:user/{name}</Arn><CreateDate>2024-01-01T00:00:00Z</CreateDate></member>"
        )
    };
    let truncated = "<IsTruncated>true</IsTruncated><Marker>m</Marker>";
    let server = Server::play(vec![
        page(&user("a"), truncated),
        error(500, "ServiceFailure", "oops"),
        page(&user("b"), "<IsTruncated>false</IsTruncated>"),
    ])
    .await;
    let users = client_of(&server.url())
        .pages("iam", "ListUsers", json!({}), "Users")
        .await
        .unwrap();
    let names: Vec<_> = users
        .iter()
        .map(|user| user["UserName"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert!(server.requests()[2].contains("Marker=m"));

    let server = Server::play(vec![page(&user("a"), truncated)]).await;
    let circle = client_of(&server.url())
        .pages("iam", "ListUsers", json!({}), "Users")
        .await
        .unwrap_err();
    assert!(circle.to_string().contains("same page again"), "{circle}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_role_is_taken() {
    let taken = xml(
        200,
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAEXAMPLEEXAMPLE01</AccessKeyId><SecretAccessKey>other</SecretAccessKey><SessionToken>tok</SessionToken><Expiration>2024-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
    );
    let server = Server::play(vec![taken, identity()]).await;
    let session = client_of(&server.url())
        .assume_role("arn:aws:iam::111122223333:role/responder", "stockade")
        .await
        .unwrap();
    session.caller_identity().await.unwrap();
    let second = server.requests()[1].to_lowercase();
    assert!(
        second.contains("asiaexampleexample01") && second.contains("x-amz-security-token: tok")
    );
    assert!(!format!("{session:?}").contains("tok"));
}

#[tokio::test]
async fn what_does_not_fit_is_not_sent() {
    let server = Server::play(vec![identity()]).await;
    let client = client_of(&server.url());
    for (service, operation, input) in [
        ("iam", "CreateUsr", json!({})),
        ("aim", "CreateUser", json!({})),
        ("iam", "CreateUser", json!({"UserNme": "x"})),
        ("iam", "CreateUser", json!([1])),
    ] {
        let problem = client.call(service, operation, input).await.unwrap_err();
        assert!(!problem.outcome_unknown(), "{problem}");
    }
    assert!(server.requests().is_empty());
}
