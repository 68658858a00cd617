//! One line of a detection: a field and the values that it is held to.
//!
//! Owns the comparison of a value in an event with a value in a rule. Must not combine lines.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use regex::Regex;
use stockade_scan::{Kind, Raw};

use super::field::{FieldPath, Scope, text_of};
use super::pattern::{Anchor, Pattern};
use crate::look::Names;

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

    /// Makes known which members of an event its fields begin with.
    pub(crate) fn link(&mut self, names: &mut Names) {
        if let Subject::Field(path) = &mut self.subject {
            path.link(names);
        }
        for test in self.tests.iter_mut().flatten() {
            if let Test::Field(path, ..) = test {
                path.link(names);
            }
        }
    }

    /// The same with other names for its fields.
    pub(crate) fn renamed(&self, name: &dyn Fn(&str) -> Option<&'static str>) -> Self {
        let mut item = self.clone();
        if let Subject::Field(path) = &mut item.subject {
            *path = path.renamed(name);
        }
        for test in item.tests.iter_mut().flatten() {
            if let Test::Field(path, ..) = test {
                *path = path.renamed(name);
            }
        }
        item
    }

    /// The names of the members of the event that it rests on; none where that is not known.
    pub(crate) fn begins(&self) -> Option<Vec<&str>> {
        let Subject::Field(path) = &self.subject else {
            return None;
        };
        let mut all = vec![path.begins()];
        for test in self.tests.iter().flatten() {
            if let Test::Field(path, ..) = test {
                all.push(path.begins());
            }
        }
        Some(all)
    }
}

impl Subject {
    fn exists(&self, scope: Scope<'_>) -> bool {
        match self {
            Self::Field(path) => path.exists(scope),
            Self::Anything => true,
            Self::Element => scope.element.is_some_and(|element| !element.is_null()),
        }
    }

    fn any(&self, scope: Scope<'_>, visit: &mut dyn FnMut(Raw<'_>) -> bool) -> bool {
        match self {
            Self::Field(path) => path.any(scope, visit),
            Self::Anything => match scope.element {
                Some(element) => anything(element, visit),
                None => anything(scope.look.record(), visit),
            },
            Self::Element => scope.element.is_some_and(visit),
        }
    }
}

fn anything(value: Raw<'_>, visit: &mut dyn FnMut(Raw<'_>) -> bool) -> bool {
    match value.kind() {
        None | Some(Kind::Null) => false,
        Some(Kind::Array) => value.elements().any(|item| anything(item, visit)),
        Some(Kind::Object) => value.members().any(|(_, inner)| anything(inner, visit)),
        Some(_) => visit(value),
    }
}

impl Test {
    fn fits(&self, value: Raw<'_>, scope: Scope<'_>) -> bool {
        match self {
            Self::Absent | Self::Exists(_) => false,
            Self::Text(pattern) => on_text(value, |text| pattern.matches(text)),
            Self::Regex(regex) => on_text(value, |text| regex.is_match(text)),
            Self::Number(number) => number_of(value).is_some_and(|n| n == *number),
            Self::Bool(wanted) => {
                let named = if *wanted { "true" } else { "false" };
                match value.kind() {
                    Some(Kind::Bool) => value.bytes() == named.as_bytes(),
                    Some(Kind::String) => text_of(value).eq_ignore_ascii_case(named),
                    _ => false,
                }
            }
            Self::Cidr(net) => value.text().is_some_and(|text| within(*net, &text)),
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
fn on_text(value: Raw<'_>, fits: impl Fn(&str) -> bool) -> bool {
    let text = text_of(value);
    let object = value.kind() == Some(Kind::Object);
    fits(&text) || (object && text.contains("\\\"") && fits(&text.replace("\\\"", "\"")))
}

fn number_of(value: Raw<'_>) -> Option<f64> {
    match value.kind()? {
        Kind::Number => std::str::from_utf8(value.bytes()).ok()?.parse().ok(),
        Kind::String => value.text()?.trim().parse().ok(),
        _ => None,
    }
}

fn time_of(value: Raw<'_>) -> Option<Timestamp> {
    value.text()?.parse().ok()
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
