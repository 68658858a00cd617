//! A program reports home by the clock: the same small visit, at the same interval, again and again.

use stockade_model::{LogKind, Severity, Tactic};

use super::super::tally::{Counter, Sight, Stretch};
use super::super::{About, length};
use super::{DAY, Flow, every, size};
use crate::look::Look;
use crate::rule::Meta;
use crate::world::Actor;

/// So many visits at least …
const VISITS: usize = 20;
/// … over so many seconds …
const SECONDS: i64 = 3_600;
/// … no closer together than this …
const CLOSEST: i64 = 20;
/// … of which so many in a hundred come within …
const REGULAR: usize = 80;
/// … so many in a hundred of the usual interval.
const JITTER: i64 = 15;
/// A visit that carries more than this on average is a transfer.
const LARGEST: u64 = 50_000;

pub(in crate::behaviour) const BEACON: Counter = Counter {
    meta,
    kind: LogKind::VpcFlow,
    call: every,
    width: DAY,
    sight,
    judge,
};

fn meta() -> Meta {
    About {
        id: "beaconing",
        title: "Visits by the clock to one address outside",
        description: "A host went to the same address outside again and again, at the same interval, and carried little each time. A program that waits for orders does that; so does one that honestly checks for news.",
        severity: Severity::Low,
        tactic: Tactic::CommandAndControl,
        techniques: &["T1071", "T1571"],
        guardduty: Some("Backdoor:EC2/C&CActivity.B"),
        falsepositives: &["An agent for monitoring, licences or updates", "A health check of something outside"],
        next: "Whose address is it? Not one that a program of yours needs: which process on the host opens it? Isolate the host before you ask it",
        playbook: "compromised-instance",
    }
    .meta()
}

fn sight(look: &Look<'_>, _actor: &Actor, count: &mut dyn FnMut(Sight<'_>)) {
    let Some(flow) = Flow::of(look).filter(Flow::asks) else {
        return;
    };
    // Names and the time are asked for by the clock, by everybody.
    let clockwork = matches!(flow.port, 53 | 123 | 853);
    if flow.went_out() && !clockwork {
        count(Sight {
            who: &flow.from,
            whom: &flow.to,
            number: flow.port,
            amount: flow.bytes,
            moment: true,
            ..Sight::default()
        });
    }
}

fn judge(stretch: &Stretch<'_>) -> Option<String> {
    let mut gaps: Vec<i64> = stretch
        .moments
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] => Some(b - a),
            _ => None,
        })
        .collect();
    let small = stretch.amount / stretch.count.max(1) <= LARGEST;
    if gaps.len() + 1 < VISITS || stretch.took < SECONDS || !small {
        return None;
    }
    gaps.sort_unstable();
    let usual = *gaps.get(gaps.len() / 2)?;
    let near = gaps
        .iter()
        .filter(|gap| (*gap - usual).abs() * 100 <= usual * JITTER)
        .count();
    (usual >= CLOSEST && near * 100 >= gaps.len() * REGULAR).then(|| {
        format!(
            "Visits by the clock: {} went to {}:{} every {} s, {} times in {}, {} in all",
            stretch.who,
            stretch.whom,
            stretch.number,
            usual,
            gaps.len() + 1,
            length(stretch.took),
            size(stretch.amount)
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
    fn the_clock_is_heard_through_jitter() {
        let visit = |n: i64, to: &str, more| flow(n, "10.0.1.5", to, 443, more);
        let beacon: Vec<_> = (0..60)
            .map(|n| visit(n * 300 + (n * 7) % 20, "203.0.113.9", json!({})))
            .collect();
        let seen = counted(&BEACON, &beacon);
        assert_eq!(seen.len(), 1);
        assert!(
            seen[0].starts_with("Visits by the clock: 10.0.1.5 went to 203.0.113.9:443 every "),
            "{seen:?}"
        );
        // A person: now a burst, now nothing.
        let person: Vec<_> = (0..60)
            .map(|n| visit(n * n * 7, "203.0.113.9", json!({})))
            .collect();
        assert!(counted(&BEACON, &person).is_empty());
        let inside: Vec<_> = (0..60)
            .map(|n| visit(n * 300, "10.0.9.9", json!({})))
            .collect();
        assert!(counted(&BEACON, &inside).is_empty());
        let service: Vec<_> = (0..60)
            .map(|n| visit(n * 300, "52.95.110.1", json!({"pkt-dst-aws-service": "S3"})))
            .collect();
        assert!(counted(&BEACON, &service).is_empty());
        let transfer: Vec<_> = (0..60)
            .map(|n| visit(n * 300, "203.0.113.9", json!({"bytes": 4_000_000})))
            .collect();
        assert!(counted(&BEACON, &transfer).is_empty());
    }
}
