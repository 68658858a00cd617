//! Whether a bucket keeps old versions.
//!
//! Owns the switch. What it does to puts and deletions is theirs.

use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::access::{bucket, bucket_mut};
use super::errors;
use super::state::Versioning;
use crate::call::{Call, Reply};
use crate::state::State;

/// `PutBucketVersioning`.
pub fn put(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let wanted = call.input.get("VersioningConfiguration");
    let member = |name| wanted.and_then(|w| w.get(name)).and_then(Value::as_str);
    let versioning = match member("Status") {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        Some(_) => return Err(errors::malformed_xml()),
        None => {
            return Err(AwsError::new(
                400,
                "IllegalVersioningConfigurationException",
                "The Versioning element must be specified",
            ));
        }
    };
    if member("MFADelete") == Some("Enabled") {
        return Err(errors::not_implemented("x-amz-mfa"));
    }
    bucket_mut(state, call)?.versioning = versioning;
    Ok(Reply::empty())
}

/// `GetBucketVersioning`: nothing for a bucket that never kept versions.
pub fn get(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    Ok(match bucket(state, call)?.versioning {
        Versioning::Off => Reply::empty(),
        Versioning::Enabled => Reply::of_value(json!({"Status": "Enabled"})),
        Versioning::Suspended => Reply::of_value(json!({"Status": "Suspended"})),
    })
}
