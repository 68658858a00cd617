//! What AWS itself says of a user's activity: Access Advisor and the credential report.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::Arn;

use super::user::time;
use crate::aws::{Aws, Call, CallError};
use crate::fact::Fact;
use crate::pace::Pace;

/// How often a report is asked for until it is ready.
const ASKS: usize = 8;

/// That a service was used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceAccess {
    /// The service's namespace, as in `s3`.
    pub service: String,
    /// When it was last used; none if not within the time that AWS looks back.
    pub last: Option<Timestamp>,
    /// In which region.
    pub region: Option<String>,
}

/// Which services the identity may use and when it last did, most recent first.
pub(super) async fn service_access(
    aws: &dyn Aws,
    pace: &dyn Pace,
    arn: &Arn,
) -> Fact<Vec<ServiceAccess>> {
    let call = Call::new(
        "iam",
        "GenerateServiceLastAccessedDetails",
        json!({"Arn": arn.to_string(), "Granularity": "SERVICE_LEVEL"}),
    );
    let job = match aws.call(&call).await {
        Ok(answer) => answer.get("JobId").cloned().unwrap_or_default(),
        Err(error) => return Fact::unknown(error.to_string()),
    };
    let mut call = Call::new(
        "iam",
        "GetServiceLastAccessedDetails",
        json!({ "JobId": job }),
    );
    let mut services = Vec::new();
    let mut asks = 0;
    loop {
        let answer = match aws.call(&call).await {
            Ok(answer) => answer,
            Err(error) => return Fact::unknown(error.to_string()),
        };
        match answer.get("JobStatus").and_then(Value::as_str) {
            Some("COMPLETED") => {}
            Some("FAILED") => return Fact::unknown("AWS could not make the report"),
            _ if asks >= ASKS => {
                return Fact::unknown("the report was not ready in time; ask again");
            }
            _ => {
                asks += 1;
                wait(pace, "for the report of services last accessed").await;
                continue;
            }
        }
        let list = answer.get("ServicesLastAccessed").and_then(Value::as_array);
        services.extend(list.into_iter().flatten().map(|item| {
            let text = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
            ServiceAccess {
                service: text("ServiceNamespace").unwrap_or_default(),
                last: time(item.get("LastAuthenticated")),
                region: text("LastAuthenticatedRegion"),
            }
        }));
        let more = answer.get("IsTruncated").and_then(Value::as_bool) == Some(true);
        match (more, answer.get("Marker"), call.input.as_object_mut()) {
            (true, Some(marker), Some(input)) => {
                if input.insert("Marker".to_owned(), marker.clone()).as_ref() == Some(marker) {
                    return Fact::unknown("the report repeats itself and has no end");
                }
            }
            _ => break,
        }
    }
    services.sort_by_key(|access: &ServiceAccess| std::cmp::Reverse(access.last));
    Fact::Known(services)
}

async fn wait(pace: &dyn Pace, why: &str) {
    pace.wait(SignedDuration::from_secs(2), why).await;
}

/// The user's row of the account's credential report.
pub(super) async fn credential_report(
    aws: &dyn Aws,
    pace: &dyn Pace,
    user: &str,
) -> Fact<BTreeMap<String, String>> {
    match report(aws, pace).await {
        Ok(Some(text)) => row(&text, user).map_or_else(
            || Fact::unknown("the report has no row of the user: it is older than the user"),
            Fact::Known,
        ),
        Ok(None) => Fact::unknown("the report was not ready in time; ask again"),
        Err(error) => Fact::unknown(error.to_string()),
    }
}

async fn report(aws: &dyn Aws, pace: &dyn Pace) -> Result<Option<String>, CallError> {
    let generate = Call::new("iam", "GenerateCredentialReport", json!({}));
    for _ in 0..ASKS {
        let answer = aws.call(&generate).await?;
        if answer.get("State").and_then(Value::as_str) == Some("COMPLETE") {
            let get = Call::new("iam", "GetCredentialReport", json!({}));
            let answer = aws.call(&get).await?;
            let content = answer.get("Content").and_then(Value::as_str);
            let bytes = content.and_then(|text| BASE64_STANDARD.decode(text).ok());
            return Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
        }
        wait(pace, "for the credential report").await;
    }
    Ok(None)
}

/// The row by column name. The report quotes nothing: names of users have no comma.
fn row(report: &str, user: &str) -> Option<BTreeMap<String, String>> {
    let mut lines = report.lines();
    let header: Vec<&str> = lines.next()?.split(',').collect();
    let line = lines.find(|line| line.split(',').next() == Some(user))?;
    Some(
        header
            .into_iter()
            .zip(line.split(','))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_row_of_exactly_this_user() {
        let report = "user,arn,mfa_active\nanna2,a2,true\nanna,a1,false\n";
        let row = row(report, "anna").unwrap();
        assert_eq!(row.get("mfa_active").map(String::as_str), Some("false"));
        assert_eq!(super::row(report, "ann"), None);
        assert_eq!(super::row("", "anna"), None);
    }
}
