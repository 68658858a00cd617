//! KMS's refusals, in its words.
//!
//! Owns the codes and the messages. When they are given is the handlers' business.

use stockade_keys::KeyError;
use stockade_wire::AwsError;

/// An error of KMS: the wire carries no other status for what is the caller's fault.
pub fn of(code: &str, message: impl Into<String>) -> AwsError {
    AwsError::new(400, code, message)
}

pub fn validation(message: impl Into<String>) -> AwsError {
    of("ValidationException", message)
}

pub fn not_found(message: impl Into<String>) -> AwsError {
    of("NotFoundException", message)
}

pub fn no_key(arn: &str) -> AwsError {
    not_found(format!("Key '{arn}' does not exist"))
}

pub fn no_alias(arn: &str) -> AwsError {
    not_found(format!("Alias {arn} is not found."))
}

pub fn no_such_key_id(id: &str) -> AwsError {
    not_found(format!("Invalid keyId '{id}'"))
}

pub fn invalid_arn(arn: &str) -> AwsError {
    of("InvalidArnException", format!("Invalid arn {arn}"))
}

pub fn disabled(arn: &str) -> AwsError {
    of("DisabledException", format!("{arn} is disabled."))
}

pub fn invalid_state(arn: &str, what: &str) -> AwsError {
    of("KMSInvalidStateException", format!("{arn} is {what}."))
}

pub fn unsupported(message: impl Into<String>) -> AwsError {
    of("UnsupportedOperationException", message)
}

pub fn limit_exceeded(message: impl Into<String>) -> AwsError {
    of("LimitExceededException", message)
}

pub fn malformed_policy(message: impl Into<String>) -> AwsError {
    of("MalformedPolicyDocumentException", message)
}

pub fn already_exists(message: impl Into<String>) -> AwsError {
    of("AlreadyExistsException", message)
}

pub fn tag(message: impl Into<String>) -> AwsError {
    of("TagException", message)
}

pub fn usage(arn: &str, usage: &str, operation: &str) -> AwsError {
    of(
        "InvalidKeyUsageException",
        format!("{arn} key usage is {usage} which is not valid for {operation}."),
    )
}

pub fn incompatible(algorithm: &str, spec: &str) -> AwsError {
    of(
        "InvalidKeyUsageException",
        format!("Algorithm {algorithm} is incompatible with key spec {spec}."),
    )
}

pub fn incorrect_key() -> AwsError {
    of(
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    )
}

/// KMS tells nothing more of a ciphertext that does not open.
pub fn invalid_ciphertext() -> AwsError {
    of("InvalidCiphertextException", "")
}

pub fn dry_run() -> AwsError {
    of(
        "DryRunOperationException",
        "The request would have succeeded, but the DryRun option is set.",
    )
}

pub fn internal() -> AwsError {
    AwsError::new(
        500,
        "KMSInternalException",
        "The request was rejected because an internal exception occurred. The request can be retried.",
    )
}

pub fn no_store(id: &str) -> AwsError {
    of(
        "CustomKeyStoreNotFoundException",
        format!("The custom key store {id} does not exist in this account and Region."),
    )
}

/// What is left of a failure of the cryptography once the handler has told what is the caller's fault.
pub fn cryptography(error: KeyError) -> AwsError {
    match error {
        KeyError::Ciphertext => invalid_ciphertext(),
        KeyError::Signature => of("KMSInvalidSignatureException", ""),
        KeyError::Mac => of("KMSInvalidMacException", ""),
        KeyError::PublicKey => {
            validation("The public key is not valid for the key spec of the KMS key.")
        }
        KeyError::Import => invalid_ciphertext(),
        KeyError::Length => {
            validation("The message has a length that the algorithm does not take.")
        }
        KeyError::Usage | KeyError::Stored | KeyError::Machine => {
            tracing::error!(%error, "the cryptography of a key failed");
            internal()
        }
    }
}
