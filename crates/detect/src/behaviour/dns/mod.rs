//! What DNS queries tell: data carried out in names, names that a program made up, pools for mining.
//!
//! Owns the reading of a query record. Each detector is a file.

mod generated;
mod mining;
mod tunnel;

use std::borrow::Cow;

use crate::look::Look;

pub(super) use generated::GENERATED;
pub(super) use mining::MINING;
pub(super) use tunnel::TUNNEL;

const HOUR: i64 = 3_600;

/// A query.
struct Query<'a> {
    /// The instance that asked, or its address.
    from: Cow<'a, str>,
    /// In lower case, without the dot at the end.
    name: String,
    /// Whether the answer was that there is no such name.
    missing: bool,
}

impl<'a> Query<'a> {
    fn of(look: &Look<'a>) -> Option<Self> {
        let name = look.text(&["query_name"])?;
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if name.is_empty() || OWN.iter().any(|own| is_below(&name, own)) {
            return None;
        }
        Some(Self {
            from: look
                .text(&["srcids", "instance"])
                .or_else(|| look.text(&["srcaddr"]))?,
            missing: look.text(&["rcode"]).as_deref() == Some("NXDOMAIN"),
            name,
        })
    }
}

/// What every network asks for.
const OWN: [&str; 6] = [
    "arpa",
    "amazonaws.com",
    "internal",
    "local",
    "aws.dev",
    "cloudfront.net",
];

/// Whether the name is the domain, or lies below it.
fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Second-level names below which everybody may have a name.
const SHARED: [&str; 12] = [
    "ac", "co", "com", "edu", "gob", "gov", "gv", "ltd", "net", "nom", "or", "org",
];

/// The domain that somebody registered, and what stands before it.
fn registered(name: &str) -> Option<(&str, &str)> {
    let dots: Vec<usize> = name.match_indices('.').map(|(at, _)| at).rev().collect();
    let (top, second) = (*dots.first()?, dots.get(1));
    // `example.co.uk`: two letters at the end, and a name that all share before.
    let start = match second {
        Some(second) => {
            let middle = name.get(second + 1..top)?;
            let shared = name.len() - top == 3 && SHARED.contains(&middle);
            match (shared, dots.get(2)) {
                (true, Some(third)) => third + 1,
                (true, None) => 0,
                (false, _) => second + 1,
            }
        }
        None => 0,
    };
    let before = name.get(..start)?.trim_end_matches('.');
    Some((name.get(start..)?, before))
}

/// Every record of the log is a query.
fn every(_source: &str, _name: &str) -> bool {
    true
}

#[cfg(test)]
mod testing {
    use serde_json::json;
    use stockade_model::{Event, LogKind, Origin};

    pub(super) fn query(second: i64, name: &str, rcode: &str) -> Event {
        let time: stockade_model::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let time = time + jiff::SignedDuration::from_secs(second);
        let record = json!({"version": "1.100000", "account_id": "111122223333", "region": "us-east-1", "vpc_id": "vpc-1",
            "query_timestamp": time.to_string(), "query_name": format!("{name}."), "query_type": "A", "query_class": "IN",
            "rcode": rcode, "answers": [], "srcaddr": "10.0.1.5", "srcport": "5353", "transport": "UDP",
            "srcids": {"instance": "i-0a1b2c3d4e5f60718"}});
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let origin = Origin {
            source: "dns".into(),
            index: NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
        };
        Event::of(LogKind::ResolverQuery, record, origin).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registered_domains_are_told() {
        for (name, domain, before) in [
            ("a.b.example.com", "example.com", "a.b"),
            ("example.com", "example.com", ""),
            ("www.example.co.uk", "example.co.uk", "www"),
            ("example.co.uk", "example.co.uk", ""),
            ("co.uk", "co.uk", ""),
            ("a.com.io", "a.com.io", ""),
        ] {
            assert_eq!(registered(name), Some((domain, before)), "{name}");
        }
        assert_eq!(registered("host"), None);
        assert!(is_below("a.arpa", "arpa") && !is_below("barpa", "arpa"));
    }
}
