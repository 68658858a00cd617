//! Cryptographic keys as AWS KMS has them: what a key of each spec does, how its material is kept and brought in, and
//! what a grant allows.
//!
//! Owns the cryptography and its rules (which spec can do what, how a ciphertext names its key, what an encryption
//! context binds). Must not know the wire, accounts, policies or the time: who may use a key is the caller's matter. The
//! algorithms themselves are aws-lc's.

mod agreement;
pub mod algorithm;
mod blob;
mod context;
mod error;
pub mod grant;
mod hidden;
pub mod import;
mod kem;
mod mac;
mod material;
#[cfg(test)]
mod nist_tests;
mod random;
mod root;
mod rsa;
mod signing;
pub mod spec;
mod symmetric;
#[cfg(test)]
mod wycheproof_tests;

pub use algorithm::{EncryptionAlgorithm, MacAlgorithm, Message, SigningAlgorithm};
pub use blob::Blob;
pub use context::EncryptionContext;
pub use error::KeyError;
pub use hidden::Hidden;
pub use material::Material;
pub use random::fill;
pub use root::RootKey;
pub use spec::{KeySpec, KeyUsage};
