//! XML as a tree: elements with attributes, children and text. No entities but XML's own five, no DOCTYPE.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use super::{DEEPEST, Expected, Fault};

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// Without its prefix.
    pub(crate) name: String,
    /// Names with their prefixes.
    pub(crate) attributes: Vec<(String, String)>,
    /// The elements in it.
    pub(crate) children: Vec<Element>,
    /// The text in it, all pieces together.
    pub(crate) text: String,
}

impl Element {
    /// The first child with a name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// An attribute by its name without a prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let local = |full: &str| full.rsplit(':').next().unwrap_or_default().to_owned();
        self.attributes
            .iter()
            .find(|(full, _)| full == name || local(full) == local(name))
            .map(|(_, value)| value.as_str())
    }
}

fn torn() -> Fault {
    Fault::new("", Expected::Xml)
}

fn opened(start: &BytesStart<'_>) -> Result<Element, Fault> {
    let name = start.local_name().as_ref().to_owned();
    let mut element = Element {
        name,
        ..Element::default()
    };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| torn())?;
        let value = quick_xml::escape::unescape(&attribute.value).map_err(|_| torn())?;
        element
            .attributes
            .push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(element)
}

/// Reads a document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Element, Fault> {
    let mut reader = Reader::from_str(std::str::from_utf8(bytes).map_err(|_| torn())?);
    reader.config_mut().check_end_names = true;
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().map_err(|_| torn())? {
            Event::Start(start) => {
                if open.len() >= DEEPEST || root.is_some() {
                    return Err(torn());
                }
                open.push(opened(&start)?);
            }
            Event::Empty(start) => {
                let element = opened(&start)?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None if root.is_none() => root = Some(element),
                    None => return Err(torn()),
                }
            }
            Event::End(_) => {
                let element = open.pop().ok_or_else(torn)?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => root = Some(element),
                }
            }
            Event::Text(text) => match open.last_mut() {
                Some(element) => element.text.push_str(&text),
                None if text.trim().is_empty() => {}
                None => return Err(torn()),
            },
            Event::CData(text) => {
                open.last_mut().ok_or_else(torn)?.text.push_str(&text);
            }
            Event::GeneralRef(reference) => {
                let element = open.last_mut().ok_or_else(torn)?;
                if let Some(letter) = reference.resolve_char_ref().map_err(|_| torn())? {
                    element.text.push(letter);
                } else {
                    element
                        .text
                        .push_str(resolve_predefined_entity(&reference).ok_or_else(torn)?);
                }
            }
            Event::DocType(_) => return Err(torn()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    if !open.is_empty() {
        return Err(torn());
    }
    root.ok_or_else(torn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_could_harm() {
        let deep = "<a>".repeat(200) + &"</a>".repeat(200);
        for text in [
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            "<a>&unknown;</a>",
            "<a><b></a></b>",
            "<a>",
            "<a/><b/>",
            "text",
            "",
            deep.as_str(),
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:.60}");
        }
    }

    #[test]
    fn prefixes_and_cdata_are_read() {
        let root = parse(b"<x:a xmlns:x=\"u\" xsi:type=\"T\"><![CDATA[<b>]]>&#x41;</x:a>").unwrap();
        assert_eq!((root.name.as_str(), root.text.as_str()), ("a", "<b>A"));
        assert_eq!(root.attribute("xsi:type"), Some("T"));
    }
}
