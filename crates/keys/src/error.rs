//! Why a key does not do what it is asked. Owns the kinds of failure; their names on the wire are KMS's.

/// Why a key does not do what it is asked. No variant carries material or plaintext.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The ciphertext is not one of this key's, was changed, or goes with another encryption context.
    #[error("the ciphertext is damaged, of another key, or of another encryption context")]
    Ciphertext,
    /// The signature does not fit the message and the key.
    #[error("the signature does not fit the message and the key")]
    Signature,
    /// The code does not fit the message and the key.
    #[error("the code does not fit the message and the key")]
    Mac,
    /// Keys of this spec do not do that, or not by that algorithm.
    #[error("keys of this spec do not do that")]
    Usage,
    /// The plaintext, message or digest has a length that the algorithm does not take.
    #[error("the input has a length that the algorithm does not take")]
    Length,
    /// The other side's public key is none, or not on this key's curve.
    #[error("the public key is none, or not on this key's curve")]
    PublicKey,
    /// The wrapped material does not unwrap, or is not material of the key's spec.
    #[error("the key material cannot be unwrapped, or is not of the key's spec")]
    Import,
    /// Stored material does not open: the root key is another, or the bytes were changed.
    #[error("the stored key material does not open with this root key")]
    Stored,
    /// The machine's cryptography failed, or lacks the algorithm.
    #[error("the machine's cryptography failed")]
    Machine,
}
