//! Single values as text: numbers, truth, times.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde_json::{Number, Value};

use super::Fault;
use crate::table::{Kind, Member, Service, TimestampFormat};

/// A value as text, for a form, a header, a query or an element.
pub(crate) fn to_text(
    service: &Service,
    member: &Member,
    value: &Value,
    usual: TimestampFormat,
) -> Result<String, Fault> {
    let shape = service.shape(member.shape);
    match (&shape.kind, value) {
        (Kind::Timestamp, Value::String(text)) => {
            let format = member
                .timestamp_format
                .or(shape.timestamp_format)
                .unwrap_or(usual);
            write_time(text, format).ok_or_else(|| Fault::new(&member.name, "an RFC 3339 time"))
        }
        (Kind::String { .. } | Kind::Blob, Value::String(text)) => Ok(text.clone()),
        (Kind::Boolean, Value::Bool(truth)) => Ok(truth.to_string()),
        (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, Value::Number(number)) => {
            Ok(number.to_string())
        }
        (Kind::Document, value) => Ok(value.to_string()),
        (kind, _) => Err(Fault::new(&member.name, name_of(kind))),
    }
}

/// A value from text.
pub(crate) fn from_text(kind: &Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::String { .. } => Some(text.into()),
        Kind::Blob => is_base64(text).then(|| text.into()),
        Kind::Boolean => match text.trim() {
            "true" | "True" | "TRUE" | "1" => Some(true.into()),
            "false" | "False" | "FALSE" | "0" => Some(false.into()),
            _ => None,
        },
        Kind::Integer => text.trim().parse::<i32>().ok().map(Into::into),
        Kind::Long => text.trim().parse::<i64>().ok().map(Into::into),
        Kind::Float | Kind::Double => text
            .trim()
            .parse::<f64>()
            .ok()
            .and_then(Number::from_f64)
            .map(Value::Number),
        Kind::Timestamp => read_time(text.trim()).map(|time| time.to_string().into()),
        Kind::Document => serde_json::from_str(text).ok(),
        Kind::Structure { .. } | Kind::List { .. } | Kind::Map { .. } => None,
    }
}

/// Whether a text is bytes in base64.
pub(crate) fn is_base64(text: &str) -> bool {
    // A decoder that accepts the padding left out, as AWS does.
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    LENIENT.decode(text).is_ok()
}

/// What a value of a kind is called in an error.
pub(crate) fn name_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Structure { .. } => "a structure",
        Kind::List { .. } => "a list",
        Kind::Map { .. } => "a map",
        Kind::String { .. } => "text",
        Kind::Blob => "bytes in base64",
        Kind::Integer | Kind::Long => "a whole number",
        Kind::Float | Kind::Double => "a number",
        Kind::Boolean => "true or false",
        Kind::Timestamp => "a time",
        Kind::Document => "JSON",
    }
}

/// A moment in whichever of AWS's formats it is.
pub(crate) fn read_time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return from_seconds(seconds);
    }
    // 2023-07-10T11:45:00 and 2023-07-10 are UTC.
    if let Ok(civil) = text.parse::<jiff::civil::DateTime>() {
        return jiff::tz::TimeZone::UTC.to_timestamp(civil).ok();
    }
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
}

/// Seconds since 1970, with milliseconds at the most, as AWS sends them.
pub(crate) fn from_seconds(seconds: f64) -> Option<Timestamp> {
    let milliseconds = (seconds * 1000.0).round();
    if !milliseconds.is_finite() || milliseconds.abs() > 9e15 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
    let whole = milliseconds as i64;
    Timestamp::from_millisecond(whole).ok()
}

/// Seconds since 1970 of an RFC 3339 time: a whole number if it is one.
pub(crate) fn seconds(text: &str) -> Option<Number> {
    let time = read_time(text)?;
    let milliseconds = time.as_millisecond();
    if milliseconds % 1000 == 0 {
        return Some((milliseconds / 1000).into());
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of any year that AWS knows fit"
    )]
    let seconds = milliseconds as f64 / 1000.0;
    Number::from_f64(seconds)
}

fn write_time(text: &str, format: TimestampFormat) -> Option<String> {
    let time = read_time(text)?;
    Some(match format {
        TimestampFormat::Iso8601 => time.to_string(),
        TimestampFormat::Unix => seconds(text)?.to_string(),
        TimestampFormat::Rfc822 => time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_format() {
        let want: Timestamp = "2023-07-10T11:45:00Z".parse().unwrap();
        for text in [
            "2023-07-10T11:45:00Z",
            "2023-07-10T13:45:00+02:00",
            "2023-07-10T11:45:00",
            "1688989500",
            "1688989500.0",
            "Mon, 10 Jul 2023 11:45:00 GMT",
        ] {
            assert_eq!(read_time(text), Some(want), "{text}");
        }
        for text in ["", "noon", "NaN", "inf", "1e300", "99999999999999999999"] {
            assert_eq!(read_time(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_written_in_every_format() {
        let text = "2023-07-10T11:45:00.5Z";
        assert_eq!(
            write_time(text, TimestampFormat::Unix).unwrap(),
            "1688989500.5"
        );
        assert_eq!(write_time(text, TimestampFormat::Iso8601).unwrap(), text);
        assert_eq!(
            write_time(text, TimestampFormat::Rfc822).unwrap(),
            "Mon, 10 Jul 2023 11:45:00 GMT"
        );
    }
}
