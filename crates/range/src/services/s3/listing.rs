//! The walk that every listing shares: prefix, delimiter, where to go on, how much at most.
//!
//! Owns the order and the grouping into common prefixes, continuation tokens and `encoding-type`. Knows
//! keys and not what is behind them.

use std::ops::Bound;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::errors;
use crate::table::Table;

/// As many as one answer holds, whatever is asked for.
pub const MOST: usize = 1000;

/// What to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<'a> {
    /// Only keys that begin so.
    pub prefix: &'a str,
    /// What ends a common prefix; empty for none.
    pub delimiter: &'a str,
    /// Only what comes behind this key, or behind this common prefix.
    pub after: &'a str,
}

/// A line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'a, V> {
    /// A key.
    Key(&'a str, &'a V),
    /// Keys that share what stands before the delimiter.
    Prefix(String),
}

impl<V> Line<'_, V> {
    /// The key or the common prefix.
    pub fn name(&self) -> &str {
        match self {
            Self::Key(key, _) => key,
            Self::Prefix(prefix) => prefix,
        }
    }
}

/// The lines of a listing, in the order of their bytes. Keys that `shown` turns down are passed over, and a
/// common prefix with no key that is shown does not appear.
pub fn lines<'a, V>(
    keys: &'a Table<String, V>,
    query: Query<'a>,
    shown: impl Fn(&V) -> bool + 'a,
) -> impl Iterator<Item = Line<'a, V>> + 'a {
    let mut from = if query.after < query.prefix {
        Bound::Included(query.prefix.to_owned())
    } else {
        Bound::Excluded(query.after.to_owned())
    };
    // To go on behind a common prefix is to pass over all its keys.
    if common_prefix(query.after, query).is_some_and(|prefix| prefix == query.after) {
        match behind(query.after) {
            Some(next) => from = Bound::Included(next),
            None => from = Bound::Excluded(query.after.to_owned()),
        }
    }
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let (key, value) = keys
            .range::<String, _>((from.clone(), Bound::Unbounded))
            .find(|(_, value)| shown(value))?;
        if !key.starts_with(query.prefix) {
            done = true;
            return None;
        }
        let Some(prefix) = common_prefix(key, query) else {
            from = Bound::Excluded(key.clone());
            return Some(Line::Key(key, value));
        };
        match behind(&prefix) {
            Some(next) => from = Bound::Included(next),
            None => done = true,
        }
        Some(Line::Prefix(prefix))
    })
}

/// What stands up to and with the first delimiter behind the prefix.
fn common_prefix(key: &str, query: Query<'_>) -> Option<String> {
    if query.delimiter.is_empty() {
        return None;
    }
    let rest = key.strip_prefix(query.prefix)?;
    let (head, _) = rest.split_once(query.delimiter)?;
    Some(format!("{}{head}{}", query.prefix, query.delimiter))
}

/// The least text behind everything that begins with `prefix`.
fn behind(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// How many lines the client asks for; [`MOST`] where it does not say.
///
/// # Errors
/// `InvalidArgument` for a negative number.
pub fn asked(asked: Option<&Value>, argument: &str) -> Result<usize, AwsError> {
    let Some(asked) = asked.and_then(Value::as_i64) else {
        return Ok(MOST);
    };
    usize::try_from(asked).map_err(|_| {
        errors::invalid_argument(
            &format!("Argument {argument} must be an integer between 0 and 2147483647"),
            argument,
            &asked.to_string(),
        )
    })
}

/// A token from which a listing goes on behind `name`.
pub fn token(name: &str) -> String {
    BASE64.encode(format!("1{name}"))
}

/// The name behind which a token goes on.
///
/// # Errors
/// `InvalidArgument` for what [`token`] never gave.
pub fn read_token(token: &str) -> Result<String, AwsError> {
    BASE64
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix('1').map(str::to_owned))
        .ok_or_else(|| {
            errors::invalid_argument(
                "The continuation token provided is incorrect",
                "continuation-token",
                token,
            )
        })
}

/// A key as the answer shows it: with `encoding-type=url` what XML cannot carry is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// Escaped as in a form.
    Url,
}

impl Encoding {
    /// The encoding that a request asks for.
    ///
    /// # Errors
    /// `InvalidArgument` for one that S3 does not know.
    pub fn of(asked: Option<&str>) -> Result<Self, AwsError> {
        match asked {
            None => Ok(Self::Plain),
            Some("url") => Ok(Self::Url),
            Some(other) => Err(errors::invalid_argument(
                "Invalid Encoding Method specified in Request",
                "encoding-type",
                other,
            )),
        }
    }

    /// A text in this encoding.
    pub fn text(self, text: &str) -> Value {
        match self {
            Self::Plain => json!(text),
            Self::Url => {
                let mut out = String::with_capacity(text.len());
                for byte in text.bytes() {
                    match byte {
                        b'A'..=b'Z'
                        | b'a'..=b'z'
                        | b'0'..=b'9'
                        | b'-'
                        | b'_'
                        | b'.'
                        | b'*'
                        | b'/' => out.push(char::from(byte)),
                        b' ' => out.push('+'),
                        _ => {
                            out.push('%');
                            out.push_str(&hex::encode_upper([byte]));
                        }
                    }
                }
                json!(out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Table<String, bool> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), true))
            .collect()
    }

    fn names(
        keys: &Table<String, bool>,
        prefix: &str,
        delimiter: &str,
        after: &str,
    ) -> Vec<String> {
        let query = Query {
            prefix,
            delimiter,
            after,
        };
        lines(keys, query, |shown| *shown)
            .map(|line| line.name().to_owned())
            .collect()
    }

    #[test]
    fn groups_by_delimiter() {
        let keys = keys(&[
            "asdf",
            "boo/bar",
            "boo/baz/xyzzy",
            "cquux/thud",
            "cquux/bla",
        ]);
        assert_eq!(names(&keys, "", "/", ""), ["asdf", "boo/", "cquux/"]);
        assert_eq!(names(&keys, "boo/", "/", ""), ["boo/bar", "boo/baz/"]);
        assert_eq!(names(&keys, "boo/", "", ""), ["boo/bar", "boo/baz/xyzzy"]);
        assert_eq!(names(&keys, "zzz", "/", ""), Vec::<String>::new());
    }

    #[test]
    fn goes_on_behind_a_key_and_behind_a_common_prefix() {
        let keys = keys(&["a", "b/1", "b/2", "b0", "c"]);
        assert_eq!(names(&keys, "", "/", "a"), ["b/", "b0", "c"]);
        assert_eq!(names(&keys, "", "/", "b/"), ["b0", "c"]);
        assert_eq!(names(&keys, "", "", "b/"), ["b/1", "b/2", "b0", "c"]);
        assert_eq!(names(&keys, "", "/", "zz"), Vec::<String>::new());
    }

    #[test]
    fn every_page_size_gives_the_whole_listing() {
        let keys = keys(&[
            "a",
            "b/1",
            "b/2",
            "b/\u{10FFFF}",
            "b0",
            "b0/x",
            "c/\u{d7ff}/1",
            "ä/1",
            "ä0",
        ]);
        for delimiter in ["", "/", "0"] {
            let whole = names(&keys, "", delimiter, "");
            let mut paged = Vec::new();
            let mut after = String::new();
            while let Some(name) = names(&keys, "", delimiter, &after).into_iter().next() {
                after = read_token(&token(&name)).unwrap();
                paged.push(name);
            }
            assert_eq!(paged, whole, "{delimiter:?}");
        }
    }

    #[test]
    fn a_prefix_of_nothing_shown_is_not_listed() {
        let keys = Table::from([("a/1".to_owned(), false), ("b/1".to_owned(), true)]);
        assert_eq!(names(&keys, "", "/", ""), ["b/"]);
    }

    #[test]
    fn behind_a_prefix_is_behind_all_its_keys() {
        assert_eq!(behind("a/").as_deref(), Some("a0"));
        assert_eq!(behind("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(behind("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(behind("\u{10FFFF}"), None);
    }

    #[test]
    fn odd_arguments_are_refused() {
        assert_eq!(asked(Some(&json!(0)), "max-keys"), Ok(0));
        assert_eq!(asked(None, "max-keys"), Ok(MOST));
        assert_eq!(
            asked(Some(&json!(-1)), "max-keys").unwrap_err().code,
            "InvalidArgument"
        );
        for bad in ["", "%%%", "YWJj"] {
            assert_eq!(
                read_token(bad).unwrap_err().code,
                "InvalidArgument",
                "{bad}"
            );
        }
        assert!(Encoding::of(Some("base64")).is_err());
    }

    #[test]
    fn escapes_as_in_a_form() {
        assert_eq!(
            Encoding::Url.text("a b/ä(1)~.png"),
            "a+b/%C3%A4%281%29%7E.png"
        );
        assert_eq!(Encoding::Plain.text("a b"), "a b");
    }
}
