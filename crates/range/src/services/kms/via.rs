//! What other services ask of KMS for their callers: S3 for an object's data key, EBS for a volume's, and so on.
//!
//! Owns the way in. The caller's own identity is asked, as on AWS (a forward access session): the key policy, IAM and grants decide
//! with `kms:ViaService`, and the call has a record of its own in the trail, `invokedBy` the service. Nothing here gets round
//! authorisation. What a refusal means to the service's caller is the service's business: the errors are KMS's own
//! (`AccessDeniedException`, `DisabledException`, `KMSInvalidStateException`, `NotFoundException`, …).
//!
//! `service` is the first part of the service's endpoint (`s3`, `ec2`, `secretsmanager`, `sqs`, `sns`, `logs`), and `key` a key's id,
//! ARN or alias.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stockade_keys::Hidden;
use stockade_wire::{AwsError, Object};

use super::data::{bytes, shown};
use super::{access, errors, managed, record};
use crate::authz;
use crate::call::{Call, InnerCall, Reply};
use crate::row::{Handler, Row};
use crate::services;
use crate::state::State as Range;

/// The encryption context that a service binds a ciphertext to.
pub type Context = BTreeMap<String, String>;

/// A data key, open and sealed.
#[derive(Debug)]
pub struct DataKey {
    /// 256 bits to encrypt with.
    pub plaintext: Hidden,
    /// What to keep beside the data.
    pub ciphertext: Vec<u8>,
    /// The ARN of the key that sealed it.
    pub key: String,
}

/// A new data key under a caller's key.
///
/// # Errors
/// KMS's refusals.
pub fn generate_data_key(
    range: &Range,
    call: &Call<'_>,
    service: &str,
    key: &str,
    context: &Context,
) -> Result<DataKey, AwsError> {
    let input = json!({"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": context});
    let output = ask(range, call, service, "GenerateDataKey", input)?.output;
    Ok(DataKey {
        plaintext: Hidden::new(member(&output, "Plaintext")),
        ciphertext: member(&output, "CiphertextBlob"),
        key: text(&output, "KeyId"),
    })
}

/// Opens a data key, or whatever else was sealed.
///
/// # Errors
/// KMS's refusals.
pub fn decrypt(
    range: &Range,
    call: &Call<'_>,
    service: &str,
    ciphertext: &[u8],
    context: &Context,
) -> Result<Hidden, AwsError> {
    let input = json!({"CiphertextBlob": shown(ciphertext), "EncryptionContext": context});
    let output = ask(range, call, service, "Decrypt", input)?.output;
    Ok(Hidden::new(member(&output, "Plaintext")))
}

/// Seals up to 4 KB.
///
/// # Errors
/// KMS's refusals.
pub fn encrypt(
    range: &Range,
    call: &Call<'_>,
    service: &str,
    key: &str,
    plaintext: &[u8],
    context: &Context,
) -> Result<Vec<u8>, AwsError> {
    let input = json!({"KeyId": key, "Plaintext": shown(plaintext), "EncryptionContext": context});
    let output = ask(range, call, service, "Encrypt", input)?.output;
    Ok(member(&output, "CiphertextBlob"))
}

/// The ARN of a key that a caller may look at.
///
/// # Errors
/// KMS's refusals.
pub fn describe(
    range: &mut Range,
    call: &Call<'_>,
    service: &str,
    key: &str,
) -> Result<String, AwsError> {
    let input = json!({"KeyId": key});
    let output = ask_to_change(range, call, service, "DescribeKey", input)?.output;
    let metadata = output.get("KeyMetadata").and_then(Value::as_object);
    Ok(metadata.map(|all| text(all, "Arn")).unwrap_or_default())
}

/// A grant on a caller's key, for a principal or a service (`ec2.amazonaws.com`): its id.
///
/// # Errors
/// KMS's refusals.
pub fn create_grant(
    range: &mut Range,
    call: &Call<'_>,
    service: &str,
    grant: Value,
) -> Result<String, AwsError> {
    let output = ask_to_change(range, call, service, "CreateGrant", grant)?.output;
    Ok(text(&output, "GrantId"))
}

/// The ARN of the key that AWS manages for a service (`s3`, `ebs`, `sqs`, …) in the caller's account and region. The first to need
/// it makes it.
///
/// # Errors
/// The service has none.
pub fn own_key(range: &mut Range, call: &Call<'_>, service: &str) -> Result<String, AwsError> {
    let place = match managed::unmade(range, call, service) {
        Some(key) => managed::make(range, key)?,
        None => {
            let alias = format!("alias/aws/{service}");
            let alias = range.kms.alias(call.account(), call.region, &alias);
            let alias = alias.ok_or_else(|| errors::no_alias(service))?;
            (call.region.clone(), alias.target.clone())
        }
    };
    let key = range.kms.key(&place).ok_or_else(errors::internal)?;
    Ok(key.arn())
}

fn member(output: &Object, name: &str) -> Vec<u8> {
    output.get(name).map(bytes).unwrap_or_default()
}

fn text(output: &Object, name: &str) -> String {
    let text = output.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// An inner call: authorised, carried out and noted for the trail.
fn ask(
    range: &Range,
    call: &Call<'_>,
    service: &str,
    operation: &'static str,
    input: Value,
) -> Result<Reply, AwsError> {
    let (row, input) = (known(operation)?, object(input));
    let inner = inner(call, service, operation, &input);
    let described = record::describe(range, &inner);
    let done = match row.handler {
        Handler::Read(handle) => allowed(range, &inner).and_then(|()| handle(range, &inner)),
        Handler::Write(_) => Err(errors::internal()),
    };
    let described = match &done {
        Ok(reply) => record::conclude(&inner, described, reply),
        Err(_) => described,
    };
    note(call, service, operation, &input, &done, described);
    done
}

/// The same, of what may change something.
fn ask_to_change(
    range: &mut Range,
    call: &Call<'_>,
    service: &str,
    operation: &'static str,
    input: Value,
) -> Result<Reply, AwsError> {
    let (row, input) = (known(operation)?, object(input));
    let inner = inner(call, service, operation, &input);
    let described = record::describe(range, &inner);
    let done = allowed(range, &inner).and_then(|()| match row.handler {
        Handler::Read(handle) => handle(range, &inner),
        Handler::Write(handle) => handle(range, &inner),
    });
    let described = match &done {
        Ok(reply) => record::conclude(&inner, described, reply),
        Err(_) => described,
    };
    note(call, service, operation, &input, &done, described);
    done
}

fn known(operation: &str) -> Result<&'static Row, AwsError> {
    services::row("kms", operation).ok_or_else(errors::internal)
}

fn object(input: Value) -> Object {
    match input {
        Value::Object(members) => members,
        _ => Object::new(),
    }
}

/// The call as KMS sees it.
fn inner<'a>(
    call: &'a Call<'_>,
    service: &'a str,
    operation: &'a str,
    input: &'a Object,
) -> Call<'a> {
    Call {
        service: "kms",
        operation,
        input,
        body: None,
        via: Some(service),
        ..*call
    }
}

fn allowed(range: &Range, inner: &Call<'_>) -> Result<(), AwsError> {
    for need in access::needs(range, inner)? {
        if let Some(words) = authz::refusal(range, inner, &need) {
            return Err(errors::of("AccessDeniedException", words));
        }
    }
    Ok(())
}

fn note(
    call: &Call<'_>,
    service: &str,
    operation: &'static str,
    input: &Object,
    done: &Result<Reply, AwsError>,
    described: crate::call::RecordExtras,
) {
    call.inner.note(InnerCall {
        service: "kms",
        operation,
        via: service.to_owned(),
        input: input.clone(),
        outcome: done.clone(),
        described,
    });
}
