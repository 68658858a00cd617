//! Which addresses the range may ask: a registered provider must not become a way into what only the range can reach.
//!
//! Owns the rule; docs/decisions/0009-federation-is-proved-here.md says why it is this one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far the range asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere but where machines keep secrets for themselves: who calls is on this machine, and could ask on their
    /// own.
    FromThisMachine,
    /// Public addresses alone: others call too.
    Public,
}

impl Reach {
    /// Whether the range may ask at an address.
    pub fn allows(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let never = match address {
            IpAddr::V4(v4) => {
                v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast() || v4.is_link_local()
            }
            IpAddr::V6(v6) => {
                v6.is_unspecified()
                    || v6.is_multicast()
                    || v6.is_unicast_link_local()
                    || v6 == METADATA
            }
        };
        match self {
            Self::FromThisMachine => !never,
            Self::Public => !never && !is_private(address),
        }
    }
}

/// Where EC2 keeps a machine's credentials; in IPv4 it is a link-local address.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared =
                v4.octets().starts_with(&[100]) && within(v4, Ipv4Addr::new(100, 64, 0, 0), 10);
            let benchmarks = within(v4, Ipv4Addr::new(198, 18, 0, 0), 15);
            let this = within(v4, Ipv4Addr::UNSPECIFIED, 8);
            v4.is_loopback()
                || v4.is_private()
                || v4.is_documentation()
                || shared
                || benchmarks
                || this
        }
        IpAddr::V6(v6) => {
            let embedded = v6.to_ipv4().is_some();
            v6.is_loopback() || v6.is_unique_local() || embedded
        }
    }
}

fn within(address: Ipv4Addr, network: Ipv4Addr, bits: u32) -> bool {
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or_default();
    address.to_bits() & mask == network.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_machines_are_never_asked_for() {
        for (address, here, exposed) in [
            ("203.0.114.9", true, true),
            ("2600::1", true, true),
            ("127.0.0.1", true, false),
            ("10.1.2.3", true, false),
            ("192.168.0.1", true, false),
            ("100.64.0.1", true, false),
            ("::1", true, false),
            ("::ffff:127.0.0.1", true, false),
            ("fc00::1", true, false),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("fd00:ec2::254", false, false),
            ("fe80::1", false, false),
            ("0.0.0.0", false, false),
            ("::", false, false),
            ("224.0.0.1", false, false),
        ] {
            let ip: IpAddr = address.parse().unwrap();
            assert_eq!(Reach::FromThisMachine.allows(ip), here, "{address}");
            assert_eq!(Reach::Public.allows(ip), exposed, "{address}");
        }
    }
}
