//! XML as signatures need it: strict reading, canonical writing, signatures, encryption.
//!
//! Owns the limits and the ways from element to element. Knows no SAML.

pub mod c14n;
pub mod encryption;
pub mod signature;

use std::collections::BTreeSet;

use roxmltree::{Document, Node, ParsingOptions};

/// How deep elements may stand in one another.
const DEEPEST: usize = 100;
/// How many nodes a document may have.
const MOST_NODES: u32 = 200_000;

/// Why a document is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Not well-formed.
    #[error("not well-formed: {0}")]
    Form(String),
    /// It has a document type, which can name entities.
    #[error("a document type is not taken")]
    DocumentType,
    /// A prefix is bound to nothing, which XML 1.0 has not.
    #[error("the prefix of {0} is bound to no namespace")]
    Unbound(String),
    /// Elements stand too deep in one another.
    #[error("elements stand more than {DEEPEST} deep")]
    TooDeep,
    /// Two elements bear the same id.
    #[error("the id {0} stands twice")]
    IdTwice(String),
    /// What must stand once does not.
    #[error("there must be one {0}")]
    NotOne(&'static str),
    /// Text was meant, and something else is there.
    #[error("{0} must hold text alone")]
    NotText(String),
}

/// Reads a document: no document type, no entities but XML's own, not too deep, not too large.
///
/// # Errors
/// [`XmlError`].
pub fn parse(text: &str) -> Result<Document<'_>, XmlError> {
    if text.contains("<!DOCTYPE") {
        return Err(XmlError::DocumentType);
    }
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MOST_NODES,
        ..ParsingOptions::default()
    };
    // The parser stops at nothing but the end of the text, so that what is too deep is found out before.
    if deepest(text) > DEEPEST {
        return Err(XmlError::TooDeep);
    }
    let document = Document::parse_with_options(text, options)
        .map_err(|error| XmlError::Form(error.to_string()))?;
    // `xmlns:x=""` passes the parser. What then bears the prefix would be written canonically as no document.
    match document.descendants().find_map(c14n::unbound) {
        Some(name) => Err(XmlError::Unbound(name.to_owned())),
        None => Ok(document),
    }
}

/// How deep elements may stand in one another at most: counts what looks like a start less what looks like an end. Text
/// and attributes cannot hold `<`; CDATA and comments can, and are passed over.
fn deepest(text: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0_usize);
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        let skip =
            |rest: &'_ str, end: &str| rest.find(end).map_or(rest.len(), |at| at + end.len());
        let passed = if rest.starts_with("![CDATA[") {
            skip(rest, "]]>")
        } else if rest.starts_with("!--") {
            skip(rest, "-->")
        } else if rest.starts_with('?') {
            skip(rest, "?>")
        } else if rest.starts_with('/') {
            depth = depth.saturating_sub(1);
            skip(rest, ">")
        } else {
            depth += 1;
            most = most.max(depth);
            let passed = tag_end(rest);
            if rest.get(..passed).is_some_and(|tag| tag.ends_with("/>")) {
                depth = depth.saturating_sub(1);
            }
            passed
        };
        rest = rest.get(passed..).unwrap_or_default();
    }
    most
}

/// How many bytes a start tag has, up to and with its `>`; one in quotes does not end it.
fn tag_end(tag: &str) -> usize {
    let mut quote = None;
    for (at, letter) in tag.char_indices() {
        match (quote, letter) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            _ => {}
        }
    }
    tag.len()
}

/// The child elements with this name.
pub fn children<'a, 'i>(
    node: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children()
        .filter(move |child| child.has_tag_name((namespace, name)))
}

/// The one child element with this name, if there is one; two are an error.
///
/// # Errors
/// [`XmlError::NotOne`].
pub fn optional<'a, 'i>(
    node: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> Result<Option<Node<'a, 'i>>, XmlError> {
    let mut found = children(node, namespace, name);
    let first = found.next();
    match found.next() {
        None => Ok(first),
        Some(_) => Err(XmlError::NotOne(name)),
    }
}

/// The one child element with this name.
///
/// # Errors
/// [`XmlError::NotOne`].
pub fn one<'a, 'i>(
    node: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> Result<Node<'a, 'i>, XmlError> {
    optional(node, namespace, name)?.ok_or(XmlError::NotOne(name))
}

/// The text of an element that holds nothing else: all of it, not what comes before the first comment.
///
/// # Errors
/// [`XmlError::NotText`].
pub fn text(node: Node<'_, '_>) -> Result<String, XmlError> {
    let mut found = String::new();
    for child in node.children() {
        match child.text() {
            Some(text) if child.is_text() => found.push_str(text),
            _ => return Err(XmlError::NotText(node.tag_name().name().to_owned())),
        }
    }
    Ok(found)
}

/// The base64 that an element holds.
///
/// # Errors
/// [`XmlError::NotText`].
pub fn base64(node: Node<'_, '_>) -> Result<Vec<u8>, XmlError> {
    crate::pem::base64(&text(node)?)
        .ok_or_else(|| XmlError::NotText(node.tag_name().name().to_owned()))
}

/// Refuses a document in which an id stands twice, however the attribute is written: what a signature names must be one
/// thing for every reader.
///
/// # Errors
/// [`XmlError::IdTwice`].
pub fn unique_ids(document: &Document<'_>) -> Result<(), XmlError> {
    let mut seen = BTreeSet::new();
    let ids = document
        .descendants()
        .flat_map(|node| node.attributes())
        .filter(|attribute| attribute.name().eq_ignore_ascii_case("id"));
    for id in ids {
        if !seen.insert(id.value()) {
            return Err(XmlError::IdTwice(id.value().chars().take(100).collect()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bombs_are_refused() {
        let doctype = r#"<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>"#;
        assert_eq!(parse(doctype).unwrap_err(), XmlError::DocumentType);
        assert_eq!(
            parse("<!DOCTYPE a><a/>").unwrap_err(),
            XmlError::DocumentType
        );
        let deep = "<a>".repeat(200_000) + &"</a>".repeat(200_000);
        assert_eq!(parse(&deep).unwrap_err(), XmlError::TooDeep);
        let hidden = r#"<a b="/>">"#.repeat(150) + &"</a>".repeat(150);
        assert_eq!(parse(&hidden).unwrap_err(), XmlError::TooDeep);
        let wide = format!("<a>{}</a>", "<b/>".repeat(250_000));
        assert!(matches!(parse(&wide), Err(XmlError::Form(_))));
        assert!(parse("<a>&x;</a>").is_err());
        assert!(
            parse(&format!(
                "<a>{}</a>",
                "<b c='>'/><![CDATA[<b><b>]]>".repeat(200)
            ))
            .is_ok()
        );
    }

    #[test]
    fn a_prefix_is_bound_to_a_namespace() {
        for (unbound, name) in [
            (r#"<x:a xmlns:x=""/>"#, "x:a"),
            (r#"<a xmlns:x="u"><b xmlns:x="" x:c="1"/></a>"#, "x:c"),
        ] {
            assert_eq!(parse(unbound).unwrap_err(), XmlError::Unbound(name.into()));
        }
        // The default namespace may be taken off, and `xml` needs none.
        parse(r#"<a xmlns="u"><b xmlns="" xml:lang="en"/></a>"#).unwrap();
    }

    #[test]
    fn ids_stand_once_however_they_are_written() {
        for twice in [
            r#"<a ID="1"><b Id="1"/></a>"#,
            r#"<a ID="1"><b xml:id="1"/></a>"#,
        ] {
            let document = parse(twice).unwrap();
            assert_eq!(unique_ids(&document), Err(XmlError::IdTwice("1".into())));
        }
        unique_ids(&parse(r#"<a ID="1"><b ID="2"/></a>"#).unwrap()).unwrap();
    }

    #[test]
    fn text_is_all_of_it() {
        let read = |xml: &str| text(parse(xml).unwrap().root_element());
        assert_eq!(read("<a>b<![CDATA[<c]]>d</a>").unwrap(), "b<cd");
        assert!(read("<a>admin<!-- -->.evil</a>").is_err());
        assert!(read("<a>admin<b/></a>").is_err());
    }
}
