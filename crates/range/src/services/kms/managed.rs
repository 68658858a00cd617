//! The keys that AWS manages for its services: `aws/s3`, `aws/ebs` and their like, made on first use.
//!
//! Owns their aliases, their policies and their descriptions. Nobody shares them: their policy lets in the principals of their own
//! account through their own service, and nobody can change it.

use serde_json::json;
use stockade_model::Arn;
use stockade_wire::AwsError;

use super::aliases::RESERVED;
use super::deletion::after;
use super::naming::Name;
use super::rotation::PERIOD;
use super::state::{Alias, Key, KeyPolicy, Place, Rotation};
use super::{errors, keys, policies};
use crate::call::Call;
use crate::state::State as Range;

/// A service for which AWS manages a key.
#[derive(Debug, Clone, Copy)]
struct Service {
    /// As its alias has it.
    name: &'static str,
    /// Through which service it is used, as `kms:ViaService` begins.
    via: &'static str,
    /// As its statements call it.
    words: &'static str,
    /// What it protects.
    protects: &'static str,
    /// Whether the service makes grants on it.
    grants: bool,
}

const fn service(
    name: &'static str,
    via: &'static str,
    words: &'static str,
    protects: &'static str,
    grants: bool,
) -> Service {
    Service {
        name,
        via,
        words,
        protects,
        grants,
    }
}

const SERVICES: [Service; 16] = [
    service("acm", "acm", "ACM", "my ACM private keys", true),
    service("backup", "backup", "Backup", "my Backup data", true),
    service(
        "codecommit",
        "codecommit",
        "CodeCommit",
        "my CodeCommit repositories",
        false,
    ),
    service("dynamodb", "dynamodb", "DynamoDB", "my DynamoDB data", true),
    service("ebs", "ec2", "EBS", "my EBS volumes", true),
    service(
        "elasticfilesystem",
        "elasticfilesystem",
        "EFS",
        "my EFS filesystems",
        true,
    ),
    service("glue", "glue", "Glue", "my Glue data", false),
    service("kinesis", "kinesis", "Kinesis", "my Kinesis data", false),
    service("lambda", "lambda", "Lambda", "my Lambda functions", true),
    service("rds", "rds", "RDS", "my RDS database volumes", true),
    service(
        "redshift",
        "redshift",
        "Redshift",
        "my Redshift clusters",
        true,
    ),
    service("s3", "s3", "S3", "my S3 objects", false),
    service(
        "secretsmanager",
        "secretsmanager",
        "AWS Secrets Manager",
        "my Secrets Manager data",
        true,
    ),
    service("sns", "sns", "SNS", "my SNS data", false),
    service("sqs", "sqs", "SQS", "my SQS messages", false),
    service("ssm", "ssm", "SSM", "my SSM parameters", false),
];

fn known(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}

/// The ARN of any key of the caller's, as policies name it.
pub fn any_key_arn(call: &Call<'_>) -> String {
    Arn::aws(
        "kms",
        call.region.as_str(),
        call.account().as_str(),
        "key/*",
    )
    .to_string()
}

/// The key that a name would make by being asked for: AWS's own alias, which has none yet. It has no id and no material.
pub fn to_be_made(range: &Range, call: &Call<'_>, name: &str) -> Option<Key> {
    let Ok(Name::Alias { account, name }) = Name::read(name, call) else {
        return None;
    };
    let service = name.strip_prefix(RESERVED)?;
    if account != *call.account() {
        return None;
    }
    unmade(range, call, service)
}

/// A service's key in the caller's account, as long as there is none.
pub fn unmade(range: &Range, call: &Call<'_>, service: &str) -> Option<Key> {
    let alias = format!("{RESERVED}{service}");
    if range
        .kms
        .alias(call.account(), call.region, &alias)
        .is_some()
    {
        return None;
    }
    let service = known(service)?;
    let description = format!(
        "Default key that protects {} when no other key is defined",
        service.protects
    );
    let policy = policy(call, service);
    let key = keys::of_service(call, String::new(), service.name, description, policy);
    Some(Key {
        rotation: Rotation {
            period: Some(PERIOD),
            next: Some(after(call.now, PERIOD)),
            on_demand: 0,
        },
        ..key
    })
}

/// Makes such a key, with its alias.
///
/// # Errors
/// `KMSInternalException`.
pub fn make(range: &mut Range, key: Key) -> Result<Place, AwsError> {
    let id = keys::new_id(range, false);
    let mut key = Key { id, ..key };
    let material = keys::new_material(range, &key)?;
    key.materials.push(material);
    let service = key.service.clone().ok_or_else(errors::internal)?;
    let alias = Alias {
        name: format!("{RESERVED}{service}"),
        target: key.id.clone(),
        created: key.created,
        updated: key.created,
    };
    let (account, region, place) = (key.account.clone(), key.region.clone(), key.place());
    range.kms.put(key);
    range.kms.put_alias(&account, &region, alias);
    Ok(place)
}

fn policy(call: &Call<'_>, service: &Service) -> KeyPolicy {
    let (account, region) = (call.account(), call.region);
    let mut actions = vec![
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:ReEncrypt*",
        "kms:GenerateDataKey*",
    ];
    let mut looks = vec!["kms:Describe*", "kms:Get*", "kms:List*"];
    if service.grants {
        actions.push("kms:CreateGrant");
        looks.push("kms:RevokeGrant");
    }
    actions.push("kms:DescribeKey");
    let words = service.words;
    let document = json!({
        "Version": "2012-10-17",
        "Id": format!("auto-{}-2", service.name),
        "Statement": [
            {
                "Sid": format!("Allow access through {words} for all principals in the account that are authorized to use {words}"),
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": actions,
                "Resource": "*",
                "Condition": {"StringEquals": {
                    "kms:CallerAccount": account.as_str(),
                    "kms:ViaService": format!("{}.{region}.amazonaws.com", service.via),
                }},
            },
            {
                "Sid": "Allow direct access to key metadata to the account",
                "Effect": "Allow",
                "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
                "Action": looks,
                "Resource": "*",
            },
        ],
    });
    policies::of_text(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_stands_once() {
        for (at, service) in SERVICES.iter().enumerate() {
            let found = SERVICES.iter().position(|own| own.name == service.name);
            assert_eq!(found, Some(at));
        }
    }
}
