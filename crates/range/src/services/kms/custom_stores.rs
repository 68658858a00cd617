//! Custom key stores: keys in a CloudHSM cluster, or with a key manager outside of AWS. The range has neither.
//!
//! Owns the refusals, which are AWS's own of what is not there.

use serde_json::json;
use stockade_wire::AwsError;

use super::access::text;
use super::errors;
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// `CreateCustomKeyStore`.
pub fn create(_: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    if text(call, "CustomKeyStoreType") == Some("EXTERNAL_KEY_STORE") {
        let endpoint = text(call, "XksProxyUriEndpoint");
        let endpoint = endpoint.ok_or_else(|| {
            errors::validation(
                "You must specify XksProxyUriEndpoint when the CustomKeyStoreType is EXTERNAL_KEY_STORE.",
            )
        })?;
        return Err(errors::of(
            "XksProxyUriUnreachableException",
            format!("The range reaches no external key store proxy: {endpoint} was not asked."),
        ));
    }
    let cluster = text(call, "CloudHsmClusterId");
    let cluster = cluster.ok_or_else(|| {
        errors::validation(
            "You must specify CloudHsmClusterId when the CustomKeyStoreType is AWS_CLOUDHSM.",
        )
    })?;
    Err(errors::of(
        "CloudHsmClusterNotFoundException",
        format!(
            "The AWS CloudHSM cluster {cluster} does not exist in this account and Region: the range has no AWS CloudHSM."
        ),
    ))
}

/// `DescribeCustomKeyStores`.
pub fn describe(_: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    match text(call, "CustomKeyStoreId").or_else(|| text(call, "CustomKeyStoreName")) {
        Some(store) => Err(errors::no_store(store)),
        None => Ok(Reply::of_value(
            json!({"CustomKeyStores": [], "Truncated": false}),
        )),
    }
}

/// What is asked of a store by its id: there is none.
pub fn of_one(_: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    Err(errors::no_store(
        text(call, "CustomKeyStoreId").unwrap_or_default(),
    ))
}
