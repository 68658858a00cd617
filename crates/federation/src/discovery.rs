//! OpenID Connect discovery: what a provider says of itself.

use serde::Deserialize;

/// A provider's word on itself, as far as tokens need it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Discovery {
    /// The provider's own name; tokens must bear it.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_uri: String,
    /// The flows that it knows.
    pub response_types_supported: Vec<String>,
    /// Whether subjects are the same for all clients.
    pub subject_types_supported: Vec<String>,
    /// How it signs tokens.
    pub id_token_signing_alg_values_supported: Vec<String>,
}

impl Discovery {
    /// Reads the document at `/.well-known/openid-configuration`. None where a member that the standard requires of it
    /// is missing.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
