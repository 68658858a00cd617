//! The event history, and what trails have taken and not delivered yet.
//!
//! Owns the records. Every call adds one, a read too: so the log stands beside the versions of the state, which all share it,
//! and not in them. What a record says is `mod.rs`; where a delivery goes is `services/cloudtrail`.

use std::collections::BTreeMap;
use std::sync::atomic::{self, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use imbl::Vector;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stockade_model::{AccountId, Region};

use crate::rows::{Key as _, Row, RowError, Rows, Writer};

/// How many events are kept of one account in one region. AWS keeps 90 days; whoever calls a range a million times means
/// to measure it.
const KEPT: usize = 500_000;

/// Where something happened, as the event history is kept.
pub type Scene = (AccountId, Region);

/// A record, as it is kept and delivered.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the order of all records.
    pub number: u64,
    /// When it happened.
    pub time: Timestamp,
    /// The record in JSON.
    pub text: Arc<str>,
}

/// A record that is to be taken in.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The account and the region whose record it is.
    pub scene: Scene,
    /// The record.
    pub record: Arc<Record>,
    /// Whether it goes into the event history: data events do not.
    pub in_history: bool,
    /// The trails that want it, by their serials, each with the time when it is due.
    pub wanted: Vec<(String, Timestamp)>,
}

/// What a trail has taken and not delivered.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    /// When it is due.
    pub due: Option<Timestamp>,
    /// In the order in which it came.
    pub records: BTreeMap<Scene, Vector<Arc<Record>>>,
}

/// What came of a delivery.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The trail's serial.
    pub trail: String,
    /// What is no longer to be delivered.
    pub gone: Vec<(Scene, Arc<Record>)>,
    /// When what is left is due.
    pub due: Option<Timestamp>,
}

/// The log. A clone is the same one: all versions of a state share it.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    next: AtomicU64,
    book: Mutex<Book>,
}

#[derive(Debug, Clone, Default)]
struct Book {
    scenes: BTreeMap<Scene, Vector<Arc<Record>>>,
    outboxes: BTreeMap<String, Outbox>,
    /// The earliest time when something is due.
    due: Option<Timestamp>,
    /// What no store has yet; none where there is no store.
    news: Option<Vec<News>>,
}

#[derive(Debug, Clone)]
enum News {
    Came(Entry),
    Forgotten(Scene, u64),
    Delivered(Delivered),
}

/// The events of one account in one region, as they were when they were asked for.
#[derive(Debug, Clone, Default)]
pub struct History(Vector<Arc<Record>>);

impl History {
    /// The events that came before the one with this number, newest first. Numbers stay the same whatever happens later.
    /// Without a number: all.
    pub fn before(&self, number: Option<u64>) -> impl Iterator<Item = &Record> {
        let end = number.map_or(self.0.len(), |number| {
            let found = self.0.binary_search_by(|record| record.number.cmp(&number));
            found.unwrap_or_else(|place| place)
        });
        let records = (0..end).rev().filter_map(|place| self.0.get(place));
        records.map(Arc::as_ref)
    }
}

impl Log {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place in the order of all records.
    pub fn next_number(&self) -> u64 {
        self.0.next.fetch_add(1, atomic::Ordering::Relaxed)
    }

    /// The events of one account in one region.
    pub fn of(&self, scene: &Scene) -> History {
        History(self.book().scenes.get(scene).cloned().unwrap_or_default())
    }

    /// Takes records in that no store has yet.
    pub fn take(&self, entries: Vec<Entry>) {
        let mut book = self.book();
        for entry in entries {
            if let Some(news) = &mut book.news {
                news.push(News::Came(entry.clone()));
            }
            book.add(entry);
        }
    }

    /// Takes records in that a store has.
    pub fn take_kept(&self, entries: Vec<Entry>) {
        let mut book = self.book();
        for entry in entries {
            book.add(entry);
        }
    }

    /// Whether something is due.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.book().due.is_some_and(|due| due <= now)
    }

    /// The serials of the trails that have something, each with the time when it is due.
    pub fn waiting(&self) -> Vec<(String, Option<Timestamp>)> {
        let book = self.book();
        let boxes = book.outboxes.iter();
        boxes
            .map(|(trail, outbox)| (trail.clone(), outbox.due))
            .collect()
    }

    /// What a trail has taken and not delivered.
    pub fn outbox(&self, trail: &str) -> Outbox {
        self.book().outboxes.get(trail).cloned().unwrap_or_default()
    }

    /// Takes out what was delivered. `kept`: a store knows it already.
    pub fn settle(&self, delivered: Delivered, kept: bool) {
        let mut book = self.book();
        book.settle(&delivered);
        if let Some(news) = book.news.as_mut().filter(|_| !kept) {
            news.push(News::Delivered(delivered));
        }
    }

    /// A log of its own that begins as this one is.
    #[must_use]
    pub fn apart(&self) -> Self {
        let mut book = self.book().clone();
        book.news = None;
        Self(Arc::new(Shared {
            next: AtomicU64::new(self.0.next.load(atomic::Ordering::Relaxed)),
            book: Mutex::new(book),
        }))
    }

    /// From now on notes what comes, for a store.
    pub fn note_news(&self) {
        self.book().news.get_or_insert_default();
    }

    /// Writes what came since the last time, and answers how it is to be said again.
    ///
    /// # Errors
    /// [`RowError::Unwritable`].
    pub fn write_news(&self, writer: &mut Writer<'_>) -> Result<Told, RowError> {
        let news = self.book().news.as_mut().map(std::mem::take);
        let news = news.unwrap_or_default();
        for news in &news {
            match news {
                News::Came(entry) => entry.write(writer)?,
                News::Forgotten(scene, number) => within_history(scene, *number, writer, |w| {
                    w.take_out();
                    Ok(())
                })?,
                News::Delivered(delivered) => delivered.write(writer)?,
            }
        }
        Ok(Told(news))
    }

    /// That what was written was not kept: it is news again.
    pub fn was_not_kept(&self, told: Told) {
        let mut book = self.book();
        if let Some(news) = &mut book.news {
            let later = std::mem::replace(news, told.0);
            news.extend(later);
        }
    }

    /// Whether it is the same log, and not one that began as it.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// News that were written.
#[derive(Debug, Default)]
pub struct Told(Vec<News>);

impl Book {
    fn add(&mut self, entry: Entry) {
        for (trail, due) in &entry.wanted {
            self.add_to_outbox(trail, *due, &entry);
        }
        if !entry.in_history {
            return;
        }
        let history = self.scenes.entry(entry.scene.clone()).or_default();
        // A write is numbered before it is kept and taken in afterwards: so one or another read may have come between.
        if history
            .back()
            .is_none_or(|last| last.number < entry.record.number)
        {
            history.push_back(entry.record);
        } else {
            let found = history.binary_search_by(|r| r.number.cmp(&entry.record.number));
            if let Err(place) = found {
                history.insert(place, entry.record);
            }
        }
        if history.len() > KEPT
            && let Some(gone) = history.pop_front()
            && let Some(news) = &mut self.news
        {
            news.push(News::Forgotten(entry.scene, gone.number));
        }
    }

    fn add_to_outbox(&mut self, trail: &str, due: Timestamp, entry: &Entry) {
        let outbox = self.outboxes.entry(trail.to_owned()).or_default();
        let due = *outbox.due.get_or_insert(due);
        let records = outbox.records.entry(entry.scene.clone()).or_default();
        records.push_back(Arc::clone(&entry.record));
        self.due = Some(self.due.map_or(due, |first| first.min(due)));
    }

    fn settle(&mut self, delivered: &Delivered) {
        if let Some(outbox) = self.outboxes.get_mut(&delivered.trail) {
            let mut gone: BTreeMap<&Scene, Vec<u64>> = BTreeMap::new();
            for (scene, record) in &delivered.gone {
                gone.entry(scene).or_default().push(record.number);
            }
            for (scene, mut numbers) in gone {
                numbers.sort_unstable();
                if let Some(records) = outbox.records.get_mut(scene) {
                    records.retain(|record| numbers.binary_search(&record.number).is_err());
                    if records.is_empty() {
                        outbox.records.remove(scene);
                    }
                }
            }
            outbox.due = delivered.due;
            if outbox.records.is_empty() {
                self.outboxes.remove(&delivered.trail);
            }
        }
        self.due = self.outboxes.values().filter_map(|o| o.due).min();
    }
}

const HISTORY: &[u8] = b"history";
const OUTBOX: &[u8] = b"outbox";

/// A record as it is kept.
#[derive(Serialize)]
struct Kept<'a> {
    time: Timestamp,
    record: &'a RawValue,
}

/// The same, with what is known of its delivery.
#[derive(Serialize)]
struct KeptForTrail<'a> {
    time: Timestamp,
    account: &'a AccountId,
    region: &'a Region,
    due: Timestamp,
    record: &'a RawValue,
}

#[derive(Deserialize)]
struct Read {
    time: Timestamp,
    record: Box<RawValue>,
    account: Option<AccountId>,
    region: Option<Region>,
    due: Option<Timestamp>,
}

fn raw(record: &Record) -> Result<&RawValue, RowError> {
    serde_json::from_str(&record.text).map_err(|why| RowError::Unwritable {
        place: format!("log/{}", record.number),
        why,
    })
}

fn within_history(
    scene: &Scene,
    number: u64,
    writer: &mut Writer<'_>,
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), RowError>,
) -> Result<(), RowError> {
    writer.within(HISTORY, |writer| {
        writer.within(&scene.0.part(), |writer| {
            writer.within(&scene.1.part(), |writer| {
                writer.within(&number.part(), write)
            })
        })
    })
}

fn within_outbox(
    trail: &str,
    number: u64,
    writer: &mut Writer<'_>,
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), RowError>,
) -> Result<(), RowError> {
    writer.within(OUTBOX, |writer| {
        writer.within(trail.as_bytes(), |writer| {
            writer.within(&number.part(), write)
        })
    })
}

impl Entry {
    /// Its rows.
    ///
    /// # Errors
    /// [`RowError::Unwritable`].
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), RowError> {
        let (record, time) = (raw(&self.record)?, self.record.time);
        if self.in_history {
            within_history(&self.scene, self.record.number, writer, |writer| {
                writer.put(&Kept { time, record })
            })?;
        }
        let (account, region) = (&self.scene.0, &self.scene.1);
        for (trail, due) in &self.wanted {
            within_outbox(trail, self.record.number, writer, |writer| {
                writer.put(&KeptForTrail {
                    time,
                    account,
                    region,
                    due: *due,
                    record,
                })
            })?;
        }
        Ok(())
    }
}

impl Delivered {
    /// Takes out the rows of what was delivered.
    ///
    /// # Errors
    /// None: the signature is that of its like.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), RowError> {
        self.gone.iter().try_for_each(|(_, record)| {
            within_outbox(&self.trail, record.number, writer, |writer| {
                writer.take_out();
                Ok(())
            })
        })
    }
}

/// All versions of a state share the log: so nothing differs between them. What comes is written by
/// [`Log::write_news`].
impl Rows for Log {
    fn changes(
        new: Option<&Self>,
        old: Option<&Self>,
        writer: &mut Writer<'_>,
    ) -> Result<(), RowError> {
        if let (Some(new), Some(old)) = (new, old)
            && new.is(old)
        {
            return Ok(());
        }
        if let Some(old) = old {
            let out = |writer: &mut Writer<'_>| {
                writer.take_out();
                Ok(())
            };
            old.book().walk(|scene, record, trail| match trail {
                None => within_history(scene, record.number, writer, out),
                Some((trail, _)) => within_outbox(trail, record.number, writer, out),
            })?;
        }
        let Some(new) = new else { return Ok(()) };
        new.book().walk(|scene, record, trail| {
            let entry = Entry {
                scene: scene.clone(),
                record: Arc::clone(record),
                in_history: trail.is_none(),
                wanted: trail
                    .map(|(t, due)| (t.to_owned(), due))
                    .into_iter()
                    .collect(),
            };
            entry.write(writer)
        })
    }

    fn take(this: &mut Option<Self>, row: Row<'_>) -> Result<(), RowError> {
        let this = this.get_or_insert_default();
        let unknown = || row.unknown();
        let (kind, below) = row.next().ok_or_else(unknown)?;
        let (first, below) = below.next().ok_or_else(unknown)?;
        let (second, below) = below.next().ok_or_else(unknown)?;
        let at = if kind == HISTORY {
            below.next().ok_or_else(unknown)?
        } else {
            (second, below)
        };
        let number = u64::of_part(at.0).ok_or_else(unknown)?;
        this.0.next.fetch_max(number + 1, atomic::Ordering::Relaxed);
        let read: Read = at.1.read()?;
        let record = Arc::new(Record {
            number,
            time: read.time,
            text: read.record.get().into(),
        });
        let entry = match kind {
            HISTORY => Entry {
                scene: (
                    AccountId::of_part(first).ok_or_else(unknown)?,
                    Region::of_part(second).ok_or_else(unknown)?,
                ),
                record,
                in_history: true,
                wanted: Vec::new(),
            },
            OUTBOX => {
                let (Some(account), Some(region), Some(due)) =
                    (read.account, read.region, read.due)
                else {
                    return Err(row.unknown());
                };
                Entry {
                    scene: (account, region),
                    record,
                    in_history: false,
                    wanted: vec![(String::of_part(first).ok_or_else(unknown)?, due)],
                }
            }
            _ => return Err(row.unknown()),
        };
        this.book().add(entry);
        Ok(())
    }
}

impl Book {
    /// Every record in the history, and every one that a trail has yet to deliver.
    fn walk(
        &self,
        mut visit: impl FnMut(&Scene, &Arc<Record>, Option<(&str, Timestamp)>) -> Result<(), RowError>,
    ) -> Result<(), RowError> {
        for (scene, history) in &self.scenes {
            for record in history {
                visit(scene, record, None)?;
            }
        }
        for (trail, outbox) in &self.outboxes {
            for (scene, records) in &outbox.records {
                for record in records {
                    let due = outbox.due.unwrap_or(record.time);
                    visit(scene, record, Some((trail, due)))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{self, Changes};

    fn entry(number: u64, wanted: &[&str]) -> Entry {
        let time = Timestamp::from_second(100).unwrap();
        Entry {
            scene: ("123456789012".parse().unwrap(), Region::us_east_1()),
            record: Arc::new(Record {
                number,
                time,
                text: format!("{{\"n\":{number}}}").into(),
            }),
            in_history: true,
            wanted: wanted.iter().map(|t| ((*t).to_owned(), time)).collect(),
        }
    }

    fn numbers(log: &Log, before: Option<u64>) -> Vec<u64> {
        let history = log.of(&entry(0, &[]).scene);
        history.before(before).map(|r| r.number).collect()
    }

    fn sorted(mut rows: Changes) -> Changes {
        rows.sort();
        rows
    }

    fn load(rows: Changes) -> Log {
        let mut log = None;
        for (place, value) in sorted(rows) {
            rows::take(&mut log, &place, value.as_deref()).unwrap();
        }
        log.unwrap()
    }

    #[test]
    fn events_stand_in_their_order_whenever_they_came_in() {
        let log = Log::default();
        for number in [0, 1, 3, 4, 2, 5] {
            log.take(vec![entry(number, &[])]);
        }
        assert_eq!(numbers(&log, None), [5, 4, 3, 2, 1, 0]);
        assert_eq!(numbers(&log, Some(3)), [2, 1, 0]);
    }

    #[test]
    fn what_is_kept_is_the_log_again() {
        let log = Log::default();
        log.note_news();
        log.take(vec![entry(0, &["a", "b"]), entry(1, &["b"])]);
        let mut news = Changes::new();
        log.write_news(&mut Writer::new(&mut news)).unwrap();
        assert_eq!(sorted(news.clone()), sorted(rows::all(&log).unwrap()));
        let again = load(news);
        assert_eq!(numbers(&again, None), [1, 0]);
        assert_eq!(again.next_number(), 2);
        assert_eq!(again.outbox("b").records, log.outbox("b").records);
        assert_eq!(again.outbox("a").due, log.outbox("a").due);
    }

    #[test]
    fn what_is_delivered_is_no_longer_due() {
        let log = Log::default();
        log.note_news();
        log.take(vec![entry(0, &["a"]), entry(1, &["a"])]);
        assert!(log.is_due(Timestamp::MAX));
        let (scene, first) = (entry(0, &[]).scene, entry(0, &[]).record);
        let delivered = |record, due| Delivered {
            trail: "a".into(),
            gone: vec![(scene.clone(), record)],
            due,
        };
        log.settle(delivered(first, Some(Timestamp::MAX)), false);
        assert_eq!(log.outbox("a").records[&scene].len(), 1);
        log.settle(delivered(entry(1, &[]).record, None), false);
        assert!(!log.is_due(Timestamp::MAX));
        assert!(log.waiting().is_empty());
        let mut news = Changes::new();
        let told = log.write_news(&mut Writer::new(&mut news)).unwrap();
        let mut kept = std::collections::BTreeMap::new();
        for (place, value) in news.clone() {
            match value {
                Some(value) => kept.insert(place, value),
                None => kept.remove(&place),
            };
        }
        assert_eq!(kept.len(), 2, "the history stays");
        log.was_not_kept(told);
        let mut again = Changes::new();
        log.write_news(&mut Writer::new(&mut again)).unwrap();
        assert_eq!(again, news);
    }
}
