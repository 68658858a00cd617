//! What a table keeps of a model: names, types, places, limits. No documentation text goes in.
//!
//! Owns the form of the tables. One operation or shape a line, so that a difference can be read; what is usual is left
//! out (`POST /`, a member that has a shape and nothing else).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::ShapesError;
use super::model::{Model, wrong};

/// The facts of a shape that are kept.
const SHAPE: &[&str] = &[
    "type",
    "required",
    "payload",
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
    "hostLabel",
];
/// The facts of an operation that are kept.
const OPERATION: &[&str] = &["httpChecksumRequired", "authtype", "unsignedPayload"];
/// The facts of a service that are kept.
const METADATA: &[&str] = &[
    "apiVersion",
    "endpointPrefix",
    "jsonVersion",
    "protocol",
    "protocols",
    "serviceId",
    "signingName",
    "targetPrefix",
    "xmlNamespace",
    "awsQueryCompatible",
];

/// A service's table.
pub(super) fn table(model: &Model, version: &str) -> Result<String, ShapesError> {
    let object = |name: &str| part(model, name);
    let operations: BTreeMap<&String, String> = object("operations")?
        .iter()
        .filter_map(|(name, operation)| {
            let facts = operation_facts(operation.as_object()?, model.paging.get(name));
            Some((name, facts.to_string()))
        })
        .collect();
    let wanted = reachable(model)?;
    let shapes: BTreeMap<&String, String> = object("shapes")?
        .iter()
        .filter(|(name, _)| wanted.contains(name.as_str()))
        .filter_map(|(name, shape)| {
            let order = model.order.get(name).map_or(&[][..], Vec::as_slice);
            Some((name, shape_facts(shape.as_object()?, order)))
        })
        .collect();
    let mut metadata = kept(object("metadata")?, METADATA);
    if model.global {
        metadata.insert("global".to_owned(), true.into());
    }
    let mut text = String::from("{\n");
    text += &format!(
        "\"generated_from\":{},\n",
        json!(format!("botocore {version}"))
    );
    text += &format!("\"metadata\":{},\n", Value::Object(metadata));
    text += &format!("\"operations\":{{\n{}\n}},\n", lines(&operations));
    text += &format!("\"shapes\":{{\n{}\n}}\n}}\n", lines(&shapes));
    Ok(text)
}

/// A service's line in the list of tables: what tells it by a request.
pub(super) fn index_line(service: &str, model: &Model) -> Result<String, ShapesError> {
    let metadata = part(model, "metadata")?;
    let text = |name: &str| metadata.get(name).and_then(Value::as_str);
    let missing = |name: &str| wrong(&model.path, &format!("it has no {name}"));
    let prefix = text("endpointPrefix").ok_or_else(|| missing("endpointPrefix"))?;
    let version = text("apiVersion").ok_or_else(|| missing("apiVersion"))?;
    let first = text("protocol").ok_or_else(|| missing("protocol"))?;
    let stated = metadata.get("protocols").and_then(Value::as_array);
    let mut protocols: Vec<&str> = stated
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    protocols.retain(|name| *name != first);
    protocols.insert(0, first);
    let ten = text("jsonVersion") == Some("1.0");
    let protocols: Vec<&str> = protocols
        .into_iter()
        .filter_map(|name| {
            Some(match name {
                "json" if ten => "Json10",
                "json" => "Json11",
                "query" => "Query",
                "ec2" => "Ec2",
                "rest-json" => "RestJson",
                "rest-xml" => "RestXml",
                "smithy-rpc-v2-cbor" => "RpcV2Cbor",
                _ => return None,
            })
        })
        .collect();
    Ok(format!(
        "    {service:?}: signed {:?}, at {prefix:?}, version {version:?}, target {:?}, speaks {protocols:?};\n",
        text("signingName").unwrap_or(prefix),
        text("targetPrefix").unwrap_or_default(),
    )
    .replace("speaks [\"", "speaks [")
    .replace("\", \"", ", ")
    .replace("\"];", "];"))
}

fn part<'a>(model: &'a Model, name: &str) -> Result<&'a Map<String, Value>, ShapesError> {
    model
        .facts
        .get(name)
        .and_then(Value::as_object)
        .ok_or_else(|| wrong(&model.path, &format!("it has no {name}")))
}

/// The shapes that some operation uses, and every error: services answer with errors that no operation names.
fn reachable(model: &Model) -> Result<BTreeSet<&str>, ShapesError> {
    let shapes = part(model, "shapes")?;
    let name_of = |there: &'_ Value| {
        there
            .get("shape")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let mut due: Vec<String> = Vec::new();
    for operation in part(model, "operations")?.values() {
        due.extend(operation.get("input").and_then(name_of));
        due.extend(operation.get("output").and_then(name_of));
        let errors = operation.get("errors").and_then(Value::as_array);
        due.extend(errors.into_iter().flatten().filter_map(name_of));
    }
    let is_error = |shape: &Value| shape.get("exception").is_some() || shape.get("error").is_some();
    due.extend(
        shapes
            .iter()
            .filter(|(_, shape)| is_error(shape))
            .map(|(name, _)| name.clone()),
    );
    let mut reached = BTreeSet::new();
    while let Some(name) = due.pop() {
        let Some((name, shape)) = shapes.get_key_value(&name) else {
            continue;
        };
        if !reached.insert(name.as_str()) {
            continue;
        }
        for element in ["member", "key", "value"] {
            due.extend(shape.get(element).and_then(name_of));
        }
        let members = shape.get("members").and_then(Value::as_object);
        due.extend(
            members
                .into_iter()
                .flat_map(Map::values)
                .filter_map(name_of),
        );
    }
    Ok(reached)
}

fn lines(entries: &BTreeMap<&String, String>) -> String {
    let lines: Vec<String> = entries
        .iter()
        .map(|(name, facts)| format!("{}:{facts}", json!(name)))
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
    if let Some(http) = operation.get("http")
        && *http != json!({"method": "POST", "requestUri": "/"})
    {
        facts.insert("http".to_owned(), http.clone());
    }
    for name in ["input", "output"] {
        if let Some(there) = operation.get(name).and_then(Value::as_object) {
            let wanted = ["shape", "locationName", "xmlNamespace", "resultWrapper"];
            facts.insert(name.to_owned(), shortened(kept(there, &wanted)));
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
    let encodings = operation
        .get("requestcompression")
        .and_then(|compression| compression.get("encodings"));
    if let Some(encodings) = encodings {
        facts.insert("compression".to_owned(), encodings.clone());
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

/// A member's facts; its shape alone if there is no other.
fn shortened(facts: Map<String, Value>) -> Value {
    match facts.get("shape") {
        Some(shape) if facts.len() == 1 => shape.clone(),
        _ => Value::Object(facts),
    }
}

/// A shape's facts as they go into the table, its members in the model's order.
fn shape_facts(shape: &Map<String, Value>, order: &[String]) -> String {
    let mut facts = kept(shape, SHAPE);
    for name in ["member", "key", "value"] {
        if let Some(element) = shape.get(name).and_then(Value::as_object) {
            facts.insert(name.to_owned(), shortened(kept(element, MEMBER)));
        }
    }
    let mut text = Value::Object(facts).to_string();
    if let Some(members) = shape.get("members").and_then(Value::as_object) {
        let members: Vec<String> = order
            .iter()
            .filter_map(|name| {
                let facts = shortened(kept(members.get(name)?.as_object()?, MEMBER));
                Some(format!("{}:{facts}", json!(name)))
            })
            .collect();
        text.pop();
        text += &format!(",\"members\":{{{}}}}}", members.join(","));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_kept_and_prose_is_not() {
        let shape = json!({"type": "structure", "documentation": "<p>words</p>", "required": ["A"],
            "members": {"A": {"shape": "S", "documentation": "words", "locationName": "a"},
                "B": {"shape": "S", "documentation": "words"}}});
        let order = ["B".to_owned(), "A".to_owned()];
        assert_eq!(
            shape_facts(shape.as_object().unwrap(), &order),
            r#"{"required":["A"],"type":"structure","members":{"B":"S","A":{"locationName":"a","shape":"S"}}}"#
        );
    }

    #[test]
    fn operations_keep_what_both_ends_need() {
        let operation = json!({"name": "X", "http": {"method": "POST", "requestUri": "/x"}, "documentation": "words",
            "input": {"shape": "I", "documentation": "words"}, "errors": [{"shape": "E", "documentation": "words"}],
            "httpChecksum": {"requestChecksumRequired": true, "requestAlgorithmMember": "M"}});
        let facts = operation_facts(operation.as_object().unwrap(), None);
        assert_eq!(
            facts,
            json!({"http": {"method": "POST", "requestUri": "/x"}, "input": "I", "errors": ["E"],
                "httpChecksumRequired": true})
        );
    }

    #[test]
    fn the_list_tells_a_service_by_its_request() {
        let facts = json!({"metadata": {"apiVersion": "2010-08-01", "endpointPrefix": "monitoring", "jsonVersion": "1.0",
            "protocol": "smithy-rpc-v2-cbor", "protocols": ["smithy-rpc-v2-cbor", "json", "query"],
            "targetPrefix": "Granite"}});
        let model = Model {
            path: "m".into(),
            facts: facts.as_object().unwrap().clone(),
            order: BTreeMap::new(),
            paging: Map::new(),
            global: false,
        };
        assert_eq!(
            index_line("cloudwatch", &model).unwrap(),
            "    \"cloudwatch\": signed \"monitoring\", at \"monitoring\", version \"2010-08-01\", target \"Granite\", speaks [RpcV2Cbor, Json10, Query];\n"
        );
    }
}
