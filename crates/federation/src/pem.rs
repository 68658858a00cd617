//! PEM: DER between two lines of dashes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The bytes of the first block with this label (`CERTIFICATE`, `PRIVATE KEY`); none where there is none.
pub fn block(text: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    base64(body)
}

/// Base64 with white space between, as XML and PEM have it.
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let dense: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(dense).ok()
}
