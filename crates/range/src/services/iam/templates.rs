//! Texts with places to fill in (`@{bucketName}`): those of role templates and of delegated permissions.
//!
//! Owns the filling in. What a template is for, and what may stand in its places, is its user's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

const OPEN: &str = "@{";
const CLOSE: char = '}';

/// The values for each place, by name.
pub(super) type Values = BTreeMap<String, Vec<String>>;

/// Why a template could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FillError {
    /// A place has no value.
    #[error("No value is given for the parameter {0}.")]
    Missing(String),
    /// A place inside a text has several values, or none.
    #[error("The parameter {0} takes one value.")]
    NotOne(String),
}

/// A text with its places filled in, which take one value each.
pub(super) fn fill_text(text: &str, values: &Values) -> Result<String, FillError> {
    match expand(text, values)?.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(FillError::NotOne(
            places(text).into_iter().next().unwrap_or_default(),
        )),
    }
}

/// The texts that a text becomes: one for each value of its places.
fn expand(text: &str, values: &Values) -> Result<Vec<String>, FillError> {
    let found = text.split_once(OPEN).and_then(|(before, rest)| {
        let (name, after) = rest.split_once(CLOSE)?;
        Some((before, name, after))
    });
    let Some((before, name, after)) = found else {
        return Ok(vec![text.to_owned()]);
    };
    let here = values
        .get(name)
        .ok_or_else(|| FillError::Missing(name.to_owned()))?;
    let rest = expand(after, values)?;
    let texts = here.iter().flat_map(|value| {
        rest.iter()
            .map(move |rest| format!("{before}{value}{rest}"))
    });
    Ok(texts.collect())
}

/// A document with its places filled in. Where a place has several values, the text that it is in becomes a list, or
/// as many elements of the list that it is in.
pub(super) fn fill(document: &Value, values: &Values) -> Result<Value, FillError> {
    Ok(match document {
        Value::String(text) => {
            let mut texts = expand(text, values)?;
            match texts.len() {
                1 => texts.pop().into(),
                _ => texts.into(),
            }
        }
        Value::Array(items) => {
            let mut filled = Vec::with_capacity(items.len());
            for item in items {
                match item {
                    Value::String(text) => {
                        filled.extend(expand(text, values)?.into_iter().map(Value::from));
                    }
                    other => filled.push(fill(other, values)?),
                }
            }
            Value::Array(filled)
        }
        Value::Object(members) => {
            let filled = members
                .iter()
                .map(|(name, value)| Ok((fill_text(name, values)?, fill(value, values)?)));
            Value::Object(filled.collect::<Result<_, FillError>>()?)
        }
        other => other.clone(),
    })
}

/// The names of the places of a text.
pub(super) fn places(text: &str) -> BTreeSet<String> {
    text.split(OPEN)
        .skip(1)
        .filter_map(|part| part.split_once(CLOSE))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values() -> Values {
        BTreeMap::from([
            ("one".to_owned(), vec!["1".to_owned()]),
            ("two".to_owned(), vec!["a".to_owned(), "b".to_owned()]),
        ])
    }

    #[test]
    fn places_are_filled_in_at_every_depth() {
        let document =
            json!({"a": "x@{one}y", "b": [{"c": "@{two}"}, "x@{two}y", "@{one}"], "@{one}": 2});
        assert_eq!(
            fill(&document, &values()).unwrap(),
            json!({"a": "x1y", "b": [{"c": ["a", "b"]}, "xay", "xby", "1"], "1": 2})
        );
        assert_eq!(
            fill_text("${aws:username} @{", &values()).unwrap(),
            "${aws:username} @{"
        );
    }

    #[test]
    fn a_place_without_a_value_is_an_error() {
        let missing = FillError::Missing("none".to_owned());
        assert_eq!(fill_text("@{none}", &values()), Err(missing.clone()));
        assert_eq!(fill(&json!(["@{none}"]), &values()), Err(missing));
        assert_eq!(
            fill_text("x@{two}", &values()),
            Err(FillError::NotOne("two".to_owned()))
        );
    }

    #[test]
    fn the_places_of_a_text_are_known() {
        let found: Vec<_> = places("a@{x}b@{y}@{x}@{open").into_iter().collect();
        assert_eq!(found, ["x", "y"]);
    }
}
