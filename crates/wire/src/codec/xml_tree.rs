//! XML as a tree: elements with attributes, children and text. No entities but XML's own five, no DOCTYPE.

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::{BytesStart, Event};

use super::{DEEPEST, Fault};

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
    Fault::new("", "well-formed XML")
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

/// Writes an element and all in it.
pub(crate) fn write(element: &Element, out: &mut String) {
    out.push('<');
    out.push_str(&element.name);
    for (name, value) in &element.attributes {
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        out.push_str(&escape(value.as_str()));
        out.push('"');
    }
    if element.children.is_empty() && element.text.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    text(&element.text, out);
    for child in &element.children {
        write(child, out);
    }
    out.push_str("</");
    out.push_str(&element.name);
    out.push('>');
}

/// Text as XML can carry it: what no XML may hold is left out, and a carriage return is kept by its number.
fn text(raw: &str, out: &mut String) {
    for letter in raw.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(letter),
            control if control < ' ' => {}
            '\u{FFFE}' | '\u{FFFF}' => {}
            other => out.push(other),
        }
    }
}

/// A whole document.
pub(crate) fn document(element: &Element) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    write(element, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let mut root = Element {
            name: "A".into(),
            ..Element::default()
        };
        root.attributes
            .push(("xmlns".into(), "http://x/?a=\"1\"&b".into()));
        root.children.push(Element {
            name: "B".into(),
            text: " <&>\"'\r\n\tü ".into(),
            ..Element::default()
        });
        root.children.push(Element {
            name: "C".into(),
            ..Element::default()
        });
        assert_eq!(parse(document(&root).as_bytes()).unwrap(), root);
    }

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
