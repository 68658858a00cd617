//! Sigma's correlation rules: counts, distinct values and sequences of matches within a time.
//!
//! Owns windows and groups. Every window slides with the events, so that a burst across a boundary
//! counts; the order in which events came in does not matter. Must not match single events.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rsigma_parser::{
    ConditionExpr, ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType,
    Quantifier, SelectorPattern, WindowMode,
};

use crate::rule::Meta;
use crate::timeline::{Row, Timeline};

/// A correlation rule, its references resolved.
#[derive(Debug, Clone)]
pub(crate) struct Correlation {
    pub(crate) meta: Arc<Meta>,
    kind: CorrelationType,
    parts: Vec<Part>,
    span: i64,
    window: WindowMode,
    gap: i64,
    condition: Condition,
    generate: bool,
}

/// One of the rules that are correlated.
#[derive(Debug, Clone)]
struct Part {
    /// As the correlation names it.
    name: String,
    of: PartOf,
    group: Vec<Field>,
}

/// A field whose value is kept of each match.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: String,
    /// Its number among all that are kept; none before [`Correlation::number`].
    number: u32,
}

impl Field {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            number: u32::MAX,
        }
    }

    fn text(&self, timeline: &Timeline<'_>, row: &Row) -> Option<String> {
        let (_, text) = row
            .fields
            .iter()
            .find(|(number, _)| *number == self.number)?;
        Some(timeline.text(*text).to_owned())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartOf {
    Rule(usize),
    Correlation(usize),
}

#[derive(Debug, Clone)]
enum Condition {
    /// The measure meets every one of these.
    Threshold(Vec<(ConditionOperator, u64)>, Vec<Field>, u64),
    /// Every part is there.
    AllParts,
    /// The expression holds of the parts that are there.
    Expression(ConditionExpr),
}

/// Why a correlation cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) message: String,
    pub(crate) near: String,
    /// The name that no loaded rule has.
    pub(crate) unresolved: Option<String>,
}

/// A stretch of matches that met the condition: their places in the timeline, in order.
pub(crate) type Episode = Vec<usize>;

impl Correlation {
    /// Resolves a rule's references by the two look-ups (rules, and correlations before this one).
    pub(crate) fn new(
        rule: &CorrelationRule,
        meta: Arc<Meta>,
        plain: &dyn Fn(&str) -> Option<usize>,
        earlier: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<Self, Unusable> {
        let wrong = |message: &str, near: &str| Unusable {
            message: message.to_owned(),
            near: near.to_owned(),
            unresolved: None,
        };
        if rule.rules.is_empty() {
            return Err(wrong(
                "names no rules: list their names under `rules`",
                "correlation",
            ));
        }
        let parts = rule
            .rules
            .iter()
            .map(|name| {
                let of = plain(name)
                    .map(PartOf::Rule)
                    .or_else(|| earlier(name).map(PartOf::Correlation))
                    .ok_or_else(|| Unusable {
                        message: format!(
                            "refers to the rule `{name}`, and none with that name or id is loaded"
                        ),
                        near: name.clone(),
                        unresolved: Some(name.clone()),
                    })?;
                let group = rule
                    .group_by
                    .iter()
                    .map(|field| Field::new(aliased(rule, field, name)))
                    .collect();
                Ok(Part {
                    name: name.clone(),
                    of,
                    group,
                })
            })
            .collect::<Result<Vec<_>, Unusable>>()?;
        let temporal = matches!(
            rule.correlation_type,
            CorrelationType::Temporal | CorrelationType::TemporalOrdered
        );
        let condition = match &rule.condition {
            CorrelationCondition::Extended(_) if !temporal => {
                return Err(wrong(
                    "has a condition of names, which only temporal correlations take; give a number (`gte: 10`)",
                    "condition",
                ));
            }
            CorrelationCondition::Extended(expression) => {
                check_names(expression, &parts)?;
                Condition::Expression(expression.clone())
            }
            CorrelationCondition::Threshold { predicates, .. }
                if temporal && *predicates == [(ConditionOperator::Gte, 1)] =>
            {
                Condition::AllParts
            }
            CorrelationCondition::Threshold {
                predicates,
                field,
                percentile,
            } => {
                let fields: Vec<Field> = field
                    .iter()
                    .flatten()
                    .map(|name| Field::new(name))
                    .collect();
                let needs = !temporal && rule.correlation_type != CorrelationType::EventCount;
                if needs && fields.is_empty() {
                    return Err(wrong(
                        "counts values, so its condition must name their `field`",
                        "condition",
                    ));
                }
                Condition::Threshold(
                    predicates.clone(),
                    fields,
                    percentile.unwrap_or(50).min(100),
                )
            }
        };
        let seconds = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
        Ok(Self {
            meta,
            kind: rule.correlation_type,
            parts,
            span: seconds(rule.timespan.seconds),
            window: rule.window,
            gap: rule.gap.as_ref().map_or(0, |gap| seconds(gap.seconds)),
            condition,
            generate: rule.generate,
        })
    }

    /// Gives each field that it groups or counts by its number; answers all of them.
    pub(crate) fn number(&mut self, number: &mut dyn FnMut(&str) -> u32) -> Vec<u32> {
        let groups = self.parts.iter_mut().flat_map(|part| &mut part.group);
        let counted = match &mut self.condition {
            Condition::Threshold(_, fields, _) => fields.as_mut_slice(),
            Condition::AllParts | Condition::Expression(_) => &mut [],
        };
        groups
            .chain(counted)
            .map(|field| {
                field.number = number(&field.name);
                field.number
            })
            .collect()
    }

    /// The correlations that it is made of.
    pub(crate) fn correlations(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| match part.of {
            PartOf::Correlation(other) => Some(other),
            PartOf::Rule(_) => None,
        })
    }

    /// Whether the rules that it is made of raise findings of their own.
    pub(crate) fn generates(&self) -> bool {
        self.generate
    }

    /// The rules that it is made of.
    pub(crate) fn rules(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| match part.of {
            PartOf::Rule(rule) => Some(rule),
            PartOf::Correlation(_) => None,
        })
    }

    /// Where it fires, given where each rule matched and where each earlier correlation fired.
    pub(crate) fn run(
        &self,
        timeline: &Timeline<'_>,
        matched: &[Vec<usize>],
        fired: &[Vec<Episode>],
    ) -> Vec<Episode> {
        let mut groups: BTreeMap<Vec<String>, Vec<Hit>> = BTreeMap::new();
        for (number, part) in self.parts.iter().enumerate() {
            let episodes: Vec<Episode> = match part.of {
                PartOf::Rule(rule) => matched
                    .get(rule)
                    .map(|places| places.iter().map(|place| vec![*place]).collect())
                    .unwrap_or_default(),
                PartOf::Correlation(other) => fired.get(other).cloned().unwrap_or_default(),
            };
            for places in episodes {
                if let Some((group, hit)) = self.hit(timeline, number, part, places) {
                    groups.entry(group).or_default().push(hit);
                }
            }
        }
        let mut episodes = Vec::new();
        for hits in groups.values_mut() {
            hits.sort_by(|a, b| (a.time, &a.places, a.part).cmp(&(b.time, &b.places, b.part)));
            for (first, last) in self.stretches(hits) {
                let mut places: Vec<usize> = hits
                    .get(first..=last)
                    .unwrap_or_default()
                    .iter()
                    .flat_map(|hit| hit.places.iter().copied())
                    .collect();
                places.sort_unstable();
                places.dedup();
                episodes.push(places);
            }
        }
        episodes.sort();
        episodes
    }

    /// A match as the correlation sees it. One that lacks a field of the group belongs to none.
    fn hit(
        &self,
        timeline: &Timeline<'_>,
        number: usize,
        part: &Part,
        places: Episode,
    ) -> Option<(Vec<String>, Hit)> {
        let first = timeline.at(*places.first()?)?;
        let time = timeline.time(timeline.at(*places.last()?)?).as_second();
        let group = part
            .group
            .iter()
            .map(|field| field.text(timeline, first))
            .collect::<Option<Vec<_>>>()?;
        let value = match &self.condition {
            Condition::Threshold(_, fields, _) if !fields.is_empty() => fields
                .iter()
                .map(|field| field.text(timeline, first))
                .collect::<Option<Vec<_>>>(),
            _ => None,
        };
        let hit = Hit {
            time,
            part: number,
            places,
            value,
        };
        Some((group, hit))
    }

    /// The stretches of a group's matches that meet the condition, overlapping windows as one.
    fn stretches(&self, hits: &[Hit]) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        let mut add = |first: usize, last: usize| match found.last_mut() {
            Some((_, end)) if first <= *end => *end = last,
            _ => found.push((first, last)),
        };
        if self.window != WindowMode::Sliding {
            for (first, last) in self.buckets(hits) {
                let mut window = Window::new(self, hits);
                (first..=last).for_each(|place| window.enter(place));
                if window.holds() {
                    add(first, last);
                }
            }
            return found;
        }
        let mut window = Window::new(self, hits);
        let mut first = 0;
        for (last, hit) in hits.iter().enumerate() {
            window.enter(last);
            while hits
                .get(first)
                .is_some_and(|old| hit.time - old.time > self.span)
            {
                window.leave();
                first += 1;
            }
            if window.holds() {
                add(first, last);
            }
        }
        found
    }

    /// Windows that do not slide: fixed ones, or sessions that end with a gap.
    fn buckets(&self, hits: &[Hit]) -> Vec<(usize, usize)> {
        let mut buckets = Vec::new();
        let mut first = 0;
        for (place, pair) in hits.windows(2).enumerate() {
            let [a, b] = pair else { continue };
            let apart = if self.window == WindowMode::Session {
                let start = hits.get(first).map_or(a.time, |hit| hit.time);
                b.time - a.time > self.gap || b.time - start > self.span
            } else {
                a.time.div_euclid(self.span.max(1)) != b.time.div_euclid(self.span.max(1))
            };
            if apart {
                buckets.push((first, place));
                first = place + 1;
            }
        }
        if first < hits.len() {
            buckets.push((first, hits.len() - 1));
        }
        buckets
    }
}

fn aliased<'a>(rule: &'a CorrelationRule, field: &'a str, part: &str) -> &'a str {
    rule.aliases
        .iter()
        .find(|alias| alias.alias == field)
        .and_then(|alias| alias.mapping.get(part))
        .map_or(field, String::as_str)
}

fn check_names(expression: &ConditionExpr, parts: &[Part]) -> Result<(), Unusable> {
    match expression {
        ConditionExpr::And(list) | ConditionExpr::Or(list) => {
            list.iter().try_for_each(|one| check_names(one, parts))
        }
        ConditionExpr::Not(one) => check_names(one, parts),
        ConditionExpr::Identifier(name) if parts.iter().all(|part| part.name != *name) => {
            Err(Unusable {
                message: format!("has a condition with `{name}`, which is not among its `rules`"),
                near: "condition".to_owned(),
                unresolved: None,
            })
        }
        ConditionExpr::Identifier(_) | ConditionExpr::Selector { .. } => Ok(()),
    }
}

/// A match within a group.
#[derive(Debug)]
struct Hit {
    /// Seconds since 1970, of the last event.
    time: i64,
    part: usize,
    places: Episode,
    value: Option<Vec<String>>,
}

/// What is known of the matches in the window, kept up as it slides.
struct Window<'a> {
    rule: &'a Correlation,
    hits: &'a [Hit],
    first: usize,
    end: usize,
    parts: Vec<u64>,
    values: HashMap<&'a [String], u64>,
}

impl<'a> Window<'a> {
    fn new(rule: &'a Correlation, hits: &'a [Hit]) -> Self {
        Self {
            rule,
            hits,
            first: 0,
            end: 0,
            parts: vec![0; rule.parts.len()],
            values: HashMap::new(),
        }
    }

    fn enter(&mut self, place: usize) {
        if self.first == self.end {
            self.first = place;
        }
        self.end = place + 1;
        let Some(hit) = self.hits.get(place) else {
            return;
        };
        if let Some(count) = self.parts.get_mut(hit.part) {
            *count += 1;
        }
        if let Some(value) = &hit.value {
            *self.values.entry(value).or_default() += 1;
        }
    }

    fn leave(&mut self) {
        let Some(hit) = self.hits.get(self.first) else {
            return;
        };
        self.first += 1;
        if let Some(count) = self.parts.get_mut(hit.part) {
            *count = count.saturating_sub(1);
        }
        if let Some(value) = &hit.value
            && let Some(count) = self.values.get_mut(value.as_slice())
        {
            *count -= 1;
            if *count == 0 {
                self.values.remove(value.as_slice());
            }
        }
    }

    fn inside(&self) -> &'a [Hit] {
        self.hits.get(self.first..self.end).unwrap_or_default()
    }

    fn holds(&self) -> bool {
        let parts = match &self.rule.condition {
            Condition::AllParts => self.parts.iter().all(|count| *count > 0),
            Condition::Expression(expression) => self.expression(expression),
            Condition::Threshold(predicates, _, percentile) => {
                let Some(measure) = self.measure(*percentile) else {
                    return false;
                };
                predicates
                    .iter()
                    .all(|(operator, bound)| compare(*operator, measure, *bound))
            }
        };
        parts && (self.rule.kind != CorrelationType::TemporalOrdered || self.in_order())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "counts stay far below 2^52, and values are floats to begin with"
    )]
    fn measure(&self, percentile: u64) -> Option<f64> {
        Some(match self.rule.kind {
            CorrelationType::EventCount => self.inside().len() as f64,
            CorrelationType::ValueCount => self.values.len() as f64,
            CorrelationType::Temporal | CorrelationType::TemporalOrdered => {
                self.parts.iter().filter(|count| **count > 0).count() as f64
            }
            CorrelationType::ValueSum => self.numbers()?.iter().sum(),
            CorrelationType::ValueAvg => {
                let numbers = self.numbers()?;
                numbers.iter().sum::<f64>() / numbers.len() as f64
            }
            CorrelationType::ValueMedian => ranked(self.numbers()?, 50)?,
            CorrelationType::ValuePercentile => ranked(self.numbers()?, percentile)?,
        })
    }

    fn numbers(&self) -> Option<Vec<f64>> {
        let numbers: Vec<f64> = self
            .inside()
            .iter()
            .filter_map(|hit| hit.value.as_ref()?.first()?.parse().ok())
            .collect();
        (!numbers.is_empty()).then_some(numbers)
    }

    fn expression(&self, expression: &ConditionExpr) -> bool {
        match expression {
            ConditionExpr::And(list) => list.iter().all(|one| self.expression(one)),
            ConditionExpr::Or(list) => list.iter().any(|one| self.expression(one)),
            ConditionExpr::Not(one) => !self.expression(one),
            ConditionExpr::Identifier(name) => self.has(|part| part == name) > 0,
            ConditionExpr::Selector {
                quantifier,
                pattern,
            } => {
                let fits = |part: &str| match pattern {
                    SelectorPattern::Them => true,
                    SelectorPattern::Pattern(_) => pattern.matches_detection_name(part),
                };
                let wanted = match quantifier {
                    Quantifier::Any => 1,
                    Quantifier::Count(count) => usize::try_from(*count).unwrap_or(usize::MAX),
                    Quantifier::All => self
                        .rule
                        .parts
                        .iter()
                        .filter(|part| fits(&part.name))
                        .count(),
                };
                self.has(fits) >= wanted
            }
        }
    }

    /// How many of the parts so named are in the window.
    fn has(&self, named: impl Fn(&str) -> bool) -> usize {
        self.rule
            .parts
            .iter()
            .zip(&self.parts)
            .filter(|(part, count)| named(&part.name) && **count > 0)
            .count()
    }

    /// Whether the parts that are there can be seen one after another in the order of the rule,
    /// each in an event of its own. Matches of the same second may stand in either order.
    fn in_order(&self) -> bool {
        let wanted: Vec<usize> = (0..self.parts.len())
            .filter(|part| self.parts.get(*part).is_some_and(|count| *count > 0))
            .collect();
        let mut used: Vec<&Episode> = Vec::new();
        let mut since = i64::MIN;
        for part in wanted {
            let next = self
                .inside()
                .iter()
                .find(|hit| hit.part == part && hit.time >= since && !used.contains(&&hit.places));
            let Some(hit) = next else { return false };
            since = hit.time;
            used.push(&hit.places);
        }
        true
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a threshold beyond 2^52 is no threshold"
)]
fn compare(operator: ConditionOperator, measure: f64, bound: u64) -> bool {
    let bound = bound as f64;
    match operator {
        ConditionOperator::Lt => measure < bound,
        ConditionOperator::Lte => measure <= bound,
        ConditionOperator::Gt => measure > bound,
        ConditionOperator::Gte => measure >= bound,
        ConditionOperator::Eq => (measure - bound).abs() < f64::EPSILON,
        ConditionOperator::Neq => (measure - bound).abs() >= f64::EPSILON,
    }
}

/// The value at a percentile, between two of them by proportion.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the rank lies between 0 and the number of values"
)]
fn ranked(mut numbers: Vec<f64>, percentile: u64) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let rank = percentile as f64 / 100.0 * (numbers.len().checked_sub(1)? as f64);
    let low = numbers.get(rank.floor() as usize)?;
    let high = numbers.get(rank.ceil() as usize)?;
    Some(low + (high - low) * rank.fract())
}
