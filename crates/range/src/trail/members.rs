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
/// What stands in place of an account's name and address.
pub const WITHHELD: &str = "****";

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
        let sensitive = service.shape(member.shape).sensitive;
        let value = match secrecy(service, &member.name, sensitive) {
            Secrecy::LeftOut => continue,
            Secrecy::Masked(by) => by.into(),
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
        (Kind::Timestamp, Value::String(text)) => Some(spoken(service, text).into()),
        (Kind::Blob, _) => None,
        _ => Some(given.clone()),
    }
}

enum Secrecy {
    None,
    Masked(&'static str),
    LeftOut,
}

/// What AWS does with a member: secrets that it hands out or that are passwords it leaves out, codes it masks.
fn secrecy(service: &Service, member: &str, sensitive: bool) -> Secrecy {
    if service.name == "organizations" && sensitive {
        // Who an account belongs to is nobody's business, but the event must tell that it was named.
        let is_account = member.ends_with("Email") || member == "AccountName";
        return Secrecy::Masked(if is_account { WITHHELD } else { HIDDEN });
    }
    match member {
        "TokenCode" | "AuthenticationCode1" | "AuthenticationCode2" | "GrantToken" => {
            Secrecy::Masked(HIDDEN)
        }
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

fn spoken(service: &Service, text: &str) -> String {
    match text.parse::<Timestamp>() {
        Err(_) => text.to_owned(),
        // IAM's have a comma less.
        Ok(time) if service.name == "iam" => time.strftime("%b %-d, %Y %-I:%M:%S %p").to_string(),
        Ok(time) => in_words(time),
    }
}

/// A time as records have it: `Jul 10, 2023, 12:24:29 PM`.
pub fn in_words(time: Timestamp) -> String {
    time.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string()
}
