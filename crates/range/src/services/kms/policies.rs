//! Key policies: read, shown, put; and that nobody locks themselves out.
//!
//! Owns what KMS checks of one before it keeps it. The language is `stockade_policy`'s.

use serde::Deserialize;
use serde_json::json;
use stockade_model::AccountId;
use stockade_policy::{Named, Policy, ResourceRule};
use stockade_wire::AwsError;

use super::access::{self, named, text};
use super::data::page;
use super::errors;
use super::naming::Found;
use super::readiness::not_going;
use super::state::{Key, KeyPolicy};
use crate::authz;
use crate::call::{Call, Reply};
use crate::row::Need;
use crate::services::iam::unique_ids;
use crate::state::State as Range;

/// The one name that a key policy has.
const NAME: &str = "default";
/// The most bytes of one.
const LONGEST: usize = 32 * 1_024;

/// The policy of a key for which nobody gave one: who may is for the account's own policies to say.
pub fn usual(account: &AccountId) -> KeyPolicy {
    let text = format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:aws:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    );
    of_text(text)
}

/// A policy of a text that is known to be one.
pub fn of_text(text: String) -> KeyPolicy {
    let policy = Policy::parse_resource(&text).unwrap_or_else(|_| Policy::empty());
    KeyPolicy {
        compiled: Named::new("key policy", policy),
        text,
    }
}

/// Reads a document as a key's policy.
///
/// # Errors
/// `MalformedPolicyDocumentException`, `LimitExceededException`.
pub fn read(range: &Range, document: &str) -> Result<KeyPolicy, AwsError> {
    if document.len() > LONGEST {
        return Err(errors::limit_exceeded(format!(
            "The key policy exceeds the limit of {LONGEST} bytes."
        )));
    }
    let parsed = |text: &str| {
        Policy::parse_resource(text).map_err(|error| errors::malformed_policy(error.to_string()))
    };
    let policy = parsed(document)?;
    let kept = unique_ids::kept(range, document).map_err(|unique_ids::Stranger(_)| {
        errors::malformed_policy("Policy contains a statement with one or more invalid principals.")
    })?;
    let (text, policy) = match kept {
        Some(kept) => {
            let policy = parsed(&kept)?;
            (kept, policy)
        }
        None => (document.to_owned(), policy),
    };
    Ok(KeyPolicy {
        text,
        compiled: Named::new("key policy", policy),
    })
}

/// The policy that a call brings for a key that is to be, or the usual one.
///
/// # Errors
/// As [`read`], and as [`check_lockout`].
pub fn of_call(range: &Range, call: &Call<'_>, key: &Key) -> Result<KeyPolicy, AwsError> {
    let Some(document) = text(call, "Policy") else {
        return Ok(usual(&key.account));
    };
    let policy = read(range, document)?;
    check_lockout(range, call, key, &policy)?;
    Ok(policy)
}

/// A policy must let its maker change it again, unless they say that they know what they do.
fn check_lockout(
    range: &Range,
    call: &Call<'_>,
    key: &Key,
    policy: &KeyPolicy,
) -> Result<(), AwsError> {
    let bypass = call.input.get("BypassPolicyLockoutSafetyCheck");
    if bypass.and_then(serde_json::Value::as_bool) == Some(true) {
        return Ok(());
    }
    let found = Found { key, alias: None };
    let need = Need {
        policy: Some((policy.compiled.clone(), ResourceRule::KmsKey)),
        grant: None,
        ..access::need(range, call, "kms:PutKeyPolicy", found)
    };
    if authz::admits(range, call, &need) {
        return Ok(());
    }
    Err(errors::malformed_policy(
        "The new key policy will not allow you to update the key policy in the future.",
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfKey {
    key_id: String,
    policy_name: Option<String>,
}

impl OfKey {
    fn check_name(&self) -> Result<(), AwsError> {
        match self.policy_name.as_deref() {
            None | Some(NAME) => Ok(()),
            Some(_) => Err(errors::not_found("No such policy exists")),
        }
    }
}

/// `GetKeyPolicy`.
pub fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfKey = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    input.check_name()?;
    let policy = unique_ids::shown(range, &key.policy.text);
    Ok(Reply::of_value(
        json!({"Policy": policy, "PolicyName": NAME}),
    ))
}

/// `PutKeyPolicy`.
pub fn put(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfKey = call.read()?;
    let key = named(range, call, &input.key_id)?.key;
    if input.check_name().is_err() {
        return Err(errors::validation(
            "The only valid name of a key policy is default.",
        ));
    }
    not_going(key)?;
    if key.service.is_some() {
        return Err(errors::unsupported(format!(
            "The policy of the AWS managed key {} cannot be changed.",
            key.arn()
        )));
    }
    let policy = of_call(range, call, key)?;
    let place = key.place();
    range.kms.change(&place, |key| key.policy = policy);
    Ok(Reply::empty())
}

/// `ListKeyPolicies`: a key has one.
pub fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfKey = call.read()?;
    named(range, call, &input.key_id)?;
    page(call, "PolicyNames", 100, [(NAME.to_owned(), json!(NAME))])
}
