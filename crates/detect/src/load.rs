//! From rule texts to a [`RuleSet`]: what is wrong with one is said, and the others load.
//!
//! Owns parsing, overriding, filters, and the references of correlations. Must not read files
//! (see [`crate::files`]).

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rsigma_parser::{FilterRule, FilterRuleTarget, SigmaCollection, parse_sigma_yaml};
use serde::Serialize;
use stockade_model::LogKind;

use crate::builtin;
use crate::correlate::Correlation;
use crate::files;
use crate::hunt::RuleSet;
use crate::logsource;
use crate::rule::Meta;
use crate::sigma::{Node, Placeholders, compile};

/// What is wrong with a rule, or with a file of rules.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file, or `builtin:…`.
    pub source: String,
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.source, self.message),
            None => write!(f, "{}: {}", self.source, self.message),
        }
    }
}

/// A rule that loaded but is for another kind of log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NotApplicable {
    /// The rule.
    pub rule: Meta,
    /// The log source that it names.
    pub logsource: String,
}

/// A compiled rule over single events.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) meta: Arc<Meta>,
    pub(crate) node: Node,
    /// The kinds of log that it is for.
    pub(crate) kinds: Vec<LogKind>,
    /// Only a part of a correlation in its own file: raises no finding of its own.
    pub(crate) silent: bool,
}

/// Gathers rules, then loads them together.
#[derive(Debug, Default)]
pub struct Loader {
    sources: Vec<Source>,
    placeholders: Placeholders,
    behaviours: bool,
    problems: Vec<Problem>,
}

#[derive(Debug)]
struct Source {
    name: Arc<str>,
    text: String,
    builtin: bool,
}

impl Loader {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the project's own rules and its behavioural detectors.
    #[must_use]
    pub fn builtin(mut self) -> Self {
        self.behaviours = true;
        for detection in builtin::DETECTIONS {
            self.sources.push(Source {
                name: format!("builtin:{}", detection.path).into(),
                text: detection.rule.to_owned(),
                builtin: true,
            });
        }
        self
    }

    /// Adds the text of a rule file; `name` is what problems call it.
    #[must_use]
    pub fn text(mut self, name: &str, text: &str) -> Self {
        self.sources.push(Source {
            name: name.into(),
            text: text.to_owned(),
            builtin: false,
        });
        self
    }

    /// Adds rule files, and folders of them (`*.yml`, `*.yaml`, at any depth). What cannot be read
    /// is a problem of the set, and no reason to stop.
    #[must_use]
    pub fn paths(mut self, paths: &[PathBuf]) -> Self {
        let (files, problems) = files::rules(paths);
        self.problems.extend(problems);
        for (name, text) in files {
            self.sources.push(Source {
                name: name.into(),
                text,
                builtin: false,
            });
        }
        self
    }

    /// Says what `%name%` stands for in values with `|expand`.
    #[must_use]
    pub fn placeholder(mut self, name: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        self.placeholders.insert(name.to_owned(), values);
        self
    }

    /// Loads all of it.
    pub fn load(self) -> RuleSet {
        let mut loading = Loading {
            placeholders: self.placeholders,
            problems: self.problems,
            ..Loading::default()
        };
        for source in &self.sources {
            loading.source(source);
        }
        loading.finish(self.behaviours)
    }
}

#[derive(Default)]
struct Loading {
    placeholders: Placeholders,
    problems: Vec<Problem>,
    rules: Vec<(Rule, bool)>,
    not_applicable: Vec<NotApplicable>,
    correlations: Vec<(rsigma_parser::CorrelationRule, Arc<Meta>, Arc<str>)>,
    filters: Vec<(FilterRule, Node, Arc<str>)>,
    /// Where each id was first seen, and whether that was among the built-in ones.
    ids: HashMap<String, (Arc<str>, bool)>,
    texts: BTreeMap<Arc<str>, Arc<str>>,
}

impl Loading {
    fn source(&mut self, source: &Source) {
        let name = &source.name;
        self.texts
            .insert(Arc::clone(name), Arc::from(source.text.as_str()));
        let parsed = match parse_sigma_yaml(&source.text) {
            Ok(parsed) => parsed,
            Err(error) => SigmaCollection {
                errors: vec![error.to_string()],
                ..SigmaCollection::default()
            },
        };
        for error in &parsed.errors {
            let (line, message) = explain(&source.text, error);
            self.problem(name, line, message);
        }
        if parsed.is_empty() && parsed.errors.is_empty() {
            self.problem(name, None, "holds no rule".to_owned());
        }
        for rule in parsed.rules {
            let meta = Meta::of_rule(&rule, name);
            if !logsource::is_given(&rule.logsource) {
                let line = line_of(&source.text, &rule.title);
                self.problem(name, line, format!(
                    "rule `{}` does not say which log it is for: add `logsource: {{product: aws, service: cloudtrail}}`", meta.title));
                continue;
            }
            let kinds = logsource::kinds(&rule.logsource);
            if kinds.is_empty() {
                self.not_applicable.push(NotApplicable {
                    logsource: logsource::written(&rule.logsource),
                    rule: meta,
                });
                continue;
            }
            match compile(&rule.detection, &self.placeholders) {
                Ok(node) => {
                    if self.claim(&meta, source) {
                        let meta = Arc::new(meta);
                        let generic = rule.logsource.category.is_some();
                        let of = |node, kinds| Rule {
                            meta: Arc::clone(&meta),
                            node,
                            kinds,
                            silent: false,
                        };
                        if !generic {
                            self.rules.push((of(node, kinds), source.builtin));
                            continue;
                        }
                        // Each kind has names of its own for what all products have.
                        for kind in kinds {
                            let name = |name: &str| logsource::generic(&rule.logsource, kind, name);
                            let rule = of(node.renamed(&name), vec![kind]);
                            self.rules.push((rule, source.builtin));
                        }
                    }
                }
                Err(error) => {
                    let line = line_of(&source.text, &error.near);
                    self.problem(
                        name,
                        line,
                        format!("rule `{}`: {}", meta.title, error.message),
                    );
                }
            }
        }
        for rule in parsed.correlations {
            let meta = Meta::of_correlation(&rule, name);
            if self.claim(&meta, source) {
                self.correlations
                    .push((rule, Arc::new(meta), Arc::clone(name)));
            }
        }
        for filter in parsed.filters {
            match compile(&filter.detection, &self.placeholders) {
                Ok(node) => self.filters.push((filter, node, Arc::clone(name))),
                Err(error) => {
                    let line = line_of(&source.text, &error.near);
                    self.problem(
                        name,
                        line,
                        format!("filter `{}`: {}", filter.title, error.message),
                    );
                }
            }
        }
    }

    /// Whether the rule may have its id: a user's rule takes that of a built-in one, and puts it
    /// out; otherwise the first to come keeps it.
    fn claim(&mut self, meta: &Meta, source: &Source) -> bool {
        let entry = (Arc::clone(&source.name), source.builtin);
        match self.ids.get(&meta.id) {
            Some((_, true)) if !source.builtin => {
                self.rules.retain(|(rule, _)| rule.meta.id != meta.id);
                self.correlations
                    .retain(|(_, other, _)| other.id != meta.id);
                self.ids.insert(meta.id.clone(), entry);
                true
            }
            Some((first, _)) => {
                let first = Arc::clone(first);
                let line = self
                    .texts
                    .get(&source.name)
                    .and_then(|text| line_of(text, &meta.id));
                self.problem(
                    &source.name,
                    line,
                    format!(
                        "rule `{}` has the id {} of a rule in {first}: give it one of its own",
                        meta.title, meta.id
                    ),
                );
                false
            }
            None => {
                self.ids.insert(meta.id.clone(), entry);
                true
            }
        }
    }

    fn finish(mut self, behaviours: bool) -> RuleSet {
        let filters = std::mem::take(&mut self.filters);
        for (filter, node, source) in filters {
            self.apply(&filter, &node, &source);
        }
        let correlations = self.resolve();
        let mut rules: Vec<Rule> = self.rules.into_iter().map(|(rule, _)| rule).collect();
        for correlation in &correlations {
            if correlation.generates() {
                continue;
            }
            for part in correlation.rules() {
                if let Some(rule) = rules.get_mut(part)
                    && rule.meta.source == correlation.meta.source
                {
                    rule.silent = true;
                }
            }
        }
        RuleSet::new(
            rules,
            correlations,
            behaviours,
            self.problems,
            self.not_applicable,
        )
        .with_texts(self.texts)
    }

    fn apply(&mut self, filter: &FilterRule, node: &Node, source: &Arc<str>) {
        let mut met = false;
        for (rule, _) in &mut self.rules {
            let named = |text: &String| {
                *text == rule.meta.id
                    || Some(text) == rule.meta.name.as_ref()
                    || *text == rule.meta.title
            };
            let chosen = match &filter.rules {
                FilterRuleTarget::Any => true,
                FilterRuleTarget::Specific(names) => names.iter().any(named),
            };
            let fits = filter.logsource.as_ref().is_none_or(|logs| {
                let kinds = logsource::kinds(logs);
                !logsource::is_given(logs) || rule.kinds.iter().all(|kind| kinds.contains(kind))
            });
            if chosen && fits {
                met = true;
                rule.node = Node::And(vec![rule.node.clone(), node.clone()]);
            }
        }
        if !met && let FilterRuleTarget::Specific(names) = &filter.rules {
            self.problem(
                source,
                None,
                format!(
                    "filter `{}` is for {}, and no such rule is loaded",
                    filter.title,
                    names.join(", ")
                ),
            );
        }
    }

    /// Resolves what correlations refer to; one that refers to nothing, or to itself, is left out.
    fn resolve(&mut self) -> Vec<Correlation> {
        let mut waiting = std::mem::take(&mut self.correlations);
        let mut done: Vec<Correlation> = Vec::new();
        loop {
            let mut later = Vec::new();
            let before = done.len();
            let all: Vec<Arc<Meta>> = waiting
                .iter()
                .map(|(_, meta, _)| Arc::clone(meta))
                .collect();
            for (rule, meta, source) in waiting {
                let plain = |name: &str| {
                    self.rules
                        .iter()
                        .position(|(rule, _)| is_called(&rule.meta, name))
                };
                let earlier =
                    |name: &str| done.iter().position(|other| is_called(&other.meta, name));
                match Correlation::new(&rule, Arc::clone(&meta), &plain, &earlier) {
                    Ok(correlation) => done.push(correlation),
                    Err(error) => {
                        let waits = error
                            .unresolved
                            .as_ref()
                            .is_some_and(|name| all.iter().any(|other| is_called(other, name)));
                        if waits {
                            later.push((rule, meta, source));
                        } else {
                            let line = self
                                .texts
                                .get(&source)
                                .and_then(|text| line_of(text, &error.near));
                            self.problems.push(Problem {
                                source: source.to_string(),
                                line,
                                message: format!("correlation `{}`: {}", meta.title, error.message),
                            });
                        }
                    }
                }
            }
            if later.is_empty() {
                return done;
            }
            if done.len() == before {
                for (_, meta, source) in later {
                    self.problem(
                        &source,
                        None,
                        format!(
                            "correlation `{}` refers to itself, or to one that did not load",
                            meta.title
                        ),
                    );
                }
                return done;
            }
            waiting = later;
        }
    }

    fn problem(&mut self, source: &Arc<str>, line: Option<usize>, message: String) {
        self.problems.push(Problem {
            source: source.to_string(),
            line,
            message,
        });
    }
}

fn is_called(meta: &Meta, name: &str) -> bool {
    meta.id == name || meta.name.as_deref() == Some(name)
}

/// The first line, from 1, that holds the text's first line.
fn line_of(text: &str, near: &str) -> Option<usize> {
    let near = near.lines().next().filter(|near| !near.is_empty())?;
    let at = text.lines().position(|line| line.contains(near))?;
    Some(at + 1)
}

/// The parser's message, with the line that it is about and what to do, as far as can be told.
fn explain(text: &str, error: &str) -> (Option<usize>, String) {
    let numbered = error
        .split_once("at line ")
        .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next())
        .and_then(|digits| digits.parse().ok());
    if let Some(line) = numbered {
        return (Some(line), format!("{error}: correct the YAML"));
    }
    let quoted = error.split('\'').nth(1).unwrap_or_default();
    if error.contains("Unknown modifier") {
        return (
            line_of(text, &format!("|{quoted}")),
            format!(
                "`{quoted}` is no modifier of Sigma: see the specification's list (contains, startswith, endswith, re, cidr, …)"
            ),
        );
    }
    if error.starts_with("Document is not") {
        return (
            None,
            "holds no rule: a rule has `title`, `logsource` and `detection`".to_owned(),
        );
    }
    if error.starts_with("Missing required field") {
        return (
            Some(1),
            format!("`{quoted}` is missing: every rule must have it"),
        );
    }
    if error.contains("Condition parse error") {
        return (
            line_of(text, "condition:"),
            format!(
                "the condition cannot be read; use and, or, not, ( ), `1 of name*`, `all of them` ({})",
                error.replace('\n', " ")
            ),
        );
    }
    if error.starts_with("invalid ") {
        return (
            line_of(text, quoted),
            format!("{error}: the rule loads without it; write one of Sigma's values"),
        );
    }
    let line = if quoted.is_empty() {
        None
    } else {
        line_of(text, quoted)
    };
    (line, error.to_owned())
}
