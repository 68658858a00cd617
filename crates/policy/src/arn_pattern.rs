//! ARNs of policies, compared part by part as AWS does.
//!
//! Owns where an ARN's parts begin. How a part is compared is `pattern.rs`.

use crate::context::Context;
use crate::pattern::{Pattern, Syntax, variable};

/// A policy's ARN: partition, service, region, account and resource, each compared by itself, so that a
/// wildcard does not reach over a colon but in the resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArnPattern {
    text: String,
    /// None for what is not an ARN (only `*` is then of use).
    parts: Option<Box<[Pattern; 5]>>,
    anything: bool,
}

impl ArnPattern {
    /// Splits an ARN of a policy. Parts that it lacks match anything, as AWS completes them.
    pub(crate) fn new(text: &str, variables: bool) -> Self {
        let syntax = Syntax {
            wildcards: true,
            variables,
        };
        let anything = !text.is_empty() && text.bytes().all(|byte| byte == b'*');
        let mut parts = split(text, variables).into_iter();
        let parts = (parts.next() == Some("arn")).then(|| {
            Box::new(std::array::from_fn(|_| {
                Pattern::new(parts.next().unwrap_or("*"), syntax)
            }))
        });
        Self {
            text: text.to_owned(),
            parts,
            anything,
        }
    }

    /// Splits an ARN of a condition: there every part must stand, if only as `*`.
    pub(crate) fn whole(text: &str, variables: bool) -> Option<Self> {
        (split(text, variables).len() == 6).then(|| Self::new(text, variables))
    }

    /// As the document spells it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches every resource, `*` and `arn:*:*:*:*:*` alike.
    pub(crate) fn covers_everything(&self) -> bool {
        self.anything
            || self
                .parts
                .as_ref()
                .is_some_and(|parts| parts.iter().all(Pattern::is_anything))
    }

    /// Whether it matches an ARN.
    pub(crate) fn matches(&self, arn: &str, context: &Context) -> bool {
        if self.anything {
            return true;
        }
        let Some(parts) = &self.parts else {
            return false;
        };
        let mut request = arn.splitn(6, ':');
        request.next() == Some("arn")
            && parts.iter().all(|part| {
                request
                    .next()
                    .is_some_and(|text| part.matches(text, context))
            })
    }
}

/// Splits at the first five colons that are not inside a variable.
fn split(text: &str, variables: bool) -> Vec<&str> {
    let mut parts = Vec::with_capacity(6);
    let mut start = 0;
    let mut position = 0;
    while let Some(rest) = text.get(position..).filter(|rest| !rest.is_empty()) {
        if variables && let Some((_, after)) = variable(rest) {
            position += rest.len() - after.len();
            continue;
        }
        if rest.starts_with(':') && parts.len() < 5 {
            parts.push(text.get(start..position).unwrap_or_default());
            start = position + 1;
        }
        position += rest.chars().next().map_or(1, char::len_utf8);
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_compared_part_by_part() {
        for (pattern, arn, expected) in [
            ("*", "*", true),
            ("arn:aws:s3:::*", "*", false),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a/b:c", true),
            ("arn:aws:s3:*:*:b", "arn:aws:s3:::b", true),
            (
                "arn:aws:iam::*:user/a",
                "arn:aws:iam::1:role/x:user/a",
                false,
            ),
            ("arn:aws:*:b", "arn:aws:s3:::b", false),
            ("arn:*:s3:*:*:b", "arn:aws-cn:s3:::b", true),
            ("arn:aws:s3:::B", "arn:aws:s3:::b", false),
            (
                "arn:aws:s3:::${aws:username}/x",
                "arn:aws:s3:::anna/x",
                true,
            ),
            (
                "arn:aws:iam::1:user/${aws:username}",
                "arn:aws:iam::1:user/bob",
                false,
            ),
            ("bucket", "bucket", false),
        ] {
            let context = Context::new().with("aws:username", "anna");
            assert_eq!(
                ArnPattern::new(pattern, true).matches(arn, &context),
                expected,
                "{pattern} {arn}"
            );
        }
    }
}
