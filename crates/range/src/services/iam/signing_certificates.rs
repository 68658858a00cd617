//! X.509 signing certificates of users.
//!
//! Owns the certificates. Nothing signs with them any more; a responder must still find and stop them.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
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

const CERTIFICATES_PER_USER: usize = 2;

/// A signing certificate.
#[derive(Debug, Clone)]
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

/// The DER of a PEM certificate; refuses what is none.
fn read(body: &str) -> Result<Vec<u8>, AwsError> {
    let malformed = || {
        AwsError::new(
            400,
            "MalformedCertificate",
            "Unable to parse certificate. Please ensure the certificate is in PEM format.",
        )
    };
    let inner = body
        .trim()
        .strip_prefix("-----BEGIN CERTIFICATE-----")
        .and_then(|rest| rest.strip_suffix("-----END CERTIFICATE-----"))
        .ok_or_else(malformed)?;
    let text: String = inner.split_whitespace().collect();
    let bytes = STANDARD.decode(text).map_err(|_| malformed())?;
    // A certificate is a SEQUENCE of a SEQUENCE.
    match bytes.as_slice() {
        [0x30, ..] if bytes.len() > 64 => Ok(bytes),
        _ => Err(malformed()),
    }
}

pub(super) fn upload(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Upload = call.read()?;
    let user = scope::user(iam(range, call)?, call)?.clone();
    let bytes = read(&input.certificate_body)?;
    let same = |c: &SigningCertificate| read(&c.body).is_ok_and(|other| other == bytes);
    if user.signing_certificates.values().any(same) {
        return Err(AwsError::new(
            409,
            "DuplicateCertificate",
            "The certificate is already associated with an IAM user.",
        ));
    }
    let used = user.signing_certificates.len();
    errors::check_quota("SigningCertificatesPerUser", used, CERTIFICATES_PER_USER)?;
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
    use super::*;

    #[test]
    fn only_pem_certificates_are_read() {
        let mut der = vec![0x30, 0x82, 0x01, 0x00];
        der.resize(260, 1);
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(&der)
        );
        assert_eq!(read(&pem).unwrap(), der);
        for bad in [
            "",
            "hello",
            "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        ] {
            assert_eq!(read(bad).unwrap_err().code, "MalformedCertificate");
        }
    }
}
