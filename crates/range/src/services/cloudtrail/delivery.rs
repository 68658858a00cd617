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

use super::digests::{self, LogFile};
use super::errors;
use super::state::{Settings, Trail, arn};
use super::trails::organization;
use crate::services::s3::{Attributes, Delivery, DeliveryError};
use crate::state::State;
use crate::trail::{Delivered, Entry, Made, Outbox, Record, Scene};

pub(super) const SERVICE: &str = "cloudtrail.amazonaws.com";
/// How many records go into one file at most.
const RECORDS_PER_FILE: usize = 10_000;
/// How long CloudTrail goes on trying to deliver what a bucket does not take.
const TRIES: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A trail's place in its account: home region and name.
pub(super) type Place = (Region, String);

/// A record as the log takes it: with the trails that log now and want it.
pub fn entry(state: &State, region: &Region, made: Made) -> Entry {
    let wanted = wanting(state, &made.account, region, &made.value);
    let due = next(made.time, state.config.trail_delay);
    Entry {
        record: Arc::new(Record {
            number: state.log.next_number(),
            time: made.time,
            text: made.value.to_string().into(),
        }),
        scene: (made.account, region.clone()),
        in_history: !made.is_data,
        wanted: wanted.into_iter().map(|serial| (serial, due)).collect(),
    }
}

/// The trails that want a record, by their serials: the account's own, and those of its organisation.
fn wanting(state: &State, account: &AccountId, region: &Region, record: &Value) -> Vec<String> {
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
        .filter(|trail| trail.logging || is_its_end(trail, record))
        .filter(|trail| takes_from(trail, region, record))
        .filter(|trail| trail.selectors.want(record))
        .map(|trail| trail.serial.clone())
        .collect()
}

/// Whether a record is the one that says that the trail was stopped: it is the last that the trail takes.
fn is_its_end(trail: &Trail, record: &Value) -> bool {
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    let named = record.pointer("/requestParameters/name");
    let named = named.and_then(Value::as_str).unwrap_or_default();
    let stopped = trail
        .stopped
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    text("eventSource") == Some(SERVICE)
        && text("eventName") == Some("StopLogging")
        && record.get("errorCode").is_none()
        && text("eventTime") == stopped.as_deref()
        && text("awsRegion") == Some(trail.home.as_str())
        && text("recipientAccountId") == Some(trail.account.as_str())
        && (named == trail.name || named == trail.arn().to_string())
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
pub(super) fn next(now: Timestamp, delay: SignedDuration) -> Timestamp {
    let step = delay.as_secs();
    if step <= 0 {
        return now;
    }
    let second = (now.as_second().div_euclid(step) + 1).saturating_mul(step);
    Timestamp::from_second(second).unwrap_or(now)
}

/// Whether files are due: of logs or of digests.
pub fn is_due(state: &State, now: Timestamp) -> bool {
    state.log.is_due(now) || digests::are_due(state, now)
}

/// Delivers what is due, and answers what came of it.
pub fn deliver_due(state: &mut State, now: Timestamp) -> Vec<Delivered> {
    let mut trails = BTreeMap::new();
    for account in state.accounts.values() {
        for (place, trail) in &account.cloudtrail.trails {
            trails.insert(trail.serial.clone(), (account.id.clone(), place.clone()));
        }
    }
    let mut done = Vec::new();
    for (serial, due) in state.log.waiting() {
        let delivered = match (trails.get(&serial), due) {
            (Some((account, place)), Some(due)) if due <= now => {
                deliver(state, account, place, due)
            }
            (Some(_), _) => None,
            // The trail was deleted: what its bucket did not take then is lost.
            (None, _) => {
                let outbox = state.log.outbox(&serial);
                let gone = all_of(&outbox);
                Some(Delivered {
                    trail: serial,
                    gone,
                    due: None,
                })
            }
        };
        done.extend(delivered);
    }
    digests::deliver_due(state, now);
    done
}

fn all_of(outbox: &Outbox) -> Vec<(Scene, Arc<Record>)> {
    let records = outbox.records.iter();
    records
        .flat_map(|(scene, records)| records.iter().map(|r| (scene.clone(), Arc::clone(r))))
        .collect()
}

/// Delivers what a trail has taken, as at the time `now`, and answers what came of it. What the bucket refuses is to be tried
/// again.
pub(super) fn deliver(
    state: &mut State,
    account: &AccountId,
    place: &Place,
    now: Timestamp,
) -> Option<Delivered> {
    let organization = organization(state, account).map(|(_, id)| id.to_owned());
    let delay = state.config.trail_delay;
    let trail = trail_mut(state, account, place)?;
    let serial = trail.serial.clone();
    let settings = trail.settings.clone();
    let source_arn = trail.arn().to_string();
    let outbox = state.log.outbox(&serial);
    if outbox.records.is_empty() {
        return None;
    }
    let (mut gone, mut is_left, mut error) = (Vec::new(), false, None);
    for (scene, records) in &outbox.records {
        let records: Vec<&Arc<Record>> = records.iter().collect();
        for records in records.chunks(RECORDS_PER_FILE) {
            let key = key(
                state,
                &settings,
                organization.as_deref(),
                &scene.0,
                &scene.1,
                now,
            );
            let delivery = Delivery {
                service: SERVICE,
                source_arn: &source_arn,
                source_account: account,
                source_organization: organization.as_deref(),
            };
            let content = file(records);
            let put = state.put_object_as_service(
                &delivery,
                &settings.bucket,
                &key,
                packed(&content),
                attributes(),
                now,
            );
            let mut records = records.to_vec();
            match put {
                Ok(()) if settings.validation => {
                    let times = || records.iter().map(|record| record.time);
                    let file = LogFile {
                        bucket: settings.bucket.clone(),
                        key,
                        hash: sha256(&content),
                        newest: times().max().unwrap_or(now),
                        oldest: times().min().unwrap_or(now),
                        delivered: now,
                    };
                    digests::note(state, &serial, scene, file);
                }
                Ok(()) => {}
                Err(why) => {
                    error = Some(code(&why).to_owned());
                    let all = records.len();
                    records.retain(|record| now.duration_since(record.time) >= TRIES);
                    is_left |= records.len() < all;
                }
            }
            gone.extend(records.into_iter().map(|r| (scene.clone(), Arc::clone(r))));
        }
    }
    let trail = trail_mut(state, account, place)?;
    trail.attempted = Some(now);
    if error.is_none() {
        trail.delivered = Some(now);
    }
    trail.error = error;
    let later = next(now, delay.max(SignedDuration::from_secs(1)));
    Some(Delivered {
        trail: serial,
        gone,
        due: is_left.then_some(later),
    })
}

pub(super) fn trail_mut<'a>(
    state: &'a mut State,
    account: &AccountId,
    place: &Place,
) -> Option<&'a mut Trail> {
    let account = state.accounts.get_mut(account).map(Arc::make_mut)?;
    account.cloudtrail.trails.get_mut(place)
}

pub(super) fn code(error: &DeliveryError) -> &'static str {
    match error {
        DeliveryError::NoSuchBucket(_) => "NoSuchBucket",
        DeliveryError::Refused { .. } => "AccessDenied",
        DeliveryError::NotKept => "ServiceUnavailable",
    }
}

/// What all keys of an account's files begin with.
pub(super) fn folder(
    settings: &Settings,
    organization: Option<&str>,
    account: &AccountId,
) -> String {
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

/// A file of records, not packed.
fn file(records: &[&Arc<Record>]) -> Vec<u8> {
    let mut content = br#"{"Records":["#.to_vec();
    for (at, record) in records.iter().enumerate() {
        if at > 0 {
            content.push(b',');
        }
        content.extend_from_slice(record.text.as_bytes());
    }
    content.extend_from_slice(b"]}");
    content
}

/// A file's content as it lies in the bucket.
pub(super) fn packed(content: &[u8]) -> Bytes {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory does not fail.
    let written = gz.write_all(content).and_then(|()| gz.finish());
    Bytes::from(written.unwrap_or_default())
}

/// What CloudTrail says of its files.
pub(super) fn attributes() -> Attributes {
    let headers = [
        ("ContentType", "application/json"),
        ("ContentEncoding", "gzip"),
    ];
    Attributes {
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        storage_class: "STANDARD".to_owned(),
        ..Attributes::default()
    }
}

/// In hexadecimal digits.
pub(super) fn sha256(content: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        content,
    ))
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
                DeliveryError::Refused { .. } | DeliveryError::NotKept => {
                    errors::bucket_policy(&settings.bucket)
                }
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
