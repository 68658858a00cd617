//! Lists of uploads in parts, and of the parts that came so far.
//!
//! Owns the answers. The walk itself is `listing`.

use serde_json::{Value, json};
use stockade_wire::{AwsError, Object};

use super::access::{bucket, key, text};
use super::listing::{self, Encoding, Line, Query};
use super::multipart::{upload, upload_id};
use super::names;
use super::objects::quoted;
use super::state::Upload;
use crate::call::{Call, Reply};
use crate::state::State;

/// `ListParts`.
pub fn list_parts(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    let upload = upload(state, call)?;
    let most = listing::asked(call.input.get("MaxParts"), "max-parts")?.min(listing::MOST);
    let after = match call.input.get("PartNumberMarker") {
        Some(Value::String(text)) => text.parse().unwrap_or(0),
        Some(other) => other.as_i64().unwrap_or(0),
        None => 0,
    };
    let mut rest = upload.parts.range(after.saturating_add(1)..);
    let page: Vec<_> = rest.by_ref().take(most).collect();
    let truncated = most > 0 && rest.next().is_some();
    let parts: Vec<Value> = page
        .iter()
        .map(|(number, part)| {
            let mut line = Object::new();
            line.insert("PartNumber".to_owned(), json!(number));
            line.insert("LastModified".to_owned(), json!(part.modified.to_string()));
            line.insert("ETag".to_owned(), quoted(&part.etag));
            line.insert("Size".to_owned(), json!(part.body.len()));
            if let Some(checksum) = &part.checksum {
                checksum.write_value(&mut line);
            }
            Value::Object(line)
        })
        .collect();
    let owner = json!({"ID": names::canonical_id(&bucket.owner)});
    let mut output = Object::new();
    let mut add = |name: &str, value: Value| output.insert(name.to_owned(), value);
    add("Bucket", json!(bucket.name));
    add("Key", json!(key(call)?));
    add("UploadId", json!(upload_id(call)));
    add("PartNumberMarker", json!(after));
    add(
        "NextPartNumberMarker",
        json!(page.last().map_or(0, |(number, _)| **number)),
    );
    add("MaxParts", json!(most));
    add("IsTruncated", json!(truncated));
    if !parts.is_empty() {
        add("Parts", Value::Array(parts));
    }
    add("Initiator", json!({"ID": upload.initiator}));
    add("Owner", owner);
    add("StorageClass", json!(upload.attributes.storage_class));
    if let Some((algorithm, coverage)) = upload.checksum {
        add("ChecksumAlgorithm", json!(algorithm.name()));
        add("ChecksumType", json!(coverage.name()));
    }
    Ok(Reply::from(output))
}

/// `ListMultipartUploads`.
pub fn list_uploads(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    let encoding = Encoding::of(text(call, "EncodingType"))?;
    let most = listing::asked(call.input.get("MaxUploads"), "max-uploads")?.min(listing::MOST);
    let key_marker = text(call, "KeyMarker").unwrap_or_default();
    // Without a key the id says nothing.
    let id_marker = text(call, "UploadIdMarker").filter(|_| !key_marker.is_empty());
    let query = Query {
        prefix: text(call, "Prefix").unwrap_or_default(),
        delimiter: text(call, "Delimiter").unwrap_or_default(),
        after: key_marker,
    };
    let mut by_key = crate::table::Table::<String, Vec<(&str, &Upload)>>::new();
    for (key, id, upload) in bucket.uploads() {
        by_key.entry(key.to_owned()).or_default().push((id, upload));
    }
    let same_key: Vec<(&str, &str, &Upload)> = id_marker
        .and_then(|marker| Some((marker, by_key.get_key_value(key_marker)?)))
        .into_iter()
        .flat_map(|(marker, (key, uploads))| {
            uploads
                .iter()
                .filter(move |(id, _)| *id > marker)
                .map(|(id, upload)| (key.as_str(), *id, *upload))
        })
        .collect();
    let mut lines: Vec<Result<(&str, &str, &Upload), String>> =
        same_key.into_iter().map(Ok).collect();
    for line in listing::lines(&by_key, query, |_| true) {
        match line {
            Line::Prefix(prefix) => lines.push(Err(prefix)),
            Line::Key(key, uploads) => {
                lines.extend(uploads.iter().map(|(id, upload)| Ok((key, *id, *upload))))
            }
        }
    }
    let truncated = most > 0 && lines.len() > most;
    lines.truncate(most);

    let (mut uploads, mut prefixes) = (Vec::new(), Vec::new());
    for line in &lines {
        match line {
            Err(prefix) => prefixes.push(json!({"Prefix": encoding.text(prefix)})),
            Ok((key, id, upload)) => {
                let mut line = json!({
                    "UploadId": id,
                    "Key": encoding.text(key),
                    "Initiated": upload.initiated.to_string(),
                    "StorageClass": upload.attributes.storage_class,
                    "Owner": {"ID": names::canonical_id(&bucket.owner)},
                    "Initiator": {"ID": upload.initiator},
                });
                if let (Some((algorithm, coverage)), Some(line)) =
                    (upload.checksum, line.as_object_mut())
                {
                    line.insert("ChecksumAlgorithm".to_owned(), json!(algorithm.name()));
                    line.insert("ChecksumType".to_owned(), json!(coverage.name()));
                }
                uploads.push(line);
            }
        }
    }
    let mut output = Object::new();
    let mut add = |name: &str, value: Value| output.insert(name.to_owned(), value);
    add("Bucket", json!(bucket.name));
    add("KeyMarker", encoding.text(key_marker));
    add("UploadIdMarker", json!(id_marker.unwrap_or_default()));
    add("Prefix", encoding.text(query.prefix));
    add("MaxUploads", json!(most));
    add("IsTruncated", json!(truncated));
    if !query.delimiter.is_empty() {
        add("Delimiter", encoding.text(query.delimiter));
    }
    if encoding == Encoding::Url {
        add("EncodingType", json!("url"));
    }
    match lines.last().filter(|_| truncated) {
        Some(Ok((key, id, _))) => {
            add("NextKeyMarker", encoding.text(key));
            add("NextUploadIdMarker", json!(id));
        }
        Some(Err(prefix)) => {
            add("NextKeyMarker", encoding.text(prefix));
        }
        None => {}
    }
    for (name, lines) in [("Uploads", uploads), ("CommonPrefixes", prefixes)] {
        if !lines.is_empty() {
            add(name, Value::Array(lines));
        }
    }
    Ok(Reply::from(output))
}
