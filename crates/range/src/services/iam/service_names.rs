//! The services that policies can name: their namespaces, and what people call them.
//!
//! Owns the names. Whether the range has a service is not asked here.

/// By namespace, in its order.
const NAMES: &[(&str, &str)] = &[
    ("access-analyzer", "AWS IAM Access Analyzer"),
    ("account", "AWS Account Management"),
    ("acm", "AWS Certificate Manager"),
    ("acm-pca", "AWS Private Certificate Authority"),
    ("artifact", "AWS Artifact"),
    ("autoscaling", "Amazon EC2 Auto Scaling"),
    ("cloudformation", "AWS CloudFormation"),
    ("cloudfront", "Amazon CloudFront"),
    ("cloudtrail", "AWS CloudTrail"),
    ("cloudwatch", "Amazon CloudWatch"),
    ("cognito-identity", "Amazon Cognito Identity"),
    ("cognito-idp", "Amazon Cognito User Pools"),
    ("config", "AWS Config"),
    ("dynamodb", "Amazon DynamoDB"),
    ("ebs", "Amazon Elastic Block Store"),
    ("ec2", "Amazon EC2"),
    ("elasticloadbalancing", "AWS Elastic Load Balancing"),
    ("events", "Amazon EventBridge"),
    ("fms", "AWS Firewall Manager"),
    ("guardduty", "Amazon GuardDuty"),
    ("health", "AWS Health APIs and Notifications"),
    ("iam", "AWS Identity and Access Management"),
    ("identitystore", "AWS Identity Store"),
    ("inspector2", "Amazon Inspector"),
    ("kms", "AWS Key Management Service"),
    ("lambda", "AWS Lambda"),
    ("logs", "Amazon CloudWatch Logs"),
    ("macie2", "Amazon Macie"),
    ("organizations", "AWS Organizations"),
    ("rds", "Amazon RDS"),
    ("route53", "Amazon Route 53"),
    ("s3", "Amazon S3"),
    ("secretsmanager", "AWS Secrets Manager"),
    ("securityhub", "AWS Security Hub"),
    ("shield", "AWS Shield"),
    ("sns", "Amazon SNS"),
    ("sqs", "Amazon SQS"),
    ("ssm", "AWS Systems Manager"),
    ("sso", "AWS IAM Identity Center"),
    ("sts", "AWS Security Token Service"),
    ("support", "AWS Support"),
    ("tag", "Amazon Resource Group Tagging API"),
    ("wafv2", "AWS WAF V2"),
];

/// What people call a service; its namespace where that is not known.
pub(super) fn name_of(namespace: &str) -> &str {
    NAMES
        .iter()
        .find(|(known, _)| *known == namespace)
        .map_or(namespace, |(_, name)| name)
}

/// Every namespace that is known.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(namespace, _)| *namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_names_and_strangers_their_namespace() {
        assert_eq!(name_of("s3"), "Amazon S3");
        assert_eq!(name_of("braket"), "braket");
        assert!(all().collect::<Vec<_>>().is_sorted());
    }
}
