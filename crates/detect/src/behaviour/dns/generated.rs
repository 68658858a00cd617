//! A program makes up names until one answers: many domains that nobody registered, and that no person
//! would.

use stockade_model::{LogKind, Severity, Tactic};

use super::super::tally::{Counter, Sight, Stretch};
use super::super::{About, length};
use super::{HOUR, Query, every, registered};
use crate::look::Look;
use crate::rule::Meta;
use crate::world::Actor;

/// So many different domains within the window.
const DOMAINS: usize = 20;

pub(in crate::behaviour) const GENERATED: Counter = Counter {
    meta,
    kind: LogKind::ResolverQuery,
    call: every,
    width: HOUR,
    sight,
    judge,
};

fn meta() -> Meta {
    About {
        id: "generated-domains",
        title: "Many made-up domains asked for, which do not exist",
        description: "A host asked for many domains that do not exist and whose names look made up. Malware goes through such names until its master has registered one.",
        severity: Severity::Medium,
        tactic: Tactic::CommandAndControl,
        techniques: &["T1568.002"],
        guardduty: Some("Trojan:EC2/DGADomainRequest.B"),
        falsepositives: &["A browser that tests whether the network lies about names", "A scanner of domains"],
        next: "Did one of the names get an answer? Which process asks? Isolate the host",
        playbook: "compromised-instance",
    }
    .meta()
}

fn sight(look: &Look<'_>, _actor: &Actor, count: &mut dyn FnMut(Sight<'_>)) {
    let Some(query) = Query::of(look).filter(|query| query.missing) else {
        return;
    };
    let Some((domain, _)) = registered(&query.name) else {
        return;
    };
    let label = domain.split('.').next().unwrap_or_default();
    if looks_made_up(label) {
        count(Sight {
            who: &query.from,
            value: domain,
            ..Sight::default()
        });
    }
}

fn judge(stretch: &Stretch<'_>) -> Option<String> {
    (stretch.distinct >= DOMAINS).then(|| {
        format!(
            "Made-up domains: {} asked for {} that do not exist within {}",
            stretch.who,
            stretch.distinct,
            length(stretch.took)
        )
    })
}

/// Pairs of letters that words of European languages are full of.
const PAIRS: &str = "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr ly nc et ut ss so rs un lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia am fi ci vi pl ig tu ev ld ry mp fe bl ab gh ty op wo sa ay ex ke fr oo av ag if ap gr od bo sp rd do uc bu ei ov by rm ep tt oc fa ef cu rn sc gi da yo cr cl du ga qu ue ff ba ey ls va um pp ua up lu go ht ru ug ds lt pi rc rr eg au ck ew mu br bi pt ak pu ui rg ib tl ny ki rk ys ob mm fu ph og ms ye ud mb ip ub oi rl gu dr hr cc tw ft wn nu af hu nn eo vo rv nf xp gn sm fl iz ok nl my gl aw ju oa eq sy sl ps jo lf nv je nk kn gs dy hy ze ks xt bs ik dd pt rp ax";

/// Whether a program rather than a person thought of the name: long, and of pairs of letters that words
/// do not have, or of letters and figures mixed.
fn looks_made_up(label: &str) -> bool {
    let letters: Vec<char> = label.chars().collect();
    if letters.len() < 8 || label.contains('-') || label.starts_with("xn--") {
        return false;
    }
    let mut pairs = 0usize;
    let mut usual = 0usize;
    let mut turns = 0usize;
    for pair in letters.windows(2) {
        let [a, b] = pair else { continue };
        pairs += 1;
        let text = String::from_iter([*a, *b]);
        usual += usize::from(PAIRS.split(' ').any(|known| known == text));
        turns += usize::from(a.is_ascii_digit() != b.is_ascii_digit());
    }
    usual * 100 < pairs * 45 || turns >= 4
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::counted;
    use super::super::testing::query;
    use super::*;

    #[test]
    fn names_of_programs_are_told_from_those_of_people() {
        for name in [
            "xjw7qkz0pfh2",
            "qzkxvbnwtpld",
            "kq3vj9x2m4tz",
            "bwpqfjxkzvhg",
        ] {
            assert!(looks_made_up(name), "{name}");
        }
        for name in [
            "microsoft",
            "wikipedia",
            "stackoverflow",
            "kubernetes",
            "githubusercontent",
            "doubleclick",
            "example",
            "datadoghq",
            "letsencrypt",
            "elasticsearch",
        ] {
            assert!(!looks_made_up(name), "{name}");
        }
    }

    #[test]
    fn many_made_up_names_are_seen() {
        let made = |n: i64| {
            let letters: String = (0..12)
                .map(|i| char::from(b'a' + ((n * 7919 + i * 104_729 + n * i * 31) % 26) as u8))
                .collect();
            format!("{letters}.net")
        };
        let queries =
            |rcode| -> Vec<_> { (0..60).map(|n| query(n * 20, &made(n), rcode)).collect() };
        let seen = counted(&GENERATED, &queries("NXDOMAIN"));
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(counted(&GENERATED, &queries("NOERROR")).is_empty());
        let typos: Vec<_> = (0..60)
            .map(|n| query(n, "mircosoft.com", "NXDOMAIN"))
            .collect();
        assert!(counted(&GENERATED, &typos).is_empty());
    }
}
