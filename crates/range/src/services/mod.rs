//! The services, a folder each. Owns the table that the request path looks operations up in.

pub mod cloudtrail;
pub mod iam;
pub mod organizations;
pub mod s3;
pub mod sts;

use crate::call::{Call, RecordExtras, Reply};
use crate::row::Row;
use crate::state::State;

/// Every service that the range has, with its operations.
pub const SERVICES: &[(&str, &[Row])] = &[
    ("cloudtrail", cloudtrail::ROWS),
    ("iam", iam::ROWS),
    ("organizations", organizations::ROWS),
    ("s3", s3::ROWS),
    ("sts", sts::ROWS),
];

/// What the trail's record of a call shows other than by the rule, whether it succeeds or not.
pub fn describe(state: &State, call: &Call<'_>) -> RecordExtras {
    match call.service {
        "s3" => s3::describe(state, call),
        _ => RecordExtras::default(),
    }
}

/// The same, once the answer is known.
pub fn conclude(call: &Call<'_>, described: RecordExtras, reply: &Reply) -> RecordExtras {
    match call.service {
        "s3" => s3::conclude(call, described, reply),
        _ => described,
    }
}

/// An operation's row; none: the range does not have it.
pub fn row(service: &str, operation: &str) -> Option<&'static Row> {
    let (_, rows) = SERVICES.iter().find(|(name, _)| *name == service)?;
    rows.iter().find(|row| row.operation == operation)
}
