//! A record of a log, CloudTrail's above all, with where it was read, and the questions that everyone
//! asks of it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::log::{LogKind, Path};

/// Where an event was read, so that a finding can be checked by hand.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// The file, object or endpoint, as the user named it.
    pub source: Arc<str>,
    /// The place in it, counted from 0: the record's number in the file.
    pub index: u64,
}

/// One record of a log. It is kept as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    kind: LogKind,
    record: Value,
    time: Timestamp,
    origin: Origin,
}

/// Why a JSON value is not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Not an object.
    #[error("a CloudTrail record must be a JSON object")]
    NotAnObject,
    /// A field that every record has is missing or not text.
    #[error("a CloudTrail record must have `{0}` as text")]
    Missing(&'static str),
    /// A record of another log has no time.
    #[error("a record of this kind ({0}) must have a time")]
    Timeless(LogKind),
    /// `eventTime` cannot be read.
    #[error("`eventTime` must be an RFC 3339 time, found `{0}`")]
    Time(String),
}

impl Event {
    /// Takes a CloudTrail record in, once it has what every one has.
    pub fn new(record: Value, origin: Origin) -> Result<Self, EventError> {
        Self::of(LogKind::CloudTrail, record, origin)
    }

    /// Takes a record of this kind in.
    pub fn of(kind: LogKind, record: Value, origin: Origin) -> Result<Self, EventError> {
        if !record.is_object() {
            return Err(EventError::NotAnObject);
        }
        let time = if kind == LogKind::CloudTrail {
            cloudtrail_time(&record)?
        } else {
            first(&record, kind.facts().time)
                .and_then(time_of)
                .ok_or(EventError::Timeless(kind))?
        };
        Ok(Self {
            kind,
            record,
            time,
            origin,
        })
    }

    /// Of what kind of log it is.
    pub fn kind(&self) -> LogKind {
        self.kind
    }

    /// The whole record.
    pub fn record(&self) -> &Value {
        &self.record
    }

    /// Where it was read.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// `eventTime`.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// A text field by its path of member names, as in `["userIdentity", "arn"]`.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.as_str()
    }

    /// A field by its path of member names. A JSON null counts as absent.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter()
            .try_fold(&self.record, |value, name| value.get(name))
            .filter(|value| !value.is_null())
    }

    fn fact(&self, paths: &[Path]) -> Option<&str> {
        first(&self.record, paths)?.as_str()
    }

    /// What happened: `eventName`, as in `CreateUser`; in other logs the action or operation.
    pub fn name(&self) -> &str {
        self.fact(self.kind.facts().name).unwrap_or_default()
    }

    /// `eventSource`, as in `iam.amazonaws.com`; for other logs the name of the kind.
    pub fn source(&self) -> &str {
        match self.kind {
            LogKind::CloudTrail => self.text(&["eventSource"]).unwrap_or_default(),
            kind => kind.as_str(),
        }
    }

    /// The service's short name: `iam` of `iam.amazonaws.com`.
    pub fn service(&self) -> &str {
        self.source().split('.').next().unwrap_or_default()
    }

    /// `eventID`.
    pub fn id(&self) -> Option<&str> {
        self.fact(self.kind.facts().id)
    }

    /// `awsRegion`.
    pub fn region(&self) -> Option<&str> {
        self.fact(self.kind.facts().region)
    }

    /// `sourceIPAddress`: an address, or the name of an AWS service.
    pub fn source_address(&self) -> Option<&str> {
        self.fact(self.kind.facts().address)
    }

    /// `userAgent`.
    pub fn user_agent(&self) -> Option<&str> {
        self.fact(self.kind.facts().agent)
    }

    /// `errorCode`; none when the call succeeded.
    pub fn error_code(&self) -> Option<&str> {
        self.fact(self.kind.facts().error)
            .filter(|code| !code.is_empty())
    }

    /// Whether AWS refused the call for want of permission, in any of its spellings.
    pub fn is_refused(&self) -> bool {
        self.error_code().is_some_and(|code| {
            matches!(
                code,
                "AccessDenied" | "AccessDeniedException" | "Client.UnauthorizedOperation"
            ) || code.ends_with("UnauthorizedOperation")
        })
    }

    /// The account in which the event was recorded.
    pub fn account(&self) -> Option<&str> {
        self.fact(self.kind.facts().account)
    }

    /// `userIdentity.type`, as in `IAMUser` or `AssumedRole`.
    pub fn identity_type(&self) -> Option<&str> {
        self.text(&["userIdentity", "type"])
    }

    /// The key that signed the call, `AKIA…` or `ASIA…`.
    pub fn access_key(&self) -> Option<&str> {
        self.text(&["userIdentity", "accessKeyId"])
            .filter(|key| !key.is_empty())
    }

    /// The key that the call handed out (AssumeRole, GetSessionToken, CreateAccessKey, …).
    pub fn issued_access_key(&self) -> Option<&str> {
        self.text(&["responseElements", "credentials", "accessKeyId"])
            .or_else(|| self.text(&["responseElements", "accessKey", "accessKeyId"]))
    }

    /// Who called: the ARN, the service that called on its own, or the type with the account.
    pub fn principal(&self) -> String {
        if self.kind != LogKind::CloudTrail {
            let who = self.fact(self.kind.facts().principal);
            return who.unwrap_or(self.kind.as_str()).to_owned();
        }
        if let Some(arn) = self.text(&["userIdentity", "arn"]) {
            return arn.to_owned();
        }
        if let Some(service) = self.text(&["userIdentity", "invokedBy"]) {
            return service.to_owned();
        }
        let kind = self.identity_type().unwrap_or("unknown");
        match self
            .text(&["userIdentity", "userName"])
            .or_else(|| self.text(&["userIdentity", "principalId"]))
            .or_else(|| self.text(&["userIdentity", "accountId"]))
        {
            Some(name) => format!("{kind}:{name}"),
            None => kind.to_owned(),
        }
    }
}

fn cloudtrail_time(record: &Value) -> Result<Timestamp, EventError> {
    for field in ["eventName", "eventSource"] {
        if !record.get(field).is_some_and(Value::is_string) {
            return Err(EventError::Missing(field));
        }
    }
    let text = record
        .get("eventTime")
        .and_then(Value::as_str)
        .ok_or(EventError::Missing("eventTime"))?;
    text.parse()
        .map_err(|_| EventError::Time(text.chars().take(60).collect()))
}

/// The first value that one of the paths leads to.
fn first<'a>(record: &'a Value, paths: &[Path]) -> Option<&'a Value> {
    paths.iter().find_map(|path| {
        path.iter()
            .try_fold(record, |value, name| value.get(name))
            .filter(|value| !value.is_null())
    })
}

/// RFC 3339, or a number of seconds or milliseconds since 1970.
fn time_of(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok().or_else(|| since_1970(text.parse().ok()?)),
        Value::Number(number) => since_1970(number.as_f64()?),
        _ => None,
    }
}

/// A moment from seconds or milliseconds: no log of AWS is of before 1973 in milliseconds.
pub fn since_1970(number: f64) -> Option<Timestamp> {
    let micros = if number.abs() >= 1e11 {
        number * 1e3
    } else {
        number * 1e6
    };
    // What is beyond any year that is kept becomes the edge, which is refused.
    Timestamp::from_microsecond(micros.round() as i64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn origin() -> Origin {
        Origin {
            source: "test".into(),
            index: 0,
        }
    }

    #[test]
    fn answers_the_usual_questions() {
        let event = Event::new(
            json!({
                "eventTime": "2023-07-10T11:42:18Z", "eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey",
                "errorCode": null, "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/a", "accessKeyId": "AKIA1"},
                "responseElements": {"accessKey": {"accessKeyId": "AKIA2"}}
            }),
            origin(),
        )
        .unwrap();
        assert_eq!(event.service(), "iam");
        assert_eq!(event.access_key(), Some("AKIA1"));
        assert_eq!(event.issued_access_key(), Some("AKIA2"));
        assert_eq!(event.error_code(), None);
        assert_eq!(event.principal(), "arn:aws:iam::1:user/a");
    }

    #[test]
    fn refuses_what_is_not_a_record() {
        assert_eq!(
            Event::new(json!([]), origin()),
            Err(EventError::NotAnObject)
        );
        assert_eq!(
            Event::new(json!({"eventName": "x"}), origin()),
            Err(EventError::Missing("eventSource"))
        );
        let odd = json!({"eventName": "x", "eventSource": "y", "eventTime": "noon"});
        assert_eq!(
            Event::new(odd, origin()),
            Err(EventError::Time("noon".into()))
        );
    }

    #[test]
    fn refusals_have_three_spellings() {
        for (code, refused) in [
            ("AccessDenied", true),
            ("AccessDeniedException", true),
            ("Client.UnauthorizedOperation", true),
            ("NoSuchEntityException", false),
        ] {
            let record = json!({"eventName": "x", "eventSource": "y", "eventTime": "2023-07-10T11:42:18Z", "errorCode": code});
            assert_eq!(
                Event::new(record, origin()).unwrap().is_refused(),
                refused,
                "{code}"
            );
        }
    }
}
