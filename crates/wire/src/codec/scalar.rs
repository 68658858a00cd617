//! Single values as text: numbers, truth, times.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde_json::{Number, Value};

use super::{Expected, Fault};
use crate::table::{Kind, Member, Protocol, Service, TimestampFormat};

/// A value as text, for a form, a header, a query or an element.
pub(crate) fn to_text<'v>(
    service: &Service,
    member: &Member,
    value: &'v Value,
    usual: TimestampFormat,
) -> Result<Cow<'v, str>, Fault> {
    let shape = service.shape(member.shape);
    match (&shape.kind, value) {
        (Kind::Timestamp, Value::String(text)) => {
            let format = member
                .timestamp_format
                .or(shape.timestamp_format)
                .unwrap_or(usual);
            let written = write_time(text, format, shows_milliseconds(service));
            written.ok_or_else(|| Fault::new(&member.name, Expected::Time))
        }
        (Kind::String { .. } | Kind::Blob, Value::String(text)) => Ok(text.into()),
        (Kind::Boolean, Value::Bool(true)) => Ok("true".into()),
        (Kind::Boolean, Value::Bool(false)) => Ok("false".into()),
        (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, Value::Number(number)) => {
            Ok(number.to_string().into())
        }
        (Kind::Float | Kind::Double, Value::String(text)) if special(text).is_some() => {
            Ok(text.into())
        }
        (Kind::Document, value) => Ok(value.to_string().into()),
        (kind, value) => Err(Fault::kind(member, kind, value)),
    }
}

/// A value from text.
pub(crate) fn from_text(kind: &Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::String { .. } => Some(text.into()),
        Kind::Blob => is_base64(text).then(|| text.into()),
        // As XML Schema has it, and no other way.
        Kind::Boolean => match text {
            "true" | "1" => Some(true.into()),
            "false" | "0" => Some(false.into()),
            _ => None,
        },
        Kind::Integer => text.trim().parse::<i32>().ok().map(Into::into),
        Kind::Long => text.trim().parse::<i64>().ok().map(Into::into),
        Kind::Float | Kind::Double => {
            if special(text).is_some() {
                return Some(text.into());
            }
            let float = text.trim().parse::<f64>().ok()?;
            Number::from_f64(float).map(Value::Number)
        }
        Kind::Timestamp => read_time(text.trim()).map(|time| time.to_string().into()),
        Kind::Document => serde_json::from_str(text).ok(),
        Kind::Structure { .. } | Kind::List { .. } | Kind::Map { .. } => None,
    }
}

/// The floats that are no numbers, by the names that they have on the wire and in an [`crate::Object`].
pub(crate) fn special(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// A decoder that accepts the padding left out, as AWS does.
pub(crate) const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether a text is bytes in base64.
pub(crate) fn is_base64(text: &str) -> bool {
    LENIENT.decode(text).is_ok()
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

/// EC2 and S3 write milliseconds even where there are none.
fn shows_milliseconds(service: &Service) -> bool {
    service.protocol == Protocol::Ec2 || service.name == "s3"
}

fn write_time(text: &str, format: TimestampFormat, milliseconds: bool) -> Option<Cow<'_, str>> {
    if format == TimestampFormat::Iso8601 && !milliseconds && is_plain(text) {
        return Some(text.into());
    }
    let time = read_time(text)?;
    Some(match format {
        TimestampFormat::Iso8601 if milliseconds => {
            time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().into()
        }
        TimestampFormat::Iso8601 => time.to_string().into(),
        TimestampFormat::Unix => seconds(text)?.to_string().into(),
        TimestampFormat::Rfc822 => time
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string()
            .into(),
    })
}

/// Whether a time is `2023-07-10T11:45:00Z` to the letter, so that it need not be read to be written.
fn is_plain(text: &str) -> bool {
    let form = b"dddd-dd-ddTdd:dd:ddZ";
    let fits = |(letter, wanted): (u8, &u8)| match wanted {
        b'd' => letter.is_ascii_digit(),
        other => letter == *other,
    };
    text.len() == form.len() && text.bytes().zip(form).all(fits)
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
        let written = |text, format| write_time(text, format, false).unwrap();
        assert_eq!(written(text, TimestampFormat::Unix), "1688989500.5");
        assert_eq!(written(text, TimestampFormat::Iso8601), text);
        assert_eq!(
            written(text, TimestampFormat::Rfc822),
            "Mon, 10 Jul 2023 11:45:00 GMT"
        );
        let whole = "2023-07-10T11:45:00Z";
        assert_eq!(written(whole, TimestampFormat::Iso8601), whole);
        assert_eq!(
            write_time(whole, TimestampFormat::Iso8601, true).unwrap(),
            "2023-07-10T11:45:00.000Z"
        );
        assert_eq!(
            write_time("2023-07-10T11:45:0xZ", TimestampFormat::Iso8601, false),
            None
        );
    }

    #[test]
    fn text_of_a_kind_is_just_that() {
        assert_eq!(from_text(&Kind::Boolean, "true"), Some(true.into()));
        for text in ["TRUE", "True", " true", "yes", ""] {
            assert_eq!(from_text(&Kind::Boolean, text), None, "{text}");
        }
        assert_eq!(
            from_text(&Kind::Integer, "2147483647"),
            Some(2_147_483_647.into())
        );
        for text in ["2147483648", "1.5", "0x10", "", "NaN"] {
            assert_eq!(from_text(&Kind::Integer, text), None, "{text}");
        }
        assert_eq!(from_text(&Kind::Double, "NaN"), Some("NaN".into()));
        for text in ["nan", "inf", "1e999", "infinity"] {
            assert_eq!(from_text(&Kind::Double, text), None, "{text}");
        }
    }
}
