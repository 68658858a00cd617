//! `cargo xtask shapes`: the tables of AWS's services, from the models that the PyPI package `botocore` ships.
//!
//! Facts only: names, types, places, limits. No documentation text goes in. One operation or shape a line, so
//! that a difference can be read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};

/// The services that have a table. To serve another, add its name (as botocore spells it) and run this.
const SERVICES: &[&str] = &["cloudtrail", "iam", "organizations", "s3", "sts"];

/// The facts of a shape that are kept.
const SHAPE: &[&str] = &[
    "type",
    "required",
    "payload",
    "member",
    "key",
    "value",
    "flattened",
    "min",
    "max",
    "pattern",
    "enum",
    "sensitive",
    "streaming",
    "eventstream",
    "timestampFormat",
    "locationName",
    "xmlNamespace",
    "exception",
    "error",
    "fault",
    "union",
    "document",
];
/// The facts of a member that are kept.
const MEMBER: &[&str] = &[
    "shape",
    "location",
    "locationName",
    "queryName",
    "flattened",
    "xmlAttribute",
    "xmlNamespace",
    "timestampFormat",
    "jsonvalue",
    "idempotencyToken",
    "streaming",
];
/// The facts of an operation that are kept.
const OPERATION: &[&str] = &[
    "http",
    "httpChecksumRequired",
    "authtype",
    "unsignedPayload",
];
/// The facts of a service that are kept.
const METADATA: &[&str] = &[
    "apiVersion",
    "endpointPrefix",
    "globalEndpoint",
    "jsonVersion",
    "protocol",
    "protocols",
    "serviceId",
    "signingName",
    "targetPrefix",
    "xmlNamespace",
    "awsQueryCompatible",
];

/// How to make the tables.
#[derive(clap::Args)]
pub struct ShapesArgs {
    /// The folder of the installed package; without it, that of .venv or of python3
    #[arg(long)]
    botocore: Option<PathBuf>,
    /// Write nothing: fail if a table is not what the package says
    #[arg(long)]
    check: bool,
}

/// Why the tables could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ShapesError {
    /// The package is not installed.
    #[error("botocore was not found: run ./test once (it makes .venv), or give --botocore DIR")]
    NoBotocore,
    /// A model is not where it should be, or a table cannot be written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A model is not what a model is.
    #[error("{path} is not a service model: {why}")]
    Model {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// `--check` found a difference.
    #[error("{0} is not what botocore says: run cargo xtask shapes")]
    Stale(PathBuf),
}

/// Makes every table, or checks them.
pub fn run(arguments: &ShapesArgs) -> Result<(), ShapesError> {
    let package = match &arguments.botocore {
        Some(folder) => folder.clone(),
        None => installed()?,
    };
    let version = version(&package)?;
    let folder = crate::root().join("crates/wire/tables");
    let mut list = String::from(LIST_HEAD);
    for service in SERVICES {
        let (text, signing_name) = table(&package, service, &version)?;
        list += &format!("    {service:?} signed {signing_name:?},\n");
        keep(
            &folder.join(format!("{service}.json")),
            &text,
            arguments.check,
        )?;
    }
    keep(&folder.join("list.rs"), &(list + ");\n"), arguments.check)
}

/// How the list of tables begins: `wire` includes it.
const LIST_HEAD: &str = "// Made by `cargo xtask shapes`: each table, and the name that its service is signed for under.
tables!(
";

/// Writes a file, or holds it against what is there.
fn keep(path: &Path, text: &str, check: bool) -> Result<(), ShapesError> {
    let file = |source| ShapesError::File {
        path: path.to_owned(),
        source,
    };
    if check {
        if fs::read_to_string(path).map_err(file)? == text {
            return Ok(());
        }
        return Err(ShapesError::Stale(path.to_owned()));
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(file)?;
    println!("{}", path.display());
    Ok(())
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
        .ok_or_else(|| ShapesError::Model {
            path,
            why: "it has no __version__".to_owned(),
        })
}

/// A model of the newest version of a service's API, plain or gzip.
fn model(
    package: &Path,
    service: &str,
    name: &str,
) -> Result<Option<Map<String, Value>>, ShapesError> {
    let folder = package.join("data").join(service);
    let failed = |path: &Path, source| ShapesError::File {
        path: path.to_owned(),
        source,
    };
    let mut versions: Vec<PathBuf> = fs::read_dir(&folder)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<_, _>>()
        })
        .map_err(|source| failed(&folder, source))?;
    versions.retain(|path| path.is_dir());
    versions.sort();
    let Some(newest) = versions.pop() else {
        return Err(ShapesError::Model {
            path: folder,
            why: "it has no version".to_owned(),
        });
    };
    let plain = newest.join(format!("{name}.json"));
    let packed = newest.join(format!("{name}.json.gz"));
    let mut text = String::new();
    let path = if packed.exists() {
        let file = File::open(&packed).map_err(|source| failed(&packed, source))?;
        GzDecoder::new(file)
            .read_to_string(&mut text)
            .map_err(|source| failed(&packed, source))?;
        packed
    } else if plain.exists() {
        text = fs::read_to_string(&plain).map_err(|source| failed(&plain, source))?;
        plain
    } else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|e| ShapesError::Model {
            path,
            why: e.to_string(),
        })
}

/// A service's table, and the name that it is signed for under.
fn table(package: &Path, service: &str, version: &str) -> Result<(String, String), ShapesError> {
    let wrong = |why: &str| ShapesError::Model {
        path: package.join("data").join(service),
        why: why.to_owned(),
    };
    let model_of =
        model(package, service, "service-2")?.ok_or_else(|| wrong("there is no service-2.json"))?;
    let paging = model(package, service, "paginators-1")?.unwrap_or_default();
    let object = |name: &str| {
        model_of
            .get(name)
            .and_then(Value::as_object)
            .ok_or_else(|| wrong("a part is missing"))
    };
    let pages = paging.get("pagination").and_then(Value::as_object);
    let operations: BTreeMap<&String, Value> = object("operations")?
        .iter()
        .filter_map(|(name, operation)| {
            Some((
                name,
                operation_facts(
                    operation.as_object()?,
                    pages.and_then(|pages| pages.get(name)),
                ),
            ))
        })
        .collect();
    let shapes: BTreeMap<&String, Value> = object("shapes")?
        .iter()
        .filter_map(|(name, shape)| Some((name, shape_facts(shape.as_object()?))))
        .collect();
    let mut text = String::from("{\n");
    text += &format!(
        "\"generated_from\":{},\n",
        json!(format!("botocore {version}"))
    );
    text += &format!(
        "\"metadata\":{},\n",
        Value::Object(kept(object("metadata")?, METADATA))
    );
    text += &format!("\"operations\":{{\n{}\n}},\n", lines(&operations));
    text += &format!("\"shapes\":{{\n{}\n}}\n}}\n", lines(&shapes));
    let metadata = object("metadata")?;
    let signing_name = metadata
        .get("signingName")
        .or_else(|| metadata.get("endpointPrefix"))
        .and_then(Value::as_str)
        .ok_or_else(|| wrong("it has no endpointPrefix"))?;
    Ok((text, signing_name.to_owned()))
}

fn lines(entries: &BTreeMap<&String, Value>) -> String {
    let lines: Vec<String> = entries
        .iter()
        .map(|(name, value)| format!("{}:{value}", json!(name)))
        .collect();
    lines.join(",\n")
}

/// The members of `facts` that are named.
fn kept(facts: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    facts
        .iter()
        .filter(|(name, _)| names.contains(&name.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

fn operation_facts(operation: &Map<String, Value>, paging: Option<&Value>) -> Value {
    let mut facts = kept(operation, OPERATION);
    for name in ["input", "output"] {
        if let Some(there) = operation.get(name).and_then(Value::as_object) {
            let wanted = ["shape", "locationName", "xmlNamespace", "resultWrapper"];
            facts.insert(name.to_owned(), Value::Object(kept(there, &wanted)));
        }
    }
    let errors: Vec<Value> = operation
        .get("errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|error| error.get("shape").cloned())
        .collect();
    if !errors.is_empty() {
        facts.insert("errors".to_owned(), Value::Array(errors));
    }
    if operation
        .get("httpChecksum")
        .and_then(|sum| sum.get("requestChecksumRequired"))
        == Some(&Value::Bool(true))
    {
        facts.insert("httpChecksumRequired".to_owned(), Value::Bool(true));
    }
    if let Some(prefix) = operation
        .get("endpoint")
        .and_then(|endpoint| endpoint.get("hostPrefix"))
    {
        facts.insert("hostPrefix".to_owned(), prefix.clone());
    }
    if let Some(paging) = paging {
        facts.insert("paging".to_owned(), paging.clone());
    }
    Value::Object(facts)
}

fn shape_facts(shape: &Map<String, Value>) -> Value {
    let mut facts = kept(shape, SHAPE);
    for name in ["member", "key", "value"] {
        if let Some(element) = shape.get(name).and_then(Value::as_object) {
            facts.insert(name.to_owned(), Value::Object(kept(element, MEMBER)));
        }
    }
    if let Some(members) = shape.get("members").and_then(Value::as_object) {
        let members: Map<String, Value> = members
            .iter()
            .filter_map(|(name, member)| {
                Some((
                    name.clone(),
                    Value::Object(kept(member.as_object()?, MEMBER)),
                ))
            })
            .collect();
        facts.insert("members".to_owned(), Value::Object(members));
    }
    Value::Object(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_kept_and_prose_is_not() {
        let shape = json!({"type": "structure", "documentation": "<p>words</p>", "required": ["A"],
            "members": {"A": {"shape": "S", "documentation": "words", "locationName": "a"}}});
        let facts = shape_facts(shape.as_object().unwrap());
        assert_eq!(
            facts,
            json!({"type": "structure", "required": ["A"], "members": {"A": {"shape": "S", "locationName": "a"}}})
        );
    }

    #[test]
    fn operations_keep_what_both_ends_need() {
        let operation = json!({"name": "X", "http": {"method": "POST", "requestUri": "/"}, "documentation": "words",
            "input": {"shape": "I", "documentation": "words"}, "errors": [{"shape": "E", "documentation": "words"}],
            "httpChecksum": {"requestChecksumRequired": true, "requestAlgorithmMember": "M"}});
        let facts = operation_facts(operation.as_object().unwrap(), None);
        assert_eq!(
            facts,
            json!({"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "I"}, "errors": ["E"],
                "httpChecksumRequired": true})
        );
    }
}
