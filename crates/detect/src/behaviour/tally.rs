//! Counting by who, whom and stretch of time: what bursts, regular visits and slow trickles are told from.
//!
//! Owns the counts and their bounds. What is counted, and when it is too much, each counter says. The
//! order of events does not matter: a stretch is a fixed piece of time, and two neighbours are looked at
//! together, so that a burst across their boundary counts. Must not judge.
//!
//! Bounds: [`SLOTS`] counts for a worker, [`DISTINCT`] different values and [`MOMENTS`] moments in each, [`PROOF`]
//! events kept. When all slots are taken the half with the lowest counts is forgotten.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use stockade_model::LogKind;

use crate::look::Look;
use crate::rule::Meta;
use crate::timeline::Row;
use crate::world::{Actor, Moved, Str, Strings, World};

/// Counts that a worker keeps.
const SLOTS: usize = 1 << 16;
/// Different values that a count tells apart; more are not counted.
pub(super) const DISTINCT: usize = 512;
/// Moments that a count keeps.
const MOMENTS: usize = 512;
/// Events that are kept of each count, the first ones.
const PROOF: usize = 5;

/// A detector that counts.
pub(super) struct Counter {
    pub(super) meta: fn() -> Meta,
    pub(super) kind: LogKind,
    /// Whether it may want calls of this source and name; asked once for a pair.
    pub(super) call: fn(&str, &str) -> bool,
    /// How long a stretch is, in seconds.
    pub(super) width: i64,
    /// What is to be counted of an event.
    pub(super) sight: Counts,
    /// Whether one or two neighbouring stretches are too much: then what was seen and what was usual.
    pub(super) judge: fn(&Stretch<'_>) -> Option<String>,
}

/// Shows what is to be counted.
pub(super) type Counts = fn(&Look<'_>, &Actor, &mut dyn FnMut(Sight<'_>));

/// What tells series of counts apart: counter, who, whom, number.
type Series = (u8, Str, Str, u32);

/// Something to be counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sight<'a> {
    /// Who did it; the caller where it is empty.
    pub(super) who: &'a str,
    /// To whom.
    pub(super) whom: &'a str,
    /// A port, or whatever else tells counts apart.
    pub(super) number: u32,
    /// Of which the different ones are counted.
    pub(super) value: &'a str,
    /// What is added up.
    pub(super) amount: u64,
    /// Whether the moment is kept.
    pub(super) moment: bool,
}

/// What was counted in one or more neighbouring stretches.
#[derive(Debug)]
pub(super) struct Stretch<'a> {
    pub(super) who: &'a str,
    pub(super) whom: &'a str,
    pub(super) number: u32,
    pub(super) count: u64,
    pub(super) amount: u64,
    pub(super) distinct: usize,
    /// Seconds since 1970.
    pub(super) moments: &'a [i64],
    /// From the first to the last event, in seconds.
    pub(super) took: i64,
    /// The highest count of a stretch before these; none where there was none.
    pub(super) usual: Option<u64>,
    /// On how many days before these there was something to count.
    pub(super) days_before: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    counter: u8,
    who: Str,
    whom: Str,
    number: u32,
    stretch: i64,
}

#[derive(Debug, Default, Clone)]
struct Slot {
    count: u64,
    amount: u64,
    distinct: HashSet<u64, RandomState>,
    moments: Vec<i64>,
    first: i64,
    last: i64,
    /// The first events, in no order.
    rows: Vec<Row>,
    /// The latest of them, once there are enough.
    bound: Option<i64>,
}

impl Slot {
    fn trim(&mut self) {
        if self.rows.len() < PROOF {
            return;
        }
        self.rows.sort_by_key(|row| (row.time, row.file, row.index));
        self.rows.truncate(PROOF);
        self.bound = self.rows.last().map(|row| row.time);
    }

    fn take(&mut self, other: Self) {
        if self.count == 0 {
            *self = other;
            return;
        }
        self.count += other.count;
        self.amount += other.amount;
        let room = DISTINCT.saturating_sub(self.distinct.len());
        self.distinct.extend(other.distinct.into_iter().take(room));
        let room = MOMENTS.saturating_sub(self.moments.len());
        self.moments.extend(other.moments.into_iter().take(room));
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.rows.extend(other.rows);
        self.trim();
    }
}

/// Every count of a worker.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    slots: HashMap<Key, Slot, RandomState>,
    /// The slots that want the event at hand.
    wanting: Vec<Key>,
    /// How many counts were forgotten.
    forgotten: u64,
}

impl Tallies {
    /// Counts an event for these counters; answers whether it is to be kept.
    pub(crate) fn see(
        &mut self,
        counters: &[u8],
        look: &Look<'_>,
        actor: &Actor,
        strings: &mut Strings,
        time: i64,
        state: &RandomState,
    ) -> bool {
        self.wanting.clear();
        for number in counters {
            let Some(counter) = super::COUNTERS.get(usize::from(*number)) else {
                continue;
            };
            let stretch = time.div_euclid(counter.width * 1_000_000);
            (counter.sight)(look, actor, &mut |sight| {
                let who = if sight.who.is_empty() {
                    actor.principal
                } else {
                    strings.add(sight.who)
                };
                let key = Key {
                    counter: *number,
                    who,
                    whom: strings.add(sight.whom),
                    number: sight.number,
                    stretch,
                };
                self.count(key, &sight, time, state);
            });
        }
        !self.wanting.is_empty()
    }

    fn count(&mut self, key: Key, sight: &Sight<'_>, time: i64, state: &RandomState) {
        if self.slots.len() >= SLOTS && !self.slots.contains_key(&key) {
            self.forget();
        }
        let slot = self.slots.entry(key).or_default();
        if slot.count == 0 {
            (slot.first, slot.last) = (time, time);
        }
        slot.count += 1;
        slot.amount = slot.amount.saturating_add(sight.amount);
        slot.first = slot.first.min(time);
        slot.last = slot.last.max(time);
        if !sight.value.is_empty() && slot.distinct.len() < DISTINCT {
            slot.distinct.insert(state.hash_one(sight.value));
        }
        if sight.moment && slot.moments.len() < MOMENTS {
            slot.moments.push(time.div_euclid(1_000_000));
        }
        if slot.bound.is_none_or(|bound| time < bound) {
            self.wanting.push(key);
        }
    }

    /// Keeps an event that was wanted.
    pub(crate) fn keep(&mut self, row: &Row) {
        for key in self.wanting.drain(..) {
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.rows.push(row.clone());
                slot.trim();
            }
        }
    }

    #[cold]
    fn forget(&mut self) {
        let mut counts: Vec<u64> = self.slots.values().map(|slot| slot.count).collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        let median = *median;
        let before = self.slots.len();
        let mut spare = before / 2;
        self.slots.retain(|_, slot| {
            let goes = slot.count <= median && spare > 0;
            spare -= usize::from(goes);
            !goes
        });
        self.forgotten += (before - self.slots.len()) as u64;
    }

    /// Takes another worker's in.
    pub(crate) fn merge(&mut self, other: Self, moved: &Moved) {
        self.forgotten += other.forgotten;
        for (key, mut slot) in other.slots {
            slot.rows = slot.rows.into_iter().map(|row| row.moved(moved)).collect();
            let key = Key {
                who: moved.text(key.who),
                whom: moved.text(key.whom),
                ..key
            };
            self.slots.entry(key).or_default().take(slot);
        }
    }

    /// The events behind what was too much, each with a note that says so.
    pub(crate) fn rows(self, world: &mut World) -> Vec<Row> {
        let mut series: BTreeMap<Series, Vec<(i64, Slot)>> = BTreeMap::new();
        for (key, slot) in self.slots {
            series
                .entry((key.counter, key.who, key.whom, key.number))
                .or_default()
                .push((key.stretch, slot));
        }
        let mut found = Vec::new();
        for ((number, who, whom, port), mut slots) in series {
            let Some(counter) = super::COUNTERS.get(usize::from(number)) else {
                continue;
            };
            slots.sort_by_key(|(stretch, _)| *stretch);
            let names = (
                world.strings.text(who).to_owned(),
                world.strings.text(whom).to_owned(),
            );
            for (from, to) in too_much(counter, &names, port, &slots) {
                let Some(joined) = joined(&slots, from, to) else {
                    continue;
                };
                let judged = judged(counter, &names, port, &slots, from, &joined);
                let Some(what) = judged else { continue };
                let note = world.strings.add(&what);
                found.extend(joined.rows.into_iter().map(|row| Row {
                    notes: vec![(super::number_of_counter(number), note)],
                    ..row
                }));
            }
        }
        found
    }
}

type Names = (String, String);

/// The runs of neighbouring stretches that are too much.
fn too_much(
    counter: &Counter,
    names: &Names,
    number: u32,
    slots: &[(i64, Slot)],
) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for place in 0..slots.len() {
        let next = slots.get(place + 1).map(|(stretch, _)| *stretch);
        let here = slots.get(place).map(|(stretch, _)| *stretch + 1);
        let pair = if next == here { place + 1 } else { place };
        for to in [place, pair] {
            let Some(joined) = joined(slots, place, to) else {
                continue;
            };
            if judged(counter, names, number, slots, place, &joined).is_some() {
                match runs.last_mut() {
                    Some((_, end)) if place <= *end => *end = (*end).max(to),
                    _ => runs.push((place, to)),
                }
                break;
            }
        }
    }
    runs
}

fn joined(slots: &[(i64, Slot)], from: usize, to: usize) -> Option<Slot> {
    let mut all = slots.get(from..=to)?.iter();
    let mut joined = all.next()?.1.clone();
    all.for_each(|(_, slot)| joined.take(slot.clone()));
    Some(joined)
}

fn judged(
    counter: &Counter,
    names: &Names,
    number: u32,
    slots: &[(i64, Slot)],
    from: usize,
    joined: &Slot,
) -> Option<String> {
    let before = slots.get(..from).unwrap_or_default();
    let days: HashSet<i64> = before
        .iter()
        .map(|(stretch, _)| (stretch * counter.width).div_euclid(86_400))
        .collect();
    let mut moments = joined.moments.clone();
    moments.sort_unstable();
    moments.dedup();
    (counter.judge)(&Stretch {
        who: &names.0,
        whom: &names.1,
        number,
        count: joined.count,
        amount: joined.amount,
        distinct: joined.distinct.len(),
        moments: &moments,
        took: (joined.last - joined.first) / 1_000_000,
        usual: before.iter().map(|(_, slot)| slot.count).max(),
        days_before: days.len(),
    })
}
