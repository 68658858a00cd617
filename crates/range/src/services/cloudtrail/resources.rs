//! The resources of a record, as `LookupEvents` names them.
//!
//! Owns the table of members that name a resource. CloudTrail reads them out of what was asked and answered.

use serde_json::Value;

/// A resource that a record speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    /// As in `AWS::IAM::User`.
    pub(super) kind: &'static str,
    /// A name, an id or an ARN.
    pub(super) name: String,
}

/// Members by service (empty: of every service) and name, with the type of what they name.
const MEMBERS: &[(&str, &str, &str)] = &[
    ("iam", "userName", "AWS::IAM::User"),
    ("iam", "groupName", "AWS::IAM::Group"),
    ("iam", "roleName", "AWS::IAM::Role"),
    ("iam", "policyArn", "AWS::IAM::Policy"),
    ("iam", "policyName", "AWS::IAM::Policy"),
    ("iam", "instanceProfileName", "AWS::IAM::InstanceProfile"),
    ("iam", "serialNumber", "AWS::IAM::MfaDevice"),
    ("iam", "accessKeyId", "AWS::IAM::AccessKey"),
    ("sts", "accessKeyId", "AWS::IAM::AccessKey"),
    ("sts", "roleArn", "AWS::IAM::Role"),
    ("sts", "assumedRoleId", "AWS::STS::AssumedRole"),
    ("s3", "bucketName", "AWS::S3::Bucket"),
    ("cloudtrail", "name", "AWS::CloudTrail::Trail"),
    ("cloudtrail", "trailName", "AWS::CloudTrail::Trail"),
    ("cloudtrail", "trailARN", "AWS::CloudTrail::Trail"),
    ("cloudtrail", "s3BucketName", "AWS::S3::Bucket"),
    ("organizations", "accountId", "AWS::Organizations::Account"),
    ("organizations", "policyId", "AWS::Organizations::Policy"),
];

/// The resources of a record, each once.
pub(super) fn of(record: &Value) -> Vec<Resource> {
    let source = record
        .get("eventSource")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let service = source.split('.').next().unwrap_or_default();
    let mut found = Vec::new();
    for part in ["requestParameters", "responseElements"] {
        if let Some(value) = record.get(part) {
            walk(service, "", value, &mut found);
        }
    }
    found
}

fn walk(service: &str, parent: &str, value: &Value, found: &mut Vec<Resource>) {
    let Some(members) = value.as_object() else {
        return;
    };
    for (name, value) in members {
        match value {
            Value::String(text) if !text.is_empty() => {
                let kind = match (service, parent, name.as_str()) {
                    ("sts", "assumedRoleUser", "arn") => Some("AWS::STS::AssumedRole"),
                    _ => MEMBERS
                        .iter()
                        .find(|(of, member, _)| *of == service && member == name)
                        .map(|(_, _, kind)| *kind),
                };
                let Some(kind) = kind else { continue };
                let resource = Resource {
                    kind,
                    name: text.clone(),
                };
                if !found.contains(&resource) {
                    found.push(resource);
                }
            }
            Value::Object(_) => walk(service, name, value, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_was_asked_and_answered() {
        let record = json!({
            "eventSource": "iam.amazonaws.com", "requestParameters": {"userName": "bob"},
            "responseElements": {"accessKey": {"userName": "bob", "accessKeyId": "AKIA1", "status": "Active"}},
        });
        let names: Vec<_> = of(&record).into_iter().map(|r| (r.kind, r.name)).collect();
        assert_eq!(
            names,
            [
                ("AWS::IAM::User", "bob".into()),
                ("AWS::IAM::AccessKey", "AKIA1".to_owned())
            ]
        );
        assert!(
            of(&json!({"eventSource": "iam.amazonaws.com", "requestParameters": null})).is_empty()
        );
    }

    #[test]
    fn an_assumed_role_is_named_by_id_and_arn() {
        let record = json!({
            "eventSource": "sts.amazonaws.com", "requestParameters": {"roleArn": "arn:aws:iam::1:role/r"},
            "responseElements": {"assumedRoleUser": {"arn": "arn:aws:sts::1:assumed-role/r/s", "assumedRoleId": "AROA1:s"}},
        });
        let kinds: Vec<_> = of(&record).into_iter().map(|r| r.kind).collect();
        assert_eq!(
            kinds,
            [
                "AWS::IAM::Role",
                "AWS::STS::AssumedRole",
                "AWS::STS::AssumedRole"
            ]
        );
    }
}
