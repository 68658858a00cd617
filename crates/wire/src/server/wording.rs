//! The words in which each service says that an input breaks its model's rules.

use super::Target;
use crate::AwsError;
use crate::codec::{Expected, Fault, Found};
use crate::error::Family;
use crate::table::{Protocol, Service};

/// The refusal of a request that cannot be read as its operation's input.
pub(super) fn malformed(target: &Target, fault: &Fault) -> AwsError {
    let what = if fault.member.is_empty() {
        "The body"
    } else {
        &fault.member
    };
    let why = format!("{what} must be {}", fault.expected.words());
    match target.protocol {
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson | Protocol::RpcV2Cbor => {
            let told = coral(fault).unwrap_or(why);
            AwsError::new(400, "SerializationException", told)
        }
        Protocol::Query => {
            let told = match (fault.expected, fault.found) {
                (Expected::Boolean, Found::Nothing) => "missing value for boolean type".to_owned(),
                (Expected::Boolean, _) => "boolean must follow xsd1.1 definition".to_owned(),
                (Expected::Time, _) => "timestamp must follow ISO8601".to_owned(),
                _ => why,
            };
            AwsError::new(400, "MalformedInput", told)
        }
        Protocol::Ec2 => AwsError::new(400, "InvalidParameterValue", why),
        Protocol::RestXml if matches!(fault.expected, Expected::Xml | Expected::Shallow) => {
            if target.service.name == "route53" {
                return AwsError::new(
                    400,
                    "InvalidInput",
                    "Invalid XML ; the document cannot be read",
                );
            }
            AwsError::new(
                400,
                "MalformedXML",
                "The XML you provided was not well-formed or did not validate against our published schema",
            )
        }
        Protocol::RestXml => {
            let path = fault.member.as_str();
            AwsError::new(400, "InvalidArgument", why).with("ArgumentName", path)
        }
    }
}

/// What AWS's framework says of a value of the wrong type, where it has words of its own.
fn coral(fault: &Fault) -> Option<String> {
    let token = match fault.found {
        Found::List => return Some("Start of list found where not expected".to_owned()),
        Found::Structure => {
            return Some("Start of structure or map found where not expected.".to_owned());
        }
        Found::Text => "STRING_VALUE",
        Found::Whole => "NUMBER_VALUE",
        Found::Decimal => "DECIMAL_VALUE",
        Found::True => "TRUE_VALUE",
        Found::False => "FALSE_VALUE",
        Found::Other | Found::Nothing => return None,
    };
    let kind = match fault.expected {
        Expected::List => return Some("Expected list or null".to_owned()),
        Expected::Structure | Expected::Map => return Some("Unexpected field type".to_owned()),
        Expected::Bytes => {
            return Some("only base-64-encoded strings are convertible to bytes".to_owned());
        }
        Expected::Time => "milliseconds since epoch",
        Expected::Text => "a String",
        Expected::Integer => "an Integer",
        Expected::Long => "a Long",
        Expected::Number => "a Double",
        Expected::Boolean => "a Boolean",
        _ => return None,
    };
    Some(format!("{token} can not be converted to {kind}"))
}

/// A rule of the model.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rule {
    Given,
    OneOf(Vec<String>),
    LeastLength(f64),
    GreatestLength(f64),
    LeastValue(f64),
    GreatestValue(f64),
    Pattern(String),
}

/// A value that breaks a rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Breach {
    /// The value, quoted; none if it must not be shown.
    pub(super) shown: Option<String>,
    /// Where it is: `tags.1.member.key`.
    pub(super) path: String,
    /// Whether it is in the body of the request.
    pub(super) in_body: bool,
    pub(super) rule: Rule,
}

impl Breach {
    /// The rule that is broken and where. IAM does not repeat the value.
    fn told(&self, with_value: bool) -> String {
        let constraint = match &self.rule {
            Rule::Given => "Member must not be null".to_owned(),
            Rule::OneOf(values) => {
                format!(
                    "Member must satisfy enum value set: [{}]",
                    values.join(", ")
                )
            }
            Rule::LeastLength(min) => {
                format!("Member must have length greater than or equal to {min}")
            }
            Rule::GreatestLength(max) => {
                format!("Member must have length less than or equal to {max}")
            }
            Rule::LeastValue(min) => {
                format!("Member must have value greater than or equal to {min}")
            }
            Rule::GreatestValue(max) => {
                format!("Member must have value less than or equal to {max}")
            }
            Rule::Pattern(pattern) => {
                format!("Member must satisfy regular expression pattern: {pattern}")
            }
        };
        let shown = self
            .shown
            .as_ref()
            .filter(|_| with_value || self.rule == Rule::Given)
            .map(|shown| format!(" {shown}"))
            .unwrap_or_default();
        format!(
            "Value{shown} at '{}' failed to satisfy constraint: {constraint}",
            self.path
        )
    }
}

/// The service's own error for an input that breaks rules.
pub(super) fn refusal(service: &Service, breaches: &[Breach]) -> AwsError {
    let with_value = service.name != "iam";
    let texts: Vec<String> = breaches
        .iter()
        .map(|breach| breach.told(with_value))
        .collect();
    let told = format!(
        "{} validation error{} detected: {}",
        texts.len(),
        if texts.len() == 1 { "" } else { "s" },
        texts.join("; ")
    );
    match service.name.as_str() {
        "iam" => {
            let named = breaches.iter().find_map(iam_words);
            return AwsError::new(400, "ValidationError", named.unwrap_or(told));
        }
        "organizations" => {
            if let Some(breach) = breaches.first() {
                return organizations(breach);
            }
        }
        _ => {}
    }
    match Family::from(service) {
        Family::S3 => s3(breaches, told),
        Family::Query => AwsError::new(400, "ValidationError", told),
        Family::Ec2 => AwsError::new(400, "InvalidParameterValue", told),
        Family::Json | Family::Rest => AwsError::new(400, "ValidationException", told),
    }
}

/// IAM explains what its names and paths may hold, instead of showing the pattern.
fn iam_words(breach: &Breach) -> Option<String> {
    let Rule::Pattern(pattern) = &breach.rule else {
        return None;
    };
    let name = breach.path.rsplit('.').next()?;
    let may = match (name, pattern.as_str()) {
        ("path" | "newPath", _) => {
            "It must begin and end with / and contain only alphanumeric characters and/or / characters."
        }
        ("pathPrefix", _) => {
            "It must begin with the / character and contain only alphanumeric characters and/or / characters."
        }
        ("accountAlias", _) => {
            "It must be a minimum length of 3 characters and maximum length of 63 characters, contain only digits, lowercase letters, and hyphens (-), but cannot begin or end with a hyphen."
        }
        (_, r"[\w+=,.@-]+" | r"[\w+=,.@-]*") => {
            "It must contain only alphanumeric characters and/or the following: +=,.@_-"
        }
        _ => return None,
    };
    Some(format!("The specified value for {name} is invalid. {may}"))
}

/// Organizations names a reason, and no value.
fn organizations(breach: &Breach) -> AwsError {
    let (reason, words) = match breach.rule {
        Rule::Given => (
            "INPUT_REQUIRED",
            "You must include a value for all required parameters.",
        ),
        Rule::OneOf(_) => ("INVALID_ENUM", "You specified an invalid value."),
        Rule::LeastLength(_) => (
            "MIN_LENGTH_EXCEEDED",
            "You provided a string parameter that is shorter than allowed.",
        ),
        Rule::GreatestLength(_) => (
            "MAX_LENGTH_EXCEEDED",
            "You provided a string parameter that is longer than allowed.",
        ),
        Rule::LeastValue(_) => (
            "MIN_VALUE_EXCEEDED",
            "You provided a numeric parameter that has a smaller value than allowed.",
        ),
        Rule::GreatestValue(_) => (
            "MAX_VALUE_EXCEEDED",
            "You provided a numeric parameter that has a larger value than allowed.",
        ),
        Rule::Pattern(_) => (
            "INVALID_PATTERN",
            "You provided a value that does not match the required pattern.",
        ),
    };
    AwsError::new(400, "InvalidInputException", words).with("Reason", reason)
}

fn s3(breaches: &[Breach], told: String) -> AwsError {
    if breaches.iter().any(|breach| breach.in_body) {
        return AwsError::new(
            400,
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        );
    }
    AwsError::new(400, "InvalidArgument", told)
}
