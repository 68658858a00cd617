//! Sigma, modifier by modifier, and the traps that engines fall into.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use stockade_detect::{Kind, Loader, Meta, RuleSet};
use stockade_model::{Event, Origin, Tactic};

use crate::logs::{data, invictus};

fn event(fields: Value) -> Event {
    at("2026-01-01T00:00:00Z", fields)
}

fn at(time: &str, fields: Value) -> Event {
    let mut record =
        json!({"eventTime": time, "eventName": "Call", "eventSource": "iam.amazonaws.com"});
    for (name, value) in fields.as_object().unwrap() {
        record[name] = value.clone();
    }
    // Each is a record of its own, as if all were read from one file.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let origin = Origin {
        source: "test".into(),
        index: NEXT.fetch_add(1, Ordering::Relaxed),
    };
    Event::new(record, origin).unwrap()
}

const HEAD: &str = "title: Some rule\nid: rule\nlogsource: {product: aws, service: cloudtrail}\n";

fn load(detection: &str) -> RuleSet {
    let rules = RuleSet::load_text("rule.yml", &format!("{HEAD}detection:\n{detection}"));
    assert!(
        rules.problems().is_empty(),
        "{detection}\n{:?}",
        rules.problems()
    );
    rules
}

/// Holds `fields` to one selection; `lines` are YAML.
fn matches(lines: &str, fields: &Value) -> bool {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    let rules = load(&format!("  s:\n{lines}  condition: s\n"));
    !rules.matches(&event(fields.clone())).is_empty()
}

#[test]
fn every_modifier_means_what_sigma_says() {
    let yes = |lines: &str, fields: Value| {
        assert!(matches(lines, &fields), "{lines} should match {fields}")
    };
    let no = |lines: &str, fields: Value| {
        assert!(
            !matches(lines, &fields),
            "{lines} should not match {fields}"
        )
    };

    yes("a: Root", json!({"a": "ROOT"}));
    no("a|cased: Root", json!({"a": "ROOT"}));
    yes("a|contains: oo", json!({"a": "rOOt"}));
    yes("a|startswith: ['x', 'ro']", json!({"a": "root"}));
    no("a|endswith: ro", json!({"a": "root"}));
    yes("a|contains|all: [r, t]", json!({"a": "root"}));
    no("a|contains|all: [r, x]", json!({"a": "root"}));
    yes("a|contains|all: [one, two]", json!({"a": ["one!", "two!"]}));
    yes("a: 'r*t'", json!({"a": "root"}));
    no("a: 'r\\*t'", json!({"a": "root"}));
    yes("a|contains: '*'", json!({"a": "x"}));
    no("a|contains: '*'", json!({"a": null}));

    yes("a|re: '^r.{2}t$'", json!({"a": "root"}));
    no("a|re: '^R'", json!({"a": "root"}));
    yes("a|re|i: '^R'", json!({"a": "root"}));
    no("a|re: '^b'", json!({"a": "a\nb"}));
    yes("a|re|m: '^b'", json!({"a": "a\nb"}));
    no("a|re: 'a.b'", json!({"a": "a\nb"}));
    yes("a|re|s: 'a.b'", json!({"a": "a\nb"}));

    yes("a|cidr: 10.0.0.0/8", json!({"a": "10.1.2.3"}));
    no("a|cidr: 10.0.0.0/8", json!({"a": "11.1.2.3"}));
    no("a|cidr: 10.0.0.0/8", json!({"a": "AWS Internal"}));
    yes(
        "a|cidr: [192.0.2.1, '2001:db8::/32']",
        json!({"a": "2001:db8::1"}),
    );
    yes("a|cidr: 0.0.0.0/0", json!({"a": "0.0.0.0/0"}));

    yes("a|base64: foo", json!({"a": "Zm9v"}));
    yes(
        "a|base64offset|contains: secret",
        json!({"a": "bXkgc2VjcmV0IGtleQ=="}),
    );
    yes(
        "a|base64offset|contains: secret",
        json!({"a": "YSBzZWNyZXQ="}),
    );
    yes(
        "a|wide|base64offset|contains: iex",
        json!({"a": "aQBlAHgA"}),
    );
    yes(
        "a|windash|contains: ' -enc'",
        json!({"a": "powershell /enc x"}),
    );

    yes("a|exists: true", json!({"a": ""}));
    no("a|exists: true", json!({"a": null}));
    yes("a|exists: false", json!({}));
    yes("a|exists: true", json!({"a": []}));
    no("a: null", json!({"a": []}));
    yes("a.b|exists: true", json!({"a": [{"b": []}]}));
    no("a.b|exists: true", json!({"a": [{"b": null}]}));
    yes(
        "'|all': [one, two]",
        json!({"a": "one", "b": {"c": ["two"]}}),
    );
    no("'|all': [one, two]", json!({"a": "one"}));
    yes("a|neq: x", json!({}));
    yes("a|gt: 5", json!({"a": 6}));
    no("a|gt: 5", json!({"a": "x"}));
    yes("a|gte: 5", json!({"a": "5"}));
    yes("a|lt: 5.5", json!({"a": 5}));
    yes("a|lte: 5", json!({"a": 5}));
    yes(
        "a|gt: '2026-01-01T00:00:00Z'",
        json!({"a": "2026-01-01T00:00:01Z"}),
    );
    yes("a|neq: 5", json!({"a": 6}));
    no("a|neq: [5, 6]", json!({"a": 6}));
    yes("a|hour: 3", json!({"a": "2026-01-01T03:30:00Z"}));

    yes("a|fieldref: b.c", json!({"a": "X", "b": {"c": "x"}}));
    no("a|fieldref: b.c", json!({"a": "X", "b": {"c": "y"}}));
    yes(
        "a|fieldref|endswith: b",
        json!({"a": "user/anna", "b": "anna"}),
    );
    no("a|fieldref: b", json!({"a": "*", "b": "x"}));
    no("a|fieldref: b", json!({"a": "x", "b": "*"}));

    // Numbers and truths against text, both ways.
    yes("a: 443", json!({"a": "443"}));
    yes("a: '443'", json!({"a": 443}));
    yes("a: 'true'", json!({"a": true}));
    yes("a: true", json!({"a": "True"}));
    no("a: true", json!({"a": 1}));
    yes("a: ''", json!({"a": ""}));
    no("a: ''", json!({}));
    // Objects as their JSON, documents in them as they were written.
    yes(
        "a|contains: Suspended",
        json!({"a": {"v": {"Status": "Suspended"}}}),
    );
    yes(
        "a|contains: '\"Effect\":\"Allow\"'",
        json!({"a": {"policy": "{\"Effect\":\"Allow\"}"}}),
    );
}

#[test]
fn null_matches_the_absent_field() {
    for fields in [json!({}), json!({"errorCode": null})] {
        assert!(matches("errorCode: null", &fields));
        assert!(matches("errorCode:\n  - Success\n  - null", &fields));
    }
    assert!(!matches(
        "errorCode: null",
        &json!({"errorCode": "AccessDenied"})
    ));
    assert!(matches("a.b: null", &json!({"a": [{"c": 1}]})));
    assert!(!matches("a.b: null", &json!({"a": [{"c": 1}, {"b": 2}]})));
}

#[test]
fn arrays_match_by_plain_names_and_dots_may_be_literal() {
    let group = json!({"requestParameters": {"ipPermissions": {"items": [
        {"fromPort": 443, "ipRanges": {"items": [{"cidrIp": "10.0.0.0/8"}]}},
        {"fromPort": 22, "ipRanges": {"items": [{"cidrIp": "192.0.2.0/24"}, {"cidrIp": "0.0.0.0/0"}]}}]}}});
    assert!(matches(
        "requestParameters.ipPermissions.items.ipRanges.items.cidrIp: 0.0.0.0/0",
        &group
    ));
    assert!(!matches(
        "requestParameters.ipPermissions.items.ipRanges.items.cidrIp: 1.0.0.0/8",
        &group
    ));
    assert!(matches(
        "additionalEventData.x.y: 1",
        &json!({"additionalEventData": {"x.y": 1}})
    ));
    assert!(matches(
        "userIdentity.type: Root",
        &json!({"userIdentity.type": "Root"})
    ));
    assert!(matches(
        "stockade.outcome: refused",
        &json!({"errorCode": "AccessDenied"})
    ));
}

#[test]
fn array_blocks_hold_an_element_to_several_lines() {
    let rule = |quantifier: &str| {
        let rules = RuleSet::load_text(
            "r",
            &format!(
                "{HEAD}sigma-version: 3\ndetection:\n  s:\n    list[{quantifier}]:\n      port: 22\n      cidr: 0.0.0.0/0\n  condition: s\n"
            ),
        );
        assert!(rules.problems().is_empty(), "{:?}", rules.problems());
        rules
    };
    let both = event(json!({"list": [{"port": 22, "cidr": "0.0.0.0/0"}, {"port": 1}]}));
    let apart =
        event(json!({"list": [{"port": 22, "cidr": "x"}, {"port": 1, "cidr": "0.0.0.0/0"}]}));
    assert_eq!(rule("any").matches(&both).len(), 1);
    assert!(rule("any").matches(&apart).is_empty());
    assert!(rule("all").matches(&both).is_empty());
    assert_eq!(rule("none").matches(&apart).len(), 1);
}

#[test]
fn conditions_nest_and_choose() {
    let rules = |condition: &str| {
        load(&format!(
            "  sel_a: {{a: 1}}\n  sel_b: {{b: 1}}\n  filter: {{c: 1}}\n  words: [needle, other]\n  _hidden: {{z: 1}}\n  condition: {condition}\n"
        ))
    };
    for (condition, fields, expected) in [
        ("1 of sel_*", json!({"b": 1}), true),
        ("all of sel_*", json!({"b": 1}), false),
        ("all of sel_*", json!({"a": 1, "b": 1}), true),
        ("2 of them", json!({"a": 1, "c": 1}), true),
        ("2 of them", json!({"a": 1}), false),
        (
            "all of them",
            json!({"a": 1, "b": 1, "c": 1, "d": {"e": ["a needle here"]}}),
            true,
        ),
        ("sel_a and not filter", json!({"a": 1, "c": 1}), false),
        (
            "not (sel_a or (sel_b and not filter))",
            json!({"b": 1, "c": 1}),
            true,
        ),
        ("words", json!({"x": {"y": ["the NEEDLE there"]}}), true),
        ("words", json!({"needle": "only a name"}), false),
        ("sel_a or sel_b and filter", json!({"a": 1}), true),
    ] {
        let found = !rules(condition).matches(&event(fields.clone())).is_empty();
        assert_eq!(found, expected, "{condition} on {fields}");
    }
}

#[test]
fn a_bad_rule_is_named_with_its_line_and_the_others_load() {
    let good = format!("{HEAD}detection: {{s: {{a: 1}}, condition: s}}\n");
    for (bad, line, word) in [
        ("title: X\n  id: [", Some(2), "YAML"),
        (
            "title: X\nlogsource: {product: aws}\n",
            Some(1),
            "`detection` is missing",
        ),
        (
            "title: X\nlogsource: {product: aws}\ndetection:\n  s: {a|contians: 1}\n  condition: s\n",
            Some(4),
            "`contians` is no modifier",
        ),
        (
            "title: X\nlogsource: {product: aws}\ndetection:\n  s: {a: 1}\n  condition: s and\n",
            Some(5),
            "condition",
        ),
        (
            "title: X\nlogsource: {product: aws}\ndetection:\n  s: {a: 1}\n  condition: t\n",
            Some(5),
            "`t`",
        ),
        (
            "title: X\nlogsource: {product: aws}\ndetection:\n  s: {a: 1}\n  condition: 1 of x_*\n",
            Some(5),
            "chooses nothing",
        ),
        (
            "title: X\nlogsource: {product: aws}\ndetection:\n  s:\n    a|re: '('\n  condition: s\n",
            Some(5),
            "regular expression",
        ),
        (
            "title: X\nlogsource: {product: aws}\ndetection:\n  s:\n    a|cidr: 10.0.0/8\n  condition: s\n",
            Some(5),
            "network",
        ),
        (
            "title: X\nlogsource: {product: aws}\ndetection:\n  s:\n    a|expand: '%admins%'\n  condition: s\n",
            Some(5),
            "%admins%",
        ),
        (
            "title: X\nlogsource: {product: aws}\ndetection:\n  s:\n    a|gt: many\n  condition: s\n",
            Some(5),
            "neither a number",
        ),
        (
            "title: X\ndetection:\n  s: {a: 1}\n  condition: s\n",
            Some(1),
            "which log",
        ),
        ("just text", None, ""),
        ("", None, "no rule"),
        (
            "title: X\nid: rule\nlogsource: {product: aws}\ndetection:\n  s: {a: 1}\n  condition: s\n",
            Some(2),
            "id rule",
        ),
        (
            "title: C\ncorrelation: {type: event_count, rules: [nowhere], timespan: 1m, condition: {gte: 2}}\n",
            Some(2),
            "`nowhere`",
        ),
    ] {
        let rules = Loader::new()
            .text("good.yml", &good)
            .text("bad.yml", bad)
            .load();
        assert_eq!(rules.len(), 1, "{bad}");
        let [problem] = rules.problems() else {
            panic!("{bad}: {:?}", rules.problems())
        };
        assert_eq!(
            (problem.source.as_str(), problem.line),
            ("bad.yml", line),
            "{bad}: {problem}"
        );
        assert!(problem.message.contains(word), "{bad}: {problem}");
        assert_eq!(rules.matches(&event(json!({"a": 1}))).len(), 1);
    }
}

#[test]
fn rules_for_other_logs_are_set_aside() {
    for logs in [
        "{product: windows, category: process_creation}",
        "{product: aws, service: shield}",
        "{category: proxy}",
    ] {
        let rules = RuleSet::load_text(
            "r",
            &format!(
                "title: X\nlogsource: {logs}\ndetection: {{s: {{eventName: '*'}}, condition: s}}\n"
            ),
        );
        assert!(rules.is_empty() && rules.problems().is_empty());
        assert_eq!(rules.not_applicable().len(), 1, "{logs}");
        assert!(rules.hunt(&[event(json!({}))]).is_empty());
    }
    // A rule for one log that is read is not held against the events of another.
    let rules = RuleSet::load_text(
        "r",
        "title: X\nlogsource: {product: aws, service: vpcflow}\ndetection: {s: {eventName: '*'}, condition: s}\n",
    );
    assert_eq!((rules.len(), rules.not_applicable().len()), (1, 0));
    assert!(rules.hunt(&[event(json!({}))]).is_empty());
}

#[test]
fn placeholders_filters_and_overrides() {
    let rule = format!("{HEAD}detection: {{s: {{a|expand: '%admins%'}}, condition: s}}\n");
    let rules = Loader::new()
        .placeholder("admins", &["anna", "b*"])
        .text("r", &rule)
        .load();
    assert!(rules.problems().is_empty(), "{:?}", rules.problems());
    assert_eq!(rules.matches(&event(json!({"a": "bob"}))).len(), 1);
    assert!(rules.matches(&event(json!({"a": "carl"}))).is_empty());

    let plain = format!("{HEAD}detection: {{s: {{a: 1}}, condition: s}}\n");
    let filter = "title: F\nlogsource: {product: aws, service: cloudtrail}\nfilter:\n  rules: [rule]\n  mine: {b: 1}\n  condition: not mine\n";
    let rules = Loader::new().text("f", filter).text("r", &plain).load();
    assert!(rules.problems().is_empty(), "{:?}", rules.problems());
    assert_eq!(rules.matches(&event(json!({"a": 1}))).len(), 1);
    assert!(rules.matches(&event(json!({"a": 1, "b": 1}))).is_empty());

    let builtin = RuleSet::builtin();
    let plain = |m: &&Meta| m.kind == Kind::Rule && m.name.is_none();
    let id = builtin.detections().find(plain).unwrap().id.clone();
    let own = format!(
        "title: Mine\nid: {id}\nlogsource: {{product: aws}}\ndetection: {{s: {{zz: 1}}, condition: s}}\n"
    );
    let both = Loader::new().builtin().text("mine.yml", &own).load();
    assert_eq!(both.problems(), builtin.problems());
    let titles: Vec<&str> = both
        .detections()
        .filter(|m| m.id == id)
        .map(|m| m.title.as_str())
        .collect();
    assert_eq!(titles, ["Mine"]);
}

#[test]
fn sigmahq_loads_unchanged_and_finds() {
    let rules = RuleSet::load_paths(&[data("sigma-aws")]);
    assert!(rules.problems().is_empty(), "{:?}", rules.problems());
    assert_eq!((rules.len(), rules.not_applicable().len()), (57, 0));
    assert!(rules.detections().all(|meta| !meta.tactics.is_empty()));
    assert!(
        rules
            .detections()
            .any(|meta| meta.tactics.contains(&Tactic::DefenseEvasion))
    );
    let findings = rules.hunt(&invictus());
    for title in [
        "AWS CloudTrail Important Change",
        "AWS Snapshot Backup Exfiltration",
        "AWS Successful Console Login Without MFA",
        "AWS IAM Backdoor Users Keys",
        "AWS VPC Flow Logs Deleted",
        "Potential Malicious Usage of CloudTrail System Manager",
    ] {
        assert!(
            findings.iter().any(|finding| finding.title == title),
            "{title}"
        );
    }
}

// Correlations.

fn correlated(kind: &str) -> RuleSet {
    let text = format!(
        "title: Login\nname: login\nid: login\nlogsource: {{product: aws}}\ndetection: {{s: {{eventName: Login}}, condition: s}}\n---\n\
         title: Change\nname: change\nid: change\nlogsource: {{product: aws}}\ndetection: {{s: {{eventName: Change}}, condition: s}}\n---\n\
         title: Both\nid: both\nlevel: high\ncorrelation:\n{kind}\n"
    );
    let rules = RuleSet::load_text("c.yml", &text);
    assert!(
        rules.problems().is_empty(),
        "{kind}: {:?}",
        rules.problems()
    );
    rules
}

/// Events named by `L` (login) and `C` (change) at these seconds by these users.
fn sequence(calls: &[(char, i64, &str)]) -> Vec<Event> {
    let start: stockade_model::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    calls
        .iter()
        .enumerate()
        .map(|(n, (what, second, user))| {
            let time = (start + jiff::SignedDuration::from_secs(*second)).to_string();
            let name = if *what == 'L' { "Login" } else { "Change" };
            at(&time, json!({"eventName": name, "eventID": n.to_string(), "bytes": second, "thing": format!("t{second}"),
                "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::1:user/{user}"), "userName": user}}))
        })
        .collect()
}

fn proof(rules: &RuleSet, calls: &[(char, i64, &str)]) -> Vec<usize> {
    let mut events = sequence(calls);
    let findings = rules.hunt(&events);
    events.reverse();
    assert_eq!(
        findings,
        rules.hunt(&events),
        "the order of events must not matter"
    );
    assert!(
        findings.iter().all(|finding| finding.detection == "both"),
        "parts stay silent"
    );
    findings.iter().map(|finding| finding.proof.len()).collect()
}

#[test]
fn counts_slide_over_every_boundary() {
    let rules = correlated(
        "  type: event_count\n  rules: login\n  group-by: [userIdentity.userName]\n  timespan: 1m\n  condition: {gte: 3}",
    );
    assert_eq!(
        proof(&rules, &[('L', 0, "a"), ('L', 30, "a"), ('L', 60, "a")]),
        [3]
    );
    assert_eq!(
        proof(&rules, &[('L', 50, "a"), ('L', 70, "a"), ('L', 90, "a")]),
        [3]
    );
    assert!(proof(&rules, &[('L', 0, "a"), ('L', 30, "a"), ('L', 61, "a")]).is_empty());
    assert!(proof(&rules, &[('L', 0, "a"), ('L', 30, "b"), ('L', 40, "a")]).is_empty());
    assert_eq!(
        proof(
            &rules,
            &[
                ('L', 0, "a"),
                ('L', 1, "a"),
                ('L', 2, "a"),
                ('L', 3, "a"),
                ('L', 900, "a")
            ]
        ),
        [4]
    );
    let range = correlated(
        "  type: event_count\n  rules: [login]\n  timespan: 1h\n  condition: {gt: 1, lte: 2}",
    );
    assert_eq!(proof(&range, &[('L', 0, "a"), ('L', 1, "b")]), [2]);
}

#[test]
fn distinct_values_and_sums() {
    let rules = correlated(
        "  type: value_count\n  rules: login\n  timespan: 1m\n  condition: {gte: 3, field: userIdentity.userName}",
    );
    assert_eq!(
        proof(&rules, &[('L', 0, "a"), ('L', 1, "b"), ('L', 2, "c")]),
        [3]
    );
    assert!(
        proof(
            &rules,
            &[('L', 0, "a"), ('L', 1, "b"), ('L', 2, "b"), ('L', 3, "a")]
        )
        .is_empty()
    );
    let sum = correlated(
        "  type: value_sum\n  rules: login\n  timespan: 1m\n  condition: {gte: 50, field: bytes}",
    );
    assert_eq!(proof(&sum, &[('L', 20, "a"), ('L', 30, "a")]), [2]);
    assert!(proof(&sum, &[('L', 20, "a"), ('L', 29, "a")]).is_empty());
    let median = correlated(
        "  type: value_median\n  rules: login\n  timespan: 1h\n  condition: {gte: 20, field: bytes}",
    );
    assert_eq!(
        proof(&median, &[('L', 10, "a"), ('L', 20, "a"), ('L', 90, "a")]),
        [3]
    );
}

#[test]
fn sequences_in_any_and_in_fixed_order() {
    let any = correlated(
        "  type: temporal\n  rules: [login, change]\n  group-by: userIdentity.userName\n  timespan: 5m",
    );
    assert_eq!(proof(&any, &[('C', 0, "a"), ('L', 10, "a")]), [2]);
    assert!(proof(&any, &[('C', 0, "a"), ('L', 10, "b")]).is_empty());
    assert!(proof(&any, &[('C', 0, "a"), ('L', 301, "a")]).is_empty());
    let ordered = correlated(
        "  type: temporal_ordered\n  rules: [login, change]\n  group-by: userIdentity.userName\n  timespan: 5m",
    );
    assert!(proof(&ordered, &[('C', 0, "a"), ('L', 10, "a")]).is_empty());
    assert_eq!(
        proof(&ordered, &[('C', 0, "a"), ('L', 10, "a"), ('C', 20, "a")]),
        [3]
    );
    let either = correlated(
        "  type: temporal\n  rules: [login, change]\n  timespan: 5m\n  condition: change and not login",
    );
    assert_eq!(proof(&either, &[('C', 0, "a")]), [1]);
}

#[test]
fn aliases_and_generate_and_sessions() {
    let aliased = correlated(
        "  type: temporal\n  rules: [login, change]\n  aliases:\n    who:\n      login: userIdentity.userName\n      change: userIdentity.userName\n  group-by: [who]\n  timespan: 5m",
    );
    assert_eq!(proof(&aliased, &[('C', 0, "a"), ('L', 10, "a")]), [2]);
    let session = correlated(
        "  type: event_count\n  rules: login\n  timespan: 1h\n  window: session\n  gap: 10s\n  condition: {gte: 3}",
    );
    assert_eq!(
        proof(
            &session,
            &[('L', 0, "a"), ('L', 9, "a"), ('L', 18, "a"), ('L', 40, "a")]
        ),
        [3]
    );
    assert!(proof(&session, &[('L', 0, "a"), ('L', 9, "a"), ('L', 20, "a")]).is_empty());
    let loud = correlated(
        "  type: event_count\n  rules: login\n  timespan: 1m\n  condition: {gte: 2}\ngenerate: true",
    );
    let findings = loud.hunt(&sequence(&[('L', 0, "a"), ('L', 1, "a")]));
    let ids: Vec<&str> = findings
        .iter()
        .map(|finding| finding.detection.as_str())
        .collect();
    assert_eq!(ids, ["both", "login"]);
}

#[test]
fn findings_gather_by_who_and_outcome() {
    let rules = load("  s: {eventName: Login}\n  condition: s\n");
    let by = |user: &str, key: &str, address: &str, error: Value| {
        event(
            json!({"eventName": "Login", "errorCode": error, "sourceIPAddress": address,
            "userIdentity": {"type": "IAMUser", "arn": user, "accessKeyId": key}}),
        )
    };
    let findings = rules.hunt(&[
        by("a", "K1", "192.0.2.1", json!(null)),
        by("a", "K1", "192.0.2.1", json!(null)),
        by("a", "K1", "192.0.2.1", json!("AccessDenied")),
        by("a", "K1", "192.0.2.2", json!(null)),
        by("a", "K2", "192.0.2.1", json!(null)),
        by("b", "K1", "192.0.2.1", json!(null)),
    ]);
    assert_eq!(findings.len(), 5);
    assert_eq!(findings.iter().filter(|finding| finding.attempt).count(), 1);
    assert_eq!(
        findings
            .iter()
            .map(|finding| finding.proof.len())
            .sum::<usize>(),
        6
    );
}
