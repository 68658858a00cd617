//! What IAM checks of the `Resource` of an identity policy, with its words.
//!
//! Owns the spelling of resources. Matching them is `pattern.rs`.

const PARTITIONS: [&str; 8] = [
    "aws",
    "aws-cn",
    "aws-us-gov",
    "aws-iso",
    "aws-iso-b",
    "aws-iso-e",
    "aws-iso-f",
    "aws-eusc",
];

/// What a resource of IAM may begin with, in the order of AWS's message.
const IAM_PATHS: [&str; 13] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

/// Whether IAM takes a resource; if not, its message.
pub(crate) fn check(resource: &str) -> Result<(), String> {
    if resource == "*" {
        return Ok(());
    }
    let Some((_, after)) = resource.split_once(':') else {
        return Err(format!(
            "Resource {resource} must be in ARN format or \"*\"."
        ));
    };
    let mut parts = after.splitn(5, ':');
    let partition = parts.next().unwrap_or_default();
    if partition != "*" && !PARTITIONS.contains(&partition) && !partition.starts_with("${") {
        let mut next = || parts.next().unwrap_or("*");
        return Err(format!(
            "Partition \"{partition}\" is not valid for resource \"arn:{partition}:{}:{}:{}:{}\".",
            next(),
            next(),
            next(),
            next()
        ));
    }
    let Some(service) = parts.next() else {
        return Err(
            "Resource vendor must be fully qualified and cannot contain regexes.".to_owned(),
        );
    };
    let region = parts.next().unwrap_or_default();
    let name = parts.nth(1);
    if !region.is_empty() && region != "*" {
        match service {
            "iam" => {
                return Err(format!(
                    "IAM resource {resource} cannot contain region information."
                ));
            }
            "s3" if !name.is_some_and(|name| name.starts_with("accesspoint/")) => {
                return Err(format!(
                    "Resource {resource} can not contain region information."
                ));
            }
            _ => {}
        }
    }
    if service == "iam"
        && let Some(name) = name
    {
        // What follows a wildcard may be anything; root is what sts:AssumeRoot is authorised on, and AWS's own
        // policies name role templates.
        let kind = name.split_once('/').map_or(name, |(kind, _)| kind);
        let open = kind.contains(['*', '?', '$']) || matches!(kind, "root" | "role-template");
        if !open && !IAM_PATHS.iter().any(|path| name.starts_with(path)) {
            return Err(format!(
                "IAM resource path must either be \"*\" or start with {}.",
                IAM_PATHS.join(", ")
            ));
        }
    }
    Ok(())
}
