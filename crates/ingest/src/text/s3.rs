//! S3 server access logs.
//!
//! Owns the order of their fields. AWS adds fields at the end: what comes after those that are known is
//! passed over.

use stockade_model::LogKind;

use super::build::Builder;
use super::{Line, fields};

const NAMES: &[&str] = &[
    "bucket_owner",
    "bucket",
    "time",
    "remote_ip",
    "requester",
    "request_id",
    "operation",
    "key",
    "request_uri",
    "http_status",
    "error_code",
    "bytes_sent",
    "object_size",
    "total_time",
    "turn_around_time",
    "referrer",
    "user_agent",
    "version_id",
    "host_id",
    "signature_version",
    "cipher_suite",
    "authentication_type",
    "host_header",
    "tls_version",
    "access_point_arn",
    "acl_required",
    "source_region",
];

/// Whether it looks like one: the owner's id, a bucket, and a time in brackets.
pub(super) fn is_line(line: &str) -> bool {
    let mut parts = line.splitn(4, ' ');
    let owner = parts.next().unwrap_or_default();
    let id = owner == "-" || (owner.len() == 64 && owner.bytes().all(|b| b.is_ascii_hexdigit()));
    let bucket = parts.next().is_some_and(|bucket| bucket.len() >= 3);
    let time = parts.next().unwrap_or_default();
    id && bucket && time.starts_with('[') && time.matches(':').count() == 3
}

pub(super) fn read(line: &str, builder: &mut Builder) -> Result<Line, &'static str> {
    let values = fields(line);
    if values.len() < 17 {
        return Err("has fewer fields than a line of an S3 access log");
    }
    for (name, value) in NAMES.iter().zip(&values) {
        match *name {
            "time" => {
                let time = time(value)
                    .ok_or("has a time that is not like [06/Feb/2019:00:00:38 +0000]")?;
                builder.text(name, &time);
            }
            "http_status" | "bytes_sent" | "object_size" | "total_time" | "turn_around_time" => {
                builder.value(name, value);
            }
            _ => builder.text(name, value),
        }
    }
    Ok(Line::Record(LogKind::S3Access))
}

/// `06/Feb/2019:00:00:38 +0000` in RFC 3339.
fn time(text: &str) -> Option<String> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (date, rest) = text.split_once(':')?;
    let (clock, zone) = rest.split_once(' ')?;
    let mut date = date.split('/');
    let (day, month, year) = (date.next()?, date.next()?, date.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let (hours, minutes) = zone.split_at_checked(3)?;
    Some(format!("{year}-{month:02}-{day}T{clock}{hours}:{minutes}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rewritten() {
        assert_eq!(
            time("06/Feb/2019:00:00:38 +0000").as_deref(),
            Some("2019-02-06T00:00:38+00:00")
        );
        assert_eq!(time("06/Fev/2019:00:00:38 +0000"), None);
    }
}
