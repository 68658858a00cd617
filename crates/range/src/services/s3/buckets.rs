//! Buckets: made, found, listed, deleted.
//!
//! Owns the life of a bucket and where it is. Its settings and contents have files of their own.

use serde_json::{Value, json};
use stockade_model::Region;
use stockade_wire::AwsError;

use super::access::{bucket, bucket_mut, bucket_name, text};
use super::objects::whole_second;
use super::state::{Bucket, Ownership, PublicAccessBlock};
use super::{errors, listing, names, tagging};
use crate::call::{Call, Reply};
use crate::state::State;

/// `CreateBucket`.
pub fn create(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let name = bucket_name(call)?;
    if !names::is_bucket_name(name) {
        return Err(errors::invalid_bucket_name(name));
    }
    let region = location(call)?;
    let ownership = ownership(call)?;
    let configuration = call.input.get("CreateBucketConfiguration");
    let tags = match configuration.and_then(|c| c.get("Tags")) {
        Some(tags) => Some(tagging::read_set(tags, tagging::Of::Bucket)?),
        None => None,
    };
    if call.input.get("ObjectLockEnabledForBucket") == Some(&json!(true)) {
        return Err(errors::not_implemented("x-amz-bucket-object-lock-enabled"));
    }
    match state.s3.bucket(name) {
        Some(there) if there.owner != *call.account() => Err(AwsError::new(
            409,
            "BucketAlreadyExists",
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
        )
        .with("BucketName", name)),
        // In this one region AWS lets the owner make the same bucket again.
        Some(there) if there.region == region && region == Region::us_east_1() => Ok(made(name, &region)),
        Some(_) => Err(AwsError::new(
            409,
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
        )
        .with("BucketName", name)),
        None => {
            let mut bucket =
                Bucket::new(name.to_owned(), call.account().clone(), region.clone(), whole_second(call.now));
            bucket.ownership = Some(ownership);
            bucket.public_access_block = Some(PublicAccessBlock::ALL);
            bucket.tags = tags;
            state.s3.insert(bucket);
            Ok(made(name, &region))
        }
    }
}

fn made(name: &str, region: &Region) -> Reply {
    let location = if *region == Region::us_east_1() {
        format!("/{name}")
    } else {
        format!("http://{name}.s3.amazonaws.com/")
    };
    Reply::of_value(json!({"Location": location, "BucketArn": format!("arn:aws:s3:::{name}")}))
}

/// Where the new bucket goes, of the endpoint's region and the location constraint.
fn location(call: &Call<'_>) -> Result<Region, AwsError> {
    let constraint = call
        .input
        .get("CreateBucketConfiguration")
        .and_then(|c| c.get("LocationConstraint"))
        .and_then(Value::as_str)
        .filter(|constraint| !constraint.is_empty());
    let home = Region::us_east_1();
    let incompatible = |constraint: &str| {
        AwsError::new(
            400,
            "IllegalLocationConstraintException",
            format!(
                "The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
            ),
        )
    };
    let Some(constraint) = constraint else {
        return if *call.region == home {
            Ok(home)
        } else {
            Err(incompatible("unspecified"))
        };
    };
    let name = if constraint == "EU" {
        "eu-west-1"
    } else {
        constraint
    };
    let region: Region = name
        .parse()
        .ok()
        .filter(|region| *region != home)
        .ok_or_else(|| {
            AwsError::new(
                400,
                "InvalidLocationConstraint",
                "The specified location-constraint is not valid",
            )
            .with("LocationConstraint", constraint)
        })?;
    if *call.region != home && *call.region != region {
        return Err(incompatible(constraint));
    }
    Ok(region)
}

fn ownership(call: &Call<'_>) -> Result<Ownership, AwsError> {
    let rule = match text(call, "ObjectOwnership") {
        None => Ownership::BucketOwnerEnforced,
        Some(name) => Ownership::named(name).ok_or_else(|| {
            errors::invalid_argument(
                "Invalid x-amz-object-ownership header",
                "x-amz-object-ownership",
                name,
            )
        })?,
    };
    let canned = text(call, "ACL").filter(|acl| *acl != "private");
    let grants = [
        "GrantFullControl",
        "GrantRead",
        "GrantReadACP",
        "GrantWrite",
        "GrantWriteACP",
    ];
    let asks_for_acl = canned.is_some() || grants.iter().any(|g| call.input.contains_key(*g));
    match (asks_for_acl, rule) {
        (false, _) => Ok(rule),
        (true, Ownership::BucketOwnerEnforced) => Err(AwsError::new(
            400,
            "InvalidBucketAclWithObjectOwnership",
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        )),
        // New buckets block public ACLs, and other grants are not kept yet.
        (true, _) if canned.is_some_and(|acl| acl.starts_with("public-")) => Err(AwsError::new(
            400,
            "InvalidBucketAclWithBlockPublicAccessError",
            "Bucket cannot have public ACLs set with BlockPublicAccess enabled",
        )),
        (true, _) => Err(errors::not_implemented("x-amz-acl")),
    }
}

/// `HeadBucket`.
pub fn head(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    Ok(Reply::of_value(json!({
        "BucketArn": bucket.arn(),
        "BucketRegion": bucket.region,
        "AccessPointAlias": false,
    })))
}

/// `DeleteBucket`.
pub fn delete(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket_mut(state, call)?;
    if !bucket.is_empty() {
        let rest = if bucket.versioning == super::state::Versioning::Off {
            ""
        } else {
            ". You must delete all versions in the bucket."
        };
        return Err(AwsError::new(
            409,
            "BucketNotEmpty",
            format!("The bucket you tried to delete is not empty{rest}"),
        )
        .with("BucketName", bucket.name.as_str()));
    }
    let name = bucket.name.clone();
    state.s3.remove(&name);
    Ok(Reply::empty())
}

/// `ListBuckets`.
pub fn list(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let most = call.input.get("MaxBuckets").and_then(Value::as_u64);
    let most = most.map_or(10_000, |most| usize::try_from(most).unwrap_or(10_000));
    let prefix = text(call, "Prefix").unwrap_or_default();
    let region = text(call, "BucketRegion");
    let after = match text(call, "ContinuationToken") {
        Some(token) => listing::read_token(token)?,
        None => String::new(),
    };
    // AWS tells the region only to those who ask for something.
    let asked = ["MaxBuckets", "Prefix", "BucketRegion", "ContinuationToken"]
        .iter()
        .any(|member| call.input.contains_key(*member));
    let mut found = state.s3.buckets().filter(|bucket| {
        bucket.owner == *call.account()
            && bucket.name.starts_with(prefix)
            && bucket.name.as_str() > after.as_str()
            && region.is_none_or(|region| bucket.region.as_str() == region)
    });
    let page: Vec<&Bucket> = found.by_ref().take(most).collect();
    let mut output = json!({
        "Buckets": page.iter().map(|bucket| {
            let mut line = json!({"Name": bucket.name, "CreationDate": bucket.created.to_string()});
            if let (true, Some(line)) = (asked, line.as_object_mut()) {
                line.insert("BucketRegion".into(), json!(bucket.region));
                line.insert("BucketArn".into(), json!(bucket.arn()));
            }
            line
        }).collect::<Vec<_>>(),
        "Owner": {"ID": names::canonical_id(call.account())},
    });
    if let Some(output) = output.as_object_mut() {
        if let (Some(last), true) = (page.last(), found.next().is_some()) {
            output.insert(
                "ContinuationToken".into(),
                json!(listing::token(&last.name)),
            );
        }
        if !prefix.is_empty() {
            output.insert("Prefix".into(), json!(prefix));
        }
    }
    Ok(Reply::of_value(output))
}

/// `GetBucketLocation`.
pub fn location_of(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    // The first region has no constraint.
    if bucket.region == Region::us_east_1() {
        return Ok(Reply::empty());
    }
    Ok(Reply::of_value(
        json!({"LocationConstraint": bucket.region}),
    ))
}

/// `GetBucketAcl`: without ACLs the owner has everything.
pub fn acl(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    Ok(Reply::of_value(owner_has_all(bucket(state, call)?)))
}

/// The access control list of a bucket without ACLs, and of what is in it.
pub fn owner_has_all(bucket: &Bucket) -> Value {
    let owner = json!({"ID": names::canonical_id(&bucket.owner)});
    let mut grantee = owner.clone();
    if let Some(grantee) = grantee.as_object_mut() {
        grantee.insert("Type".into(), json!("CanonicalUser"));
    }
    json!({"Owner": owner, "Grants": [{"Grantee": grantee, "Permission": "FULL_CONTROL"}]})
}
