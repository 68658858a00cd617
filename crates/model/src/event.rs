//! A CloudTrail record, with where it was read, and the questions that everyone asks of it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where an event was read, so that a finding can be checked by hand.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// The file, object or endpoint, as the user named it.
    pub source: Arc<str>,
    /// The place in it, counted from 0: the record's number in the file.
    pub index: u64,
}

/// One CloudTrail record. The record is kept as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    record: Value,
    time: Timestamp,
    origin: Origin,
}

/// Why a JSON value is not a CloudTrail record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Not an object.
    #[error("a CloudTrail record must be a JSON object")]
    NotAnObject,
    /// A field that every record has is missing or not text.
    #[error("a CloudTrail record must have `{0}` as text")]
    Missing(&'static str),
    /// `eventTime` cannot be read.
    #[error("`eventTime` must be an RFC 3339 time, found `{0}`")]
    Time(String),
}

impl Event {
    /// Takes a record in, once it has what every CloudTrail record has.
    pub fn new(record: Value, origin: Origin) -> Result<Self, EventError> {
        if !record.is_object() {
            return Err(EventError::NotAnObject);
        }
        for field in ["eventName", "eventSource"] {
            if !record.get(field).is_some_and(Value::is_string) {
                return Err(EventError::Missing(field));
            }
        }
        let text = record
            .get("eventTime")
            .and_then(Value::as_str)
            .ok_or(EventError::Missing("eventTime"))?;
        let time = text
            .parse()
            .map_err(|_| EventError::Time(text.chars().take(60).collect()))?;
        Ok(Self {
            record,
            time,
            origin,
        })
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

    /// `eventName`, as in `CreateUser`.
    pub fn name(&self) -> &str {
        self.text(&["eventName"]).unwrap_or_default()
    }

    /// `eventSource`, as in `iam.amazonaws.com`.
    pub fn source(&self) -> &str {
        self.text(&["eventSource"]).unwrap_or_default()
    }

    /// The service's short name: `iam` of `iam.amazonaws.com`.
    pub fn service(&self) -> &str {
        self.source().split('.').next().unwrap_or_default()
    }

    /// `eventID`.
    pub fn id(&self) -> Option<&str> {
        self.text(&["eventID"])
    }

    /// `awsRegion`.
    pub fn region(&self) -> Option<&str> {
        self.text(&["awsRegion"])
    }

    /// `sourceIPAddress`: an address, or the name of an AWS service.
    pub fn source_address(&self) -> Option<&str> {
        self.text(&["sourceIPAddress"])
    }

    /// `userAgent`.
    pub fn user_agent(&self) -> Option<&str> {
        self.text(&["userAgent"])
    }

    /// `errorCode`; none when the call succeeded.
    pub fn error_code(&self) -> Option<&str> {
        self.text(&["errorCode"]).filter(|code| !code.is_empty())
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
        self.text(&["recipientAccountId"])
            .or_else(|| self.text(&["userIdentity", "accountId"]))
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
