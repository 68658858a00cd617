//! The actions that a bucket policy may name, and what each of them is done to.
//!
//! Owns the list, from the service authorization reference of S3. An action that is new to AWS is added here.

use crate::wildcard::matches;

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A bucket.
    Bucket,
    /// An object.
    Object,
    /// Of a resource: one that stands for a bucket and for objects.
    Both,
}

const OF_BUCKETS: [&str; 57] = [
    "DeleteBucket",
    "DeleteBucketPolicy",
    "DeleteBucketWebsite",
    "GetAccelerateConfiguration",
    "GetAnalyticsConfiguration",
    "GetBucketAbac",
    "GetBucketAcl",
    "GetBucketCORS",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketMetadataTableConfiguration",
    "GetBucketNotification",
    "GetBucketObjectLockConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketPublicAccessBlock",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetEncryptionConfiguration",
    "GetIntelligentTieringConfiguration",
    "GetInventoryConfiguration",
    "GetLifecycleConfiguration",
    "GetMetricsConfiguration",
    "GetReplicationConfiguration",
    "ListBucket",
    "ListBucketMultipartUploads",
    "ListBucketVersions",
    "ListTagsForResource",
    "PutAccelerateConfiguration",
    "PutAnalyticsConfiguration",
    "PutBucketAbac",
    "PutBucketAcl",
    "PutBucketCORS",
    "PutBucketLogging",
    "PutBucketNotification",
    "PutBucketObjectLockConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketPublicAccessBlock",
    "PutBucketRequestPayment",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutBucketWebsite",
    "PutEncryptionConfiguration",
    "PutIntelligentTieringConfiguration",
    "PutInventoryConfiguration",
    "PutLifecycleConfiguration",
    "PutMetricsConfiguration",
    "PutReplicationConfiguration",
    "CreateBucketMetadataTableConfiguration",
    "DeleteBucketMetadataTableConfiguration",
    "TagResource",
    "UntagResource",
    "PauseReplication",
];

const OF_OBJECTS: [&str; 34] = [
    "AbortMultipartUpload",
    "BypassGovernanceRetention",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjectVersion",
    "DeleteObjectVersionTagging",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetObjectTorrent",
    "GetObjectVersion",
    "GetObjectVersionAcl",
    "GetObjectVersionAttributes",
    "GetObjectVersionForReplication",
    "GetObjectVersionTagging",
    "GetObjectVersionTorrent",
    "InitiateReplication",
    "ListMultipartUploadParts",
    "ObjectOwnerOverrideToBucketOwner",
    "PutObject",
    "PutObjectAcl",
    "PutObjectLegalHold",
    "PutObjectRetention",
    "PutObjectTagging",
    "PutObjectVersionAcl",
    "PutObjectVersionTagging",
    "ReplicateDelete",
    "ReplicateObject",
    "ReplicateTags",
    "RestoreObject",
    "UpdateObjectEncryption",
];

/// What an action, perhaps with wildcards, can be done to; nothing for one that S3 does not have.
pub fn levels(action: &str) -> Vec<Level> {
    let pattern = match action.split_once(':') {
        Some((service, name)) if service.eq_ignore_ascii_case("s3") => name,
        None if action == "*" => action,
        _ => return Vec::new(),
    };
    let any = |names: &[&str]| names.iter().any(|name| matches(pattern, name));
    let mut levels = Vec::new();
    if any(&OF_BUCKETS) {
        levels.extend([Level::Bucket, Level::Both]);
    }
    if any(&OF_OBJECTS) {
        levels.extend([Level::Object, Level::Both]);
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_have_levels() {
        assert_eq!(levels("s3:GetObject"), [Level::Object, Level::Both]);
        assert_eq!(levels("S3:listbucket"), [Level::Bucket, Level::Both]);
        for both in ["s3:*", "*", "s3:Get*", "s3:?et*"] {
            let levels = levels(both);
            assert!(
                levels.contains(&Level::Bucket) && levels.contains(&Level::Object),
                "{both}"
            );
        }
        for none in [
            "s3:",
            "s3:Nope",
            "iam:*",
            "",
            "s3",
            "s3:CreateBucket",
            "s3:ListAllMyBuckets",
        ] {
            assert!(levels(none).is_empty(), "{none}");
        }
    }
}
