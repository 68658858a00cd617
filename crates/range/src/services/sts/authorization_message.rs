//! Encoded authorisation messages: why a call was refused, sealed for those who may know.
//!
//! Owns the seal. EC2's refusals carry such messages; who may open one needs `sts:DecodeAuthorizationMessage`. A message
//! is good in the account of who was refused alone, and nobody but the range can read or make one.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::AccountId;
use stockade_policy::{Decision, Policies, Principal, Request, Statement, StatementRef, Verdict};
use stockade_wire::AwsError;

use crate::call::{Call, Caller, Reply};
use crate::state::State as Range;

/// The version of the form, which is part of what is sealed.
const VERSION: u8 = 1;

/// Seals a message.
pub fn seal(
    range: &Range,
    account: &AccountId,
    request_id: &str,
    message: &Value,
) -> Option<String> {
    let key = key(range)?;
    let text = message.to_string();
    // The nonce is the request's; with this cipher one that came twice would only show that the message did.
    let hash = digest::digest(&digest::SHA256, request_id.as_bytes());
    let nonce: [u8; NONCE_LEN] = hash.as_ref().get(..NONCE_LEN)?.try_into().ok()?;
    let mut sealed = text.into_bytes();
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        bound(account),
        &mut sealed,
    )
    .ok()?;
    let parts: [&[u8]; 3] = [&[VERSION], &nonce, &sealed];
    Some(URL_SAFE_NO_PAD.encode(parts.concat()))
}

fn open(range: &Range, account: &AccountId, message: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(message).ok()?;
    let (&VERSION, rest) = bytes.split_first()? else {
        return None;
    };
    let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut sealed = sealed.to_vec();
    let plain = key(range)?
        .open_in_place(nonce, bound(account), &mut sealed)
        .ok()?;
    String::from_utf8(plain.to_vec()).ok()
}

/// What a message is bound to.
fn bound(account: &AccountId) -> Aad<String> {
    Aad::from(format!("{VERSION}:{account}"))
}

fn key(range: &Range) -> Option<LessSafeKey> {
    let bytes = hex::decode(range.sts.message_key.as_ref()?.0.expose()).ok()?;
    Some(LessSafeKey::new(
        UnboundKey::new(&AES_256_GCM_SIV, &bytes).ok()?,
    ))
}

/// EC2's refusal: with the reason sealed, but where nothing but reading was asked for.
pub fn refusal(
    range: &Range,
    call: &Call<'_>,
    decision: &Decision,
    request: &Request<'_>,
    policies: &Policies<'_>,
    message: &str,
) -> String {
    let told = format!("You are not authorized to perform this operation. {message}");
    let looks = call.operation.starts_with("Describe") || call.operation.starts_with("Get");
    if looks || matches!(call.caller.principal, Principal::Anonymous) {
        return told;
    }
    let reason = reason(call.caller, decision, request, policies);
    match seal(range, call.account(), call.request_id, &reason) {
        Some(sealed) => format!("{told}. Encoded authorization failure message: {sealed}"),
        None => told,
    }
}

/// A decision as the message tells it.
fn reason(
    caller: &Caller,
    decision: &Decision,
    request: &Request<'_>,
    policies: &Policies<'_>,
) -> Value {
    let matched: Vec<Value> = match decision.verdict {
        Verdict::ExplicitlyDenied => decision
            .statements
            .iter()
            .map(|found| statement(found, caller, policies))
            .collect(),
        _ => Vec::new(),
    };
    let conditions = request.context.iter().map(|(key, values)| {
        let values = items(values.iter().map(|value| json!({"value": value})));
        json!({"key": key, "values": values})
    });
    let name = caller.arn.rsplit('/').next().unwrap_or_default();
    json!({
        "allowed": decision.is_allowed(),
        "explicitDeny": decision.verdict == Verdict::ExplicitlyDenied,
        "matchedStatements": {"items": matched},
        "failures": {"items": []},
        "context": {
            "principal": {"id": caller.user_id, "name": name, "arn": caller.arn},
            "action": request.action,
            "resource": request.resource,
            "conditions": items(conditions),
        },
    })
}

fn items(values: impl Iterator<Item = Value>) -> Value {
    json!({"items": values.collect::<Vec<_>>()})
}

fn statement(found: &StatementRef, caller: &Caller, policies: &Policies<'_>) -> Value {
    let written: Option<&Statement> = policies
        .identity
        .iter()
        .chain(policies.boundary)
        .chain(policies.session)
        .chain(policies.scps.iter().flatten())
        .find(|named| named.name == found.policy)
        .and_then(|named| named.policy.statements().get(found.index));
    let texts = |texts: Vec<&str>| items(texts.into_iter().map(|text| json!({"value": text})));
    json!({
        "statementId": found.sid.as_deref().unwrap_or_default(),
        "effect": "DENY",
        "principals": items([json!({"value": caller.user_id})].into_iter()),
        "principalGroups": {"items": []},
        "actions": texts(written.map(|s| s.actions().collect()).unwrap_or_default()),
        "resources": texts(written.map(|s| s.resources().collect()).unwrap_or_default()),
        "conditions": {"items": []},
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    encoded_message: String,
}

/// `DecodeAuthorizationMessage`.
pub fn decode(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    match open(range, call.account(), &input.encoded_message) {
        Some(message) => Ok(Reply::of_value(json!({"DecodedMessage": message}))),
        None => Err(AwsError::new(
            400,
            "InvalidAuthorizationMessageException",
            "Message is not valid.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::iam::bench::Cloud;

    #[test]
    fn a_message_opens_in_its_account_and_as_it_was_made() {
        let range = Cloud::new().range;
        let (own, other) = (
            "123456789012".parse().unwrap(),
            "210987654321".parse().unwrap(),
        );
        let sealed = seal(&range, &own, "request", &json!({"allowed": false})).unwrap();
        assert_eq!(
            open(&range, &own, &sealed).as_deref(),
            Some(r#"{"allowed":false}"#)
        );
        assert_eq!(open(&range, &other, &sealed), None);
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            // The last letter has bits to spare.
            assert!(
                open(&range, &own, &changed).is_none() || at + 1 == sealed.len(),
                "{at}"
            );
        }
        for nothing in ["", "A", "AQ", "not base64!", &sealed[..20]] {
            assert_eq!(open(&range, &own, nothing), None, "{nothing}");
        }
    }
}
