//! What the built-in detections find in a real account in which known techniques were detonated:
//! every technique, and little else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use stockade_detect::RuleSet;
use stockade_model::{Event, Finding, Origin, Severity};

use crate::logs::{data, invictus};

/// A technique that was detonated: the detection that must tell of it, the calls that prove it (in
/// any order, each once), the end of the principal's ARN.
const TECHNIQUES: &[(&str, &str, &[&str], &str)] = &[
    (
        "ask for the passwords of Windows instances",
        "credential-access/windows-passwords-attempt-refused",
        &["GetPasswordData"],
        "role/stratus-red-team-ec2-get-password-data-role/aws-go-sdk-1688990082523310002",
    ),
    (
        "use an instance's credentials elsewhere",
        "credential-access/instance-credentials-used-elsewhere",
        &["DescribeInstances", "GetCallerIdentity"],
        "role/stratus-red-team-ec2-steal-credentials-role/i-0dbc91f429e48eeed",
    ),
    (
        "read secrets in bulk",
        "credential-access/secrets-read-in-bulk",
        &["GetSecretValue"],
        "user/bert-jan",
    ),
    (
        "read parameters in bulk",
        "credential-access/parameters-decrypted-in-bulk",
        &["GetParameters"],
        "user/bert-jan",
    ),
    (
        "delete, and stop, a trail (gone already)",
        "defense-evasion/attempt-to-blind-refused",
        &["DeleteTrail", "StopLogging"],
        "user/bert-jan",
    ),
    (
        "leave the organisation (refused)",
        "defense-evasion/attempt-to-blind-refused",
        &["LeaveOrganization"],
        "role/stratus-red-team-leave-org-role/aws-go-sdk-1688990515440126480",
    ),
    (
        "narrow a trail's selectors",
        "defense-evasion/trail-narrowed",
        &["PutEventSelectors"],
        "user/bert-jan",
    ),
    (
        "let the trail's bucket expire",
        "defense-evasion/bucket-made-to-expire",
        &["PutBucketLifecycle"],
        "user/bert-jan",
    ),
    (
        "delete flow logs",
        "defense-evasion/flow-logs-deleted",
        &["DeleteFlowLogs"],
        "user/bert-jan",
    ),
    (
        "download user data",
        "discovery/start-up-scripts-read-in-bulk",
        &["DescribeInstanceAttribute"],
        "role/stratus-red-team-get-usr-data-role/aws-go-sdk-1688990565286187801",
    ),
    (
        "run commands on instances, from one of them enumerate",
        "execution/ssm-shell-command",
        &["SendCommand"],
        "user/bert-jan",
    ),
    (
        "launch costly instances, first time",
        "execution/costly-instances-launched",
        &["RunInstances"],
        "role/stratus-red-team-ec2lui-role-pcccexdthk/aws-go-sdk-1688990797103471741",
    ),
    (
        "launch costly instances, second time",
        "execution/costly-instances-launched",
        &["RunInstances"],
        "role/stratus-red-team-ec2lui-role-wuzemnoeqa/aws-go-sdk-1688990966084647983",
    ),
    (
        "open SSH to the world",
        "defense-evasion/remote-access-opened-to-the-world",
        &["AuthorizeSecurityGroupIngress"],
        "user/bert-jan",
    ),
    (
        "share an image",
        "exfiltration/machine-image-shared",
        &["ModifyImageAttribute"],
        "user/bert-jan",
    ),
    (
        "share a disk snapshot",
        "exfiltration/disk-snapshot-shared",
        &["ModifySnapshotAttribute"],
        "user/bert-jan",
    ),
    (
        "share a database snapshot",
        "exfiltration/database-snapshot-shared",
        &["ModifyDBSnapshotAttribute"],
        "user/bert-jan",
    ),
    (
        "open a bucket to another account",
        "exfiltration/bucket-policy-given-outside",
        &["PutBucketPolicy"],
        "user/bert-jan",
    ),
    (
        "sign in without MFA",
        "initial-access/console-login-without-mfa",
        &["ConsoleLogin"],
        "user/stratus-red-team-nmfalu-gfjyeaypjt",
    ),
    (
        "backdoor a role",
        "persistence/role-trust-given-outside",
        &["UpdateAssumeRolePolicy"],
        "user/bert-jan",
    ),
    (
        "backdoor a user with a key",
        "persistence/access-key-for-another-user",
        &["CreateAccessKey"],
        "user/bert-jan",
    ),
    (
        "make an administrator: its policy",
        "privilege-escalation/administrator-policy-to-user",
        &["AttachUserPolicy"],
        "user/bert-jan",
    ),
    (
        "make an administrator: user, policy, key",
        "persistence/new-user-with-key-and-rights",
        &["CreateUser", "AttachUserPolicy", "CreateAccessKey"],
        "user/bert-jan",
    ),
    (
        "make a console password",
        "persistence/console-password-for-another-user",
        &["CreateLoginProfile"],
        "user/bert-jan",
    ),
    (
        "backdoor a function",
        "persistence/function-open-to-all",
        &["AddPermission20150331v2"],
        "user/bert-jan",
    ),
    (
        "overwrite a function's code",
        "persistence/function-code-replaced-inline",
        &["UpdateFunctionCode20150331v2"],
        "user/bert-jan",
    ),
    (
        "make a trust anchor",
        "persistence/certificate-trust-anchor-made",
        &["CreateTrustAnchor"],
        "user/bert-jan",
    ),
];

struct Hunt {
    events: Vec<Event>,
    /// With the folder of the detection.
    findings: Vec<(String, Finding)>,
}

/// The rules of `content/detections`, without the behavioural detectors, which have their own tests.
fn rules() -> RuleSet {
    RuleSet::load_paths(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/detections")])
}

fn hunt() -> Hunt {
    let events = invictus();
    let rules = rules();
    assert!(rules.problems().is_empty(), "{:?}", rules.problems());
    let folders: BTreeMap<&str, &str> = rules
        .detections()
        .map(|meta| {
            let (_, folder) = meta.source.split_once("content/detections/").unwrap();
            (meta.id.as_str(), folder.trim_end_matches("/rule.yml"))
        })
        .collect();
    let findings = rules
        .hunt(&events)
        .into_iter()
        .map(|finding| (folders[finding.detection.as_str()].to_owned(), finding))
        .collect();
    Hunt { events, findings }
}

fn line((folder, finding): &(String, Finding)) -> String {
    let names: BTreeSet<&str> = finding.proof.iter().map(|p| p.name.as_str()).collect();
    let attempt = if finding.attempt { " (attempt)" } else { "" };
    format!(
        "{} {:6} {folder}{attempt}: {} × {names:?} by {}",
        finding.first,
        finding.severity,
        finding.proof.len(),
        finding.principal
    )
}

#[test]
fn every_technique_is_found_at_medium_or_more() {
    let hunt = hunt();
    let missed: Vec<&str> = TECHNIQUES
        .iter()
        .filter(|(_, folder, calls, principal)| {
            !hunt.findings.iter().any(|(found, finding)| {
                found == folder
                    && finding.severity >= Severity::Medium
                    && finding.principal.ends_with(principal)
                    && calls
                        .iter()
                        .all(|call| finding.proof.iter().any(|proof| proof.name == *call))
            })
        })
        .map(|(technique, ..)| *technique)
        .collect();
    let lines: Vec<String> = hunt.findings.iter().map(line).collect();
    assert!(
        missed.is_empty(),
        "missed {missed:#?}\n{}",
        lines.join("\n")
    );
}

#[test]
fn little_else_is_raised() {
    let hunt = hunt();
    let lines: Vec<String> = hunt.findings.iter().map(line).collect();
    let all = lines.join("\n");
    let high = hunt
        .findings
        .iter()
        .filter(|(_, finding)| finding.severity >= Severity::High)
        .count();
    assert_eq!(hunt.events.len(), 2900);
    assert!(high <= 4, "{high} are high\n{all}");
    assert!(hunt.findings.len() <= 31, "{all}");
    let known: BTreeSet<&str> = TECHNIQUES.iter().map(|(_, folder, ..)| *folder).collect();
    // A script reads every identity of the account before all begins (a line, at low); an administrator role is made
    // and trails are taken down by the set-up of the techniques: a person would want to see all three.
    let besides: Vec<&String> = hunt
        .findings
        .iter()
        .map(|(folder, _)| folder)
        .filter(|folder| !known.contains(folder.as_str()))
        .collect();
    assert_eq!(
        besides,
        [
            "discovery/all-identities-downloaded",
            "defense-evasion/trail-stopped-or-deleted",
            "privilege-escalation/administrator-policy-to-role-or-group"
        ],
        "{all}"
    );
}

#[test]
fn attempts_are_not_called_deeds() {
    let hunt = hunt();
    for (folder, finding) in &hunt.findings {
        assert!(
            !(finding.attempt && finding.severity >= Severity::High),
            "{folder} wakes somebody for an attempt"
        );
    }
    let attempts: BTreeSet<&str> = hunt
        .findings
        .iter()
        .filter(|(_, finding)| finding.attempt)
        .map(|(folder, _)| folder.as_str())
        .collect();
    assert_eq!(
        attempts.into_iter().collect::<Vec<_>>(),
        [
            "credential-access/windows-passwords-attempt-refused",
            "defense-evasion/attempt-to-blind-refused",
            "discovery/start-up-scripts-read-in-bulk",
            "execution/costly-instances-launched",
            "execution/ssm-shell-command",
        ]
    );
}

#[test]
fn rules_and_behaviour_together_stay_readable() {
    let findings = RuleSet::builtin().hunt(&invictus());
    let count = |least: Severity| findings.iter().filter(|f| f.severity >= least).count();
    let (medium, high) = (count(Severity::Medium), count(Severity::High));
    assert!(
        medium <= 34 && high <= 5,
        "{medium} are medium or more, {high} high: {:#?}",
        findings
            .iter()
            .filter(|f| f.severity >= Severity::High)
            .map(|f| &f.title)
            .collect::<Vec<_>>()
    );
}

/// The public rule set is the yardstick: it finds far fewer of the techniques.
#[test]
fn no_more_events_are_alerted_one_by_one_than_by_the_public_rules() {
    let events = invictus();
    let own = rules();
    let public = RuleSet::load_paths(&[data("sigma-aws")]);
    let alerted = |rules: &RuleSet| {
        events
            .iter()
            .filter(|event| {
                rules
                    .matches(event)
                    .iter()
                    .any(|meta| meta.severity >= Severity::Medium && !rules.is_part(&meta.id))
            })
            .count()
    };
    let (own, public) = (alerted(&own), alerted(&public));
    assert!(own <= public, "{own} events of ours, {public} of theirs");
}

/// What wakes somebody even when AWS refuses the call: that the credential is used at all.
const USE_IS_ENOUGH: &[&str] = &[
    "credential-access/instance-credentials-on-desktop",
    "initial-access/root-access-key-used",
];

#[test]
fn no_rule_wakes_somebody_for_a_refused_call() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/detections");
    let rules = rules();
    let (mut calls, mut woken) = (0, Vec::new());
    for meta in rules.detections() {
        let (_, folder) = meta.source.split_once("content/detections/").unwrap();
        let folder = folder.trim_end_matches("/rule.yml");
        if rules.is_part(&meta.id) || USE_IS_ENOUGH.contains(&folder) {
            continue;
        }
        let text = std::fs::read_to_string(root.join(folder).join("fires.ndjson")).unwrap();
        for line in text.lines() {
            let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
            if record["eventType"] != "AwsApiCall" {
                continue;
            }
            record["errorCode"] = "AccessDenied".into();
            let origin = Origin {
                source: folder.into(),
                index: 0,
            };
            let event = Event::new(record, origin).unwrap();
            calls += 1;
            for other in rules.matches(&event) {
                let part = rules.is_part(&other.id);
                let used = USE_IS_ENOUGH.iter().any(|used| other.source.contains(used));
                if !part && !used && other.severity >= Severity::High {
                    woken.push(format!("{} for an event of {folder}", other.title));
                }
            }
        }
    }
    assert!(calls > 100, "{calls}");
    assert!(woken.is_empty(), "{woken:#?}");
}
