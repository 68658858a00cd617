//! OCSF 1.4: a Detection Finding (class 2004) a line, with the cloud profile.
//!
//! Owns the mapping. Which attributes the class must have, and of what type, a test holds against a pinned copy of
//! the schema's facts (`tests/it/ocsf.json`).

use serde_json::{Map, Value, json};
use stockade_model::{EventRef, Finding, Severity, Tactic};

use super::{Hunted, VERSION, fingerprint};

/// So many events are listed as evidence.
const EVENTS: usize = 20;

/// One finding a line.
pub fn render(hunted: &Hunted<'_>) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    for finding in hunted.findings {
        text.push_str(&serde_json::to_string(&of(finding))?);
        text.push('\n');
    }
    Ok(text)
}

fn of(finding: &Finding) -> Value {
    let (severity_id, severity) = match finding.severity {
        Severity::Informational => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    };
    let rule = finding.detection.len() == 36;
    let mut cloud = Map::new();
    cloud.insert("provider".into(), "AWS".into());
    if let Some(account) = &finding.account {
        cloud.insert(
            "account".into(),
            json!({"uid": account, "type": "AWS Account", "type_id": 10}),
        );
    }
    if let Some(region) = &finding.region {
        cloud.insert("region".into(), region.as_str().into());
    }
    let mut info = json!({
        "uid": fingerprint(finding),
        "title": finding.title,
        "first_seen_time": finding.first.as_millisecond(),
        "last_seen_time": finding.last.as_millisecond(),
        "created_time": finding.last.as_millisecond(),
        "analytic": {"uid": finding.detection, "name": finding.title,
            "type_id": if rule { 1 } else { 2 }, "type": if rule { "Rule" } else { "Behavioral" }},
        "attacks": attacks(finding),
        "related_events_count": finding.proof.len(),
        "related_events": finding.proof.iter().take(EVENTS).map(related).collect::<Vec<_>>(),
        "data_sources": sources(finding),
    });
    if let (Some(kind), Some(info)) = (&finding.guardduty_type, info.as_object_mut()) {
        info.insert("types".into(), json!([kind]));
    }
    let mut event = json!({
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "category_uid": 2,
        "category_name": "Findings",
        "activity_id": 1,
        "activity_name": "Create",
        "type_uid": 200_401,
        "type_name": "Detection Finding: Create",
        "severity_id": severity_id,
        "severity": severity,
        "status_id": 1,
        "status": "New",
        "is_alert": finding.severity >= Severity::High,
        "time": finding.last.as_millisecond(),
        "start_time": finding.first.as_millisecond(),
        "end_time": finding.last.as_millisecond(),
        "count": finding.proof.len(),
        "message": format!("{}: {}", finding.title, finding.principal),
        "metadata": {"version": "1.4.0", "profiles": ["cloud"],
            "product": {"name": "Stockade", "vendor_name": "Stockade", "version": VERSION}},
        "cloud": cloud,
        "finding_info": info,
        "evidences": [evidence(finding)],
        "observables": observables(finding),
    });
    if let (Some(next), Some(event)) = (&finding.next, event.as_object_mut()) {
        event.insert("remediation".into(), json!({"desc": next}));
    }
    event
}

/// Who did it, with which call, from where.
fn evidence(finding: &Finding) -> Value {
    let mut user = json!({"name": short(&finding.principal), "uid": finding.principal});
    if let (Some(key), Some(user)) = (&finding.access_key, user.as_object_mut()) {
        user.insert("credential_uid".into(), key.as_str().into());
    }
    let mut evidence = json!({"actor": {"user": user}});
    let Some(map) = evidence.as_object_mut() else {
        return evidence;
    };
    if let Some(proof) = finding.proof.first() {
        map.insert("api".into(), json!({"operation": proof.name}));
    }
    if let Some(address) = &finding.source_address {
        let of = if address.parse::<std::net::IpAddr>().is_ok() {
            "ip"
        } else {
            "hostname"
        };
        map.insert("src_endpoint".into(), json!({of: address}));
    }
    evidence
}

fn observables(finding: &Finding) -> Vec<Value> {
    let mut all = vec![
        json!({"name": "evidences[].actor.user.uid", "type_id": 31, "type": "User: uid", "value": finding.principal}),
    ];
    if let Some(address) = finding
        .source_address
        .as_ref()
        .filter(|text| text.parse::<std::net::IpAddr>().is_ok())
    {
        all.push(json!({"name": "evidences[].src_endpoint.ip", "type_id": 2, "type": "IP Address", "value": address}));
    }
    if let Some(key) = &finding.access_key {
        all.push(json!({"name": "evidences[].actor.user.credential_uid", "type_id": 19, "type": "User Credential ID", "value": key}));
    }
    all
}

fn related(proof: &EventRef) -> Value {
    json!({"uid": proof.id.clone().unwrap_or_else(|| format!("{}#{}", proof.origin.source, proof.origin.index)),
        "title": proof.name, "first_seen_time": proof.time.as_millisecond()})
}

fn sources(finding: &Finding) -> Vec<String> {
    let mut all: Vec<String> = finding
        .proof
        .iter()
        .take(EVENTS)
        .map(|proof| proof.origin.source.to_string())
        .collect();
    all.sort();
    all.dedup();
    all
}

/// Each technique with the finding's tactics.
fn attacks(finding: &Finding) -> Vec<Value> {
    let tactics: Vec<Value> = finding
        .tactics
        .iter()
        .map(|tactic| json!({"uid": uid(*tactic), "name": tactic.as_str()}))
        .collect();
    let first = tactics.first().cloned();
    if finding.techniques.is_empty() {
        return first
            .map(|tactic| json!({"tactic": tactic, "version": "17"}))
            .into_iter()
            .collect();
    }
    finding
        .techniques
        .iter()
        .map(|technique| {
            let (whole, sub) = match technique.as_str().split_once('.') {
                Some((whole, _)) => (whole, Some(technique.as_str())),
                None => (technique.as_str(), None),
            };
            let mut attack = json!({"technique": {"uid": whole}, "version": "17"});
            if let Some(map) = attack.as_object_mut() {
                if let Some(tactic) = &first {
                    map.insert("tactic".into(), tactic.clone());
                }
                if let Some(sub) = sub {
                    map.insert("sub_technique".into(), json!({"uid": sub}));
                }
            }
            attack
        })
        .collect()
}

/// ATT&CK's number of a tactic.
pub(crate) fn uid(tactic: Tactic) -> &'static str {
    match tactic {
        Tactic::Reconnaissance => "TA0043",
        Tactic::ResourceDevelopment => "TA0042",
        Tactic::InitialAccess => "TA0001",
        Tactic::Execution => "TA0002",
        Tactic::Persistence => "TA0003",
        Tactic::PrivilegeEscalation => "TA0004",
        Tactic::DefenseEvasion => "TA0005",
        Tactic::CredentialAccess => "TA0006",
        Tactic::Discovery => "TA0007",
        Tactic::LateralMovement => "TA0008",
        Tactic::Collection => "TA0009",
        Tactic::CommandAndControl => "TA0011",
        Tactic::Exfiltration => "TA0010",
        Tactic::Impact => "TA0040",
    }
}

fn short(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}
