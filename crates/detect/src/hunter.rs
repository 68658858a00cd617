//! One worker of a hunt: takes one record after another, holds the rules against it, and keeps what a
//! finding may need.
//!
//! Owns the way of one event through the program. An event that matches nothing leaves counts behind
//! and no copy of anything. Must not make findings: that takes all workers' events, in order.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use foldhash::fast::RandomState;
use stockade_model::event::EventError;
use stockade_model::{Event, LogKind, Timestamp};
use stockade_scan::{Kind, Member, Raw, Scanner, Step};

use crate::behaviour::{self, Networks, Tallies};
use crate::fields::Outcome;
use crate::hunt::RuleSet;
use crate::intel::Intel;
use crate::look::{self, Look, Slots};
use crate::profile::{Moment, Noted, Profile};
use crate::program::{IdentityMemo, Memo, Op, Program};
use crate::sigma::field::Scope;
use crate::story;
use crate::timeline::Row;
use crate::world::{Fingerprints, Moved, Str, World, is_refused};

/// Calls by name that are kept worked out; more than this many different ones are no honest log's.
const CALLS: usize = 1 << 16;
/// Identities that are known by their bytes; a pile of logs with more forgets the first.
const IDENTITIES: usize = 1 << 18;
/// Events whose second delivery is told from the first, in all.
const SEEN: usize = 1 << 22;
/// So many events of one caller and call are noted for a detector in a stretch of …
const NOTES: u8 = 32;
/// … so many microseconds: what is the same again tells nothing new.
const STRETCH: i64 = 600_000_000;
/// Callers, calls and stretches of which that is known.
const NOTED: usize = 1 << 17;
/// Parts of that, so that workers seldom wait for one another.
const SHARDS: usize = 64;

/// A record to hold rules against.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Of what kind of log it is.
    pub kind: LogKind,
    /// The bytes in which its members' places are.
    pub base: &'a [u8],
    /// The record in them.
    pub record: &'a [u8],
    /// Its members.
    pub members: &'a [Member],
    /// The file, object or stream.
    pub source: &'a Arc<str>,
    /// Its number in there.
    pub index: u64,
}

/// What the workers of one hunt share.
#[derive(Debug, Default)]
pub struct Common {
    state: RandomState,
    shards: Vec<Mutex<HashSet<u64, RandomState>>>,
    matched: AtomicU64,
    intel: Arc<Intel>,
}

impl Common {
    /// For one hunt.
    pub fn new() -> Self {
        Self {
            state: RandomState::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            matched: AtomicU64::new(0),
            intel: Arc::default(),
        }
    }

    /// With what is known to be bad, which is looked for in logs of packets, queries and requests; CloudTrail's
    /// callers are looked at once all is read.
    #[must_use]
    pub fn with_intel(mut self, intel: Arc<Intel>) -> Self {
        self.intel = intel;
        self
    }

    /// How many events matched a rule so far, for whoever watches.
    pub fn matched(&self) -> u64 {
        self.matched.load(Ordering::Relaxed)
    }

    /// Whether an event with this hash was there before. Beyond a bound it is taken to be new.
    fn again(&self, hash: u64) -> bool {
        let shard = usize::try_from(hash >> 32).unwrap_or(0) % SHARDS;
        let Some(Ok(mut seen)) = self.shards.get(shard).map(Mutex::lock) else {
            return false;
        };
        if seen.len() >= SEEN / SHARDS {
            return seen.contains(&hash);
        }
        !seen.insert(hash)
    }
}

/// What is worked out for a pair of source and name.
#[derive(Debug)]
struct Call {
    name: Str,
    source: Str,
    /// The same for all workers.
    hash: u64,
    /// What is left of the rules.
    rules: Box<[(u32, Op)]>,
    /// Which detectors may want such a call.
    detectors: Box<[u8]>,
    /// Which detectors that count may.
    counters: Box<[u8]>,
    /// Whether it may hand out a key.
    issues: bool,
}

/// One worker.
#[derive(Debug)]
pub struct Hunter<'r> {
    rules: &'r RuleSet,
    common: Arc<Common>,
    program: Program,
    slots: Slots,
    memo: Memo,
    fingerprints: Fingerprints,
    calls: HashMap<u64, Call, RandomState>,
    identities: HashMap<u64, u32, RandomState>,
    known: Vec<(u32, IdentityMemo)>,
    world: World,
    rows: Vec<Row>,
    networks: Networks,
    tallies: Tallies,
    profile: Profile,
    since: i64,
    until: i64,
    events: u64,
    span: (i64, i64),
    file: (Option<Arc<str>>, Str),
    matched: Vec<u32>,
    notes: Vec<(u8, Str)>,
    noted: HashMap<(u32, u8, Str, i64), u8, RandomState>,
}

impl<'r> Hunter<'r> {
    /// A worker on its own.
    pub fn new(rules: &'r RuleSet) -> Self {
        Self::with(rules, Arc::new(Common::new()), None, None)
    }

    /// One of several workers, which holds rules against events of this time alone.
    pub fn with(
        rules: &'r RuleSet,
        common: Arc<Common>,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Self {
        Self {
            rules,
            common,
            program: rules.program().clone(),
            slots: Slots::new(rules.names().clone()),
            memo: Memo::default(),
            fingerprints: Fingerprints::default(),
            calls: HashMap::default(),
            identities: HashMap::default(),
            known: Vec::new(),
            world: World::default(),
            rows: Vec::new(),
            networks: Networks::default(),
            tallies: Tallies::default(),
            profile: Profile::default(),
            since: since.map_or(i64::MIN, Timestamp::as_microsecond),
            until: until.map_or(i64::MAX, Timestamp::as_microsecond),
            events: 0,
            span: (i64::MAX, i64::MIN),
            file: (None, 0),
            matched: Vec::new(),
            notes: Vec::new(),
            noted: HashMap::default(),
        }
    }

    /// Takes a record, or says what is wrong with it.
    pub fn take(&mut self, seen: &Seen<'_>) -> Result<(), EventError> {
        self.slots.fill(seen.base, seen.members);
        let look = self.slots.look(seen.kind, seen.base, seen.record);
        let time = time_of(&look)?;
        if time < self.since || time > self.until {
            return Ok(());
        }
        self.events += 1;
        self.span = (self.span.0.min(time), self.span.1.max(time));
        self.memo.next();

        let (source, name) = call_of(&look)?;
        let key = self.fingerprints.of((seen.kind, source, name));
        if !self.calls.contains_key(&key) {
            let hash = std::hash::BuildHasher::hash_one(&self.common.state, (source, name));
            let mut call = work_out(&look, self.rules, &mut self.program, &mut self.world);
            call.hash = hash;
            if self.calls.len() >= CALLS {
                self.calls.clear();
            }
            self.calls.insert(key, call);
        }
        let Some(call) = self.calls.get(&key) else {
            return Ok(());
        };

        let identity = match seen.kind {
            LogKind::CloudTrail => {
                let bytes = look.top(look::IDENTITY).map_or(&[][..], Raw::bytes);
                self.fingerprints.of((seen.kind, bytes))
            }
            kind => self.fingerprints.of((kind, look.principal().as_bytes())),
        };
        let place = match self.identities.get(&identity) {
            Some(place) => *place,
            None => {
                if self.identities.len() >= IDENTITIES {
                    self.identities.clear();
                    self.known.clear();
                }
                let place = u32::try_from(self.known.len()).unwrap_or(0);
                let actor = self.world.actor(&look);
                self.known.push((actor, self.program.identity_memo()));
                self.identities.insert(identity, place);
                place
            }
        };
        let Some((actor, asked)) = self.known.get_mut(place as usize) else {
            return Ok(());
        };
        let actor = *actor;
        let way = self.world.way(actor, &look);
        let refused = is_refused(&look);
        let again = match look.top(look::ID) {
            Some(id) => {
                let bytes = |slot| look.top(slot).map_or(&[][..], Raw::bytes);
                let what = (
                    id.bytes(),
                    bytes(look::TIME),
                    bytes(look::ACCOUNT),
                    source,
                    name,
                );
                self.common
                    .again(std::hash::BuildHasher::hash_one(&self.common.state, what))
            }
            None => false,
        };
        if !again {
            self.world.count(way, time, refused);
            if call.issues {
                self.world.note_issue(&look, time);
            }
            if let Some(code) = look.error_code() {
                let code = self.world.strings.add(&code);
                self.profile.failed(code);
            }
        }

        self.matched.clear();
        for (rule, op) in &call.rules {
            if self.program.holds(*op, &look, &mut self.memo, asked) {
                self.matched.push(*rule);
            }
        }
        if !self.matched.is_empty() {
            self.common.matched.fetch_add(1, Ordering::Relaxed);
        }
        self.notes.clear();
        if let Some(actor) = self.world.actors.get(actor as usize).copied() {
            for detector in &call.detectors {
                let Some(note) = behaviour::note(*detector, &look, &actor) else {
                    continue;
                };
                if self.noted.len() >= NOTED {
                    self.noted.clear();
                }
                let key = (way, *detector, call.name, time.div_euclid(STRETCH));
                let noted = self.noted.entry(key).or_insert(0);
                if *noted < NOTES {
                    *noted += 1;
                    self.notes.push((*detector, self.world.strings.add(&note)));
                }
            }
        }
        let habitual = self.rules.has_behaviours() && !again && seen.kind == LogKind::CloudTrail;
        if habitual && let Some((way_of, actor)) = self.world.caller(way) {
            let (way_of, actor) = (*way_of, *actor);
            if !is_file(&self.file, seen.source) {
                let name = self.world.strings.add(seen.source);
                self.file = (Some(Arc::clone(seen.source)), name);
            }
            let noted = Noted {
                moment: Moment {
                    time,
                    id: 0,
                    name: call.name,
                    source: call.source,
                    file: self.file.1,
                    index: seen.index,
                    way,
                    refused,
                },
                call: call.hash,
                data: look
                    .top(look::MANAGEMENT)
                    .is_some_and(|value| value.bytes() == b"false"),
            };
            if self.profile.note(&actor, &way_of, &noted) {
                let id = look.top(look::ID).and_then(Raw::text).unwrap_or_default();
                let id = self.world.strings.add(&id);
                self.profile.name_first(&actor, &noted, id);
            }
        }
        if seen.kind != LogKind::CloudTrail && !self.common.intel.is_empty() {
            let intel = Arc::clone(&self.common.intel);
            if let Some(said) = behaviour::on_list(&intel, &look) {
                let note = (behaviour::list_number(), self.world.strings.add(&said));
                let key = (way, note.0, note.1, time.div_euclid(STRETCH));
                let noted = self.noted.entry(key).or_insert(0);
                if *noted < NOTES {
                    *noted += 1;
                    self.notes.push(note);
                }
            }
        }
        let steady =
            self.rules.has_behaviours() && !again && self.networks.wants(&self.world, way, time);
        let counted = !call.counters.is_empty()
            && !again
            && self
                .world
                .actors
                .get(actor as usize)
                .copied()
                .is_some_and(|actor| {
                    let strings = &mut self.world.strings;
                    let state = &self.common.state;
                    self.tallies
                        .see(&call.counters, &look, &actor, strings, time, state)
                });
        if self.matched.is_empty() && self.notes.is_empty() && !steady && !counted {
            return Ok(());
        }
        if !is_file(&self.file, seen.source) {
            self.file = (
                Some(Arc::clone(seen.source)),
                self.world.strings.add(seen.source),
            );
        }
        let facts = seen.kind.facts();
        let row = Row {
            time,
            id: look
                .fact(facts.id)
                .map_or(0, |id| self.world.strings.add(&id)),
            name: call.name,
            source: call.source,
            way,
            file: self.file.1,
            index: seen.index,
            outcome: Outcome::of(&look),
            target: story::target(&look).map_or(0, |target| self.world.strings.add(&target)),
            rules: self.matched.clone(),
            notes: self.notes.clone(),
            fields: fields_of(&look, self.rules, &self.matched, &mut self.world),
        };
        if steady {
            self.networks.keep(way, &row);
        }
        if counted {
            self.tallies.keep(&row);
        }
        if !(row.rules.is_empty() && row.notes.is_empty()) {
            self.rows.push(row);
        }
        Ok(())
    }

    /// Takes an event that has its tree already.
    pub fn event(&mut self, event: &Event) {
        let text = event.record().to_string();
        let bytes = text.as_bytes();
        let mut members = Vec::new();
        let whole = Scanner::new(bytes, 0).object(0, &mut members, |_| false);
        if let Ok(Step::Done(_)) = whole {
            // What is wrong with an event was found when it was made.
            let _ = self.take(&Seen {
                kind: event.kind(),
                base: bytes,
                record: bytes,
                members: &members,
                source: &event.origin().source,
                index: event.origin().index,
            });
        }
    }

    /// The rules that the last event matched.
    pub(crate) fn matched(&self) -> &[u32] {
        &self.matched
    }

    pub(crate) fn into_world(self) -> World {
        self.world
    }

    /// What it came to.
    pub(crate) fn into_parts(self) -> Parts {
        let profile = self.profile.settled(&self.world);
        Parts {
            profile,
            world: self.world,
            rows: self.rows,
            networks: self.networks,
            tallies: self.tallies,
            events: self.events,
            span: self.span,
        }
    }
}

fn is_file(file: &(Option<Arc<str>>, Str), source: &Arc<str>) -> bool {
    let known = file.0.as_ref();
    known.is_some_and(|known| Arc::ptr_eq(known, source))
}

/// What a worker came to.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) world: World,
    pub(crate) rows: Vec<Row>,
    pub(crate) networks: Networks,
    pub(crate) tallies: Tallies,
    pub(crate) profile: Profile,
    pub(crate) events: u64,
    pub(crate) span: (i64, i64),
}

impl Parts {
    /// Takes another worker's in.
    pub(crate) fn merge(&mut self, other: Self) {
        let moved: Moved = self.world.merge(other.world);
        self.rows
            .extend(other.rows.into_iter().map(|row| row.moved(&moved)));
        self.networks.merge(other.networks, &moved);
        self.tallies.merge(other.tallies, &moved);
        self.profile.merge(other.profile, &moved);
        self.events += other.events;
        self.span = (self.span.0.min(other.span.0), self.span.1.max(other.span.1));
    }
}

/// Source and name in their bytes.
fn call_of<'a>(look: &Look<'a>) -> Result<(&'a [u8], &'a [u8]), EventError> {
    if look.kind != LogKind::CloudTrail {
        let name = look.first(look.kind.facts().name);
        return Ok((
            look.kind.as_str().as_bytes(),
            name.map_or(&[][..], Raw::bytes),
        ));
    }
    let text = |slot, name| {
        look.top(slot)
            .filter(|value| value.kind() == Some(Kind::String))
            .map(Raw::bytes)
            .ok_or(EventError::Missing(name))
    };
    Ok((
        text(look::SOURCE, "eventSource")?,
        text(look::NAME, "eventName")?,
    ))
}

fn work_out(look: &Look<'_>, rules: &RuleSet, program: &mut Program, world: &mut World) -> Call {
    let left = rules
        .conditions(look.kind)
        .filter_map(|(number, op)| {
            let op = program.narrowed(op, look);
            (program.settled(op) != Some(false)).then_some((number, op))
        })
        .collect();
    let (source, name) = (look.source(), look.name());
    let cloudtrail = look.kind == LogKind::CloudTrail;
    Call {
        hash: 0,
        issues: cloudtrail
            && (source == "sts.amazonaws.com"
                || name.starts_with("AssumeRo")
                || matches!(
                    &*name,
                    "CreateAccessKey" | "GetSessionToken" | "GetFederationToken"
                )),
        detectors: if rules.has_behaviours() {
            behaviour::of_call(look.kind, &source, &name)
        } else {
            Box::default()
        },
        counters: if rules.has_behaviours() {
            behaviour::counters_of_call(look.kind, &source, &name)
        } else {
            Box::default()
        },
        rules: left,
        name: world.strings.add(&name),
        source: world.strings.add(&source),
    }
}

fn fields_of(
    look: &Look<'_>,
    rules: &RuleSet,
    matched: &[u32],
    world: &mut World,
) -> Vec<(u32, Str)> {
    let mut found: Vec<(u32, Str)> = Vec::new();
    for number in matched.iter().flat_map(|rule| rules.captured(*rule)) {
        if found.iter().any(|(known, _)| known == number) {
            continue;
        }
        if let Some(text) = rules
            .capture(*number)
            .and_then(|path| path.text(Scope::of(look)))
        {
            found.push((*number, world.strings.add(&text)));
        }
    }
    found
}

/// Microseconds since 1970.
fn time_of(look: &Look<'_>) -> Result<i64, EventError> {
    if look.kind == LogKind::CloudTrail {
        let value = look
            .top(look::TIME)
            .filter(|value| value.kind() == Some(Kind::String))
            .ok_or(EventError::Missing("eventTime"))?;
        if let Some(time) = usual_time(value.bytes()) {
            return Ok(time);
        }
        let text = value.text().unwrap_or_default();
        return text
            .parse::<Timestamp>()
            .map(Timestamp::as_microsecond)
            .map_err(|_| EventError::Time(text.chars().take(60).collect()));
    }
    let timeless = EventError::Timeless(look.kind);
    let value = look.first(look.kind.facts().time).ok_or(timeless.clone())?;
    let text = match value.kind() {
        Some(Kind::String) => value.text().unwrap_or_default(),
        Some(Kind::Number) => String::from_utf8_lossy(value.bytes()),
        _ => return Err(timeless),
    };
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_microsecond());
    }
    text.parse()
        .ok()
        .and_then(stockade_model::event::since_1970)
        .map(Timestamp::as_microsecond)
        .ok_or(timeless)
}

/// `"2023-07-10T11:42:18Z"`, the one form that CloudTrail writes.
fn usual_time(quoted: &[u8]) -> Option<i64> {
    let text: &[u8; 22] = quoted.try_into().ok()?;
    let [
        b'"',
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
        b'Z',
        b'"',
    ] = text
    else {
        return None;
    };
    let digits = |places: &[&u8]| {
        places.iter().try_fold(0i64, |number, digit| {
            let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
            Some(number * 10 + i64::from(digit))
        })
    };
    let year = digits(&[y1, y2, y3, y4])?;
    let (month, day) = (digits(&[m1, m2])?, digits(&[d1, d2])?);
    let (hour, minute, second) = (digits(&[h1, h2])?, digits(&[n1, n2])?, digits(&[s1, s2])?);
    let short = matches!(month, 4 | 6 | 9 | 11);
    let last = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31 - i64::from(short),
    };
    let in_range = (1..=12).contains(&month)
        && (1..=last).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range {
        return None;
    }
    // Days since 1970, with years that begin in March so that the leap day is the last.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * m + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_usual_time_is_read_as_every_other(seconds in 0i64..4_000_000_000) {
            let time = Timestamp::from_second(seconds).unwrap();
            let text = format!("\"{time}\"");
            prop_assert_eq!(usual_time(text.as_bytes()), Some(time.as_microsecond()), "{}", text);
        }

        #[test]
        fn what_is_no_time_is_none(text in "\"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\"") {
            let usual = usual_time(text.as_bytes());
            let other = text.trim_matches('"').parse::<Timestamp>().ok();
            // A leap second is left to the other.
            if !text.contains(":60Z") {
                prop_assert_eq!(usual, other.map(Timestamp::as_microsecond));
            }
        }
    }
}
