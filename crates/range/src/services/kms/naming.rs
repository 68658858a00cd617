//! How callers name a key: by its id, its ARN, an alias or an alias's ARN.
//!
//! Owns reading those names and finding what they mean. Whether the caller may know of it is `access.rs`.

use stockade_model::{AccountId, Arn, Region};
use stockade_wire::AwsError;

use super::errors;
use super::state::{Key, alias_arn, key_arn};
use crate::call::Call;
use crate::state::State as Range;

/// What a caller wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A key, of the caller's account or another's.
    Key {
        /// Whose.
        account: AccountId,
        /// Its id.
        id: String,
    },
    /// An alias.
    Alias {
        /// Whose.
        account: AccountId,
        /// `alias/…`.
        name: String,
    },
}

/// A key that was found, and by which alias.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The key.
    pub key: &'a Key,
    /// The alias that the caller named it by.
    pub alias: Option<&'a str>,
}

/// Whether an operation takes aliases too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Only ids and ARNs of keys.
    Keys,
    /// Names of any kind.
    Aliases,
}

impl Name {
    /// Reads a name.
    ///
    /// # Errors
    /// `NotFoundException`, `InvalidArnException`.
    pub fn read(text: &str, call: &Call<'_>) -> Result<Self, AwsError> {
        let account = call.account().clone();
        if text.starts_with("arn:") {
            return Self::of_arn(text, call.region);
        }
        if text.starts_with("alias/") {
            let name = text.to_owned();
            return Ok(Self::Alias { account, name });
        }
        if is_key_id(text) {
            let id = text.to_owned();
            return Ok(Self::Key { account, id });
        }
        Err(errors::no_such_key_id(text))
    }

    fn of_arn(text: &str, region: &Region) -> Result<Self, AwsError> {
        let arn: Arn = text.parse().map_err(|_| errors::invalid_arn(text))?;
        let account = arn
            .account
            .parse()
            .ok()
            .filter(|_| arn.service == "kms" && arn.partition == "aws");
        let account = account.ok_or_else(|| errors::invalid_arn(text))?;
        if arn.region != region.as_str() {
            return Err(errors::not_found(format!("Invalid arn {}", arn.region)));
        }
        match arn.resource.split_once('/') {
            Some(("key", id)) if is_key_id(id) => Ok(Self::Key {
                account,
                id: id.to_owned(),
            }),
            Some(("key", id)) => Err(errors::no_such_key_id(id)),
            Some(("alias", name)) if !name.is_empty() => Ok(Self::Alias {
                account,
                name: arn.resource.clone(),
            }),
            _ => Err(errors::invalid_arn(text)),
        }
    }

    /// Whose the key is, or the alias.
    pub fn account(&self) -> &AccountId {
        match self {
            Self::Key { account, .. } | Self::Alias { account, .. } => account,
        }
    }

    /// The ARN of what is named.
    pub fn arn(&self, region: &Region) -> String {
        match self {
            Self::Key { account, id } => key_arn(region, account, id),
            Self::Alias { account, name } => alias_arn(region, account, name),
        }
    }

    /// The key that is meant.
    pub fn find<'a>(&self, range: &'a Range, region: &Region) -> Option<Found<'a>> {
        let kms = &range.kms;
        let of = |id: &str, account: &AccountId| {
            let key = kms.key(&(region.clone(), id.to_owned()))?;
            (key.account == *account).then_some(key)
        };
        match self {
            Self::Key { account, id } => of(id, account).map(|key| Found { key, alias: None }),
            Self::Alias { account, name } => {
                let alias = kms.alias(account, region, name)?;
                let key = of(&alias.target, account)?;
                let alias = Some(alias.name.as_str());
                Some(Found { key, alias })
            }
        }
    }

    /// That there is no such key, as its own account is told.
    pub fn missing(&self, region: &Region) -> AwsError {
        let arn = self.arn(region);
        match self {
            Self::Key { .. } => errors::no_key(&arn),
            Self::Alias { .. } => errors::no_alias(&arn),
        }
    }
}

/// A UUID, or `mrk-` and 32 hexadecimal digits.
fn is_key_id(text: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(rest) = text.strip_prefix("mrk-") {
        return rest.len() == 32 && hex(rest);
    }
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length && hex(part))
}

/// The key that a member of the input names.
///
/// # Errors
/// As [`Name::read`]; that there is none, to its own account. Another account's key was looked for by `access.rs`, before the
/// handler was asked.
pub fn find<'a>(
    range: &'a Range,
    call: &Call<'_>,
    text: &str,
    takes: Takes,
) -> Result<Found<'a>, AwsError> {
    let name = Name::read(text, call)?;
    if takes == Takes::Keys && matches!(name, Name::Alias { .. }) {
        return Err(match text.starts_with("arn:") {
            true => errors::invalid_arn(text),
            false => errors::no_such_key_id(text),
        });
    }
    name.find(range, call.region)
        .ok_or_else(|| name.missing(call.region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_keys_are_told_by_their_form() {
        for id in [
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "mrk-1234abcd12ab34cd56ef1234567890ab",
        ] {
            assert!(is_key_id(id), "{id}");
        }
        for id in [
            "",
            "1234",
            "1234abcd12ab34cd56ef1234567890ab",
            "mrk-1234",
            "1234abcd-12ab-34cd-56ef-1234567890ag",
            "1234abcd-12ab-34cd-56ef-1234567890ab-",
        ] {
            assert!(!is_key_id(id), "{id}");
        }
    }
}
