//! Bucket policies: kept, shown, taken off, and what S3 checks of one before it keeps it.
//!
//! Owns S3's own checks and words (`MalformedPolicy`). The language itself is `stockade_policy`'s.

use serde_json::{Value, json};
use stockade_policy::{DOCUMENT_ELEMENTS, Named, Policy, Principal, STATEMENT_ELEMENTS};
use stockade_wire::AwsError;

use super::access::{bucket, bucket_mut, text};
use super::errors;
use super::policy_actions::{self, Level};
use super::state::{Bucket, BucketPolicy};
use crate::call::{Call, Reply};
use crate::state::State;

/// The most bytes that a bucket policy may have.
const LONGEST: usize = 20 * 1024;

/// `PutBucketPolicy`.
pub fn put(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = own_bucket(state, call)?;
    let document = text(call, "Policy").unwrap_or_default();
    let policy = read(document, bucket)?;
    let blocked = bucket
        .public_access_block
        .is_some_and(|block| block.block_policy);
    if policy.public && blocked {
        return Err(AwsError::new(
            403,
            "AccessDenied",
            format!(
                "User: {} is not authorized to perform: s3:PutBucketPolicy on resource: \"{}\" because public policies are blocked by the BlockPublicPolicy block public access setting.",
                call.caller.arn,
                bucket.arn()
            ),
        ));
    }
    bucket_mut(state, call)?.policy = Some(policy);
    Ok(Reply::empty())
}

/// `GetBucketPolicy`: the document as it was put.
pub fn get(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let policy = there(own_bucket(state, call)?)?;
    Ok(Reply::of_value(json!({"Policy": policy.text})))
}

/// `DeleteBucketPolicy`.
pub fn delete(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    own_bucket(state, call)?;
    bucket_mut(state, call)?.policy = None;
    Ok(Reply::empty())
}

/// `GetBucketPolicyStatus`.
pub fn status(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let policy = there(bucket(state, call)?)?;
    Ok(Reply::of_value(
        json!({"PolicyStatus": {"IsPublic": policy.public}}),
    ))
}

fn there(bucket: &Bucket) -> Result<&BucketPolicy, AwsError> {
    bucket.policy.as_ref().ok_or_else(|| {
        AwsError::new(
            404,
            "NoSuchBucketPolicy",
            "The bucket policy does not exist",
        )
        .with("BucketName", bucket.name.as_str())
    })
}

/// Other accounts cannot read or change the policy, whatever it allows them.
fn own_bucket<'a>(state: &'a State, call: &Call<'_>) -> Result<&'a Bucket, AwsError> {
    let bucket = bucket(state, call)?;
    let own = call.caller.principal.account() == Some(bucket.owner.as_str());
    if own || matches!(call.caller.principal, Principal::Service { .. }) {
        return Ok(bucket);
    }
    let method = match call.operation {
        "PutBucketPolicy" => "PUT",
        "DeleteBucketPolicy" => "DELETE",
        _ => "GET",
    };
    Err(errors::method_not_allowed(method, "BUCKETPOLICY"))
}

/// Reads a document as the policy of a bucket.
///
/// # Errors
/// `MalformedPolicy`, in S3's words.
pub fn read(document: &str, bucket: &Bucket) -> Result<BucketPolicy, AwsError> {
    if document.len() > LONGEST {
        return Err(malformed(format!(
            "Normalized policy document exceeds the maximum allowed size of {LONGEST} bytes."
        )));
    }
    let value: Value = serde_json::from_str(document)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| malformed("Policies must be valid JSON and the first byte must be '{'"))?;
    check(&value, &bucket.name)?;
    let policy = Policy::parse_resource(document).map_err(|error| malformed(error.to_string()))?;
    Ok(BucketPolicy {
        text: document.to_owned(),
        public: policy.is_public(bucket.owner.as_str()),
        compiled: Named::new(format!("bucket policy of {}", bucket.name), policy),
    })
}

fn malformed(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "MalformedPolicy", message)
}

fn check(policy: &Value, bucket: &str) -> Result<(), AwsError> {
    let known = |object: &Value, names: &[&str]| {
        let unknown = object
            .as_object()
            .and_then(|object| object.keys().find(|key| !names.contains(&key.as_str())));
        unknown.map_or(Ok(()), |key| Err(malformed(format!("Unknown field {key}"))))
    };
    known(policy, &DOCUMENT_ELEMENTS)?;
    if let Some(version) = policy.get("Version")
        && !matches!(version.as_str(), Some("2012-10-17" | "2008-10-17"))
    {
        return Err(malformed("The policy must contain a valid version string"));
    }
    let statements = match policy.get("Statement") {
        None => return Err(malformed("Missing required field Statement")),
        Some(Value::Array(statements)) if statements.is_empty() => {
            return Err(malformed("Could not parse the policy: Statement is empty!"));
        }
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    for statement in statements {
        known(statement, &STATEMENT_ELEMENTS)?;
        check_statement(statement, bucket)?;
    }
    Ok(())
}

fn check_statement(statement: &Value, bucket: &str) -> Result<(), AwsError> {
    let missing = |name: &str| malformed(format!("Missing required field {name}"));
    let either = |name: &str, negation: &str| {
        statement
            .get(name)
            .or_else(|| statement.get(negation))
            .ok_or_else(|| missing(name))
    };
    match statement.get("Effect").and_then(Value::as_str) {
        None => return Err(missing("Effect")),
        Some("Allow" | "Deny") => {}
        Some(other) => return Err(malformed(format!("Invalid effect: {other}"))),
    }
    check_principal(either("Principal", "NotPrincipal")?)?;
    let actions = texts(either("Action", "NotAction")?)
        .ok_or_else(|| malformed("Policy has invalid action"))?;
    let resources = texts(either("Resource", "NotResource")?)
        .ok_or_else(|| malformed("Policy has invalid resource"))?;

    let mut levels = Vec::new();
    for resource in &resources {
        levels.push(
            resource_level(resource, bucket)
                .ok_or_else(|| malformed("Policy has invalid resource"))?,
        );
    }
    for action in actions {
        let applies = policy_actions::levels(action);
        if applies.is_empty() {
            return Err(malformed("Policy has invalid action"));
        }
        let listed = statement.get("Action").is_some() && statement.get("Resource").is_some();
        if listed && !levels.iter().any(|level| applies.contains(level)) {
            return Err(malformed(
                "Action does not apply to any resource(s) in statement",
            ));
        }
    }
    Ok(())
}

fn check_principal(principal: &Value) -> Result<(), AwsError> {
    let invalid = |detail: String| malformed("Invalid principal in policy").with("Detail", detail);
    let by_kind = match principal {
        Value::String(all) if all == "*" => return Ok(()),
        Value::Object(by_kind) if !by_kind.is_empty() => by_kind,
        other => return Err(invalid(other.to_string())),
    };
    for (kind, names) in by_kind {
        let fits = matches!(
            kind.as_str(),
            "AWS" | "Service" | "Federated" | "CanonicalUser"
        );
        let names = texts(names).filter(|names| fits && !names.is_empty());
        for name in names.ok_or_else(|| invalid(kind.clone()))? {
            if kind == "AWS" && !is_aws_principal(name) {
                return Err(invalid(name.to_owned()));
            }
        }
    }
    Ok(())
}

/// An account, everybody, or the ARN of somebody, without wildcards.
fn is_aws_principal(name: &str) -> bool {
    if name == "*" || (name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit())) {
        return true;
    }
    // What was somebody once and is no more: their unique id.
    if name.starts_with("AIDA") || name.starts_with("AROA") {
        return name.bytes().all(|b| b.is_ascii_alphanumeric());
    }
    let Ok(arn) = name.parse::<stockade_model::Arn>() else {
        return false;
    };
    let account = arn.account.len() == 12 && arn.account.bytes().all(|b| b.is_ascii_digit());
    let of_iam = arn.service == "iam"
        && (arn.resource == "root"
            || arn.resource.starts_with("user/")
            || arn.resource.starts_with("role/"));
    let of_sts = arn.service == "sts"
        && (arn.resource.starts_with("assumed-role/")
            || arn.resource.starts_with("federated-user/"));
    // CloudFront's origin access identities are users of an account that is no number.
    let of_cloudfront = arn.service == "iam" && arn.account == "cloudfront";
    ((account && (of_iam || of_sts)) || of_cloudfront) && !arn.resource.contains(['*', '?'])
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(many) => many.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Whether a resource is this bucket or something in it.
fn resource_level(resource: &str, bucket: &str) -> Option<Level> {
    let rest = resource
        .strip_prefix("arn:")?
        .split_once(":s3:::")
        .filter(|(partition, _)| partition.starts_with("aws") && !partition.contains(':'))?
        .1
        .strip_prefix(bucket)?;
    match rest.chars().next() {
        None => Some(Level::Bucket),
        Some('/') => Some(Level::Object),
        Some('*') if rest.contains('/') => Some(Level::Object),
        // It may stand for nothing, and for a slash with all that follows.
        Some('*') => Some(Level::Both),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stockade_model::{Region, Timestamp};

    fn bucket() -> Bucket {
        Bucket::new(
            "b-1".into(),
            "111122223333".parse().unwrap(),
            Region::us_east_1(),
            Timestamp::UNIX_EPOCH,
        )
    }

    fn statement(change: Value) -> String {
        let mut statement = json!({
            "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b-1/*"
        });
        for (name, value) in change.as_object().unwrap() {
            if value.is_null() {
                statement.as_object_mut().unwrap().remove(name);
            } else {
                statement[name] = value.clone();
            }
        }
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    }

    #[test]
    fn good_policies_are_kept_as_they_are() {
        for change in [
            json!({}),
            json!({"Action": ["s3:ListBucket", "s3:Get*"], "Resource": ["arn:aws:s3:::b-1", "arn:aws:s3:::b-1/*"]}),
            json!({"Action": "s3:*", "Resource": "arn:aws:s3:::b-1"}),
            json!({"Action": "*", "Resource": "arn:aws:s3:::b-1*"}),
            json!({"Effect": "Deny", "Principal": "*"}),
            json!({"Principal": {"Service": "cloudtrail.amazonaws.com"}}),
            json!({"Principal": {"AWS": "444455556666"}}),
            json!({"Principal": {"AWS": "AROAEXAMPLEEXAMPLE123"}}),
        ] {
            let document = statement(change);
            assert_eq!(read(&document, &bucket()).unwrap().text, document);
        }
    }

    #[test]
    fn bad_policies_are_refused_in_s3s_words() {
        for (change, message) in [
            (json!({"Effect": null}), "Missing required field Effect"),
            (json!({"Effect": "Perhaps"}), "Invalid effect: Perhaps"),
            (
                json!({"Principal": null}),
                "Missing required field Principal",
            ),
            (json!({"Action": null}), "Missing required field Action"),
            (json!({"Resource": null}), "Missing required field Resource"),
            (json!({"Extra": 1}), "Unknown field Extra"),
            (json!({"Action": "s3:FlyAway"}), "Policy has invalid action"),
            (
                json!({"Action": "s3:CreateBucket"}),
                "Policy has invalid action",
            ),
            (
                json!({"Action": "iam:ListUsers"}),
                "Policy has invalid action",
            ),
            (json!({"Resource": "*"}), "Policy has invalid resource"),
            (
                json!({"Resource": "arn:aws:s3:::other/*"}),
                "Policy has invalid resource",
            ),
            (
                json!({"Resource": "arn:aws:s3:::b-12/*"}),
                "Policy has invalid resource",
            ),
            (
                json!({"Resource": "arn:aws:s3:::b-1"}),
                "Action does not apply to any resource(s) in statement",
            ),
            (
                json!({"Action": "s3:ListBucket"}),
                "Action does not apply to any resource(s) in statement",
            ),
            (
                json!({"Principal": {"AWS": "anna"}}),
                "Invalid principal in policy",
            ),
            (
                json!({"Principal": {"AWS": "arn:aws:iam::444455556666:user/*"}}),
                "Invalid principal in policy",
            ),
            (
                json!({"Principal": {"Pet": "cat"}}),
                "Invalid principal in policy",
            ),
        ] {
            let error = read(&statement(change.clone()), &bucket()).unwrap_err();
            assert_eq!(
                (error.status, error.code.as_str()),
                (400, "MalformedPolicy"),
                "{change}"
            );
            assert_eq!(error.message, message, "{change}");
        }
        for bad in ["", "[]", "{", "null", " x"] {
            let error = read(bad, &bucket()).unwrap_err();
            assert_eq!(
                error.message, "Policies must be valid JSON and the first byte must be '{'",
                "{bad}"
            );
        }
        assert!(
            read(
                &format!("{{\"Id\": \"{}\"}}", "x".repeat(LONGEST)),
                &bucket()
            )
            .is_err()
        );
    }

    #[test]
    fn public_policies_are_known() {
        let public = |change| read(&statement(change), &bucket()).unwrap().public;
        assert!(public(json!({"Principal": "*"})));
        assert!(public(json!({"Principal": {"AWS": "*"}})));
        assert!(!public(json!({})));
        assert!(!public(json!({"Principal": "*", "Effect": "Deny"})));
        assert!(!public(
            json!({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}})
        ));
        assert!(public(
            json!({"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}})
        ));
    }
}
