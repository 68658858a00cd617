//! What flow logs tell: who knocks at which doors, who comes back by the clock, who carries away.
//!
//! Owns the reading of a flow record. Each detector is a file.

mod beacon;
mod brute_force;
mod mining;
mod scan;
mod tor;
mod upload;

use std::borrow::Cow;
use std::net::IpAddr;

use crate::look::Look;

pub(super) use beacon::BEACON;
pub(super) use brute_force::BRUTE_FORCE;
pub(super) use mining::MINING;
pub(super) use scan::{PORT_SCAN, SWEEP};
pub(super) use tor::TOR;
pub(super) use upload::UPLOAD;

/// Minutes in which a scan or a burst shows.
const WINDOW: i64 = 600;
const DAY: i64 = 86_400;

/// A flow, as the detectors need it.
struct Flow<'a> {
    from: Cow<'a, str>,
    to: Cow<'a, str>,
    port: u32,
    /// 6 is TCP, 17 UDP.
    protocol: u32,
    bytes: u64,
    accepted: bool,
    /// Whether the sender is one of the network's own.
    from_inside: bool,
    /// Whether the receiver is outside, and no service of AWS's.
    to_outside: bool,
}

impl<'a> Flow<'a> {
    fn of(look: &Look<'a>) -> Option<Self> {
        let number = |name: &str| look.number(&[name]);
        // Behind a gateway the packet's own addresses tell more.
        let address = |own: &str, plain: &str| {
            let of = |name: &str| look.text(&[name]).filter(|text| *text != "-");
            of(own).or_else(|| of(plain))
        };
        let (from, to) = (
            address("pkt-srcaddr", "srcaddr")?,
            address("pkt-dstaddr", "dstaddr")?,
        );
        let parse = |text: &str| text.parse::<IpAddr>().ok();
        let (sender, receiver) = (parse(&from)?, parse(&to)?);
        let aws = look
            .text(&["pkt-dst-aws-service"])
            .is_some_and(|name| name != "-");
        Some(Self {
            port: u32::try_from(number("dstport")?).ok()?,
            protocol: u32::try_from(number("protocol")?).ok()?,
            bytes: number("bytes").unwrap_or(0),
            accepted: look.text(&["action"]).as_deref() == Some("ACCEPT"),
            from_inside: is_inside(sender),
            to_outside: !is_inside(receiver) && !aws,
            from,
            to,
        })
    }

    /// Whether it went out: from a host of the network's own to an address outside, and nothing refused it.
    fn went_out(&self) -> bool {
        self.accepted && self.from_inside && self.to_outside
    }

    /// Whether the receiver's port is one of a server, and not the one to which an answer goes.
    fn asks(&self) -> bool {
        self.port < 32_768
    }
}

fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_link_local()
                || v4.is_loopback()
                || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

/// Every call of a flow log is a flow.
fn every(_source: &str, _name: &str) -> bool {
    true
}

/// Bytes as a person says them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}

#[cfg(test)]
mod testing {
    use serde_json::{Value, json};
    use stockade_model::{Event, LogKind, Origin};

    /// A flow record, in the default format's names.
    pub(super) fn flow(second: i64, from: &str, to: &str, port: u16, more: Value) -> Event {
        let start = 1_767_225_600 + second;
        let mut record = json!({"version": 2, "account-id": "111122223333", "interface-id": "eni-0a1b2c3d4e5f60718",
            "srcaddr": from, "dstaddr": to, "srcport": 40_000 + second.rem_euclid(20_000), "dstport": port, "protocol": 6,
            "packets": 10, "bytes": 840, "start": start, "end": start + 30, "action": "ACCEPT", "log-status": "OK"});
        for (name, value) in more.as_object().unwrap() {
            record[name] = value.clone();
        }
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let origin = Origin {
            source: "flow".into(),
            index: NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
        };
        Event::of(LogKind::VpcFlow, record, origin).unwrap()
    }
}
