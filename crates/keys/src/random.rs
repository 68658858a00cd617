//! Random bytes for key material. Owns the one call; ids are not made here.

use crate::KeyError;

/// Fills a buffer with bytes that nobody can foretell. Key material never follows from a seed, not even in a drill.
///
/// # Errors
/// [`KeyError::Machine`] where the machine has no randomness.
#[expect(
    clippy::disallowed_methods,
    reason = "key material is the one thing that must not repeat with a seed"
)]
pub fn fill(buffer: &mut [u8]) -> Result<(), KeyError> {
    aws_lc_rs::rand::fill(buffer).map_err(|_| KeyError::Machine)
}

/// So many random bytes.
pub(crate) fn bytes(length: usize) -> Result<Vec<u8>, KeyError> {
    let mut bytes = vec![0; length];
    fill(&mut bytes)?;
    Ok(bytes)
}
