//! Ids, keys and tokens: the one place in the range where chance comes from.
//!
//! Owns the shapes of AWS's ids. With a seed the same calls get the same ids.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use stockade_model::{AccountId, Secret};

const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// How many letters follow the prefix of an access key's id.
const KEY_LETTERS: u32 = 16;
const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// The source of ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub struct Ids(ChaCha20Rng);

/// A source as it is kept: where it comes from, and how far it has come.
#[derive(Serialize, Deserialize)]
struct Kept {
    seed: String,
    stream: u64,
    /// In decimal digits: it can be longer than what JSON's numbers are read as.
    position: String,
}

impl From<Ids> for Kept {
    fn from(Ids(source): Ids) -> Self {
        Self {
            seed: hex::encode(source.get_seed()),
            stream: source.get_stream(),
            position: source.get_word_pos().to_string(),
        }
    }
}

impl TryFrom<Kept> for Ids {
    type Error = &'static str;

    fn try_from(kept: Kept) -> Result<Self, Self::Error> {
        let mut seed = [0; 32];
        hex::decode_to_slice(kept.seed, &mut seed).map_err(|_| "a seed is 64 digits")?;
        let mut source = ChaCha20Rng::from_seed(seed);
        source.set_stream(kept.stream);
        let position = kept.position.parse();
        source.set_word_pos(position.map_err(|_| "a position is a number")?);
        Ok(Self(source))
    }
}

/// The machine gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the machine's random source failed; start the range with --seed to do without it")]
pub struct NoRandomness;

impl Ids {
    /// Ids that the same seed gives again.
    pub fn seeded(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    /// Ids that nobody can foretell.
    #[expect(clippy::disallowed_methods, reason = "this is the range's id module")]
    pub fn unforeseeable() -> Result<Self, NoRandomness> {
        let mut seed = [0; 32];
        // The system's own: aws-lc gathers entropy by itself at its first use, which takes a tenth of a second.
        getrandom::fill(&mut seed).map_err(|_| NoRandomness)?;
        Ok(Self(ChaCha20Rng::from_seed(seed)))
    }

    /// Another source, whose ids differ from this one's and follow from the same seed.
    #[must_use]
    pub fn branch(&mut self) -> Self {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// The same source at another start of the range: its ids are none of those of an earlier start, though it is not known how far
    /// that came.
    #[must_use]
    pub fn of_start(mut self, start: u64) -> Self {
        self.0.set_stream(start);
        self
    }

    fn letters(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length)
            .filter_map(|_| {
                let at = usize::try_from(self.0.next_u32())
                    .ok()?
                    .checked_rem(alphabet.len())?;
                alphabet.get(at).map(|letter| char::from(*letter))
            })
            .collect()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// An IAM id of 21 letters, as in `AIDA…` for a user, `AROA…` for a role.
    pub fn unique(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", self.letters(BASE32, 17))
    }

    /// The id of an access key, of 20 letters: `AKIA…` for a long-term key, `ASIA…` for a session's. As on AWS it
    /// tells the account: see [`account_of`].
    pub fn access_key(&mut self, prefix: &str, account: &AccountId) -> String {
        let number = account.as_str().parse::<u64>().unwrap_or_default();
        // 80 bits: one that is set, 40 of the account, 39 of chance.
        let chance: u128 = self
            .bytes(8)
            .into_iter()
            .fold(0, |bits, byte| (bits << 8) | u128::from(byte));
        let bits = (1 << 79) | (u128::from(number) << 39) | (chance & ((1 << 39) - 1));
        let letters = (0..KEY_LETTERS).rev().filter_map(|at| {
            let digit = usize::try_from((bits >> (at * 5)) & 31).ok()?;
            BASE32.get(digit).map(|letter| char::from(*letter))
        });
        letters.fold(prefix.to_owned(), |mut id, letter| {
            id.push(letter);
            id
        })
    }

    /// A secret access key: 40 characters.
    pub fn secret(&mut self) -> Secret {
        Secret::new(STANDARD.encode(self.bytes(30)))
    }

    /// A session token of so many characters at least.
    pub fn token(&mut self, least: usize) -> Secret {
        const START: &str = "IQoJb3JpZ2luX2Vj";
        let bytes = least.saturating_sub(START.len()).div_ceil(4) * 3;
        Secret::new(format!(
            "{START}{}",
            STANDARD.encode(self.bytes(bytes.max(240)))
        ))
    }

    /// A random UUID in lower case: version 4, variant 10.
    pub fn uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        let mut text = String::with_capacity(36);
        for (at, byte) in bytes.into_iter().enumerate() {
            let byte = match at {
                6 => byte & 0x0f | 0x40,
                8 => byte & 0x3f | 0x80,
                _ => byte,
            };
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for nibble in [byte >> 4, byte & 0x0f] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        text
    }

    /// So many hexadecimal digits in lower case.
    pub fn hex(&mut self, digits: usize) -> String {
        self.letters(b"0123456789abcdef", digits)
    }

    /// So many letters and digits, upper and lower case.
    pub fn alphanumeric(&mut self, length: usize) -> String {
        self.letters(ALPHANUMERIC, length)
    }

    /// So many lower-case letters and digits.
    pub fn lower(&mut self, length: usize) -> String {
        self.letters(LOWER, length)
    }

    /// So many random bytes.
    pub fn random(&mut self, length: usize) -> Vec<u8> {
        self.bytes(length)
    }

    /// An account's id.
    pub fn account_id(&mut self) -> AccountId {
        loop {
            let digits = format!(
                "{}{}",
                self.letters(b"123456789", 1),
                self.letters(b"0123456789", 11)
            );
            if let Ok(id) = digits.parse() {
                return id;
            }
        }
    }
}

/// The account that the id of an access key tells; none for what is no such id, and for keys from before ids told
/// it.
pub fn account_of(access_key: &str) -> Option<AccountId> {
    let letters = access_key.get(4..).filter(|rest| rest.len() == 16)?;
    let mut bits: u128 = 0;
    for letter in letters.bytes() {
        let digit = BASE32.iter().position(|known| *known == letter)?;
        bits = (bits << 5) | u128::try_from(digit).ok()?;
    }
    if bits >> 79 == 0 {
        return None;
    }
    let number = (bits >> 39) & ((1 << 40) - 1);
    format!("{number:012}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_again() {
        let (mut one, mut two) = (Ids::seeded(7), Ids::seeded(7));
        assert_eq!(one.unique("AIDA"), two.unique("AIDA"));
        assert_ne!(one.uuid(), one.uuid());
        assert_ne!(Ids::seeded(8).unique("AIDA"), Ids::seeded(7).unique("AIDA"));
    }

    #[test]
    fn a_kept_source_goes_on_where_it_was() {
        let mut ids = Ids::seeded(7);
        ids.uuid();
        let text = serde_json::to_string(&ids).unwrap();
        let mut again: Ids = serde_json::from_str(&text).unwrap();
        assert_eq!(again, ids);
        assert_eq!(again.secret().expose(), ids.secret().expose());
        assert_eq!(again.uuid(), ids.uuid());
    }

    #[test]
    fn only_ids_that_tell_an_account_tell_one() {
        // Published examples of what AWS's ids tell.
        for (id, account) in [
            ("ASIAY34FZKBOKMUTVV7A", Some("609629065308")),
            ("ASIAQNZGKIQY56JQ7WML", Some("029608264753")),
            ("AKIAADMINISTRATOR001", None),
            ("AKIAIOSFODNN7EXAMPLE", None),
            ("AKIA", None),
            ("", None),
        ] {
            assert_eq!(
                account_of(id).as_ref().map(AccountId::as_str),
                account,
                "{id}"
            );
        }
    }

    #[test]
    fn ids_have_the_shapes_of_aws() {
        let mut ids = Ids::unforeseeable().unwrap();
        assert_eq!(ids.unique("AIDA").len(), 21);
        let account: AccountId = "012345678901".parse().unwrap();
        let key = ids.access_key("ASIA", &account);
        assert_eq!(key.len(), 20);
        assert_eq!(account_of(&key), Some(account.clone()));
        assert_ne!(key, ids.access_key("ASIA", &account));
        assert_eq!(ids.token(0).expose().len(), 336);
        assert!((4_096..4_100).contains(&ids.token(4_096).expose().len()));
        assert_eq!(ids.secret().expose().len(), 40);
        let uuid = ids.uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.chars().nth(14), Some('4'));
        assert!("89ab".contains(uuid.chars().nth(19).unwrap()));
        let dashes: Vec<usize> = uuid.match_indices('-').map(|(at, _)| at).collect();
        assert_eq!(dashes, [8, 13, 18, 23], "{uuid}");
    }
}
