//! The condition of a rule as a tree.
//!
//! Owns how lines combine. Must not compare values itself.

use std::sync::Arc;

use rsigma_parser::ArrayQuantifier;
use stockade_scan::{Kind, Raw};

use super::field::{FieldPath, Scope};
use super::item::{Item, Subject};
use crate::look::Names;

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

    /// Makes known which members of an event the fields in it begin with.
    pub(crate) fn link(&mut self, names: &mut Names) {
        match self {
            Self::And(nodes) | Self::Or(nodes) | Self::AtLeast(_, nodes) => {
                nodes.iter_mut().for_each(|node| node.link(names));
            }
            Self::Not(node) => node.link(names),
            Self::Item(item) => item.link(names),
            Self::Shared(node) => Arc::make_mut(node).link(names),
            Self::Elements { field, body, .. } => {
                field.link(names);
                body.link(names);
            }
        }
    }

    /// Shows `visit` every line, those of array blocks excepted.
    pub(crate) fn items<'a>(&'a self, visit: &mut dyn FnMut(&'a Item)) {
        match self {
            Self::And(nodes) | Self::Or(nodes) | Self::AtLeast(_, nodes) => {
                nodes.iter().for_each(|node| node.items(visit));
            }
            Self::Not(node) => node.items(visit),
            Self::Shared(node) => node.items(visit),
            Self::Item(item) => visit(item),
            Self::Elements { .. } => {}
        }
    }

    /// The same with other names for its fields.
    pub(crate) fn renamed(&self, name: &dyn Fn(&str) -> Option<&'static str>) -> Self {
        let each = |nodes: &[Self]| nodes.iter().map(|node| node.renamed(name)).collect();
        match self {
            Self::And(nodes) => Self::And(each(nodes)),
            Self::Or(nodes) => Self::Or(each(nodes)),
            Self::AtLeast(count, nodes) => Self::AtLeast(*count, each(nodes)),
            Self::Not(node) => Self::Not(Box::new(node.renamed(name))),
            Self::Shared(node) => Self::Shared(Arc::new(node.renamed(name))),
            Self::Item(item) => Self::Item(item.renamed(name)),
            Self::Elements {
                field,
                quantifier,
                body,
            } => Self::Elements {
                field: field.renamed(name),
                quantifier: *quantifier,
                body: body.clone(),
            },
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
    let mut judge = |element: Raw<'_>| {
        count += 1;
        let inner = Scope {
            element: Some(element),
            look: scope.look,
        };
        fitting += usize::from(body.matches(inner));
    };
    field.arrays(scope, &mut |value| match value.kind() {
        None | Some(Kind::Null) => {}
        Some(Kind::Array) => value.elements().for_each(&mut judge),
        Some(_) => judge(value),
    });
    match quantifier {
        ArrayQuantifier::Any => fitting > 0,
        ArrayQuantifier::All => count > 0 && fitting == count,
        ArrayQuantifier::AllOrEmpty => fitting == count,
        ArrayQuantifier::None => fitting == 0,
    }
}
