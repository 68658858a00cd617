//! SAML 2.0: an identity provider's metadata, and its responses.
//!
//! Owns the form and the proof. Which audience, recipient and attributes are asked for is the caller's matter.

mod metadata;
mod response;
#[cfg(test)]
mod tests;

pub use metadata::{Metadata, MetadataError};
pub use response::{Assertion, Confirmation, Provider, ResponseError, read};

const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
