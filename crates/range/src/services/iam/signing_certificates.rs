//! X.509 signing certificates of users.
//!
//! Owns the certificates. Nothing signs with them any more; a responder must still find and stop them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::Timestamp;
use stockade_wire::AwsError;

use super::access_keys::{KeyStatus, read_status};
use super::errors;
use super::output::{page, reply, time};
use super::scope::{self, iam, iam_mut};
use super::state::key;
use super::users::User;
use crate::call::{Call, Reply};
use crate::state::State as Range;
use crate::x509::X509;

const CERTIFICATES_PER_USER: usize = 2;

/// A signing certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SigningCertificate {
    /// 32 letters and digits.
    pub id: String,
    /// The PEM, as it was uploaded.
    pub body: String,
    /// Whether it may be used.
    pub status: KeyStatus,
    /// When it was uploaded.
    pub uploaded: Timestamp,
}

impl SigningCertificate {
    fn shown(&self, user: &str) -> Value {
        json!({
            "UserName": user,
            "CertificateId": self.id,
            "CertificateBody": self.body,
            "Status": self.status,
            "UploadDate": time(self.uploaded),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    certificate_body: String,
}

/// Reads a certificate; refuses what is none, and one that is not good now.
fn read(body: &str, now: Timestamp) -> Result<X509, AwsError> {
    let certificate = X509::from_pem(body).map_err(|_| {
        AwsError::new(
            400,
            "MalformedCertificate",
            format!("Certificate {body} is malformed."),
        )
    })?;
    if !certificate.is_valid_at(now) {
        return Err(AwsError::new(
            400,
            "InvalidCertificate",
            "The certificate has expired, or its validity has not begun.",
        ));
    }
    Ok(certificate)
}

pub(super) fn upload(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Upload = call.read()?;
    let user = scope::user(iam(range, call)?, call)?.clone();
    let given = read(&input.certificate_body, call.now)?;
    let same = |c: &SigningCertificate| {
        X509::from_pem(&c.body).is_ok_and(|other| other.der() == given.der())
    };
    if user.signing_certificates.values().any(same) {
        return Err(AwsError::new(
            409,
            "DuplicateCertificate",
            "The certificate is already associated with an IAM user.",
        ));
    }
    let used = user.signing_certificates.len();
    errors::check_quota("CertificatesPerUser", used, CERTIFICATES_PER_USER)?;
    let made = SigningCertificate {
        id: range.ids.hex(32).to_ascii_uppercase(),
        body: input.certificate_body,
        status: KeyStatus::Active,
        uploaded: call.now,
    };
    let answer = json!({"Certificate": made.shown(&user.name)});
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&key(&user.name)) {
        Arc::make_mut(user)
            .signing_certificates
            .insert(made.id.clone(), made);
    }
    Ok(reply(answer))
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let user = scope::user(iam(range, call)?, call)?;
    let found = user
        .signing_certificates
        .values()
        .map(|certificate| (certificate.id.clone(), certificate.shown(&user.name)));
    page(call, "Certificates", Value::Null, found)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfCertificate {
    certificate_id: String,
    #[serde(default)]
    status: String,
}

fn check(user: &User, id: &str) -> Result<(), AwsError> {
    if user.signing_certificates.contains_key(id) {
        return Ok(());
    }
    Err(errors::no_such_entity(format!(
        "The Certificate with id {id} cannot be found."
    )))
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfCertificate = call.read()?;
    let user = scope::user(iam(range, call)?, call)?;
    check(user, &input.certificate_id)?;
    let (name, status) = (key(&user.name), read_status(&input.status)?);
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&name)
        && let Some(certificate) = Arc::make_mut(user)
            .signing_certificates
            .get_mut(&input.certificate_id)
    {
        certificate.status = status;
    }
    Ok(Reply::empty())
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfCertificate = call.read()?;
    let user = scope::user(iam(range, call)?, call)?;
    check(user, &input.certificate_id)?;
    let name = key(&user.name);
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&name) {
        Arc::make_mut(user)
            .signing_certificates
            .remove(&input.certificate_id);
    }
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;
    use crate::x509::tests as pems;

    #[test]
    fn only_certificates_that_are_good_are_taken_and_two_at_most() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        let upload = |body: &str| json!({"UserName": "a", "CertificateBody": body});
        assert_eq!(
            cloud.refused("UploadSigningCertificate", upload("hello")),
            (
                "MalformedCertificate".into(),
                "Certificate hello is malformed.".into()
            )
        );
        let ended = cloud.refused("UploadSigningCertificate", upload(pems::EXPIRED));
        assert_eq!(ended.0, "InvalidCertificate");
        let made = cloud
            .iam("UploadSigningCertificate", upload(pems::LEAF))
            .unwrap();
        assert_eq!(made["Certificate"]["Status"], "Active");
        let spaced = format!("\n{}\n", pems::LEAF);
        let twice = cloud.refused("UploadSigningCertificate", upload(&spaced));
        assert_eq!(twice.0, "DuplicateCertificate");
        cloud
            .iam("UploadSigningCertificate", upload(pems::SELF_SIGNED))
            .unwrap();
        assert_eq!(
            cloud.refused("UploadSigningCertificate", upload(pems::ROOT)),
            (
                "LimitExceeded".into(),
                "Cannot exceed quota for CertificatesPerUser: 2".into()
            )
        );
    }
}
