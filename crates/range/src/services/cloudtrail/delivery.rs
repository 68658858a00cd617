//! Deliveries: a record goes to every trail that logs and wants it, and from there as a file into its bucket.
//!
//! Owns which trails get a record, when files are due, their names and their form. Whether the bucket takes them is
//! up to the bucket's policy.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use stockade_model::{AccountId, Region};
use stockade_wire::AwsError;

use super::errors;
use super::state::{Settings, Trail, arn};
use super::trails::organization;
use crate::services::s3::{Delivery, DeliveryError};
use crate::state::State;
use crate::trail::Record;

const SERVICE: &str = "cloudtrail.amazonaws.com";
/// How many records go into one file at most.
const RECORDS_PER_FILE: usize = 10_000;
/// How long CloudTrail goes on trying to deliver what a bucket does not take.
const TRIES: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A trail's place in its account: home region and name.
type Place = (Region, String);

/// Takes a record of an account: every trail that logs now and wants it gets it, and management events go into the
/// event history.
pub fn take(state: &mut State, account: &AccountId, region: &Region, record: Record) {
    let wanting = wanting(state, account, region, &record);
    let delay = state.config.trail_delay;
    for (owner, place) in wanting {
        let Some(trail) = trail_mut(state, &owner, &place) else {
            continue;
        };
        trail
            .pending
            .entry((account.clone(), region.clone()))
            .or_default()
            .push(Arc::clone(&record.value));
        trail.due.get_or_insert_with(|| next(record.time, delay));
    }
    if !record.is_data {
        state.log.push(account.clone(), region.clone(), record);
    }
}

/// The trails that want a record: the account's own, and those of its organisation.
fn wanting(
    state: &State,
    account: &AccountId,
    region: &Region,
    record: &Record,
) -> Vec<(AccountId, Place)> {
    let own = state.accounts.get(account).into_iter();
    let management = organization(state, account)
        .map(|(management, _)| management)
        .filter(|management| *management != account)
        .and_then(|management| state.accounts.get(management));
    let of_organization = management.into_iter();
    own.flat_map(|owner| owner.cloudtrail.trails.values())
        .chain(
            of_organization
                .flat_map(|owner| owner.cloudtrail.trails.values())
                .filter(|trail| trail.settings.organization),
        )
        .filter(|trail| trail.logging && takes_from(trail, region, &record.value))
        .filter(|trail| trail.selectors.want(&record.value))
        .map(|trail| {
            (
                trail.account.clone(),
                (trail.home.clone(), trail.name.clone()),
            )
        })
        .collect()
}

fn takes_from(trail: &Trail, region: &Region, record: &Value) -> bool {
    if trail.settings.multi_region {
        return true;
    }
    let source = record
        .get("eventSource")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let global = matches!(
        source,
        "iam.amazonaws.com" | "organizations.amazonaws.com" | "cloudfront.amazonaws.com"
    );
    trail.home == *region && (trail.settings.global_events || !global)
}

/// The next time at which files go out: trails deliver in step with the clock, as at every fifth minute.
fn next(now: Timestamp, delay: SignedDuration) -> Timestamp {
    let step = delay.as_secs();
    if step <= 0 {
        return now;
    }
    let second = (now.as_second().div_euclid(step) + 1).saturating_mul(step);
    Timestamp::from_second(second).unwrap_or(now)
}

/// Delivers what is due.
pub fn deliver_due(state: &mut State, now: Timestamp) {
    let due: Vec<(AccountId, Place, Timestamp)> = state
        .accounts
        .values()
        .flat_map(|account| account.cloudtrail.trails.iter())
        .filter_map(|(place, trail)| {
            let due = trail.due.filter(|due| *due <= now)?;
            Some((trail.account.clone(), place.clone(), due))
        })
        .collect();
    for (account, place, due) in due {
        deliver(state, &account, &place, due);
    }
}

/// Delivers what a trail has taken, as at the time `now`. What the bucket refuses is tried again.
pub(super) fn deliver(state: &mut State, account: &AccountId, place: &Place, now: Timestamp) {
    let organization = organization(state, account).map(|(_, id)| id.to_owned());
    let delay = state.config.trail_delay;
    let Some(trail) = trail_mut(state, account, place) else {
        return;
    };
    trail.due = None;
    if trail.pending.is_empty() {
        return;
    }
    let pending = std::mem::take(&mut trail.pending);
    let settings = trail.settings.clone();
    let source_arn = trail.arn().to_string();
    let mut left: BTreeMap<(AccountId, Region), Vec<Arc<Value>>> = BTreeMap::new();
    let mut error = None;
    for ((from, region), records) in pending {
        for records in records.chunks(RECORDS_PER_FILE) {
            let key = key(
                state,
                &settings,
                organization.as_deref(),
                &from,
                &region,
                now,
            );
            let delivery = Delivery {
                service: SERVICE,
                source_arn: &source_arn,
                source_account: account,
                source_organization: organization.as_deref(),
            };
            let content = [
                ("ContentType", "application/json"),
                ("ContentEncoding", "gzip"),
            ];
            let put = state.put_object_as_service(
                &delivery,
                &settings.bucket,
                &key,
                file(records),
                &content,
                now,
            );
            if let Err(why) = put {
                error = Some(code(&why).to_owned());
                left.entry((from.clone(), region.clone()))
                    .or_default()
                    .extend(records.iter().cloned());
            }
        }
    }
    let Some(trail) = trail_mut(state, account, place) else {
        return;
    };
    trail.attempted = Some(now);
    if error.is_none() {
        trail.delivered = Some(now);
    } else {
        for (from, mut records) in left {
            records.retain(|record| is_worth_a_try(record, now));
            if !records.is_empty() {
                // What came in meanwhile stands behind what is left.
                let newer = trail.pending.remove(&from).unwrap_or_default();
                records.extend(newer);
                trail.pending.insert(from, records);
            }
        }
        trail.due =
            (!trail.pending.is_empty()).then(|| next(now, delay.max(SignedDuration::from_secs(1))));
    }
    trail.error = error;
}

fn trail_mut<'a>(
    state: &'a mut State,
    account: &AccountId,
    place: &Place,
) -> Option<&'a mut Trail> {
    let account = state.accounts.get_mut(account).map(Arc::make_mut)?;
    account.cloudtrail.trails.get_mut(place)
}

fn is_worth_a_try(record: &Value, now: Timestamp) -> bool {
    record
        .get("eventTime")
        .and_then(Value::as_str)
        .and_then(|text| text.parse::<Timestamp>().ok())
        .is_none_or(|time| now.duration_since(time) < TRIES)
}

fn code(error: &DeliveryError) -> &'static str {
    match error {
        DeliveryError::NoSuchBucket(_) => "NoSuchBucket",
        DeliveryError::Refused { .. } => "AccessDenied",
    }
}

/// What all keys of an account's files begin with.
fn folder(settings: &Settings, organization: Option<&str>, account: &AccountId) -> String {
    let prefix = settings
        .prefix
        .as_ref()
        .map(|prefix| format!("{prefix}/"))
        .unwrap_or_default();
    match organization.filter(|_| settings.organization) {
        Some(id) => format!("{prefix}AWSLogs/{id}/{account}/CloudTrail"),
        None => format!("{prefix}AWSLogs/{account}/CloudTrail"),
    }
}

fn key(
    state: &mut State,
    settings: &Settings,
    organization: Option<&str>,
    account: &AccountId,
    region: &Region,
    now: Timestamp,
) -> String {
    let folder = folder(settings, organization, account);
    let day = now.strftime("%Y/%m/%d");
    let minute = now.strftime("%Y%m%dT%H%MZ");
    let random = state.ids.alphanumeric(16);
    format!("{folder}/{region}/{day}/{account}_CloudTrail_{region}_{minute}_{random}.json.gz")
}

fn file(records: &[Arc<Value>]) -> Bytes {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    let values: Vec<&Value> = records.iter().map(Arc::as_ref).collect();
    let written = serde_json::to_vec(&serde_json::json!({"Records": values}))
        .map_err(std::io::Error::from)
        .and_then(|text| gz.write_all(&text))
        .and_then(|()| gz.finish());
    // Writing into memory does not fail, and JSON values are always writable.
    Bytes::from(written.unwrap_or_default())
}

/// Whether the bucket would take a trail's files: checked when a trail is made or changed.
///
/// # Errors
/// `S3BucketDoesNotExistException`, `InsufficientS3BucketPolicyException`.
pub(super) fn check_bucket(
    state: &State,
    account: &AccountId,
    home: &Region,
    name: &str,
    settings: &Settings,
) -> Result<(), AwsError> {
    let source_arn = arn(account, home, name).to_string();
    let organization = organization(state, account).map(|(_, id)| id);
    let delivery = Delivery {
        service: SERVICE,
        source_arn: &source_arn,
        source_account: account,
        source_organization: organization,
    };
    let mut folders = vec![folder(
        &Settings {
            organization: false,
            ..settings.clone()
        },
        None,
        account,
    )];
    if settings.organization {
        folders.push(folder(settings, organization, account));
    }
    for folder in folders {
        state
            .check_delivery(&delivery, &settings.bucket, &format!("{folder}/"))
            .map_err(|error| match error {
                DeliveryError::NoSuchBucket(bucket) => errors::no_bucket(&bucket),
                DeliveryError::Refused { .. } => errors::bucket_policy(&settings.bucket),
            })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_out_in_step_with_the_clock() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let five = SignedDuration::from_mins(5);
        assert_eq!(
            next(at("2026-03-02T08:01:10Z"), five),
            at("2026-03-02T08:05:00Z")
        );
        assert_eq!(
            next(at("2026-03-02T08:05:00Z"), five),
            at("2026-03-02T08:10:00Z")
        );
        assert_eq!(
            next(at("2026-03-02T08:05:01Z"), SignedDuration::ZERO),
            at("2026-03-02T08:05:01Z")
        );
    }

    #[test]
    fn folders_are_laid_out_as_on_aws() {
        let account: AccountId = "123456789012".parse().unwrap();
        let mut settings = Settings {
            prefix: Some("logs".into()),
            ..Settings::default()
        };
        assert_eq!(
            folder(&settings, Some("o-abc"), &account),
            "logs/AWSLogs/123456789012/CloudTrail"
        );
        settings.organization = true;
        settings.prefix = None;
        assert_eq!(
            folder(&settings, Some("o-abc"), &account),
            "AWSLogs/o-abc/123456789012/CloudTrail"
        );
    }
}
