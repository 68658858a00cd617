//! CloudTrail's errors, in its words.

use stockade_model::{AccountId, Region};
use stockade_wire::AwsError;

fn error(code: &str, message: impl Into<String>) -> AwsError {
    AwsError::new(400, code, message)
}

pub(super) fn unknown_trail(arn: &str, account: &AccountId) -> AwsError {
    error(
        "TrailNotFoundException",
        format!("Unknown trail: {arn} for the user: {account}"),
    )
}

pub(super) fn trail_exists(name: &str, account: &AccountId) -> AwsError {
    error(
        "TrailAlreadyExistsException",
        format!("Trail {name} already exists for customer: {account}"),
    )
}

pub(super) fn too_many_trails(account: &AccountId, most: usize, region: &Region) -> AwsError {
    error(
        "MaximumNumberOfTrailsExceededException",
        format!("User: {account} already has {most} trails in {region}."),
    )
}

pub(super) fn invalid_name(message: impl Into<String>) -> AwsError {
    error("InvalidTrailNameException", message)
}

pub(super) fn invalid_arn(message: impl Into<String>) -> AwsError {
    error("CloudTrailARNInvalidException", message)
}

pub(super) fn not_home(arn: &str, home: &Region) -> AwsError {
    error(
        "InvalidHomeRegionException",
        format!("Trail {arn} can only be changed in its home region, {home}."),
    )
}

pub(super) fn no_bucket(bucket: &str) -> AwsError {
    error(
        "S3BucketDoesNotExistException",
        format!("S3 bucket {bucket} does not exist!"),
    )
}

pub(super) fn bucket_policy(bucket: &str) -> AwsError {
    error(
        "InsufficientS3BucketPolicyException",
        format!("Incorrect S3 bucket policy is detected for bucket: {bucket}"),
    )
}

pub(super) fn combination(message: &str) -> AwsError {
    error("InvalidParameterCombinationException", message)
}

pub(super) fn selectors(message: impl Into<String>) -> AwsError {
    error("InvalidEventSelectorsException", message)
}

pub(super) fn no_organization() -> AwsError {
    error(
        "OrganizationsNotInUseException",
        "Your account is not a member of an organization.",
    )
}

pub(super) fn not_management() -> AwsError {
    error(
        "NotOrganizationMasterAccountException",
        "The account that made this request is not the management account of the organization.",
    )
}

pub(super) fn not_trusted() -> AwsError {
    error(
        "CloudTrailAccessNotEnabledException",
        "Trusted access between AWS CloudTrail and AWS Organizations is not enabled. Enable it and try again.",
    )
}

pub(super) fn no_topic() -> AwsError {
    error(
        "InsufficientSnsTopicPolicyException",
        "SNS Topic does not exist or the topic policy is incorrect!",
    )
}

pub(super) fn no_key(id: &str) -> AwsError {
    error(
        "KmsKeyNotFoundException",
        format!("The KMS key {id} does not exist, or it is not in the region of the bucket."),
    )
}

pub(super) fn no_log_group() -> AwsError {
    error(
        "InvalidCloudWatchLogsLogGroupArnException",
        "Access denied. Verify in IAM that the role has adequate permissions, and that the log group exists.",
    )
}

pub(super) fn lookup(message: &str) -> AwsError {
    error("InvalidLookupAttributesException", message)
}

pub(super) fn time_range() -> AwsError {
    error(
        "InvalidTimeRangeException",
        "The start time must not be after the end time.",
    )
}

pub(super) fn token() -> AwsError {
    error("InvalidNextTokenException", "Invalid NextToken.")
}

pub(super) fn invalid_token() -> AwsError {
    error("InvalidTokenException", "Invalid token.")
}

pub(super) fn internal() -> AwsError {
    AwsError::new(500, "InternalFailure", "An internal error occurred.")
}

pub(super) fn tags(message: impl Into<String>) -> AwsError {
    error("InvalidTagParameterException", message)
}

pub(super) fn too_many_tags(most: usize) -> AwsError {
    error(
        "TagsLimitExceededException",
        format!(
            "The number of tags per trail has exceeded the permitted amount. Currently, the limit is {most}."
        ),
    )
}

pub(super) fn no_resource(arn: &str) -> AwsError {
    error(
        "ResourceNotFoundException",
        format!("The resource {arn} does not exist."),
    )
}
