//! Which actions resource control policies bind.
//!
//! Owns the list of services, from the page on resource control policies in the AWS Organizations user guide, as it stood in
//! 2026.

/// The services' prefixes, in order.
const SERVICES: [&str; 62] = [
    "aoss",
    "appconfig",
    "appstream",
    "autoscaling",
    "autoscaling-plans",
    "budgets",
    "clouddirectory",
    "cloudfront",
    "cloudsearch",
    "cloudtrail-data",
    "codeartifact",
    "codebuild",
    "codecommit",
    "codepipeline",
    "cognito-identity",
    "cognito-idp",
    "comprehend",
    "comprehendmedical",
    "compute-optimizer",
    "cost-optimization-hub",
    "dax",
    "dsql",
    "dynamodb",
    "ecr",
    "ecr-public",
    "events",
    "firehose",
    "fis",
    "fms",
    "gamelift",
    "health",
    "inspector-scan",
    "kendra",
    "kinesisvideo",
    "kms",
    "logs",
    "memorydb",
    "networkmonitor",
    "notifications",
    "opensearch",
    "pca-connector-ad",
    "personalize",
    "polly",
    "pricing",
    "resource-groups",
    "rolesanywhere",
    "s3",
    "secretsmanager",
    "servicediscovery",
    "signin",
    "sqs",
    "sts",
    "support",
    "swf",
    "textract",
    "timestream-influxdb",
    "transcribe",
    "transfer",
    "translate",
    "wafv2",
    "workspaces",
    "xray",
];

/// Whether resource control policies bind an action, as in `s3:GetObject`.
pub fn rcp_binds(action: &str) -> bool {
    let Some((prefix, name)) = action.split_once(':') else {
        return false;
    };
    let prefix = prefix.to_ascii_lowercase();
    // Who may retire a grant is for the grant alone to say.
    let is_retiring = prefix == "kms" && name.eq_ignore_ascii_case("RetireGrant");
    SERVICES.binary_search(&prefix.as_str()).is_ok() && !is_retiring
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_services_are_bound() {
        assert!(SERVICES.is_sorted());
        for action in [
            "s3:GetObject",
            "S3:getobject",
            "kms:Decrypt",
            "dynamodb:GetItem",
            "logs:PutLogEvents",
            "sts:AssumeRole",
        ] {
            assert!(rcp_binds(action), "{action}");
        }
        for action in ["iam:GetUser", "kms:RetireGrant", "ec2:RunInstances", "s3"] {
            assert!(!rcp_binds(action), "{action}");
        }
    }
}
