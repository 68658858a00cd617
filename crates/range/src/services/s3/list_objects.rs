//! Lists of what is in a bucket: objects, in both forms of the call, and versions.
//!
//! Owns the answers. The walk itself is `listing`.

use serde_json::{Value, json};
use stockade_wire::{AwsError, Object};

use super::access::{bucket, text};
use super::listing::{self, Encoding, Line, Query};
use super::objects::quoted;
use super::state::{Bucket, ObjectData, Version, Versions};
use super::{errors, names};
use crate::call::{Call, Reply};
use crate::state::State;
use crate::table::Table;

/// What both forms of `ListObjects` have in common.
struct Page<'a> {
    lines: Vec<Line<'a, Versions>>,
    truncated: bool,
    most: usize,
    encoding: Encoding,
}

fn page<'a>(bucket: &'a Bucket, call: &'a Call<'_>, after: &'a str) -> Result<Page<'a>, AwsError> {
    let most = listing::asked(call.input.get("MaxKeys"), "max-keys")?.min(listing::MOST);
    let encoding = Encoding::of(text(call, "EncodingType"))?;
    let query = Query {
        prefix: text(call, "Prefix").unwrap_or_default(),
        delimiter: text(call, "Delimiter").unwrap_or_default(),
        after,
    };
    let is_there = |versions: &Versions| versions.last().is_some_and(|v| v.object.is_some());
    let mut walk = listing::lines(bucket.keys(), query, is_there);
    let lines: Vec<_> = walk.by_ref().take(most).collect();
    // To ask for nothing is never to be told that there is more.
    let truncated = most > 0 && walk.next().is_some();
    Ok(Page {
        lines,
        truncated,
        most,
        encoding,
    })
}

impl Page<'_> {
    /// The members that both forms share.
    fn answer(&self, bucket: &Bucket, call: &Call<'_>, with_owner: bool) -> Object {
        let mut output = Object::new();
        let mut add = |name: &str, value: Value| output.insert(name.to_owned(), value);
        add("Name", json!(bucket.name));
        add(
            "Prefix",
            self.encoding.text(text(call, "Prefix").unwrap_or_default()),
        );
        add("MaxKeys", json!(self.most));
        add("IsTruncated", json!(self.truncated));
        if let Some(delimiter) = text(call, "Delimiter").filter(|d| !d.is_empty()) {
            add("Delimiter", self.encoding.text(delimiter));
        }
        if self.encoding == Encoding::Url {
            add("EncodingType", json!("url"));
        }
        let contents: Vec<Value> = self
            .lines
            .iter()
            .filter_map(|line| {
                let Line::Key(key, versions) = line else {
                    return None;
                };
                let version = versions.last()?;
                let object = version.object.as_ref()?;
                let mut entry = described(self.encoding.text(key), version, object);
                if with_owner {
                    entry.insert("Owner".to_owned(), owner(bucket));
                }
                Some(Value::Object(entry))
            })
            .collect();
        if !contents.is_empty() {
            add("Contents", Value::Array(contents));
        }
        if let Some(prefixes) = common_prefixes(&self.lines, self.encoding) {
            add("CommonPrefixes", prefixes);
        }
        output
    }
}

fn common_prefixes<V>(lines: &[Line<'_, V>], encoding: Encoding) -> Option<Value> {
    let prefixes: Vec<Value> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Prefix(prefix) => Some(json!({"Prefix": encoding.text(prefix)})),
            Line::Key(..) => None,
        })
        .collect();
    (!prefixes.is_empty()).then_some(Value::Array(prefixes))
}

fn owner(bucket: &Bucket) -> Value {
    json!({"ID": names::canonical_id(&bucket.owner)})
}

fn described(key: Value, version: &Version, object: &ObjectData) -> Object {
    let mut entry = Object::new();
    entry.insert("Key".to_owned(), key);
    entry.insert(
        "LastModified".to_owned(),
        json!(version.modified.to_string()),
    );
    entry.insert("ETag".to_owned(), quoted(&object.etag));
    entry.insert(
        "ChecksumAlgorithm".to_owned(),
        json!([object.checksum.algorithm.name()]),
    );
    entry.insert(
        "ChecksumType".to_owned(),
        json!(object.checksum.coverage.name()),
    );
    entry.insert("Size".to_owned(), json!(object.body.len()));
    entry.insert(
        "StorageClass".to_owned(),
        json!(object.attributes.storage_class),
    );
    entry
}

/// `ListObjects`.
pub fn list(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    let marker = text(call, "Marker").unwrap_or_default();
    let page = page(bucket, call, marker)?;
    let mut output = page.answer(bucket, call, true);
    output.insert("Marker".to_owned(), page.encoding.text(marker));
    // Without a delimiter the last key tells where to go on.
    if let (true, true, Some(last)) = (
        page.truncated,
        output.contains_key("Delimiter"),
        page.lines.last(),
    ) {
        output.insert("NextMarker".to_owned(), page.encoding.text(last.name()));
    }
    Ok(Reply::from(output))
}

/// `ListObjectsV2`.
pub fn list_v2(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    let start_after = text(call, "StartAfter").unwrap_or_default();
    let token = text(call, "ContinuationToken");
    let after = match token {
        Some(token) => listing::read_token(token)?,
        None => start_after.to_owned(),
    };
    let page = page(bucket, call, &after)?;
    let fetch_owner = call.input.get("FetchOwner") == Some(&json!(true));
    let mut output = page.answer(bucket, call, fetch_owner);
    output.insert("KeyCount".to_owned(), json!(page.lines.len()));
    if let Some(token) = token {
        output.insert("ContinuationToken".to_owned(), json!(token));
    }
    if !start_after.is_empty() {
        output.insert("StartAfter".to_owned(), page.encoding.text(start_after));
    }
    if let (true, Some(last)) = (page.truncated, page.lines.last()) {
        output.insert(
            "NextContinuationToken".to_owned(),
            json!(listing::token(last.name())),
        );
    }
    Ok(Reply::from(output))
}

/// A line of a listing of versions.
enum Entry<'a> {
    Version(&'a str, &'a Version, bool),
    Prefix(String),
}

/// `ListObjectVersions`.
pub fn list_versions(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    let encoding = Encoding::of(text(call, "EncodingType"))?;
    let most = listing::asked(call.input.get("MaxKeys"), "max-keys")?.min(listing::MOST);
    let key_marker = text(call, "KeyMarker").unwrap_or_default();
    let version_marker = text(call, "VersionIdMarker");
    if version_marker.is_some() && key_marker.is_empty() {
        return Err(errors::invalid_argument(
            "A version-id marker cannot be specified without a key marker.",
            "version-id-marker",
            version_marker.unwrap_or_default(),
        ));
    }
    let query = Query {
        prefix: text(call, "Prefix").unwrap_or_default(),
        delimiter: text(call, "Delimiter").unwrap_or_default(),
        after: key_marker,
    };
    let mut walk = rest_of_key(bucket.keys(), key_marker, version_marker).chain(
        listing::lines(bucket.keys(), query, |_| true).flat_map(|line| match line {
            Line::Key(key, versions) => newest_first(key, versions).collect(),
            Line::Prefix(prefix) => vec![Entry::Prefix(prefix)],
        }),
    );
    let page: Vec<Entry<'_>> = walk.by_ref().take(most).collect();
    let truncated = most > 0 && walk.next().is_some();

    let (mut versions, mut markers, mut prefixes) = (Vec::new(), Vec::new(), Vec::new());
    for entry in &page {
        match entry {
            Entry::Prefix(prefix) => prefixes.push(json!({"Prefix": encoding.text(prefix)})),
            Entry::Version(key, version, latest) => {
                let mut line = match &version.object {
                    Some(object) => described(encoding.text(key), version, object),
                    None => Object::from_iter([
                        ("Key".to_owned(), encoding.text(key)),
                        (
                            "LastModified".to_owned(),
                            json!(version.modified.to_string()),
                        ),
                    ]),
                };
                line.insert("VersionId".to_owned(), json!(version.id()));
                line.insert("IsLatest".to_owned(), json!(latest));
                line.insert("Owner".to_owned(), owner(bucket));
                if version.object.is_some() {
                    versions.push(Value::Object(line));
                } else {
                    markers.push(Value::Object(line));
                }
            }
        }
    }
    let mut output = Object::new();
    let mut add = |name: &str, value: Value| output.insert(name.to_owned(), value);
    add("Name", json!(bucket.name));
    add("Prefix", encoding.text(query.prefix));
    add("KeyMarker", encoding.text(key_marker));
    add("VersionIdMarker", json!(version_marker.unwrap_or_default()));
    add("MaxKeys", json!(most));
    add("IsTruncated", json!(truncated));
    if !query.delimiter.is_empty() {
        add("Delimiter", encoding.text(query.delimiter));
    }
    if encoding == Encoding::Url {
        add("EncodingType", json!("url"));
    }
    for (name, lines) in [
        ("Versions", versions),
        ("DeleteMarkers", markers),
        ("CommonPrefixes", prefixes),
    ] {
        if !lines.is_empty() {
            add(name, Value::Array(lines));
        }
    }
    match page.last().filter(|_| truncated) {
        Some(Entry::Version(key, version, _)) => {
            add("NextKeyMarker", encoding.text(key));
            add("NextVersionIdMarker", json!(version.id()));
        }
        Some(Entry::Prefix(prefix)) => {
            add("NextKeyMarker", encoding.text(prefix));
        }
        None => {}
    }
    Ok(Reply::from(output))
}

fn newest_first<'a>(key: &'a str, versions: &'a Versions) -> impl Iterator<Item = Entry<'a>> {
    let last = versions.len().saturating_sub(1);
    versions
        .iter()
        .enumerate()
        .rev()
        .map(move |(place, version)| Entry::Version(key, version, place == last))
}

/// The versions of the marker's key that come behind the marker's version.
fn rest_of_key<'a>(
    keys: &'a Table<String, Versions>,
    key: &str,
    version: Option<&str>,
) -> impl Iterator<Item = Entry<'a>> {
    let found = version.and_then(|version| Some((keys.get_key_value(key)?, version.to_owned())));
    found.into_iter().flat_map(|((key, versions), marker)| {
        newest_first(key, versions)
            .skip_while(move |entry| !matches!(entry, Entry::Version(_, v, _) if v.id() == marker))
            .skip(1)
    })
}
