//! Every detection of `content/detections` holds to its examples.

use std::path::Path;

use stockade_detect::{rules_lint, rules_test};

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/detections")
}

#[test]
fn every_detection_holds_to_its_examples() {
    let report = rules_test(Some(&root())).unwrap();
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(report.passed(), "\n{}\n", failures.join("\n"));
}

#[test]
fn every_detection_is_complete() {
    let failures: Vec<String> = rules_lint(Some(&root()))
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}
