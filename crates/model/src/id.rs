//! Typed ids: parsed once at the edge, trusted afterwards.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not the id that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not twelve digits.
    #[error("`{0}` is not an AWS account id: it must be twelve digits")]
    Account(String),
    /// Not of the form `eu-west-1`.
    #[error("`{0}` is not a region name: it must read like eu-west-1")]
    Region(String),
}

/// An AWS account: twelve digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// A region, as in `eu-west-1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

impl Region {
    /// Where global services keep their events: `us-east-1`.
    pub fn us_east_1() -> Self {
        Self("us-east-1".to_owned())
    }
}

impl FromStr for AccountId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::Account(text.chars().take(40).collect()))
        }
    }
}

impl FromStr for Region {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let parts = text.split('-').count();
        let shaped = (3..=5).contains(&parts)
            && text.len() <= 32
            && text.split('-').all(|p| {
                !p.is_empty()
                    && p.bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            })
            && text.bytes().last().is_some_and(|b| b.is_ascii_digit());
        if shaped {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::Region(text.chars().take(40).collect()))
        }
    }
}

macro_rules! text_id {
    ($name:ident) => {
        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

text_id!(AccountId);
text_id!(Region);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_twelve_digits() {
        assert!("123456789012".parse::<AccountId>().is_ok());
        for bad in [
            "",
            "12345678901",
            "1234567890123",
            "12345678901a",
            "١٢٣٤٥٦٧٨٩٠١٢",
        ] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn regions_read_like_regions() {
        for good in [
            "us-east-1",
            "eu-west-3",
            "us-gov-west-1",
            "us-iso-east-1",
            "ap-southeast-5",
        ] {
            assert!(good.parse::<Region>().is_ok(), "{good}");
        }
        for bad in ["", "mars", "us-east", "US-EAST-1", "us--1", "us-east-1/.."] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
    }
}
