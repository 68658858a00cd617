//! Temporary credentials: made, kept, and shown once; the session policies that cut them down, and how much room
//! policies and tags take.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::{AccountId, Timestamp};
use stockade_policy::{Named, Policy};
use stockade_wire::{AwsError, Object};

use super::session_tags::Tags;
use super::state::Issued;
use crate::call::{Call, Caller, Session};
use crate::state::State as Range;

/// How many managed policies may cut a session down.
const MOST_POLICIES: usize = 10;
/// How many bytes policies and tags may take once they are packed.
const ROOM: usize = 2_048;
/// How long a session token may be.
const LONGEST_TOKEN: usize = 4_096;

/// The endpoint that is in no region.
pub const GLOBAL_ENDPOINT: &str = "sts.amazonaws.com";

/// A session tag as calls carry it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// Tags as sessions carry them.
pub fn tags(given: &[Tag]) -> Tags {
    given
        .iter()
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect()
}

/// A managed policy named as a session policy.
#[derive(Debug, Clone, Deserialize)]
pub struct PolicyArn {
    /// Its ARN, in a member that alone in STS has a small letter.
    pub arn: Option<String>,
}

/// A session of `seconds` from now, without policies, tags or MFA. What the global endpoint hands out is good in the regions
/// that are on from the start alone (version 1), unless the account has it otherwise.
pub fn session(range: &Range, call: &Call<'_>, seconds: i64) -> Session {
    let now = call.now;
    let end = now.checked_add(SignedDuration::from_secs(seconds));
    let account = range.accounts.get(call.account());
    let everywhere = account.is_some_and(|account| account.iam.read().tokens_for_all_regions);
    Session {
        issued: whole(now),
        expires: whole(end.unwrap_or(now)),
        first_regions_only: call.is_for_host(GLOBAL_ENDPOINT) && !everywhere,
        mfa: false,
        policies: Vec::new(),
        tags: Vec::new(),
        transitive_tags: Vec::new(),
        source_identity: None,
        chained: false,
        issuer_id: None,
        federation: None,
        assumed_root: false,
        delegate: None,
    }
}

fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Hands credentials out to `caller`, and puts them into the answer, for the one time they are shown. The token has as
/// many bytes as are asked for at least.
pub fn issue(
    range: &mut Range,
    mut caller: Caller,
    session: Session,
    now: Timestamp,
    least_token: Option<usize>,
) -> Object {
    let id = range.ids.access_key("ASIA", &caller.account);
    let (secret, token) = (
        range.ids.secret(),
        range.ids.token(least_token.unwrap_or(0)),
    );
    let size = token.expose().len();
    let shown = json!({
        "AccessKeyId": id,
        "SecretAccessKey": secret.expose(),
        "SessionToken": token.expose(),
        "Expiration": session.expires.to_string(),
    });
    caller.access_key = Some(id.clone());
    caller.session = Some(session);
    let issued = Issued {
        secret,
        token,
        caller,
    };
    range.sts.issue(id, issued, now);
    let mut answer = Object::new();
    answer.insert("Credentials".into(), shown);
    answer.insert("SessionTokenSize".into(), size.into());
    answer.insert(
        "SessionTokenUtilization".into(),
        (size * 100 / LONGEST_TOKEN).into(),
    );
    answer
}

/// The session policies that a call gives: one document and managed policies of the account `owner`.
pub fn session_policies(
    range: &Range,
    owner: &AccountId,
    document: Option<&str>,
    arns: &[PolicyArn],
) -> Result<Vec<Named>, AwsError> {
    if arns.len() > MOST_POLICIES {
        return Err(AwsError::new(
            400,
            "ValidationError",
            format!(
                "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to {MOST_POLICIES}"
            ),
        ));
    }
    let mut found = Vec::new();
    if let Some(text) = document {
        let policy = Policy::parse(text).map_err(|e| malformed(&e.to_string()))?;
        found.push(Named::new("session policy", policy));
    }
    let iam = range.account(owner)?.iam.read();
    for arn in arns.iter().filter_map(|policy| policy.arn.as_deref()) {
        let document = iam
            .managed_document(arn)
            .ok_or_else(|| malformed(&format!("Policy {arn} does not exist.")))?;
        found.push(Named::new(arn, document.policy));
    }
    Ok(found)
}

fn malformed(why: &str) -> AwsError {
    AwsError::new(400, "MalformedPolicyDocument", why)
}

/// How much of the room session policies and tags take once they are packed, in percent; none where there are none. How
/// AWS packs them is not known; here they are deflated.
///
/// # Errors
/// They take more room than there is.
pub fn packed_size(
    document: Option<&str>,
    arns: &[PolicyArn],
    tags: &Tags,
) -> Result<Option<Value>, AwsError> {
    if document.is_none() && arns.is_empty() && tags.is_empty() {
        return Ok(None);
    }
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::best());
    let mut all = String::from(document.unwrap_or_default());
    for arn in arns.iter().filter_map(|policy| policy.arn.as_deref()) {
        all.push('\n');
        all.push_str(arn);
    }
    for (key, value) in tags {
        all.push('\n');
        all.push_str(key);
        all.push('=');
        all.push_str(value);
    }
    let packed = packer
        .write_all(all.as_bytes())
        .and_then(|()| packer.finish())
        .map_or(all.len(), |packed| packed.len());
    let percent = (packed * 100).div_ceil(ROOM).max(1);
    if percent <= 100 {
        return Ok(Some(percent.into()));
    }
    let message = if tags.is_empty() {
        format!("Packed policy consumes {percent}% of allotted space, please use smaller policy.")
    } else {
        format!("Packed size of session tags consumes {percent}% of allotted space.")
    };
    Err(AwsError::new(400, "PackedPolicyTooLarge", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(packed_size(None, &[], &Vec::new()).unwrap(), None);
        let small = packed_size(Some("{}"), &[], &Vec::new()).unwrap();
        assert_eq!(small, Some(1.into()));
        // What repeats takes little room; what does not takes its own.
        let same: Tags = (0..50)
            .map(|n| (format!("k{n}"), "v".repeat(256)))
            .collect();
        assert!(packed_size(None, &[], &same).is_ok());
        let mut ids = crate::ids::Ids::seeded(3);
        let random: Tags = (0..50)
            .map(|n| (format!("k{n}"), ids.alphanumeric(256)))
            .collect();
        let error = packed_size(None, &[], &random).unwrap_err();
        assert_eq!(error.code, "PackedPolicyTooLarge");
        assert!(
            error
                .message
                .starts_with("Packed size of session tags consumes "),
            "{}",
            error.message
        );
    }
}
