//! The context that a caller of the simulator gives: typed values of condition keys.
//!
//! Owns the checks of `ContextEntries`. Which text is a value of a type is the policy crate's.

use serde::Deserialize;
use stockade_policy::{Context, ValueType};
use stockade_wire::AwsError;

use super::super::errors;

/// A condition key with its values.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Entry {
    context_key_name: Option<String>,
    context_key_type: Option<String>,
    #[serde(default)]
    context_key_values: Vec<String>,
}

/// The type that a name stands for, and how the error calls a value of it.
fn value_type(name: &str) -> Option<(ValueType, &'static str)> {
    Some(match name.strip_suffix("List").unwrap_or(name) {
        "string" => (ValueType::Text, "string format"),
        "numeric" => (ValueType::Number, "numeric format"),
        "boolean" => (ValueType::Boolean, "boolean format"),
        "ip" => (ValueType::Ip, "IP address"),
        "binary" => (ValueType::Binary, "base-64 encoded binary format"),
        "date" => (ValueType::Date, "DateTime format"),
        _ => return None,
    })
}

/// The context of these entries.
pub fn context(entries: &[Entry]) -> Result<Context, AwsError> {
    let mut context = Context::new();
    for entry in entries {
        let name = entry.context_key_name.as_deref().unwrap_or_default();
        if name.is_empty() {
            return Err(errors::invalid_input(
                "ContextKeyName cannot be null or empty.",
            ));
        }
        if context.get(name).is_some() {
            return Err(errors::invalid_input(format!(
                "Duplicate context key: {name}."
            )));
        }
        let type_name = entry.context_key_type.as_deref().unwrap_or("null");
        let Some((kind, expected)) = value_type(type_name) else {
            return Err(errors::invalid_input(format!(
                "Context key {name} has invalid type {type_name}."
            )));
        };
        let values = &entry.context_key_values;
        if values.is_empty() {
            return Err(errors::invalid_input(format!(
                "Context values for context key {name} cannot be null or empty."
            )));
        }
        if !type_name.ends_with("List") && values.len() > 1 {
            return Err(errors::invalid_input(format!(
                "Context key {type_name} expected a single value, but received {}.",
                values.len()
            )));
        }
        let read = values.iter().map(|value| kind.value(value));
        let values: Option<Vec<String>> = read.collect();
        let values = values.ok_or_else(|| {
            errors::invalid_input(format!(
                "Invalid context value for key {name}: expected {expected}."
            ))
        })?;
        context.insert(name, values);
    }
    Ok(context)
}
