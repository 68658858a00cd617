//! Much is carried out to one address outside, in one go or over hours.

use stockade_model::{LogKind, Severity, Tactic};

use super::super::tally::{Counter, Sight, Stretch};
use super::super::{About, length};
use super::{DAY, Flow, every, size};
use crate::look::Look;
use crate::rule::Meta;
use crate::world::Actor;

/// So many bytes a day.
const BYTES: u64 = 1_000_000_000;
/// Unless it is no more than so many times what was usual in flows.
const TIMES: u64 = 5;

pub(in crate::behaviour) const UPLOAD: Counter = Counter {
    meta,
    kind: LogKind::VpcFlow,
    call: every,
    width: DAY,
    sight,
    judge,
};

fn meta() -> Meta {
    About {
        id: "upload-to-outside",
        title: "Much carried out to one address outside",
        description: "A host sent a gigabyte or more within a day to one address outside that is no service of AWS, and had not done so on the days before.",
        severity: Severity::Medium,
        tactic: Tactic::Exfiltration,
        techniques: &["T1048", "T1041"],
        guardduty: Some("Behavior:EC2/TrafficVolumeUnusual"),
        falsepositives: &["A backup or a build that goes to another provider", "A server of large files, whose answers these are"],
        next: "Whose address is it, and what does the host hold? Unknown: cut the connection, keep the host, see what was read before",
        playbook: "data-exfiltration",
    }
    .meta()
}

fn sight(look: &Look<'_>, _actor: &Actor, count: &mut dyn FnMut(Sight<'_>)) {
    let Some(flow) = Flow::of(look) else { return };
    // An answer to a client outside goes to a high port: that is a server's work.
    if flow.went_out() && flow.asks() {
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
    let often = stretch
        .usual
        .is_some_and(|most| stretch.count <= most * TIMES);
    (stretch.amount >= BYTES && !often).then(|| {
        format!(
            "Much carried out: {} sent {} to {}:{} within {}; {}",
            stretch.who,
            size(stretch.amount),
            stretch.whom,
            stretch.number,
            length(stretch.took),
            match stretch.days_before {
                0 => "nothing on the days before".to_owned(),
                days => format!("far less on {days} days before"),
            }
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
    fn a_gigabyte_outside_is_much() {
        let sent = |second: i64, to: &str, port, bytes: u64| {
            flow(second, "10.0.1.5", to, port, json!({"bytes": bytes}))
        };
        let upload: Vec<_> = (0..20)
            .map(|n| sent(n * 600, "203.0.113.9", 443, 60_000_000))
            .collect();
        assert_eq!(
            counted(&UPLOAD, &upload),
            [
                "Much carried out: 10.0.1.5 sent 1.2 GB to 203.0.113.9:443 within 3 h; nothing on the days before"
            ]
        );
        for quiet in [
            (0..20)
                .map(|n| sent(n * 600, "10.0.9.9", 443, 60_000_000))
                .collect::<Vec<_>>(),
            (0..20)
                .map(|n| sent(n * 600, "203.0.113.9", 51_515, 60_000_000))
                .collect(),
            (0..20)
                .map(|n| sent(n * 600, "203.0.113.9", 443, 6_000_000))
                .collect(),
        ] {
            assert!(counted(&UPLOAD, &quiet).is_empty());
        }
        // As every day.
        let daily: Vec<_> = (0..5)
            .flat_map(|day| (0..20).map(move |n| (day, n)))
            .map(|(day, n)| sent(day * 86_400 + n * 600, "203.0.113.9", 443, 60_000_000))
            .collect();
        assert_eq!(counted(&UPLOAD, &daily).len(), 1, "the first day alone");
    }
}
