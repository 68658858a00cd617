//! A request, made ready once for every statement that is asked about it.
//!
//! Owns the quick no: most statements of a policy speak of other services, and two bits tell. Allocates nothing
//! for actions of common length.

use crate::arn_pattern::{ArnPattern, Split};
use crate::context::{Context, hash};

/// What statements are matched against.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// In lower case.
    pub(crate) action: &'a str,
    pub(crate) resource: Resource<'a>,
    pub(crate) context: &'a Context,
    pub(crate) sieve: Sieve,
}

/// The resource that is asked for.
#[derive(Debug)]
pub(crate) enum Resource<'a> {
    One(Split<'a>),
    /// A pattern: is there an ARN of it that may be touched?
    SomeOf(ArnPattern),
}

/// A text in lower case, on the stack where it is short.
pub(crate) struct Lower {
    short: [u8; Self::SHORT],
    length: usize,
    long: Option<String>,
}

impl Lower {
    /// The longest action of AWS has 79 characters.
    const SHORT: usize = 96;

    pub(crate) fn new(text: &str) -> Self {
        let mut short = [0; Self::SHORT];
        let long = match short.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                place.make_ascii_lowercase();
                None
            }
            None => Some(text.to_ascii_lowercase()),
        };
        Self {
            short,
            length: text.len(),
            long,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match &self.long {
            Some(long) => long,
            None => self
                .short
                .get(..self.length)
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
                .unwrap_or_default(),
        }
    }
}

/// Which actions may be meant: a bit for each of 64 classes of services, and one for each of 32 classes of first
/// letters. Two sieves that share no bit of either kind have no action in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sieve {
    services: u64,
    letters: u32,
}

impl Sieve {
    pub(crate) const EVERYTHING: Self = Self {
        services: u64::MAX,
        letters: u32::MAX,
    };
    pub(crate) const NOTHING: Self = Self {
        services: 0,
        letters: 0,
    };

    /// Of an action, in lower case.
    pub(crate) fn of_action(action: &str) -> Self {
        let (service, name) = action.split_once(':').unwrap_or(("", action));
        Self {
            services: 1 << (hash(service.as_bytes()) & 63),
            letters: name.bytes().next().map_or(u32::MAX, letter),
        }
    }

    /// Of a policy's pattern of actions.
    pub(crate) fn of_pattern(pattern: &str) -> Self {
        let lower = pattern.to_ascii_lowercase();
        let Some((service, name)) = lower.split_once(':') else {
            return Self::EVERYTHING;
        };
        if service.contains(['*', '?']) {
            return Self::EVERYTHING;
        }
        Self {
            services: 1 << (hash(service.as_bytes()) & 63),
            letters: match name.bytes().next() {
                None | Some(b'*' | b'?') => u32::MAX,
                Some(first) => letter(first),
            },
        }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            services: self.services | other.services,
            letters: self.letters | other.letters,
        }
    }

    /// Whether the two may have an action in common.
    pub(crate) fn passes(self, other: Self) -> bool {
        self.services & other.services != 0 && self.letters & other.letters != 0
    }
}

fn letter(byte: u8) -> u32 {
    1 << (byte & 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sieve_never_stops_what_matches() {
        let action = Sieve::of_action("s3:getobject");
        for pattern in [
            "*",
            "*:*",
            "s3:*",
            "S3:Get*",
            "s?:GetObject",
            "s3:?etObject",
            "s3:GetObject",
        ] {
            assert!(Sieve::of_pattern(pattern).passes(action), "{pattern}");
        }
        for pattern in ["s3:PutObject", "s3:List*", "ec2:Get*"] {
            assert!(!Sieve::of_pattern(pattern).passes(action), "{pattern}");
        }
        assert!(!Sieve::NOTHING.passes(action));
    }

    #[test]
    fn texts_in_lower_case_whatever_their_length() {
        for text in ["", "S3:GetObject", "Ä:B", &"A".repeat(96), &"A".repeat(97)] {
            assert_eq!(Lower::new(text).as_str(), text.to_ascii_lowercase());
        }
    }
}
