//! The actions that a bucket policy may name, and what each of them is done to.
//!
//! Owns the list, from the service authorization reference of S3. An action that is new to AWS is added here.

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

/// Whether a pattern with `*` and `?` matches a name, without regard to case.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where the last star stood, and how much it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let byte = name.get(n).copied().unwrap_or_default();
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(b'?') => (p, n) = (p + 1, n + 1),
            Some(wanted) if wanted.eq_ignore_ascii_case(&byte) => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .unwrap_or_default()
        .iter()
        .all(|byte| *byte == b'*')
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

    #[test]
    fn wildcards_match() {
        for (pattern, name, fits) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("*b*b", "abab", true),
            ("a?c", "ac", false),
            ("", "", true),
            ("", "a", false),
            ("a**", "a", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
