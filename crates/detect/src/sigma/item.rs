//! One line of a detection: a field and the values that it is held to.
//!
//! Owns the comparison of a value in an event with a value in a rule. Must not combine lines.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use regex::Regex;
use serde_json::Value;

use super::field::{FieldPath, Scope, text_of};
use super::pattern::{Anchor, Pattern};

/// A field with its tests.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// The field; none is a keyword, or the element itself inside an array block.
    pub(crate) subject: Subject,
    /// What it is held to: a value of the rule each, with the alternatives that its encoding makes.
    pub(crate) tests: Vec<Vec<Test>>,
    /// Whether every value must be met (`|all`) and not just one.
    pub(crate) all: bool,
    /// Whether the outcome is turned round (`|neq`).
    pub(crate) negated: bool,
}

/// What an item looks at.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    /// The values of a field.
    Field(FieldPath),
    /// Every value of the event, at any depth.
    Anything,
    /// The array element that the block is at.
    Element,
}

/// One comparison.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    /// The field is absent, or null.
    Absent,
    /// The field is there, or is not.
    Exists(bool),
    /// The text fits.
    Text(Pattern),
    /// Same number.
    Number(f64),
    /// Same truth.
    Bool(bool),
    /// The regular expression finds something.
    Regex(Regex),
    /// The address, or network, lies in this network.
    Cidr(IpNet),
    /// Less than, and so on, than this.
    Compare(Order, Bound),
    /// Stands in this relation to another field of the event.
    Field(FieldPath, Anchor, bool),
    /// This part of a time has this value.
    Part(Part, i64),
}

/// A comparison of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What an order is taken against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    /// A number.
    Number(f64),
    /// A moment.
    Time(Timestamp),
}

/// A part of a time, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Item {
    /// Whether the line holds.
    pub(crate) fn matches(&self, scope: Scope<'_>) -> bool {
        let met = |alternatives: &Vec<Test>| alternatives.iter().any(|t| self.meets(t, scope));
        let held = if self.all {
            self.tests.iter().all(met)
        } else {
            self.tests.iter().any(met)
        };
        held != self.negated
    }

    fn meets(&self, test: &Test, scope: Scope<'_>) -> bool {
        match test {
            Test::Absent => !self.subject.exists(scope),
            Test::Exists(wanted) => self.subject.exists(scope) == *wanted,
            test => self
                .subject
                .any(scope, &mut |value| test.fits(value, scope)),
        }
    }

    /// The texts of which the field must be one, in lower case, if this line says so.
    pub(crate) fn exact_texts(&self) -> Option<Vec<&str>> {
        if self.negated || (self.all && self.tests.len() > 1) {
            return None;
        }
        self.tests
            .iter()
            .flatten()
            .map(|test| match test {
                Test::Text(pattern) => pattern.exact(),
                _ => None,
            })
            .collect()
    }
}

impl Subject {
    fn exists(&self, scope: Scope<'_>) -> bool {
        match self {
            Self::Field(path) => path.exists(scope),
            Self::Anything => true,
            Self::Element => !scope.root.is_null(),
        }
    }

    fn any(&self, scope: Scope<'_>, visit: &mut dyn FnMut(&Value) -> bool) -> bool {
        match self {
            Self::Field(path) => path.any(scope, visit),
            Self::Anything => anything(scope.root, visit),
            Self::Element => visit(scope.root),
        }
    }
}

fn anything(value: &Value, visit: &mut dyn FnMut(&Value) -> bool) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => items.iter().any(|item| anything(item, visit)),
        Value::Object(map) => map.values().any(|inner| anything(inner, visit)),
        scalar => visit(scalar),
    }
}

impl Test {
    fn fits(&self, value: &Value, scope: Scope<'_>) -> bool {
        match self {
            Self::Absent | Self::Exists(_) => false,
            Self::Text(pattern) => on_text(value, |text| pattern.matches(text)),
            Self::Regex(regex) => on_text(value, |text| regex.is_match(text)),
            Self::Number(number) => number_of(value).is_some_and(|n| n == *number),
            Self::Bool(wanted) => match value {
                Value::Bool(found) => found == wanted,
                Value::String(text) => {
                    text.eq_ignore_ascii_case(if *wanted { "true" } else { "false" })
                }
                _ => false,
            },
            Self::Cidr(net) => value.as_str().is_some_and(|text| within(*net, text)),
            Self::Compare(order, Bound::Number(bound)) => {
                number_of(value).is_some_and(|n| order.holds(&n, bound))
            }
            Self::Compare(order, Bound::Time(bound)) => {
                time_of(value).is_some_and(|t| order.holds(&t, bound))
            }
            Self::Field(other, anchor, cased) => other.any(scope, |theirs| {
                Pattern::plain(&text_of(theirs), *anchor, *cased).matches(&text_of(value))
            }),
            Self::Part(part, wanted) => time_of(value).is_some_and(|time| part.of(time) == *wanted),
        }
    }
}

/// Objects are matched as their JSON, and as that JSON with the quotes of documents inside
/// documents as they were written (`"Allow"` and not `\"Allow\"`).
fn on_text(value: &Value, fits: impl Fn(&str) -> bool) -> bool {
    let text = text_of(value);
    fits(&text) || (value.is_object() && text.contains("\\\"") && fits(&text.replace("\\\"", "\"")))
}

fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn time_of(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn within(net: IpNet, text: &str) -> bool {
    if let Ok(address) = text.parse::<IpAddr>() {
        return net.contains(&address);
    }
    text.parse::<IpNet>()
        .is_ok_and(|inner| net.contains(&inner))
}

impl Order {
    fn holds<T: PartialOrd>(self, value: &T, bound: &T) -> bool {
        match self {
            Self::Less => value < bound,
            Self::LessOrEqual => value <= bound,
            Self::Greater => value > bound,
            Self::GreaterOrEqual => value >= bound,
        }
    }
}

impl Part {
    fn of(self, time: Timestamp) -> i64 {
        let time = TimeZone::UTC.to_datetime(time);
        match self {
            Self::Minute => time.minute().into(),
            Self::Hour => time.hour().into(),
            Self::Day => time.day().into(),
            Self::Week => time.iso_week_date().week().into(),
            Self::Month => time.month().into(),
            Self::Year => time.year().into(),
        }
    }
}
