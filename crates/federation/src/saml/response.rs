//! A SAML response: read, and believed only as far as it is signed.
//!
//! Owns the defence. One assertion in the whole document, and signatures only where they belong; what is read of it is
//! read from the text that was signed, never from the document around it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use roxmltree::{Document, Node};

use super::{ASSERTION, PROTOCOL};
use crate::key::PublicKey;
use crate::xml::encryption::{self, DecryptionError, DecryptionKey};
use crate::xml::signature::{self, NAMESPACE as SIGNATURES, SignatureError};
use crate::xml::{self, XmlError, children, one, optional};

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
/// How many values an assertion may have in all.
const MOST_VALUES: usize = 10_000;

/// Whose responses are believed.
#[derive(Debug, Clone, Copy)]
pub struct Provider<'a> {
    /// Its name in assertions.
    pub entity_id: &'a str,
    /// The keys with which it signs.
    pub keys: &'a [PublicKey],
    /// The keys for which it encrypts.
    pub decryption: &'a [DecryptionKey],
    /// Whether an assertion that is not encrypted is refused.
    pub encrypted_only: bool,
}

/// What an identity provider asserts, proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Its id.
    pub id: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// Who issued it.
    pub issuer: String,
    /// Whom it is about.
    pub subject: String,
    /// The format of the subject's name.
    pub format: Option<String>,
    /// By what the bearer may be told.
    pub confirmations: Vec<Confirmation>,
    /// Good from.
    pub not_before: Option<Timestamp>,
    /// Good until before.
    pub not_on_or_after: Option<Timestamp>,
    /// Each of these restrictions names whom it is meant for; all must hold.
    pub audiences: Vec<Vec<String>>,
    /// When the session at the provider ends.
    pub session_until: Option<Timestamp>,
    /// The values of its attributes by name.
    pub attributes: BTreeMap<String, Vec<String>>,
}

/// One way to tell that the bearer is the one who is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// As in `urn:oasis:names:tc:SAML:2.0:cm:bearer`.
    pub method: String,
    /// To whom it must be given.
    pub recipient: Option<String>,
    /// Good from.
    pub not_before: Option<Timestamp>,
    /// Good until before.
    pub not_on_or_after: Option<Timestamp>,
}

/// Why a response is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// Not the XML that it should be.
    #[error(transparent)]
    Form(#[from] XmlError),
    /// No SAML 2.0 response.
    #[error("the document is no SAML 2.0 response")]
    NoResponse,
    /// Comments and instructions can split what a reader takes for one text.
    #[error("comments and processing instructions are not taken in a response")]
    Comments,
    /// The provider says no.
    #[error("the identity provider answered with the status {0}")]
    Status(String),
    /// None, more than one, or one at a place where none belongs.
    #[error("a response must hold one assertion, as its child")]
    NotOneAssertion,
    /// A signature at a place where none belongs.
    #[error("a signature stands where none belongs")]
    StraySignature,
    /// Neither the response nor the assertion is signed.
    #[error("neither the response nor the assertion is signed")]
    Unsigned,
    /// The signature proves nothing.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The assertion is not encrypted, and must be.
    #[error("the assertion is not encrypted")]
    NotEncrypted,
    /// The assertion cannot be decrypted.
    #[error(transparent)]
    Encrypted(#[from] DecryptionError),
    /// Another issuer than the provider.
    #[error("the issuer {0} is not the provider")]
    Issuer(String),
    /// A member of the assertion is missing or wrong.
    #[error("the assertion's {0} is missing or wrong")]
    Member(&'static str),
}

/// Reads a response and proves it.
///
/// # Errors
/// [`ResponseError`].
pub fn read(text: &str, provider: Provider<'_>) -> Result<Assertion, ResponseError> {
    let document = xml::parse(text)?;
    let root = document.root_element();
    if !root.has_tag_name((PROTOCOL, "Response")) || root.attribute("Version") != Some("2.0") {
        return Err(ResponseError::NoResponse);
    }
    inspect(&document, &["Response", "Assertion"])?;
    status(root)?;
    if let Some(issuer) = optional(root, ASSERTION, "Issuer")? {
        is_provider(issuer, provider)?;
    }
    let (plain, encrypted) = assertions(root)?;
    // From here on only what was signed is read.
    let proved_response = match signature::is_signed(root) {
        true => Some(signature::verify(root, provider.keys)?),
        false => None,
    };
    let (assertion, proved) = match (plain, encrypted) {
        (Some(_), _) if provider.encrypted_only => return Err(ResponseError::NotEncrypted),
        (Some(assertion), _) => (
            signature::is_signed(assertion)
                .then(|| signature::verify(assertion, provider.keys))
                .transpose()?,
            proved_response,
        ),
        (None, Some(encrypted)) => decrypted(encrypted, proved_response, provider)?,
        (None, None) => return Err(ResponseError::NotOneAssertion),
    };
    match (assertion, proved) {
        (Some(signed), _) => assertion_in(&signed, provider),
        (None, Some(signed)) => assertion_in(&signed, provider),
        (None, None) => Err(ResponseError::Unsigned),
    }
}

/// An encrypted assertion: what is in it is proved by its own signature, or by the response's around it.
fn decrypted(
    encrypted: Node<'_, '_>,
    response: Option<String>,
    provider: Provider<'_>,
) -> Result<(Option<String>, Option<String>), ResponseError> {
    let text = encryption::decrypt(encrypted, provider.decryption)?;
    let document = xml::parse(&text)?;
    inspect(&document, &["Assertion"])?;
    let assertion = document.root_element();
    if !assertion.has_tag_name((ASSERTION, "Assertion")) {
        return Err(ResponseError::NotOneAssertion);
    }
    if signature::is_signed(assertion) {
        return Ok((Some(signature::verify(assertion, provider.keys)?), None));
    }
    // The response's signature is over the encrypted text.
    Ok((None, response.map(|_| text.clone())))
}

/// Refuses what makes a document ambiguous: ids that stand twice, comments, and signatures anywhere but directly in the
/// elements that may be signed.
fn inspect(document: &Document<'_>, signed: &[&str]) -> Result<(), ResponseError> {
    xml::unique_ids(document)?;
    for node in document.root_element().descendants() {
        if node.is_comment() || node.is_pi() {
            return Err(ResponseError::Comments);
        }
        if node.has_tag_name((SIGNATURES, "Signature")) {
            let parent = node.parent_element();
            let belongs = parent.is_some_and(|parent| {
                let name = parent.tag_name();
                let namespace = matches!(name.namespace(), Some(ASSERTION | PROTOCOL));
                namespace && signed.contains(&name.name())
            });
            if !belongs {
                return Err(ResponseError::StraySignature);
            }
        }
    }
    Ok(())
}

/// The one assertion, plain or encrypted: a child of the response, and the only one in the whole document.
fn assertions<'a, 'i>(
    root: Node<'a, 'i>,
) -> Result<(Option<Node<'a, 'i>>, Option<Node<'a, 'i>>), ResponseError> {
    let mut all = root.descendants().filter(|node| {
        let name = node.tag_name();
        node.is_element() && matches!(name.name(), "Assertion" | "EncryptedAssertion")
    });
    let (Some(found), None) = (all.next(), all.next()) else {
        return Err(ResponseError::NotOneAssertion);
    };
    if found.parent_element() != Some(root) || found.tag_name().namespace() != Some(ASSERTION) {
        return Err(ResponseError::NotOneAssertion);
    }
    let responses = root
        .descendants()
        .filter(|node| node.tag_name().name() == "Response");
    if responses.count() != 1 {
        return Err(ResponseError::NoResponse);
    }
    match found.tag_name().name() {
        "Assertion" => Ok((Some(found), None)),
        _ => Ok((None, Some(found))),
    }
}

fn status(root: Node<'_, '_>) -> Result<(), ResponseError> {
    let code = one(one(root, PROTOCOL, "Status")?, PROTOCOL, "StatusCode")?;
    match code.attribute("Value") {
        Some(SUCCESS) => Ok(()),
        other => Err(ResponseError::Status(
            other.unwrap_or_default().chars().take(120).collect(),
        )),
    }
}

fn is_provider(issuer: Node<'_, '_>, provider: Provider<'_>) -> Result<String, ResponseError> {
    let named = xml::text(issuer)?.trim().to_owned();
    if named == provider.entity_id {
        Ok(named)
    } else {
        Err(ResponseError::Issuer(named.chars().take(300).collect()))
    }
}

/// Reads the assertion in a text that was signed: the text's root, or the child of the response that is.
fn assertion_in(signed: &str, provider: Provider<'_>) -> Result<Assertion, ResponseError> {
    let document = xml::parse(signed)?;
    let root = document.root_element();
    let assertion = if root.has_tag_name((ASSERTION, "Assertion")) {
        root
    } else {
        one(root, ASSERTION, "Assertion")?
    };
    if assertion.attribute("Version") != Some("2.0") {
        return Err(ResponseError::Member("Version"));
    }
    let issuer = is_provider(one(assertion, ASSERTION, "Issuer")?, provider)?;
    let subject = one(assertion, ASSERTION, "Subject")?;
    let name = one(subject, ASSERTION, "NameID")?;
    let conditions = optional(assertion, ASSERTION, "Conditions")?;
    let condition = |attribute: &'static str| match conditions {
        Some(node) => time(node, attribute),
        None => Ok(None),
    };
    Ok(Assertion {
        id: assertion
            .attribute("ID")
            .filter(|id| !id.is_empty())
            .ok_or(ResponseError::Member("ID"))?
            .to_owned(),
        issued: time(assertion, "IssueInstant")?.ok_or(ResponseError::Member("IssueInstant"))?,
        issuer,
        subject: xml::text(name)?.trim().to_owned(),
        format: name.attribute("Format").map(str::to_owned),
        confirmations: confirmations(subject)?,
        not_before: condition("NotBefore")?,
        not_on_or_after: condition("NotOnOrAfter")?,
        audiences: conditions.map(audiences).transpose()?.unwrap_or_default(),
        session_until: children(assertion, ASSERTION, "AuthnStatement")
            .map(|statement| time(statement, "SessionNotOnOrAfter"))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .min(),
        attributes: attributes(assertion)?,
    })
}

fn time(node: Node<'_, '_>, attribute: &'static str) -> Result<Option<Timestamp>, ResponseError> {
    node.attribute(attribute)
        .map(|text| text.parse().map_err(|_| ResponseError::Member(attribute)))
        .transpose()
}

fn confirmations(subject: Node<'_, '_>) -> Result<Vec<Confirmation>, ResponseError> {
    children(subject, ASSERTION, "SubjectConfirmation")
        .map(|node| {
            let data = optional(node, ASSERTION, "SubjectConfirmationData")?;
            let at = |attribute: &'static str| match data {
                Some(data) => time(data, attribute),
                None => Ok(None),
            };
            Ok(Confirmation {
                method: node.attribute("Method").unwrap_or_default().to_owned(),
                recipient: data
                    .and_then(|data| data.attribute("Recipient"))
                    .map(str::to_owned),
                not_before: at("NotBefore")?,
                not_on_or_after: at("NotOnOrAfter")?,
            })
        })
        .collect()
}

fn audiences(conditions: Node<'_, '_>) -> Result<Vec<Vec<String>>, ResponseError> {
    children(conditions, ASSERTION, "AudienceRestriction")
        .map(|restriction| {
            children(restriction, ASSERTION, "Audience")
                .map(|audience| Ok(xml::text(audience)?.trim().to_owned()))
                .collect()
        })
        .collect()
}

/// Attributes whose values are text; values with elements in them are passed over.
fn attributes(assertion: Node<'_, '_>) -> Result<BTreeMap<String, Vec<String>>, ResponseError> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut count = 0;
    for statement in children(assertion, ASSERTION, "AttributeStatement") {
        for attribute in children(statement, ASSERTION, "Attribute") {
            let name = attribute
                .attribute("Name")
                .ok_or(ResponseError::Member("Attribute"))?;
            let values = found.entry(name.to_owned()).or_default();
            for value in children(attribute, ASSERTION, "AttributeValue") {
                count += 1;
                if count > MOST_VALUES {
                    return Err(ResponseError::Member("AttributeValue"));
                }
                if !value.children().any(|child| child.is_element()) {
                    values.push(xml::text(value)?);
                }
            }
        }
    }
    Ok(found)
}
