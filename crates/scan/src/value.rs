//! A value in its bytes, looked into only as far as somebody asks.
//!
//! Owns members, elements and texts of values that lie within a record. A value that is not in order
//! ends where the fault is: what cannot be read is not there.

use std::borrow::Cow;

use crate::scanner::{Next, Scanner};

/// A JSON value as it is written, without white space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(&'a [u8]);

/// What sort of value it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`, `false`
    Bool,
    /// A number.
    Number,
    /// A text.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl<'a> Raw<'a> {
    /// A value from its bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.trim_ascii())
    }

    /// The bytes.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// What sort it is; none where it is no value at all.
    #[inline]
    pub fn kind(self) -> Option<Kind> {
        Some(match self.0.first()? {
            b'n' => Kind::Null,
            b't' | b'f' => Kind::Bool,
            b'"' => Kind::String,
            b'[' => Kind::Array,
            b'{' => Kind::Object,
            b'-' | b'0'..=b'9' => Kind::Number,
            _ => return None,
        })
    }

    /// Whether it is null, or nothing.
    #[inline]
    pub fn is_null(self) -> bool {
        matches!(self.kind(), None | Some(Kind::Null))
    }

    /// The text between the quotes of a string that has no escapes and is UTF-8.
    #[inline]
    pub fn plain(self) -> Option<&'a str> {
        let [b'"', inner @ .., b'"'] = self.0 else {
            return None;
        };
        // One pass over what is nearly always short ASCII.
        let mut odd = false;
        for byte in inner {
            odd |= *byte == b'\\';
        }
        if odd {
            return None;
        }
        std::str::from_utf8(inner).ok()
    }

    /// The text of a string, its escapes resolved.
    pub fn text(self) -> Option<Cow<'a, str>> {
        if let Some(plain) = self.plain() {
            return Some(Cow::Borrowed(plain));
        }
        if self.kind() != Some(Kind::String) {
            return None;
        }
        let text = match std::str::from_utf8(self.0) {
            Ok(_) => serde_json::from_slice(self.0).ok()?,
            Err(_) => serde_json::from_str(&String::from_utf8_lossy(self.0)).ok()?,
        };
        Some(Cow::Owned(text))
    }

    /// The members of an object, in order; none for anything else.
    #[inline]
    pub fn members(self) -> Members<'a> {
        let open = self.0.first() == Some(&b'{');
        Members {
            scanner: Scanner::new(if open { self.0 } else { &[] }, 0),
            at: open.then_some(1),
        }
    }

    /// The elements of an array, in order; none for anything else.
    #[inline]
    pub fn elements(self) -> Elements<'a> {
        let open = self.0.first() == Some(&b'[');
        Elements {
            scanner: Scanner::new(if open { self.0 } else { &[] }, 0),
            at: open.then_some(1),
        }
    }

    /// The member of an object with this name.
    #[inline]
    pub fn get(self, name: &str) -> Option<Raw<'a>> {
        self.members()
            .find(|(key, _)| is_key(key, name))
            .map(|(_, value)| value)
    }

    /// Follows names through objects.
    pub fn at(self, path: &[&str]) -> Option<Raw<'a>> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    /// The value as a tree; none where it is not in order.
    pub fn tree(self) -> Option<serde_json::Value> {
        serde_json::from_slice(self.0)
            .or_else(|_| serde_json::from_str(&String::from_utf8_lossy(self.0)))
            .ok()
    }
}

/// Whether a key as it is written is this name.
#[inline]
pub fn is_key(written: &[u8], name: &str) -> bool {
    if written == name.as_bytes() {
        return true;
    }
    written.contains(&b'\\')
        && Raw(&[b"\"", written, b"\""].concat())
            .text()
            .is_some_and(|key| key == name)
}

/// The members of an object: key as written, and value.
#[derive(Debug)]
pub struct Members<'a> {
    scanner: Scanner<'a>,
    at: Option<usize>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], Raw<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (key, value, next) = self.member(self.at?)?;
        self.at = next;
        Some((key, value))
    }
}

impl<'a> Members<'a> {
    #[inline]
    fn member(&mut self, at: usize) -> Option<(&'a [u8], Raw<'a>, Option<usize>)> {
        let bytes = self.scanner.bytes();
        let (byte, open) = self.scanner.visible(at).ok()?;
        if byte != b'"' {
            return None;
        }
        let after = self.scanner.value(open).ok()?;
        let key = bytes.get(open + 1..after.checked_sub(1)?)?;
        let (byte, colon) = self.scanner.visible(after).ok()?;
        if byte != b':' {
            return None;
        }
        let (_, start) = self.scanner.visible(colon + 1).ok()?;
        let end = self.scanner.value(start).ok()?;
        let next = match self.scanner.next(end, b'}') {
            Ok(Next::More(place)) => Some(place),
            Ok(Next::End(_)) | Err(_) => None,
        };
        Some((key, Raw(bytes.get(start..end)?), next))
    }
}

/// The elements of an array.
#[derive(Debug)]
pub struct Elements<'a> {
    scanner: Scanner<'a>,
    at: Option<usize>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Raw<'a>;

    #[inline]
    fn next(&mut self) -> Option<Raw<'a>> {
        let at = self.at.take()?;
        let bytes = self.scanner.bytes();
        let (_, start) = self.scanner.visible(at).ok()?;
        let end = self.scanner.value(start).ok()?;
        self.at = match self.scanner.next(end, b']') {
            Ok(Next::More(place)) => Some(place),
            Ok(Next::End(_)) | Err(_) => None,
        };
        Some(Raw(bytes.get(start..end)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn rebuilt(raw: Raw<'_>) -> Value {
        match raw.kind() {
            Some(Kind::Object) => Value::Object(
                raw.members()
                    .map(|(key, value)| {
                        let quoted = [b"\"", key, b"\""].concat();
                        (
                            Raw::new(&quoted).text().unwrap().into_owned(),
                            rebuilt(value),
                        )
                    })
                    .collect(),
            ),
            Some(Kind::Array) => Value::Array(raw.elements().map(rebuilt).collect()),
            Some(Kind::String) => Value::from(raw.text().unwrap().into_owned()),
            _ => raw.tree().unwrap(),
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,80}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map("\\PC{0,9}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_lazy_value_is_the_tree(value in json(), pretty in any::<bool>()) {
            let text = if pretty { format!("{value:#}") } else { value.to_string() };
            prop_assert_eq!(rebuilt(Raw::new(text.as_bytes())), value);
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let raw = Raw::new(&bytes);
            let _ = (raw.members().count(), raw.elements().count(), raw.text(), raw.tree());
        }
    }

    #[test]
    fn members_are_found_by_name() {
        let text = json!({"a": {"b\"c": [1, "x"]}, "n": null}).to_string();
        let raw = Raw::new(text.as_bytes());
        let list: Vec<&[u8]> = raw
            .at(&["a", "b\"c"])
            .unwrap()
            .elements()
            .map(Raw::bytes)
            .collect();
        assert_eq!(list, [b"1".as_slice(), b"\"x\""]);
        assert!(raw.get("n").unwrap().is_null() && raw.get("none").is_none());
        assert!(raw.get("a").unwrap().get("n").is_none());
    }
}
