use std::io::Write as _;
use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

static KEY: LazyLock<RsaKeyPair> =
    LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

fn keys() -> PublicKeys {
    let public = KEY.public_key();
    let value = base64::engine::general_purpose::STANDARD.encode(public.as_ref());
    let mut keys = PublicKeys::default();
    let list = json!({"PublicKeyList": [{"Value": value, "Fingerprint": "f"}]});
    keys.add(&list.to_string()).unwrap();
    keys
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(content).unwrap();
    gz.finish().unwrap()
}

/// Digests and log files by name, and the signatures that S3 has.
#[derive(Default, Clone)]
struct Copy {
    digests: Vec<Seen>,
    logs: BTreeMap<String, Vec<u8>>,
}

impl Logs for Copy {
    fn paths(&self) -> Vec<String> {
        self.logs.keys().cloned().collect()
    }

    fn read(&mut self, path: &str) -> Log {
        match unpack(&self.logs[path]) {
            Ok(content) => Log::Hash(sha256(&content)),
            Err(why) => Log::Broken(why.to_string()),
        }
    }
}

fn digest_name(hour: u32) -> String {
    format!("123456789012_CloudTrail-Digest_us-east-1_t_us-east-1_20260302T{hour:02}0000Z.json.gz")
}

fn log_name(hour: u32) -> String {
    format!("123456789012_CloudTrail_us-east-1_20260302T{hour:02}05Z_R{hour}.json.gz")
}

/// Digests that end at these hours, each with a log file in its hour. Where an hour is missing the chain begins anew.
fn delivered(hours: &[u32]) -> Copy {
    let mut copy = Copy::default();
    let mut previous: Option<(u32, String, String)> = None;
    for &hour in hours {
        let log = format!("{{\"Records\":[{hour}]}}");
        copy.logs.insert(log_name(hour - 1), packed(log.as_bytes()));
        let before = previous.filter(|(last, _, _)| *last == hour - 1);
        let digest = json!({
            "digestStartTime": format!("2026-03-02T{:02}:00:00Z", hour - 1),
            "digestEndTime": format!("2026-03-02T{hour:02}:00:00Z"),
            "digestS3Bucket": "b", "digestS3Object": format!("p/{}", digest_name(hour)),
            "digestPublicKeyFingerprint": "f",
            "previousDigestS3Object": before.as_ref().map(|(h, _, _)| format!("p/{}", digest_name(*h))),
            "previousDigestHashValue": before.as_ref().map(|(_, hash, _)| hash),
            "previousDigestSignature": before.as_ref().map(|(_, _, signature)| signature),
            "logFiles": [{"s3Bucket": "b", "s3Object": format!("p/{}", log_name(hour - 1)), "hashValue": sha256(log.as_bytes())}],
        });
        let seen = signed(digest, hour);
        let content = unpack(&seen.bytes).unwrap();
        previous = Some((hour, sha256(&content), seen.signature.clone().unwrap()));
        copy.digests.push(seen);
    }
    copy
}

fn signed(digest: Value, hour: u32) -> Seen {
    let content = digest.to_string().into_bytes();
    let text = Digest::read(&content)
        .unwrap()
        .signed_text(&sha256(&content));
    let mut signature = vec![0; KEY.public_modulus_len()];
    KEY.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text.as_bytes(),
        &mut signature,
    )
    .unwrap();
    Seen {
        path: format!("copy/{}", digest_name(hour)),
        bytes: packed(&content),
        signature: Some(hex::encode(signature)),
    }
}

fn report(mut copy: Copy) -> Report {
    validate(&copy.digests.clone(), &keys(), &mut copy)
}

fn verdict(report: &Report, name: &str) -> Verdict {
    let mut of = report.all().filter(|on| base(&on.file) == name);
    let found = of
        .next()
        .unwrap_or_else(|| panic!("no verdict on {name}: {report:?}"));
    assert!(of.next().is_none(), "two verdicts on {name}");
    found.verdict
}

#[test]
fn what_was_delivered_is_valid() {
    let report = report(delivered(&[8, 9, 10]));
    assert!(
        report.all().all(|on| on.verdict == Verdict::Valid),
        "{report:?}"
    );
    assert_eq!((report.digests.len(), report.logs.len()), (3, 3));
    assert!(!report.is_bad() && !report.is_incomplete());
}

#[test]
fn the_signature_of_the_newest_vouches_for_all_before_it() {
    let mut copy = delivered(&[8, 9, 10]);
    for seen in &mut copy.digests[..2] {
        seen.signature = None;
    }
    assert!(
        report(copy.clone())
            .all()
            .all(|on| on.verdict == Verdict::Valid)
    );
    copy.digests[2].signature = None;
    let report = report(copy);
    assert!(
        report.all().all(|on| on.verdict == Verdict::Unknown),
        "{report:?}"
    );
    assert!(!report.is_bad() && report.is_incomplete());
}

#[test]
fn log_files_that_were_altered_deleted_exchanged_and_added_are_told() {
    let mut copy = delivered(&[8, 9, 10, 11, 12]);
    copy.logs.insert(log_name(7), packed(b"{\"Records\":[]}"));
    copy.logs.remove(&log_name(8));
    let (one, other) = (
        copy.logs[&log_name(9)].clone(),
        copy.logs[&log_name(10)].clone(),
    );
    copy.logs.insert(log_name(9), other);
    copy.logs.insert(log_name(10), one);
    let added = log_name(11).replace("_R11", "_X");
    copy.logs.insert(added.clone(), packed(b"{}"));
    let report = report(copy);
    assert_eq!(verdict(&report, &log_name(7)), Verdict::Altered);
    assert_eq!(verdict(&report, &log_name(8)), Verdict::Missing);
    assert_eq!(verdict(&report, &log_name(9)), Verdict::Reordered);
    assert_eq!(verdict(&report, &log_name(10)), Verdict::Reordered);
    assert_eq!(verdict(&report, &log_name(11)), Verdict::Valid);
    assert_eq!(verdict(&report, &added), Verdict::Added);
    assert!(report.is_bad());
}

#[test]
fn a_digest_that_was_altered_leaves_its_files_unknown() {
    let mut copy = delivered(&[8, 9, 10]);
    let content = unpack(&copy.digests[1].bytes).unwrap();
    let mut digest: Value = serde_json::from_slice(&content).unwrap();
    digest["logFiles"] = json!([]);
    copy.digests[1].bytes = packed(digest.to_string().as_bytes());
    let report = report(copy);
    assert_eq!(verdict(&report, &digest_name(9)), Verdict::Altered);
    assert_eq!(verdict(&report, &log_name(8)), Verdict::Unknown);
    // The one before it has a signature of its own.
    assert_eq!(verdict(&report, &digest_name(8)), Verdict::Valid);
}

#[test]
fn a_digest_that_is_gone_is_missing() {
    for gone in [0, 1] {
        let mut copy = delivered(&[8, 9, 10]);
        copy.digests.remove(gone);
        let report = report(copy);
        let name = digest_name(8 + u32::try_from(gone).unwrap());
        assert_eq!(verdict(&report, &name), Verdict::Missing);
        assert!(report.is_bad());
    }
}

#[test]
fn digests_that_changed_places_are_reordered() {
    let mut copy = delivered(&[8, 9, 10]);
    let moved = copy.digests[0].bytes.clone();
    copy.digests[1].bytes = moved;
    assert_eq!(verdict(&report(copy), &digest_name(9)), Verdict::Reordered);
}

#[test]
fn a_stop_is_a_gap_with_its_times() {
    let mut copy = delivered(&[8, 9, 12, 13]);
    copy.logs.insert(log_name(10), packed(b"{}"));
    let report = report(copy);
    let [gap] = report.gaps.as_slice() else {
        panic!("{report:?}")
    };
    assert_eq!(gap.from.to_string(), "2026-03-02T09:00:00Z");
    assert_eq!(gap.to.to_string(), "2026-03-02T11:00:00Z");
    assert_eq!(verdict(&report, &log_name(10)), Verdict::Unknown);
    assert!(!report.is_bad() && report.is_incomplete());
}

#[test]
fn a_key_that_is_not_given_proves_nothing() {
    let mut copy = delivered(&[8]);
    let report = validate(&copy.digests.clone(), &PublicKeys::default(), &mut copy);
    assert_eq!(verdict(&report, &digest_name(8)), Verdict::Unknown);
}

proptest! {
    #[test]
    fn whatever_bytes_a_digest_has_none_is_valid_but_the_one_delivered(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        pack in any::<bool>(),
    ) {
        let mut copy = delivered(&[8, 9]);
        copy.digests[0].bytes = if pack { packed(&bytes) } else { bytes };
        prop_assert_eq!(verdict(&report(copy), &digest_name(8)), Verdict::Altered);
    }

    #[test]
    fn a_bit_that_is_turned_in_a_digest_is_found(at in any::<proptest::sample::Index>(), bit in 0..8_u8) {
        let mut copy = delivered(&[8, 9]);
        let mut content = unpack(&copy.digests[0].bytes).unwrap();
        let at = at.index(content.len());
        content[at] ^= 1 << bit;
        copy.digests[0].bytes = packed(&content);
        let found = verdict(&report(copy), &digest_name(8));
        prop_assert!(found.is_bad(), "{:?}", found);
    }

    #[test]
    fn names_of_any_kind_are_read_without_a_fault(name in ".{0,80}") {
        let _ = (DigestName::read(&name), LogName::read(&name));
    }
}
