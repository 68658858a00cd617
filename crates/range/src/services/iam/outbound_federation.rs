//! Outbound web identities: an account as an issuer of tokens that others verify.
//!
//! Owns the issuer and its keys. What a token says is `sts/web_identity_token.rs`'s matter; what the issuer publishes
//! is served by `issuers.rs`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stockade_federation::signer::{SignerError, SigningKeys};
use stockade_model::Secret;
use stockade_wire::AwsError;

use super::output::reply;
use super::scope::{iam, iam_mut};
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// Where issuers are, below a name of their own.
pub const DOMAIN: &str = "tokens.sts.global.api.aws";

/// An account's issuer. It keeps its name and its keys though it is switched off and on again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Issuer {
    /// The first label of its host.
    pub id: String,
    /// Whether tokens are issued.
    pub enabled: bool,
    /// Its private RSA key, PKCS #8 in base64.
    #[serde(with = "stockade_model::exposed")]
    pub rsa: Secret,
    /// Its private key on P-384, the same.
    #[serde(with = "stockade_model::exposed")]
    pub ec: Secret,
}

impl Issuer {
    /// Its address, which its tokens name.
    pub fn url(&self) -> String {
        format!("https://{}.{DOMAIN}", self.id)
    }

    /// Its private keys.
    pub fn keys(&self) -> Option<SigningKeys> {
        let read = |key: &Secret| STANDARD.decode(key.expose()).ok();
        Some(SigningKeys {
            rsa: read(&self.rsa)?,
            ec: read(&self.ec)?,
        })
    }

    fn new(id: String) -> Result<Self, SignerError> {
        let keys = SigningKeys::generate()?;
        let kept = |key: Vec<u8>| Secret::new(STANDARD.encode(key));
        Ok(Self {
            id,
            enabled: true,
            rsa: kept(keys.rsa),
            ec: kept(keys.ec),
        })
    }
}

pub(super) fn enable(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let issuer = match &iam(range, call)?.issuer {
        Some(issuer) if issuer.enabled => {
            return Err(AwsError::new(
                409,
                "FeatureEnabled",
                "Outbound Web Identity Federation is already enabled for this account.",
            ));
        }
        Some(issuer) => Issuer {
            enabled: true,
            ..issuer.clone()
        },
        None => Issuer::new(range.ids.uuid())
            .map_err(|error| AwsError::new(500, "ServiceFailure", error.to_string()))?,
    };
    let answer = json!({"IssuerIdentifier": issuer.url()});
    iam_mut(range, call)?.issuer = Some(issuer);
    Ok(reply(answer))
}

fn disabled() -> AwsError {
    AwsError::new(
        404,
        "FeatureDisabled",
        "Outbound Web Identity Federation is not enabled for this account.",
    )
}

pub(super) fn disable(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    match &iam(range, call)?.issuer {
        Some(issuer) if issuer.enabled => {}
        _ => return Err(disabled()),
    }
    if let Some(issuer) = &mut iam_mut(range, call)?.issuer {
        issuer.enabled = false;
    }
    Ok(Reply::empty())
}

pub(super) fn info(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    match &iam(range, call)?.issuer {
        Some(issuer) if issuer.enabled => Ok(reply(json!({
            "IssuerIdentifier": issuer.url(),
            "JwtVendingEnabled": true,
        }))),
        _ => Err(disabled()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::Cloud;
    use super::*;

    #[test]
    fn an_issuer_keeps_its_name() {
        let mut cloud = Cloud::new();
        let none = json!({});
        for operation in [
            "GetOutboundWebIdentityFederationInfo",
            "DisableOutboundWebIdentityFederation",
        ] {
            assert_eq!(cloud.refused(operation, none.clone()).0, "FeatureDisabled");
        }
        let first = cloud
            .iam("EnableOutboundWebIdentityFederation", none.clone())
            .unwrap();
        assert!(
            first["IssuerIdentifier"]
                .as_str()
                .unwrap()
                .ends_with(".tokens.sts.global.api.aws")
        );
        let again = cloud.refused("EnableOutboundWebIdentityFederation", none.clone());
        assert_eq!(again.0, "FeatureEnabled");
        cloud
            .iam("DisableOutboundWebIdentityFederation", none.clone())
            .unwrap();
        let second = cloud
            .iam("EnableOutboundWebIdentityFederation", none)
            .unwrap();
        assert_eq!(first, second);
    }
}
