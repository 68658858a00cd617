//! A host speaks with relays of Tor: their ports, at several addresses outside.
//!
//! The list of relays changes by the hour; who has one gives it with `--intel`. Without a list only the
//! ports tell, so that one address alone says nothing.

use stockade_model::{LogKind, Severity, Tactic};

use super::super::tally::{Counter, Sight, Stretch};
use super::super::{About, length};
use super::{Flow, every};
use crate::look::Look;
use crate::rule::Meta;
use crate::world::Actor;

/// Where relays usually listen, for circuits and for the directory.
const PORTS: [u32; 2] = [9001, 9030];
/// A client keeps circuits by way of several relays.
const RELAYS: usize = 3;

pub(in crate::behaviour) const TOR: Counter = Counter {
    meta,
    kind: LogKind::VpcFlow,
    call: every,
    width: 86_400,
    sight,
    judge,
};

fn meta() -> Meta {
    About {
        id: "tor-client-traffic",
        title: "A host speaks with several relays of Tor",
        description: "A host of the network connected to the ports of Tor's relays at several addresses outside. Attackers hide behind Tor, and their tools call home by it.",
        severity: Severity::Medium,
        tactic: Tactic::CommandAndControl,
        techniques: &["T1090.003"],
        guardduty: Some("UnauthorizedAccess:EC2/TorClient"),
        falsepositives: &["A relay or a client that belongs there", "Another program at port 9001"],
        next: "Hold the addresses to a list of relays (--intel). Tor, and nobody's: isolate the host",
        playbook: "compromised-instance",
    }
    .meta()
}

fn sight(look: &Look<'_>, _actor: &Actor, count: &mut dyn FnMut(Sight<'_>)) {
    let Some(flow) = Flow::of(look) else { return };
    if flow.went_out() && flow.protocol == 6 && PORTS.contains(&flow.port) {
        count(Sight {
            who: &flow.from,
            value: &flow.to,
            ..Sight::default()
        });
    }
}

fn judge(stretch: &Stretch<'_>) -> Option<String> {
    (stretch.distinct >= RELAYS).then(|| {
        format!(
            "Speaks with relays of Tor: {} with {} addresses outside at their ports within {}",
            stretch.who,
            stretch.distinct,
            length(stretch.took)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::counted;
    use super::super::testing::flow;
    use super::*;
    use serde_json::json;

    #[test]
    fn several_relays_are_tor() {
        let to = |count: i64, port| -> Vec<_> {
            (0..count)
                .map(|n| {
                    flow(
                        n * 60,
                        "10.0.1.5",
                        &format!("203.0.113.{n}"),
                        port,
                        json!({}),
                    )
                })
                .collect()
        };
        assert_eq!(
            counted(&TOR, &to(4, 9001)),
            [
                "Speaks with relays of Tor: 10.0.1.5 with 4 addresses outside at their ports within 3 min"
            ]
        );
        assert!(counted(&TOR, &to(2, 9001)).is_empty());
        assert!(counted(&TOR, &to(9, 443)).is_empty());
    }
}
