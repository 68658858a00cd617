//! Text patterns: plain text and wildcards, without regard to case unless asked.
//!
//! Owns matching one text with one pattern. Must not know of fields or events.

use rsigma_parser::{SigmaString, SpecialChar, StringPart};

/// Where in the text the pattern must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// The whole text.
    Whole,
    /// Anywhere (`|contains`).
    Anywhere,
    /// At the start (`|startswith`).
    Start,
    /// At the end (`|endswith`).
    End,
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    shape: Shape,
    cased: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Any,
    Exact(String),
    Prefix(String),
    Suffix(String),
    Contains(String),
    Glob(Vec<Glob>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Glob {
    Char(char),
    One,
    Many,
}

impl Pattern {
    /// Compiles a Sigma text with its wildcards.
    pub(crate) fn new(text: &SigmaString, anchor: Anchor, cased: bool) -> Self {
        let mut globs = Vec::new();
        if matches!(anchor, Anchor::Anywhere | Anchor::End) {
            globs.push(Glob::Many);
        }
        for part in &text.parts {
            match part {
                StringPart::Plain(plain) => {
                    let plain = if cased { plain.clone() } else { fold(plain) };
                    globs.extend(plain.chars().map(Glob::Char));
                }
                StringPart::Special(SpecialChar::WildcardMulti) => globs.push(Glob::Many),
                StringPart::Special(SpecialChar::WildcardSingle) => globs.push(Glob::One),
            }
        }
        if matches!(anchor, Anchor::Anywhere | Anchor::Start) {
            globs.push(Glob::Many);
        }
        globs.dedup_by(|a, b| *a == Glob::Many && *b == Glob::Many);
        Self {
            shape: Shape::of(globs),
            cased,
        }
    }

    /// Compiles a text without wildcards.
    pub(crate) fn plain(text: &str, anchor: Anchor, cased: bool) -> Self {
        Self::new(&SigmaString::from_raw(text), anchor, cased)
    }

    /// The one text that fits, without regard to case; none where several do.
    pub(crate) fn literal(&self) -> Option<&str> {
        match &self.shape {
            Shape::Exact(text) => Some(text),
            _ => None,
        }
    }

    /// What every text that fits begins with; none where they begin with anything.
    pub(crate) fn beginning(&self) -> Option<&str> {
        match &self.shape {
            Shape::Exact(text) | Shape::Prefix(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the text fits.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match &self.shape {
            Shape::Any => true,
            Shape::Exact(exact) => self.same(text, exact),
            Shape::Prefix(prefix) => self.with_case(
                text,
                |t| t.starts_with(prefix),
                |t| {
                    t.get(..prefix.len())
                        .is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
                },
            ),
            Shape::Suffix(suffix) => self.with_case(
                text,
                |t| t.ends_with(suffix),
                |t| {
                    t.len()
                        .checked_sub(suffix.len())
                        .and_then(|start| t.get(start..))
                        .is_some_and(|tail| tail.eq_ignore_ascii_case(suffix.as_bytes()))
                },
            ),
            Shape::Contains(part) => self.with_case(
                text,
                |t| t.contains(part.as_str()),
                |t| {
                    part.is_empty()
                        || t.windows(part.len())
                            .any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
                },
            ),
            Shape::Glob(globs) => {
                if self.cased {
                    glob(globs, text)
                } else {
                    glob(globs, &fold(text))
                }
            }
        }
    }

    fn same(&self, text: &str, pattern: &str) -> bool {
        if self.cased {
            text == pattern
        } else if text.is_ascii() {
            text.eq_ignore_ascii_case(pattern)
        } else {
            fold(text) == pattern
        }
    }

    /// Runs `whole` on the text as it is (cased) or folded, and `ascii` on its bytes where both
    /// sides need no more than ASCII folding, which allocates nothing.
    fn with_case(
        &self,
        text: &str,
        whole: impl Fn(&str) -> bool,
        ascii: impl Fn(&[u8]) -> bool,
    ) -> bool {
        if self.cased {
            whole(text)
        } else if text.is_ascii() {
            ascii(text.as_bytes())
        } else {
            whole(&fold(text))
        }
    }
}

impl Shape {
    fn of(globs: Vec<Glob>) -> Self {
        let text = |globs: &[Glob]| -> Option<String> {
            globs
                .iter()
                .map(|glob| match glob {
                    Glob::Char(c) => Some(*c),
                    Glob::One | Glob::Many => None,
                })
                .collect()
        };
        match globs.as_slice() {
            [Glob::Many] => return Self::Any,
            [Glob::Many, middle @ .., Glob::Many] => {
                if let Some(text) = text(middle) {
                    return Self::Contains(text);
                }
            }
            [Glob::Many, rest @ ..] => {
                if let Some(text) = text(rest) {
                    return Self::Suffix(text);
                }
            }
            [rest @ .., Glob::Many] => {
                if let Some(text) = text(rest) {
                    return Self::Prefix(text);
                }
            }
            all => {
                if let Some(text) = text(all) {
                    return Self::Exact(text);
                }
            }
        }
        Self::Glob(globs)
    }
}

/// Text without case, as patterns are stored.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.to_lowercase()
    }
}

/// Wildcard matching that only ever goes back to the last `*`: time is pattern times text at worst.
fn glob(globs: &[Glob], text: &str) -> bool {
    let mut chars = text.chars();
    let mut rest = globs;
    let mut back: Option<(&[Glob], std::str::Chars<'_>)> = None;
    loop {
        match rest.split_first() {
            Some((Glob::Many, after)) => {
                if after.is_empty() {
                    return true;
                }
                back = Some((after, chars.clone()));
                rest = after;
                continue;
            }
            Some((first, after)) => {
                let mut ahead = chars.clone();
                match ahead.next() {
                    None => return false,
                    Some(c) if *first == Glob::One || *first == Glob::Char(c) => {
                        chars = ahead;
                        rest = after;
                        continue;
                    }
                    Some(_) => {}
                }
            }
            None => {
                if chars.as_str().is_empty() {
                    return true;
                }
            }
        }
        let Some((after, from)) = back.as_mut() else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        chars = from.clone();
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str, anchor: Anchor) -> Pattern {
        Pattern::new(&SigmaString::new(text), anchor, false)
    }

    #[test]
    fn anchors_and_wildcards() {
        use Anchor::{Anywhere, End, Start, Whole};
        for (text, anchor, value, expected) in [
            ("CreateUser", Whole, "createuser", true),
            ("CreateUser", Whole, "CreateUserX", false),
            ("Create*", Whole, "createKey", true),
            ("*Key", Whole, "CreateKey", true),
            ("*Key", Whole, "CreateKeys", false),
            ("a*b*c", Whole, "a-b-b-c", true),
            ("a*b*c", Whole, "a-b-b", false),
            ("a?c", Whole, "abc", true),
            ("a?c", Whole, "ac", false),
            ("a?c", Whole, "aéc", true),
            ("?", Whole, "", false),
            ("*", Whole, "", true),
            ("", Whole, "", true),
            ("", Whole, "x", false),
            ("", Anywhere, "x", true),
            ("b", Anywhere, "abc", true),
            ("b?", Anywhere, "ab", false),
            ("b?", Anywhere, "xabyz", true),
            ("ab", Start, "ABc", true),
            ("bc", End, "aBC", true),
            ("abcd", End, "bcd", false),
            ("STRASSE", Whole, "strasse", true),
            ("É", Anywhere, "café", true),
            (r"a\*b", Whole, "a*b", true),
            (r"a\*b", Whole, "axb", false),
            ("*a*b", Whole, "aab b ab", true),
        ] {
            assert_eq!(
                pattern(text, anchor).matches(value),
                expected,
                "{text} {anchor:?} {value}"
            );
        }
        assert!(!Pattern::plain("Root", Anchor::Whole, true).matches("root"));
        assert!(Pattern::plain("*", Anchor::Whole, false).matches("*"));
        assert!(!Pattern::plain("*", Anchor::Whole, false).matches("x"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn globs_agree_with_regex(globs in "[ab?*]{0,8}", text in "[abc]{0,10}") {
            let mut regex = String::from("(?s)^");
            for c in globs.chars() {
                match c {
                    '*' => regex.push_str(".*"),
                    '?' => regex.push('.'),
                    c => regex.push(c),
                }
            }
            regex.push('$');
            let expected = regex::Regex::new(&regex).unwrap().is_match(&text);
            prop_assert_eq!(pattern(&globs, Anchor::Whole).matches(&text), expected);
        }
    }
}
