//! What a person and what a program see.

use serde_json::{Value, json};
use stockade_detect::render::{Hunted, Read, Skip, json as document, table};
use stockade_detect::{RuleSet, Story, stories};
use stockade_model::{Event, Finding, Origin};

use crate::logs::invictus;

fn hunt(events: &[Event]) -> (RuleSet, Vec<Finding>, Vec<Story>) {
    let rules = RuleSet::builtin();
    let findings = rules.hunt(events);
    let told = stories(&findings, events);
    (rules, findings, told)
}

#[test]
fn the_table_fits_its_width_and_says_the_story() {
    let events = invictus();
    let (_, findings, stories) = hunt(&events);
    let read = Read {
        files: 60,
        events: 2_900,
        detections: 100,
        ..Read::default()
    };
    let skip = Skip {
        source: "logs/a.gz".into(),
        position: Some("byte 7".into()),
        reason: "the gzip stream is cut off here".into(),
    };
    let hunted = Hunted {
        read: &read,
        findings: &findings,
        stories: &stories,
        suppressed: &[],
        skipped: &[skip],
        problems: &[],
    };
    for width in [1, 60, 80, 120, 200] {
        let text = table::render(
            &hunted,
            table::Style {
                width,
                ..table::Style::default()
            },
        );
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width.max(60), "{widest} > {width}");
        assert!(!text.contains('\u{1b}'));
        for part in [
            "user/bert-jan",
            "192.168.10.20",
            "CREDENTIAL ACCESS",
            "GetPasswordData",
            "in vain",
            "logs/a.gz, byte 7",
        ] {
            assert!(text.contains(part), "{part} at {width}");
        }
    }
    let coloured = table::render(
        &hunted,
        table::Style {
            colour: true,
            ..table::Style::default()
        },
    );
    assert!(coloured.contains("\u{1b}[31mHIGH"));
    let short = table::render(
        &hunted,
        table::Style {
            next: false,
            ..table::Style::default()
        },
    );
    assert!(!short.contains("playbook"));
}

#[test]
fn what_an_attacker_writes_into_a_log_stays_text() {
    let record = json!({"eventTime": "2026-01-01T00:00:00Z", "eventName": "StopLogging",
        "eventSource": "cloudtrail.amazonaws.com", "userAgent": "x\u{1b}]0;owned\u{7}\u{202e}",
        "requestParameters": {"name": "a\u{1b}[2Jb\nHIGH nothing"},
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/\u{1b}[31mroot\r\n"}});
    let origin = Origin {
        source: "x".into(),
        index: 0,
    };
    let events = [Event::new(record, origin).unwrap()];
    let (_, findings, stories) = hunt(&events);
    assert_eq!(stories.len(), 1);
    let read = Read::default();
    let hunted = Hunted {
        read: &read,
        findings: &findings,
        stories: &stories,
        suppressed: &[],
        skipped: &[],
        problems: &[],
    };
    let text = table::render(&hunted, table::Style::default());
    assert!(
        text.chars()
            .all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}')),
        "{text:?}"
    );
    assert!(!text.lines().any(|line| line.starts_with("HIGH nothing")));
    let parsed: Value = serde_json::from_str(&document::render(&hunted).unwrap()).unwrap();
    assert_eq!(parsed["stories"].as_array().unwrap().len(), 1);
}

#[test]
fn the_document_has_its_documented_shape() {
    let events = invictus();
    let (_, findings, stories) = hunt(&events);
    let read = Read {
        files: 60,
        events: 2_900,
        skipped: 1,
        ..Read::default()
    };
    let hunted = Hunted {
        read: &read,
        findings: &findings,
        stories: &stories,
        suppressed: &[],
        skipped: &[],
        problems: &[],
    };
    let parsed: Value = serde_json::from_str(&document::render(&hunted).unwrap()).unwrap();
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(
        keys(&parsed),
        [
            "findings",
            "problems",
            "skipped",
            "stories",
            "summary",
            "suppressed",
            "version"
        ]
    );
    assert_eq!(
        keys(&parsed["summary"]),
        [
            "by_severity",
            "bytes",
            "complete",
            "detections",
            "events",
            "files",
            "findings",
            "first",
            "last",
            "skipped"
        ]
    );
    assert_eq!(parsed["summary"]["complete"], false);
    assert_eq!(
        keys(&parsed["findings"][0]),
        [
            "access_key",
            "account",
            "attempt",
            "detection",
            "first",
            "guardduty_type",
            "last",
            "next",
            "principal",
            "proof",
            "region",
            "severity",
            "source_address",
            "tactics",
            "techniques",
            "title"
        ]
    );
    assert_eq!(
        keys(&parsed["findings"][0]["proof"][0]),
        ["id", "name", "origin", "time"]
    );
    assert_eq!(
        keys(&parsed["stories"][0]),
        [
            "accounts",
            "addresses",
            "became",
            "calls",
            "first",
            "keys",
            "last",
            "neighbours",
            "principal",
            "refused",
            "regions",
            "severity",
            "tactics",
            "user_agents"
        ]
    );
    assert_eq!(
        keys(&parsed["stories"][0]["tactics"][0]),
        ["attempts", "done", "first", "last", "steps", "tactic"]
    );
    assert_eq!(
        keys(&parsed["stories"][0]["tactics"][0]["steps"][0]),
        [
            "attempt",
            "calls",
            "detection",
            "events",
            "findings",
            "first",
            "last",
            "next",
            "severity",
            "targets",
            "techniques",
            "title"
        ]
    );
    let total: u64 = parsed["summary"]["by_severity"]
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(total, findings.len() as u64);
    // Every finding stands in just one step.
    let mut places: Vec<u64> = parsed["stories"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|story| story["tactics"].as_array().unwrap())
        .flat_map(|phase| phase["steps"].as_array().unwrap())
        .flat_map(|step| step["findings"].as_array().unwrap())
        .map(|place| place.as_u64().unwrap())
        .collect();
    places.sort_unstable();
    assert_eq!(places, (0..findings.len() as u64).collect::<Vec<_>>());
}

#[test]
fn nothing_found_is_said() {
    let read = Read {
        files: 1,
        events: 3,
        detections: 2,
        ..Read::default()
    };
    let hunted = Hunted {
        read: &read,
        findings: &[],
        stories: &[],
        suppressed: &[],
        skipped: &[],
        problems: &[],
    };
    let text = table::render(&hunted, table::Style::default());
    assert_eq!(
        text,
        "3 events in 1 file, held to 2 detections\nNothing found.\n"
    );
}

#[test]
fn records_of_any_shape_are_hunted_told_and_shown() {
    let odd = [
        json!(null),
        json!(7),
        json!("text"),
        json!([]),
        json!([[null, {"arn": 1}]]),
        json!({}),
        json!({"arn": ["x"], "accessKeyId": {"a": 1}, "type": 3, "sessionContext": "none"}),
        json!({"arn": "", "accessKeyId": "AKIA", "type": "IAMUser", "userName": "\u{0}"}),
        json!({"credentials": {"accessKeyId": "AKIA"}, "accessKey": [1], "policyDocument": "{\"Statement\": [["}),
    ];
    let names = [
        "ConsoleLogin",
        "AssumeRole",
        "CreateAccessKey",
        "StopLogging",
        "PutBucketPolicy",
        "ListUsers",
    ];
    let mut events = Vec::new();
    for name in names {
        for identity in &odd {
            for other in &odd {
                let record = json!({"eventTime": "2026-01-01T00:00:00Z", "eventName": name,
                    "eventSource": if name == "StopLogging" { "cloudtrail.amazonaws.com" } else { "iam.amazonaws.com" },
                    "userIdentity": identity, "requestParameters": other, "responseElements": other,
                    "errorCode": other, "sourceIPAddress": identity, "sharedEventID": "s", "eventID": other});
                let origin = Origin {
                    source: "odd".into(),
                    index: events.len() as u64,
                };
                events.push(Event::new(record, origin).unwrap());
            }
        }
    }
    let (_, findings, stories) = hunt(&events);
    assert!(!findings.is_empty() && !stories.is_empty());
    let read = Read::default();
    let hunted = Hunted {
        read: &read,
        findings: &findings,
        stories: &stories,
        suppressed: &[],
        skipped: &[],
        problems: &[],
    };
    assert!(!table::render(&hunted, table::Style::default()).is_empty());
    document::render(&hunted).unwrap();
}
