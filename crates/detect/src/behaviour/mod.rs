//! What one event does not tell: detectors in Rust, a file each.
//!
//! Owns the list of them and what they share: who counts as one caller, and stretches of time. To
//! add a detector, write its file and name it in [`ALL`].

mod dns;
mod enumeration;
mod escalation;
mod flow;
mod guessed_login;
mod hindsight;
mod mass;
mod new_network;
mod refused_calls;
mod tally;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use stockade_model::{Finding, LogKind, Severity, Technique};

use crate::hunt::gather;
use crate::intel::Intel;
use crate::look::Look;
use crate::rule::{Kind, Meta};
use crate::timeline::{Row, Timeline};
use crate::world::Actor;

pub(crate) use hindsight::{habits, rows as look_back};
pub(crate) use new_network::Networks;
pub(crate) use tally::Tallies;

use hindsight::Hindsight;
use tally::Counter;

/// A detector: its description, which events it wants, and its run over those in order.
struct Detector {
    meta: fn() -> Meta,
    /// Whether it may want calls of this source and name; asked once for a pair.
    call: fn(&str, &str) -> bool,
    /// What it notes of an event that it wants.
    note: fn(&Look<'_>, &Actor) -> Option<Cow<'static, str>>,
    detect: fn(u8, &Timeline<'_>) -> Vec<Seen>,
}

/// What a detector saw.
struct Seen {
    /// The places of the events in the timeline, in order.
    places: Vec<usize>,
    /// What was seen and what was usual, in a line; stands for the title.
    what: String,
}

/// Every detector.
const ALL: &[Detector] = &[
    enumeration::DETECTOR,
    refused_calls::DETECTOR,
    new_network::DETECTOR,
    guessed_login::DETECTOR,
    hindsight::SWITCHES,
    escalation::DETECTOR,
];

/// Every detector that counts.
const COUNTERS: &[Counter] = &[
    flow::PORT_SCAN,
    flow::SWEEP,
    flow::BRUTE_FORCE,
    flow::BEACON,
    flow::UPLOAD,
    flow::MINING,
    flow::TOR,
    dns::TUNNEL,
    dns::GENERATED,
    dns::MINING,
    mass::MASS_READ,
    mass::MASS_DELETE,
    mass::MASS_ENCRYPT,
];

/// The number under which a counter's notes stand: after those of [`ALL`].
fn number_of_counter(counter: u8) -> u8 {
    u8::try_from(ALL.len())
        .unwrap_or(u8::MAX)
        .saturating_add(counter)
}

/// Every detector that looks back once all is read.
const HINDSIGHTS: &[Hindsight] = &[
    hindsight::FIRST_USE,
    hindsight::STRANGE_USE,
    hindsight::ADDRESS,
    hindsight::CONTAINED,
    hindsight::REGION_SILENT,
    hindsight::DELIVERY_GAP,
    hindsight::DATA_STOPPED,
    hindsight::TRAVEL,
    hindsight::LISTED,
];

/// The number under which what a detector that looks back says stands: after those of [`COUNTERS`].
fn number_of_hindsight(number: u8) -> u8 {
    number_of_counter(u8::try_from(COUNTERS.len()).unwrap_or(u8::MAX)).saturating_add(number)
}

/// What of a record stands on the user's list.
pub(crate) fn on_list(intel: &Intel, look: &Look<'_>) -> Option<String> {
    hindsight::in_record(intel, look)
}

/// The number under which that is noted.
pub(crate) fn list_number() -> u8 {
    let place = HINDSIGHTS
        .iter()
        .position(|detector| std::ptr::fn_addr_eq(detector.meta, hindsight::LISTED.meta));
    number_of_hindsight(
        place
            .and_then(|place| u8::try_from(place).ok())
            .unwrap_or(0),
    )
}

/// Which counters may want calls of this source and name.
pub(crate) fn counters_of_call(kind: LogKind, source: &str, name: &str) -> Box<[u8]> {
    (0u8..)
        .zip(COUNTERS)
        .filter(|(_, counter)| counter.kind == kind && (counter.call)(source, name))
        .map(|(number, _)| number)
        .collect()
}

/// The number of each detector, by its place in [`ALL`].
fn numbered() -> impl Iterator<Item = (u8, &'static Detector)> {
    (0u8..).zip(ALL)
}

/// Which detectors may want calls of this source and name.
pub(crate) fn of_call(kind: LogKind, source: &str, name: &str) -> Box<[u8]> {
    if kind != LogKind::CloudTrail {
        return Box::default();
    }
    numbered()
        .filter(|(_, detector)| (detector.call)(source, name))
        .map(|(number, _)| number)
        .collect()
}

/// What a detector notes of an event, if it wants it.
pub(crate) fn note(detector: u8, look: &Look<'_>, actor: &Actor) -> Option<Cow<'static, str>> {
    (ALL.get(usize::from(detector))?.note)(look, actor)
}

/// The descriptions of all detectors.
pub(crate) fn metas() -> Vec<Arc<Meta>> {
    let all = ALL.iter().map(|detector| detector.meta);
    // What only takes notes for another is no detection of its own.
    all.filter(|meta| (meta)().id != "used-after-containment")
        .chain(COUNTERS.iter().map(|counter| counter.meta))
        .chain(HINDSIGHTS.iter().map(|detector| detector.meta))
        .map(|meta| Arc::new(meta()))
        .collect()
}

/// Runs all detectors.
pub(crate) fn detect(timeline: &Timeline<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let all = numbered().map(|(number, detector)| (number, detector.meta, detector.detect));
    let counters = (0u8..).zip(COUNTERS).map(|(number, counter)| {
        (
            number_of_counter(number),
            counter.meta,
            by_note as fn(u8, &Timeline<'_>) -> Vec<Seen>,
        )
    });
    let hindsights = (0u8..).zip(HINDSIGHTS).map(|(number, detector)| {
        (
            number_of_hindsight(number),
            detector.meta,
            by_note as fn(u8, &Timeline<'_>) -> Vec<Seen>,
        )
    });
    for (number, meta, detect) in all.chain(counters).chain(hindsights) {
        let meta = meta();
        for seen in detect(number, timeline) {
            let own = Arc::new(Meta {
                title: seen.what,
                ..meta.clone()
            });
            gather(&own, timeline, std::iter::once(seen.places), &mut findings);
        }
    }
    findings
}

/// For detectors whose notes say what was seen: one finding for each caller and note.
fn by_note(number: u8, timeline: &Timeline<'_>) -> Vec<Seen> {
    let mut found: BTreeMap<(u32, &str), Vec<usize>> = BTreeMap::new();
    for (place, row, what) in timeline.noted(number) {
        let who = timeline.caller(row).map_or(0, |(_, actor)| {
            if actor.key == 0 {
                actor.principal
            } else {
                actor.key
            }
        });
        found.entry((who, what)).or_default().push(place);
    }
    found
        .into_iter()
        .map(|((_, what), places)| Seen {
            places,
            what: what.to_owned(),
        })
        .collect()
}

/// The number under which a detector's notes stand.
fn number_of(wanted: fn() -> Meta) -> Option<u8> {
    let id = wanted().id;
    numbered()
        .find(|(_, detector)| (detector.meta)().id == id)
        .map(|(number, _)| number)
}

/// The number under which the notes of a detector of [`ALL`] stand.
fn number_of_detector(wanted: &Detector) -> Option<u8> {
    number_of(wanted.meta)
}

/// What a detector is described by.
struct About {
    id: &'static str,
    title: &'static str,
    description: &'static str,
    severity: Severity,
    tactic: stockade_model::Tactic,
    techniques: &'static [&'static str],
    guardduty: Option<&'static str>,
    falsepositives: &'static [&'static str],
    next: &'static str,
    playbook: &'static str,
}

impl About {
    fn meta(self) -> Meta {
        let techniques: Vec<Technique> = self
            .techniques
            .iter()
            .filter_map(|id| id.parse().ok())
            .collect();
        let mut tags = vec![format!("attack.{}", self.tactic)];
        tags.extend(
            techniques
                .iter()
                .map(|id| format!("attack.{}", id.as_str().to_lowercase())),
        );
        Meta {
            id: self.id.to_owned(),
            kind: Kind::Behaviour,
            name: None,
            title: self.title.to_owned(),
            description: self.description.to_owned(),
            severity: self.severity,
            tactics: vec![self.tactic],
            techniques,
            tags,
            falsepositives: self
                .falsepositives
                .iter()
                .map(|&text| text.to_owned())
                .collect(),
            references: Vec::new(),
            guardduty: self.guardduty.map(str::to_owned),
            next: Some(self.next.to_owned()),
            playbook: Some(self.playbook.to_owned()),
            source: Arc::from(format!("builtin:behaviour/{}", self.id)),
        }
    }
}

/// What a detector noted, by caller: the key that signed, or the principal where there is none.
fn by_caller<'a>(
    detector: u8,
    timeline: &'a Timeline<'_>,
) -> BTreeMap<&'a str, Vec<(usize, &'a Row, &'a str)>> {
    let mut callers: BTreeMap<&str, Vec<(usize, &Row, &str)>> = BTreeMap::new();
    for noted in timeline.noted(detector) {
        let Some((_, actor)) = timeline.caller(noted.1) else {
            continue;
        };
        let who = if actor.key == 0 {
            actor.principal
        } else {
            actor.key
        };
        callers.entry(timeline.text(who)).or_default().push(noted);
    }
    callers
}

/// Whether a person clicked this together: the console asks many questions to show one page.
fn is_console(look: &Look<'_>) -> bool {
    let marked = look
        .at(&["sessionCredentialFromConsole"])
        .is_some_and(|value| matches!(value.bytes(), b"true" | b"\"true\""));
    if marked || look.text(&["eventType"]).as_deref() == Some("AwsConsoleAction") {
        return true;
    }
    // Before AWS marked them, the pages' own calls came from within AWS.
    look.text(&["userAgent"]).as_deref() == Some("AWS Internal")
        && look.access_key().is_some_and(|key| key.starts_with("ASIA"))
}

/// Stretches in which `count` of what lies within `seconds` reaches `enough`: windows that reach
/// it and overlap are one. Answers first and last place in `times`.
fn bursts(
    times: &[i64],
    seconds: i64,
    enough: impl Fn(std::ops::RangeInclusive<usize>) -> bool,
) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut first = 0;
    for (last, time) in times.iter().enumerate() {
        while times.get(first).is_some_and(|old| time - old > seconds) {
            first += 1;
        }
        if enough(first..=last) {
            match found.last_mut() {
                Some((_, end)) if first <= *end => *end = last,
                _ => found.push((first, last)),
            }
        }
    }
    found
}

/// A stretch of seconds as a person says it.
fn length(seconds: i64) -> String {
    match seconds {
        0 => "1 s".to_owned(),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod testing {
    //! Running one detector over events.

    use stockade_model::Event;

    use super::{COUNTERS, Counter, Detector, HINDSIGHTS, Hindsight, Seen};
    use crate::baseline::Baseline;
    use crate::geo::Places;
    use crate::hunt::{Given, Hunt, RuleSet};
    use crate::hunter::Hunter;

    /// What a detector sees in the events.
    pub(super) fn sees(detector: &Detector, events: &[Event]) -> Vec<Seen> {
        let rules = RuleSet::behaviours_alone();
        let mut hunter = Hunter::new(&rules);
        events.iter().for_each(|event| hunter.event(event));
        let mut parts = hunter.into_parts();
        let rows = Hunt::rows(&mut parts, &Given::default());
        let timeline = super::Timeline::new(&parts.world, rows);
        let number = super::number_of(detector.meta).unwrap();
        (detector.detect)(number, &timeline)
    }

    /// What a counter says of the events, each once, in whatever order they come.
    pub(super) fn counted(counter: &Counter, events: &[Event]) -> Vec<String> {
        let id = (counter.meta)().id;
        let place = COUNTERS.iter().position(|other| (other.meta)().id == id);
        let number = super::number_of_counter(u8::try_from(place.unwrap()).unwrap());
        let said = |events: &mut dyn Iterator<Item = &Event>| {
            let rules = RuleSet::behaviours_alone();
            let mut hunter = Hunter::new(&rules);
            events.for_each(|event| hunter.event(event));
            let mut parts = hunter.into_parts();
            let rows = Hunt::rows(&mut parts, &Given::default());
            let timeline = super::Timeline::new(&parts.world, rows);
            let mut said: Vec<String> = super::by_note(number, &timeline)
                .into_iter()
                .map(|seen| seen.what)
                .collect();
            said.sort();
            said
        };
        let forwards = said(&mut events.iter());
        assert_eq!(said(&mut events.iter().rev()), forwards);
        forwards
    }

    /// What a detector that looks back says of the events, each once, in whatever order they come.
    pub(super) fn hindsight(detector: &Hindsight, events: &[Event]) -> Vec<String> {
        hindsight_given(detector, events, &Given::default()).0
    }

    /// The same, with what was usual before; and what is usual now.
    pub(super) fn hindsight_after(
        detector: &Hindsight,
        events: &[Event],
        baseline: &Baseline,
    ) -> (Vec<String>, Baseline) {
        let given = Given {
            baseline: baseline.clone(),
            ..Given::default()
        };
        hindsight_given(detector, events, &given)
    }

    /// The same, with a database of places.
    pub(super) fn hindsight_in(
        detector: &Hindsight,
        events: &[Event],
        places: Places,
    ) -> Vec<String> {
        let given = Given {
            places: Some(places),
            ..Given::default()
        };
        hindsight_given(detector, events, &given).0
    }

    /// The same, with whatever a user may give.
    pub(super) fn hindsight_given(
        detector: &Hindsight,
        events: &[Event],
        given: &Given,
    ) -> (Vec<String>, Baseline) {
        let forwards = say(detector, &mut events.iter(), given);
        let backwards = say(detector, &mut events.iter().rev(), given);
        assert_eq!(backwards, forwards);
        forwards
    }

    fn say(
        detector: &Hindsight,
        events: &mut dyn Iterator<Item = &Event>,
        given: &Given,
    ) -> (Vec<String>, Baseline) {
        let id = (detector.meta)().id;
        let place = HINDSIGHTS.iter().position(|other| (other.meta)().id == id);
        let number = super::number_of_hindsight(u8::try_from(place.unwrap()).unwrap());
        let rules = RuleSet::behaviours_alone();
        let mut hunter = Hunter::new(&rules);
        events.for_each(|event| hunter.event(event));
        let mut parts = hunter.into_parts();
        let rows = Hunt::rows(&mut parts, given);
        let timeline = super::Timeline::new(&parts.world, rows);
        let mut said: Vec<String> = super::by_note(number, &timeline)
            .into_iter()
            .map(|seen| seen.what)
            .collect();
        said.sort();
        said.dedup();
        let mut usual = super::habits(&parts.world, &parts.profile);
        usual.add(given.baseline.clone());
        (said, usual)
    }
}
