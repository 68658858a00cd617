//! Who did what, from where: all events counted, whatever the rules say of them.
//!
//! Owns the counts and the table. Must not judge.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use stockade_model::Timestamp;

use crate::profile::Profile;
use crate::story::program;
use crate::world::{Count, World, moment};

/// So many values of each list are shown; all are counted.
const SHOWN: usize = 20;

/// What all events come to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Overview {
    /// Callers: users, role sessions, services, senders of packets.
    pub principals: Vec<Counted>,
    /// Keys.
    pub keys: Vec<Counted>,
    /// Addresses.
    pub addresses: Vec<Counted>,
    /// Programs, without their versions.
    pub programs: Vec<Counted>,
    /// Regions.
    pub regions: Vec<Counted>,
    /// Accounts.
    pub accounts: Vec<Counted>,
    /// Services that were called; a service's own calls are left out.
    pub services: Vec<Counted>,
    /// Calls, as service and name; a service's own are left out.
    pub calls: Vec<Counted>,
    /// Errors, by code.
    pub errors: Vec<Counted>,
}

/// A value with how often and when it was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counted {
    /// The value.
    pub value: String,
    /// In how many events.
    pub events: u64,
    /// How many of them AWS refused, where that is known.
    pub refused: u64,
    /// First, where that is known.
    pub first: Option<Timestamp>,
    /// Last, where that is known.
    pub last: Option<Timestamp>,
}

impl Overview {
    pub(crate) fn of(world: &World, profile: &Profile) -> Self {
        let text = |number| world.strings.text(number);
        let mut lists: [BTreeMap<String, Count>; 6] = Default::default();
        for (way, count) in &world.ways {
            if count.calls == 0 {
                continue;
            }
            let actor = world.actors.get(way.actor as usize);
            let values = [
                actor.map_or("", |actor| text(actor.principal)).to_owned(),
                actor.map_or("", |actor| text(actor.key)).to_owned(),
                text(way.address).to_owned(),
                program(text(way.agent)).to_string(),
                text(way.region).to_owned(),
                text(way.account).to_owned(),
            ];
            for (list, value) in lists.iter_mut().zip(values) {
                if value.is_empty() {
                    continue;
                }
                let own = list.entry(value).or_insert(Count {
                    calls: 0,
                    refused: 0,
                    first: i64::MAX,
                    last: i64::MIN,
                });
                own.calls += count.calls;
                own.refused += count.refused;
                own.first = own.first.min(count.first);
                own.last = own.last.max(count.last);
            }
        }
        let mut services: BTreeMap<String, u64> = BTreeMap::new();
        let mut calls: BTreeMap<String, u64> = BTreeMap::new();
        for (_, count, moment) in profile.calls() {
            let source = text(moment.source);
            let service = source.split('.').next().unwrap_or(source);
            *services.entry(service.to_owned()).or_default() += count;
            let call = format!("{service}:{}", text(moment.name));
            *calls.entry(call).or_default() += count;
        }
        let errors = profile
            .errors()
            .map(|(code, count)| (text(code).to_owned(), count))
            .collect();
        let [principals, keys, addresses, programs, regions, accounts] = lists.map(sorted);
        Self {
            principals,
            keys,
            addresses,
            programs,
            regions,
            accounts,
            services: plain(services),
            calls: plain(calls),
            errors: plain(errors),
        }
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut page = String::new();
        for (name, list) in [
            ("principals", &self.principals),
            ("keys", &self.keys),
            ("addresses", &self.addresses),
            ("programs", &self.programs),
            ("regions", &self.regions),
            ("accounts", &self.accounts),
            ("services", &self.services),
            ("calls", &self.calls),
            ("errors", &self.errors),
        ] {
            if list.is_empty() {
                continue;
            }
            let _ = writeln!(page, "{} ({})", name.to_uppercase(), list.len());
            for one in list.iter().take(SHOWN) {
                let refused = match one.refused {
                    0 => String::new(),
                    n => format!("{n} refused"),
                };
                let when = match (one.first, one.last) {
                    (Some(first), Some(last)) => format!("{} to {}", short(first), short(last)),
                    _ => String::new(),
                };
                let value: String = one
                    .value
                    .chars()
                    .map(|c| if c.is_control() { '·' } else { c })
                    .collect();
                let line = format!("{:>10}  {refused:>14}  {when:<36}  {value}", one.events);
                let _ = writeln!(page, "{}", line.trim_end());
            }
            if list.len() > SHOWN {
                let _ = writeln!(page, "{:>10}  and {} more", "", list.len() - SHOWN);
            }
            page.push('\n');
        }
        page
    }
}

fn short(time: Timestamp) -> String {
    time.to_string()
        .chars()
        .take(16)
        .collect::<String>()
        .replace('T', " ")
}

fn sorted(list: BTreeMap<String, Count>) -> Vec<Counted> {
    let mut all: Vec<Counted> = list
        .into_iter()
        .map(|(value, count)| Counted {
            value,
            events: count.calls,
            refused: count.refused,
            first: Some(moment(count.first)),
            last: Some(moment(count.last)),
        })
        .collect();
    all.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.value.cmp(&b.value)));
    all
}

fn plain(list: BTreeMap<String, u64>) -> Vec<Counted> {
    let mut all: Vec<Counted> = list
        .into_iter()
        .map(|(value, events)| Counted {
            value,
            events,
            refused: 0,
            first: None,
            last: None,
        })
        .collect();
    all.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.value.cmp(&b.value)));
    all
}
