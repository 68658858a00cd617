//! A host works for a mining pool: connections outside to the ports that pools have.

use stockade_model::{LogKind, Severity, Tactic};

use super::super::tally::{Counter, Sight, Stretch};
use super::super::{About, length};
use super::{Flow, every};
use crate::look::Look;
use crate::rule::Meta;
use crate::world::Actor;

/// Ports at which pools usually listen.
const PORTS: [u32; 11] = [
    3333, 3357, 4444, 5555, 7777, 9999, 10_128, 14_433, 14_444, 45_560, 45_700,
];
/// A miner stays connected: flows over so many seconds.
const SECONDS: i64 = 300;

pub(in crate::behaviour) const MINING: Counter = Counter {
    meta,
    kind: LogKind::VpcFlow,
    call: every,
    width: 3_600,
    sight,
    judge,
};

fn meta() -> Meta {
    About {
        id: "mining-pool-traffic",
        title: "A host stays connected to a port of mining pools",
        description: "A host of the network kept a connection to an address outside, at a port where mining pools listen.",
        severity: Severity::Medium,
        tactic: Tactic::Impact,
        techniques: &["T1496.001"],
        guardduty: Some("CryptoCurrency:EC2/BitcoinTool.B"),
        falsepositives: &["A program of your own at the same port"],
        next: "Look at the host's processor and its processes. A miner: isolate the host, and find how it got there",
        playbook: "compromised-instance",
    }
    .meta()
}

fn sight(look: &Look<'_>, _actor: &Actor, count: &mut dyn FnMut(Sight<'_>)) {
    let Some(flow) = Flow::of(look) else { return };
    if flow.went_out() && flow.protocol == 6 && PORTS.contains(&flow.port) {
        count(Sight {
            who: &flow.from,
            whom: &flow.to,
            number: flow.port,
            amount: flow.bytes,
            ..Sight::default()
        });
    }
}

fn judge(stretch: &Stretch<'_>) -> Option<String> {
    (stretch.count >= 3 && stretch.took >= SECONDS).then(|| {
        format!(
            "Connected to a port of mining pools: {} to {}:{}, {} flows over {}",
            stretch.who,
            stretch.whom,
            stretch.number,
            stretch.count,
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
    fn a_miner_stays() {
        let stays = |port, to: &str| -> Vec<_> {
            (0..10)
                .map(|n| flow(n * 60, "10.0.1.5", to, port, json!({})))
                .collect()
        };
        assert_eq!(
            counted(&MINING, &stays(3333, "203.0.113.9")),
            [
                "Connected to a port of mining pools: 10.0.1.5 to 203.0.113.9:3333, 10 flows over 9 min"
            ]
        );
        assert!(counted(&MINING, &stays(443, "203.0.113.9")).is_empty());
        assert!(counted(&MINING, &stays(3333, "10.0.9.9")).is_empty());
        let once: Vec<_> = stays(3333, "203.0.113.9").into_iter().take(2).collect();
        assert!(counted(&MINING, &once).is_empty());
    }
}
