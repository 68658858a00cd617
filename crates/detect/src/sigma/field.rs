//! Finding a field in an event by the name that a rule gives it.
//!
//! Owns the walk: through objects, through every element of arrays, through names with dots in
//! them, and into policy documents that CloudTrail keeps as JSON text. Must not judge what it finds.

use std::borrow::Cow;

use rsigma_parser::fieldpath::unescape_brackets;
use serde_json::Value;
use stockade_model::Event;

use crate::fields::Derived;

/// What a rule's fields are looked up in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The record, or an element of one of its arrays.
    pub(crate) root: &'a Value,
    /// The event, for the fields that are worked out from it.
    pub(crate) event: &'a Event,
}

impl<'a> Scope<'a> {
    /// The whole event.
    pub(crate) fn of(event: &'a Event) -> Self {
        Self {
            root: event.record(),
            event,
        }
    }
}

/// A field's name, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldPath {
    name: String,
    steps: Vec<Step>,
    derived: Option<Derived>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    name: String,
    /// `name[2]`, `name[-1]`: the name without the bracket, and the place.
    index: Option<(String, i64)>,
    /// This step joined with the ones after it by dots, for names that hold dots: after how many
    /// further steps, and the name.
    joined: Vec<(usize, String)>,
}

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    /// Nothing there.
    Nothing,
    /// Values were there, and the visitor wanted more.
    Seen,
    /// The visitor had what it wanted.
    Stopped,
}

impl FieldPath {
    /// Takes a name apart at its dots.
    pub(crate) fn new(name: &str) -> Self {
        let names: Vec<&str> = name.split('.').collect();
        let steps = names
            .iter()
            .enumerate()
            .map(|(at, step)| Step {
                name: unescape_brackets(step).into_owned(),
                index: index_of(step),
                joined: (at + 2..=names.len())
                    .filter_map(|end| {
                        let joined = names.get(at..end)?.join(".");
                        Some((end - at, unescape_brackets(&joined).into_owned()))
                    })
                    .collect(),
            })
            .collect();
        Self {
            name: name.to_owned(),
            steps,
            derived: Derived::named(name),
        }
    }

    /// The name as the rule has it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Shows `visit` every value that the name leads to, until it answers true. A null counts as
    /// absent, an array as its elements. Returns whether `visit` answered true.
    pub(crate) fn any(&self, scope: Scope<'_>, mut visit: impl FnMut(&Value) -> bool) -> bool {
        if let Some(derived) = self.derived {
            return derived.of(scope.event).is_some_and(|value| visit(&value));
        }
        walk(scope.root, &self.steps, &mut visit) == Walk::Stopped
    }

    /// Whether there is a value.
    pub(crate) fn exists(&self, scope: Scope<'_>) -> bool {
        self.any(scope, |_| true)
    }

    /// The first value as text, for grouping.
    pub(crate) fn text(&self, scope: Scope<'_>) -> Option<String> {
        let mut found = None;
        self.any(scope, |value| {
            found = Some(text_of(value).into_owned());
            true
        });
        found
    }

    /// Shows `visit` every array and value under the name without taking arrays apart at the end.
    pub(crate) fn arrays(&self, scope: Scope<'_>, visit: &mut dyn FnMut(&Value)) {
        whole(scope.root, &self.steps, visit);
    }
}

fn index_of(step: &str) -> Option<(String, i64)> {
    let (name, rest) = step.strip_suffix(']')?.rsplit_once('[')?;
    if name.is_empty() || name.ends_with('\\') {
        return None;
    }
    Some((unescape_brackets(name).into_owned(), rest.parse().ok()?))
}

fn walk(value: &Value, steps: &[Step], visit: &mut dyn FnMut(&Value) -> bool) -> Walk {
    match (value, steps.split_first()) {
        (Value::Null, _) => Walk::Nothing,
        (Value::Array(items), _) => {
            let mut seen = Walk::Nothing;
            for item in items {
                match walk(item, steps, visit) {
                    Walk::Stopped => return Walk::Stopped,
                    Walk::Seen => seen = Walk::Seen,
                    Walk::Nothing => {}
                }
            }
            seen
        }
        (value, None) => {
            if visit(value) {
                Walk::Stopped
            } else {
                Walk::Seen
            }
        }
        (Value::Object(map), Some((step, rest))) => {
            if let Some(inner) = map.get(&step.name) {
                let walked = walk(inner, rest, visit);
                if walked != Walk::Nothing {
                    return walked;
                }
            }
            if let Some((name, index)) = &step.index
                && let Some(Value::Array(items)) = map.get(name)
                && let Some(item) = element(items, *index)
            {
                return walk(item, rest, visit);
            }
            for (count, name) in &step.joined {
                if let Some(inner) = map.get(name) {
                    let walked = walk(inner, steps.get(*count..).unwrap_or_default(), visit);
                    if walked != Walk::Nothing {
                        return walked;
                    }
                }
            }
            Walk::Nothing
        }
        (Value::String(text), Some(_)) => match json_inside(text) {
            Some(inner) => walk(&inner, steps, visit),
            None => Walk::Nothing,
        },
        _ => Walk::Nothing,
    }
}

fn whole(value: &Value, steps: &[Step], visit: &mut dyn FnMut(&Value)) {
    let Some((step, rest)) = steps.split_first() else {
        visit(value);
        return;
    };
    match value {
        Value::Array(items) => items.iter().for_each(|item| whole(item, steps, visit)),
        Value::Object(map) => {
            if let Some(inner) = map.get(&step.name) {
                whole(inner, rest, visit);
            } else {
                for (count, name) in &step.joined {
                    if let Some(inner) = map.get(name) {
                        whole(inner, steps.get(*count..).unwrap_or_default(), visit);
                    }
                }
            }
        }
        Value::String(text) => {
            if let Some(inner) = json_inside(text) {
                whole(&inner, steps, visit);
            }
        }
        _ => {}
    }
}

fn element(items: &[Value], index: i64) -> Option<&Value> {
    let place = if index < 0 {
        items
            .len()
            .checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
    } else {
        usize::try_from(index).ok()?
    };
    items.get(place)
}

/// CloudTrail keeps policy documents as JSON text, in some answers percent-encoded.
fn json_inside(text: &str) -> Option<Value> {
    let text = text.trim_start();
    let text: Cow<'_, str> = if text.starts_with("%7B") || text.starts_with("%5B") {
        Cow::Owned(percent_decoded(text)?)
    } else {
        Cow::Borrowed(text)
    };
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(&text).ok()
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// A value as the text that patterns are matched with: an object as its JSON.
pub(crate) fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        Value::Null => Cow::Borrowed(""),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => Cow::Owned(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;
    use serde_json::json;

    fn values(fields: Value, name: &str) -> Vec<String> {
        let event = event(fields);
        let mut found = Vec::new();
        FieldPath::new(name).any(Scope::of(&event), |value| {
            found.push(text_of(value).into_owned());
            false
        });
        found
    }

    #[test]
    fn walks_objects_arrays_and_dotted_names() {
        let fields = json!({"requestParameters": {
            "ipPermissions": {"items": [
                {"ipRanges": {"items": [{"cidrIp": "10.0.0.0/8"}, {"cidrIp": "0.0.0.0/0"}]}},
                {"ipRanges": {}},
                null,
            ]},
            "a.b": {"c.d": 1}, "a": {"x": 1},
            "list": ["one", ["two"], null],
        }});
        let at = |name: &str| values(fields.clone(), name);
        assert_eq!(
            at("requestParameters.ipPermissions.items.ipRanges.items.cidrIp"),
            ["10.0.0.0/8", "0.0.0.0/0"]
        );
        assert_eq!(at("requestParameters.a.b.c.d"), ["1"]);
        assert_eq!(at("requestParameters.list"), ["one", "two"]);
        assert_eq!(at("requestParameters.list[0]"), ["one"]);
        assert_eq!(at("requestParameters.list[-2]"), ["two"]);
        assert!(at("requestParameters.list[9]").is_empty());
        assert!(at("requestParameters.none").is_empty());
        assert!(at("").is_empty());
        assert!(at("...").is_empty());
    }

    #[test]
    fn walks_into_policy_documents() {
        let policy = r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"}}]}"#;
        let encoded: String = policy.bytes().map(|b| format!("%{b:02X}")).collect();
        for text in [policy, &encoded] {
            assert_eq!(
                values(
                    json!({"requestParameters": {"policyDocument": text}}),
                    "requestParameters.policyDocument.Statement.Principal.AWS"
                ),
                ["*"]
            );
        }
        assert!(values(json!({"x": "%7B%ZZ"}), "x.y").is_empty());
    }
}
