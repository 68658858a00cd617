//! A host asks for a mining pool by its name.

use stockade_model::{LogKind, Severity, Tactic};

use super::super::About;
use super::super::tally::{Counter, Sight, Stretch};
use super::{Query, every, is_below};
use crate::look::Look;
use crate::rule::Meta;
use crate::world::Actor;

/// Domains of pools.
const POOLS: [&str; 31] = [
    "2miners.com",
    "antpool.com",
    "c3pool.com",
    "c3pool.org",
    "coinhive.com",
    "crypto-pool.fr",
    "dwarfpool.com",
    "ethermine.org",
    "f2pool.com",
    "flypool.org",
    "gulf.moneroocean.stream",
    "hashvault.pro",
    "herominers.com",
    "kryptex.network",
    "minergate.com",
    "minerpool.org",
    "minexmr.com",
    "miningocean.org",
    "monerohash.com",
    "moneroocean.stream",
    "nanopool.org",
    "nicehash.com",
    "poolto.be",
    "prohashing.com",
    "rplant.xyz",
    "slushpool.com",
    "supportxmr.com",
    "unmineable.com",
    "viabtc.com",
    "xmrpool.eu",
    "zergpool.com",
];

pub(in crate::behaviour) const MINING: Counter = Counter {
    meta,
    kind: LogKind::ResolverQuery,
    call: every,
    width: 86_400,
    sight,
    judge,
};

fn meta() -> Meta {
    About {
        id: "mining-pool-domain",
        title: "A mining pool was asked for by name",
        description: "A host asked for the address of a pool for mining cryptocurrency. Servers have no honest reason to.",
        severity: Severity::High,
        tactic: Tactic::Impact,
        techniques: &["T1496.001"],
        guardduty: Some("CryptoCurrency:EC2/BitcoinTool.B!DNS"),
        falsepositives: &["Somebody reads about pools on a desktop in the cloud", "A scanner that looks into names"],
        next: "Look at the host's processor and its processes. A miner: isolate the host, and find how it got there",
        playbook: "compromised-instance",
    }
    .meta()
}

fn sight(look: &Look<'_>, _actor: &Actor, count: &mut dyn FnMut(Sight<'_>)) {
    let Some(query) = Query::of(look) else { return };
    if let Some(pool) = POOLS.iter().find(|pool| is_below(&query.name, pool)) {
        count(Sight {
            who: &query.from,
            whom: pool,
            value: &query.name,
            ..Sight::default()
        });
    }
}

fn judge(stretch: &Stretch<'_>) -> Option<String> {
    Some(format!(
        "A mining pool was asked for by name: {} asked for {}, {} times",
        stretch.who, stretch.whom, stretch.count
    ))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::counted;
    use super::super::testing::query;
    use super::*;

    #[test]
    fn pools_are_known() {
        let asked = |name: &str| counted(&MINING, &[query(0, name, "NOERROR")]);
        assert_eq!(
            asked("xmr-eu1.nanopool.org"),
            [
                "A mining pool was asked for by name: i-0a1b2c3d4e5f60718 asked for nanopool.org, 1 times"
            ]
        );
        assert!(asked("notnanopool.org").is_empty());
        assert!(asked("example.org").is_empty());
    }
}
