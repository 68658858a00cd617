//! Lists that come in pages, read to their end by the facts of the tables.
//!
//! Owns the small paths that the tables use (`Marker`, `NextMarker || Contents[-1].Key`).

use serde_json::Value;
use stockade_wire::table::Paging;

use crate::Object;

/// No list of AWS's has more pages; what does is a service that turns in a circle.
pub(crate) const MOST_PAGES: usize = 100_000;

/// The value at a path, where there is one.
pub(crate) fn at<'a>(output: &'a Object, path: &str) -> Option<&'a Value> {
    path.split("||")
        .filter_map(|path| one(output, path.trim()))
        .find(|value| !is_nothing(value))
}

fn one<'a>(output: &'a Object, path: &str) -> Option<&'a Value> {
    let mut value: Option<&Value> = None;
    for step in path.split('.') {
        let (name, last) = match step.strip_suffix("[-1]") {
            Some(name) => (name, true),
            None => (step, false),
        };
        let next = match value {
            None => output.get(name),
            Some(value) => value.get(name),
        }?;
        value = Some(if last { next.as_array()?.last()? } else { next });
    }
    value
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// The input members that fetch the next page; none at the end.
pub(crate) fn next(paging: &Paging, output: &Object) -> Option<Vec<(String, Value)>> {
    if let Some(more) = &paging.more
        && at(output, more).and_then(Value::as_bool) != Some(true)
    {
        return None;
    }
    let tokens: Vec<_> = paging
        .input_tokens
        .iter()
        .zip(&paging.output_tokens)
        .filter_map(|(member, path)| Some((member.clone(), at(output, path)?.clone())))
        .collect();
    (!tokens.is_empty()).then_some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn output(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    fn paging(output: &str, more: Option<&str>) -> Paging {
        Paging {
            input_tokens: vec!["Marker".into()],
            output_tokens: vec![output.into()],
            limit: None,
            results: vec!["Users".into()],
            more: more.map(Into::into),
        }
    }

    #[test]
    fn paths() {
        let value = output(json!({"A": {"B": [{"K": 1}, {"K": 2}]}, "E": "", "N": null}));
        assert_eq!(at(&value, "A.B[-1].K"), Some(&json!(2)));
        assert_eq!(at(&value, "E || N || A.B[-1].K"), Some(&json!(2)));
        assert_eq!(at(&value, "E"), None);
        assert_eq!(at(&value, "A.X[-1]"), None);
        assert_eq!(at(&value, ""), None);
    }

    #[test]
    fn pages_end() {
        let plain = paging("Marker", None);
        let told = paging("Marker", Some("IsTruncated"));
        let with_marker = output(json!({"Marker": "m"}));
        assert_eq!(
            next(&plain, &with_marker),
            Some(vec![("Marker".into(), json!("m"))])
        );
        assert_eq!(next(&told, &with_marker), None);
        assert_eq!(
            next(&told, &output(json!({"Marker": "m", "IsTruncated": false}))),
            None
        );
        assert!(next(&told, &output(json!({"Marker": "m", "IsTruncated": true}))).is_some());
        assert_eq!(next(&plain, &output(json!({"Marker": ""}))), None);
    }
}
