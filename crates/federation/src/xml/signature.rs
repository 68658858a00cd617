//! XML signatures, in the one form that SAML allows: enveloped in the element that they sign, one reference to that
//! element's id, exclusive canonicalisation.
//!
//! Owns what counts as signed. Hands back the very text that was signed: what is read from anywhere else was not.

use aws_lc_rs::constant_time;
use roxmltree::Node;

use super::c14n::Exclusive;
use super::{XmlError, base64, children, one, optional};
use crate::key::{Algorithm, Curve, Hash, PublicKey};

/// The namespace of XML signatures.
pub const NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const EXCLUSIVE_WITH_COMMENTS: &str = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// Prefixes that are written whether they are used or not.
const MOST_PREFIXES: usize = 100;

/// Why a signature proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The form is not the one that is taken.
    #[error(transparent)]
    Form(#[from] XmlError),
    /// An algorithm that proves nothing, or that is not known.
    #[error("the algorithm {0} is not taken")]
    Algorithm(String),
    /// It signs something else than the element in which it stands.
    #[error("the signature does not refer to the element in which it stands")]
    Reference,
    /// The element is not what was signed.
    #[error("the element is not what was signed")]
    Digest,
    /// No key proves it.
    #[error("the signature is not that of a key of the issuer's")]
    Value,
}

/// Whether an element has a signature of its own.
pub fn is_signed(element: Node<'_, '_>) -> bool {
    children(element, NAMESPACE, "Signature").next().is_some()
}

/// Verifies the signature of an element, and hands back what was signed: the element in its canonical form, without
/// the signature and without comments.
///
/// # Errors
/// [`SignatureError`].
pub fn verify(element: Node<'_, '_>, keys: &[PublicKey]) -> Result<String, SignatureError> {
    let signature = one(element, NAMESPACE, "Signature")?;
    // What stands in an Object is signed by nothing, and a reader may take it for the signed element.
    if children(signature, NAMESPACE, "Object").next().is_some() {
        return Err(XmlError::NotOne("Signature without Object").into());
    }
    let info = one(signature, NAMESPACE, "SignedInfo")?;
    let reference = one(info, NAMESPACE, "Reference")?;
    let id = element.attribute("ID").unwrap_or_default();
    let named = reference
        .attribute("URI")
        .and_then(|uri| uri.strip_prefix('#'));
    if id.is_empty() || named != Some(id) {
        return Err(SignatureError::Reference);
    }
    let mut form = transforms(reference)?;
    // The reference is to an id alone, which never has comments.
    form.comments = false;
    let signed = form.write(element, Some(signature));
    let digest =
        digest_method(one(reference, NAMESPACE, "DigestMethod")?)?.digest(signed.as_bytes());
    let expected = base64(one(reference, NAMESPACE, "DigestValue")?)?;
    constant_time::verify_slices_are_equal(&digest, &expected)
        .map_err(|_| SignatureError::Digest)?;

    let info_form = canonicalisation(one(info, NAMESPACE, "CanonicalizationMethod")?)?;
    let message = info_form.write(info, None);
    let algorithm = signature_method(one(info, NAMESPACE, "SignatureMethod")?)?;
    let value = base64(one(signature, NAMESPACE, "SignatureValue")?)?;
    let proved = keys
        .iter()
        .any(|key| key.verifies(algorithm, message.as_bytes(), &value));
    if proved {
        Ok(signed)
    } else {
        Err(SignatureError::Value)
    }
}

fn algorithm_of<'a>(node: Node<'a, '_>) -> &'a str {
    node.attribute("Algorithm").unwrap_or_default()
}

fn not_taken<T>(algorithm: &str) -> Result<T, SignatureError> {
    Err(SignatureError::Algorithm(
        algorithm.chars().take(120).collect(),
    ))
}

/// How the element was written before its digest was made: without the signature, canonically.
fn transforms(reference: Node<'_, '_>) -> Result<Exclusive, SignatureError> {
    let listed = one(reference, NAMESPACE, "Transforms")?;
    let listed: Vec<Node<'_, '_>> = listed.children().filter(Node::is_element).collect();
    match listed.as_slice() {
        [first, second]
            if first.has_tag_name((NAMESPACE, "Transform"))
                && second.has_tag_name((NAMESPACE, "Transform"))
                && algorithm_of(*first) == ENVELOPED =>
        {
            canonicalisation(*second)
        }
        _ => Err(XmlError::NotOne("enveloped-signature and exclusive canonicalisation").into()),
    }
}

fn canonicalisation(method: Node<'_, '_>) -> Result<Exclusive, SignatureError> {
    let comments = match algorithm_of(method) {
        EXCLUSIVE => false,
        EXCLUSIVE_WITH_COMMENTS => true,
        other => return not_taken(other),
    };
    let listed = optional(method, EXCLUSIVE, "InclusiveNamespaces")?;
    let prefixes = listed.and_then(|listed| listed.attribute("PrefixList"));
    let inclusive: Vec<String> = prefixes
        .unwrap_or_default()
        .split_ascii_whitespace()
        .map(str::to_owned)
        .collect();
    if inclusive.len() > MOST_PREFIXES {
        return Err(XmlError::NotOne("PrefixList of a sane length").into());
    }
    Ok(Exclusive {
        comments,
        inclusive,
    })
}

/// Digests of SHA-2.
pub(super) fn digest_method(method: Node<'_, '_>) -> Result<Hash, SignatureError> {
    match algorithm_of(method) {
        "http://www.w3.org/2001/04/xmlenc#sha256" => Ok(Hash::Sha256),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Ok(Hash::Sha384),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Ok(Hash::Sha512),
        other => not_taken(other),
    }
}

fn signature_method(method: Node<'_, '_>) -> Result<Algorithm, SignatureError> {
    match algorithm_of(method) {
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" => Ok(Algorithm::Rsa(Hash::Sha256)),
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => Ok(Algorithm::Rsa(Hash::Sha384)),
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => Ok(Algorithm::Rsa(Hash::Sha512)),
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" => Ok(Algorithm::Ecdsa(Curve::P256)),
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => Ok(Algorithm::Ecdsa(Curve::P384)),
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512" => Ok(Algorithm::Ecdsa(Curve::P521)),
        other => not_taken(other),
    }
}
