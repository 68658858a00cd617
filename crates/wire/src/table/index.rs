//! Which tables there are, and what tells a service by a request: known without reading any table.
//!
//! Owns the packed tables and the list beside them.

use std::io::Read;
use std::sync::OnceLock;

use flate2::read::DeflateDecoder;

use super::{Protocol, Service, load};

/// A packed table, what is known of it unread, and what it says once somebody asked.
pub(crate) struct Entry {
    /// The service, as botocore spells it.
    pub(crate) name: &'static str,
    /// The service in a credential scope.
    pub(crate) signing_name: &'static str,
    /// The first label of its host name.
    pub(crate) endpoint_prefix: &'static str,
    /// The version of its API.
    pub(crate) api_version: &'static str,
    /// What stands before the dot in `X-Amz-Target`; empty if it has none.
    pub(crate) target_prefix: &'static str,
    /// The protocols that it speaks, its own choice first.
    pub(crate) protocols: &'static [Protocol],
    packed: &'static [u8],
    service: OnceLock<Option<Service>>,
}

macro_rules! tables {
    ($($name:literal: signed $signing:literal, at $prefix:literal, version $version:literal, target $target:literal,
        speaks [$($protocol:ident),*];)*) => {
        const COUNT: usize = [$($name),*].len();
        static ENTRIES: [Entry; COUNT] = [$(Entry {
            name: $name,
            signing_name: $signing,
            endpoint_prefix: $prefix,
            api_version: $version,
            target_prefix: $target,
            protocols: &[$(Protocol::$protocol),*],
            // The build script packs every table beside the list.
            packed: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".deflate")),
            service: OnceLock::new(),
        }),*];
    };
}

// The list stands beside the tables, made with them.
include!("../../tables/list.rs");

impl Entry {
    /// The service; its table is read at first use.
    pub(crate) fn read(&'static self) -> Option<&'static Service> {
        self.service
            .get_or_init(|| load::parse(self.name, &self.unpacked()?))
            .as_ref()
    }

    fn unpacked(&self) -> Option<String> {
        let mut text = String::new();
        DeflateDecoder::new(self.packed)
            .read_to_string(&mut text)
            .ok()?;
        Some(text)
    }

    /// Whether it goes by a name in `X-Amz-Target`, or in the path of a call in CBOR. Newer clients leave the package
    /// out: `CloudTrail_20131101` for `com.amazonaws.….CloudTrail_20131101`.
    pub(crate) fn is_target(&self, name: &str) -> bool {
        !name.is_empty()
            && (self.target_prefix == name || self.target_prefix.rsplit('.').next() == Some(name))
    }

    /// Whether it speaks a protocol that is told by `X-Amz-Target`.
    pub(crate) fn json(&self) -> Option<Protocol> {
        self.first(|protocol| matches!(protocol, Protocol::Json10 | Protocol::Json11))
    }

    /// Whether it speaks a protocol that is told by `Action`.
    pub(crate) fn form(&self) -> Option<Protocol> {
        self.first(|protocol| matches!(protocol, Protocol::Query | Protocol::Ec2))
    }

    /// Whether it speaks a protocol that is told by the path.
    pub(crate) fn rest(&self) -> Option<Protocol> {
        self.first(Protocol::is_rest)
    }

    fn first(&self, meant: impl Fn(Protocol) -> bool) -> Option<Protocol> {
        self.protocols.iter().copied().find(|one| meant(*one))
    }
}

/// All of them, read or not.
pub(crate) fn entries() -> &'static [Entry] {
    &ENTRIES
}

/// The service whose table has this name (`iam`, `organizations`); read at first use.
pub fn service(name: &str) -> Option<&'static Service> {
    let at = ENTRIES
        .binary_search_by(|entry| entry.name.cmp(name))
        .ok()?;
    ENTRIES.get(at)?.read()
}

/// The service whose table has this name, read once more: to measure what that takes.
pub fn read_again(name: &str) -> Option<Service> {
    let entry = ENTRIES.iter().find(|entry| entry.name == name)?;
    load::parse(entry.name, &entry.unpacked()?)
}

/// The names of the services that have a table, sorted. Reads none.
pub fn services() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|entry| entry.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_what_the_tables_say() {
        assert!(ENTRIES.is_sorted_by_key(|entry| entry.name));
        for entry in &ENTRIES {
            let service = entry.read().unwrap();
            assert_eq!(service.name, entry.name);
            assert_eq!(service.signing_name, entry.signing_name);
            assert_eq!(service.endpoint_prefix, entry.endpoint_prefix);
            assert_eq!(service.api_version, entry.api_version);
            assert_eq!(
                service.target_prefix.as_deref().unwrap_or_default(),
                entry.target_prefix
            );
            assert_eq!(service.protocols, entry.protocols);
            assert_eq!(service.protocols.first(), Some(&service.protocol));
        }
        assert!(service("unheard-of").is_none());
    }

    #[test]
    fn together_the_tables_are_small() {
        let packed: usize = ENTRIES.iter().map(|entry| entry.packed.len()).sum();
        assert!(packed < 1_000_000, "{packed}");
    }
}
