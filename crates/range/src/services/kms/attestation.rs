//! Attestation: a caller in a Nitro enclave gets its plaintext for itself alone. The range has no enclaves.
//!
//! Owns the refusal, which is clear rather than a plaintext that somebody else could read.

use stockade_wire::AwsError;

use super::errors;
use crate::call::Call;

/// Refuses a call that is for an enclave.
///
/// # Errors
/// `ValidationException`.
pub fn refuse(call: &Call<'_>) -> Result<(), AwsError> {
    if !call.input.contains_key("Recipient") {
        return Ok(());
    }
    Err(errors::validation(
        "The attestation document in Recipient cannot be verified: the range has no AWS Nitro Enclaves and no NitroTPM.",
    ))
}
