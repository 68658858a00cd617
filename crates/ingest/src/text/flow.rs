//! VPC flow logs: the columns of the header, or those of the default format.
//!
//! Owns the names of the columns, versions 2 to 7, as AWS documents them. A record without data
//! (NODATA, SKIPDATA) is a record.

use stockade_model::LogKind;

use super::Line;
use super::build::Builder;

/// The default format, version 2.
const DEFAULT: &[&str] = &[
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
];

/// What versions 3 to 7 added.
const ADDED: &[&str] = &[
    "vpc-id",
    "subnet-id",
    "instance-id",
    "tcp-flags",
    "type",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "region",
    "az-id",
    "sublocation-type",
    "sublocation-id",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "flow-direction",
    "traffic-path",
    "ecs-cluster-arn",
    "ecs-cluster-name",
    "ecs-container-instance-arn",
    "ecs-container-instance-id",
    "ecs-container-id",
    "ecs-second-container-id",
    "ecs-service-name",
    "ecs-task-definition-arn",
    "ecs-task-arn",
    "ecs-task-id",
    "reject-reason",
    "resource-id",
    "encryption-status",
];

/// The columns of a file.
pub(super) struct Columns {
    names: Vec<String>,
}

impl Columns {
    /// Tells from the first line: a header names columns; a record of the default format has as many
    /// values as that, and begins with its version.
    pub(super) fn of(line: &str, sure: bool) -> Option<Self> {
        if let Some(names) = header(line) {
            return Some(Self { names });
        }
        let values: Vec<&str> = line.split_ascii_whitespace().collect();
        let version = values.first()?.parse::<u8>().ok();
        let interface = values.get(2).is_some_and(|v| v.starts_with("eni-"));
        let whole = values.len() == DEFAULT.len() && version.is_some_and(|v| (2..=10).contains(&v));
        (whole && (interface || sure)).then(|| Self {
            names: DEFAULT.iter().map(|&name| name.to_owned()).collect(),
        })
    }

    /// Reads a line: files may be joined, so that a header may come again.
    pub(super) fn read(&mut self, line: &str, builder: &mut Builder) -> Result<Line, &'static str> {
        if let Some(names) = header(line) {
            self.names = names;
            return Ok(Line::Nothing);
        }
        let values: Vec<&str> = line.split_ascii_whitespace().collect();
        if values.len() != self.names.len() {
            return Err(
                "has another number of values than the header, or the default format, has columns",
            );
        }
        for (name, value) in self.names.iter().zip(&values) {
            if matches!(name.as_str(), "account-id" | "instance-id" | "vpc-id") {
                builder.text(name, value);
            } else {
                builder.value(name, value);
            }
        }
        Ok(Line::Record(LogKind::VpcFlow))
    }
}

/// The names of columns, if the line has nothing else; `${name}`, as formats are written, counts, and
/// so do underscores, which the columns of Athena and of Parquet have.
fn header(line: &str) -> Option<Vec<String>> {
    let names: Vec<String> = line
        .split_ascii_whitespace()
        .map(|name| {
            let name = name
                .strip_prefix("${")
                .and_then(|name| name.strip_suffix('}'))
                .unwrap_or(name);
            name.to_ascii_lowercase().replace('_', "-")
        })
        .collect();
    let known = |name: &String| DEFAULT.contains(&name.as_str()) || ADDED.contains(&name.as_str());
    let most = names.iter().filter(|name| known(name)).count();
    let shaped = names.iter().all(|name| {
        name.bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'-' || b.is_ascii_digit())
    });
    // A version that is yet to come may add columns.
    (names.len() >= 2 && shaped && most >= 2 && most * 2 > names.len()).then_some(names)
}
