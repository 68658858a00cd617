//! ARNs of policies, compared part by part as AWS does.
//!
//! Owns where an ARN's parts begin, and where a wildcard may reach over a colon. How a part is compared is
//! `pattern.rs`.

use crate::context::Context;
use crate::pattern::{Pattern, Syntax, variable};

/// An ARN of a request, split once for all patterns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Split<'a> {
    text: &'a str,
    /// Partition, service, region, account and resource; none for what is no ARN.
    parts: Option<[&'a str; 5]>,
}

impl<'a> Split<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let mut rest = text.splitn(6, ':');
        let is_arn = rest.next() == Some("arn");
        let mut next = || rest.next();
        let parts = match (next(), next(), next(), next(), next()) {
            (Some(partition), Some(service), Some(region), Some(account), Some(resource)) => {
                Some([partition, service, region, account, resource])
            }
            _ => None,
        };
        Self {
            text,
            parts: parts.filter(|_| is_arn),
        }
    }

    /// The account that the ARN names; empty where it names none.
    pub(crate) fn account(&self) -> Option<&'a str> {
        self.parts.map(|[_, _, _, account, _]| account)
    }
}

/// A policy's ARN: partition, service, region, account and resource, each compared by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArnPattern {
    text: String,
    /// None for what is not an ARN (only `*` is then of use).
    parts: Option<Box<[Pattern; 5]>>,
    anything: bool,
    /// How many of the parts the text has: those that it lacks match anything, as AWS completes them.
    written: usize,
    /// A part other than the last ends in `*`, which may reach over the colon.
    reaching: bool,
}

impl ArnPattern {
    /// Splits an ARN of a policy's `Resource`.
    pub(crate) fn new(text: &str, variables: bool) -> Self {
        let syntax = Syntax {
            wildcards: true,
            variables,
        };
        let anything = !text.is_empty() && text.bytes().all(|byte| byte == b'*');
        let split = split(text, variables);
        let written = split.len().saturating_sub(1);
        let mut split = split.into_iter();
        let parts: Option<Box<[Pattern; 5]>> = (split.next() == Some("arn")).then(|| {
            Box::new(std::array::from_fn(|_| {
                Pattern::new(split.next().unwrap_or("*"), syntax)
            }))
        });
        let reaching = parts
            .iter()
            .flat_map(|parts| parts.iter().take(written.min(4)))
            .any(Pattern::is_open);
        Self {
            text: text.to_owned(),
            parts,
            anything,
            written,
            reaching,
        }
    }

    /// Splits an ARN of a condition: there every part must stand, if only as `*`, and no wildcard reaches over a
    /// colon but in the resource.
    pub(crate) fn whole(text: &str, variables: bool) -> Option<Self> {
        (split(text, variables).len() == 6).then(|| Self {
            reaching: false,
            ..Self::new(text, variables)
        })
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

    /// Whether every variable in it has a value.
    pub(crate) fn is_resolved(&self, context: &Context) -> bool {
        self.parts
            .iter()
            .flat_map(|parts| parts.iter())
            .all(|part| part.is_resolved(context))
    }

    /// Whether it matches an ARN.
    pub(crate) fn matches(&self, arn: &Split<'_>, context: &Context) -> bool {
        if self.anything {
            return true;
        }
        let (Some(parts), Some(asked)) = (&self.parts, &arn.parts) else {
            return false;
        };
        // The resource first: it tells most ARNs apart.
        let apart = parts
            .iter()
            .zip(asked)
            .rev()
            .all(|(part, text)| part.matches(text, context));
        apart || (self.reaching && self.reaches(parts, arn.text, context))
    }

    /// Whether it matches where a `*` at the end of a part may take colons too: as AWS has it, such a `*` "can
    /// expand to match beyond the colon boundaries".
    fn reaches(&self, parts: &[Pattern; 5], arn: &str, context: &Context) -> bool {
        let Some((_, mut rest)) = arn.split_once(':') else {
            return false;
        };
        let written = parts.get(..self.written.min(5)).unwrap_or_default();
        let Some((last, leading)) = written.split_last() else {
            return false;
        };
        // One place to go back to is enough: the last `*` that reaches (see `pattern::glob`).
        let mut index = 0;
        let mut back: Option<(usize, &str)> = None;
        loop {
            let outcome = match leading.get(index) {
                // What ends in `*` takes all that is left.
                None => {
                    let text = if last.is_open() && self.written < 5 {
                        rest.split(':').next().unwrap_or_default()
                    } else {
                        rest
                    };
                    if last.matches(text, context) {
                        return true;
                    }
                    None
                }
                Some(part) => rest
                    .split_once(':')
                    .filter(|(head, _)| part.matches(head, context))
                    .map(|(_, after)| {
                        if part.is_open() {
                            back = Some((index + 1, after));
                        }
                        after
                    }),
            };
            if let Some(after) = outcome {
                rest = after;
                index += 1;
                continue;
            }
            let Some((_, after)) = back.and_then(|(_, from)| from.split_once(':')) else {
                return false;
            };
            if let Some((resume, from)) = &mut back {
                *from = after;
                index = *resume;
            }
            rest = after;
        }
    }

    /// Whether some ARN matches both this and `wanted`, which may have wildcards too.
    pub(crate) fn overlaps(&self, wanted: &Self, context: &Context) -> bool {
        self.compare(wanted, context, Pattern::overlaps)
    }

    /// Whether every ARN that matches `wanted` matches this.
    pub(crate) fn covers(&self, wanted: &Self, context: &Context) -> bool {
        self.covers_everything()
            || (!wanted.anything && self.compare(wanted, context, Pattern::covers))
    }

    fn compare(
        &self,
        wanted: &Self,
        context: &Context,
        how: fn(&Pattern, &Pattern, &Context) -> bool,
    ) -> bool {
        if self.anything {
            return true;
        }
        if wanted.anything {
            return self.parts.is_some() && self.is_resolved(context);
        }
        match (&self.parts, &wanted.parts) {
            (Some(own), Some(wanted)) => own
                .iter()
                .zip(wanted.iter())
                .all(|(own, wanted)| how(own, wanted, context)),
            _ => false,
        }
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

    fn context() -> Context {
        Context::new().with("aws:username", "anna")
    }

    #[test]
    fn arns_are_compared_part_by_part() {
        for (pattern, arn, expected) in [
            ("*", "*", true),
            ("arn:aws:s3:::*", "*", false),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a/b:c", true),
            ("arn:aws:s3:*:*:b", "arn:aws:s3:::b", true),
            (
                "arn:aws:iam::*x:user/a",
                "arn:aws:iam::1:role/x:user/a",
                false,
            ),
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
            ("arn:aws:s3", "arn:aws:s3:::b", true),
            (
                "arn:aws:dynamodb:us*",
                "arn:aws:dynamodb:us-east-1:1:table/x",
                true,
            ),
        ] {
            let found = ArnPattern::new(pattern, true).matches(&Split::new(arn), &context());
            assert_eq!(found, expected, "{pattern} {arn}");
        }
    }

    #[test]
    fn a_star_that_ends_a_part_reaches_over_colons() {
        const TABLE: &str = "arn:aws:dynamodb:us-east-1:1:table/prod-x";
        for (pattern, arn, expected) in [
            ("arn:aws:dynamodb:*:table/prod-*", TABLE, true),
            ("arn:aws:dynamodb:us*:table/prod-*", TABLE, true),
            ("arn:aws:*:table/prod-x", TABLE, true),
            ("arn:*:table/prod-x", TABLE, true),
            ("arn:aws:dynamodb:*:table/dev-*", TABLE, false),
            ("arn:aws:dynamodb:eu*:table/prod-*", TABLE, false),
            ("arn:aws:dynamodb:*t-1:table/prod-x", TABLE, false),
            ("arn:aws:*:b", "arn:aws:s3:::b", true),
            ("arn:aws:logs:*:*:b:*:d", "arn:aws:logs:r:1:a:b:c:d", true),
            ("arn:aws:logs:*:*:b:*:e", "arn:aws:logs:r:1:a:b:c:d", false),
        ] {
            let found = ArnPattern::new(pattern, true).matches(&Split::new(arn), &context());
            assert_eq!(found, expected, "{pattern} {arn}");
        }
        // Conditions compare the six parts, each by itself.
        let condition = |text| ArnPattern::whole(text, true);
        assert_eq!(condition("arn:aws:dynamodb:*:table/prod-*"), None);
        let reaching = condition("arn:aws:logs:*:*:b:*:d").unwrap();
        assert!(!reaching.matches(&Split::new("arn:aws:logs:r:1:a:b:c:d"), &context()));
    }

    #[test]
    fn many_colons_end_soon() {
        let pattern = ArnPattern::new("arn:*:*:*:*:x", true);
        let arn = format!("arn{}y", ":a".repeat(50_000));
        assert!(!pattern.matches(&Split::new(&arn), &context()));
    }

    #[test]
    fn patterns_against_patterns() {
        for (own, wanted, overlaps, covers) in [
            ("*", "*", true, true),
            ("arn:aws:s3:::b/k", "*", true, false),
            ("arn:*:*:*:*:*", "*", true, true),
            ("arn:aws:s3:::*/logs/*", "arn:aws:s3:::b/*", true, false),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/p/*", true, true),
            ("arn:aws:s3:::c/*", "arn:aws:s3:::b/*", false, false),
            ("arn:aws:sqs", "arn:aws:sqs:us-east-1:1:*", true, true),
            (
                "arn:aws:sqs:eu-west-1",
                "arn:aws:sqs:us-east-1:1:*",
                false,
                false,
            ),
            ("bucket", "arn:aws:s3:::b/*", false, false),
        ] {
            let (own, wanted) = (ArnPattern::new(own, true), ArnPattern::new(wanted, false));
            assert_eq!(own.overlaps(&wanted, &context()), overlaps, "{own:?}");
            assert_eq!(own.covers(&wanted, &context()), covers, "{own:?}");
        }
    }
}
