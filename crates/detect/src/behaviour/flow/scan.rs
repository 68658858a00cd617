//! Somebody looks for open doors: many ports of one host, or one port of many hosts, within minutes.
//!
//! The internet knocks at every address all day, so that a sender from outside counts only where it is
//! let in.

use stockade_model::{LogKind, Severity, Tactic};

use super::super::tally::{Counter, DISTINCT, Sight, Stretch};
use super::super::{About, length};
use super::{Flow, WINDOW, every};
use crate::look::Look;
use crate::rule::Meta;
use crate::world::Actor;

/// So many different ports of one host …
const PORTS: usize = 50;
/// … or, from outside, so many that answered.
const OPEN_PORTS: usize = 15;
/// So many different hosts at one port.
const HOSTS: usize = 40;

pub(in crate::behaviour) const PORT_SCAN: Counter = Counter {
    meta: ports_meta,
    kind: LogKind::VpcFlow,
    call: every,
    width: WINDOW,
    sight: ports,
    judge: judge_ports,
};

pub(in crate::behaviour) const SWEEP: Counter = Counter {
    meta: hosts_meta,
    kind: LogKind::VpcFlow,
    call: every,
    width: WINDOW,
    sight: hosts,
    judge: judge_hosts,
};

fn ports_meta() -> Meta {
    About {
        id: "port-scan",
        title: "Port scan: one host tried many ports of another within minutes",
        description: "A host of the network tried many different ports of one host within minutes, or one from outside reached many. Somebody looks for a way on.",
        severity: Severity::Medium,
        tactic: Tactic::Discovery,
        techniques: &["T1046"],
        guardduty: Some("Recon:EC2/Portscan"),
        falsepositives: &["A vulnerability scanner that belongs there", "A load balancer's or a peer-to-peer program's many connections"],
        next: "Which instance is the sender, and who runs on it? Not a scanner that you know: isolate it and keep its disk and memory",
        playbook: "compromised-instance",
    }
    .meta()
}

fn hosts_meta() -> Meta {
    About {
        id: "port-sweep",
        title: "Sweep: one host tried one port of many hosts within minutes",
        description: "A host of the network tried the same port of many hosts within minutes: somebody looks for the next host, or a worm does.",
        severity: Severity::Medium,
        tactic: Tactic::Discovery,
        techniques: &["T1018", "T1046"],
        guardduty: Some("Recon:EC2/Portscan"),
        falsepositives: &["Monitoring that polls every host", "A configuration manager that pushes"],
        next: "Which instance is the sender, and is it one that polls? If not: isolate it, and see which of the hosts answered",
        playbook: "compromised-instance",
    }
    .meta()
}

fn ports(look: &Look<'_>, _actor: &Actor, count: &mut dyn FnMut(Sight<'_>)) {
    let Some(flow) = Flow::of(look).filter(Flow::asks) else {
        return;
    };
    if flow.from_inside || flow.accepted {
        count(Sight {
            who: &flow.from,
            whom: &flow.to,
            number: u32::from(flow.from_inside),
            value: &flow.port.to_string(),
            ..Sight::default()
        });
    }
}

fn judge_ports(stretch: &Stretch<'_>) -> Option<String> {
    let least = if stretch.number == 1 {
        PORTS
    } else {
        OPEN_PORTS
    };
    (stretch.distinct >= least).then(|| {
        format!(
            "Port scan: {} tried {} ports of {} within {}",
            stretch.who,
            at_least(stretch.distinct),
            stretch.whom,
            length(stretch.took)
        )
    })
}

fn hosts(look: &Look<'_>, _actor: &Actor, count: &mut dyn FnMut(Sight<'_>)) {
    let Some(flow) = Flow::of(look).filter(Flow::asks) else {
        return;
    };
    // What everybody asks everybody for tells nothing.
    let everyday = matches!(flow.port, 53 | 80 | 123 | 443);
    if flow.from_inside && !everyday {
        count(Sight {
            who: &flow.from,
            number: flow.port,
            value: &flow.to,
            ..Sight::default()
        });
    }
}

fn judge_hosts(stretch: &Stretch<'_>) -> Option<String> {
    // Who does it day after day belongs there.
    (stretch.distinct >= HOSTS && stretch.days_before < 3).then(|| {
        format!(
            "Sweep: {} tried port {} of {} hosts within {}",
            stretch.who,
            stretch.number,
            at_least(stretch.distinct),
            length(stretch.took)
        )
    })
}

fn at_least(distinct: usize) -> String {
    if distinct < DISTINCT {
        distinct.to_string()
    } else {
        format!("{DISTINCT} or more")
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::counted;
    use super::super::testing::flow;
    use super::*;
    use serde_json::json;

    #[test]
    fn many_ports_of_one_host_are_a_scan_across_the_boundary_too() {
        let reject = json!({"action": "REJECT"});
        // From 590 s on: half of it lies in the next stretch.
        let scan: Vec<_> = (0..60)
            .map(|n| {
                flow(
                    590 + n / 3,
                    "10.0.1.5",
                    "10.0.2.9",
                    1000 + n as u16,
                    reject.clone(),
                )
            })
            .collect();
        assert_eq!(
            counted(&PORT_SCAN, &scan),
            ["Port scan: 10.0.1.5 tried 60 ports of 10.0.2.9 within 19 s"]
        );
        let slow: Vec<_> = (0..60)
            .map(|n| {
                flow(
                    n * 60,
                    "10.0.1.5",
                    "10.0.2.9",
                    1000 + n as u16,
                    reject.clone(),
                )
            })
            .collect();
        assert!(counted(&PORT_SCAN, &slow).is_empty());
        let background: Vec<_> = (0..60)
            .map(|n| {
                flow(
                    n,
                    "203.0.113.5",
                    "10.0.2.9",
                    1000 + n as u16,
                    reject.clone(),
                )
            })
            .collect();
        assert!(counted(&PORT_SCAN, &background).is_empty());
        let answers: Vec<_> = (0..60)
            .map(|n| flow(n, "10.0.1.5", "10.0.2.9", 40_000 + n as u16, json!({})))
            .collect();
        assert!(counted(&PORT_SCAN, &answers).is_empty());
    }

    #[test]
    fn one_port_of_many_hosts_is_a_sweep() {
        let sweep = |port| -> Vec<_> {
            (0..45)
                .map(|n| flow(n, "10.0.1.5", &format!("10.0.2.{n}"), port, json!({})))
                .collect()
        };
        assert_eq!(
            counted(&SWEEP, &sweep(445)),
            ["Sweep: 10.0.1.5 tried port 445 of 45 hosts within 44 s"]
        );
        assert!(counted(&SWEEP, &sweep(443)).is_empty());
    }
}
