//! Lists of the user's own: addresses, networks, domains and keys that are known to be bad.
//!
//! Owns the form of such a list and the look-up. Must not open the file.
//!
//! One entry a line, and after it, if you like, what it is: `203.0.113.9  seen in the phishing of May`. A line
//! that begins with `#` says nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

/// What is known to be bad.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intel {
    addresses: BTreeMap<IpAddr, String>,
    networks: Vec<(IpNet, String)>,
    domains: BTreeMap<String, String>,
    keys: BTreeMap<String, String>,
}

/// A line that is none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{entry}` is no address, network, domain or key id")]
pub struct IntelError {
    /// The line, from 1.
    pub line: usize,
    /// What stands there.
    pub entry: String,
}

impl Intel {
    /// Reads a list, and adds it.
    ///
    /// # Errors
    /// At the first line that is nothing of what a list may hold.
    pub fn add(&mut self, text: &str) -> Result<(), IntelError> {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (entry, about) = line.split_once([' ', '\t', ',', ';']).unwrap_or((line, ""));
            let about = about.trim().trim_start_matches('#').trim().to_owned();
            if let Ok(address) = entry.parse::<IpAddr>() {
                self.addresses.insert(address, about);
            } else if let Ok(network) = entry.parse::<IpNet>() {
                self.networks.push((network.trunc(), about));
            } else if is_key(entry) {
                self.keys.insert(entry.to_owned(), about);
            } else if is_domain(entry) {
                let domain = entry.trim_end_matches('.').to_ascii_lowercase();
                self.domains.insert(domain, about);
            } else {
                return Err(IntelError {
                    line: number + 1,
                    entry: entry.chars().take(60).collect(),
                });
            }
        }
        Ok(())
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.addresses.len() + self.networks.len() + self.domains.len() + self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry that an address is, or lies in, with what is said of it.
    pub(crate) fn address(&self, text: &str) -> Option<(String, &str)> {
        let address: IpAddr = text.parse().ok()?;
        if let Some(about) = self.addresses.get(&address) {
            return Some((text.to_owned(), about));
        }
        self.networks
            .iter()
            .find(|(network, _)| network.contains(&address))
            .map(|(network, about)| (network.to_string(), about.as_str()))
    }

    /// The entry that a name is, or lies below.
    pub(crate) fn domain(&self, name: &str) -> Option<(String, &str)> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let mut rest = name.as_str();
        loop {
            if let Some(about) = self.domains.get(rest) {
                return Some((rest.to_owned(), about));
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// A key.
    pub(crate) fn key(&self, id: &str) -> Option<&str> {
        self.keys.get(id).map(String::as_str)
    }
}

fn is_key(text: &str) -> bool {
    (16..=32).contains(&text.len())
        && (text.starts_with("AKIA") || text.starts_with("ASIA"))
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn is_domain(text: &str) -> bool {
    let text = text.trim_end_matches('.');
    text.len() <= 253
        && text.contains('.')
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        })
        && text
            .rsplit('.')
            .next()
            .is_some_and(|top| top.bytes().any(|b| b.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_looked_up() {
        let mut intel = Intel::default();
        intel
            .add("# ours\n203.0.113.9  phishing of May\n198.51.100.0/24,a proxy\nevil.example.\nAKIAIOSFODNN7EXAMPLE leaked\n2001:db8::1\n\n")
            .unwrap();
        assert_eq!(intel.len(), 5);
        assert_eq!(
            intel.address("203.0.113.9"),
            Some(("203.0.113.9".into(), "phishing of May"))
        );
        assert_eq!(
            intel.address("198.51.100.77"),
            Some(("198.51.100.0/24".into(), "a proxy"))
        );
        assert_eq!(intel.address("192.0.2.1"), None);
        assert_eq!(
            intel.domain("a.b.EVIL.example."),
            Some(("evil.example".into(), ""))
        );
        assert_eq!(intel.domain("notevil.example"), None);
        assert_eq!(intel.key("AKIAIOSFODNN7EXAMPLE"), Some("leaked"));
        for wrong in ["hello", "1.2.3", "AKIA", "http://evil.example/x"] {
            let error = intel
                .clone()
                .add(&format!("203.0.113.9\n{wrong}"))
                .unwrap_err();
            assert_eq!(error.line, 2, "{wrong}");
        }
    }
}
