//! XML written piece by piece: elements open, hold text or elements, and close.

use quick_xml::escape::escape;

/// What every document begins with.
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// XML on its way.
pub(crate) struct XmlText {
    text: String,
    /// Where the element that was opened last could be closed at once: right behind its attributes, if nothing followed.
    bare: usize,
}

impl XmlText {
    /// XML that begins with a declaration.
    pub(crate) fn document() -> Self {
        let mut new = Self::fragment();
        new.text.push_str(DECLARATION);
        new
    }

    /// XML without a declaration.
    pub(crate) fn fragment() -> Self {
        Self {
            text: String::with_capacity(512),
            bare: usize::MAX,
        }
    }

    /// Opens an element.
    pub(crate) fn open(&mut self, name: &str) {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
        self.bare = self.text.len();
    }

    /// Gives an attribute to the element that was just opened.
    pub(crate) fn attribute(&mut self, name: &str, value: &str) {
        debug_assert_eq!(self.bare, self.text.len(), "an element is open and empty");
        self.text.pop();
        self.text.push(' ');
        self.text.push_str(name);
        self.text.push_str("=\"");
        self.text.push_str(&escape(value));
        self.text.push_str("\">");
        self.bare = self.text.len();
    }

    /// Text in the element that is open.
    pub(crate) fn text(&mut self, raw: &str) {
        escaped(raw, &mut self.text);
    }

    /// Closes the element that is open.
    pub(crate) fn close(&mut self, name: &str) {
        if self.bare == self.text.len() {
            self.text.pop();
            self.text.push_str("/>");
        } else {
            self.text.push_str("</");
            self.text.push_str(name);
            self.text.push('>');
        }
        self.bare = usize::MAX;
    }

    /// XML that was written apart.
    pub(crate) fn raw(&mut self, xml: &str) {
        self.text.push_str(xml);
    }

    /// An element with text and nothing else.
    pub(crate) fn leaf(&mut self, name: &str, text: &str) {
        self.open(name);
        self.text(text);
        self.close(name);
    }

    /// All of it.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// Text as XML can carry it: what no XML may hold is left out, and a carriage return is kept by its number.
fn escaped(raw: &str, out: &mut String) {
    let plain =
        |byte: u8| (b' '..0x7f).contains(&byte) && !matches!(byte, b'&' | b'<' | b'>' | b'"');
    if raw.bytes().all(plain) {
        out.push_str(raw);
        return;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::xml_tree::{self, Element};

    #[test]
    fn what_is_written_is_read() {
        let mut xml = XmlText::document();
        xml.open("A");
        xml.attribute("xmlns", "http://x/?a=\"1\"&b");
        xml.leaf("B", " <&>\"'\r\n\tü ");
        xml.leaf("C", "");
        xml.open("D");
        xml.attribute("x", "y");
        xml.close("D");
        xml.close("A");
        let text = xml.finish();
        assert!(text.ends_with("<C/><D x=\"y\"/></A>"), "{text}");
        let root = xml_tree::parse(text.as_bytes()).unwrap();
        assert_eq!(root.attribute("xmlns"), Some("http://x/?a=\"1\"&b"));
        assert_eq!(root.child("B").unwrap().text, " <&>\"'\r\n\tü ");
        assert_eq!(
            root.child("C"),
            Some(&Element {
                name: "C".into(),
                ..Element::default()
            })
        );
    }
}
