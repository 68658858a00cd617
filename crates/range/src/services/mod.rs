//! The services, a folder each. Owns the table that the request path looks operations up in.

pub mod cloudtrail;
pub mod iam;
pub mod organizations;
pub mod s3;
pub mod sts;

use crate::row::Row;

/// Every service that the range has, with its operations.
pub const SERVICES: &[(&str, &[Row])] = &[
    ("cloudtrail", cloudtrail::ROWS),
    ("iam", iam::ROWS),
    ("organizations", organizations::ROWS),
    ("s3", s3::ROWS),
    ("sts", sts::ROWS),
];

/// An operation's row; none: the range does not have it.
pub fn row(service: &str, operation: &str) -> Option<&'static Row> {
    let (_, rows) = SERVICES.iter().find(|(name, _)| *name == service)?;
    rows.iter().find(|row| row.operation == operation)
}
