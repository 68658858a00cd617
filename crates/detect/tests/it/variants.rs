//! The same act, written another way: what raises a detection must raise it still when a record says null
//! where it could say nothing, and when a policy document is spaced, percent-encoded, or has lists where
//! it could have single values.

use std::path::Path;

use serde_json::Value;
use stockade_detect::{Kind, RuleSet};
use stockade_model::{Event, Origin};

/// Another way of writing a record.
type Variant = fn(&mut Value);

const VARIANTS: &[(&str, Variant)] = &[
    ("null where there is nothing", nulls),
    ("documents spaced", |record| documents(record, &spaced)),
    ("documents encoded", |record| documents(record, &encoded)),
    ("documents with lists", |record| documents(record, &listed)),
    ("documents with single values", |record| {
        documents(record, &single);
    }),
];

fn nulls(record: &mut Value) {
    let map = record.as_object_mut().unwrap();
    for name in ["errorCode", "errorMessage", "vpcEndpointId", "resources"] {
        map.entry(name).or_insert(Value::Null);
    }
}

/// Rewrites every policy document that stands as text in the request.
fn documents(value: &mut Value, rewrite: &dyn Fn(Value) -> String) {
    match value {
        Value::Object(map) => map.values_mut().for_each(|inner| documents(inner, rewrite)),
        Value::Array(items) => items.iter_mut().for_each(|inner| documents(inner, rewrite)),
        Value::String(text) if text.starts_with('{') && text.contains("\"Statement\"") => {
            if let Ok(document) = serde_json::from_str(text) {
                *text = rewrite(document);
            }
        }
        _ => {}
    }
}

fn spaced(document: Value) -> String {
    serde_json::to_string_pretty(&document).unwrap()
}

fn encoded(document: Value) -> String {
    document
        .to_string()
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect()
}

/// What a policy document may have once or many times.
const EITHER: &[&str] = &["Action", "Resource", "Statement", "AWS"];

fn listed(mut document: Value) -> String {
    within(&mut document, &|value| {
        if !value.is_array() {
            *value = Value::Array(vec![value.take()]);
        }
    });
    document.to_string()
}

fn single(mut document: Value) -> String {
    within(&mut document, &|value| {
        if let Value::Array(items) = value
            && items.len() == 1
        {
            *value = items.remove(0);
        }
    });
    document.to_string()
}

fn within(value: &mut Value, change: &dyn Fn(&mut Value)) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map.iter_mut() {
                within(inner, change);
                if EITHER.contains(&name.as_str()) {
                    change(inner);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| within(inner, change)),
        _ => {}
    }
}

#[test]
fn the_same_act_written_another_way_is_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/detections");
    let rules = RuleSet::load_paths(std::slice::from_ref(&root));
    assert!(rules.problems().is_empty(), "{:?}", rules.problems());
    let (mut checked, mut missed) = (0, Vec::new());
    for meta in rules.detections().filter(|meta| !rules.is_part(&meta.id)) {
        let folder = Path::new(&*meta.source).parent().unwrap();
        let text = std::fs::read_to_string(folder.join("fires.ndjson")).unwrap();
        let records: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        if !records
            .iter()
            .all(|record| record["eventSource"].is_string())
        {
            continue;
        }
        for (name, variant) in VARIANTS {
            let mut written = records.clone();
            written.iter_mut().for_each(variant);
            if written == records {
                continue;
            }
            let events: Vec<Event> = written
                .into_iter()
                .enumerate()
                .map(|(index, record)| {
                    let origin = Origin {
                        source: "variant".into(),
                        index: index as u64,
                    };
                    Event::new(record, origin).unwrap()
                })
                .collect();
            checked += events.len();
            let found = if meta.kind == Kind::Correlation {
                rules
                    .hunt(&events)
                    .iter()
                    .any(|finding| finding.detection == meta.id)
            } else {
                events
                    .iter()
                    .all(|event| rules.matches(event).iter().any(|other| other.id == meta.id))
            };
            if !found {
                missed.push(format!("{}: {name}", meta.source));
            }
        }
    }
    assert!(checked > 800, "{checked}");
    assert!(missed.is_empty(), "\n{}", missed.join("\n"));
}
