//! Codes over messages. Owns the comparison, which takes the same time whatever is wrong.

use aws_lc_rs::hmac;

use crate::{Hidden, KeyError, MacAlgorithm};

pub(crate) fn generate(algorithm: MacAlgorithm, key: &Hidden, message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(algorithm.algorithm(), key.expose());
    hmac::sign(&key, message).as_ref().to_vec()
}

pub(crate) fn verify(
    algorithm: MacAlgorithm,
    key: &Hidden,
    message: &[u8],
    code: &[u8],
) -> Result<(), KeyError> {
    let key = hmac::Key::new(algorithm.algorithm(), key.expose());
    hmac::verify(&key, message, code).map_err(|_| KeyError::Mac)
}
