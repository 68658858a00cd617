//! What is known of every caller and of every stretch of the log, events that match nothing included: when each
//! way was first and last gone, when each call was first made, on which days, and in which hours the log
//! has something to say.
//!
//! Owns the noting. Its size goes with the number of callers and of their different calls, within
//! [`CALLS`] and [`HOURS`]. Must not judge: detectors do (`behaviour/`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::fields::Outcome;
use crate::timeline::Row;
use crate::world::{Actor, Moved, Str, Way, World};

/// Different calls of different callers that are kept; later ones are not known to be first.
const CALLS: usize = 1 << 18;
/// Hours of different accounts and regions that are kept.
const HOURS: usize = 1 << 17;
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// An event, as far as a proof needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Moment {
    /// Microseconds since 1970.
    pub(crate) time: i64,
    pub(crate) id: Str,
    pub(crate) name: Str,
    pub(crate) source: Str,
    pub(crate) file: Str,
    pub(crate) index: u64,
    pub(crate) way: u32,
    pub(crate) refused: bool,
}

impl Moment {
    fn order(&self) -> (i64, Str, u64) {
        (self.time, self.file, self.index)
    }

    fn moved(self, moved: &Moved) -> Self {
        Self {
            id: moved.text(self.id),
            name: moved.text(self.name),
            source: moved.text(self.source),
            file: moved.text(self.file),
            way: moved.way(self.way),
            ..self
        }
    }

    /// As an event of the timeline, with a note.
    pub(crate) fn row(&self, detector: u8, note: Str) -> Row {
        Row {
            time: self.time,
            id: self.id,
            name: self.name,
            source: self.source,
            way: self.way,
            file: self.file,
            index: self.index,
            outcome: if self.refused {
                Outcome::Refused
            } else {
                Outcome::Done
            },
            target: 0,
            rules: Vec::new(),
            notes: vec![(detector, note)],
            fields: Vec::new(),
        }
    }
}

/// When a way was gone.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gone {
    pub(crate) first: Option<Moment>,
    /// The last call that was not refused.
    pub(crate) last_done: Option<Moment>,
    /// The day, and the hour, that were noted last.
    day: i64,
    hour: i64,
    /// How many events of that hour are not noted yet, and how many of them are data events.
    pending: (u32, u32),
}

/// An hour of an account in a region.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hour {
    /// Events of management.
    pub(crate) management: u64,
    /// Events of data: objects read, functions invoked.
    pub(crate) data: u64,
}

/// What is known.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    pub(crate) ways: Vec<Gone>,
    /// By subject and call.
    calls: HashMap<(Str, u64), (u64, Moment), RandomState>,
    /// By subject.
    days: HashMap<Str, BTreeSet<i64>, RandomState>,
    /// By account and region.
    hours: HashMap<(Str, Str), BTreeMap<i64, Hour>, RandomState>,
    hours_kept: usize,
    /// How often each error came.
    errors: HashMap<Str, u64, RandomState>,
}

/// Whose habits they are: a user's, or a role's whatever its sessions are called.
pub(crate) fn subject(actor: &Actor) -> Str {
    if actor.role == 0 {
        actor.principal
    } else {
        actor.role
    }
}

/// What an event brings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noted {
    pub(crate) moment: Moment,
    /// A hash of source and name.
    pub(crate) call: u64,
    pub(crate) data: bool,
}

impl Profile {
    /// Notes an event. Answers whether its id is wanted: it is the first of something.
    #[inline]
    pub(crate) fn note(&mut self, actor: &Actor, way: &Way, noted: &Noted) -> bool {
        let Moment { time, .. } = noted.moment;
        let place = noted.moment.way as usize;
        if place >= self.ways.len() {
            self.ways.resize(place + 1, Gone::default());
        }
        let subject = subject(actor);
        let mut first = false;
        if let Some(gone) = self.ways.get_mut(place) {
            if gone.first.is_none_or(|known| time < known.time) {
                gone.first = Some(noted.moment);
                first = true;
            }
            if !noted.moment.refused && gone.last_done.is_none_or(|known| time >= known.time) {
                gone.last_done = Some(noted.moment);
            }
            let (day, hour) = (time.div_euclid(DAY), time.div_euclid(HOUR));
            if day != gone.day {
                gone.day = day;
                self.days.entry(subject).or_default().insert(day);
            }
            if hour != gone.hour {
                let (old, pending) = (gone.hour, std::mem::take(&mut gone.pending));
                gone.hour = hour;
                self.flush((way.account, way.region), old, pending);
            }
        }
        if let Some(gone) = self.ways.get_mut(place) {
            gone.pending.0 += u32::from(!noted.data);
            gone.pending.1 += u32::from(noted.data);
        }
        // A service's calls say nothing of a person's habits.
        if actor.service || actor.kind == 0 {
            return first;
        }
        let key = (subject, noted.call);
        let room = self.calls.len() < CALLS;
        match self.calls.get_mut(&key) {
            Some((count, known)) => {
                *count += 1;
                if time < known.time {
                    *known = noted.moment;
                    first = true;
                }
            }
            None if room => {
                self.calls.insert(key, (1, noted.moment));
                first = true;
            }
            None => {}
        }
        first
    }

    /// Counts an error.
    pub(crate) fn failed(&mut self, code: Str) {
        *self.errors.entry(code).or_default() += 1;
    }

    /// The errors, with how often each came.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (Str, u64)> {
        self.errors.iter().map(|(code, count)| (*code, *count))
    }

    /// Puts the id to what was noted last as first.
    pub(crate) fn name_first(&mut self, actor: &Actor, noted: &Noted, id: Str) {
        let same = |moment: &Moment| moment.order() == noted.moment.order();
        if let Some(gone) = self.ways.get_mut(noted.moment.way as usize)
            && let Some(first) = gone.first.as_mut().filter(|first| same(first))
        {
            first.id = id;
        }
        if let Some((_, first)) = self.calls.get_mut(&(subject(actor), noted.call))
            && same(first)
        {
            first.id = id;
        }
    }

    fn flush(&mut self, of: (Str, Str), hour: i64, pending: (u32, u32)) {
        if pending == (0, 0) || self.hours_kept >= HOURS {
            return;
        }
        let hours = self.hours.entry(of).or_default();
        let before = hours.len();
        let known = hours.entry(hour).or_default();
        known.management += u64::from(pending.0);
        known.data += u64::from(pending.1);
        self.hours_kept += hours.len() - before;
    }

    /// Notes what is still pending.
    fn settle(&mut self, world: &World) {
        for place in 0..self.ways.len() {
            let Some(gone) = self.ways.get_mut(place) else {
                continue;
            };
            let pending = std::mem::take(&mut gone.pending);
            let hour = gone.hour;
            if let Some((way, _)) = u32::try_from(place).ok().and_then(|n| world.caller(n)) {
                self.flush((way.account, way.region), hour, pending);
            }
        }
    }

    /// Takes another worker's in, which is of `theirs`.
    pub(crate) fn merge(&mut self, other: Self, moved: &Moved) {
        for (number, gone) in (0u32..).zip(other.ways) {
            let place = moved.way(number) as usize;
            if place >= self.ways.len() {
                self.ways.resize(place + 1, Gone::default());
            }
            let Some(own) = self.ways.get_mut(place) else {
                continue;
            };
            if let Some(moment) = gone.first.map(|moment| moment.moved(moved))
                && own.first.is_none_or(|known| moment.time < known.time)
            {
                own.first = Some(moment);
            }
            if let Some(moment) = gone.last_done.map(|moment| moment.moved(moved))
                && own.last_done.is_none_or(|known| moment.time > known.time)
            {
                own.last_done = Some(moment);
            }
        }
        for ((subject, call), (count, moment)) in other.calls {
            let moment = moment.moved(moved);
            let known = self
                .calls
                .entry((moved.text(subject), call))
                .or_insert((0, moment));
            known.0 += count;
            if moment.time < known.1.time {
                known.1 = moment;
            }
        }
        for (code, count) in other.errors {
            *self.errors.entry(moved.text(code)).or_default() += count;
        }
        for (subject, days) in other.days {
            self.days
                .entry(moved.text(subject))
                .or_default()
                .extend(days);
        }
        for ((account, region), hours) in other.hours {
            let own = self
                .hours
                .entry((moved.text(account), moved.text(region)))
                .or_default();
            for (hour, theirs) in hours {
                let known = own.entry(hour).or_default();
                known.management += theirs.management;
                known.data += theirs.data;
            }
        }
    }

    /// Makes it ready to be merged, or judged: once all events of its worker are in.
    pub(crate) fn settled(mut self, world: &World) -> Self {
        self.settle(world);
        self
    }

    /// The first of each subject's different calls.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (Str, u64, &Moment)> {
        self.calls
            .iter()
            .map(|((subject, _), (count, moment))| (*subject, *count, moment))
    }

    /// The days on which a subject did something.
    pub(crate) fn days(&self, subject: Str) -> Option<&BTreeSet<i64>> {
        self.days.get(&subject)
    }

    /// Account, region, and their hours.
    pub(crate) fn hours(&self) -> impl Iterator<Item = (Str, Str, &BTreeMap<i64, Hour>)> {
        self.hours
            .iter()
            .map(|((account, region), hours)| (*account, *region, hours))
    }
}
