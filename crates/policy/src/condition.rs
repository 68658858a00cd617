//! Conditions: the operators, their set forms, and what they say of a key that is absent.
//!
//! Owns the comparison of a request's context with a statement's `Condition`.

use std::net::IpAddr;

use base64::Engine as _;
use ipnet::IpNet;

use crate::arn_pattern::{ArnPattern, Split};
use crate::context::{Context, Key};
use crate::pattern::{Pattern, Syntax};
use crate::value::{Date, Number, boolean};

/// One operator with one key: `"StringEquals": {"aws:username": ["anna", "bob"]}`.
#[derive(Debug, Clone)]
pub struct Condition {
    operator: String,
    key: String,
    lookup: Key,
    values: Vec<String>,
    set: Set,
    /// `…IfExists`: true where the key is absent.
    if_exists: bool,
    negated: bool,
    test: Test,
}

/// How a key's several values count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    /// No set operator.
    Single,
    /// `ForAnyValue:`
    Any,
    /// `ForAllValues:`
    All,
}

/// What makes a value match, negation aside. The policy's values are compiled; any of them may match.
#[derive(Debug, Clone)]
enum Test {
    Text(Vec<Pattern>),
    TextIgnoringCase(Vec<Pattern>),
    Number(Order, Vec<Option<Number>>),
    Date(Order, Vec<Option<Date>>),
    Bool(Vec<Pattern>),
    Binary(Vec<Option<Vec<u8>>>),
    Ip(Vec<Option<IpNet>>),
    Arn(Vec<ArnPattern>),
    /// `Null`: whether `true` (the key must be absent) and `false` are among the values.
    Null {
        absent: bool,
        present: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// Why a condition cannot be compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConditionError {
    /// No such operator.
    Operator,
    /// A date that is none.
    Date,
}

impl Condition {
    /// Compiles a condition.
    pub(crate) fn new(
        operator: &str,
        key: &str,
        values: Vec<String>,
        variables: bool,
    ) -> Result<Self, ConditionError> {
        let name = operator.to_ascii_lowercase();
        let (set, name) = if let Some(rest) = name.strip_prefix("foranyvalue:") {
            (Set::Any, rest)
        } else if let Some(rest) = name.strip_prefix("forallvalues:") {
            (Set::All, rest)
        } else {
            (Set::Single, name.as_str())
        };
        let (name, if_exists) = match name.strip_suffix("ifexists") {
            Some(rest) => (rest, true),
            None => (name, false),
        };
        let (negated, test) = Test::new(name, &values, variables)?;
        Ok(Self {
            operator: operator.to_owned(),
            key: key.to_owned(),
            lookup: Key::new(key),
            values,
            set,
            if_exists,
            negated,
            test,
        })
    }

    /// The operator as the document spells it, as in `ForAnyValue:StringLike`.
    pub fn operator(&self) -> &str {
        &self.operator
    }

    /// The context key as the document spells it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The values, of which one must match (or none, for a negated operator).
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Whether the operator is one of `…Not…`.
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// Whether it holds a statement to fixed callers or networks, in the sense of S3's public-access block.
    pub fn confines(&self, own_account: &str) -> bool {
        let key = self.key().to_ascii_lowercase();
        let confining = matches!(
            key.as_str(),
            "aws:sourceip"
                | "aws:sourcearn"
                | "aws:sourceaccount"
                | "aws:sourceowner"
                | "aws:sourceorgid"
                | "aws:sourcevpc"
                | "aws:sourcevpce"
                | "aws:vpcsourceip"
                | "aws:principalarn"
                | "aws:principalaccount"
                | "aws:principalorgid"
                | "aws:principalorgpaths"
                | "aws:userid"
                | "s3:dataaccesspointarn"
                | "s3:dataaccesspointaccount"
                | "kms:calleraccount"
                | "kms:viaservice"
        );
        if !confining || self.is_negated() {
            return false;
        }
        let operator = self.operator().to_ascii_lowercase();
        // These hold for a request that lacks the key.
        if operator.starts_with("forallvalues:")
            || operator.ends_with("ifexists")
            || operator == "null"
        {
            return false;
        }
        let fixed = |value: &String| {
            if value == own_account {
                return true;
            }
            if key.ends_with("ip") {
                // S3 counts ranges wider than /8 (IPv6: /32) as everybody.
                return value.parse::<ipnet::IpNet>().map_or(true, |network| {
                    network.prefix_len() >= if network.addr().is_ipv4() { 8 } else { 32 }
                });
            }
            // An ARN is fixed by its account, or by a bucket's name where it has none.
            match value.split(':').collect::<Vec<_>>().as_slice() {
                ["arn", _, _, _, account, resource, ..] if !account.is_empty() => {
                    !account.contains(['*', '?', '$']) && !resource.starts_with("${")
                }
                ["arn", _, _, _, _, resource, ..] => !resource.starts_with(['*', '?', '$']),
                _ => !value.starts_with(['*', '?', '$']),
            }
        };
        !self.values().is_empty() && self.values().iter().all(fixed)
    }

    /// Whether the key is absent from a request.
    pub(crate) fn lacks_key(&self, context: &Context) -> bool {
        context.find(&self.lookup).is_none()
    }

    /// Whether the condition holds for a request.
    pub(crate) fn holds(&self, context: &Context) -> bool {
        let found = context.find(&self.lookup);
        if let Test::Null { absent, present } = self.test {
            return if found.is_some() { present } else { absent };
        }
        // A set of nothing but empty texts is an empty one.
        let found = found.filter(|values| {
            self.set == Set::Single || values.iter().any(|value| !value.is_empty())
        });
        let Some(values) = found else {
            return match self.set {
                // A key that is absent is unlike everything.
                Set::Single => self.negated || self.if_exists,
                // AWS asks IfExists of each value, and here is none.
                Set::Any => false,
                Set::All => true,
            };
        };
        // A variable without a value makes the whole statement invalid, so that not even a negation holds.
        if self.negated && !self.test.is_resolved(context) {
            return false;
        }
        let mut each = values
            .iter()
            .map(|value| self.test.matches(value, context) != self.negated);
        match self.set {
            // Of several values without a set operator one must match; of a negated operator's, all.
            Set::Single if self.negated => each.all(|holds| holds),
            Set::Single | Set::Any => each.any(|holds| holds),
            Set::All => each.all(|holds| holds),
        }
    }
}

impl Test {
    /// The test of an operator in lower case, and whether the operator negates it.
    fn new(name: &str, values: &[String], variables: bool) -> Result<(bool, Self), ConditionError> {
        let texts = |wildcards| {
            values
                .iter()
                .map(|value| {
                    Pattern::new(
                        value,
                        Syntax {
                            wildcards,
                            variables,
                        },
                    )
                })
                .collect::<Vec<_>>()
        };
        let numbers = |order| {
            let values = values.iter().map(|value| Number::parse(value)).collect();
            Self::Number(order, values)
        };
        let dates = |order| {
            let values: Vec<_> = values.iter().map(|value| Date::parse(value)).collect();
            if values.iter().any(Option::is_none) {
                return Err(ConditionError::Date);
            }
            Ok(Self::Date(order, values))
        };
        Ok(match name {
            "stringequals" => (false, Self::Text(texts(false))),
            "stringnotequals" => (true, Self::Text(texts(false))),
            "stringequalsignorecase" => (false, Self::TextIgnoringCase(texts(false))),
            "stringnotequalsignorecase" => (true, Self::TextIgnoringCase(texts(false))),
            "stringlike" => (false, Self::Text(texts(true))),
            "stringnotlike" => (true, Self::Text(texts(true))),
            "numericequals" => (false, numbers(Order::Equal)),
            "numericnotequals" => (true, numbers(Order::Equal)),
            "numericlessthan" => (false, numbers(Order::Less)),
            "numericlessthanequals" => (false, numbers(Order::LessOrEqual)),
            "numericgreaterthan" => (false, numbers(Order::Greater)),
            "numericgreaterthanequals" => (false, numbers(Order::GreaterOrEqual)),
            "dateequals" => (false, dates(Order::Equal)?),
            "datenotequals" => (true, dates(Order::Equal)?),
            "datelessthan" => (false, dates(Order::Less)?),
            "datelessthanequals" => (false, dates(Order::LessOrEqual)?),
            "dategreaterthan" => (false, dates(Order::Greater)?),
            "dategreaterthanequals" => (false, dates(Order::GreaterOrEqual)?),
            "bool" => (false, Self::Bool(texts(false))),
            "binaryequals" => (
                false,
                Self::Binary(values.iter().map(|value| binary(value)).collect()),
            ),
            "ipaddress" => (false, Self::Ip(networks(values))),
            "notipaddress" => (true, Self::Ip(networks(values))),
            "arnequals" | "arnlike" => (false, Self::arns(values, variables)),
            "arnnotequals" | "arnnotlike" => (true, Self::arns(values, variables)),
            "null" => (
                false,
                Self::Null {
                    absent: values.iter().any(|value| boolean(value) == Some(true)),
                    present: values.iter().any(|value| boolean(value) == Some(false)),
                },
            ),
            _ => return Err(ConditionError::Operator),
        })
    }

    fn arns(values: &[String], variables: bool) -> Self {
        Self::Arn(
            values
                .iter()
                .filter_map(|value| ArnPattern::whole(value, variables))
                .collect(),
        )
    }

    /// Whether every variable in the policy's values has a value.
    fn is_resolved(&self, context: &Context) -> bool {
        match self {
            Self::Text(texts) | Self::TextIgnoringCase(texts) => {
                texts.iter().all(|text| text.is_resolved(context))
            }
            Self::Arn(arns) => arns.iter().all(|arn| arn.is_resolved(context)),
            _ => true,
        }
    }

    /// Whether a request's value matches any of the policy's.
    fn matches(&self, value: &str, context: &Context) -> bool {
        match self {
            Self::Text(texts) => texts.iter().any(|text| text.matches(value, context)),
            Self::TextIgnoringCase(texts) => texts
                .iter()
                .any(|text| text.matches_ignoring_case(value, context)),
            Self::Number(order, numbers) => Number::parse(value).is_some_and(|value| {
                numbers
                    .iter()
                    .flatten()
                    .filter_map(|number| value.compare(*number))
                    .any(|ordering| order.holds(ordering))
            }),
            Self::Date(order, dates) => Date::parse(value).is_some_and(|value| {
                dates
                    .iter()
                    .flatten()
                    .any(|date| order.holds(value.cmp(date)))
            }),
            Self::Bool(texts) => boolean(value).is_some_and(|value| {
                texts
                    .iter()
                    .filter_map(|text| boolean(&text.resolve(context)?))
                    .any(|expected| expected == value)
            }),
            Self::Binary(blobs) => {
                binary(value).is_some_and(|value| blobs.iter().flatten().any(|blob| *blob == value))
            }
            Self::Ip(networks) => value.parse::<IpAddr>().is_ok_and(|address| {
                let address = address.to_canonical();
                networks
                    .iter()
                    .flatten()
                    .any(|network| network.contains(&address))
            }),
            Self::Arn(arns) => {
                let value = Split::new(value);
                arns.iter().any(|arn| arn.matches(&value, context))
            }
            Self::Null { .. } => false,
        }
    }
}

fn binary(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// Ranges; an address alone is a range of one.
fn networks(values: &[String]) -> Vec<Option<IpNet>> {
    values
        .iter()
        .map(|value| {
            let value = value.trim();
            value
                .parse::<IpNet>()
                .or_else(|_| value.parse::<IpAddr>().map(IpNet::from))
                .ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, values: &[&str], context: &[&str]) -> bool {
        let mut all = Context::new().with("aws:username", "anna");
        all.insert("k", context.iter().copied());
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Condition::new(operator, "K", values, true)
            .unwrap()
            .holds(&all)
    }

    #[test]
    fn texts() {
        assert!(holds("StringEquals", &["a", "b"], &["b"]));
        assert!(!holds("StringEquals", &["A"], &["a"]));
        assert!(!holds("StringEquals", &["a*"], &["ab"]));
        assert!(holds("StringEquals", &["a*"], &["a*"]));
        assert!(holds("StringEquals", &["${aws:username}"], &["anna"]));
        assert!(holds("StringEqualsIgnoreCase", &["ÄB"], &["äb"]));
        assert!(holds(
            "StringEqualsIgnoreCase",
            &["${aws:username}"],
            &["ANNA"]
        ));
        assert!(holds("StringLike", &["a?c*"], &["abcd"]));
        assert!(!holds("StringNotLike", &["x", "a*"], &["abc"]));
        assert!(holds("stringlike", &["a*"], &["abc"]));
    }

    #[test]
    fn an_absent_key_is_unlike_everything() {
        assert!(!holds("StringEquals", &["a"], &[]));
        assert!(holds("StringNotEquals", &["a"], &[]));
        assert!(holds("StringEqualsIfExists", &["a"], &[]));
        assert!(holds("ForAllValues:StringEquals", &["a"], &[]));
        assert!(!holds("ForAnyValue:StringEquals", &["a"], &[]));
        assert!(!holds("ForAnyValue:StringNotEquals", &["a"], &[]));
        assert!(!holds("ForAnyValue:StringEqualsIfExists", &["a"], &[]));
        assert!(!holds("DateLessThan", &["2024-01-01T00:00:00Z"], &[]));
        assert!(holds("NotIpAddress", &["10.0.0.0/8"], &[]));
        assert!(holds("Null", &["true"], &[]));
        assert!(!holds("Null", &["false"], &[]));
        assert!(holds("Null", &["false"], &["x"]));
        assert!(holds("Null", &["true", "false"], &["x"]));
    }

    #[test]
    fn a_variable_without_a_value_is_like_nothing() {
        assert!(!holds("StringLike", &["${aws:none}*"], &["x"]));
        // Nor does a negation hold: the statement is invalid.
        assert!(!holds("StringNotLike", &["${aws:none}*"], &["x"]));
        assert!(!holds("StringNotEquals", &["y", "${aws:none}"], &["x"]));
        assert!(holds("StringEquals", &["x", "${aws:none}"], &["x"]));
        assert!(holds("StringNotLike", &["${aws:none}*"], &[]));
    }

    #[test]
    fn sets() {
        assert!(holds("ForAllValues:StringLike", &["a*", "b"], &["ab", "b"]));
        assert!(!holds("ForAllValues:StringLike", &["a*"], &["ab", "b"]));
        assert!(holds("ForAnyValue:StringLike", &["a*"], &["c", "ab"]));
        assert!(holds("ForAnyValue:StringNotEquals", &["a"], &["a", "b"]));
        assert!(!holds(
            "ForAnyValue:StringNotEquals",
            &["a", "b"],
            &["a", "b"]
        ));
        assert!(!holds("ForAllValues:StringNotEquals", &["a"], &["a", "b"]));
        assert!(!holds("StringNotEquals", &["a"], &["a", "b"]));
        // An empty text is no value of a set.
        assert!(holds("ForAllValues:StringEquals", &["a"], &[""]));
        assert!(!holds("ForAnyValue:StringEquals", &["", "a"], &[""]));
        assert!(holds("StringEquals", &["", "a"], &[""]));
    }

    #[test]
    fn numbers_dates_and_the_rest() {
        assert!(holds("NumericLessThanEquals", &["10"], &["10.0"]));
        assert!(!holds(
            "NumericEquals",
            &["9007199254740993"],
            &["9007199254740992"]
        ));
        assert!(!holds("NumericEquals", &["x"], &["1"]));
        assert!(holds("NumericNotEquals", &["1"], &["many"]));
        assert!(holds(
            "DateGreaterThan",
            &["2024-01-01"],
            &["2024-01-01T00:00:01Z"]
        ));
        assert!(holds(
            "DateEquals",
            &["1704067200"],
            &["2024-01-01T01:00:00+01:00"]
        ));
        assert!(holds("Bool", &["true"], &["TRUE"]));
        assert!(!holds("Bool", &["false"], &["yes"]));
        assert!(holds("BinaryEquals", &["AQI="], &["AQI="]));
        assert!(holds("IpAddress", &["203.0.113.9/24"], &["203.0.113.77"]));
        assert!(holds("IpAddress", &["2001:db8::/32"], &["2001:DB8:0::1"]));
        assert!(holds(
            "IpAddress",
            &["203.0.113.7"],
            &["::ffff:203.0.113.7"]
        ));
        assert!(!holds("IpAddress", &["0.0.0.0/0"], &["2001:db8::1"]));
        assert!(holds(
            "NotIpAddress",
            &["203.0.113.0/24"],
            &["198.51.100.1"]
        ));
        assert!(holds(
            "ArnLike",
            &["arn:aws:iam::*:role/x/*"],
            &["arn:aws:iam::1:role/x/y/z"]
        ));
        assert!(!holds("ArnEquals", &["arn:aws:*:x"], &["arn:aws:iam::1:x"]));
        assert!(holds(
            "ArnNotEquals",
            &["arn:aws:iam::1:x"],
            &["not an arn"]
        ));
    }

    #[test]
    fn what_is_no_operator_is_refused() {
        for name in [
            "",
            "StringEqual",
            "NullIfExistsNot",
            "ForSome:Bool",
            "IfExists",
        ] {
            assert!(
                Condition::new(name, "k", Vec::new(), true).is_err(),
                "{name}"
            );
        }
        let bad = vec!["yesterday".to_owned()];
        assert_eq!(
            Condition::new("DateEquals", "k", bad, true).err(),
            Some(ConditionError::Date)
        );
    }
}
