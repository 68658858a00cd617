//! What botocore says of a service: its model, its paginators, the endpoints.
//!
//! Owns where these files are and how they are read. Chooses nothing from them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::ShapesError;

/// What SQS's newer model no longer says: the names of its query protocol, which older clients still speak.
const SQS_QUERY: &str = include_str!("sqs_query.json");

/// What IAM's model forbids and IAM takes, as its documentation says: wildcards in the name of a policy's holder.
const IAM_WILDCARDS: &str = include_str!("iam_wildcards.json");

/// The installed package.
pub(super) struct Package {
    folder: PathBuf,
    /// Its version.
    pub(super) version: String,
    /// The services that have one endpoint for all regions, by their endpoint's prefix.
    global: Vec<String>,
}

/// What the package says of one service.
pub(super) struct Model {
    /// Where it is, for errors.
    pub(super) path: PathBuf,
    /// The model itself.
    pub(super) facts: Map<String, Value>,
    /// The names of each structure's members, in the model's order.
    pub(super) order: BTreeMap<String, Vec<String>>,
    /// How operations page, by name.
    pub(super) paging: Map<String, Value>,
    /// Whether there is one endpoint for all regions.
    pub(super) global: bool,
}

impl Package {
    /// The package in a folder, or else where it is installed.
    pub(super) fn find(folder: Option<&Path>) -> Result<Self, ShapesError> {
        let folder = match folder {
            Some(folder) => folder.to_owned(),
            None => installed()?,
        };
        Ok(Self {
            version: version(&folder)?,
            global: global(&folder)?,
            folder,
        })
    }

    /// What it says of a service, by botocore's name of it.
    pub(super) fn model(&self, service: &str) -> Result<Model, ShapesError> {
        let folder = self.folder.join("data").join(service);
        let (path, text) = newest(&folder, "service-2")?
            .ok_or_else(|| wrong(&folder, "there is no service-2.json"))?;
        let mut facts: Map<String, Value> = parsed(&path, &text)?;
        let order: Ordered = parsed(&path, &text)?;
        match service {
            "sqs" => amend(&mut facts, parsed(&path, SQS_QUERY)?),
            "iam" => amend(&mut facts, parsed(&path, IAM_WILDCARDS)?),
            _ => {}
        }
        let paging = match newest(&folder, "paginators-1")? {
            Some((path, text)) => {
                let mut all: Map<String, Value> = parsed(&path, &text)?;
                match all.remove("pagination") {
                    Some(Value::Object(paging)) => paging,
                    _ => Map::new(),
                }
            }
            None => Map::new(),
        };
        let prefix = facts
            .get("metadata")
            .and_then(|metadata| metadata.get("endpointPrefix"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        let global = self.global.iter().any(|known| known == prefix);
        let order = order
            .shapes
            .into_iter()
            .map(|(name, shape)| (name, shape.members.0))
            .collect();
        Ok(Model {
            path,
            facts,
            order,
            paging,
            global,
        })
    }
}

/// Puts one tree of facts over another.
fn amend(facts: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        match (facts.get_mut(&name), value) {
            (Some(Value::Object(there)), Value::Object(value)) => amend(there, value),
            (_, value) => {
                facts.insert(name, value);
            }
        }
    }
}

/// The part of a model whose order counts.
#[derive(Deserialize)]
struct Ordered {
    shapes: BTreeMap<String, OrderedShape>,
}

#[derive(Deserialize)]
struct OrderedShape {
    #[serde(default)]
    members: Names,
}

#[derive(Default)]
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("members by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

pub(super) fn wrong(path: &Path, why: &str) -> ShapesError {
    ShapesError::Model {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

fn parsed<'a, T: Deserialize<'a>>(path: &Path, text: &'a str) -> Result<T, ShapesError> {
    serde_json::from_str(text).map_err(|error| wrong(path, &error.to_string()))
}

/// Where the package is installed: in the project's own environment, or the machine's.
fn installed() -> Result<PathBuf, ShapesError> {
    for python in [
        crate::root().join(".venv/bin/python"),
        PathBuf::from("python3"),
    ] {
        let asked = Command::new(python)
            .args(["-c", "import botocore; print(botocore.__path__[0])"])
            .output();
        if let Ok(output) = asked
            && output.status.success()
        {
            return Ok(PathBuf::from(
                String::from_utf8_lossy(&output.stdout).trim(),
            ));
        }
    }
    Err(ShapesError::NoBotocore)
}

fn version(package: &Path) -> Result<String, ShapesError> {
    let path = package.join("__init__.py");
    let text = fs::read_to_string(&path).map_err(|source| ShapesError::File {
        path: path.clone(),
        source,
    })?;
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix("__version__ = "));
    found
        .map(|quoted| quoted.trim_matches(['\'', '"', ' ']).to_owned())
        .ok_or_else(|| wrong(&path, "it has no __version__"))
}

/// The services that answer at one endpoint for all regions of AWS's main partition, but for STS and S3, which have such
/// an address too and answer in every region.
fn global(package: &Path) -> Result<Vec<String>, ShapesError> {
    let (path, text) = read(&package.join("data"), "endpoints")?
        .ok_or_else(|| wrong(package, "there is no endpoints.json"))?;
    let endpoints: Value = parsed(&path, &text)?;
    let services = endpoints
        .pointer("/partitions/0/services")
        .and_then(Value::as_object)
        .ok_or_else(|| wrong(&path, "it has no partition"))?;
    Ok(services
        .iter()
        .filter(|(name, service)| {
            service.get("partitionEndpoint").is_some() && !matches!(name.as_str(), "sts" | "s3")
        })
        .map(|(name, _)| name.clone())
        .collect())
}

/// A file of the newest version of a service's API.
fn newest(folder: &Path, name: &str) -> Result<Option<(PathBuf, String)>, ShapesError> {
    let mut versions: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<_, _>>()
        })
        .map_err(|source| failed(folder, source))?;
    versions.retain(|path| path.is_dir());
    versions.sort();
    match versions.pop() {
        Some(newest) => read(&newest, name),
        None => Err(wrong(folder, "it has no version")),
    }
}

fn failed(path: &Path, source: io::Error) -> ShapesError {
    ShapesError::File {
        path: path.to_owned(),
        source,
    }
}

/// A JSON file of the package, plain or gzip.
fn read(folder: &Path, name: &str) -> Result<Option<(PathBuf, String)>, ShapesError> {
    let plain = folder.join(format!("{name}.json"));
    let packed = folder.join(format!("{name}.json.gz"));
    if packed.exists() {
        let mut text = String::new();
        File::open(&packed)
            .and_then(|file| GzDecoder::new(file).read_to_string(&mut text))
            .map_err(|source| failed(&packed, source))?;
        return Ok(Some((packed, text)));
    }
    if plain.exists() {
        let text = fs::read_to_string(&plain).map_err(|source| failed(&plain, source))?;
        return Ok(Some((plain, text)));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_keep_their_order() {
        let text = r#"{"shapes": {"A": {"members": {"Zeta": {"x": [1]}, "Alpha": {}}}, "B": {"type": "string"}}}"#;
        let ordered: Ordered = serde_json::from_str(text).unwrap();
        assert_eq!(ordered.shapes["A"].members.0, ["Zeta", "Alpha"]);
        assert!(ordered.shapes["B"].members.0.is_empty());
    }

    #[test]
    fn what_is_amended_keeps_the_rest() {
        let mut facts = json!({"a": {"b": 1, "c": 2}}).as_object().unwrap().clone();
        amend(
            &mut facts,
            json!({"a": {"c": 3, "d": 4}}).as_object().unwrap().clone(),
        );
        assert_eq!(Value::Object(facts), json!({"a": {"b": 1, "c": 3, "d": 4}}));
    }
}
