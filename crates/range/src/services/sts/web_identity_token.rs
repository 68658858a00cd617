//! `GetWebIdentityToken`: a token that tells others who an AWS principal is.
//!
//! Owns what the token says. The account's issuer and its keys are IAM's (`outbound_federation.rs`).

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stockade_federation::signer::Signing;
use stockade_model::Timestamp;
use stockade_policy::Context;
use stockade_wire::AwsError;

use super::credentials::{self, Tag};
use super::role_session::invalid;
use super::session_tags;
use crate::authz;
use crate::call::{Call, Reply};
use crate::row::Need;
use crate::state::State as Range;

const USUAL_SECONDS: i64 = 300;
const NAMESPACE: &str = "https://sts.amazonaws.com/";
/// How many bytes the claims may have.
const LONGEST_CLAIMS: usize = 16 * 1_024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    audience: Vec<String>,
    duration_seconds: Option<i64>,
    signing_algorithm: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// `sts:GetWebIdentityToken`, and with tags `sts:TagGetWebIdentityToken`.
pub fn needs(_: &Range, call: &Call<'_>) -> Result<Vec<Need>, AwsError> {
    let input: Input = call.read()?;
    let mut context = Context::new();
    context.insert("sts:IdentityTokenAudience", input.audience.iter().cloned());
    let seconds = input.duration_seconds.unwrap_or(USUAL_SECONDS);
    context.set("sts:DurationSeconds", seconds.to_string());
    context.set("sts:SigningAlgorithm", input.signing_algorithm);
    for tag in &input.tags {
        context.set(&format!("aws:RequestTag/{}", tag.key), tag.value.as_str());
    }
    context.insert("aws:TagKeys", input.tags.iter().map(|tag| tag.key.clone()));
    let mut actions = vec!["sts:GetWebIdentityToken"];
    if !input.tags.is_empty() {
        actions.push("sts:TagGetWebIdentityToken");
    }
    let need = |action| Need {
        context: context.clone(),
        ..Need::new(action, "*")
    };
    Ok(actions.into_iter().map(need).collect())
}

/// Signs a token.
pub fn token(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    if call.host.starts_with("sts.amazonaws.com") {
        return Err(invalid(
            "GetWebIdentityToken is not available on the STS global endpoint",
        ));
    }
    let signing = match input.signing_algorithm.as_str() {
        "RS256" => Signing::Rs256,
        "ES384" => Signing::Es384,
        other => {
            return Err(invalid(&format!(
                "1 validation error detected: Value '{other}' at 'signingAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [RS256, ES384]"
            )));
        }
    };
    let tags = credentials::tags(&input.tags);
    session_tags::check(&tags, &[])?;
    let iam = range.account(call.account())?.iam.read();
    let issuer = iam.issuer.as_ref().filter(|issuer| issuer.enabled);
    let issuer = issuer.ok_or_else(|| {
        AwsError::new(
            403,
            "OutboundWebIdentityFederationDisabledException",
            "Outbound Web Identity Federation is not enabled for this account.",
        )
    })?;
    let seconds = input.duration_seconds.unwrap_or(USUAL_SECONDS);
    let until = call.now.checked_add(SignedDuration::from_secs(seconds));
    let until = Timestamp::from_second(until.unwrap_or(call.now).as_second()).unwrap_or(call.now);
    let session = call.caller.session.as_ref();
    if session.is_some_and(|session| session.expires < until) {
        return Err(AwsError::new(
            403,
            "SessionDurationEscalationException",
            "The requested token duration would extend the session beyond its original expiration time.",
        ));
    }
    let audience = match input.audience.as_slice() {
        [one] => json!(one),
        all => json!(all),
    };
    let subject = call.caller.principal.principal_arn();
    let claims = Map::from_iter([
        ("iss".to_owned(), json!(issuer.url())),
        ("aud".to_owned(), audience),
        (
            "sub".to_owned(),
            json!(subject.unwrap_or_else(|| call.caller.arn.clone())),
        ),
        ("iat".to_owned(), json!(call.now.as_second())),
        ("exp".to_owned(), json!(until.as_second())),
        // A token is one request's: its id is as good as any.
        ("jti".to_owned(), json!(call.request_id)),
        (NAMESPACE.to_owned(), of_principal(range, call, &tags)),
    ]);
    if Value::Object(claims.clone()).to_string().len() > LONGEST_CLAIMS {
        return Err(AwsError::new(
            400,
            "JWTPayloadSizeExceededException",
            "The requested token payload size exceeds the maximum allowed size. Reduce the number of request tags.",
        ));
    }
    let token = issuer
        .keys()
        .and_then(|keys| keys.sign(signing, &claims).ok())
        .ok_or_else(|| {
            AwsError::new(
                500,
                "InternalFailure",
                "The account's issuer has no key that can sign.",
            )
        })?;
    Ok(Reply::of_value(json!({
        "WebIdentityToken": token,
        "Expiration": until.to_string(),
    })))
}

/// What AWS says of the principal beside its name.
fn of_principal(range: &Range, call: &Call<'_>, tags: &[(String, String)]) -> Value {
    let object = |pairs: &[(String, String)]| -> Value {
        pairs
            .iter()
            .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
            .collect::<Map<_, _>>()
            .into()
    };
    let mut claims = Map::new();
    claims.insert("aws_account".into(), call.account().as_str().into());
    claims.insert("source_region".into(), call.region.as_str().into());
    let organizations = range
        .organizations
        .effective(call.now, range.config.iam_delay);
    if let Some(id) = organizations.organization_id_of(call.account()) {
        claims.insert("org_id".into(), id.into());
    }
    if let Some(path) = organizations.path_of(call.account()) {
        claims.insert("ou_path".into(), path.into());
    }
    let of_principal = authz::principal_tags(range, call);
    if !of_principal.is_empty() {
        claims.insert("principal_tags".into(), object(&of_principal));
    }
    if !tags.is_empty() {
        claims.insert("request_tags".into(), object(tags));
    }
    if let Some(session) = &call.caller.session {
        let end = session.expires.to_string();
        claims.insert("original_session_exp".into(), end.into());
        if let Some(federation) = &session.federation {
            let provider = federation.provider.as_str();
            claims.insert("federated_provider".into(), provider.into());
        }
        if let Some(identity) = &session.source_identity {
            claims.insert("source_identity".into(), identity.as_str().into());
        }
    }
    Value::Object(claims)
}
