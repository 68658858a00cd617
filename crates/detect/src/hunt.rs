//! A set of rules, and what a hunt with it comes to.
//!
//! Owns the gathering of matches into findings. How one event meets the rules is
//! [`crate::hunter`]'s.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use stockade_model::{Event, Finding, LogKind, Origin, Timestamp};

use crate::baseline::Baseline;
use crate::behaviour;
use crate::correlate::{Correlation, Episode};
use crate::fields::Outcome;
use crate::geo::Places;
use crate::hunter::{Hunter, Parts};
use crate::impossible;
use crate::intel::Intel;
use crate::load::{Loader, NotApplicable, Problem, Rule};
use crate::look::Names;
use crate::profile::Profile;
use crate::program::{Builder, Op, Program};
use crate::rule::Meta;
use crate::sigma::FieldPath;
use crate::story::{self, Story};
use crate::summary::Overview;
use crate::timeline::{Row, Timeline};
use crate::world::{self, World, moment};

/// Detections that are ready to run.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
    correlations: Vec<Correlation>,
    /// The descriptions of the behavioural detectors; empty where they are not run.
    behaviours: Vec<Arc<Meta>>,
    problems: Vec<Problem>,
    not_applicable: Vec<NotApplicable>,
    /// The rule files, by their names.
    texts: BTreeMap<Arc<str>, Arc<str>>,
    program: Program,
    names: Names,
    /// Each rule's condition in the program.
    conditions: Vec<Op>,
    /// Fields whose values correlations need.
    captures: Vec<FieldPath>,
    /// By rule, which of them.
    captured: Vec<Vec<u32>>,
}

impl RuleSet {
    pub(crate) fn new(
        rules: Vec<Rule>,
        mut correlations: Vec<Correlation>,
        behaviours: bool,
        problems: Vec<Problem>,
        not_applicable: Vec<NotApplicable>,
    ) -> Self {
        let mut builder = Builder::new();
        let conditions = rules.iter().map(|rule| builder.add(&rule.node)).collect();
        let mut captures: Vec<FieldPath> = Vec::new();
        let mut captured: Vec<Vec<u32>> = vec![Vec::new(); rules.len()];
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut needs: Vec<Vec<u32>> = Vec::new();
        for correlation in &mut correlations {
            needs.push(correlation.number(&mut |name| {
                *numbers.entry(name.to_owned()).or_insert_with(|| {
                    let mut path = FieldPath::new(name);
                    path.link(builder.names());
                    captures.push(path);
                    u32::try_from(captures.len() - 1).unwrap_or(u32::MAX)
                })
            }));
        }
        for (place, fields) in needs.iter().enumerate() {
            // A correlation of correlations groups by fields of the events behind them.
            let mut waiting = vec![place];
            let mut met = vec![place];
            while let Some(correlation) = waiting.pop().and_then(|at| correlations.get(at)) {
                for rule in correlation.rules() {
                    if let Some(own) = captured.get_mut(rule) {
                        own.extend(fields);
                        own.sort_unstable();
                        own.dedup();
                    }
                }
                for other in correlation.correlations() {
                    if !met.contains(&other) {
                        met.push(other);
                        waiting.push(other);
                    }
                }
            }
        }
        let (program, names) = builder.finish();
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
            texts: BTreeMap::new(),
            program,
            names,
            conditions,
            captures,
            captured,
        }
    }

    /// With the files that the rules stand in, for who wants to read them.
    pub(crate) fn with_texts(mut self, texts: BTreeMap<Arc<str>, Arc<str>>) -> Self {
        self.texts = texts;
        self
    }

    /// No rule and no detector: events are counted, and that is all.
    pub(crate) fn nothing() -> Self {
        Self::new(Vec::new(), Vec::new(), false, Vec::new(), Vec::new())
    }

    /// The behavioural detectors alone.
    #[cfg(test)]
    pub(crate) fn behaviours_alone() -> Self {
        Self::new(Vec::new(), Vec::new(), true, Vec::new(), Vec::new())
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    pub(crate) fn has_behaviours(&self) -> bool {
        !self.behaviours.is_empty()
    }

    /// The conditions of the rules for a kind of log, each with its rule's number.
    pub(crate) fn conditions(&self, kind: LogKind) -> impl Iterator<Item = (u32, Op)> {
        (0u32..)
            .zip(self.rules.iter().zip(&self.conditions))
            .filter(move |(_, (rule, _))| rule.kinds.contains(&kind))
            .map(|(number, (_, op))| (number, *op))
    }

    /// The kind of log that the rules of a file are for: the first that its first rule names.
    pub(crate) fn kind_of(&self, source: &str) -> Option<LogKind> {
        let rule = self
            .rules
            .iter()
            .find(|rule| *rule.meta.source == *source)?;
        rule.kinds.first().copied()
    }

    /// The fields of a rule's matches that are kept, by number.
    pub(crate) fn captured(&self, rule: u32) -> &[u32] {
        self.captured.get(rule as usize).map_or(&[], Vec::as_slice)
    }

    /// A field that is kept.
    pub(crate) fn capture(&self, number: u32) -> Option<&FieldPath> {
        self.captures.get(number as usize)
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

    /// The detections with this id or name; else those whose title has it as a part.
    pub fn named(&self, name: &str) -> Vec<&Meta> {
        let exact: Vec<&Meta> = self
            .detections()
            .filter(|meta| meta.id == name || meta.name.as_deref() == Some(name))
            .collect();
        if !exact.is_empty() {
            return exact;
        }
        let lower = name.to_lowercase();
        self.detections()
            .filter(|meta| meta.title.to_lowercase().contains(&lower) || meta.source.contains(name))
            .collect()
    }

    /// The page of a detection.
    pub fn page(&self, meta: &Meta) -> String {
        crate::page::of(self, meta)
    }

    /// The file that a detection stands in.
    pub(crate) fn text(&self, meta: &Meta) -> Option<&str> {
        self.texts.get(&meta.source).map(AsRef::as_ref)
    }

    /// What of a rule can never occur in its log.
    pub fn impossible(&self, id: &str) -> Vec<String> {
        let own = self.rules.iter().filter(|rule| rule.meta.id == id);
        let mut found: Vec<String> = own.flat_map(impossible::faults).collect();
        found.sort();
        found.dedup();
        found
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
        let mut hunter = Hunter::new(self);
        hunter.event(event);
        hunter
            .matched()
            .iter()
            .filter_map(|number| self.rules.get(*number as usize))
            .map(|rule| rule.meta.as_ref())
            .collect()
    }

    /// Runs everything over the events, in whatever order they come. See [`RuleSet::finish`].
    pub fn hunt(&self, events: &[Event]) -> Vec<Finding> {
        let mut hunter = Hunter::new(self);
        events.iter().for_each(|event| hunter.event(event));
        self.finish(vec![hunter]).findings
    }

    /// [`RuleSet::finish_with`], with nothing known before.
    pub fn finish(&self, hunters: Vec<Hunter<'_>>) -> Hunt {
        self.finish_with(hunters, &Given::default())
    }

    /// Makes findings of what the workers of a hunt came to. One finding stands for all matches of a
    /// detection by the same principal, key and address that had the same outcome; findings are in
    /// the order of their first event, and do not depend on which worker took which event.
    /// `given` is what the user gives besides the logs.
    pub fn finish_with(&self, hunters: Vec<Hunter<'_>>, given: &Given) -> Hunt {
        let mut all = hunters.into_iter().map(Hunter::into_parts);
        let mut parts = all.next().unwrap_or_default();
        all.for_each(|other| parts.merge(other));
        let rows = Hunt::rows(&mut parts, given);
        let timeline = Timeline::new(&parts.world, rows);
        let mut matched: Vec<Vec<usize>> = vec![Vec::new(); self.rules.len()];
        for (place, row) in timeline.rows().iter().enumerate() {
            for rule in &row.rules {
                if let Some(places) = matched.get_mut(*rule as usize) {
                    places.push(place);
                }
            }
        }
        let mut findings = Vec::new();
        for (rule, places) in self.rules.iter().zip(&matched) {
            if !rule.silent {
                let episodes = places.iter().map(|place| vec![*place]);
                gather(&rule.meta, &timeline, episodes, &mut findings);
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
        if self.has_behaviours() {
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
                &a.proof,
            )
                .cmp(&(
                    b.first,
                    std::cmp::Reverse(b.severity),
                    &b.title,
                    &b.principal,
                    &b.access_key,
                    &b.source_address,
                    &b.proof,
                ))
        });
        let targets = timeline
            .rows()
            .iter()
            .filter(|row| row.target != 0)
            .map(|row| {
                let target = timeline.text(row.target).to_owned();
                (timeline.proof(row).origin, target)
            })
            .collect();
        let span = (parts.events > 0).then(|| (moment(parts.span.0), moment(parts.span.1)));
        Hunt {
            findings,
            events: parts.events,
            span,
            targets,
            world: parts.world,
            profile: parts.profile,
        }
    }
}

/// What the user gives besides logs and rules.
#[derive(Debug, Default)]
pub struct Given {
    /// What was usual before these logs.
    pub baseline: Baseline,
    /// Where addresses are.
    pub places: Option<Places>,
    /// What is known to be bad.
    pub intel: Intel,
}

/// What a hunt came to.
#[derive(Debug)]
pub struct Hunt {
    /// What was found.
    pub findings: Vec<Finding>,
    /// How many events were held against the rules.
    pub events: u64,
    /// The first and the last event's time.
    pub span: Option<(Timestamp, Timestamp)>,
    targets: HashMap<Origin, String>,
    world: World,
    profile: Profile,
}

impl Hunt {
    /// The stories of these findings, which may be some of the hunt's.
    pub fn stories(&self, findings: &[Finding]) -> Vec<Story> {
        story::tell_all(findings, &self.world, &|origin| {
            self.targets.get(origin).cloned()
        })
    }

    /// What these logs show to be usual, for the next hunt.
    pub fn baseline(&self) -> Baseline {
        behaviour::habits(&self.world, &self.profile)
    }

    /// The principals of these findings, with all whose sessions they took or that took theirs.
    pub fn involved(&self, findings: &[Finding]) -> BTreeSet<String> {
        let mut all: BTreeSet<String> = findings
            .iter()
            .map(|finding| finding.principal.clone())
            .collect();
        for story in self.stories(findings) {
            all.insert(story.principal);
            all.extend(story.became.into_iter().map(|other| other.value));
        }
        all
    }

    /// What all events come to, whatever the rules say.
    pub fn overview(&self) -> Overview {
        Overview::of(&self.world, &self.profile)
    }

    /// All rows of the parts, those of what was counted and of what hindsight tells among them.
    pub(crate) fn rows(parts: &mut Parts, given: &Given) -> Vec<Row> {
        let mut rows = std::mem::take(&mut parts.rows);
        let networks = std::mem::take(&mut parts.networks);
        rows.extend(networks.rows(&mut parts.world));
        let tallies = std::mem::take(&mut parts.tallies);
        rows.extend(tallies.rows(&mut parts.world));
        let told = behaviour::look_back(&parts.profile, &mut parts.world, &rows, given);
        rows.extend(told);
        rows
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
    let some = |number| timeline.world.strings.some(number).map(str::to_owned);
    let mut by_actor: BTreeMap<Actor, Vec<usize>> = BTreeMap::new();
    for places in episodes {
        let rows: Vec<&Row> = places
            .iter()
            .filter_map(|place| timeline.at(*place))
            .collect();
        let Some((_, caller)) = rows.first().and_then(|first| timeline.caller(first)) else {
            continue;
        };
        let actor = Actor {
            principal: timeline.text(caller.principal).to_owned(),
            access_key: some(same(timeline, &rows, |_, actor| actor.key)),
            source_address: some(same(timeline, &rows, |way, _| way.address)),
            attempt: rows.iter().all(|row| row.outcome != Outcome::Done),
        };
        by_actor.entry(actor).or_default().extend(places);
    }
    for (actor, mut places) in by_actor {
        places.sort_unstable();
        places.dedup();
        let rows: Vec<&Row> = places
            .iter()
            .filter_map(|place| timeline.at(*place))
            .collect();
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
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
            region: some(same(timeline, &rows, |way, _| way.region)),
            account: some(same(timeline, &rows, |way, _| way.account)),
            first: timeline.time(first),
            last: timeline.time(last),
            attempt: actor.attempt,
            next: meta.advice(),
            proof: rows.iter().map(|row| timeline.proof(row)).collect(),
        });
    }
}

/// The text that all the rows have in common; none where they differ.
fn same(
    timeline: &Timeline<'_>,
    rows: &[&Row],
    of: impl Fn(&world::Way, &world::Actor) -> world::Str,
) -> world::Str {
    let mut texts = rows.iter().map(|row| {
        timeline
            .caller(row)
            .map_or(0, |(way, actor)| of(way, actor))
    });
    let first = texts.next().unwrap_or(0);
    if texts.all(|text| text == first) {
        first
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::field::Scope;
    use crate::testing::{event, looked};
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
    fn narrowing_by_source_and_name_leaves_no_match_out() {
        let mut loader = Loader::new();
        for (number, detection) in DETECTIONS.iter().enumerate() {
            loader = loader.text(&format!("{number}.yml"), &format!(
                "title: T{number}\nid: r{number}\nlogsource: {{product: aws}}\ndetection:\n  {detection}\n"));
        }
        let rules = loader.load();
        assert!(rules.problems().is_empty(), "{:?}", rules.problems());
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
                        .filter(|rule| {
                            let mut node = rule.node.clone();
                            let mut names = Names::new();
                            node.link(&mut names);
                            looked(&event, names, |look| node.matches(Scope::of(look)))
                        })
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
