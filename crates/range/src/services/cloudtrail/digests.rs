//! Digest files: every hour one for each account and region that a trail delivers from, signed and chained to the one before.
//!
//! Owns when they are due, their names, their form and their signatures. The keys are `public_keys.rs`; the log files that
//! they list are delivered by `delivery.rs`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stockade_model::{AccountId, Region};

use super::delivery::{self, Place};
use super::public_keys::{self, DigestKey};
use super::state::{Settings, Trail};
use super::trails::organization;
use crate::services::s3::{Attributes, Delivery, DeliveryError};
use crate::state::State as Range;
use crate::table::Table;
use crate::trail::Scene;

/// What one digest covers.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// How many windows are closed at once: a clock that was moved by years leaves the rest for the next time.
const AT_ONCE: usize = 1_000;
const HASH: &str = "SHA-256";
const SIGNATURE: &str = "SHA256withRSA";

/// What is kept of digests: the keys that sign them, and how far each trail has come.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// By region and the second from which on a key signs.
    pub(super) keys: Table<(Region, i64), DigestKey>,
    /// The trails that deliver digests, by their serials.
    running: Table<String, Running>,
    /// By a trail's serial and whose files they are.
    chains: Table<(String, Scene), Chain>,
}

crate::rows!(State {
    values: [],
    below: [keys, running, chains],
});

/// How far a trail's digests have come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Running {
    account: AccountId,
    place: Place,
    /// Where the window begins that is open.
    begun: Timestamp,
    /// When the last digest is due, where there is a last one.
    closing: Option<Timestamp>,
    /// When what failed is tried again.
    retry: Option<Timestamp>,
}
crate::row!(Running);

impl Running {
    fn end(&self) -> Timestamp {
        let whole = later(self.begun, WINDOW);
        self.closing.map_or(whole, |closing| closing.min(whole))
    }

    fn due(&self) -> Timestamp {
        self.retry.unwrap_or_else(|| self.end())
    }
}

/// The digests of one account in one region.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Chain {
    /// The last digest.
    previous: Option<Previous>,
    /// What was delivered since.
    files: Vec<LogFile>,
}
crate::row!(Chain);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Previous {
    bucket: String,
    key: String,
    hash: String,
    signature: String,
    end: Timestamp,
}

/// A log file that was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogFile {
    pub(super) bucket: String,
    pub(super) key: String,
    /// Of what is in it, not packed.
    pub(super) hash: String,
    pub(super) newest: Timestamp,
    pub(super) oldest: Timestamp,
    pub(super) delivered: Timestamp,
}

/// A digest file, its members in AWS's order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Digest<'a> {
    aws_account_id: &'a str,
    digest_start_time: String,
    digest_end_time: String,
    #[serde(rename = "digestS3Bucket")]
    bucket: &'a str,
    #[serde(rename = "digestS3Object")]
    object: &'a str,
    digest_public_key_fingerprint: &'a str,
    digest_signature_algorithm: &'static str,
    newest_event_time: Option<String>,
    oldest_event_time: Option<String>,
    #[serde(rename = "previousDigestS3Bucket")]
    previous_bucket: Option<&'a str>,
    #[serde(rename = "previousDigestS3Object")]
    previous_object: Option<&'a str>,
    previous_digest_hash_value: Option<&'a str>,
    previous_digest_hash_algorithm: Option<&'static str>,
    previous_digest_signature: Option<&'a str>,
    log_files: Vec<Listed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    #[serde(rename = "s3Bucket")]
    bucket: &'a str,
    #[serde(rename = "s3Object")]
    object: &'a str,
    hash_value: &'a str,
    hash_algorithm: &'static str,
    newest_event_time: String,
    oldest_event_time: String,
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// A time as digests have it: in whole seconds.
fn second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn text(time: Timestamp) -> String {
    second(time).to_string()
}

/// Begins a trail's digests anew: the first has none before it. What was open is closed.
pub(super) fn begin(state: &mut Range, account: &AccountId, place: &Place, now: Timestamp) {
    let Some(serial) = delivery::trail_mut(state, account, place).map(|t| t.serial.clone()) else {
        return;
    };
    finish(state, &serial, now);
    let running = Running {
        account: account.clone(),
        place: place.clone(),
        begun: second(now),
        closing: None,
        retry: None,
    };
    state.digests.running.insert(serial, running);
}

/// That a trail's digests end: the last one comes once what it took is delivered.
pub(super) fn close(state: &mut Range, serial: &str, at: Timestamp) {
    if let Some(running) = state.digests.running.get_mut(serial) {
        running.closing = Some(second(at).max(running.begun));
    }
}

/// That a trail's digests end with the hour that is open.
pub(super) fn close_with_the_hour(state: &mut Range, serial: &str) {
    if let Some(running) = state.digests.running.get_mut(serial) {
        running.closing = Some(later(running.begun, WINDOW));
    }
}

/// Ends a trail's digests with a last one now.
pub(super) fn finish(state: &mut Range, serial: &str, now: Timestamp) {
    close(state, serial, now);
    if let Some(running) = state.digests.running.get(serial).cloned() {
        // A bucket that does not take the last one does not get it.
        let _ = window(state, serial, &running, now);
    }
    forget(state, serial);
}

fn forget(state: &mut Range, serial: &str) {
    state.digests.running.remove(serial);
    state.digests.chains.retain(|(of, _), _| of != serial);
}

/// Notes a log file for the next digest.
pub(super) fn note(state: &mut Range, serial: &str, scene: &Scene, file: LogFile) {
    if state.digests.running.contains_key(serial) {
        let place = (serial.to_owned(), scene.clone());
        let chain = state.digests.chains.entry(place).or_default();
        chain.files.push(file);
    }
}

/// Whether a digest is due.
pub fn are_due(state: &Range, now: Timestamp) -> bool {
    state.digests.running.values().any(|r| r.due() <= now)
}

/// Delivers the digests that are due.
pub(super) fn deliver_due(state: &mut Range, now: Timestamp) {
    for _ in 0..AT_ONCE {
        let first = state.digests.running.iter();
        let Some((serial, running)) = first
            .filter(|(_, running)| running.due() <= now)
            .min_by_key(|(_, running)| running.due())
            .map(|(serial, running)| (serial.clone(), running.clone()))
        else {
            return;
        };
        let done = window(state, &serial, &running, now);
        let is_last = running.closing.is_some_and(|at| at <= running.end());
        if done.is_ok() && is_last {
            forget(state, &serial);
        } else if let Some(kept) = state.digests.running.get_mut(&serial) {
            match done {
                Ok(()) => {
                    kept.begun = running.end();
                    kept.retry = None;
                }
                Err(Undelivered) => kept.retry = Some(later(now, SignedDuration::from_mins(5))),
            }
        }
    }
}

/// The bucket did not take a digest: the trail says why.
struct Undelivered;

/// Delivers the digests of the window that is open: of the trail's home, and of wherever it delivered from.
fn window(
    state: &mut Range,
    serial: &str,
    running: &Running,
    now: Timestamp,
) -> Result<(), Undelivered> {
    let Some(trail) = delivery::trail_mut(state, &running.account, &running.place) else {
        forget(state, serial);
        return Ok(());
    };
    let trail = trail.clone();
    let mut scenes: BTreeSet<Scene> = BTreeSet::new();
    scenes.insert((running.account.clone(), trail.home.clone()));
    let all = state.digests.chains.keys();
    scenes.extend(all.filter(|(of, _)| of == serial).map(|(_, s)| s.clone()));
    let mut outcome = Ok(());
    for scene in scenes {
        let place = (serial.to_owned(), scene);
        let chain = state.digests.chains.get(&place).cloned();
        let chain = chain.unwrap_or_default();
        // Where one of several failed, the others have theirs.
        if chain
            .previous
            .as_ref()
            .is_some_and(|p| p.end >= running.end())
        {
            continue;
        }
        match digest(state, &trail, &place.1, &chain, running, now) {
            Ok(chain) => {
                state.digests.chains.insert(place, chain);
            }
            Err(why) => outcome = Err(why),
        }
    }
    if let Some(trail) = delivery::trail_mut(state, &running.account, &running.place) {
        trail.digest_error = outcome
            .as_ref()
            .err()
            .map(|why| delivery::code(why).to_owned());
        if outcome.is_ok() {
            trail.digested = Some(now);
        }
    }
    outcome.map_err(|_| Undelivered)
}

fn digest(
    state: &mut Range,
    trail: &Trail,
    scene: &Scene,
    chain: &Chain,
    running: &Running,
    now: Timestamp,
) -> Result<Chain, DeliveryError> {
    let (account, region) = scene;
    let end = running.end();
    let organization = organization(state, &trail.account).map(|(_, id)| id.to_owned());
    let object = key(&trail.settings, organization.as_deref(), trail, scene, end);
    let signer = public_keys::current(state, region, end).map_err(|_| DeliveryError::NotKept)?;
    let (files, rest): (Vec<LogFile>, Vec<LogFile>) = chain
        .files
        .iter()
        .cloned()
        .partition(|file| file.delivered <= end);
    let previous = chain.previous.as_ref();
    let digest = Digest {
        aws_account_id: account.as_str(),
        digest_start_time: text(running.begun),
        digest_end_time: text(end),
        bucket: &trail.settings.bucket,
        object: &object,
        digest_public_key_fingerprint: &signer.fingerprint,
        digest_signature_algorithm: SIGNATURE,
        newest_event_time: files.iter().map(|file| file.newest).max().map(text),
        oldest_event_time: files.iter().map(|file| file.oldest).min().map(text),
        previous_bucket: previous.map(|p| p.bucket.as_str()),
        previous_object: previous.map(|p| p.key.as_str()),
        previous_digest_hash_value: previous.map(|p| p.hash.as_str()),
        previous_digest_hash_algorithm: previous.map(|_| HASH),
        previous_digest_signature: previous.map(|p| p.signature.as_str()),
        log_files: files.iter().map(listed).collect(),
    };
    let content = serde_json::to_vec(&digest).map_err(|_| DeliveryError::NotKept)?;
    let hash = delivery::sha256(&content);
    let signed = format!(
        "{}\n{}/{object}\n{hash}\n{}",
        digest.digest_end_time,
        digest.bucket,
        previous.map_or("null", |p| p.signature.as_str())
    );
    let signature = public_keys::sign(state, region, &signer, signed.as_bytes());
    let signature = hex::encode(signature.map_err(|_| DeliveryError::NotKept)?);
    let attributes = Attributes {
        metadata: BTreeMap::from([
            ("signature".to_owned(), signature.clone()),
            ("signature-algorithm".to_owned(), SIGNATURE.to_owned()),
        ]),
        ..delivery::attributes()
    };
    let source_arn = trail.arn().to_string();
    let delivery = Delivery {
        service: delivery::SERVICE,
        source_arn: &source_arn,
        source_account: &trail.account,
        source_organization: organization.as_deref(),
    };
    let bucket = trail.settings.bucket.clone();
    let packed = delivery::packed(&content);
    state.put_object_as_service(&delivery, &bucket, &object, packed, attributes, now)?;
    Ok(Chain {
        previous: Some(Previous {
            bucket,
            key: object,
            hash,
            signature,
            end,
        }),
        files: rest,
    })
}

fn listed(file: &LogFile) -> Listed<'_> {
    Listed {
        bucket: &file.bucket,
        object: &file.key,
        hash_value: &file.hash,
        hash_algorithm: HASH,
        newest_event_time: text(file.newest),
        oldest_event_time: text(file.oldest),
    }
}

fn key(
    settings: &Settings,
    organization: Option<&str>,
    trail: &Trail,
    (account, region): &Scene,
    end: Timestamp,
) -> String {
    let folder = delivery::folder(settings, organization, account);
    let day = end.strftime("%Y/%m/%d");
    let time = end.strftime("%Y%m%dT%H%M%SZ");
    let (name, home) = (&trail.name, &trail.home);
    format!(
        "{folder}-Digest/{region}/{day}/{account}_CloudTrail-Digest_{region}_{name}_{home}_{time}.json.gz"
    )
}
