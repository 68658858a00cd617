//! An input held against the model: required, length, range, pattern, enum, in the service's own words.

use serde_json::Value;

use super::pattern;
use crate::error::Family;
use crate::table::{Kind, Location, Member, Operation, Service, ShapeId};
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
    let mut faults = Faults {
        service,
        list: Vec::new(),
        body_present,
    };
    faults.structure(id, input, "");
    if faults.list.is_empty() {
        return Ok(());
    }
    Err(refusal(service, &faults.list))
}

struct Fault {
    text: String,
    in_body: bool,
}

struct Faults<'a> {
    service: &'a Service,
    list: Vec<Fault>,
    body_present: bool,
}

/// `UserName` → `userName`: so AWS writes paths.
fn camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + letters.as_str()
    })
}

impl Faults<'_> {
    fn add(&mut self, shown: &str, path: &str, constraint: &str, in_body: bool) {
        if self.list.len() < TOLD {
            let text =
                format!("Value {shown} at '{path}' failed to satisfy constraint: {constraint}");
            self.list.push(Fault { text, in_body });
        }
    }

    fn structure(&mut self, id: ShapeId, members: &Object, path: &str) {
        let service = self.service;
        let Kind::Structure { members: known, .. } = &service.shape(id).kind else {
            return;
        };
        for member in known {
            let under = if path.is_empty() {
                camel(&member.name)
            } else {
                format!("{path}.{}", camel(&member.name))
            };
            match members.get(&member.name).filter(|value| !value.is_null()) {
                Some(value) => self.value(member, value, &under),
                None if member.required
                    && !(self.body_present && super::input::is_streaming(service, member)) =>
                {
                    self.add(
                        "null",
                        &under,
                        "Member must not be null",
                        member.location == Location::Body,
                    );
                }
                None => {}
            }
        }
    }

    fn value(&mut self, member: &Member, value: &Value, path: &str) {
        let service = self.service;
        let shape = service.shape(member.shape);
        let in_body = member.location == Location::Body;
        let shown = if shape.sensitive {
            "'***'".to_owned()
        } else {
            shown(value)
        };
        match (&shape.kind, value) {
            (Kind::Structure { .. }, Value::Object(members)) => {
                self.structure(member.shape, members, path)
            }
            (Kind::List { element, .. }, Value::Array(items)) => {
                self.length(items.len(), member, &shown, path);
                for (at, item) in items.iter().enumerate() {
                    self.value(element, item, &format!("{path}.{}.member", at + 1));
                }
            }
            (Kind::Map { key, value: of, .. }, Value::Object(entries)) => {
                self.length(entries.len(), member, &shown, path);
                for (name, value) in entries {
                    self.value(key, &Value::String(name.clone()), path);
                    self.value(of, value, &format!("{path}.{name}.member"));
                }
            }
            (Kind::String { values }, Value::String(text)) => {
                // S3 has rules of its own for names; the model's patterns are not what it answers with.
                if !values.is_empty() && !values.contains(text) {
                    let set = values.join(", ");
                    self.add(
                        &shown,
                        path,
                        &format!("Member must satisfy enum value set: [{set}]"),
                        in_body,
                    );
                }
                self.length(text.chars().count(), member, &shown, path);
                if !pattern::fits(shape, text) {
                    let wanted = shape.pattern.as_deref().unwrap_or_default();
                    let constraint =
                        format!("Member must satisfy regular expression pattern: {wanted}");
                    self.add(&shown, path, &constraint, in_body);
                }
            }
            (Kind::Blob, Value::String(text)) => {
                self.length(text.len() / 4 * 3, member, "'***'", path)
            }
            (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, Value::Number(number)) => {
                let number = number.as_f64().unwrap_or_default();
                if shape.min.is_some_and(|min| number < min) {
                    let min = shape.min.unwrap_or_default();
                    self.add(
                        &shown,
                        path,
                        &format!("Member must have value greater than or equal to {min}"),
                        in_body,
                    );
                }
                if shape.max.is_some_and(|max| number > max) {
                    let max = shape.max.unwrap_or_default();
                    self.add(
                        &shown,
                        path,
                        &format!("Member must have value less than or equal to {max}"),
                        in_body,
                    );
                }
            }
            _ => {}
        }
    }

    fn length(&mut self, length: usize, member: &Member, shown: &str, path: &str) {
        let shape = self.service.shape(member.shape);
        let in_body = member.location == Location::Body;
        #[expect(clippy::cast_precision_loss, reason = "no message is that long")]
        let length = length as f64;
        if shape.min.is_some_and(|min| length < min) {
            let min = shape.min.unwrap_or_default();
            self.add(
                shown,
                path,
                &format!("Member must have length greater than or equal to {min}"),
                in_body,
            );
        }
        if shape.max.is_some_and(|max| length > max) {
            let max = shape.max.unwrap_or_default();
            self.add(
                shown,
                path,
                &format!("Member must have length less than or equal to {max}"),
                in_body,
            );
        }
    }
}

/// A value as errors quote it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{text}'"),
        Value::Array(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| shown(item).trim_matches('\'').to_owned())
                .collect();
            format!("'[{}]'", items.join(", "))
        }
        other => format!("'{other}'"),
    }
}

fn refusal(service: &Service, faults: &[Fault]) -> AwsError {
    let count = faults.len();
    let texts: Vec<&str> = faults.iter().map(|fault| fault.text.as_str()).collect();
    let told = format!(
        "{count} validation error{} detected: {}",
        if count == 1 { "" } else { "s" },
        texts.join("; ")
    );
    match Family::of(service) {
        Family::S3 if faults.iter().any(|fault| fault.in_body) => AwsError::new(
            400,
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        ),
        Family::S3 => AwsError::new(400, "InvalidArgument", told),
        Family::Query => AwsError::new(400, "ValidationError", told),
        Family::Ec2 => AwsError::new(400, "InvalidParameterValue", told),
        // Organizations answers every such fault as an input that is invalid.
        Family::Json | Family::Rest
            if service.shape_named("ValidationException").is_none()
                && service.shape_named("InvalidInputException").is_some() =>
        {
            AwsError::new(400, "InvalidInputException", told)
        }
        Family::Json | Family::Rest => AwsError::new(400, "ValidationException", told),
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
            "1 validation error detected: Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+"
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
    fn secrets_are_not_quoted() {
        let error = check(
            "iam",
            "CreateLoginProfile",
            json!({"UserName": "a", "Password": ""}),
        )
        .unwrap_err();
        assert!(
            error.message.contains("Value '***' at 'password'"),
            "{}",
            error.message
        );
    }
}
