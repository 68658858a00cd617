//! The request context: the condition keys that a request carries, with their values.
//!
//! Owns the rule that key names are case-insensitive. Knows no key's meaning.

/// The key under which a caller's S3 canonical user id stands, for policies that name a
/// `CanonicalUser`. AWS has no such condition key; the name cannot collide with one.
pub const CANONICAL_USER_ID: &str = "stockade:CanonicalUserId";

/// Condition keys and their values, as in `aws:SourceIp` → `192.0.2.1`. Key names are compared without
/// regard to case. A key without a value counts as absent, as AWS has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// In the order of insertion: there are too few for a map to pay.
    entries: Vec<(Key, Vec<String>)>,
}

/// The name of a condition key, ready to be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// Of the name in lower case: nearly every other name is told apart by it alone.
    hash: u64,
    lower: Box<str>,
}

impl Key {
    pub(crate) fn new(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        Self {
            hash: hash(lower.as_bytes()),
            lower: lower.into(),
        }
    }
}

/// FNV-1a: quick for names as short as these.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Context {
    /// A context without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key's values in place of those it had. Without values the key is absent.
    pub fn insert<V: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = V>) {
        let key = Key::new(key);
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        self.entries.retain(|(name, _)| *name != key);
        if !values.is_empty() {
            self.entries.push((key, values));
        }
    }

    /// Sets a key to one value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.insert(key, [value.into()]);
    }

    /// [`Context::set`], for building a context in one expression.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.set(key, value);
        self
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) {
        self.entries
            .retain(|(name, _)| !name.lower.eq_ignore_ascii_case(key));
    }

    /// A key's values, never empty; none where the request does not carry the key.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.entries
            .iter()
            .find(|(name, _)| name.lower.eq_ignore_ascii_case(key))
            .map(|(_, values)| values.as_slice())
    }

    /// [`Context::get`], for a name that is looked up often.
    pub(crate) fn find(&self, key: &Key) -> Option<&[String]> {
        self.entries
            .iter()
            .find(|(name, _)| name.hash == key.hash && name.lower == key.lower)
            .map(|(_, values)| values.as_slice())
    }

    /// A key's first value.
    pub fn first(&self, key: &str) -> Option<&str> {
        self.get(key)?.first().map(String::as_str)
    }

    /// Every key (in lower case) with its values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.entries
            .iter()
            .map(|(name, values)| (&*name.lower, values.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_case_insensitive_and_empty_is_absent() {
        let mut context = Context::new().with("aws:SourceIp", "192.0.2.1");
        assert_eq!(context.first("AWS:SOURCEIP"), Some("192.0.2.1"));
        context.set("aws:sourceip", "192.0.2.2");
        assert_eq!(context.iter().count(), 1);
        context.insert("aws:TagKeys", ["a", "b"]);
        assert_eq!(context.get("aws:tagkeys").map(<[_]>::len), Some(2));
        context.insert("aws:TagKeys", Vec::<String>::new());
        assert_eq!(context.get("aws:TagKeys"), None);
        context.remove("AWS:SourceIP");
        assert_eq!(context, Context::new());
    }
}
