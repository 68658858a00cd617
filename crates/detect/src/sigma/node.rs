//! The condition of a rule as a tree.
//!
//! Owns how lines combine. Must not compare values itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use rsigma_parser::ArrayQuantifier;
use serde_json::Value;

use super::field::{FieldPath, Scope};
use super::item::{Item, Subject};

/// A condition, compiled.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// All hold, the cheapest to refute first.
    And(Vec<Node>),
    /// One holds.
    Or(Vec<Node>),
    /// It does not hold.
    Not(Box<Node>),
    /// At least so many hold.
    AtLeast(usize, Vec<Node>),
    /// A line.
    Item(Item),
    /// A named detection, used in more than one place perhaps.
    Shared(Arc<Node>),
    /// The elements of an array, each against a body.
    Elements {
        /// The array.
        field: FieldPath,
        /// How many of its elements must fit.
        quantifier: ArrayQuantifier,
        /// What an element is held to.
        body: Box<Node>,
    },
}

impl Node {
    /// Whether it holds.
    pub(crate) fn matches(&self, scope: Scope<'_>) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(|node| node.matches(scope)),
            Self::Or(nodes) => nodes.iter().any(|node| node.matches(scope)),
            Self::Not(node) => !node.matches(scope),
            Self::AtLeast(count, nodes) => {
                nodes.iter().filter(|node| node.matches(scope)).count() >= *count
            }
            Self::Item(item) => item.matches(scope),
            Self::Shared(node) => node.matches(scope),
            Self::Elements {
                field,
                quantifier,
                body,
            } => elements(field, *quantifier, body, scope),
        }
    }

    /// The texts of which `field` must be one for this to hold, in lower case; none where any will
    /// do. Every event that matches has one of them, so that an index can be made by them.
    pub(crate) fn required(&self, field: &str) -> Option<BTreeSet<String>> {
        match self {
            Self::And(nodes) => nodes
                .iter()
                .filter_map(|node| node.required(field))
                .min_by_key(BTreeSet::len),
            Self::Or(nodes) => nodes.iter().map(|node| node.required(field)).try_fold(
                BTreeSet::new(),
                |mut all, texts| {
                    all.append(&mut texts?);
                    Some(all)
                },
            ),
            Self::AtLeast(count, nodes) => {
                if *count == 0 {
                    return None;
                }
                Self::Or(nodes.clone()).required(field)
            }
            Self::Item(item) => match &item.subject {
                Subject::Field(path) if path.name() == field => Some(
                    item.exact_texts()?
                        .into_iter()
                        .map(super::pattern::fold)
                        .collect(),
                ),
                _ => None,
            },
            Self::Shared(node) => node.required(field),
            Self::Not(_) | Self::Elements { .. } => None,
        }
    }

    /// Shows `visit` the name of every field that the condition looks at.
    pub(crate) fn fields(&self, visit: &mut dyn FnMut(&str)) {
        match self {
            Self::And(nodes) | Self::Or(nodes) | Self::AtLeast(_, nodes) => {
                nodes.iter().for_each(|node| node.fields(visit));
            }
            Self::Not(node) => node.fields(visit),
            Self::Shared(node) => node.fields(visit),
            Self::Item(item) => {
                if let Subject::Field(path) = &item.subject {
                    visit(path.name());
                }
            }
            Self::Elements { field, .. } => visit(field.name()),
        }
    }
}

fn elements(field: &FieldPath, quantifier: ArrayQuantifier, body: &Node, scope: Scope<'_>) -> bool {
    let (mut count, mut fitting) = (0usize, 0usize);
    let mut judge = |root: &Value| {
        count += 1;
        let inner = Scope {
            root,
            event: scope.event,
        };
        fitting += usize::from(body.matches(inner));
    };
    field.arrays(scope, &mut |value| match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(&mut judge),
        single => judge(single),
    });
    match quantifier {
        ArrayQuantifier::Any => fitting > 0,
        ArrayQuantifier::All => count > 0 && fitting == count,
        ArrayQuantifier::AllOrEmpty => fitting == count,
        ArrayQuantifier::None => fitting == 0,
    }
}
