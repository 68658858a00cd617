//! The forms of output that other programs read, each held to what those programs want.

use serde_json::{Value, json};
use stockade_detect::render::{self, Hunted, Read, Records};
use stockade_detect::{RuleSet, Story, coverage, stories};
use stockade_model::{Event, Finding};

use crate::logs::invictus;

fn hunt() -> (Vec<Finding>, Vec<Story>) {
    let events = invictus();
    let findings = RuleSet::builtin().hunt(&events);
    let told = stories(&findings, &events);
    assert!(findings.len() > 20);
    (findings, told)
}

fn with<T>(findings: &[Finding], stories: &[Story], show: impl FnOnce(&Hunted<'_>) -> T) -> T {
    show(&Hunted {
        read: &Read::default(),
        findings,
        stories,
        suppressed: &[],
        skipped: &[],
        problems: &[],
    })
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "integer" | "timestamp" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => false,
    }
}

/// Holds an object to the schema's facts: what must be there is, nothing else but what may be, all of its type.
fn hold(object: &Value, facts: &Value, name: &str) {
    for (member, kind) in facts["required"].as_object().unwrap() {
        let value = object
            .get(member)
            .unwrap_or_else(|| panic!("{name} lacks {member}"));
        assert!(is(value, kind.as_str().unwrap()), "{name}.{member} {value}");
    }
    for (member, value) in object.as_object().unwrap() {
        let kind = facts["required"]
            .get(member)
            .or_else(|| facts["optional"].get(member));
        let kind = kind.unwrap_or_else(|| panic!("{name} has no {member}"));
        assert!(is(value, kind.as_str().unwrap()), "{name}.{member} {value}");
    }
}

#[test]
fn ocsf_is_what_the_schema_says() {
    let facts: Value = serde_json::from_str(include_str!("ocsf.json")).unwrap();
    let (findings, stories) = hunt();
    let events = lines(&with(&findings, &stories, |hunted| {
        render::ocsf::render(hunted).unwrap()
    }));
    assert_eq!(events.len(), findings.len());
    for (event, finding) in events.iter().zip(&findings) {
        hold(event, &facts["class"], "detection_finding");
        for object in ["finding_info", "metadata", "cloud"] {
            hold(&event[object], &facts["objects"][object], object);
        }
        for of in ["severity_id", "activity_id", "status_id"] {
            assert!(
                facts["class"][of].as_array().unwrap().contains(&event[of]),
                "{of}"
            );
        }
        assert_eq!(event["class_uid"], facts["class"]["class_uid"]);
        let (class, activity) = (
            event["class_uid"].as_i64().unwrap(),
            event["activity_id"].as_i64().unwrap(),
        );
        assert_eq!(event["type_uid"], json!(class * 100 + activity));
        assert_eq!(event["metadata"]["version"], facts["version"]);
        assert_eq!(event["finding_info"]["title"], json!(finding.title));
        for attack in event["finding_info"]["attacks"].as_array().unwrap() {
            assert!(
                attack["tactic"]["uid"].as_str().unwrap().starts_with("TA"),
                "{attack}"
            );
        }
        for observable in event["observables"].as_array().unwrap() {
            assert!(observable["type_id"].is_u64() && observable["name"].is_string());
        }
    }
    let uids: std::collections::BTreeSet<&str> = events
        .iter()
        .map(|event| event["finding_info"]["uid"].as_str().unwrap())
        .collect();
    assert_eq!(
        uids.len(),
        findings.len(),
        "a finding has a name of its own"
    );
}

#[test]
fn asff_is_what_security_hub_takes() {
    let (findings, stories) = hunt();
    let text = with(&findings, &stories, |hunted| {
        render::asff::render(hunted).unwrap()
    });
    let document: Value = serde_json::from_str(&text).unwrap();
    let service = stockade_wire::table::service("securityhub").unwrap();
    let operation = &service.operations["BatchImportFindings"];
    let all = document["Findings"].as_array().unwrap();
    assert_eq!(all.len(), findings.len());
    // A call takes a hundred.
    for some in all.chunks(100) {
        let input = json!({"Findings": some});
        stockade_wire::server::validate(service, operation, input.as_object().unwrap(), false)
            .unwrap();
        known(service, operation.input.unwrap(), &input, "input");
    }
    for finding in all {
        let title = finding["Title"].as_str().unwrap().chars().count();
        let description = finding["Description"].as_str().unwrap().chars().count();
        assert!(title <= 256 && description <= 1_024);
        assert!(!finding["Resources"].as_array().unwrap().is_empty());
    }
}

/// Whether every member is one that the model has.
fn known(
    service: &stockade_wire::table::Service,
    shape: stockade_wire::table::ShapeId,
    value: &Value,
    path: &str,
) {
    use stockade_wire::table::Kind;
    match (&service.shape(shape).kind, value) {
        (Kind::Structure { members, .. }, Value::Object(map)) => {
            for (name, inner) in map {
                let member = members.iter().find(|member| member.name == *name);
                let member = member.unwrap_or_else(|| panic!("{path} has no {name}"));
                known(service, member.shape, inner, &format!("{path}.{name}"));
            }
        }
        (Kind::List { element, .. }, Value::Array(items)) => {
            items
                .iter()
                .for_each(|item| known(service, element.shape, item, &format!("{path}[]")));
        }
        _ => {}
    }
}

#[test]
fn the_other_forms_hold_every_finding() {
    let (findings, stories) = hunt();
    with(&findings, &stories, |hunted| {
        let all = lines(&render::ndjson::render(hunted).unwrap());
        assert_eq!(all.len(), findings.len());
        assert_eq!(all[0]["title"], json!(findings[0].title));

        let csv = render::csv::render(hunted);
        assert_eq!(csv.matches("\r\n").count(), findings.len() + 1);

        let sarif: Value = serde_json::from_str(&render::sarif::render(hunted).unwrap()).unwrap();
        let run = &sarif["runs"][0];
        assert_eq!(sarif["version"], "2.1.0");
        assert_eq!(run["results"].as_array().unwrap().len(), findings.len());
        for result in run["results"].as_array().unwrap() {
            let rule =
                &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        }
    });
}

#[test]
fn the_page_stands_alone_and_what_attackers_write_stays_text() {
    let (mut findings, stories) = hunt();
    findings[0].principal = "arn:aws:iam::1:user/<script>alert(1)</script>".into();
    let origin = findings[0].proof[0].origin.clone();
    let records = Records::from([(
        origin,
        "{\"userAgent\": \"<img src=x onerror=alert(1)>\"}".to_owned(),
    )]);
    let page = with(&findings, &stories, |hunted| {
        render::html::render(hunted, &records)
    });
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(
        page.contains("&lt;img src=x onerror=alert(1)&gt;"),
        "the record is there"
    );
    for outside in ["http://", "https://", "src=\"", "href=", "@import", "url("] {
        let stray = page.replace("http://www.w3.org/2000/svg", "");
        let stray = findings
            .iter()
            .fold(stray, |page, finding| match &finding.next {
                Some(next) => page.replace(next.as_str(), ""),
                None => page,
            });
        assert!(!stray.contains(outside), "{outside}");
    }
    for part in ["<svg", "class=\"heat\"", "user/bert-jan", "<details"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn coverage_and_pages() {
    let rules = RuleSet::builtin();
    let layer: Value = serde_json::from_str(&coverage::navigator(&rules).unwrap()).unwrap();
    assert_eq!(layer["domain"], "enterprise-attack");
    let techniques = layer["techniques"].as_array().unwrap();
    assert!(techniques.len() > 40);
    assert!(
        techniques
            .iter()
            .all(|one| one["techniqueID"].as_str().unwrap().starts_with('T'))
    );
    let table = coverage::table(&rules);
    assert!(table.contains("CREDENTIAL ACCESS") && table.contains("T1078.004"));
    let found = rules.named("port-scan");
    let page = rules.page(found[0]);
    assert!(
        page.contains("Port scan") && page.contains("What to do next"),
        "{page}"
    );
    let rule = rules.detections().find(|meta| meta.id.len() == 36).unwrap();
    let page = rules.page(rule);
    assert!(
        page.contains("The rule") && page.contains("logsource:"),
        "{page}"
    );
    assert!(rules.named("no such thing").is_empty());
}

#[test]
fn who_did_what_is_counted_whatever_the_rules_say() {
    let events: Vec<Event> = invictus();
    let rules = RuleSet::builtin();
    let mut hunter = stockade_detect::Hunter::new(&rules);
    events.iter().for_each(|event| hunter.event(event));
    let overview = rules.finish(vec![hunter]).overview();
    let all: u64 = overview.principals.iter().map(|one| one.events).sum();
    assert_eq!(all, events.len() as u64);
    assert!(
        overview
            .principals
            .iter()
            .any(|one| one.value.ends_with("user/bert-jan"))
    );
    assert!(overview.services.iter().any(|one| one.value == "iam"));
    assert!(
        overview
            .errors
            .iter()
            .any(|one| one.value.contains("AccessDenied"))
    );
    let table = overview.table();
    for part in ["PRINCIPALS", "ADDRESSES", "SERVICES", "ERRORS"] {
        assert!(table.contains(part), "{part}");
    }
}
