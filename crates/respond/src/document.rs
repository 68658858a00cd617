//! Policy documents as they come over the wire and as they are compared.

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A policy document from an answer: an object, its text, or its text percent-encoded as IAM
/// sends it. None when it is none of these.
pub fn read(value: Option<&Value>) -> Option<Value> {
    let text = match value? {
        Value::String(text) => text,
        object @ Value::Object(_) => return Some(object.clone()),
        _ => return None,
    };
    let parse = |text: &str| {
        serde_json::from_str::<Value>(text)
            .ok()
            .filter(Value::is_object)
    };
    parse(text).or_else(|| parse(&percent_decode_str(text).decode_utf8().ok()?))
}

/// The document's text, as it is sent.
pub fn text(document: &Value) -> String {
    document.to_string()
}

/// The items of a member that may be one value or a list.
pub fn list(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_every_form_and_nothing_else() {
        let document = json!({"Version": "2012-10-17", "Statement": []});
        let encoded = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
        for form in [
            document.clone(),
            json!(document.to_string()),
            json!(encoded),
        ] {
            assert_eq!(read(Some(&form)), Some(document.clone()));
        }
        for bad in [json!("%7B"), json!("[]"), json!(7), json!("")] {
            assert_eq!(read(Some(&bad)), None, "{bad}");
        }
    }
}
