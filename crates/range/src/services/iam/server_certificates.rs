//! Server certificates: what load balancers and CloudFront serve, where ACM does not.
//!
//! Owns the certificates. A private key is held against its certificate and then forgotten: nothing in the range
//! serves with it, and nothing may read it back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Arn, Timestamp};
use stockade_wire::AwsError;

use super::errors;
use super::output::{UnderPath, page, reply, time};
use super::scope::{iam, iam_mut};
use super::state::{State, key};
use super::tags::{self, Tag};
use crate::call::{Call, Reply};
use crate::state::State as Range;
use crate::x509::{PublicHalf, X509, break_in_chain};

const PER_ACCOUNT: usize = 20;

/// A server certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerCertificate {
    /// The name as it was given; unique without regard to case.
    pub name: String,
    /// `ASCA…`.
    pub id: String,
    /// Begins and ends with `/`.
    pub path: String,
    /// The certificate in PEM.
    pub body: String,
    /// The certificates of those who signed it, in PEM.
    pub chain: Option<String>,
    /// When it was uploaded.
    pub uploaded: Timestamp,
    /// When the certificate ends.
    pub expires: Timestamp,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
}

crate::row!(ServerCertificate);

impl ServerCertificate {
    /// Its ARN in this account.
    pub fn arn(&self, account: &AccountId) -> Arn {
        let resource = format!("server-certificate{}{}", self.path, self.name);
        Arn::aws("iam", "", account.as_str(), resource)
    }

    /// All that is known of it but the certificate itself and its tags.
    fn metadata(&self, account: &AccountId) -> Value {
        json!({
            "Path": self.path,
            "ServerCertificateName": self.name,
            "ServerCertificateId": self.id,
            "Arn": self.arn(account).to_string(),
            "UploadDate": time(self.uploaded),
            "Expiration": time(self.expires),
        })
    }
}

pub(super) fn no_certificate(name: &str) -> AwsError {
    errors::no_such_entity(format!(
        "The Server Certificate with name {name} cannot be found."
    ))
}

fn taken(name: &str) -> AwsError {
    errors::already_exists(format!(
        "The Server Certificate with name {name} already exists."
    ))
}

fn malformed(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "MalformedCertificate", message)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    server_certificate_name: String,
    path: Option<String>,
    certificate_body: String,
    private_key: String,
    certificate_chain: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// Reads the certificate of an upload and holds it against its key and its chain.
fn check(input: &Upload, now: Timestamp) -> Result<X509, AwsError> {
    let certificate = X509::from_pem(&input.certificate_body).map_err(|_| {
        malformed("Unable to parse certificate. Please ensure the certificate is in PEM format.")
    })?;
    let key = PublicHalf::of_private_key(&input.private_key)
        .map_err(|_| malformed("Private Key was not in a recognized PEM format."))?;
    if !key.is_of(&certificate) {
        return Err(AwsError::new(
            400,
            "KeyPairMismatch",
            "Public key certificate and private key doesn't match.",
        ));
    }
    if !certificate.is_valid_at(now) {
        return Err(malformed(
            "The certificate must be valid at the time of upload: it has expired, or its validity has not begun.",
        ));
    }
    if let Some(text) = &input.certificate_chain {
        let broken = match X509::chain_from_pem(text) {
            Ok(chain) => break_in_chain(&certificate, &chain, now),
            Err(_) => Some(-1),
        };
        if let Some(place) = broken {
            return Err(malformed(format!(
                "Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order. The index within the chain of the invalid certificate is: {place}"
            )));
        }
    }
    Ok(certificate)
}

pub(super) fn upload(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Upload = call.read()?;
    let certificate = check(&input, call.now)?;
    let state = iam(range, call)?;
    let name = input.server_certificate_name;
    if state.server_certificates.contains_key(&key(&name)) {
        return Err(taken(&name));
    }
    let used = state.server_certificates.len();
    errors::check_quota("ServerCertificatesPerAccount", used, PER_ACCOUNT)?;
    let tags = tags::merged_by_case(&[], input.tags)?;
    let made = ServerCertificate {
        id: range.ids.unique("ASCA"),
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        body: input.certificate_body.trim().to_owned(),
        chain: input.certificate_chain.map(|text| text.trim().to_owned()),
        uploaded: call.now,
        expires: certificate.not_after(),
        tags,
        name,
    };
    let answer = json!({
        "ServerCertificateMetadata": made.metadata(call.account()),
        "Tags": tags::shown_if_any(&made.tags),
    });
    iam_mut(range, call)?
        .server_certificates
        .insert(key(&made.name), Arc::new(made));
    Ok(reply(answer))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfCertificate {
    server_certificate_name: String,
    new_path: Option<String>,
    new_server_certificate_name: Option<String>,
}

fn named<'a>(state: &'a State, name: &str) -> Result<&'a ServerCertificate, AwsError> {
    state
        .server_certificates
        .get(&key(name))
        .map(Arc::as_ref)
        .ok_or_else(|| no_certificate(name))
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfCertificate = call.read()?;
    let found = named(iam(range, call)?, &input.server_certificate_name)?;
    Ok(reply(json!({"ServerCertificate": {
        "ServerCertificateMetadata": found.metadata(call.account()),
        "CertificateBody": found.body,
        "CertificateChain": found.chain,
        "Tags": tags::shown(&found.tags),
    }})))
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: UnderPath = call.read()?;
    let found = iam(range, call)?
        .server_certificates
        .iter()
        .filter(|(_, certificate)| input.has(&certificate.path))
        .map(|(key, certificate)| (key.clone(), certificate.metadata(call.account())));
    page(call, "ServerCertificateMetadataList", Value::Null, found)
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfCertificate = call.read()?;
    let state = iam(range, call)?;
    let found = named(state, &input.server_certificate_name)?;
    let old = key(&found.name);
    let name = input
        .new_server_certificate_name
        .unwrap_or_else(|| found.name.clone());
    if key(&name) != old && state.server_certificates.contains_key(&key(&name)) {
        return Err(taken(&name));
    }
    let state = iam_mut(range, call)?;
    if let Some(mut certificate) = state.server_certificates.remove(&old) {
        let changed = Arc::make_mut(&mut certificate);
        if let Some(path) = input.new_path {
            changed.path = path;
        }
        changed.name.clone_from(&name);
        state.server_certificates.insert(key(&name), certificate);
    }
    Ok(Reply::empty())
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfCertificate = call.read()?;
    named(iam(range, call)?, &input.server_certificate_name)?;
    iam_mut(range, call)?
        .server_certificates
        .remove(&key(&input.server_certificate_name));
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::bench::Cloud;
    use crate::x509::tests as pems;

    fn leaf(name: &str) -> Value {
        json!({
            "ServerCertificateName": name,
            "CertificateBody": pems::LEAF,
            "PrivateKey": pems::LEAF_KEY,
            "CertificateChain": format!("{}{}", pems::MIDDLE, pems::ROOT),
        })
    }

    #[test]
    fn a_certificate_is_kept_without_its_key() {
        let mut cloud = Cloud::new();
        let made = cloud.iam("UploadServerCertificate", leaf("Site")).unwrap();
        let known = &made["ServerCertificateMetadata"];
        assert_eq!(
            known["Arn"],
            "arn:aws:iam::123456789012:server-certificate/Site"
        );
        assert_eq!(known["Expiration"], "2100-01-01T00:00:00Z");
        assert!(made.get("Tags").is_none());
        let found = cloud
            .iam(
                "GetServerCertificate",
                json!({"ServerCertificateName": "site"}),
            )
            .unwrap();
        let found = &found["ServerCertificate"];
        assert_eq!(found["CertificateBody"], pems::LEAF.trim());
        assert_eq!(found["Tags"], json!([]));
        assert!(!format!("{:?}", cloud.range).contains("PRIVATE KEY"));
        let twice = cloud.refused("UploadServerCertificate", leaf("SITE"));
        assert_eq!(
            twice,
            (
                "EntityAlreadyExists".into(),
                "The Server Certificate with name SITE already exists.".into()
            )
        );
        let rename = json!({"ServerCertificateName": "Site", "NewServerCertificateName": "Shop", "NewPath": "/eu/"});
        cloud.iam("UpdateServerCertificate", rename).unwrap();
        let under = cloud
            .iam("ListServerCertificates", json!({"PathPrefix": "/eu/"}))
            .unwrap();
        assert_eq!(
            under["ServerCertificateMetadataList"][0]["ServerCertificateName"],
            "Shop"
        );
        cloud
            .iam(
                "DeleteServerCertificate",
                json!({"ServerCertificateName": "Shop"}),
            )
            .unwrap();
        assert_eq!(
            cloud.refused(
                "GetServerCertificate",
                json!({"ServerCertificateName": "Shop"})
            ),
            (
                "NoSuchEntity".into(),
                "The Server Certificate with name Shop cannot be found.".into()
            )
        );
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let mut cloud = Cloud::new();
        let with = |member: &str, value: &str| {
            let mut input = leaf("x");
            input[member] = value.into();
            input
        };
        for (input, code) in [
            (with("CertificateBody", "hello"), "MalformedCertificate"),
            (
                with("CertificateBody", pems::EXPIRED),
                "MalformedCertificate",
            ),
            (with("PrivateKey", "hello"), "MalformedCertificate"),
            (with("PrivateKey", pems::SELF_SIGNED_KEY), "KeyPairMismatch"),
            (with("CertificateChain", pems::ROOT), "MalformedCertificate"),
            (with("CertificateChain", "hello"), "MalformedCertificate"),
        ] {
            assert_eq!(cloud.refused("UploadServerCertificate", input).0, code);
        }
    }

    #[test]
    fn twenty_are_the_most() {
        let mut cloud = Cloud::new();
        for n in 0..20 {
            cloud
                .iam("UploadServerCertificate", leaf(&format!("c{n}")))
                .unwrap();
        }
        assert_eq!(
            cloud.refused("UploadServerCertificate", leaf("c20")),
            (
                "LimitExceeded".into(),
                "Cannot exceed quota for ServerCertificatesPerAccount: 20".into()
            )
        );
    }
}
