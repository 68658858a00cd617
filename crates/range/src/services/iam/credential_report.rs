//! The credential report: every user's credentials and when they were used, as CSV.
//!
//! Owns the report's columns and its life: made when asked for, good for four hours.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stockade_model::Timestamp;
use stockade_wire::AwsError;

use super::access_keys::{AccessKey, KeyOwner, KeyStatus};
use super::output::{reply, time};
use super::scope::{iam, iam_mut};
use super::state::State;
use super::users::User;
use crate::call::{Call, Reply};
use crate::state::{Account, State as Range};

/// How long a report may be read.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(4);

const COLUMNS: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

/// A credential report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    csv: String,
    made: Timestamp,
}

pub(super) fn generate(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let state = iam(range, call)?;
    let fresh = state
        .report
        .as_ref()
        .is_some_and(|r| call.now.duration_since(r.made) < GOOD_FOR);
    if fresh {
        return Ok(reply(json!({"State": "COMPLETE"})));
    }
    let report = Report {
        csv: csv(range.account(call.account())?, state),
        made: call.now,
    };
    iam_mut(range, call)?.report = Some(Arc::new(report));
    Ok(reply(json!({
        "State": "STARTED",
        "Description": "No report exists. Starting a new report generation task",
    })))
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let gone = |code: &str, message: &str| AwsError::new(410, code, message);
    let report = iam(range, call)?.report.as_ref().ok_or_else(|| {
        gone(
            "ReportNotPresent",
            "Report does not exist; call GenerateCredentialReport",
        )
    })?;
    if call.now.duration_since(report.made) >= GOOD_FOR {
        return Err(gone(
            "ReportExpired",
            "Report is expired; call GenerateCredentialReport",
        ));
    }
    Ok(reply(json!({
        "Content": STANDARD.encode(&report.csv),
        "ReportFormat": "text/csv",
        "GeneratedTime": time(report.made),
    })))
}

/// As the report spells times: `2023-07-10T11:45:00+00:00`.
fn stamp(at: Timestamp) -> String {
    time(at).replace('Z', "+00:00")
}

fn csv(account: &Account, state: &State) -> String {
    let mut lines = vec![COLUMNS.to_owned(), root_line(account, state)];
    for user in state.users.values() {
        lines.push(user_line(account, state, user));
    }
    lines.join("\n")
}

fn root_line(account: &Account, state: &State) -> String {
    let mut cells = vec![
        "<root_account>".to_owned(),
        format!("arn:aws:iam::{}:root", account.id),
        stamp(account.created),
        "not_supported".to_owned(),
        "no_information".to_owned(),
        "not_supported".to_owned(),
        "not_supported".to_owned(),
        state
            .mfa_devices
            .values()
            .any(|d| d.enabled.as_ref().is_some_and(|e| e.user.is_empty()))
            .to_string(),
    ];
    let keys = state
        .access_keys
        .values()
        .filter(|k| k.owner == KeyOwner::Root);
    cells.extend(key_cells(account, keys.map(Arc::as_ref).collect()));
    cells.extend(["false", "N/A", "false", "N/A"].map(str::to_owned));
    cells.join(",")
}

fn user_line(account: &Account, state: &State, user: &User) -> String {
    let none = || "N/A".to_owned();
    let rotation = |changed: Timestamp| {
        let days = state.password_policy.as_ref()?.max_age?;
        changed
            .checked_add(SignedDuration::from_hours(24 * i64::from(days)))
            .ok()
    };
    let login = user.login.as_ref();
    let mut cells = vec![
        user.name.clone(),
        user.arn(&account.id).to_string(),
        stamp(user.created),
        login.is_some().to_string(),
        match (login, user.password_last_used) {
            (None, _) => none(),
            (Some(_), None) => "no_information".to_owned(),
            (Some(_), Some(at)) => stamp(at),
        },
        login.map_or_else(none, |login| stamp(login.changed)),
        login
            .and_then(|login| rotation(login.changed))
            .map_or_else(none, stamp),
        state
            .mfa_devices_of(&user.name)
            .next()
            .is_some()
            .to_string(),
    ];
    cells.extend(key_cells(
        account,
        state.access_keys_of(&user.name).collect(),
    ));
    let mut certificates: Vec<_> = user.signing_certificates.values().collect();
    certificates.sort_by_key(|certificate| certificate.uploaded);
    for place in 0..2 {
        let certificate = certificates.get(place);
        cells.push(
            certificate
                .is_some_and(|c| c.status == KeyStatus::Active)
                .to_string(),
        );
        cells.push(certificate.map_or_else(none, |c| stamp(c.uploaded)));
    }
    cells.join(",")
}

/// The five columns of each of the two keys, the older first.
fn key_cells(account: &Account, mut keys: Vec<&AccessKey>) -> Vec<String> {
    keys.sort_by_key(|key| key.created);
    let none = || "N/A".to_owned();
    (0..2)
        .flat_map(|place| {
            let key = keys.get(place);
            let used = key.and_then(|key| account.usage.key(&key.id));
            [
                key.is_some_and(|key| key.status == KeyStatus::Active)
                    .to_string(),
                key.map_or_else(none, |key| stamp(key.created)),
                used.as_ref().map_or_else(none, |used| stamp(used.at)),
                used.as_ref()
                    .map_or_else(none, |used| used.region.to_string()),
                used.map_or_else(none, |used| used.service.clone()),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use jiff::SignedDuration;

    fn rows(cloud: &mut Cloud) -> Vec<std::collections::BTreeMap<String, String>> {
        let report = cloud.iam("GetCredentialReport", json!({})).unwrap();
        let csv = STANDARD
            .decode(report["Content"].as_str().unwrap())
            .unwrap();
        let csv = String::from_utf8(csv).unwrap();
        let mut lines = csv.lines();
        let header: Vec<_> = lines
            .next()
            .unwrap()
            .split(',')
            .map(str::to_owned)
            .collect();
        lines
            .map(|line| {
                let cells: Vec<_> = line.split(',').map(str::to_owned).collect();
                assert_eq!(cells.len(), header.len(), "{line}");
                header.iter().cloned().zip(cells).collect()
            })
            .collect()
    }

    #[test]
    fn the_report_tells_the_truth_for_four_hours() {
        let mut cloud = Cloud::new();
        assert_eq!(
            cloud.refused("GetCredentialReport", json!({})).0,
            "ReportNotPresent"
        );
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        cloud
            .iam(
                "CreateLoginProfile",
                json!({"UserName": "a", "Password": "long-enough-1"}),
            )
            .unwrap();
        let key = cloud
            .iam("CreateAccessKey", json!({"UserName": "a"}))
            .unwrap();
        let id = key["AccessKey"]["AccessKeyId"].as_str().unwrap().to_owned();
        let (now, region) = (cloud.now, "eu-west-1".parse().unwrap());
        let account = super::super::bench::ACCOUNT.parse().unwrap();
        cloud
            .range
            .account_mut(&account)
            .unwrap()
            .usage
            .record_key(&id, now, &region, "s3");
        assert_eq!(
            cloud.iam("GenerateCredentialReport", json!({})).unwrap()["State"],
            "STARTED"
        );
        assert_eq!(
            cloud.iam("GenerateCredentialReport", json!({})).unwrap()["State"],
            "COMPLETE"
        );
        let rows = rows(&mut cloud);
        assert_eq!(
            (rows.len(), rows[0]["user"].as_str()),
            (2, "<root_account>")
        );
        let a = &rows[1];
        for (column, value) in [
            ("arn", "arn:aws:iam::123456789012:user/a"),
            ("password_enabled", "true"),
            ("password_last_used", "no_information"),
            ("password_last_changed", "2026-01-02T03:04:05+00:00"),
            ("mfa_active", "false"),
            ("access_key_1_active", "true"),
            ("access_key_1_last_used_date", "2026-01-02T03:04:05+00:00"),
            ("access_key_1_last_used_region", "eu-west-1"),
            ("access_key_1_last_used_service", "s3"),
            ("access_key_2_active", "false"),
            ("access_key_2_last_rotated", "N/A"),
            ("cert_1_active", "false"),
        ] {
            assert_eq!(a[column], value, "{column}");
        }
        cloud.now = cloud
            .now
            .checked_add(SignedDuration::from_hours(4))
            .unwrap();
        assert_eq!(
            cloud.refused("GetCredentialReport", json!({})).0,
            "ReportExpired"
        );
        assert_eq!(
            cloud.iam("GenerateCredentialReport", json!({})).unwrap()["State"],
            "STARTED"
        );
    }
}
