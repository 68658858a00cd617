//! The patterns of the models: Java's dialect, a whole value at a time.

use regex::{Regex, RegexBuilder};

use crate::table::Shape;

/// The largest compiled pattern, in bytes.
const LARGEST: usize = 1 << 20;

/// Whether a value is as its shape's pattern wants it. A pattern that cannot be compiled here tells nothing, and
/// refuses nothing.
pub(super) fn fits(shape: &Shape, value: &str) -> bool {
    let Some(pattern) = &shape.pattern else {
        return true;
    };
    let matcher = shape.matcher.get_or_init(|| compiled(pattern));
    matcher
        .as_ref()
        .is_none_or(|matcher| matcher.is_match(value))
}

fn compiled(pattern: &str) -> Option<Regex> {
    // Java knows these classes, and pairs of surrogates, as this crate does not.
    let translated = pattern
        .replace("\\p{Alnum}", "[a-zA-Z0-9]")
        .replace("\\p{ASCII}", "\\x00-\\x7F")
        .replace("\\p{Graph}", "\\x21-\\x7E")
        .replace("\\p{Print}", "\\x20-\\x7E")
        .replace("\\uD800\\uDC00-\\uDBFF\\uDFFF", "\\x{10000}-\\x{10FFFF}")
        .replace("\\Z", "\\z");
    // Java's \w and \d are ASCII, but [^\x00-\x7F] and \p{L} must go on working.
    let ascii = translated
        .replace("\\w", "[a-zA-Z0-9_]")
        .replace("\\d", "[0-9]");
    let whole = |text: &str| {
        RegexBuilder::new(&format!("^(?:{text})$"))
            .size_limit(LARGEST)
            .build()
            .ok()
    };
    whole(&ascii).or_else(|| whole(&translated))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{service, services};

    #[test]
    fn nearly_every_pattern_compiles() {
        let mut all = 0;
        let mut failed = Vec::new();
        for name in services() {
            for shape in &service(name).unwrap().shapes {
                if let Some(pattern) = &shape.pattern {
                    all += 1;
                    if compiled(pattern).is_none() {
                        failed.push(pattern.clone());
                    }
                }
            }
        }
        assert!(all > 100 && failed.len() * 20 < all, "{failed:?}");
    }

    #[test]
    fn a_whole_value_must_fit() {
        let iam = service("iam").unwrap();
        let shape = iam.shape_named("userNameType").unwrap();
        assert!(fits(shape, "anna+x=1,2.@-_"));
        for bad in ["a b", "ü", "a\n", "", "a/b"] {
            assert!(!fits(shape, bad), "{bad:?}");
        }
    }
}
