//! AES-256-GCM as KMS uses it: a key of its own for every message, derived from the backing key and a random salt, and
//! the encryption context as authenticated data.
//!
//! Owns the sealed bytes. Which key and version sealed them stands before them, in the [`crate::Blob`].

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};
use zeroize::Zeroizing;

use crate::{Hidden, KeyError, random};

/// The length of a backing key, in bytes.
pub(crate) const KEY: usize = 32;
/// The salt from which a message's own key follows, in bytes.
const SALT: usize = 16;

/// Seals a plaintext: salt, nonce, ciphertext and tag.
pub(crate) fn seal(key: &Hidden, bound: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, KeyError> {
    let salt = random::bytes(SALT)?;
    let nonce = random::bytes(NONCE_LEN)?;
    let mut sealed = plaintext.to_vec();
    let cipher = cipher(derived(key, &salt)?.as_ref())?;
    let unique = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| KeyError::Machine)?;
    cipher
        .seal_in_place_append_tag(unique, Aad::from(bound), &mut sealed)
        .map_err(|_| KeyError::Machine)?;
    Ok([salt, nonce, sealed].concat())
}

/// Opens what was sealed under the same bound data.
pub(crate) fn open(key: &Hidden, bound: &[u8], sealed: &[u8]) -> Result<Hidden, KeyError> {
    let (salt, rest) = sealed.split_at_checked(SALT).ok_or(KeyError::Ciphertext)?;
    let (nonce, body) = rest
        .split_at_checked(NONCE_LEN)
        .ok_or(KeyError::Ciphertext)?;
    open_by(derived(key, salt)?.as_ref(), nonce, bound, body)
}

/// Opens what a key itself sealed: ciphertext and tag.
pub(crate) fn open_by(
    key: &[u8],
    nonce: &[u8],
    bound: &[u8],
    body: &[u8],
) -> Result<Hidden, KeyError> {
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyError::Ciphertext)?;
    let mut body = Zeroizing::new(body.to_vec());
    let opened = cipher(key)?
        .open_in_place(nonce, Aad::from(bound), &mut body)
        .map_err(|_| KeyError::Ciphertext)?;
    Ok(Hidden::new(opened.to_vec()))
}

/// A message's own key: random nonces of 96 bits under one key for life would not do for more than 2^32 messages.
fn derived(key: &Hidden, salt: &[u8]) -> Result<Zeroizing<[u8; KEY]>, KeyError> {
    let algorithm =
        get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha256).ok_or(KeyError::Machine)?;
    let mut derived = Zeroizing::new([0; KEY]);
    kbkdf_ctr_hmac(algorithm, key.expose(), salt, derived.as_mut())
        .map_err(|_| KeyError::Machine)?;
    Ok(derived)
}

fn cipher(key: &[u8]) -> Result<LessSafeKey, KeyError> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| KeyError::Machine)?;
    Ok(LessSafeKey::new(key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> Hidden {
        Hidden::new(vec![byte; KEY])
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_again(bound: Vec<u8>, plaintext: Vec<u8>) {
            let sealed = seal(&key(1), &bound, &plaintext).unwrap();
            let opened = open(&key(1), &bound, &sealed).unwrap();
            prop_assert_eq!(opened.expose(), &plaintext[..]);
        }

        #[test]
        fn nothing_that_was_changed_opens(at: prop::sample::Index, bit in 0_u8..8) {
            let mut sealed = seal(&key(1), b"bound", b"plaintext").unwrap();
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(open(&key(1), b"bound", &sealed), Err(KeyError::Ciphertext));
        }
    }

    #[test]
    fn another_key_other_bound_data_or_a_part_opens_nothing() {
        let sealed = seal(&key(1), b"bound", b"plaintext").unwrap();
        assert_eq!(open(&key(2), b"bound", &sealed), Err(KeyError::Ciphertext));
        assert_eq!(open(&key(1), b"other", &sealed), Err(KeyError::Ciphertext));
        for length in 0..sealed.len() {
            let part = &sealed[..length];
            assert_eq!(open(&key(1), b"bound", part), Err(KeyError::Ciphertext));
        }
    }

    #[test]
    fn the_same_twice_is_sealed_differently() {
        let seal = || seal(&key(1), b"", b"same").unwrap();
        assert_ne!(seal(), seal());
    }
}
