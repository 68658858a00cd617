//! Values of condition keys by the type that a caller of IAM's simulator gives them.
//!
//! Owns which texts are values of a type. How values are compared is `condition.rs`.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::value::{Date, boolean};

/// The type of a condition key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Any text.
    Text,
    /// A decimal number, with an exponent if it pleases.
    Number,
    /// `true`, in any case; everything else is false.
    Boolean,
    /// An address.
    Ip,
    /// Base64.
    Binary,
    /// A time, as conditions take it.
    Date,
}

impl ValueType {
    /// A text as a value of the type; none where it is not one.
    pub fn value(self, text: &str) -> Option<String> {
        let is_value = match self {
            Self::Text => true,
            Self::Boolean => return Some((boolean(text) == Some(true)).to_string()),
            Self::Number => is_decimal(text),
            Self::Ip => text.parse::<IpAddr>().is_ok(),
            Self::Binary => STANDARD.decode(text).is_ok(),
            Self::Date => Date::parse(text).is_some(),
        };
        is_value.then(|| text.to_owned())
    }
}

fn is_decimal(text: &str) -> bool {
    let is_whole = |text: &str| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (text, None),
    };
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut all = whole.bytes().chain(fraction.bytes());
    !(whole.is_empty() && fraction.is_empty())
        && all.all(|byte| byte.is_ascii_digit())
        && exponent.is_none_or(is_whole)
}

#[cfg(test)]
mod tests {
    use super::ValueType::{Binary, Boolean, Date, Ip, Number, Text};

    #[test]
    fn values_of_every_type() {
        for (kind, good, bad) in [
            (Text, vec!["", "x"], vec![]),
            (
                Number,
                vec!["1", "01.00", "+1", "-1.5", "1e2", "1e9999", ".5", "5."],
                vec![
                    "", "abc", "NaN", "0x10", " 1 ", "Infinity", "1e", ".", "1.2.3", "--1",
                ],
            ),
            (Boolean, vec!["true", "TRUE", "yes", ""], vec![]),
            (
                Ip,
                vec!["192.0.2.1", "2001:db8::1"],
                vec!["999.0.0.1", "192.0.2.0/24", ""],
            ),
            (Binary, vec!["aGk=", ""], vec!["!base64", "aGk"]),
            (
                Date,
                vec!["2035", "2035-01-01T00:00:00Z"],
                vec!["tomorrow", ""],
            ),
        ] {
            for text in good {
                assert!(kind.value(text).is_some(), "{kind:?} {text}");
            }
            for text in bad {
                assert!(kind.value(text).is_none(), "{kind:?} {text}");
            }
        }
        assert_eq!(Boolean.value("True").as_deref(), Some("true"));
        assert_eq!(Boolean.value("yes").as_deref(), Some("false"));
    }
}
