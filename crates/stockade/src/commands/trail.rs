//! `stockade trail validate`: whether log files are what CloudTrail delivered.
//!
//! Owns where the files come from and how verdicts are shown; the verdicts are `stockade-digest`'s.
//! Exit status: 0 all valid, 1 something was tampered with, 2 nothing to work on, 3 something is not known.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use stockade_cloud::{Client, Config, Environment, Overrides};
use stockade_digest::{DigestName, Log, LogName, Logs, PublicKeys, Report, Seen, Verdict};
use stockade_digest::{base, sha256, unpack, validate};
use stockade_model::{Clock, Region, SystemClock};

use super::waiting;
use crate::out::{self, Status};

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Say of each log file and digest whether it is what CloudTrail delivered
    Validate(Validate),
}

#[derive(Args)]
struct Validate {
    /// A folder that was copied from the bucket, or s3://BUCKET/PREFIX
    from: String,
    /// What `aws cloudtrail list-public-keys` printed, one region after the other; may be given more than once. With s3:// the
    /// keys are asked for without it
    #[arg(long, value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Signatures of digests, which S3 keeps beside them and a copy does not: JSON, {"FILE NAME": "SIGNATURE"}
    #[arg(long, value_name = "FILE")]
    signatures: Vec<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Name the valid files too
    #[arg(long)]
    all: bool,
    /// The profile of the AWS configuration, for s3://
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The region of the calls, for s3://
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Another endpoint than AWS's own, for s3://
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
}

pub fn run(arguments: &Arguments) -> Status {
    let What::Validate(arguments) = &arguments.what;
    match validated(arguments) {
        Ok(report) => show(arguments, &report),
        Err(why) => out::fail(&why),
    }
}

fn validated(arguments: &Validate) -> Result<Report, String> {
    let mut keys = PublicKeys::default();
    for file in &arguments.keys {
        let text = text_of(file)?;
        keys.add(&text)
            .map_err(|why| format!("{}: {why}", file.display()))?;
    }
    let mut signatures = BTreeMap::new();
    for file in &arguments.signatures {
        let read: BTreeMap<String, String> = serde_json::from_str(&text_of(file)?)
            .map_err(|why| format!("{}: {why}", file.display()))?;
        signatures.extend(read.into_iter().map(|(k, v)| (base(&k).to_owned(), v)));
    }
    let (mut digests, mut logs) = match arguments.from.strip_prefix("s3://") {
        Some(place) => from_bucket(arguments, place, &mut keys)?,
        None => from_folder(Path::new(&arguments.from))?,
    };
    if digests.is_empty() {
        return Err(format!(
            "{}: there is no digest file in it; was the trail's log-file validation on, and CloudTrail-Digest copied too?",
            arguments.from
        ));
    }
    if keys.is_empty() {
        return Err("there are no public keys: give --keys FILE, with what aws cloudtrail list-public-keys printed".to_owned());
    }
    for digest in &mut digests {
        if let Some(signature) = signatures.get(base(&digest.path)) {
            digest.signature = Some(signature.clone());
        }
    }
    Ok(validate(&digests, &keys, &mut logs))
}

fn text_of(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))
}

/// The log files that are there: those of a folder are read when they are asked for.
struct Files(BTreeMap<String, Option<Log>>);

impl Logs for Files {
    fn paths(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn read(&mut self, path: &str) -> Log {
        match self.0.get(path) {
            Some(Some(known)) => known.clone(),
            _ => match std::fs::read(path) {
                Ok(bytes) => hashed(&bytes),
                Err(why) => Log::Broken(why.to_string()),
            },
        }
    }
}

fn hashed(bytes: &[u8]) -> Log {
    match unpack(bytes) {
        Ok(content) => Log::Hash(sha256(&content)),
        Err(why) => Log::Broken(why.to_string()),
    }
}

fn from_folder(folder: &Path) -> Result<(Vec<Seen>, Files), String> {
    let mut digests = Vec::new();
    let mut logs = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |why: std::io::Error| format!("{}: {why}", folder.display());
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let shown = path.display().to_string();
            // What a link leads to is not followed: it could lead round in a circle.
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(path);
            } else if DigestName::read(&shown).is_some() {
                let bytes = std::fs::read(&path).map_err(|why| format!("{shown}: {why}"))?;
                digests.push(Seen {
                    path: shown,
                    bytes,
                    signature: None,
                });
            } else if LogName::read(&shown).is_some() {
                logs.insert(shown, None);
            }
        }
    }
    Ok((digests, Files(logs)))
}

fn from_bucket(
    arguments: &Validate,
    place: &str,
    keys: &mut PublicKeys,
) -> Result<(Vec<Seen>, Files), String> {
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let mut answer = Err("the work did not begin".to_owned());
    waiting(async {
        answer = fetch(arguments, bucket, prefix, keys).await;
        Status::Fine
    });
    answer
}

async fn fetch(
    arguments: &Validate,
    bucket: &str,
    prefix: &str,
    keys: &mut PublicKeys,
) -> Result<(Vec<Seen>, Files), String> {
    let said = |why: stockade_cloud::CloudError| why.to_string();
    let overrides = Overrides {
        profile: arguments.profile.clone(),
        region: arguments.region.clone(),
        endpoint: arguments.endpoint_url.clone(),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let config = Config::load(&Environment::of_process(), &overrides, clock)
        .await
        .map_err(|why| why.to_string())?;
    let client = Client::new(config).map_err(said)?;
    let listed = client
        .pages(
            "s3",
            "ListObjectsV2",
            json!({"Bucket": bucket, "Prefix": prefix}),
            "Contents",
        )
        .await
        .map_err(said)?;
    let mut digests = Vec::new();
    let mut logs = BTreeMap::new();
    let mut regions = BTreeMap::new();
    for key in listed.iter().filter_map(|one| one.get("Key")?.as_str()) {
        let digest = DigestName::read(key);
        if digest.is_none() && LogName::read(key).is_none() {
            continue;
        }
        let input = json!({"Bucket": bucket, "Key": key});
        let (object, body) = client
            .call_with_body("s3", "GetObject", input, None)
            .await
            .map_err(said)?;
        let body = body.unwrap_or_default();
        let Some(name) = digest else {
            logs.insert(key.to_owned(), Some(hashed(&body)));
            continue;
        };
        let (first, last) = regions.entry(name.region).or_insert((name.end, name.end));
        (*first, *last) = (name.end.min(*first), name.end.max(*last));
        let signature = object.get("Metadata").and_then(|m| m.get("signature"));
        digests.push(Seen {
            path: key.to_owned(),
            bytes: body.to_vec(),
            signature: signature.and_then(Value::as_str).map(str::to_owned),
        });
    }
    if arguments.keys.is_empty() {
        for (region, (first, last)) in regions {
            let region: Region = region.parse().map_err(|_| format!("{region}: no region"))?;
            // Those that were valid when the digests were signed, whatever the time is here.
            let input = json!({"StartTime": first.to_string(), "EndTime": last.to_string()});
            let there = client.in_region(&region);
            let answer = there.call("cloudtrail", "ListPublicKeys", input).await;
            let answer = Value::Object(answer.map_err(said)?.into_iter().collect());
            keys.add(&answer.to_string())
                .map_err(|why| why.to_string())?;
        }
    }
    Ok((digests, Files(logs)))
}

fn show(arguments: &Validate, report: &Report) -> Status {
    let status = if report.is_bad() {
        Status::Found
    } else if report.is_incomplete() {
        Status::Incomplete
    } else {
        Status::Fine
    };
    if arguments.json {
        out::print(&format!("{}\n", json!(report)));
        return status;
    }
    let mut text = String::new();
    for (kind, verdicts) in [("digest", &report.digests), ("log", &report.logs)] {
        for on in verdicts {
            if arguments.all || on.verdict != Verdict::Valid {
                let why = if on.why.is_empty() { "" } else { ": " };
                let name = on.verdict.name();
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{name:<10} {kind:<6} {}{why}{}", on.file, on.why);
            }
        }
    }
    for gap in &report.gaps {
        let (from, to) = (gap.from, gap.to);
        let _ = writeln!(
            text,
            "{:<10} gap    {} from {from} to {to}: {}",
            "unknown", gap.chain, gap.why
        );
    }
    for (kind, verdicts) in [("digests", &report.digests), ("log files", &report.logs)] {
        let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
        for on in verdicts {
            *counts.entry(on.verdict).or_default() += 1;
        }
        let counts: Vec<String> = counts
            .iter()
            .map(|(verdict, count)| format!("{count} {}", verdict.name()))
            .collect();
        let counts = if counts.is_empty() {
            "none".to_owned()
        } else {
            counts.join(", ")
        };
        let _ = writeln!(text, "{kind}: {counts}");
    }
    out::print(&text);
    status
}
