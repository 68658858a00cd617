//! A set of rules, and running it over events.
//!
//! Owns the index by which most events meet few rules, and the gathering of matches into findings.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use stockade_model::{Event, EventRef, Finding};

use crate::behaviour;
use crate::correlate::{Correlation, Episode};
use crate::fields::Outcome;
use crate::load::{Loader, NotApplicable, Problem, Rule};
use crate::rule::Meta;
use crate::sigma::field::Scope;
use crate::sigma::pattern::fold;
use crate::timeline::Timeline;

/// Detections that are ready to run.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
    correlations: Vec<Correlation>,
    /// The descriptions of the behavioural detectors; empty where they are not run.
    behaviours: Vec<Arc<Meta>>,
    problems: Vec<Problem>,
    not_applicable: Vec<NotApplicable>,
    index: Index,
}

/// Which rules an event has to be held to.
#[derive(Debug, Default)]
struct Index {
    by_name: HashMap<String, Vec<usize>>,
    by_source: HashMap<String, Vec<usize>>,
    always: Vec<usize>,
}

impl RuleSet {
    pub(crate) fn new(
        rules: Vec<Rule>,
        correlations: Vec<Correlation>,
        behaviours: bool,
        problems: Vec<Problem>,
        not_applicable: Vec<NotApplicable>,
    ) -> Self {
        let index = Index::new(&rules);
        Self {
            rules,
            correlations,
            behaviours: if behaviours {
                behaviour::metas()
            } else {
                Vec::new()
            },
            problems,
            not_applicable,
            index,
        }
    }

    /// The project's own rules and behavioural detectors.
    pub fn builtin() -> Self {
        Loader::new().builtin().load()
    }

    /// The rules of these files and folders, and nothing else.
    pub fn load_paths(paths: &[PathBuf]) -> Self {
        Loader::new().paths(paths).load()
    }

    /// The rules in one text; `name` is what problems call it.
    pub fn load_text(name: &str, text: &str) -> Self {
        Loader::new().text(name, text).load()
    }

    /// What did not load, and why.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What loaded but is for logs that are not read.
    pub fn not_applicable(&self) -> &[NotApplicable] {
        &self.not_applicable
    }

    /// Every detection: rules, correlations, behavioural detectors.
    pub fn detections(&self) -> impl Iterator<Item = &Meta> {
        self.rules
            .iter()
            .map(|rule| rule.meta.as_ref())
            .chain(self.correlations.iter().map(|rule| rule.meta.as_ref()))
            .chain(self.behaviours.iter().map(Arc::as_ref))
    }

    /// How many rules and correlations are loaded.
    pub fn len(&self) -> usize {
        self.rules.len() + self.correlations.len()
    }

    /// Whether nothing is loaded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the rule only serves a correlation in its own file and raises nothing by itself.
    pub fn is_part(&self, id: &str) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.silent && rule.meta.id == id)
    }

    /// The fields that a rule's condition looks at, sorted, each once.
    pub fn fields(&self, id: &str) -> Vec<String> {
        let mut names = std::collections::BTreeSet::new();
        for rule in self.rules.iter().filter(|rule| rule.meta.id == id) {
            rule.node.fields(&mut |name| {
                names.insert(name.to_owned());
            });
        }
        names.into_iter().collect()
    }

    /// The rules (not correlations) that match one event.
    pub fn matches(&self, event: &Event) -> Vec<&Meta> {
        self.index
            .candidates(event)
            .filter_map(|number| self.rules.get(number))
            .filter(|rule| rule.node.matches(Scope::of(event)))
            .map(|rule| rule.meta.as_ref())
            .collect()
    }

    /// Runs everything over the events, in whatever order they come. One finding stands for all
    /// matches of a detection by the same principal, key and address that had the same outcome;
    /// findings are in the order of their first event.
    pub fn hunt(&self, events: &[Event]) -> Vec<Finding> {
        let timeline = Timeline::new(events);
        let mut matched: Vec<Vec<usize>> = vec![Vec::new(); self.rules.len()];
        for (place, event) in timeline.events().iter().enumerate() {
            let scope = Scope::of(event);
            for number in self.index.candidates(event) {
                if let (Some(rule), Some(places)) =
                    (self.rules.get(number), matched.get_mut(number))
                    && rule.node.matches(scope)
                {
                    places.push(place);
                }
            }
        }
        let mut findings = Vec::new();
        for (rule, places) in self.rules.iter().zip(&matched) {
            if !rule.silent {
                gather(
                    &rule.meta,
                    &timeline,
                    places.iter().map(|place| vec![*place]),
                    &mut findings,
                );
            }
        }
        let mut fired: Vec<Vec<Episode>> = Vec::new();
        for correlation in &self.correlations {
            let episodes = correlation.run(&timeline, &matched, &fired);
            gather(
                &correlation.meta,
                &timeline,
                episodes.iter().cloned(),
                &mut findings,
            );
            fired.push(episodes);
        }
        if !self.behaviours.is_empty() {
            findings.extend(behaviour::detect(&timeline));
        }
        findings.sort_by(|a, b| {
            (
                a.first,
                std::cmp::Reverse(a.severity),
                &a.title,
                &a.principal,
                &a.access_key,
                &a.source_address,
            )
                .cmp(&(
                    b.first,
                    std::cmp::Reverse(b.severity),
                    &b.title,
                    &b.principal,
                    &b.access_key,
                    &b.source_address,
                ))
        });
        findings
    }
}

impl Index {
    fn new(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        for (number, rule) in rules.iter().enumerate() {
            if let Some(names) = rule.node.required("eventName") {
                for name in names {
                    index.by_name.entry(name).or_default().push(number);
                }
            } else if let Some(sources) = rule.node.required("eventSource") {
                for source in sources {
                    index.by_source.entry(source).or_default().push(number);
                }
            } else {
                index.always.push(number);
            }
        }
        index
    }

    fn candidates(&self, event: &Event) -> impl Iterator<Item = usize> {
        let of = |map: &HashMap<String, Vec<usize>>, text: &str| -> Vec<usize> {
            map.get(&fold(text)).cloned().unwrap_or_default()
        };
        self.always
            .iter()
            .copied()
            .chain(of(&self.by_name, event.name()))
            .chain(of(&self.by_source, event.source()))
    }
}

/// What findings are told apart by.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Actor {
    principal: String,
    access_key: Option<String>,
    source_address: Option<String>,
    attempt: bool,
}

/// Makes findings of matches: those of one event each, and episodes of several.
pub(crate) fn gather(
    meta: &Arc<Meta>,
    timeline: &Timeline<'_>,
    episodes: impl Iterator<Item = Episode>,
    findings: &mut Vec<Finding>,
) {
    let mut by_actor: BTreeMap<Actor, Vec<&Event>> = BTreeMap::new();
    for places in episodes {
        let events: Vec<&Event> = places
            .iter()
            .filter_map(|place| timeline.at(*place))
            .collect();
        let Some(first) = events.first() else {
            continue;
        };
        let actor = Actor {
            principal: first.principal(),
            access_key: same(&events, |event| event.access_key()),
            source_address: same(&events, |event| event.source_address()),
            attempt: events
                .iter()
                .all(|event| Outcome::of(event) != Outcome::Done),
        };
        by_actor.entry(actor).or_default().extend(events);
    }
    for (actor, mut events) in by_actor {
        events.sort_by_key(|event| event.time());
        events.dedup_by(|a, b| std::ptr::eq(*a, *b));
        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            continue;
        };
        findings.push(Finding {
            detection: meta.id.clone(),
            title: meta.title.clone(),
            severity: meta.severity,
            tactics: meta.tactics.clone(),
            techniques: meta.techniques.clone(),
            guardduty_type: meta.guardduty.clone(),
            principal: actor.principal,
            access_key: actor.access_key,
            source_address: actor.source_address,
            region: same(&events, |event| event.region()),
            account: same(&events, |event| event.account()),
            first: first.time(),
            last: last.time(),
            attempt: actor.attempt,
            next: meta.advice(),
            proof: events.iter().map(|event| EventRef::from(*event)).collect(),
        });
    }
}

/// What all the events have in common; none where they differ.
pub(crate) fn same(events: &[&Event], of: impl Fn(&Event) -> Option<&str>) -> Option<String> {
    let first = of(events.first()?)?;
    events
        .iter()
        .all(|event| of(event) == Some(first))
        .then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;
    use proptest::prelude::*;
    use serde_json::json;

    /// Detections that name calls and services in every way that the index must see through.
    const DETECTIONS: &[&str] = &[
        "s: {eventName: Alpha}\n  condition: s",
        "s: {eventName: [alpha, BETA]}\n  condition: s",
        "s: {eventName: 'Al*'}\n  condition: s",
        "s: {eventName|contains: eta}\n  condition: s",
        "s: {eventName|all: [Alpha, Beta]}\n  condition: s",
        "s: {eventName|neq: Alpha}\n  condition: s",
        "s: {eventName|cased: Alpha}\n  condition: s",
        "s: {eventSource: one.amazonaws.com}\n  condition: s",
        "s: {eventSource: one.amazonaws.com}\n  condition: not s",
        "s: {eventName: Alpha}\n  t: {eventSource: one.amazonaws.com}\n  condition: s or t",
        "s: {eventName: Alpha}\n  t: {eventName: Beta}\n  condition: 1 of them",
        "s: {eventName: Alpha}\n  t: {eventName: Beta}\n  condition: s and not t",
        "s: {eventName: Alpha}\n  t: {flag: 1}\n  condition: s and 1 of t*",
        "s: {eventName: Alpha}\n  t: {flag: 1}\n  u: {eventName: Beta}\n  condition: 2 of them",
        "s: [{eventName: Alpha}, {eventSource: two.amazonaws.com}]\n  condition: s",
        "s: {eventName: null}\n  condition: s",
        "s: {eventName|exists: true}\n  condition: s",
        "s: [alpha]\n  condition: s",
    ];

    #[test]
    fn the_index_leaves_no_match_out() {
        let mut loader = Loader::new();
        for (number, detection) in DETECTIONS.iter().enumerate() {
            loader = loader.text(&format!("{number}.yml"), &format!(
                "title: T{number}\nid: r{number}\nlogsource: {{product: aws}}\ndetection:\n  {detection}\n"));
        }
        let rules = loader.load();
        assert!(rules.problems().is_empty(), "{:?}", rules.problems());
        assert!(
            rules.index.always.len() < DETECTIONS.len() - 6,
            "the index is of use"
        );
        for name in ["Alpha", "alpha", "Beta", "Alphabet", "Gamma", ""] {
            for source in [
                "one.amazonaws.com",
                "TWO.amazonaws.com",
                "three.amazonaws.com",
            ] {
                for flag in [0, 1] {
                    let event =
                        event(json!({"eventName": name, "eventSource": source, "flag": flag}));
                    let mut all: Vec<&str> = rules
                        .rules
                        .iter()
                        .filter(|rule| rule.node.matches(Scope::of(&event)))
                        .map(|rule| rule.meta.id.as_str())
                        .collect();
                    let mut indexed: Vec<&str> = rules
                        .matches(&event)
                        .iter()
                        .map(|meta| meta.id.as_str())
                        .collect();
                    all.sort_unstable();
                    indexed.sort_unstable();
                    assert_eq!(indexed, all, "{name} {source} {flag}");
                }
            }
        }
    }

    #[test]
    fn hostile_rules_are_refused_and_end_nothing() {
        let deep = "(".repeat(20_000);
        let rule = |condition: &str| {
            format!(
                "title: T\nid: r\nlogsource: {{product: aws}}\ndetection:\n  s: {{a: 1}}\n  condition: \"{condition}\"\n"
            )
        };
        let bomb: String = std::iter::once("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned())
            .chain((1..12).map(|n| {
                let refs = vec![format!("*a{}", n - 1); 10].join(", ");
                format!("a{n}: &a{n} [{refs}]\n")
            }))
            .collect();
        for text in [
            rule(&deep),
            rule(&format!("{deep}s{}", ")".repeat(20_000))),
            rule(&"not ".repeat(20_000)),
            rule(&vec!["s"; 20_000].join(" and ")),
            format!("{}{}", rule("s"), bomb),
            format!("title: {}\n", "[".repeat(20_000)),
            format!(
                "a:\n{}",
                (1..5_000)
                    .map(|n| format!("{}a:\n", " ".repeat(n % 900)))
                    .collect::<String>()
            ),
        ] {
            let rules = RuleSet::load_text("hostile.yml", &text);
            assert!(rules.len() <= 1);
            if rules.is_empty() {
                assert!(!rules.problems().is_empty());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn no_rule_text_panics(text in "([a-z*?|:%\\[\\]{}()'\" \n-]|title: |detection:\n|condition: |logsource: \\{product: aws\\}\n|s: |correlation:\n|filter:\n|type: temporal\n|rules: ){0,40}") {
            let rules = RuleSet::load_text("any.yml", &text);
            rules.hunt(&[event(json!({"a": 1}))]);
        }

        #[test]
        fn no_value_panics(value in "\\PC{0,12}", modifier in "contains|startswith|re|cidr|base64offset|wide|windash|gt|exists|fieldref|expand|cased|hour|neq|all|re[|]i|wide[|]base64offset[|]contains", field in "\\PC{0,12}") {
            let value = serde_json::to_string(&value).unwrap();
            let text = format!("title: T\nid: r\nlogsource: {{product: aws}}\ndetection:\n  s:\n    a|{modifier}: {value}\n  condition: s\n");
            let rules = RuleSet::load_text("any.yml", &text);
            rules.hunt(&[event(json!({"a": field, "b": [field, null, {"a": 1}]}))]);
        }
    }
}
