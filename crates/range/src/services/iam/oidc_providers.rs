//! OpenID Connect providers: whose tokens an account takes for web identities.
//!
//! Owns the providers as they are registered. What they sign is proved by `sts/web_identity.rs`; their keys are
//! fetched by `provider_keys`.

use std::sync::Arc;

use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Timestamp};
use stockade_wire::AwsError;

use super::errors;
use super::output::{reply, time};
use super::scope::{iam, iam_mut};
use super::state::State;
use super::tags::{self, Tag};
use crate::call::{Call, Reply};
use crate::state::State as Range;

const PROVIDERS_PER_ACCOUNT: usize = 100;
const CLIENTS_PER_PROVIDER: usize = 100;
const THUMBPRINTS_PER_PROVIDER: usize = 5;

/// An OpenID Connect provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OidcProvider {
    /// Its address without `https://`: `server.example.com/path`.
    pub url: String,
    /// The audiences for which its tokens are taken.
    pub clients: Vec<String>,
    /// SHA-1 digests of the certificates at the top of its chain, in lower-case hexadecimal.
    pub thumbprints: Vec<String>,
    /// When it was registered.
    pub created: Timestamp,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
}

crate::row!(OidcProvider);

impl OidcProvider {
    /// Its ARN in this account.
    pub fn arn(&self, account: &AccountId) -> String {
        arn(account, &self.url)
    }

    /// The issuer that its tokens must name.
    pub fn issuer(&self) -> String {
        format!("https://{}", self.url)
    }
}

fn arn(account: &AccountId, url: &str) -> String {
    format!("arn:aws:iam::{account}:oidc-provider/{url}")
}

/// The provider of an account whose tokens name this issuer.
pub fn of_issuer<'a>(state: &'a State, issuer: &str) -> Option<&'a OidcProvider> {
    let url = issuer.strip_prefix("https://")?;
    let found = state.oidc_providers.get(url);
    // A slash at the end of the address is not part of the provider's name.
    found
        .or_else(|| state.oidc_providers.get(url.strip_suffix('/')?))
        .map(Arc::as_ref)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    url: String,
    #[serde(default, rename = "ClientIDList")]
    clients: Vec<String>,
    #[serde(default)]
    thumbprint_list: Vec<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let url = read_url(&input.url)?;
    let state = iam(range, call)?;
    if state.oidc_providers.contains_key(&url) {
        return Err(errors::already_exists(format!(
            "Provider with url https://{url} already exists."
        )));
    }
    let used = state.oidc_providers.len();
    errors::check_quota(
        "OpenIdConnectProvidersPerAccount",
        used,
        PROVIDERS_PER_ACCOUNT,
    )?;
    let mut clients = Vec::new();
    for client in input.clients {
        if !clients.contains(&client) {
            clients.push(client);
        }
    }
    if clients.len() > CLIENTS_PER_PROVIDER {
        return Err(too_many_clients());
    }
    let provider = OidcProvider {
        url: url.clone(),
        clients,
        thumbprints: read_thumbprints(input.thumbprint_list)?,
        created: call.now,
        tags: tags::merged_by_case(&[], input.tags)?,
    };
    let answer = json!({
        "OpenIDConnectProviderArn": provider.arn(call.account()),
        "Tags": tags::shown_if_any(&provider.tags),
    });
    iam_mut(range, call)?
        .oidc_providers
        .insert(url, Arc::new(provider));
    Ok(reply(answer))
}

/// `https://` with a host, and neither a query, nor a fragment, nor somebody's name in it.
fn read_url(url: &str) -> Result<String, AwsError> {
    let invalid = || errors::invalid_input("Invalid Open ID Connect Provider URL");
    let rest = url.strip_prefix("https://").ok_or_else(invalid)?;
    let uri: Uri = url.parse().map_err(|_| invalid())?;
    let authority = uri.authority().ok_or_else(invalid)?;
    let plain = uri.query().is_none() && !rest.contains(['#', '?', '@', '\\', '*']);
    if !plain || authority.host().is_empty() {
        return Err(invalid());
    }
    Ok(rest.strip_suffix('/').unwrap_or(rest).to_owned())
}

fn read_thumbprints(given: Vec<String>) -> Result<Vec<String>, AwsError> {
    if given.len() > THUMBPRINTS_PER_PROVIDER {
        return Err(errors::invalid_input(
            "Thumbprint list must contain fewer than 5 entries.",
        ));
    }
    let hexadecimal = |text: &String| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !given.iter().all(hexadecimal) {
        return Err(errors::invalid_input(
            "Thumbprint list contains an invalid thumbprint.",
        ));
    }
    Ok(given
        .into_iter()
        .map(|text| text.to_ascii_lowercase())
        .collect())
}

fn too_many_clients() -> AwsError {
    errors::limit_exceeded(format!(
        "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENTS_PER_PROVIDER}"
    ))
}

#[derive(Deserialize)]
struct OfProvider {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
}

/// The key in the table of the provider that an ARN names.
pub(super) fn key_of(account: &AccountId, arn: &str) -> Result<String, AwsError> {
    let prefix = self::arn(account, "");
    match arn.strip_prefix(&prefix) {
        Some(url) => Ok(url.to_owned()),
        None if arn.contains(":oidc-provider/") => Err(not_found(arn)),
        None => Err(errors::validation(format!("Invalid ARN: {arn}"))),
    }
}

pub(super) fn not_found(arn: &str) -> AwsError {
    errors::no_such_entity(format!("OpenIDConnect Provider not found for arn {arn}"))
}

fn find<'a>(
    range: &'a Range,
    call: &Call<'_>,
) -> Result<(String, &'a Arc<OidcProvider>), AwsError> {
    let input: OfProvider = call.read()?;
    let key = key_of(call.account(), &input.arn)?;
    let found = iam(range, call)?.oidc_providers.get(&key);
    found
        .map(|provider| (key, provider))
        .ok_or_else(|| not_found(&input.arn))
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let (_, provider) = find(range, call)?;
    Ok(reply(json!({
        "Url": provider.url,
        "ClientIDList": provider.clients,
        "ThumbprintList": provider.thumbprints,
        "CreateDate": time(provider.created),
        "Tags": tags::shown_if_any(&provider.tags),
    })))
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let all: Vec<Value> = iam(range, call)?
        .oidc_providers
        .values()
        .map(|provider| json!({"Arn": provider.arn(call.account())}))
        .collect();
    Ok(reply(json!({"OpenIDConnectProviderList": all})))
}

/// One that is not there is gone already.
pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfProvider = call.read()?;
    let key = key_of(call.account(), &input.arn)?;
    if iam(range, call)?.oidc_providers.contains_key(&key) {
        iam_mut(range, call)?.oidc_providers.remove(&key);
    }
    Ok(Reply::empty())
}

fn change(
    range: &mut Range,
    call: &Call<'_>,
    changed: impl FnOnce(&mut OidcProvider) -> Result<(), AwsError>,
) -> Result<Reply, AwsError> {
    let (key, provider) = find(range, call)?;
    let mut provider = provider.as_ref().clone();
    let before = provider.clone();
    changed(&mut provider)?;
    if provider != before {
        iam_mut(range, call)?
            .oidc_providers
            .insert(key, Arc::new(provider));
    }
    Ok(Reply::empty())
}

#[derive(Deserialize)]
struct OfClient {
    #[serde(rename = "ClientID")]
    client: String,
}

pub(super) fn add_client(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfClient { client } = call.read()?;
    change(range, call, |provider| {
        if provider.clients.contains(&client) {
            return Ok(());
        }
        if provider.clients.len() >= CLIENTS_PER_PROVIDER {
            return Err(too_many_clients());
        }
        provider.clients.push(client);
        Ok(())
    })
}

pub(super) fn remove_client(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfClient { client } = call.read()?;
    change(range, call, |provider| {
        provider.clients.retain(|own| *own != client);
        Ok(())
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Thumbprints {
    thumbprint_list: Vec<String>,
}

pub(super) fn update_thumbprints(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Thumbprints = call.read()?;
    let thumbprints = read_thumbprints(input.thumbprint_list)?;
    change(range, call, |provider| {
        provider.thumbprints = thumbprints;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::bench::Cloud;
    use super::*;

    const ARN: &str = "arn:aws:iam::123456789012:oidc-provider/idp.example.com/tenant";

    fn cloud() -> Cloud {
        let mut cloud = Cloud::new();
        let input = json!({
            "Url": "https://idp.example.com/tenant/", "ClientIDList": ["app", "app"],
            "ThumbprintList": ["AA".repeat(20)], "Tags": [{"Key": "a", "Value": "1"}],
        });
        let made = cloud.iam("CreateOpenIDConnectProvider", input).unwrap();
        assert_eq!(made["OpenIDConnectProviderArn"], ARN);
        cloud
    }

    #[test]
    fn a_provider_is_registered_shown_and_forgotten() {
        let mut cloud = cloud();
        let of = json!({"OpenIDConnectProviderArn": ARN});
        let shown = cloud.iam("GetOpenIDConnectProvider", of.clone()).unwrap();
        assert_eq!(shown["Url"], "idp.example.com/tenant");
        assert_eq!(shown["ClientIDList"], json!(["app"]));
        assert_eq!(shown["ThumbprintList"], json!(["aa".repeat(20)]));
        let again = cloud.refused(
            "CreateOpenIDConnectProvider",
            json!({"Url": "https://idp.example.com/tenant"}),
        );
        assert_eq!(again.0, "EntityAlreadyExists");
        cloud
            .iam("DeleteOpenIDConnectProvider", of.clone())
            .unwrap();
        cloud
            .iam("DeleteOpenIDConnectProvider", of.clone())
            .unwrap();
        let (code, message) = cloud.refused("GetOpenIDConnectProvider", of);
        assert_eq!(code, "NoSuchEntity");
        assert_eq!(
            message,
            format!("OpenIDConnect Provider not found for arn {ARN}")
        );
    }

    #[test]
    fn clients_thumbprints_and_tags_change() {
        let mut cloud = cloud();
        let with = |name: &str, value: Value| {
            let mut input = json!({"OpenIDConnectProviderArn": ARN});
            input[name] = value;
            input
        };
        for _ in 0..2 {
            cloud
                .iam(
                    "AddClientIDToOpenIDConnectProvider",
                    with("ClientID", "b".into()),
                )
                .unwrap();
        }
        for _ in 0..2 {
            cloud
                .iam(
                    "RemoveClientIDFromOpenIDConnectProvider",
                    with("ClientID", "app".into()),
                )
                .unwrap();
        }
        let fresh = json!(["0f".repeat(20)]);
        cloud
            .iam(
                "UpdateOpenIDConnectProviderThumbprint",
                with("ThumbprintList", fresh.clone()),
            )
            .unwrap();
        cloud
            .iam(
                "TagOpenIDConnectProvider",
                with("Tags", json!([{"Key": "b", "Value": "2"}])),
            )
            .unwrap();
        cloud
            .iam("UntagOpenIDConnectProvider", with("TagKeys", json!(["a"])))
            .unwrap();
        let shown = cloud
            .iam(
                "GetOpenIDConnectProvider",
                json!({"OpenIDConnectProviderArn": ARN}),
            )
            .unwrap();
        assert_eq!(shown["ClientIDList"], json!(["b"]));
        assert_eq!(shown["ThumbprintList"], fresh);
        assert_eq!(shown["Tags"], json!([{"Key": "b", "Value": "2"}]));
        let bad = cloud.refused(
            "UpdateOpenIDConnectProviderThumbprint",
            with("ThumbprintList", json!(["zz".repeat(20)])),
        );
        assert_eq!(bad.0, "InvalidInput");
    }

    #[test]
    fn addresses_that_are_none_are_refused() {
        let mut cloud = Cloud::new();
        for url in [
            "http://idp.example.com",
            "https://",
            "https://a b",
            "https://idp.example.com?x=1",
            "https://idp.example.com/#x",
            "https://user@idp.example.com",
            "idp.example.com",
        ] {
            let refused = cloud.refused("CreateOpenIDConnectProvider", json!({"Url": url}));
            assert_eq!(refused.0, "InvalidInput", "{url}");
        }
    }
}
