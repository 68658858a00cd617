//! `requestParameters` and `responseElements`: members as the trail shows them, in lower camel case, with times in
//! words and without secrets.
//!
//! Owns what must not be seen in a record.

use serde_json::{Map, Value};
use stockade_model::Timestamp;
use stockade_wire::Object;
use stockade_wire::table::{Kind, Service, ShapeId};

/// What stands in place of a value that a caller gave and that must not be seen.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Members as a record shows them; null if there are none.
pub(super) fn shown(service: &Service, shape: Option<ShapeId>, members: &Object) -> Value {
    let Some(shape) = shape else {
        return Value::Null;
    };
    match structure(service, shape, members) {
        Some(members) if !members.is_empty() => Value::Object(members),
        _ => Value::Null,
    }
}

fn structure(service: &Service, id: ShapeId, given: &Object) -> Option<Map<String, Value>> {
    let Kind::Structure { members, .. } = &service.shape(id).kind else {
        return None;
    };
    let mut shown = Map::new();
    for member in members {
        let Some(given) = given.get(&member.name).filter(|value| !value.is_null()) else {
            continue;
        };
        let value = match secrecy(&member.name, service.shape(member.shape).sensitive) {
            Secrecy::LeftOut => continue,
            Secrecy::Masked => HIDDEN.into(),
            Secrecy::None => match value(service, member.shape, given) {
                Some(value) => value,
                None => continue,
            },
        };
        shown.insert(camel(&member.name), value);
    }
    Some(shown)
}

fn value(service: &Service, id: ShapeId, given: &Value) -> Option<Value> {
    match (&service.shape(id).kind, given) {
        (Kind::Structure { .. }, Value::Object(given)) => {
            structure(service, id, given).map(Value::Object)
        }
        (Kind::List { element, .. }, Value::Array(items)) => {
            let items = items
                .iter()
                .filter_map(|item| value(service, element.shape, item));
            Some(items.collect())
        }
        (Kind::Map { value: of, .. }, Value::Object(entries)) => {
            let entries = entries
                .iter()
                .filter_map(|(key, entry)| Some((key.clone(), value(service, of.shape, entry)?)));
            Some(Value::Object(entries.collect()))
        }
        (Kind::Timestamp, Value::String(text)) => Some(in_words(service, text).into()),
        (Kind::Blob, _) => None,
        _ => Some(given.clone()),
    }
}

enum Secrecy {
    None,
    Masked,
    LeftOut,
}

/// What AWS does with a member: secrets that it hands out or that are passwords it leaves out, codes it masks.
fn secrecy(member: &str, sensitive: bool) -> Secrecy {
    match member {
        "TokenCode" | "AuthenticationCode1" | "AuthenticationCode2" => Secrecy::Masked,
        "SecretAccessKey"
        | "Password"
        | "OldPassword"
        | "NewPassword"
        | "PrivateKey"
        | "ServicePassword"
        | "ServiceCredentialSecret"
        | "Base32StringSeed"
        | "QRCodePNG" => Secrecy::LeftOut,
        _ if sensitive => Secrecy::LeftOut,
        _ => Secrecy::None,
    }
}

/// `UserName` → `userName`.
fn camel(name: &str) -> String {
    let mut letters = name.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let mut camel = String::with_capacity(name.len());
    camel.push(first.to_ascii_lowercase());
    camel.push_str(letters.as_str());
    camel
}

/// `Jul 10, 2023 12:24:29 PM`; STS has one comma more.
fn in_words(service: &Service, text: &str) -> String {
    let Ok(time) = text.parse::<Timestamp>() else {
        return text.to_owned();
    };
    let comma = if service.name == "iam" { "" } else { "," };
    let day = time.strftime("%b %-d, %Y");
    let hour = time.strftime("%-I:%M:%S %p");
    format!("{day}{comma} {hour}")
}
