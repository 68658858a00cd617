//! Data is carried out in names: many different long names below one domain.

use stockade_model::{LogKind, Severity, Tactic};

use super::super::tally::{Counter, Sight, Stretch};
use super::super::{About, length};
use super::{HOUR, Query, every, registered};
use crate::look::Look;
use crate::rule::Meta;
use crate::world::Actor;

/// So many different names within the window …
const NAMES: usize = 80;
/// … which on average have so many characters before the domain.
const LENGTH: u64 = 24;

pub(in crate::behaviour) const TUNNEL: Counter = Counter {
    meta,
    kind: LogKind::ResolverQuery,
    call: every,
    width: HOUR,
    sight,
    judge,
};

fn meta() -> Meta {
    About {
        id: "dns-tunnel",
        title: "Data carried out in DNS names",
        description: "A host asked for many different long names below one domain. Whoever may not connect to the outside carries data in names, a piece in each, to the domain's own server.",
        severity: Severity::High,
        tactic: Tactic::Exfiltration,
        techniques: &["T1048.003", "T1071.004"],
        guardduty: Some("Trojan:EC2/DNSDataExfiltration"),
        falsepositives: &["A product that asks a reputation service by DNS", "A content network with long host names"],
        next: "Whose domain is it, and since when? Block it in the resolver's firewall, isolate the host, and see what it had read",
        playbook: "compromised-instance",
    }
    .meta()
}

fn sight(look: &Look<'_>, _actor: &Actor, count: &mut dyn FnMut(Sight<'_>)) {
    let Some(query) = Query::of(look) else { return };
    let Some((domain, before)) = registered(&query.name) else {
        return;
    };
    if before.len() >= 12 {
        count(Sight {
            who: &query.from,
            whom: domain,
            value: before,
            amount: before.len() as u64,
            ..Sight::default()
        });
    }
}

fn judge(stretch: &Stretch<'_>) -> Option<String> {
    let average = stretch.amount / stretch.count.max(1);
    // Names that are asked for again and again carry nothing new.
    let fresh = stretch.distinct as u64 * 2 >= stretch.count.min(512);
    (stretch.distinct >= NAMES && average >= LENGTH && fresh).then(|| {
        format!(
            "Data carried out in DNS names: {} asked for {} names below {} within {}, of {average} characters on average",
            stretch.who,
            stretch.count,
            stretch.whom,
            length(stretch.took)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::counted;
    use super::super::testing::query;
    use super::*;

    #[test]
    fn long_fresh_names_below_one_domain_are_a_tunnel() {
        let names = |name: fn(i64) -> String| -> Vec<_> {
            (0..120)
                .map(|n| query(n * 10, &name(n), "NOERROR"))
                .collect()
        };
        let tunnel = names(|n| format!("{n:08x}4d5a90000300000004000000ffff0000.t.example.net"));
        assert_eq!(
            counted(&TUNNEL, &tunnel),
            [
                "Data carried out in DNS names: i-0a1b2c3d4e5f60718 asked for 120 names below example.net within 19 min, of 42 characters on average"
            ]
        );
        assert!(counted(&TUNNEL, &names(|n| format!("host{n}.example.net"))).is_empty());
        assert!(
            counted(
                &TUNNEL,
                &names(|n| format!("{n:08x}4d5a90000300000004.s3.amazonaws.com"))
            )
            .is_empty()
        );
        assert!(
            counted(
                &TUNNEL,
                &names(|n| format!("{}-very-long-but-known-name-of-a-host.example.net", n % 5))
            )
            .is_empty()
        );
    }
}
