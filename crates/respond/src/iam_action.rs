//! From the name of a call in the trail to the IAM action that governs it.

/// The IAM action of a call; none for calls that no policy governs.
pub(crate) fn iam_action(call: &str) -> Option<String> {
    let (service, name) = call.split_once(':')?;
    if service == "signin" || call == "sts:GetCallerIdentity" || call == "sts:GetSessionToken" {
        return None;
    }
    // Event names carry the API's version; some of S3's are not the action's name.
    let name = name
        .find("20")
        .and_then(|place| name.get(..place))
        .filter(|_| service == "lambda" || service == "cloudfront")
        .unwrap_or(name);
    let name = match (service, name) {
        ("s3", "ListBuckets") => "ListAllMyBuckets",
        ("s3", "ListObjects" | "ListObjectsV2" | "HeadBucket") => "ListBucket",
        ("s3", "HeadObject") => "GetObject",
        ("s3", "CopyObject") => "PutObject",
        ("s3", "DeleteObjects") => "DeleteObject",
        (_, name) => name,
    };
    let service = match service {
        "monitoring" => "cloudwatch",
        "tagging" => "tag",
        service => service,
    };
    Some(format!("{service}:{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_become_actions() {
        let action = |call| iam_action(call).unwrap_or_default();
        assert_eq!(action("s3:ListBuckets"), "s3:ListAllMyBuckets");
        assert_eq!(
            action("lambda:UpdateFunctionCode20150331v2"),
            "lambda:UpdateFunctionCode"
        );
        assert_eq!(action("iam:ListUsers"), "iam:ListUsers");
        assert_eq!(iam_action("sts:GetCallerIdentity"), None);
        assert_eq!(iam_action("signin:ConsoleLogin"), None);
    }
}
