//! SSH public keys of users, for CodeCommit.
//!
//! Owns the keys and their two spellings: OpenSSH's and PEM.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
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

const KEYS_PER_USER: usize = 5;
/// What OpenSSH writes before an RSA key.
const RSA: &str = "ssh-rsa";
/// The DER of `AlgorithmIdentifier { rsaEncryption, NULL }`.
const RSA_ENCRYPTION: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// An SSH public key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SshKey {
    /// `APKA…`.
    pub id: String,
    /// The key as OpenSSH encodes it.
    blob: Vec<u8>,
    /// The text after the key, as in `anna@laptop`.
    comment: String,
    /// Whether it may be used.
    pub status: KeyStatus,
    /// When it was uploaded.
    pub uploaded: Timestamp,
}

impl SshKey {
    fn fingerprint(&self) -> String {
        let digits = hex::encode(Md5::digest(&self.blob));
        let pairs: Vec<_> = digits
            .as_bytes()
            .chunks(2)
            .map(String::from_utf8_lossy)
            .collect();
        pairs.join(":")
    }

    fn open_ssh(&self) -> String {
        format!("{RSA} {} {}", STANDARD.encode(&self.blob), self.comment)
            .trim_end()
            .to_owned()
    }

    fn pem(&self) -> Option<String> {
        let mut fields = SshFields(&self.blob);
        let (_, exponent, modulus) = (fields.next()?, fields.next()?, fields.next()?);
        let key = der(0x30, &[der(0x02, modulus), der(0x02, exponent)].concat());
        let bits = der(0x03, &[&[0], key.as_slice()].concat());
        let whole = der(0x30, &[RSA_ENCRYPTION.as_slice(), &bits].concat());
        let text = STANDARD.encode(whole);
        let lines: Vec<_> = text
            .as_bytes()
            .chunks(64)
            .map(String::from_utf8_lossy)
            .collect();
        Some(format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        ))
    }

    fn shown(&self, user: &str, body: String) -> Value {
        json!({"SSHPublicKey": {
            "UserName": user,
            "SSHPublicKeyId": self.id,
            "Fingerprint": self.fingerprint(),
            "SSHPublicKeyBody": body,
            "Status": self.status,
            "UploadDate": time(self.uploaded),
        }})
    }
}

/// The length-prefixed fields of OpenSSH's encoding.
struct SshFields<'a>(&'a [u8]);

impl<'a> Iterator for SshFields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (field, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }
}

/// A DER element.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let digits: Vec<u8> = length.iter().copied().skip_while(|b| *b == 0).collect();
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
            out.extend(digits);
        }
    }
    out.extend_from_slice(content);
    out
}

/// Takes an element with this tag off the front of some DER: its content and what follows.
fn take_der(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    if *found != tag {
        return None;
    }
    if *first < 0x80 {
        return rest.split_at_checked(usize::from(*first));
    }
    let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    let length = digits.iter().try_fold(0usize, |sum, b| {
        sum.checked_mul(256)?.checked_add(usize::from(*b))
    })?;
    rest.split_at_checked(length)
}

/// Reads an uploaded key: OpenSSH's encoding of it, and its comment.
fn read(body: &str) -> Result<(Vec<u8>, String), AwsError> {
    let unknown = || {
        AwsError::new(
            400,
            "UnrecognizedPublicKeyEncoding",
            "Unable to parse SSH public key: the encoding is not recognised.",
        )
    };
    let (blob, comment) = if body.trim_start().starts_with("-----BEGIN PUBLIC KEY-----") {
        (from_pem(body).ok_or_else(unknown)?, String::new())
    } else {
        let mut words = body.splitn(3, char::is_whitespace);
        let kind = words.next().unwrap_or_default();
        let encoded = words.next().ok_or_else(unknown)?;
        if kind != RSA {
            return Err(unknown());
        }
        let blob = STANDARD.decode(encoded.trim()).map_err(|_| unknown())?;
        (blob, words.next().unwrap_or_default().trim().to_owned())
    };
    let invalid = |why: &str| AwsError::new(400, "InvalidPublicKey", why);
    let mut fields = SshFields(&blob);
    let kind = fields.next() == Some(RSA.as_bytes());
    let modulus = fields.nth(1).filter(|_| kind);
    match modulus {
        // 2048 bits, and a leading zero byte that keeps the number positive.
        Some(modulus) if modulus.len() >= 256 => Ok((blob, comment)),
        Some(_) => Err(invalid("Key length must be at least 2048 bits.")),
        None => Err(invalid("The public key is not an RSA key.")),
    }
}

fn from_pem(body: &str) -> Option<Vec<u8>> {
    let text: String = body
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .map(str::trim)
        .collect();
    let bytes = STANDARD.decode(text).ok()?;
    let (whole, _) = take_der(&bytes, 0x30)?;
    let bits = whole.strip_prefix(RSA_ENCRYPTION.as_slice())?;
    let (bits, _) = take_der(bits, 0x03)?;
    let (key, _) = take_der(bits.strip_prefix(&[0])?, 0x30)?;
    let (modulus, rest) = take_der(key, 0x02)?;
    let (exponent, _) = take_der(rest, 0x02)?;
    let mut blob = Vec::new();
    for field in [RSA.as_bytes(), exponent, modulus] {
        blob.extend_from_slice(&u32::try_from(field.len()).ok()?.to_be_bytes());
        blob.extend_from_slice(field);
    }
    Some(blob)
}

#[derive(Deserialize)]
struct Upload {
    #[serde(rename = "SSHPublicKeyBody")]
    body: String,
}

pub(super) fn upload(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Upload = call.read()?;
    let user = scope::user(iam(range, call)?, call)?.clone();
    let (blob, comment) = read(&input.body)?;
    if user.ssh_keys.values().any(|key| key.blob == blob) {
        return Err(AwsError::new(
            400,
            "DuplicateSSHPublicKey",
            format!(
                "The SSH public key is already associated with the user {}.",
                user.name
            ),
        ));
    }
    errors::check_quota("SSHPublicKeysPerUser", user.ssh_keys.len(), KEYS_PER_USER)?;
    let made = SshKey {
        id: range.ids.unique("APKA"),
        blob,
        comment,
        status: KeyStatus::Active,
        uploaded: call.now,
    };
    let answer = made.shown(&user.name, input.body);
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&key(&user.name)) {
        Arc::make_mut(user).ssh_keys.insert(made.id.clone(), made);
    }
    Ok(reply(answer))
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let user = scope::user(iam(range, call)?, call)?;
    let keys = user.ssh_keys.values().map(|key| {
        let shown = json!({
            "UserName": user.name,
            "SSHPublicKeyId": key.id,
            "Status": key.status,
            "UploadDate": time(key.uploaded),
        });
        (key.id.clone(), shown)
    });
    page(call, "SSHPublicKeys", Value::Null, keys)
}

#[derive(Deserialize)]
struct OfKey {
    #[serde(rename = "SSHPublicKeyId")]
    id: String,
    #[serde(rename = "Encoding", default)]
    encoding: String,
    #[serde(rename = "Status", default)]
    status: String,
}

fn existing<'a>(user: &'a User, id: &str) -> Result<&'a SshKey, AwsError> {
    user.ssh_keys.get(id).ok_or_else(|| {
        errors::no_such_entity(format!("The Public Key with id {id} cannot be found."))
    })
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfKey = call.read()?;
    let user = scope::user(iam(range, call)?, call)?;
    let found = existing(user, &input.id)?;
    let body = match input.encoding.as_str() {
        "PEM" => found.pem().unwrap_or_default(),
        _ => found.open_ssh(),
    };
    Ok(reply(found.shown(&user.name, body)))
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfKey = call.read()?;
    let user = scope::user(iam(range, call)?, call)?;
    existing(user, &input.id)?;
    let (name, status) = (key(&user.name), read_status(&input.status)?);
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&name)
        && let Some(key) = Arc::make_mut(user).ssh_keys.get_mut(&input.id)
    {
        key.status = status;
    }
    Ok(Reply::empty())
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfKey = call.read()?;
    let user = scope::user(iam(range, call)?, call)?;
    existing(user, &input.id)?;
    let name = key(&user.name);
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&name) {
        Arc::make_mut(user).ssh_keys.remove(&input.id);
    }
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(bits: usize) -> Vec<u8> {
        let mut modulus = vec![0u8, 0x9d];
        modulus.resize(bits / 8 + 1, 7);
        let mut blob = Vec::new();
        for field in [RSA.as_bytes(), &[1, 0, 1], &modulus] {
            blob.extend_from_slice(&u32::try_from(field.len()).unwrap().to_be_bytes());
            blob.extend_from_slice(field);
        }
        blob
    }

    #[test]
    fn a_key_comes_back_the_same_through_pem() {
        let text = format!("ssh-rsa {} anna@laptop", STANDARD.encode(blob(2048)));
        let (read_blob, comment) = read(&text).unwrap();
        assert_eq!((&read_blob, comment.as_str()), (&blob(2048), "anna@laptop"));
        let key = SshKey {
            id: "APKA".into(),
            blob: read_blob,
            comment,
            status: KeyStatus::Active,
            uploaded: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(key.open_ssh(), text);
        assert_eq!(key.fingerprint().len(), 47);
        assert_eq!(read(&key.pem().unwrap()).unwrap().0, blob(2048));
    }

    #[test]
    fn what_is_no_rsa_key_is_refused() {
        let short = format!("ssh-rsa {}", STANDARD.encode(blob(1024)));
        assert_eq!(read(&short).unwrap_err().code, "InvalidPublicKey");
        let torn = format!("ssh-rsa {}", STANDARD.encode(&blob(2048)[..40]));
        assert_eq!(read(&torn).unwrap_err().code, "InvalidPublicKey");
        for bad in [
            "",
            "ssh-rsa",
            "ssh-rsa !!!",
            "ssh-ed25519 AAAA",
            "-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----",
        ] {
            assert_eq!(
                read(bad).unwrap_err().code,
                "UnrecognizedPublicKeyEncoding",
                "{bad}"
            );
        }
    }
}
