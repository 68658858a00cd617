//! Temporary credentials: made, kept, and shown once.

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::Timestamp;
use stockade_policy::{Named, Policy};
use stockade_wire::AwsError;

use super::state::Issued;
use crate::call::{Caller, Session};
use crate::state::State as Range;

/// A session tag as calls carry it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// A managed policy named as a session policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyArn {
    /// Its ARN.
    pub arn: Option<String>,
}

/// A session of `seconds` from `now`, without policies, tags or MFA.
pub fn session(now: Timestamp, seconds: i64) -> Session {
    Session {
        issued: whole(now),
        expires: whole(
            now.checked_add(SignedDuration::from_secs(seconds))
                .unwrap_or(now),
        ),
        mfa: false,
        policies: Vec::new(),
        tags: Vec::new(),
        transitive_tags: Vec::new(),
        source_identity: None,
        chained: false,
        issuer_id: None,
    }
}

fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Hands credentials out to `caller` and shows them, for the one time.
pub fn issue(range: &mut Range, mut caller: Caller, session: Session, now: Timestamp) -> Value {
    let id = range.ids.access_key("ASIA");
    let (secret, token) = (range.ids.secret(), range.ids.token());
    let shown = json!({
        "AccessKeyId": id,
        "SecretAccessKey": secret.expose(),
        "SessionToken": token.expose(),
        "Expiration": session.expires.to_string(),
    });
    caller.access_key = Some(id.clone());
    caller.session = Some(session);
    range.sts.issue(
        id,
        Issued {
            secret,
            token,
            caller,
        },
        now,
    );
    shown
}

/// The session policies that a call gives: one document and up to ten managed policies of the account `owner`.
pub fn session_policies(
    range: &Range,
    owner: &stockade_model::AccountId,
    document: Option<&str>,
    arns: &[PolicyArn],
) -> Result<Vec<Named>, AwsError> {
    if arns.len() > 10 {
        return Err(AwsError::new(
            400,
            "ValidationError",
            "No more than 10 session policies may be given by ARN.",
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

/// What a packed policy would take, in percent of AWS's limit; no member where there is none.
pub fn packed_size(document: Option<&str>, tags: &[Tag]) -> Option<u64> {
    let bytes = document.map_or(0, str::len)
        + tags
            .iter()
            .map(|tag| tag.key.len() + tag.value.len())
            .sum::<usize>();
    (bytes > 0).then(|| {
        (u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(100) / 2048).clamp(1, 100)
    })
}
