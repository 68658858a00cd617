//! Every kind of log, told by its content and read into the fields that AWS documents.

use proptest::prelude::*;
use serde_json::{Value, json};
use stockade_ingest::{Summary, read_source};
use stockade_model::{Event, LogKind};

fn read(bytes: &[u8]) -> (Vec<Event>, Summary) {
    let mut events = Vec::new();
    let mut summary = Summary::default();
    read_source("log", bytes, &mut |event| events.push(event), &mut summary);
    (events, summary)
}

/// The one event of a text that holds nothing else.
fn one(text: &str) -> Event {
    let (events, summary) = read(text.as_bytes());
    assert!(summary.is_complete(), "{text}: {:?}", summary.skipped);
    let [event] = events.as_slice() else {
        panic!("{text}: {} events", events.len())
    };
    event.clone()
}

const FLOW: &str = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
const S3: &str = r#"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be awsexamplebucket1 [06/Feb/2019:00:00:38 +0000] 192.0.2.3 arn:aws:iam::123456789012:user/anna 3E57427F3EXAMPLE REST.GET.OBJECT photos/a%20b.jpg "GET /awsexamplebucket1/photos/a%20b.jpg HTTP/1.1" 403 AccessDenied 113 - 7 - "-" "S3Console/0.4 (5"disk)" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader awsexamplebucket1.s3.us-west-1.amazonaws.com TLSV1.2 - -"#;
const ALB: &str = r#"https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_123456"#;
const NLB: &str = "tls 2.0 2018-12-20T02:59:40 net/network-loadbalancer/c6e77e28c25b2234 g3d4b5e8bb8464cd 72.21.218.154:51341 172.100.100.185:443 5 2 98 246 - arn:aws:acm:us-east-2:671290407336:certificate/2a108f19-aded-46b0-8493-c63eb1ef4a99 - ECDHE-RSA-AES128-SHA tlsv12 - my-network-loadbalancer-c6e77e28c25b2234.elb.us-east-2.amazonaws.com - - - 2018-12-20T02:59:30";
const CLB: &str = r#"2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -"#;

fn dns() -> Value {
    json!({"version": "1.100000", "account_id": "111122223333", "region": "us-east-1", "vpc_id": "vpc-1",
        "query_timestamp": "2026-02-01T10:00:00Z", "query_name": "xmr.pool.example.", "query_type": "A", "query_class": "IN",
        "rcode": "NOERROR", "answers": [{"Rdata": "198.51.100.7", "Type": "A", "Class": "IN"}],
        "srcaddr": "10.0.0.5", "srcport": "41000", "transport": "UDP", "srcids": {"instance": "i-0abc"}})
}

fn waf() -> Value {
    json!({"timestamp": 1_576_280_412_771_u64, "formatVersion": 1, "webaclId": "arn:aws:wafv2:x", "terminatingRuleId": "r",
        "action": "BLOCK", "httpSourceName": "ALB", "httpRequest": {"clientIp": "192.0.2.44", "country": "AU", "uri": "/x",
        "httpMethod": "GET", "requestId": "rid", "headers": []}})
}

fn guardduty() -> Value {
    json!({"schemaVersion": "2.0", "accountId": "111122223333", "region": "eu-west-1", "id": "f1", "type": "Recon:EC2/Portscan",
        "severity": 5, "updatedAt": "2026-02-01T10:00:00.000Z", "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": "i-0abc"}},
        "service": {"serviceName": "guardduty", "eventLastSeen": "2026-02-01T09:59:00.000Z"}})
}

fn security_hub() -> Value {
    json!({"SchemaVersion": "2018-10-08", "Id": "arn:aws:securityhub:x/1", "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/x",
        "GeneratorId": "aws-foundational/v/1.0.0/S3.1", "AwsAccountId": "111122223333", "Region": "eu-west-1",
        "UpdatedAt": "2026-02-01T10:00:00Z", "CreatedAt": "2026-02-01T10:00:00Z"})
}

fn call() -> Value {
    json!({"eventVersion": "1.08", "eventTime": "2026-01-01T00:00:00Z", "eventName": "CreateUser",
        "eventSource": "iam.amazonaws.com", "eventID": "e1"})
}

#[test]
fn each_kind_is_told_by_its_content() {
    for (text, kind, time, address) in [
        (
            FLOW.to_owned(),
            LogKind::VpcFlow,
            "2014-12-14T04:06:50Z",
            Some("172.31.16.139"),
        ),
        (
            S3.to_owned(),
            LogKind::S3Access,
            "2019-02-06T00:00:38Z",
            Some("192.0.2.3"),
        ),
        (
            ALB.to_owned(),
            LogKind::AlbAccess,
            "2018-07-02T22:23:00.186641Z",
            Some("192.168.131.39"),
        ),
        (
            NLB.to_owned(),
            LogKind::NlbAccess,
            "2018-12-20T02:59:40Z",
            Some("72.21.218.154"),
        ),
        (
            CLB.to_owned(),
            LogKind::ClbAccess,
            "2015-05-13T23:39:43.945958Z",
            Some("192.168.131.39"),
        ),
        (
            dns().to_string(),
            LogKind::ResolverQuery,
            "2026-02-01T10:00:00Z",
            Some("10.0.0.5"),
        ),
        (
            waf().to_string(),
            LogKind::Waf,
            "2019-12-13T23:40:12.771Z",
            Some("192.0.2.44"),
        ),
        (
            guardduty().to_string(),
            LogKind::GuardDuty,
            "2026-02-01T09:59:00Z",
            None,
        ),
        (
            security_hub().to_string(),
            LogKind::SecurityHub,
            "2026-02-01T10:00:00Z",
            None,
        ),
        (
            call().to_string(),
            LogKind::CloudTrail,
            "2026-01-01T00:00:00Z",
            None,
        ),
    ] {
        for text in [text.clone(), format!("{text}\n"), format!("\n{text}\r\n")] {
            let event = one(&text);
            assert_eq!(event.kind(), kind, "{text}");
            assert_eq!(event.time().to_string(), time, "{text}");
            assert_eq!(event.source_address(), address, "{text}");
            assert!(
                !event.name().is_empty() && !event.principal().is_empty(),
                "{text}"
            );
        }
    }
}

#[test]
fn fields_have_the_names_that_aws_documents() {
    let event = one(FLOW);
    assert_eq!(event.record()["dstport"], 22);
    assert_eq!(event.record()["account-id"], "123456789010");
    assert_eq!(event.name(), "ACCEPT");
    let event = one(S3);
    assert_eq!(event.record()["key"], "photos/a%20b.jpg");
    assert_eq!(event.record()["http_status"], 403);
    assert_eq!(event.record()["user_agent"], "S3Console/0.4 (5\"disk)");
    assert_eq!(event.error_code(), Some("AccessDenied"));
    assert_eq!(event.record().get("version_id"), None);
    let event = one(ALB);
    assert_eq!(event.record()["request_verb"], "GET");
    assert_eq!(event.record()["client_port"], 2817);
    assert_eq!(event.record()["actions_executed"], "authenticate,forward");
    assert_eq!(one(NLB).record()["destination_port"], 443);
}

#[test]
fn a_header_names_the_columns_of_flow_logs() {
    let text = "version account-id action srcaddr dstaddr pkt-srcaddr flow-direction tcp-flags start end resource-id\n\
        7 111122223333 REJECT 10.0.0.1 10.0.0.2 192.0.2.1 ingress 2 1700000000 1700000060 -\n\
        7 111122223333 ACCEPT 10.0.0.1\n\
        7 111122223333 ACCEPT 10.0.0.3 10.0.0.2 - egress 18 1700000000 1700000060 r\n";
    let (events, summary) = read(text.as_bytes());
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].record()["flow-direction"], "ingress");
    assert_eq!(events[0].record()["tcp-flags"], 2);
    assert_eq!(events[0].record().get("resource-id"), None);
    assert_eq!(summary.skipped_count, 1);
    assert!(
        summary.skipped[0].to_string().contains("line 3"),
        "{}",
        summary.skipped[0]
    );
    let nodata =
        "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA";
    assert_eq!(one(nodata).name(), "NODATA");
}

#[test]
fn envelopes_are_opened() {
    let text = |value: &Value| value.to_string();
    let lake =
        json!({"QueryStatus": "FINISHED", "QueryResultRows": [[{"eventJson": text(&call())}]]});
    let columns = json!({"QueryResultRows": [[{"eventName": "CreateUser"}, {"eventSource": "iam.amazonaws.com"},
        {"eventTime": "2026-01-01T00:00:00Z"}, {"requestParameters": "{\"userName\":\"bob\"}"}]]});
    let bridge = json!({"version": "0", "detail-type": "GuardDuty Finding", "source": "aws.guardduty", "detail": guardduty()});
    let hub = json!({"detail-type": "Security Hub Findings - Imported", "source": "aws.securityhub", "detail": {"findings": [security_hub()]}});
    let subscription = json!({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s",
        "logEvents": [{"id": "1", "timestamp": 1, "message": text(&call())}]});
    let flows = json!({"logEvents": [{"id": "1", "timestamp": 1, "message": FLOW}]});
    let exported = format!("2026-01-01T00:00:00.000Z {}\n", call());
    let exported_flow = format!("2014-12-14T04:06:50.000Z {FLOW}\n");
    for (text, kind) in [
        (text(&lake), LogKind::CloudTrail),
        (text(&columns), LogKind::CloudTrail),
        (
            text(&json!({"Findings": [guardduty()]})),
            LogKind::GuardDuty,
        ),
        (
            text(&json!({"Findings": [security_hub()]})),
            LogKind::SecurityHub,
        ),
        (text(&bridge), LogKind::GuardDuty),
        (text(&hub), LogKind::SecurityHub),
        (text(&subscription), LogKind::CloudTrail),
        (text(&flows), LogKind::VpcFlow),
        (exported, LogKind::CloudTrail),
        (exported_flow, LogKind::VpcFlow),
    ] {
        assert_eq!(one(&text).kind(), kind, "{text}");
    }
    assert_eq!(
        one(&columns.to_string()).record()["requestParameters"]["userName"],
        "bob"
    );
    let deep = (0..20).fold(
        call(),
        |inner, _| json!({"CloudTrailEvent": inner.to_string()}),
    );
    assert_eq!(read(deep.to_string().as_bytes()).1.skipped_count, 1);
}

#[test]
fn bad_lines_are_named_and_the_rest_is_read() {
    for (good, bad) in [
        (FLOW, "2 1 eni-1 x"),
        (S3, "79a5 bucket"),
        (ALB, "https 2018"),
        (NLB, "tls 2.0"),
        (CLB, "2015-05-13T23:39:43.945958Z my-loadbalancer"),
    ] {
        let (events, summary) = read(format!("{good}\n{bad}\n{good}").as_bytes());
        assert_eq!((events.len(), summary.skipped_count), (2, 1), "{good}");
        assert!(summary.skipped[0].to_string().contains("line 2"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_torn_line_panics(
        which in 0usize..5,
        from in 0usize..400,
        to in 0usize..400,
        put in "[\"\\[\\]\\\\ :é{}-]{0,6}",
    ) {
        let whole = [FLOW, S3, ALB, NLB, CLB][which];
        let cut = |at: usize| {
            let mut at = at.min(whole.len());
            while !whole.is_char_boundary(at) { at -= 1; }
            at
        };
        let (from, to) = (cut(from.min(to)), cut(from.max(to)));
        let torn = format!("{whole}\n{}{put}{}\n{whole}\n", &whole[..from], &whole[to..]);
        let (events, _) = read(torn.as_bytes());
        prop_assert!(events.len() >= 2);
        read(&torn.as_bytes()[torn.len() / 2..]);
    }
}
