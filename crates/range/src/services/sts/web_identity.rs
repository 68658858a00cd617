//! Web identities: a token of an OpenID Connect provider, proved by the provider's keys.
//!
//! Owns what a token must say, and what it says of who bears it. The keys were fetched before (`provider_keys`).

use serde::Deserialize;
use serde_json::{Map, Value, json};
use stockade_federation::jwk::KeySet;
use stockade_federation::jwt::{TokenError, Unproved};
use stockade_model::Timestamp;
use stockade_policy::Principal;
use stockade_wire::{AwsError, Object};

use super::role_session;
use super::session_tags::{Tags, of_provider};
use super::vouched::{Hand, LEEWAY, Vouched, account_of, check_source_identity, expired, invalid};
use crate::call::{Caller, Federation, FederationKind};
use crate::provider_keys::{NoKeys, Question};
use crate::services::iam::oidc_providers;
use crate::state::State as Range;

/// Providers that every account has, by the domains that name them in policies.
const BUILT_IN: [&str; 2] = ["accounts.google.com", "cognito-identity.amazonaws.com"];
/// Providers of OAuth 2.0 access tokens, which only they can read.
const BY_ACCESS_TOKEN: [&str; 2] = ["graph.facebook.com", "www.amazon.com"];
const TAGS: &str = "https://aws.amazon.com/tags";
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";
/// How long a subject may be.
const LONGEST_SUBJECT: usize = 255;
/// Claims of GitHub's tokens that policies may ask for, beside those of every provider.
const OF_GITHUB: [&str; 12] = [
    "actor",
    "actor_id",
    "enterprise",
    "enterprise_id",
    "environment",
    "job_workflow_ref",
    "ref",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "workflow",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    role_arn: String,
    role_session_name: String,
    web_identity_token: String,
    provider_id: Option<String>,
}

/// A provider that an account has.
struct Provider {
    /// Its ARN, or its domain: as policies name it.
    name: String,
    /// What its condition keys begin with.
    prefix: String,
    /// The audiences for which its tokens are taken; none: for all.
    clients: Option<Vec<String>>,
    question: Question,
}

fn provider_of(range: &Range, now: Timestamp, role: &str, issuer: &str) -> Option<Provider> {
    let account = account_of(role)?;
    let iam = range
        .accounts
        .get(&account)?
        .iam
        .effective(now, range.config.iam_delay);
    if let Some(found) = oidc_providers::of_issuer(iam, issuer) {
        return Some(Provider {
            name: found.arn(&account),
            prefix: found.url.clone(),
            clients: Some(found.clients.clone()),
            question: Question {
                issuer: found.issuer(),
                thumbprints: found.thumbprints.clone(),
            },
        });
    }
    // Google's tokens name it with and without the scheme.
    let domain = issuer.strip_prefix("https://").unwrap_or(issuer);
    BUILT_IN.contains(&domain).then(|| Provider {
        name: domain.to_owned(),
        prefix: domain.to_owned(),
        clients: None,
        question: Question {
            issuer: format!("https://{domain}"),
            thumbprints: Vec::new(),
        },
    })
}

/// Which provider must be asked for its keys before a call can be answered, and whether a set of keys is enough; none:
/// the call is refused without.
pub fn question(
    range: &Range,
    now: Timestamp,
    input: &Object,
) -> Option<(Question, impl Fn(&KeySet) -> bool + use<>)> {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    if text("ProviderId").is_some() {
        return None;
    }
    let token = Unproved::read(text("WebIdentityToken")?).ok()?;
    token.algorithm().ok()?;
    let provider = provider_of(range, now, text("RoleArn")?, token.issuer()?)?;
    Some((provider.question, move |keys: &KeySet| {
        token.has_key_in(keys)
    }))
}

/// Finds out who bears a token.
pub fn vouch(hand: &Hand<'_>, input: &Object) -> Result<Vouched, AwsError> {
    let input: Input = serde_json::from_value(Value::Object(input.clone()))
        .map_err(|error| AwsError::new(400, "SerializationException", error.to_string()))?;
    role_session::check_arn(&input.role_arn)?;
    if let Some(id) = &input.provider_id {
        return Err(by_access_token(id));
    }
    let token = Unproved::read(&input.web_identity_token).map_err(|_| {
        invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
    })?;
    token.algorithm().map_err(|error| refused(&error))?;
    let issuer = token.issuer().ok_or_else(|| missing("iss"))?.to_owned();
    let unknown = || {
        invalid(format!(
            "No OpenIDConnect provider found in your account for {issuer}"
        ))
    };
    let account = account_of(&input.role_arn).ok_or_else(unknown)?;
    let provider =
        provider_of(hand.range, hand.now, &input.role_arn, &issuer).ok_or_else(unknown)?;
    let answer = hand.keys.known(&provider.question).map_err(no_keys)?;
    let claims = token.prove(&answer.keys).map_err(|error| refused(&error))?;
    check_times(hand, &claims)?;

    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let audiences = strings(claims.get("aud"));
    if audiences.is_empty() {
        return Err(missing("aud"));
    }
    // Where the token names the party that it was issued to, that one is the audience.
    let authorised = text("azp").map(str::to_owned);
    let candidates = match &authorised {
        Some(party) => std::slice::from_ref(party),
        None => audiences.as_slice(),
    };
    let taken = |client: &&String| {
        provider
            .clients
            .as_ref()
            .is_none_or(|clients| clients.contains(client))
    };
    let audience = candidates
        .iter()
        .find(taken)
        .ok_or_else(|| invalid("Incorrect token audience"))?
        .clone();
    let subject = text("sub")
        .filter(|subject| (1..=LONGEST_SUBJECT).contains(&subject.chars().count()))
        .ok_or_else(|| missing("sub"))?
        .to_owned();
    let source_identity = text(SOURCE_IDENTITY).map(str::to_owned);
    if let Some(identity) = &source_identity {
        check_source_identity(identity)?;
    }
    let (tags, transitive_tags) = session_tags(&claims)?;

    let mut context = vec![
        (format!("{}:aud", provider.prefix), vec![audience.clone()]),
        (format!("{}:sub", provider.prefix), vec![subject.clone()]),
    ];
    if authorised.is_some() {
        context.push((format!("{}:oaud", provider.prefix), audiences));
    }
    let more: &[&str] = match provider.prefix.as_str() {
        "token.actions.githubusercontent.com" => &OF_GITHUB,
        _ => &["email"],
    };
    for name in ["amr"].iter().chain(more) {
        let values = strings(claims.get(*name));
        if !values.is_empty() {
            context.push((format!("{}:{name}", provider.prefix), values));
        }
    }
    let principal_id = format!("{}:{audience}:{subject}", provider.name);
    let mut parameters = Map::new();
    if let Some(identity) = &source_identity {
        parameters.insert("sourceIdentity".into(), identity.as_str().into());
    }
    let verified = json!(answer.verified_by.name());
    Ok(Vouched {
        caller: Caller {
            account,
            principal: Principal::Federated {
                provider: provider.name.clone(),
            },
            arn: provider.name.clone(),
            user_id: principal_id.clone(),
            access_key: None,
            session: None,
        },
        federation: Federation {
            kind: FederationKind::WebIdentity,
            provider: provider.name.clone(),
            context,
        },
        session_name: input.role_session_name,
        tags,
        transitive_tags,
        source_identity,
        longest: None,
        answer: Map::from_iter([
            ("SubjectFromWebIdentityToken".to_owned(), json!(subject)),
            ("Provider".to_owned(), json!(provider.name)),
            ("Audience".to_owned(), json!(audience)),
        ]),
        identity: json!({
            "type": "WebIdentityUser",
            "principalId": principal_id,
            "userName": subject,
            "identityProvider": provider.name,
        }),
        parameters,
        additional: Map::from_iter([(
            "identityProviderConnectionVerificationMethod".to_owned(),
            verified,
        )]),
        resources: Vec::new(),
    })
}

/// Access tokens are their provider's to read, and the range does not ask it.
fn by_access_token(provider: &str) -> AwsError {
    if BY_ACCESS_TOKEN.contains(&provider) {
        return AwsError::new(
            400,
            "IDPCommunicationError",
            format!(
                "The range does not reach {provider}: present a token of an OpenID Connect provider, without ProviderId."
            ),
        );
    }
    AwsError::new(
        400,
        "ValidationError",
        format!(
            "Provider ID {provider} is not valid: it is given for graph.facebook.com and www.amazon.com alone."
        ),
    )
}

fn missing(claim: &str) -> AwsError {
    invalid(format!("Missing a required claim: {claim}"))
}

fn refused(error: &TokenError) -> AwsError {
    match error {
        TokenError::UnknownKey(_) => no_keys(NoKeys::Document(String::new())),
        TokenError::Algorithm(_) => invalid(
            "Token must be signed by one of the algorithms RS256, RS384, RS512, ES256, ES384, ES512",
        ),
        TokenError::Signature => invalid("Token signature is invalid"),
        TokenError::Form | TokenError::Critical(_) => {
            invalid("The ID Token provided is not a valid JWT.")
        }
    }
}

fn no_keys(why: NoKeys) -> AwsError {
    match why {
        NoKeys::Unreachable(why) => AwsError::new(
            400,
            "IDPCommunicationError",
            format!("The identity provider could not be reached: {why}"),
        ),
        NoKeys::Certificate => invalid(
            "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
        ),
        NoKeys::Document(_) => invalid(
            "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
        ),
    }
}

/// When a token is good: whole seconds since 1970, as AWS asks for.
fn check_times(hand: &Hand<'_>, claims: &Map<String, Value>) -> Result<(), AwsError> {
    let seconds = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| {
            invalid(format!(
                "The claim {name} must be an integer or a long integer"
            ))
        }),
    };
    let expires = seconds("exp")?.ok_or_else(|| missing("exp"))?;
    let issued = seconds("iat")?.ok_or_else(|| missing("iat"))?;
    let not_before = seconds("nbf")?;
    let issued_at = Timestamp::from_second(issued).map_err(|_| missing("iat"))?;
    let now = (hand.aged)(issued_at).as_second();
    if now >= expires {
        return Err(expired(format!(
            "Token expired: current date/time {now} must be before the expiration date/time {expires}"
        )));
    }
    let latest = not_before.map_or(issued, |not_before| not_before.max(issued));
    if latest > now.saturating_add(LEEWAY) {
        return Err(invalid(format!(
            "Token is not valid yet: current date/time {now} must not be before the date/time {latest}"
        )));
    }
    Ok(())
}

/// A claim as texts: one, or all of a list.
fn strings(claim: Option<&Value>) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match claim {
        Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
        Some(one) => text(one).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The tags that a token gives, in one claim or in one for each.
fn session_tags(claims: &Map<String, Value>) -> Result<(Tags, Vec<String>), AwsError> {
    let flat = format!("{TAGS}/principal_tags/");
    let mut given: Vec<(&str, &Value)> = claims
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(&flat)?, value)))
        .collect();
    let nested = claims.get(TAGS);
    let listed = nested.and_then(|tags| tags.get("principal_tags"));
    if let Some(tags) = listed.and_then(Value::as_object) {
        given.extend(tags.iter().map(|(key, value)| (key.as_str(), value)));
    }
    let tags = of_provider(
        given
            .into_iter()
            .map(|(key, value)| (key, strings(Some(value)))),
    )?;
    let transitive = nested
        .and_then(|tags| tags.get("transitive_tag_keys"))
        .or_else(|| claims.get(&format!("{TAGS}/transitive_tag_keys")));
    Ok((tags, strings(transitive)))
}
