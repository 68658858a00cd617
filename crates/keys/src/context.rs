//! The encryption context: what a caller says beside the plaintext, and must say again to get it back.
//!
//! Owns its form as authenticated data.

use std::collections::BTreeMap;

/// Pairs that are bound to a ciphertext without being in it. The order in which they were given does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncryptionContext(BTreeMap<String, String>);

impl EncryptionContext {
    /// A context of these pairs.
    pub fn new(pairs: BTreeMap<String, String>) -> Self {
        Self(pairs)
    }

    /// The pairs, by key.
    pub fn pairs(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Whether all of these pairs are in this context.
    pub fn includes(&self, other: &Self) -> bool {
        other
            .0
            .iter()
            .all(|(key, value)| self.0.get(key) == Some(value))
    }

    /// As authenticated data: each text after its length, so that no two contexts have the same bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (key, value) in &self.0 {
            for text in [key, value] {
                bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        bytes
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for EncryptionContext {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let own = |(key, value): (K, V)| (key.into(), value.into());
        Self(pairs.into_iter().map(own).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_moves_from_the_key_to_the_value_is_another_context() {
        let one: EncryptionContext = [("ab", "c")].into_iter().collect();
        let two: EncryptionContext = [("a", "bc")].into_iter().collect();
        assert_ne!(one.bytes(), two.bytes());
    }

    proptest! {
        #[test]
        fn the_same_bytes_are_the_same_context(one: BTreeMap<String, String>, two: BTreeMap<String, String>) {
            let (one, two) = (EncryptionContext::new(one), EncryptionContext::new(two));
            prop_assert_eq!(one == two, one.bytes() == two.bytes());
        }
    }
}
