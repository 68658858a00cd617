//! What one event does not tell: detectors in Rust, a file each.
//!
//! Owns the list of them and what they share: who counts as one caller, and stretches of time. To
//! add a detector, write its file and name it in [`ALL`].

mod enumeration;
mod new_network;
mod refused_calls;

use std::collections::BTreeMap;
use std::sync::Arc;

use stockade_model::{Event, Finding, Severity, Technique};

use crate::hunt::gather;
use crate::rule::{Kind, Meta};
use crate::timeline::Timeline;

/// A detector: its description, and its run over the events in order.
struct Detector {
    meta: fn() -> Meta,
    detect: fn(&Timeline<'_>) -> Vec<Seen>,
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
];

/// The descriptions of all detectors.
pub(crate) fn metas() -> Vec<Arc<Meta>> {
    ALL.iter()
        .map(|detector| Arc::new((detector.meta)()))
        .collect()
}

/// Runs all detectors.
pub(crate) fn detect(timeline: &Timeline<'_>) -> Vec<Finding> {
    ALL.iter()
        .flat_map(|detector| run(detector, timeline))
        .collect()
}

fn run(detector: &Detector, timeline: &Timeline<'_>) -> Vec<Finding> {
    let meta = (detector.meta)();
    let mut findings = Vec::new();
    for seen in (detector.detect)(timeline) {
        let own = Arc::new(Meta {
            title: seen.what,
            ..meta.clone()
        });
        gather(&own, timeline, std::iter::once(seen.places), &mut findings);
    }
    findings
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

/// The places of the events that `wanted` takes, by caller: the key that signed, or the principal
/// where there is none. What AWS services do on their own or for somebody is left out.
fn by_caller(
    timeline: &Timeline<'_>,
    wanted: impl Fn(&Event) -> bool,
) -> BTreeMap<String, Vec<usize>> {
    let mut callers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, event) in timeline.events().iter().enumerate() {
        if is_service(event) || !wanted(event) {
            continue;
        }
        let caller = event
            .access_key()
            .map_or_else(|| event.principal(), str::to_owned);
        callers.entry(caller).or_default().push(place);
    }
    callers
}

fn is_service(event: &Event) -> bool {
    event.identity_type() == Some("AWSService")
        || event.text(&["userIdentity", "invokedBy"]).is_some()
        || event
            .principal()
            .contains(":assumed-role/AWSServiceRoleFor")
}

/// Whether a person clicked this together: the console asks many questions to show one page.
fn is_console(event: &Event) -> bool {
    let marked = |value: Option<&serde_json::Value>| {
        value.is_some_and(|value| value == "true" || value == true)
    };
    if marked(event.record().get("sessionCredentialFromConsole"))
        || event.text(&["eventType"]) == Some("AwsConsoleAction")
    {
        return true;
    }
    // Before AWS marked them, the pages' own calls came from within AWS.
    let temporary = event
        .access_key()
        .is_some_and(|key| key.starts_with("ASIA"));
    temporary && event.user_agent() == Some("AWS Internal")
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
