//! Finding a field in an event by the name that a rule gives it.
//!
//! Owns the walk: through objects, through every element of arrays, through names with dots in
//! them, and into policy documents that CloudTrail keeps as JSON text. Must not judge what it finds.

use std::borrow::Cow;

use rsigma_parser::fieldpath::unescape_brackets;
use stockade_scan::{Kind, Raw};

use crate::fields::Derived;
use crate::look::{Look, Names, Slot};

/// What a rule's fields are looked up in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The element of an array that the rule is at; none for the whole event.
    pub(crate) element: Option<Raw<'a>>,
    /// The event.
    pub(crate) look: &'a Look<'a>,
}

impl<'a> Scope<'a> {
    /// The whole event.
    pub(crate) fn of(look: &'a Look<'a>) -> Self {
        Self {
            element: None,
            look,
        }
    }
}

/// A field's name, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldPath {
    name: String,
    steps: Vec<Step>,
    derived: Option<Derived>,
    /// Where the walk begins in an event: members by slot, in the order in which they are tried.
    starts: Vec<Start>,
}

/// A member of the event that the first step, or several joined, may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Start {
    slot: Slot,
    /// How many steps it stands for.
    steps: usize,
    /// The place in the array that it is.
    index: Option<i64>,
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
            starts: Vec::new(),
        }
    }

    /// Makes known which members of an event the name begins with. Until then it finds nothing there.
    pub(crate) fn link(&mut self, names: &mut Names) {
        if let Some(derived) = self.derived {
            derived.link(names);
        }
        let Some(first) = self.steps.first() else {
            return;
        };
        let mut starts = vec![Start {
            slot: names.slot(&first.name),
            steps: 1,
            index: None,
        }];
        if let Some((name, index)) = &first.index {
            starts.push(Start {
                slot: names.slot(name),
                steps: 1,
                index: Some(*index),
            });
        }
        for (count, name) in &first.joined {
            starts.push(Start {
                slot: names.slot(name),
                steps: *count,
                index: None,
            });
        }
        self.starts = starts;
    }

    /// The name of the member of the event that it begins with, for who wants to know what it rests on.
    pub(crate) fn begins(&self) -> &str {
        if self.derived.is_some() {
            return "";
        }
        self.steps.first().map_or("", |step| step.name.as_str())
    }

    /// The same under another name, where there is one for it.
    pub(crate) fn renamed(&self, name: &dyn Fn(&str) -> Option<&'static str>) -> Self {
        name(&self.name).map_or_else(|| self.clone(), Self::new)
    }

    /// The name as the rule has it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Shows `visit` every value that the name leads to, until it answers true. A null counts as
    /// absent, an array as its elements. Returns whether `visit` answered true.
    pub(crate) fn any(&self, scope: Scope<'_>, mut visit: impl FnMut(Raw<'_>) -> bool) -> bool {
        if let Some(derived) = self.derived {
            return derived
                .of(scope.look)
                .iter()
                .any(|value| visit(Raw::new(value.as_bytes())));
        }
        if let Some(element) = scope.element {
            return walk(element, &self.steps, &mut visit) == Walk::Stopped;
        }
        for start in &self.starts {
            let Some(value) = scope.look.top(start.slot) else {
                continue;
            };
            let value = match start.index {
                None => value,
                Some(index) => match element(value, index) {
                    Some(value) => value,
                    None => continue,
                },
            };
            let rest = self.steps.get(start.steps..).unwrap_or_default();
            match walk(value, rest, &mut visit) {
                Walk::Stopped => return true,
                Walk::Seen => return false,
                Walk::Nothing => {}
            }
        }
        false
    }

    /// Whether there is a value. A list is one, an empty one too: that is about its presence.
    pub(crate) fn exists(&self, scope: Scope<'_>) -> bool {
        let mut empty = false;
        self.any(scope, |_| true) || {
            self.arrays(scope, &mut |value| {
                empty |= value.kind() == Some(Kind::Array);
            });
            empty
        }
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
    pub(crate) fn arrays(&self, scope: Scope<'_>, visit: &mut dyn FnMut(Raw<'_>)) {
        if let Some(element) = scope.element {
            return whole(element, &self.steps, visit);
        }
        let mut starts = self.starts.iter().filter(|start| start.index.is_none());
        if let Some((start, value)) =
            starts.find_map(|start| Some((start, scope.look.top(start.slot)?)))
        {
            let rest = self.steps.get(start.steps..).unwrap_or_default();
            whole(value, rest, visit);
        }
    }
}

fn index_of(step: &str) -> Option<(String, i64)> {
    let (name, rest) = step.strip_suffix(']')?.rsplit_once('[')?;
    if name.is_empty() || name.ends_with('\\') {
        return None;
    }
    Some((unescape_brackets(name).into_owned(), rest.parse().ok()?))
}

fn walk(value: Raw<'_>, steps: &[Step], visit: &mut dyn FnMut(Raw<'_>) -> bool) -> Walk {
    match (value.kind(), steps.split_first()) {
        (None | Some(Kind::Null), _) => Walk::Nothing,
        (Some(Kind::Array), _) => {
            let mut seen = Walk::Nothing;
            for item in value.elements() {
                match walk(item, steps, visit) {
                    Walk::Stopped => return Walk::Stopped,
                    Walk::Seen => seen = Walk::Seen,
                    Walk::Nothing => {}
                }
            }
            seen
        }
        (Some(_), None) => {
            if visit(value) {
                Walk::Stopped
            } else {
                Walk::Seen
            }
        }
        (Some(Kind::Object), Some((step, rest))) => {
            if let Some(inner) = value.get(&step.name) {
                let walked = walk(inner, rest, visit);
                if walked != Walk::Nothing {
                    return walked;
                }
            }
            if let Some((name, index)) = &step.index
                && let Some(item) = value.get(name).and_then(|items| element(items, *index))
            {
                return walk(item, rest, visit);
            }
            for (count, name) in &step.joined {
                if let Some(inner) = value.get(name) {
                    let walked = walk(inner, steps.get(*count..).unwrap_or_default(), visit);
                    if walked != Walk::Nothing {
                        return walked;
                    }
                }
            }
            Walk::Nothing
        }
        (Some(Kind::String), Some(_)) => match json_inside(value) {
            Some(inner) => walk(Raw::new(inner.as_bytes()), steps, visit),
            None => Walk::Nothing,
        },
        _ => Walk::Nothing,
    }
}

fn whole(value: Raw<'_>, steps: &[Step], visit: &mut dyn FnMut(Raw<'_>)) {
    let Some((step, rest)) = steps.split_first() else {
        visit(value);
        return;
    };
    match value.kind() {
        Some(Kind::Array) => value.elements().for_each(|item| whole(item, steps, visit)),
        Some(Kind::Object) => {
            if let Some(inner) = value.get(&step.name) {
                whole(inner, rest, visit);
            } else {
                for (count, name) in &step.joined {
                    if let Some(inner) = value.get(name) {
                        whole(inner, steps.get(*count..).unwrap_or_default(), visit);
                    }
                }
            }
        }
        Some(Kind::String) => {
            if let Some(inner) = json_inside(value) {
                whole(Raw::new(inner.as_bytes()), steps, visit);
            }
        }
        _ => {}
    }
}

fn element(items: Raw<'_>, index: i64) -> Option<Raw<'_>> {
    let place = if index < 0 {
        items
            .elements()
            .count()
            .checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
    } else {
        usize::try_from(index).ok()?
    };
    items.elements().nth(place)
}

/// CloudTrail keeps policy documents as JSON text, in some answers percent-encoded.
fn json_inside(value: Raw<'_>) -> Option<String> {
    let written = value.bytes().strip_prefix(b"\"")?.trim_ascii_start();
    if !matches!(written.first(), Some(b'{' | b'[' | b'%' | b'\\')) {
        return None;
    }
    let text = value.text()?;
    let text = text.trim_start();
    let text: Cow<'_, str> = if text.starts_with("%7B") || text.starts_with("%5B") {
        Cow::Owned(percent_decoded(text)?)
    } else {
        Cow::Borrowed(text)
    };
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str::<serde::de::IgnoredAny>(&text).ok()?;
    Some(text.into_owned())
}

/// Without the `%XX` of a URL; none where it is broken.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
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
pub(crate) fn text_of(value: Raw<'_>) -> Cow<'_, str> {
    match value.kind() {
        None | Some(Kind::Null) => Cow::Borrowed(""),
        Some(Kind::String) => value.text().unwrap_or_default(),
        Some(Kind::Bool) => Cow::Borrowed(if value.bytes() == b"true" {
            "true"
        } else {
            "false"
        }),
        Some(Kind::Number) if value.bytes().len() < 16 && is_digits(value.bytes()) => {
            String::from_utf8_lossy(value.bytes())
        }
        Some(_) => value
            .tree()
            .map_or(Cow::Borrowed(""), |tree| Cow::Owned(tree.to_string())),
    }
}

fn is_digits(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{event, looked};
    use serde_json::{Value, json};

    fn values(fields: Value, name: &str) -> Vec<String> {
        let mut path = FieldPath::new(name);
        let mut names = Names::new();
        path.link(&mut names);
        let mut found = Vec::new();
        looked(&event(fields), names, |look| {
            path.any(Scope::of(look), |value| {
                found.push(text_of(value).into_owned());
                false
            });
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
