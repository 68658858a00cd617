//! Whole, torn, odd and hostile logs.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};
use stockade_ingest::{IngestError, Position, Summary, read_paths, read_source};
use stockade_model::Event;

fn record(name: &str) -> Value {
    json!({"eventVersion": "1.08", "eventTime": "2026-01-01T00:00:00Z", "eventName": name,
        "eventSource": "iam.amazonaws.com", "eventID": name})
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read(bytes: &[u8]) -> (Vec<String>, Summary) {
    let mut names = Vec::new();
    let mut summary = Summary::default();
    read_source(
        "log",
        bytes,
        &mut |event| names.push(event.name().to_owned()),
        &mut summary,
    );
    assert_eq!(names.len() as u64, summary.events);
    (names, summary)
}

fn text(value: &Value) -> String {
    value.to_string()
}

#[test]
fn every_shape_is_read() {
    let (a, b) = (record("A"), record("B"));
    let looked_up = json!({"Events": [{"EventName": "A", "CloudTrailEvent": text(&a)},
        {"EventName": "B", "CloudTrailEvent": text(&b)}], "NextToken": "x"});
    let envelope =
        json!({"version": "0", "detail-type": "AWS API Call via CloudTrail", "detail": a});
    let cases: Vec<(&str, String)> = vec![
        ("delivered", text(&json!({"Records": [a, b]}))),
        (
            "delivered, laid out",
            serde_json::to_string_pretty(&json!({"Records": [a, b]})).unwrap(),
        ),
        (
            "delivered, a record a line",
            format!("{{\"Records\":[\n{a},\n{b}\n]}}"),
        ),
        ("array", text(&json!([a, b]))),
        ("array, a record a line", format!("[\n{a},\n{b}\n]\n")),
        ("lines", format!("{a}\n{b}\n")),
        ("lines without the last newline", format!("{a}\n{b}")),
        (
            "lines with empty ones and CRLF",
            format!("\r\n{a}\r\n\r\n{b}\r\n\r\n"),
        ),
        ("two documents", format!("{a} {b}")),
        (
            "two files in one",
            format!("{}\n{}\n", json!({"Records": [a]}), json!({"Records": [b]})),
        ),
        ("two laid out", format!("{:#}\n{:#}", a, b)),
        ("looked up", text(&looked_up)),
        ("envelope", format!("{envelope}\n{b}")),
        ("byte order mark", format!("\u{feff}{}", json!([a, b]))),
    ];
    for (what, content) in cases {
        for bytes in [
            content.clone().into_bytes(),
            gzip(content.as_bytes()),
            gzip(&gzip(content.as_bytes())),
        ] {
            let (names, summary) = read(&bytes);
            assert_eq!(names, ["A", "B"], "{what}");
            assert!(summary.is_complete(), "{what}: {:?}", summary.skipped);
            assert_eq!(summary.bytes, bytes.len() as u64, "{what}");
        }
    }
    let (names, summary) = read(&serde_json::to_vec_pretty(&a).unwrap());
    assert_eq!((names.len(), summary.skipped_count), (1, 0));
    let members = [
        gzip(format!("{a}\n").as_bytes()),
        gzip(b.to_string().as_bytes()),
    ]
    .concat();
    assert_eq!(read(&members).0, ["A", "B"]);
}

#[test]
fn gzip_in_every_form_is_read_whole() {
    let (a, b) = (record("A"), record("B"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.gz");
    let names = |bytes: &[u8]| -> Vec<String> {
        fs::write(&path, bytes).unwrap();
        let (events, summary) = collect(std::slice::from_ref(&path)).unwrap();
        assert!(summary.is_complete(), "{:?}", summary.skipped);
        events.iter().map(|event| event.name().to_owned()).collect()
    };
    let line = |value: &Value| format!("{value}\n");
    let one = gzip(line(&a).as_bytes());
    assert_eq!(names(&one), ["A"]);
    // Members after one another: the same twice, of the same size, of other sizes.
    assert_eq!(names(&[one.clone(), one.clone()].concat()), ["A", "A"]);
    assert_eq!(
        names(&[one.clone(), gzip(line(&b).as_bytes())].concat()),
        ["A", "B"]
    );
    let two = gzip(format!("{a}\n{b}\n").as_bytes());
    assert_eq!(names(&[one.clone(), two.clone()].concat()), ["A", "A", "B"]);
    assert_eq!(names(&[two, one.clone()].concat()), ["A", "B", "A"]);
    // A header with a name, a comment, an extra field and a check sum.
    let mut encoder = flate2::GzBuilder::new()
        .filename("log.json")
        .comment("a log")
        .extra(vec![1, 2, 3, 4])
        .write(Vec::new(), Compression::default());
    encoder.write_all(line(&a).as_bytes()).unwrap();
    assert_eq!(names(&encoder.finish().unwrap()), ["A"]);
    assert_eq!(names(&gzip(&gzip(line(&b).as_bytes()))), ["B"]);
    // A wrong check sum or size is no whole file.
    for place in [8, 4] {
        let mut wrong = one.clone();
        let at = wrong.len() - place;
        wrong[at] ^= 1;
        fs::write(&path, &wrong).unwrap();
        let summary = match collect(std::slice::from_ref(&path)) {
            Ok((_, summary)) => summary,
            Err(IngestError::NoEvents(summary)) => *summary,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(summary.skipped_count, 1, "{place}");
    }
}

#[test]
fn what_came_before_a_tear_is_kept() {
    let records: Vec<Value> = (0..400)
        .map(|n| record(&format!("Call{n}-{}", n * 7919)))
        .collect();
    let whole = gzip(text(&json!({"Records": records})).as_bytes());
    let (names, summary) = read(&whole[..whole.len() / 2]);
    assert!(names.len() > 100 && names.len() < 400, "{}", names.len());
    assert_eq!(summary.skipped_count, 1);
    assert!(
        summary.skipped[0].to_string().contains("cut off"),
        "{}",
        summary.skipped[0]
    );
    assert!(matches!(summary.skipped[0].position, Position::Byte(at) if at > 1000));

    let lines: String = records.iter().map(|r| format!("{r}\n")).collect();
    let whole = gzip(lines.as_bytes());
    let (names, summary) = read(&whole[..whole.len() / 2]);
    assert!(names.len() > 100 && names.len() < 400);
    assert!(
        matches!(summary.skipped[0].position, Position::Line(line) if line as usize == names.len() + 1)
    );

    let plain = text(&json!({"Records": [record("A"), record("B")]}));
    let (names, summary) = read(&plain.as_bytes()[..plain.len() - 10]);
    assert_eq!(names, ["A"]);
    assert!(
        summary.skipped[0].reason.contains("middle"),
        "{:?}",
        summary.skipped
    );

    let mut damaged = gzip(lines.as_bytes());
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    damaged[middle + 1] ^= 0xff;
    let (names, summary) = read(&damaged);
    assert!(!names.is_empty() && summary.skipped_count >= 1);
}

#[test]
fn a_bad_line_or_record_does_not_stop_the_rest() {
    let (a, b) = (record("A"), record("B"));
    let (names, summary) = read(format!("{a}\n{{\"eventName\": nope}}\n{b}\n").as_bytes());
    assert_eq!(names, ["A", "B"]);
    assert_eq!(summary.skipped[0].position, Position::Line(2));

    let half = &text(&a)[..40];
    for content in [
        format!("{half}\n{a}\n{b}"),
        format!("hello\n{a}\n{b}\n"),
        format!("{a}\n{b}\n{half}"),
    ] {
        let (names, summary) = read(content.as_bytes());
        assert_eq!(
            (names, summary.skipped_count),
            (vec!["A".into(), "B".into()], 1),
            "{content}"
        );
    }
    let mut bytes = format!("{a}\n").into_bytes();
    bytes.extend(b"{\"eventName\": \"\xff\xfe\"}\n");
    bytes.extend(text(&b).into_bytes());
    assert_eq!(read(&bytes).0, ["A", "B"]);

    let mixed = json!({"Records": [a, 7, {"eventName": "NoTime"}, null, b]});
    let (names, summary) = read(text(&mixed).as_bytes());
    assert_eq!(names, ["A", "B"]);
    let places: Vec<Position> = summary.skipped.iter().map(|s| s.position).collect();
    assert_eq!(
        places,
        [
            Position::Record(1),
            Position::Record(2),
            Position::Record(3)
        ]
    );
}

#[test]
fn what_holds_no_events_is_told_from_what_is_broken() {
    let digest =
        json!({"awsAccountId": "1", "digestStartTime": "2026-01-01T00:00:00Z", "logFiles": []});
    let (names, summary) = read(&gzip(text(&digest).as_bytes()));
    assert!(names.is_empty() && summary.is_complete() && summary.left_out.len() == 1);
    let insight =
        json!({"Records": [{"eventCategory": "Insight", "eventTime": "2026-01-01T00:00:00Z"}]});
    assert!(read(text(&insight).as_bytes()).1.is_complete());
    for (bytes, word) in [
        (b"".as_slice(), "empty"),
        (b"  \n", "empty"),
        (b"hello world\n", "no kind"),
        (b"2 123456789010 eni-1 172.31.16.139\n", "no kind"),
        (b"\x28\xb5\x2f\xfd....", "zstd"),
        (b"PK\x03\x04....", "zip"),
        (b"\xff\xfe{\0", "UTF-16"),
        (b"\x1f\x8b", "cut off"),
        (b"{\"a\": 1}", "eventName"),
        (b"123", "no kind"),
    ] {
        let (names, summary) = read(bytes);
        assert!(names.is_empty());
        assert_eq!(summary.skipped_count, 1, "{word}");
        assert!(
            summary.skipped[0].reason.contains(word),
            "{word}: {}",
            summary.skipped[0]
        );
    }
    let deep = "[".repeat(100_000);
    assert_eq!(read(deep.as_bytes()).1.skipped_count, 1);
}

#[test]
fn faults_beyond_count_are_counted_and_not_kept() {
    let lines = "{\"x\": }\n".repeat(5_000);
    let (_, summary) = read(lines.as_bytes());
    assert_eq!(
        (summary.skipped_count, summary.skipped.len()),
        (5_000, 1_000)
    );
}

fn collect(paths: &[PathBuf]) -> Result<(Vec<Event>, Summary), IngestError> {
    let mut events = Vec::new();
    let summary = read_paths(paths, &mut |event| events.push(event))?;
    Ok((events, summary))
}

#[test]
fn folders_are_read_sorted_and_loops_end() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    fs::create_dir_all(path("b/inner")).unwrap();
    fs::create_dir_all(path(".git")).unwrap();
    fs::write(path(".git/x.json"), text(&record("Hidden"))).unwrap();
    fs::write(path("b/inner/2.json"), text(&record("Two"))).unwrap();
    fs::write(
        path("b/1.json.gz"),
        gzip(text(&json!({"Records": [record("One")]})).as_bytes()),
    )
    .unwrap();
    fs::write(path("a.txt"), text(&record("Zero"))).unwrap();
    fs::write(path("README.md"), "# logs").unwrap();
    fs::write(path("z.csv"), "a,b\n").unwrap();
    std::os::unix::fs::symlink(root.path(), path("b/loop")).unwrap();
    std::os::unix::fs::symlink(path("gone"), path("b/broken")).unwrap();
    let (events, summary) = collect(&[root.path().to_owned(), path("a.txt")]).unwrap();
    let names: Vec<&str> = events.iter().map(Event::name).collect();
    assert_eq!(names, ["Zero", "One", "Two"]);
    assert_eq!(summary.files, 4);
    let mut skipped: Vec<&Path> = summary
        .skipped
        .iter()
        .map(|s| Path::new(&s.source))
        .collect();
    skipped.sort();
    assert_eq!(skipped, [path("b/broken"), path("z.csv")]);
    assert!(events[1].origin().source.ends_with("b/1.json.gz"));
    assert_eq!(events[1].origin().index, 0);
}

#[test]
fn nothing_to_read_is_an_error_that_says_so() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    assert!(matches!(collect(&[]), Err(IngestError::NoPaths)));
    assert!(matches!(
        collect(&[at("gone")]),
        Err(IngestError::Missing(_))
    ));
    let empty = collect(&[root.path().to_owned()]).unwrap_err().to_string();
    assert!(
        empty.contains("no event") && empty.contains("holds none"),
        "{empty}"
    );
    fs::write(at("x.json"), "{\"Records\": []}").unwrap();
    let none = collect(&[root.path().to_owned()]).unwrap_err().to_string();
    assert!(
        none.contains("no event was found in the one file"),
        "{none}"
    );
    fs::write(at("x.json"), "nonsense").unwrap();
    let broken = collect(&[at("x.json")]).unwrap_err().to_string();
    assert!(
        broken.contains("x.json") && broken.contains("no kind"),
        "{broken}"
    );
}

#[test]
fn the_real_logs_are_read_whole() {
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/cloudtrail-invictus");
    let (events, summary) = collect(&[logs]).unwrap();
    assert_eq!(events.len(), 2_900);
    assert!(summary.is_complete(), "{:?}", summary.skipped);
    assert_eq!(summary.left_out.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
        read(&gzip(&bytes));
    }

    #[test]
    fn no_text_like_a_log_panics(text in "([{}\\[\\]:,\"\\\\\n ]|Records|Events|eventName|null|1e9|CloudTrailEvent|detail){0,60}") {
        read(text.as_bytes());
    }

    #[test]
    fn a_cut_anywhere_keeps_a_beginning(cut in 0usize..900) {
        let names = ["A", "B", "C", "D"];
        let whole = text(&json!({"Records": names.map(record)}));
        let cut = cut.min(whole.len());
        let (found, summary) = read(&whole.as_bytes()[..cut]);
        prop_assert!(names.iter().zip(&found).all(|(a, b)| a == b));
        prop_assert_eq!(summary.is_complete(), cut == whole.len());
    }

    #[test]
    fn a_cut_gzip_keeps_a_beginning(cut in 0usize..400) {
        let whole = gzip(text(&json!({"Records": (["A", "B", "C", "D"].map(record))})).as_bytes());
        let cut = cut.min(whole.len());
        let (_, summary) = read(&whole[..cut]);
        prop_assert_eq!(summary.is_complete(), cut == whole.len());
    }
}
