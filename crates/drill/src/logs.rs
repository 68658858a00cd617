//! The delivered logs: fetched from the log bucket as the responder fetches them, and read.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use stockade_cloud::Client;
use stockade_model::{Event, Origin};

use crate::error::DrillError;

/// What was fetched.
pub(crate) struct Delivered {
    pub files: usize,
    pub events: Vec<Event>,
    /// What could not be read, in a line each.
    pub unread: Vec<String>,
}

/// Fetches every file of the trail into `folder`, and reads them all.
pub(crate) async fn fetch(
    client: &Client,
    bucket: &str,
    folder: &Path,
) -> Result<Delivered, DrillError> {
    std::fs::create_dir_all(folder)?;
    let input = json!({"Bucket": bucket, "Prefix": "AWSLogs/"});
    let objects = client
        .pages("s3", "ListObjectsV2", input, "Contents")
        .await?;
    let mut keys = BTreeMap::new();
    for object in &objects {
        let Some(key) = object.get("Key").and_then(Value::as_str) else {
            continue;
        };
        // A name of our own: what a bucket calls its objects is nothing to write files by.
        let path = folder.join(format!("{:05}.json.gz", keys.len()));
        let input = json!({"Bucket": bucket, "Key": key});
        let (_, body) = client
            .call_with_body("s3", "GetObject", input, None)
            .await?;
        std::fs::write(&path, body.unwrap_or_default())?;
        keys.insert(path.display().to_string(), key.to_owned());
    }
    let mut events = Vec::new();
    let summary =
        stockade_ingest::read_paths(&[folder.to_owned()], &mut |event| events.push(event))?;
    let events = events
        .into_iter()
        .map(|event| named(event, bucket, &keys))
        .collect();
    Ok(Delivered {
        files: keys.len(),
        events,
        unread: summary.skipped.iter().map(ToString::to_string).collect(),
    })
}

/// The event with the object that it came in, in place of our file.
fn named(event: Event, bucket: &str, keys: &BTreeMap<String, String>) -> Event {
    let Some(key) = keys.get(event.origin().source.as_ref()) else {
        return event;
    };
    let origin = Origin {
        source: format!("s3://{bucket}/{key}").into(),
        index: event.origin().index,
    };
    Event::new(event.record().clone(), origin).unwrap_or(event)
}
