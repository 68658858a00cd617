//! The real logs, read plainly: the reader proper is another crate's.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stockade_model::{Event, Origin};

/// A folder of the repository's test data.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data")
        .join(name)
}

/// Every event of a real account in which known techniques were detonated, in no special order.
pub fn invictus() -> Vec<Event> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data("cloudtrail-invictus/CloudTrail")).unwrap() {
        let path = entry.unwrap().path();
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(std::fs::File::open(&path).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let source: Arc<str> = path.file_name().unwrap().to_string_lossy().into();
        for (index, record) in file["Records"].as_array().unwrap().iter().enumerate() {
            let origin = Origin {
                source: Arc::clone(&source),
                index: index as u64,
            };
            found.push(Event::new(record.clone(), origin).unwrap());
        }
    }
    found
}
