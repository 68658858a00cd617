//! What a key is ready for: which state lets which kind of operation through.
//!
//! Owns the refusals of keys that are not ready.

use stockade_keys::KeyUsage;
use stockade_wire::AwsError;

use super::errors;
use super::state::{Key, KeyState};

/// Whether a key can be used for cryptography.
///
/// # Errors
/// `DisabledException`, `KMSInvalidStateException`.
pub fn usable(key: &Key) -> Result<(), AwsError> {
    not_going(key)?;
    match key.state() {
        KeyState::Disabled => Err(errors::disabled(&key.arn())),
        KeyState::PendingImport => Err(errors::invalid_state(&key.arn(), "pending import")),
        _ => Ok(()),
    }
}

/// Whether a key stays, whatever else it is.
///
/// # Errors
/// `KMSInvalidStateException`.
pub fn not_going(key: &Key) -> Result<(), AwsError> {
    match key.state() {
        KeyState::PendingDeletion => Err(errors::invalid_state(&key.arn(), "pending deletion")),
        KeyState::PendingReplicaDeletion => Err(errors::invalid_state(
            &key.arn(),
            "pending replica deletion",
        )),
        _ => Ok(()),
    }
}

/// Whether a key can be used, and is for that.
///
/// # Errors
/// As [`usable`], and `InvalidKeyUsageException`.
pub fn usable_for(key: &Key, usage: KeyUsage, operation: &str) -> Result<(), AwsError> {
    usable(key)?;
    if key.usage != usage {
        return Err(errors::usage(&key.arn(), key.usage.name(), operation));
    }
    Ok(())
}
