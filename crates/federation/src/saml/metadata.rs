//! An identity provider's metadata: who it is, and the keys with which it signs.

use jiff::Timestamp;
use roxmltree::Node;

use super::{METADATA, PROTOCOL};
use crate::key::PublicKey;
use crate::pem;
use crate::x509::Certificate;
use crate::xml::signature::NAMESPACE as SIGNATURES;
use crate::xml::{self, XmlError, children, one};

/// What an identity provider says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Its name: the issuer of its assertions.
    pub entity_id: String,
    /// The keys with which it signs.
    pub keys: Vec<PublicKey>,
    /// The last moment at which one of its signing certificates is good.
    pub certificates_until: Timestamp,
    /// The last moment at which the document is good, where it says so.
    pub valid_until: Option<Timestamp>,
    /// The formats of the names that it gives.
    pub name_id_formats: Vec<String>,
}

/// Why a document is no identity provider's metadata.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not the XML that it should be.
    #[error(transparent)]
    Form(#[from] XmlError),
    /// Not an `EntityDescriptor` with an `entityID` and an `IDPSSODescriptor` for SAML 2.0.
    #[error("the document describes no SAML 2.0 identity provider")]
    NoProvider,
    /// No signing certificate with an RSA key, or one on a NIST curve.
    #[error("the document has no signing certificate that can be used")]
    NoCertificate,
    /// A time that is none.
    #[error("{0} is no time")]
    Time(String),
}

impl Metadata {
    /// Reads a metadata document.
    ///
    /// # Errors
    /// [`MetadataError`].
    pub fn read(text: &str) -> Result<Self, MetadataError> {
        let document = xml::parse(text)?;
        let root = document.root_element();
        if !root.has_tag_name((METADATA, "EntityDescriptor")) {
            return Err(MetadataError::NoProvider);
        }
        let entity_id = root
            .attribute("entityID")
            .filter(|id| !id.is_empty())
            .ok_or(MetadataError::NoProvider)?
            .to_owned();
        let provider = children(root, METADATA, "IDPSSODescriptor")
            .find(|node| {
                let protocols = node.attribute("protocolSupportEnumeration");
                protocols.is_some_and(|all| all.split_ascii_whitespace().any(|one| one == PROTOCOL))
            })
            .ok_or(MetadataError::NoProvider)?;
        let certificates = certificates(provider)?;
        let certificates_until = certificates
            .iter()
            .map(|certificate| certificate.not_after)
            .max()
            .ok_or(MetadataError::NoCertificate)?;
        let valid_until = [root, provider]
            .iter()
            .filter_map(|node| node.attribute("validUntil"))
            .map(time)
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .min();
        let name_id_formats = children(provider, METADATA, "NameIDFormat")
            .map(|node| Ok(xml::text(node)?.trim().to_owned()))
            .collect::<Result<_, MetadataError>>()?;
        Ok(Self {
            entity_id,
            keys: certificates.into_iter().map(|found| found.key).collect(),
            certificates_until,
            valid_until,
            name_id_formats,
        })
    }
}

/// The certificates that are meant for signatures, or for anything.
fn certificates(provider: Node<'_, '_>) -> Result<Vec<Certificate>, MetadataError> {
    let mut found = Vec::new();
    for descriptor in children(provider, METADATA, "KeyDescriptor") {
        if descriptor
            .attribute("use")
            .is_some_and(|meant| meant != "signing")
        {
            continue;
        }
        let info = one(descriptor, SIGNATURES, "KeyInfo")?;
        for data in children(info, SIGNATURES, "X509Data") {
            for certificate in children(data, SIGNATURES, "X509Certificate") {
                let der = pem::base64(&xml::text(certificate)?);
                found.extend(der.and_then(|der| Certificate::from_der(&der)));
            }
        }
    }
    Ok(found)
}

fn time(text: &str) -> Result<Timestamp, MetadataError> {
    text.parse()
        .map_err(|_| MetadataError::Time(text.chars().take(60).collect()))
}
