//! The ways to a REST service's operations: templates of paths and queries, and their order.
//!
//! Owns what the model's `requestUri` says. Holding a request against it is the codecs' matter.

use std::collections::BTreeMap;

use super::{Kind, Location, Operation, Route, Segment, Shape, Template};

pub(super) fn template(uri: &str) -> Template {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let segment = |text: &str| match text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
    {
        Some(label) => match label.strip_suffix('+') {
            Some(greedy) => Segment::Greedy(greedy.to_owned()),
            None => Segment::Label(label.to_owned()),
        },
        None => Segment::Literal(text.to_owned()),
    };
    Template {
        path: path
            .split('/')
            .filter(|text| !text.is_empty())
            .map(segment)
            .collect(),
        query: query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (pair.to_owned(), None),
            })
            .collect(),
    }
}

/// The way to every operation, the most specific first: more required query members, then more literal segments,
/// then fewer greedy labels.
pub(super) fn routes(operations: &BTreeMap<String, Operation>, shapes: &[Shape]) -> Vec<Route> {
    let same_way = |one: &Operation, other: &Operation| {
        one.name != other.name
            && one.method == other.method
            && one.template.path == other.template.path
            && one.fixed_query().eq(other.fixed_query())
    };
    let mut routes: Vec<(&Operation, Vec<String>)> = operations
        .values()
        .map(|operation| {
            // Operations that share path and query are told apart by the members that one of them requires.
            let shared = operations.values().any(|other| same_way(operation, other));
            let needs = if shared {
                required_query(operation, shapes)
            } else {
                Vec::new()
            };
            (operation, needs)
        })
        .collect();
    routes.sort_by_key(|(operation, needs)| {
        let path = &operation.template.path;
        let literal = path
            .iter()
            .filter(|segment| matches!(segment, Segment::Literal(_)))
            .count();
        let greedy = path
            .iter()
            .filter(|segment| matches!(segment, Segment::Greedy(_)))
            .count();
        let query = operation.fixed_query().count() + needs.len();
        std::cmp::Reverse((query, literal, path.len(), usize::MAX - greedy))
    });
    routes
        .into_iter()
        .map(|(operation, needs)| Route {
            operation: operation.name.clone(),
            needs,
        })
        .collect()
}

fn required_query(operation: &Operation, shapes: &[Shape]) -> Vec<String> {
    let input = operation.input.and_then(|id| shapes.get(id.0 as usize));
    let Some(Kind::Structure { members, .. }) = input.map(|shape| &shape.kind) else {
        return Vec::new();
    };
    members
        .iter()
        .filter(|member| member.required && member.location == Location::Query)
        .map(|member| member.wire().to_owned())
        .collect()
}
