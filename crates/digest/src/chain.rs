//! From digests and log files to verdicts.
//!
//! Owns the walk along each chain, the newest digest first: a digest that is proved vouches for the signature and the hash of the
//! one before it, so that a copy without S3's metadata needs the signature of the newest alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::form::Digest;
use crate::keys::PublicKeys;
use crate::names::{DigestName, LogName, base};
use crate::packed::{sha256, unpack};
use crate::report::{Gap, Report, Verdict, VerdictOn};

/// A digest file that is there.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its path or key.
    pub path: String,
    /// As it lies there, packed.
    pub bytes: Vec<u8>,
    /// The signature that its metadata has, where that is known.
    pub signature: Option<String>,
}

/// What is known of a log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Log {
    /// The hash of its content.
    Hash(String),
    /// It is there and has no content that could be hashed.
    Broken(String),
}

/// The log files that are there.
pub trait Logs {
    /// Their paths.
    fn paths(&self) -> Vec<String>;
    /// Reads one.
    fn read(&mut self, path: &str) -> Log;
}

struct Read<'a> {
    seen: &'a Seen,
    name: DigestName,
    hash: String,
    digest: Result<Digest, String>,
}

/// Judges every file.
pub fn validate(digests: &[Seen], keys: &PublicKeys, logs: &mut dyn Logs) -> Report {
    let mut chains: BTreeMap<String, Vec<Read<'_>>> = BTreeMap::new();
    for seen in digests {
        if let Some(name) = DigestName::read(&seen.path) {
            let chain = chains.entry(name.chain.clone()).or_default();
            chain.push(read(seen, name));
        }
    }
    let mut report = Report::default();
    let mut proved = Vec::new();
    for chain in chains.values_mut() {
        chain.sort_by_key(|read| Reverse(read.name.end));
        walk(chain, keys, &mut report, &mut proved);
    }
    judge_logs(&proved, logs, &mut report);
    report
}

fn read(seen: &Seen, name: DigestName) -> Read<'_> {
    let content = unpack(&seen.bytes).map_err(|why| why.to_string());
    let hash = content.as_deref().map(sha256).unwrap_or_default();
    let digest = content.and_then(|content| {
        let digest = Digest::read(&content).map_err(|why| why.to_string())?;
        match digest.end() {
            Some(end) if end >= digest.start => Ok(digest),
            _ => Err("its times make no sense".to_owned()),
        }
    });
    Read {
        seen,
        name,
        hash,
        digest,
    }
}

/// A digest that is judged, and where it stands.
struct Proved {
    account: String,
    region: String,
    digest: Digest,
}

fn walk(chain: &[Read<'_>], keys: &PublicKeys, report: &mut Report, proved: &mut Vec<Proved>) {
    let mut verdicts = Vec::new();
    let mut gaps = Vec::new();
    // The digest after the one that is looked at, where it is proved.
    let mut after: Option<Digest> = None;
    let mut is_newest = true;
    for read in chain {
        if let Some(expected) = after.as_ref().and_then(|d| d.previous_object.as_deref())
            && DigestName::read(expected).is_some_and(|name| name.end > read.name.end)
        {
            verdicts.push(VerdictOn {
                file: expected.to_owned(),
                verdict: Verdict::Missing,
                why: "the digest after it names it".to_owned(),
            });
            after = None;
        }
        let begins_anew = after.as_ref().filter(|d| d.previous_object.is_none());
        if let (Some(next), Ok(digest)) = (begins_anew, &read.digest) {
            gaps.extend(digest.end().map(|from| Gap {
                chain: chain_name(&read.name),
                from,
                to: next.start,
                why: "the chain begins anew: logging or validation was stopped".to_owned(),
            }));
            after = None;
        }
        let (verdict, why) = judge(read, after.as_ref(), is_newest, keys);
        verdicts.push(VerdictOn {
            file: read.seen.path.clone(),
            verdict,
            why,
        });
        is_newest = false;
        after = match &read.digest {
            Ok(digest) if verdict == Verdict::Valid => {
                proved.push(Proved {
                    account: read.name.account.clone(),
                    region: read.name.region.clone(),
                    digest: digest.clone(),
                });
                Some(digest.clone())
            }
            _ => None,
        };
    }
    if let Some(expected) = after.and_then(|digest| digest.previous_object) {
        verdicts.push(VerdictOn {
            file: expected,
            verdict: Verdict::Missing,
            why: "the digest after it names it".to_owned(),
        });
    }
    verdicts.reverse();
    gaps.reverse();
    report.digests.extend(verdicts);
    report.gaps.extend(gaps);
}

fn chain_name(name: &DigestName) -> String {
    format!("{}/{}/{}", name.account, name.region, name.trail)
}

fn judge(
    read: &Read<'_>,
    after: Option<&Digest>,
    is_newest: bool,
    keys: &PublicKeys,
) -> (Verdict, String) {
    let digest = match &read.digest {
        Ok(digest) => digest,
        Err(why) => return (Verdict::Altered, why.clone()),
    };
    if base(&digest.object) != base(&read.seen.path) {
        let why = format!("it is the digest {}", base(&digest.object));
        return (Verdict::Reordered, why);
    }
    if let Some(hash) = after.and_then(|digest| digest.previous_hash.as_deref())
        && !hash.eq_ignore_ascii_case(&read.hash)
    {
        let why = "its content is not what the digest after it vouches for";
        return (Verdict::Altered, why.to_owned());
    }
    let vouched = after.and_then(|digest| digest.previous_signature.as_deref());
    let Some(signature) = vouched.or(read.seen.signature.as_deref()) else {
        let why = if is_newest {
            "no signature: none came with the copy, and no later digest vouches for it"
        } else {
            "no signature: none came with the copy, and the digest after it is not proved"
        };
        return (Verdict::Unknown, why.to_owned());
    };
    let text = digest.signed_text(&read.hash);
    match keys.verify(&digest.fingerprint, text.as_bytes(), signature) {
        Some(true) => (Verdict::Valid, String::new()),
        Some(false) => (Verdict::Altered, "its signature does not fit".to_owned()),
        None => {
            let why = format!("the public key {} is not given", digest.fingerprint);
            (Verdict::Unknown, why)
        }
    }
}

fn judge_logs(proved: &[Proved], logs: &mut dyn Logs, report: &mut Report) {
    let mut there: BTreeMap<String, String> = BTreeMap::new();
    for path in logs.paths() {
        if LogName::read(&path).is_some() {
            there.insert(base(&path).to_owned(), path);
        }
    }
    let mut hashes: BTreeMap<String, Log> = BTreeMap::new();
    for (name, path) in &there {
        hashes.insert(name.clone(), logs.read(path));
    }
    let by_hash: BTreeMap<&str, &str> = hashes
        .iter()
        .filter_map(|(name, log)| match log {
            Log::Hash(hash) => Some((hash.as_str(), name.as_str())),
            Log::Broken(_) => None,
        })
        .collect();
    let listed = proved.iter().flat_map(|proved| &proved.digest.logs);
    let mut judged = BTreeSet::new();
    let mut verdicts: BTreeMap<String, VerdictOn> = BTreeMap::new();
    let origin: BTreeMap<String, String> = listed
        .clone()
        .map(|log| (log.hash.to_ascii_lowercase(), base(&log.object).to_owned()))
        .collect();
    for log in listed {
        let name = base(&log.object);
        judged.insert(name);
        let expected = log.hash.to_ascii_lowercase();
        let (verdict, why) = match hashes.get(name) {
            Some(Log::Hash(hash)) if *hash == expected => (Verdict::Valid, String::new()),
            Some(Log::Hash(hash)) => match origin.get(hash) {
                Some(other) => (
                    Verdict::Reordered,
                    format!("its content is that of {other}"),
                ),
                None => (
                    Verdict::Altered,
                    "its content is not what was delivered".to_owned(),
                ),
            },
            Some(Log::Broken(why)) => (Verdict::Altered, why.clone()),
            None => match by_hash.get(expected.as_str()) {
                Some(other) => (Verdict::Reordered, format!("its content is in {other}")),
                None => (Verdict::Missing, "a digest lists it".to_owned()),
            },
        };
        let file = there.get(name).cloned();
        verdicts.insert(
            name.to_owned(),
            VerdictOn {
                file: file.unwrap_or_else(|| log.object.clone()),
                verdict,
                why,
            },
        );
    }
    for (name, path) in &there {
        if judged.contains(name.as_str()) {
            continue;
        }
        let covered = LogName::read(name).is_some_and(|log| is_covered(&log, proved));
        let (verdict, why) = if covered {
            let why = "the digest of the time in its name does not list it";
            (Verdict::Added, why)
        } else {
            let why = "no digest that is proved tells of the time in its name";
            (Verdict::Unknown, why)
        };
        verdicts.insert(
            name.clone(),
            VerdictOn {
                file: path.clone(),
                verdict,
                why: why.to_owned(),
            },
        );
    }
    report.logs.extend(verdicts.into_values());
}

/// Whether a digest tells of all of the minute in which a log file was delivered.
fn is_covered(log: &LogName, proved: &[Proved]) -> bool {
    let until = log
        .delivered
        .checked_add(SignedDuration::from_mins(1))
        .unwrap_or(Timestamp::MAX);
    proved.iter().any(|proved| {
        proved.account == log.account
            && proved.region == log.region
            && proved.digest.start <= log.delivered
            && proved.digest.end().is_some_and(|end| until <= end)
    })
}

#[cfg(test)]
mod tests;
