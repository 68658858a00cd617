//! The services, a folder each. Owns the table that the request path looks operations up in.

pub mod cloudtrail;
pub mod iam;
pub mod kms;
pub mod organizations;
pub mod s3;
pub mod sts;

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::Timestamp;

use crate::call::{Call, RecordExtras, Reply, ServiceEvent};
use crate::row::Row;
use crate::state::State;

/// Every service that the range has, with its operations.
pub const SERVICES: &[(&str, &[Row])] = &[
    ("cloudtrail", cloudtrail::ROWS),
    ("iam", iam::ROWS),
    ("kms", kms::ROWS),
    ("organizations", organizations::ROWS),
    ("s3", s3::ROWS),
    ("sts", sts::ROWS),
];

/// What the trail's record of a call shows other than by the rule, whether it succeeds or not.
pub fn describe(state: &State, call: &Call<'_>) -> RecordExtras {
    match call.service {
        "kms" => kms::describe(state, call),
        "s3" => s3::describe(state, call),
        "sts" => sts::describe(call),
        _ => RecordExtras::default(),
    }
}

/// The same, once the answer is known.
pub fn conclude(call: &Call<'_>, described: RecordExtras, reply: &Reply) -> RecordExtras {
    match call.service {
        "kms" => kms::conclude(call, described, reply),
        "s3" => s3::conclude(call, described, reply),
        _ => described,
    }
}

/// Whether a service has something to do of its own by now.
pub fn is_due(state: &State, now: Timestamp) -> bool {
    organizations::closing::is_due(state, now) || kms::due::is_due(state, now)
}

/// Does what services do of their own by now, and tells the events, each with its service.
pub fn settle(state: &mut State, now: Timestamp) -> Vec<(&'static str, ServiceEvent)> {
    let closed = organizations::closing::settle(state, now);
    let closed = closed.into_iter().map(|event| ("organizations", event));
    let keys = kms::due::settle(state, now);
    closed
        .chain(keys.into_iter().map(|event| ("kms", event)))
        .collect()
}

/// The rows by service and operation: there are hundreds, and every request asks for one.
static INDEX: LazyLock<HashMap<(&str, &str), &Row>> = LazyLock::new(|| {
    let rows = |(service, rows): &(&'static str, &'static [Row])| {
        let service = *service;
        rows.iter().map(move |row| ((service, row.operation), row))
    };
    SERVICES.iter().flat_map(rows).collect()
});

/// An operation's row; none: the range does not have it.
pub fn row(service: &str, operation: &str) -> Option<&'static Row> {
    INDEX.get(&(service, operation)).copied()
}

#[cfg(test)]
mod action_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_an_operation_of_its_services_model_and_stands_once() {
        for (name, rows) in SERVICES {
            let service = stockade_wire::table::service(name).unwrap();
            for (at, row) in rows.iter().enumerate() {
                assert!(
                    service.operations.contains_key(row.operation),
                    "{name}:{}",
                    row.operation
                );
                let again = rows
                    .iter()
                    .skip(at + 1)
                    .any(|other| other.operation == row.operation);
                assert!(!again, "{name}:{} stands twice", row.operation);
            }
        }
    }
}
