//! Attacks for the corpus: the examples of the project's own detections, with times and ids of their own.

use std::fs;

use serde_json::{Value, json};

use super::CorpusError;
use super::chance::Chance;
use super::shapes;

/// The file that says what was planted; hidden, so that it is not read as a log.
pub(crate) const LIST: &str = ".planted.json";

/// An attack.
pub(super) struct Planted {
    /// The detection that must tell of it.
    pub(super) detection: String,
    /// The file in which it is.
    pub(super) file: usize,
    /// Its event.
    event: Value,
    /// The event's id.
    id: String,
}

impl Planted {
    /// Its events, at a time.
    pub(super) fn events(&self, time: u64) -> Vec<String> {
        let mut event = self.event.clone();
        if let Some(map) = event.as_object_mut() {
            map.insert("eventTime".to_owned(), json!(shapes::time(time)));
            map.insert("eventID".to_owned(), json!(self.id));
        }
        vec![event.to_string()]
    }
}

/// Chooses attacks, one event each, and the files in which they go.
pub(super) fn choose(seed: u64, count: usize, files: usize) -> Result<Vec<Planted>, CorpusError> {
    let mut examples = Vec::new();
    let root = crate::root().join("content/detections");
    let mut folders: Vec<_> = fs::read_dir(&root)
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|tactic| fs::read_dir(tactic.path()).into_iter().flatten().flatten())
        .map(|folder| folder.path())
        .collect();
    folders.sort();
    for folder in folders {
        let rule = fs::read_to_string(folder.join("rule.yml")).unwrap_or_default();
        // What takes several events to tell is not planted; nor what is for other logs.
        if rule.contains("\ncorrelation:") || !rule.contains("cloudtrail") {
            continue;
        }
        let id = rule.lines().find_map(|line| line.strip_prefix("id: "));
        let fires = fs::read_to_string(folder.join("fires.ndjson")).unwrap_or_default();
        for line in fires.lines() {
            if let (Some(id), Ok(event)) = (id, serde_json::from_str::<Value>(line)) {
                examples.push((id.trim().to_owned(), event));
            }
        }
    }
    if examples.is_empty() {
        return Err(CorpusError::NoExamples);
    }
    let mut chance = Chance::new(seed ^ 0xa77a);
    Ok((0..count)
        .filter_map(|_| {
            let (detection, event) = chance.one(&examples)?.clone();
            Some(Planted {
                detection,
                file: chance.below(files),
                event,
                id: chance.uuid(),
            })
        })
        .collect())
}

/// The list of what was planted.
pub(super) fn list(planted: &[Planted]) -> String {
    let list: Vec<Value> = planted
        .iter()
        .map(|plant| json!({"detection": plant.detection, "event": plant.id}))
        .collect();
    format!("{:#}\n", Value::from(list))
}
