//! What identity providers sign, verified: SAML responses and metadata, OpenID Connect tokens and keys; and the
//! tokens that the range's own accounts sign.
//!
//! Owns the formats, the signatures and the attacks on them. Does no I/O, reads no clock, and knows nothing of AWS:
//! who is let in for which claim is the caller's matter.

pub mod discovery;
pub mod jwk;
pub mod jwt;
pub mod key;
pub mod pem;
pub mod saml;
pub mod signer;
pub mod x509;
pub mod xml;

pub use key::{Algorithm, Curve, Hash, PublicKey};
