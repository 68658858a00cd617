//! The values of conditions that are not texts: numbers, dates, booleans.
//!
//! Owns how AWS reads them.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::Offset;

/// A number. Whole numbers stay whole, so that large ones keep their last digits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Whole(i128),
    Decimal(f64),
}

impl Number {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(whole) = text.parse() {
            return Some(Self::Whole(whole));
        }
        // Rust reads "inf", "nan" and "1_0" differently from a policy: only digits make a number here.
        if !text.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        text.parse::<f64>()
            .ok()
            .filter(|decimal| decimal.is_finite())
            .map(Self::Decimal)
    }

    pub(crate) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(&b)),
            _ => self.decimal().partial_cmp(&other.decimal()),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a comparison with a decimal is one of decimals"
    )]
    fn decimal(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Decimal(decimal) => decimal,
        }
    }
}

/// A moment, from the forms of ISO 8601 that the W3C note lists (`2024`, `2024-01`, `2024-01-01`, with a time to
/// the minute, second or fraction and a zone), or from seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date(Timestamp);

impl Date {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.contains(['-', 'T', 't']) && (text.len() > 4 || text.contains('.')) {
            return Self::epoch(text);
        }
        let (date, time) = match text.split_once(['T', 't']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let year: i16 = digits(parts.next()?, 4)?.try_into().ok()?;
        let month: i8 = parts
            .next()
            .map_or(Some(1), |part| digits(part, 2)?.try_into().ok())?;
        let day: i8 = parts
            .next()
            .map_or(Some(1), |part| digits(part, 2)?.try_into().ok())?;
        if parts.next().is_some() {
            return None;
        }
        let date = civil::Date::new(year, month, day).ok()?;
        let (time, offset) = match time {
            Some(time) => clock(time)?,
            None => (civil::Time::midnight(), Offset::UTC),
        };
        offset
            .to_timestamp(civil::DateTime::from_parts(date, time))
            .ok()
            .map(Self)
    }

    fn epoch(text: &str) -> Option<Self> {
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let seconds: i64 = seconds.parse().ok().filter(|seconds| *seconds >= 0)?;
        Timestamp::new(seconds, nanoseconds(fraction))
            .ok()
            .map(Self)
    }
}

/// `hh:mm[:ss[.fraction]]` with `Z` or `±hh:mm`; without a zone it is UTC.
fn clock(text: &str) -> Option<(civil::Time, Offset)> {
    let (time, offset) = if let Some(time) = text.strip_suffix(['Z', 'z']) {
        (time, Offset::UTC)
    } else if let Some(at) = text.rfind(['+', '-']) {
        let (time, zone) = text.split_at_checked(at)?;
        let (sign, zone) = zone.split_at_checked(1)?;
        let (hours, minutes) = match zone.split_once(':') {
            Some((hours, minutes)) => (digits(hours, 2)?, digits(minutes, 2)?),
            None if zone.len() == 4 => {
                let (hours, minutes) = zone.split_at_checked(2)?;
                (digits(hours, 2)?, digits(minutes, 2)?)
            }
            None => (digits(zone, 2)?, 0),
        };
        let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
        let seconds = if sign == "-" { -seconds } else { seconds };
        (time, Offset::from_seconds(seconds).ok()?)
    } else {
        (text, Offset::UTC)
    };
    let mut parts = time.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = parts.next().map_or(Some(0), |part| digits(part, 2))?;
    let (second, fraction) = match parts.next() {
        Some(part) => {
            let (second, fraction) = part.split_once('.').unwrap_or((part, ""));
            if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            (digits(second, 2)?, nanoseconds(fraction))
        }
        None => (0, 0),
    };
    if parts.next().is_some() {
        return None;
    }
    let time = civil::Time::new(
        hour.try_into().ok()?,
        minute.try_into().ok()?,
        second.try_into().ok()?,
        fraction,
    );
    Some((time.ok()?, offset))
}

fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// The first nine digits of a fraction of a second.
fn nanoseconds(fraction: &str) -> i32 {
    fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'))
}

/// `true` or `false`, in any case.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_every_form() {
        let moment = Date::parse("2024-01-01T00:00:00Z").unwrap();
        for text in [
            "2024",
            "2024-01",
            "2024-01-01",
            "2024-01-01T00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.000Z",
            "2024-01-01T02:00:00+02:00",
            "2023-12-31T23:30:00-0030",
            "1704067200",
            "1704067200.0",
        ] {
            assert_eq!(Date::parse(text), Some(moment), "{text}");
        }
        assert!(Date::parse("1704067200.5").unwrap() > moment);
        for text in [
            "",
            "now",
            "2024-13-01",
            "2024-01-01T25:00:00Z",
            "2024-01-01-01",
            "2024-01-01T00:00:00+99:99",
            "99999999999999999999",
            "T",
            "-",
            "2024-01-01T00:00:0é",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(Number::parse("-1.5"), Some(Number::Decimal(-1.5)));
        for text in ["", "nan", "inf", "1e999", "0x1", "1 2"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
        let big = Number::parse("340282366920938463463374607431768211455").unwrap();
        assert_eq!(big.compare(Number::Whole(1)), Some(Ordering::Greater));
    }
}
