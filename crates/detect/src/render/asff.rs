//! ASFF, as Security Hub's `BatchImportFindings` takes it: one document with the list of findings.
//!
//! Owns the mapping and its limits. A test holds it against Security Hub's own table.

use serde_json::{Map, Value, json};
use stockade_model::{Finding, Severity};

use super::{Hunted, fingerprint};

/// Security Hub's limits, in characters.
const TITLE: usize = 256;
const DESCRIPTION: usize = 1_024;
const TEXT: usize = 512;

/// The document, with a newline at the end: `{"Findings": […]}`.
pub fn render(hunted: &Hunted<'_>) -> Result<String, serde_json::Error> {
    let findings: Vec<Value> = hunted.findings.iter().map(of).collect();
    Ok(serde_json::to_string_pretty(&json!({"Findings": findings}))? + "\n")
}

fn of(finding: &Finding) -> Value {
    let account = finding.account.as_deref().unwrap_or("000000000000");
    let region = finding.region.as_deref().unwrap_or("us-east-1");
    let label = match finding.severity {
        Severity::Informational => "INFORMATIONAL",
        Severity::Low => "LOW",
        Severity::Medium => "MEDIUM",
        Severity::High => "HIGH",
        Severity::Critical => "CRITICAL",
    };
    let proof: Vec<String> = finding
        .proof
        .iter()
        .take(5)
        .map(|proof| {
            let id = proof.id.as_deref().unwrap_or("no id");
            format!("{} {} ({id})", proof.time, proof.name)
        })
        .collect();
    let types: Vec<String> = finding
        .tactics
        .iter()
        .map(|tactic| format!("TTPs/{}", titled(tactic.as_str())))
        .collect();
    let techniques: Vec<&str> = finding.techniques.iter().map(|one| one.as_str()).collect();
    let mut fields = Map::new();
    let mut note = |name: &str, value: String| {
        if !value.is_empty() {
            fields.insert(format!("stockade/{name}"), cut(&value, TEXT).into());
        }
    };
    note("principal", finding.principal.clone());
    note("techniques", techniques.join(" "));
    note("attempt", finding.attempt.to_string());
    note("events", finding.proof.len().to_string());
    note(
        "source-address",
        finding.source_address.clone().unwrap_or_default(),
    );
    note(
        "guardduty-type",
        finding.guardduty_type.clone().unwrap_or_default(),
    );
    let mut asff = json!({
        "SchemaVersion": "2018-10-08",
        "Id": format!("stockade/{}", fingerprint(finding)),
        "ProductArn": format!("arn:aws:securityhub:{region}:{account}:product/{account}/default"),
        "ProductName": "Stockade",
        "CompanyName": "Stockade",
        "GeneratorId": cut(&finding.detection, TEXT),
        "AwsAccountId": account,
        "Region": region,
        "Types": types,
        "FirstObservedAt": finding.first.to_string(),
        "LastObservedAt": finding.last.to_string(),
        "CreatedAt": finding.last.to_string(),
        "UpdatedAt": finding.last.to_string(),
        "Severity": {"Label": label, "Original": finding.severity.as_str()},
        "Title": cut(&finding.title, TITLE),
        "Description": cut(&format!("{} by {}. Proof: {}", finding.title, finding.principal, proof.join("; ")), DESCRIPTION),
        "Resources": resources(finding, account, region),
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
        "ProductFields": fields,
    });
    if let (Some(next), Some(asff)) = (&finding.next, asff.as_object_mut()) {
        asff.insert(
            "Remediation".into(),
            json!({"Recommendation": {"Text": cut(next, TEXT)}}),
        );
    }
    asff
}

/// The key, or the principal.
fn resources(finding: &Finding, account: &str, region: &str) -> Value {
    let partition = match region {
        region if region.starts_with("us-gov") => "aws-us-gov",
        region if region.starts_with("cn-") => "aws-cn",
        _ => "aws",
    };
    let base = |kind: &str, id: &str| json!({"Type": kind, "Id": cut(id, TEXT), "Partition": partition, "Region": region});
    if let Some(key) = &finding.access_key {
        let mut resource = base("AwsIamAccessKey", &format!("AWS::IAM::AccessKey:{key}"));
        if let Some(map) = resource.as_object_mut() {
            map.insert(
                "Details".into(),
                json!({"AwsIamAccessKey": {"AccessKeyId": key, "PrincipalName": cut(&finding.principal, TEXT), "AccountId": account}}),
            );
        }
        return json!([resource]);
    }
    let kind = match finding.principal.as_str() {
        arn if arn.contains(":user/") => "AwsIamUser",
        arn if arn.contains(":assumed-role/") || arn.contains(":role/") => "AwsIamRole",
        id if id.starts_with("i-") => "AwsEc2Instance",
        _ => "Other",
    };
    json!([base(kind, &finding.principal)])
}

/// `initial-access` as Security Hub spells it.
fn titled(tactic: &str) -> String {
    tactic
        .split('-')
        .map(|word| {
            let mut letters = word.chars();
            match letters.next() {
                Some(_) if matches!(word, "and" | "of") => word.to_owned(),
                Some(first) => first.to_uppercase().chain(letters).collect(),
                None => String::new(),
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
