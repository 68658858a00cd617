//! SAML users: a response of a registered SAML provider, proved by the keys in its metadata.
//!
//! Owns what AWS asks of an assertion, and what it says of who bears it.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stockade_federation::pem;
use stockade_federation::saml::{Assertion, Provider, ResponseError, read};
use stockade_policy::Principal;
use stockade_wire::{AwsError, Object};

use super::role_session;
use super::session_tags::{Tags, of_provider};
use super::vouched::{
    Hand, LEEWAY, Vouched, account_of, check_source_identity, expired, invalid, is_name,
};
use crate::call::{Caller, Federation, FederationKind};
use crate::services::iam::saml_providers::{self, Encryption};

const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const FORMAT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:";
/// How long after it was issued a response is taken.
const FRESH: SignedDuration = SignedDuration::from_mins(5);
const TOO_LATE: &str = "Token must be redeemed within 5 minutes of issuance";

/// Attributes that are condition keys, by both of the names that they have.
const CONDITION_KEYS: [(&str, &str, &str); 12] = [
    ("saml:cn", "urn:oid:2.5.4.3", "cn"),
    ("saml:commonName", "urn:oid:2.5.4.3", "commonName"),
    (
        "saml:edupersonaffiliation",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.1",
        "eduPersonAffiliation",
    ),
    (
        "saml:edupersonentitlement",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.7",
        "eduPersonEntitlement",
    ),
    (
        "saml:edupersonprimaryaffiliation",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.5",
        "eduPersonPrimaryAffiliation",
    ),
    (
        "saml:edupersonprincipalname",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
        "eduPersonPrincipalName",
    ),
    (
        "saml:edupersonscopedaffiliation",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
        "eduPersonScopedAffiliation",
    ),
    ("saml:givenName", "urn:oid:2.5.4.42", "givenName"),
    ("saml:mail", "urn:oid:0.9.2342.19200300.100.1.3", "mail"),
    ("saml:name", "urn:oid:2.5.4.41", "name"),
    ("saml:surname", "urn:oid:2.5.4.4", "surname"),
    ("saml:uid", "urn:oid:0.9.2342.19200300.100.1.1", "uid"),
];

#[derive(Deserialize)]
struct Input {
    #[serde(rename = "RoleArn")]
    role: String,
    #[serde(rename = "PrincipalArn")]
    provider: String,
    #[serde(rename = "SAMLAssertion")]
    response: String,
}

/// Finds out who bears a response.
pub fn vouch(hand: &Hand<'_>, input: &Object) -> Result<Vouched, AwsError> {
    let input: Input = serde_json::from_value(Value::Object(input.clone()))
        .map_err(|error| AwsError::new(400, "SerializationException", error.to_string()))?;
    role_session::check_arn(&input.role)?;
    let unknown = || invalid("Specified provider doesn't exist");
    let account = account_of(&input.provider).ok_or_else(unknown)?;
    let iam = hand
        .range
        .accounts
        .get(&account)
        .ok_or_else(unknown)?
        .iam
        .effective(hand.now, hand.range.config.iam_delay);
    let provider = saml_providers::of_arn(iam, &account, &input.provider).ok_or_else(unknown)?;
    let text = pem::base64(&input.response)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| invalid("Invalid base64 SAMLResponse"))?;
    let metadata = provider.metadata().ok_or_else(unknown)?;
    let decryption = provider.decryption_keys();
    let trusted = Provider {
        entity_id: &metadata.entity_id,
        keys: &metadata.keys,
        decryption: &decryption,
        encrypted_only: provider.encryption == Some(Encryption::Required),
    };
    let assertion = read(&text, trusted).map_err(|error| refused(&error))?;
    let now = (hand.aged)(assertion.issued);
    if now >= provider.valid_until {
        return Err(invalid("The metadata of the SAML provider has expired"));
    }
    let recipient = check(&assertion, now)?;

    let attribute = |name: &str| assertion.attributes.get(&format!("{ATTRIBUTES}{name}"));
    // The Role attribute must name this role together with this provider.
    let roles = attribute("Role").ok_or_else(|| {
        invalid("Your request included an invalid SAML response: it has no attribute Role")
    })?;
    let pair = |text: &String| {
        let mut parts: Vec<&str> = text.split(',').map(str::trim).collect();
        parts.sort_unstable();
        let mut wanted = [input.role.as_str(), input.provider.as_str()];
        wanted.sort_unstable();
        parts == wanted
    };
    if !roles.iter().any(pair) {
        return Err(AwsError::new(
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithSAML",
        ));
    }
    let session_name = one(attribute("RoleSessionName"))
        .ok_or_else(|| invalid("RoleSessionName is required in AuthnResponse"))?;
    if !is_name(session_name) {
        return Err(invalid(
            "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}",
        ));
    }
    let source_identity = one(attribute("SourceIdentity")).map(str::to_owned);
    if let Some(identity) = &source_identity {
        check_source_identity(identity)?;
    }
    let (tags, transitive_tags) = session_tags(&assertion)?;
    let longest = longest(&assertion, now)?;

    let subject = assertion.subject.clone();
    let format = assertion.format.as_deref().unwrap_or_default();
    let subject_type = format.strip_prefix(FORMAT).unwrap_or(format).to_owned();
    let name_qualifier = name_qualifier(&assertion.issuer, account.as_str(), &provider.name);
    let mut context = vec![
        ("saml:aud".to_owned(), vec![recipient.clone()]),
        ("saml:iss".to_owned(), vec![assertion.issuer.clone()]),
        ("saml:sub".to_owned(), vec![subject.clone()]),
        ("saml:sub_type".to_owned(), vec![subject_type.clone()]),
        (
            "saml:namequalifier".to_owned(),
            vec![name_qualifier.clone()],
        ),
        (
            "saml:doc".to_owned(),
            vec![format!("{account}/{}", provider.name)],
        ),
    ];
    for (key, by_id, by_name) in CONDITION_KEYS {
        let values = assertion
            .attributes
            .get(by_id)
            .or_else(|| assertion.attributes.get(by_name));
        if let Some(values) = values.filter(|values| !values.is_empty()) {
            context.push((key.to_owned(), values.clone()));
        }
    }
    let mut parameters = Map::from_iter([
        ("sAMLAssertionID".to_owned(), json!(assertion.id)),
        ("roleSessionName".to_owned(), json!(session_name)),
        ("principalArn".to_owned(), json!(input.provider)),
    ]);
    if let Some(identity) = &source_identity {
        parameters.insert("sourceIdentity".into(), identity.as_str().into());
    }
    let role_account = account_of(&input.role).unwrap_or_else(|| account.clone());
    Ok(Vouched {
        caller: Caller {
            account: role_account,
            principal: Principal::Federated {
                provider: input.provider.clone(),
            },
            arn: input.provider.clone(),
            user_id: format!("{name_qualifier}:{subject}"),
            access_key: None,
            session: None,
        },
        federation: Federation {
            kind: FederationKind::Saml,
            provider: input.provider.clone(),
            context,
        },
        session_name: session_name.to_owned(),
        tags,
        transitive_tags,
        source_identity,
        longest,
        answer: Map::from_iter([
            ("Subject".to_owned(), json!(subject)),
            ("SubjectType".to_owned(), json!(subject_type)),
            ("Issuer".to_owned(), json!(assertion.issuer)),
            ("Audience".to_owned(), json!(recipient)),
            ("NameQualifier".to_owned(), json!(name_qualifier)),
        ]),
        identity: json!({
            "type": "SAMLUser",
            "principalId": format!("{name_qualifier}:{subject}"),
            "userName": subject,
            "identityProvider": name_qualifier,
        }),
        parameters,
        additional: Map::new(),
        resources: vec![json!({
            "accountId": account.as_str(),
            "type": "AWS::IAM::SAMLProvider",
            "ARN": input.provider,
        })],
    })
}

fn one(values: Option<&Vec<String>>) -> Option<&str> {
    match values.map(Vec::as_slice) {
        Some([value]) => Some(value.trim()),
        _ => None,
    }
}

fn refused(error: &ResponseError) -> AwsError {
    tracing::debug!(%error, "a SAML response is refused");
    match error {
        ResponseError::Status(status) => AwsError::new(
            403,
            "IDPRejectedClaim",
            format!("The identity provider did not authenticate the user: {status}"),
        ),
        ResponseError::Unsigned | ResponseError::Signature(_) | ResponseError::StraySignature => {
            invalid("Response signature invalid")
        }
        ResponseError::Issuer(_) => invalid("Issuer not present in specified provider"),
        ResponseError::NotEncrypted => {
            invalid("The SAML assertion must be encrypted for the specified provider")
        }
        ResponseError::Encrypted(_) => invalid(
            "The SAML assertion could not be decrypted with the private keys of the specified provider",
        ),
        other => invalid(format!(
            "Your request included an invalid SAML response: {other}"
        )),
    }
}

/// Checks when the assertion is good and for whom it is meant; hands back where it had to be presented.
fn check(assertion: &Assertion, now: jiff::Timestamp) -> Result<String, AwsError> {
    let soon = now
        .checked_add(SignedDuration::from_secs(LEEWAY))
        .unwrap_or(now);
    let too_early = || invalid("The SAML assertion is not valid yet");
    if assertion.issued > soon || assertion.not_before.is_some_and(|from| from > soon) {
        return Err(too_early());
    }
    let ended = assertion.not_on_or_after.is_some_and(|end| now >= end);
    if ended || now.duration_since(assertion.issued) > FRESH {
        return Err(expired(TOO_LATE));
    }
    let for_us = |audiences: &Vec<String>| audiences.iter().any(|audience| is_ours(audience));
    if assertion.audiences.is_empty() || !assertion.audiences.iter().all(for_us) {
        return Err(invalid("Response does not contain the required audience."));
    }
    let mut late = false;
    for confirmation in &assertion.confirmations {
        let recipient = confirmation.recipient.as_deref().unwrap_or_default();
        if confirmation.method != BEARER || !is_endpoint(recipient) {
            continue;
        }
        match confirmation.not_on_or_after {
            Some(end) if now < end => {}
            Some(_) => {
                late = true;
                continue;
            }
            None => continue,
        }
        if confirmation.not_before.is_none_or(|from| from <= soon) {
            return Ok(recipient.to_owned());
        }
    }
    if late {
        return Err(expired(TOO_LATE));
    }
    Err(invalid(
        "Your request included an invalid SAML response: it confirms no bearer at a recipient of AWS's",
    ))
}

fn is_ours(audience: &str) -> bool {
    audience == "urn:amazon:webservices" || is_endpoint(audience)
}

/// Where AWS takes SAML responses: globally, in each region, and with a path of an account's own.
fn is_endpoint(address: &str) -> bool {
    let Some((host, path)) = address
        .strip_prefix("https://")
        .and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    let region = host.strip_suffix(".signin.aws.amazon.com");
    let is_host = host == "signin.aws.amazon.com"
        || region.is_some_and(|region| {
            !region.is_empty()
                && region
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        });
    is_host && (path == "saml" || path.starts_with("saml/"))
}

fn session_tags(assertion: &Assertion) -> Result<(Tags, Vec<String>), AwsError> {
    let prefix = format!("{ATTRIBUTES}PrincipalTag:");
    let given = assertion
        .attributes
        .iter()
        .filter_map(|(name, values)| Some((name.strip_prefix(&prefix)?, values.clone())));
    let tags = of_provider(given)?;
    let transitive = assertion
        .attributes
        .get(&format!("{ATTRIBUTES}TransitiveTagKeys"));
    Ok((tags, transitive.cloned().unwrap_or_default()))
}

/// The longest session that the provider allows: by the attribute SessionDuration, and until its own session ends.
fn longest(assertion: &Assertion, now: jiff::Timestamp) -> Result<Option<i64>, AwsError> {
    let asked = assertion
        .attributes
        .get(&format!("{ATTRIBUTES}SessionDuration"));
    let by_attribute = match asked {
        None => None,
        Some(_) => Some(
            one(asked)
                .and_then(|text| text.parse::<i64>().ok())
                .filter(|seconds| (900..=43_200).contains(seconds))
                .ok_or_else(|| {
                    invalid("SessionDuration in AuthnResponse must be an integer from 900 to 43200")
                })?,
        ),
    };
    let by_session = assertion
        .session_until
        .map(|until| until.duration_since(now).as_secs());
    if by_session.is_some_and(|seconds| seconds <= 0) {
        return Err(expired(TOO_LATE));
    }
    Ok(match (by_attribute, by_session) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    })
}

/// A hash that tells a provider of an account from all others.
fn name_qualifier(issuer: &str, account: &str, provider: &str) -> String {
    let text = format!("{issuer}{account}/{provider}");
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    STANDARD.encode(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_qualifier_is_the_documented_hash() {
        // As `printf 'https://example.com/saml123456789012/MySAMLIdP' | openssl sha1 -binary | base64` has it.
        let found = name_qualifier("https://example.com/saml", "123456789012", "MySAMLIdP");
        assert_eq!(found, "1uAJanUnBc2XeUkHURMht+xam2c=");
    }

    #[test]
    fn only_aws_is_a_recipient() {
        for good in [
            "https://signin.aws.amazon.com/saml",
            "https://eu-west-1.signin.aws.amazon.com/saml",
            "https://us-east-1.signin.aws.amazon.com/saml/acs/SAMLX",
        ] {
            assert!(is_endpoint(good), "{good}");
        }
        for bad in [
            "",
            "http://signin.aws.amazon.com/saml",
            "https://signin.aws.amazon.com",
            "https://signin.aws.amazon.com/samlx",
            "https://signin.aws.amazon.com.evil.example/saml",
            "https://evil.example/x.signin.aws.amazon.com/saml",
            "https://user@signin.aws.amazon.com/saml",
            "https://.signin.aws.amazon.com/saml",
        ] {
            assert!(!is_endpoint(bad), "{bad}");
        }
    }
}
