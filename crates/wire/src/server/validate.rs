//! An input held against the model: required, length, range, pattern, enum.

use serde_json::Value;

use super::input::is_streaming;
use super::pattern;
use super::wording::{Breach, Rule, refusal};
use crate::table::{Kind, Location, Member, Operation, Service, Shape, ShapeId};
use crate::{AwsError, Object};

/// How many faults are told at once.
const TOLD: usize = 10;

/// Holds an input against the model.
///
/// # Errors
/// The service's own validation error.
pub fn validate(
    service: &Service,
    operation: &Operation,
    input: &Object,
    body_present: bool,
) -> Result<(), AwsError> {
    let Some(id) = operation.input else {
        return Ok(());
    };
    let mut check = Check {
        service,
        breaches: Vec::new(),
        body_present,
    };
    check.structure(id, input, None, false);
    if check.breaches.is_empty() {
        return Ok(());
    }
    Err(refusal(service, &check.breaches))
}

struct Check<'a> {
    service: &'a Service,
    breaches: Vec<Breach>,
    body_present: bool,
}

/// A value on its way through the model.
#[derive(Clone, Copy)]
struct Place<'a> {
    member: &'a Member,
    path: &'a Path<'a>,
    in_body: bool,
}

/// Where a value is, spelt out only if something is wrong with it.
#[derive(Clone, Copy)]
struct Path<'a> {
    outer: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Item(usize),
    Key(&'a str),
}

impl Path<'_> {
    /// `tags.1.member.key`
    fn spelt(&self) -> String {
        let mut text = self.outer.map(Path::spelt).unwrap_or_default();
        if !text.is_empty() {
            text.push('.');
        }
        match self.step {
            Step::Member(name) => text.push_str(&camel(name)),
            Step::Item(at) => text.push_str(&format!("{}.member", at + 1)),
            Step::Key(name) => text.push_str(&format!("{name}.member")),
        }
        text
    }
}

/// `UserName` → `userName`: so AWS writes paths.
fn camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + letters.as_str()
    })
}

impl Check<'_> {
    fn breach(&mut self, place: Place<'_>, shown: Option<String>, rule: Rule) {
        if self.breaches.len() < TOLD {
            let path = place.path.spelt();
            self.breaches.push(Breach {
                shown,
                path,
                in_body: place.in_body,
                rule,
            });
        }
    }

    fn structure(
        &mut self,
        id: ShapeId,
        members: &Object,
        outer: Option<&Path<'_>>,
        in_body: bool,
    ) {
        let service = self.service;
        let Kind::Structure {
            members: known,
            payload,
            ..
        } = &service.shape(id).kind
        else {
            return;
        };
        for (at, member) in known.iter().enumerate() {
            let value = members.get(&member.name).filter(|value| !value.is_null());
            if value.is_none() && !member.required {
                continue;
            }
            let under = Path {
                outer,
                step: Step::Member(&member.name),
            };
            // A body that is one member is that member itself: what is wrong with it is not wrong *in* it.
            let is_payload = outer.is_none() && *payload == Some(at);
            let in_body = in_body || (member.location == Location::Body && !is_payload);
            let place = Place {
                member,
                path: &under,
                in_body,
            };
            match value {
                Some(value) => self.value(place, value),
                None if self.body_present && is_streaming(service, member) => {}
                None => self.breach(
                    Place {
                        in_body: in_body || is_payload,
                        ..place
                    },
                    Some("null".to_owned()),
                    Rule::Given,
                ),
            }
        }
    }

    fn value(&mut self, place: Place<'_>, value: &Value) {
        let service = self.service;
        let shape = service.shape(place.member.shape);
        match (&shape.kind, value) {
            (Kind::Structure { .. }, Value::Object(members)) => {
                let in_body = place.in_body || place.member.location == Location::Body;
                self.structure(place.member.shape, members, Some(place.path), in_body);
            }
            (Kind::List { element, .. }, Value::Array(items)) => {
                self.length(place, shape, items.len(), None);
                for (at, item) in items.iter().enumerate() {
                    let path = Path {
                        outer: Some(place.path),
                        step: Step::Item(at),
                    };
                    self.value(
                        Place {
                            member: element,
                            path: &path,
                            ..place
                        },
                        item,
                    );
                }
            }
            (Kind::Map { key, value: of, .. }, Value::Object(entries)) => {
                self.length(place, shape, entries.len(), None);
                for (name, value) in entries {
                    let text = Value::String(name.clone());
                    self.value(
                        Place {
                            member: key,
                            ..place
                        },
                        &text,
                    );
                    let path = Path {
                        outer: Some(place.path),
                        step: Step::Key(name),
                    };
                    self.value(
                        Place {
                            member: of,
                            path: &path,
                            ..place
                        },
                        value,
                    );
                }
            }
            (Kind::String { values }, Value::String(text)) => {
                self.text(place, shape, values, text);
            }
            (Kind::Blob, Value::String(text)) => {
                let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
                self.length(
                    place,
                    shape,
                    (text.len() / 4 * 3).saturating_sub(padding),
                    None,
                );
            }
            (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, Value::Number(number)) => {
                let shown = (!shape.sensitive).then(|| format!("'{number}'"));
                let number = number.as_f64().unwrap_or_default();
                if let Some(min) = shape.min.filter(|min| number < *min) {
                    self.breach(place, shown.clone(), Rule::LeastValue(min));
                }
                if let Some(max) = shape.max.filter(|max| number > *max) {
                    self.breach(place, shown, Rule::GreatestValue(max));
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, place: Place<'_>, shape: &Shape, values: &[String], text: &str) {
        let shown = (!shape.sensitive).then_some(text);
        let quoted = || shown.map(|text| format!("'{text}'"));
        if !self.worded_by_handler(place)
            && !values.is_empty()
            && !values.iter().any(|value| value == text)
        {
            self.breach(place, quoted(), Rule::OneOf(values.to_vec()));
        }
        self.length(place, shape, text.chars().count(), shown);
        if !pattern::fits(shape, text) {
            let wanted = shape.pattern.clone().unwrap_or_default();
            self.breach(place, quoted(), Rule::Pattern(wanted));
        }
    }

    /// S3 has an error of its own for nearly every value in a header or the query, and for regions: its handlers
    /// know them.
    fn worded_by_handler(&self, place: Place<'_>) -> bool {
        self.service.name == "s3" && (!place.in_body || place.member.name == "LocationConstraint")
    }

    /// Lists, maps and bytes are not shown: what is in them may be secret.
    fn length(&mut self, place: Place<'_>, shape: &Shape, length: usize, shown: Option<&str>) {
        #[expect(clippy::cast_precision_loss, reason = "no message is that long")]
        let length = length as f64;
        let quoted = || shown.map(|text| format!("'{text}'"));
        if let Some(min) = shape.min.filter(|min| length < *min) {
            self.breach(place, quoted(), Rule::LeastLength(min));
        }
        if let Some(max) = shape.max.filter(|max| length > *max) {
            self.breach(place, quoted(), Rule::GreatestLength(max));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;
    use serde_json::json;

    fn check(service: &str, operation: &str, input: Value) -> Result<(), AwsError> {
        let service = table::service(service).unwrap();
        let operation = service.operations.get(operation).unwrap();
        validate(service, operation, input.as_object().unwrap(), false)
    }

    #[test]
    fn says_what_is_wrong_as_aws_does() {
        assert_eq!(
            check("iam", "CreateUser", json!({"UserName": "anna"})),
            Ok(())
        );
        let error = check("iam", "CreateUser", json!({"UserName": "a b"})).unwrap_err();
        assert_eq!(
            (error.status, error.code.as_str()),
            (400, "ValidationError")
        );
        assert_eq!(
            error.message,
            "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
        );
        let error = check("iam", "CreateUser", json!({})).unwrap_err();
        assert!(error.message.contains(
            "Value null at 'userName' failed to satisfy constraint: Member must not be null"
        ));
        let error = check(
            "iam",
            "UpdateAccessKey",
            json!({"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Off"}),
        )
        .unwrap_err();
        assert!(
            error
                .message
                .contains("Member must satisfy enum value set: [Active, Inactive"),
            "{}",
            error.message
        );
        let error = check("iam", "ListUsers", json!({"MaxItems": 0})).unwrap_err();
        assert!(
            error
                .message
                .contains("Member must have value greater than or equal to 1")
        );
    }

    #[test]
    fn s3_words_headers_and_regions_itself() {
        let storage = json!({"Bucket": "b", "Key": "k", "StorageClass": "ATTIC"});
        assert_eq!(check("s3", "PutObject", storage), Ok(()));
        let mars =
            json!({"Bucket": "b", "CreateBucketConfiguration": {"LocationConstraint": "mars-1"}});
        assert_eq!(check("s3", "CreateBucket", mars), Ok(()));
        let status = json!({"Bucket": "b", "VersioningConfiguration": {"Status": "Perhaps"}});
        let error = check("s3", "PutBucketVersioning", status).unwrap_err();
        assert_eq!(error.code, "MalformedXML");
    }

    #[test]
    fn secrets_are_not_quoted() {
        let error = check(
            "iam",
            "CreateLoginProfile",
            json!({"UserName": "a", "Password": ""}),
        )
        .unwrap_err();
        assert!(
            error.message.contains("Value at 'password' failed"),
            "{}",
            error.message
        );
    }

    #[test]
    fn every_service_has_its_words() {
        let sts = json!({"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "a b"});
        let error = check("sts", "AssumeRole", sts).unwrap_err();
        assert_eq!(
            error.to_string(),
            r"ValidationError: 1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*"
        );
        let error = check(
            "organizations",
            "DescribeAccount",
            json!({"AccountId": "1"}),
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "InvalidInputException: You provided a value that does not match the required pattern."
        );
        assert_eq!(error.fields["Reason"], "INVALID_PATTERN");
        let error = check("cloudtrail", "LookupEvents", json!({"MaxResults": 51})).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ValidationException: 1 validation error detected: Value '51' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 50"
        );
    }

    #[test]
    fn what_is_in_a_list_is_not_shown() {
        let tags: Vec<Value> = (0..51)
            .map(|n| json!({"Key": n.to_string(), "Value": "secret"}))
            .collect();
        let error = check("iam", "TagUser", json!({"UserName": "a", "Tags": tags})).unwrap_err();
        assert!(
            error.message.contains("at 'tags' failed"),
            "{}",
            error.message
        );
        assert!(!error.message.contains("secret"));
    }
}
