//! Exclusive XML canonicalisation, version 1.0: the one way to write an element that signer and verifier share.
//!
//! Owns the order, the escapes, and which namespaces are written where. Source: the W3C's recommendation
//! `xml-exc-c14n` of 18 July 2002.

use roxmltree::{Attribute, Node};

/// How an element is written.
#[derive(Debug, Clone, Default)]
pub struct Exclusive {
    /// Comments are written too.
    pub comments: bool,
    /// Prefixes (`#default` for none) whose namespaces are written wherever they come into scope, used or not.
    pub inclusive: Vec<String>,
}

impl Exclusive {
    /// Writes an element and all that is in it, but for one element below it.
    pub fn write(&self, element: Node<'_, '_>, without: Option<Node<'_, '_>>) -> String {
        let mut writer = Writer {
            options: self,
            without,
            written: Vec::new(),
            out: String::new(),
        };
        writer.node(element);
        writer.out
    }
}

struct Writer<'a, 'i, 'o> {
    options: &'o Exclusive,
    without: Option<Node<'a, 'i>>,
    /// The namespaces that elements around the present one have written, by prefix; the last one counts.
    written: Vec<(String, String)>,
    out: String,
}

impl<'a, 'i> Writer<'a, 'i, '_> {
    fn node(&mut self, node: Node<'a, 'i>) {
        if self.without == Some(node) {
            return;
        }
        if node.is_element() {
            self.element(node);
        } else if node.is_text() {
            escape(node.text().unwrap_or_default(), false, &mut self.out);
        } else if let Some(pi) = node.pi() {
            self.out.push_str("<?");
            self.out.push_str(pi.target);
            if let Some(value) = pi.value.filter(|value| !value.is_empty()) {
                self.out.push(' ');
                self.out.push_str(value);
            }
            self.out.push_str("?>");
        } else if node.is_comment() && self.options.comments {
            self.out.push_str("<!--");
            self.out.push_str(node.text().unwrap_or_default());
            self.out.push_str("-->");
        }
    }

    fn element(&mut self, node: Node<'a, 'i>) {
        let name = element_name(node);
        let outer = self.written.len();
        self.out.push('<');
        self.out.push_str(name);
        self.namespaces(node, name);
        let mut attributes: Vec<Attribute<'_, '_>> = node.attributes().collect();
        attributes
            .sort_by_key(|attribute| (attribute.namespace().unwrap_or_default(), attribute.name()));
        for attribute in attributes {
            self.attribute(attribute_name(node, &attribute), attribute.value());
        }
        self.out.push('>');
        for child in node.children() {
            self.node(child);
        }
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        self.written.truncate(outer);
    }

    /// Writes the namespaces that the element itself uses, and those that are always written, where no element
    /// around it has written the same.
    fn namespaces(&mut self, node: Node<'a, 'i>, name: &str) {
        let mut used: Vec<&str> = node
            .attributes()
            .filter_map(|attribute| attribute_name(node, &attribute).split_once(':'))
            .map(|(prefix, _)| prefix)
            .collect();
        used.push(prefix_of(name));
        let listed = self
            .options
            .inclusive
            .iter()
            .map(|prefix| if prefix == "#default" { "" } else { prefix });
        // A listed prefix that has no namespace here is none that could be written.
        used.extend(listed.filter(|prefix| in_scope(node, prefix).is_some()));
        used.sort_unstable();
        used.dedup();
        for prefix in used.into_iter().filter(|prefix| *prefix != "xml") {
            let uri = in_scope(node, prefix).unwrap_or_default();
            let last = self
                .written
                .iter()
                .rev()
                .find(|(written, _)| written == prefix)
                .map_or("", |(_, uri)| uri.as_str());
            if last == uri {
                continue;
            }
            let attribute = match prefix {
                "" => "xmlns".to_owned(),
                prefix => format!("xmlns:{prefix}"),
            };
            self.attribute(&attribute, uri);
            self.written.push((prefix.to_owned(), uri.to_owned()));
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        escape(value, true, &mut self.out);
        self.out.push('"');
    }
}

/// The namespace of a prefix where an element stands; none where it has none.
fn in_scope<'a>(node: Node<'a, '_>, prefix: &str) -> Option<&'a str> {
    let prefix = (!prefix.is_empty()).then_some(prefix);
    node.lookup_namespace_uri(prefix)
        .filter(|uri| !uri.is_empty())
}

/// The name of an element, or of an attribute of it, whose prefix has no namespace.
pub(super) fn unbound<'i>(node: Node<'_, 'i>) -> Option<&'i str> {
    if !node.is_element() {
        return None;
    }
    let name = element_name(node);
    if !prefix_of(name).is_empty() && node.tag_name().namespace().is_none_or(str::is_empty) {
        return Some(name);
    }
    node.attributes()
        .filter(|attribute| attribute.namespace().is_none_or(str::is_empty))
        .map(|attribute| attribute_name(node, &attribute))
        .find(|name| !prefix_of(name).is_empty())
}

fn prefix_of(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}

/// An element's name with its prefix, as the document spells it.
fn element_name<'i>(node: Node<'_, 'i>) -> &'i str {
    let source = node.document().input_text();
    let tag = source.get(node.range().start + 1..).unwrap_or_default();
    let end = tag.find(|letter: char| letter.is_ascii_whitespace() || matches!(letter, '/' | '>'));
    tag.get(..end.unwrap_or(tag.len())).unwrap_or_default()
}

/// An attribute's name with its prefix, as the document spells it.
fn attribute_name<'i>(node: Node<'_, 'i>, attribute: &Attribute<'_, 'i>) -> &'i str {
    let source = node.document().input_text();
    source.get(attribute.range_qname()).unwrap_or_default()
}

fn escape(text: &str, in_attribute: bool, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' if !in_attribute => out.push_str("&gt;"),
            '"' if in_attribute => out.push_str("&quot;"),
            '\t' if in_attribute => out.push_str("&#x9;"),
            '\n' if in_attribute => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    fn whole(xml: &str) -> String {
        let document = Document::parse(xml).unwrap();
        Exclusive::default().write(document.root_element(), None)
    }

    fn below(xml: &str, name: &str, inclusive: &[&str]) -> String {
        let document = Document::parse(xml).unwrap();
        let element = document
            .descendants()
            .find(|node| node.tag_name().name() == name)
            .unwrap();
        let options = Exclusive {
            comments: false,
            inclusive: inclusive.iter().map(|&prefix| prefix.to_owned()).collect(),
        };
        options.write(element, None)
    }

    /// The recommendation's section 2.2: the same element below two different parents.
    #[test]
    fn an_element_is_the_same_below_any_parent() {
        let first = r#"<n0:local xmlns:n0="foo:bar" xmlns:n3="ftp://example.org"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n0:local>"#;
        let second = r#"<n2:pdu xmlns:n1="http://example.com" xmlns:n2="http://foo.example" xml:lang="fr" xml:space="retain"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n2:pdu>"#;
        let expected = r#"<n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>"#;
        assert_eq!(below(first, "elem2", &[]), expected);
        assert_eq!(below(second, "elem2", &[]), expected);
    }

    /// Canonical XML 1.0, section 3.2: white space in content stays.
    #[test]
    fn white_space_in_content_stays() {
        let doc = "<doc>\n   <clean>   </clean>\n   <dirty>   A   B   </dirty>\n   <mixed>\n      A\n      <clean>   </clean>\n      B\n      <dirty>   A   B   </dirty>\n      C\n   </mixed>\n</doc>";
        assert_eq!(whole(doc), doc);
    }

    /// Canonical XML 1.0, section 3.3: start and end tags, order of attributes and namespaces.
    #[test]
    fn attributes_and_namespaces_have_one_order() {
        let doc = r#"<doc>
   <e1   />
   <e2   ></e2>
   <e3   name = "elem3"   id="elem3"   />
   <e4   name="elem4"   id="elem4"   ></e4>
   <e5 a:attr="out" b:attr="sorted" attr2="all" attr="I'm"
      xmlns:b="http://www.ietf.org"
      xmlns:a="http://www.w3.org"
      xmlns="http://example.org"/>
   <e6 xmlns="" xmlns:a="http://www.w3.org">
      <e7 xmlns="http://www.ietf.org">
         <e8 xmlns="" xmlns:a="http://www.w3.org">
            <e9 xmlns="" xmlns:a="http://www.ietf.org" attr="default"/>
         </e8>
      </e7>
   </e6>
</doc>"#;
        // As in the recommendation, but that namespaces which nothing uses are not written.
        let expected = r#"<doc>
   <e1></e1>
   <e2></e2>
   <e3 id="elem3" name="elem3"></e3>
   <e4 id="elem4" name="elem4"></e4>
   <e5 xmlns="http://example.org" xmlns:a="http://www.w3.org" xmlns:b="http://www.ietf.org" attr="I'm" attr2="all" b:attr="sorted" a:attr="out"></e5>
   <e6>
      <e7 xmlns="http://www.ietf.org">
         <e8 xmlns="">
            <e9 attr="default"></e9>
         </e8>
      </e7>
   </e6>
</doc>"#;
        assert_eq!(whole(doc), expected);
    }

    /// Canonical XML 1.0, section 3.4: character references and white space in attributes.
    #[test]
    fn characters_are_escaped_one_way() {
        let doc = "<doc>\r\n   <text>First line&#x0d;&#10;Second line</text>\n   <value>&#x32;</value>\n   <compute><![CDATA[value>\"0\" && value<\"10\" ?\"valid\":\"error\"]]></compute>\n   <compute expr='value>\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"'>valid</compute>\n   <norm attr=' &apos;   &#x20;&#13;&#xa;&#9;   &apos; '/>\n</doc>";
        let expected = "<doc>\n   <text>First line&#xD;\nSecond line</text>\n   <value>2</value>\n   <compute>value&gt;\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"</compute>\n   <compute expr=\"value>&quot;0&quot; &amp;&amp; value&lt;&quot;10&quot; ?&quot;valid&quot;:&quot;error&quot;\">valid</compute>\n   <norm attr=\" '    &#xD;&#xA;&#x9;   ' \"></norm>\n</doc>";
        assert_eq!(whole(doc), expected);
    }

    /// Canonical XML 1.0, section 3.1: instructions stay, comments go unless they are asked for.
    #[test]
    fn comments_are_written_only_where_they_are_asked_for() {
        let doc = "<doc>Hello<!-- Comment 1 --><?pi-without-data     ?><?p  a b ?></doc>";
        assert_eq!(whole(doc), "<doc>Hello<?pi-without-data?><?p a b ?></doc>");
        let document = Document::parse(doc).unwrap();
        let with = Exclusive {
            comments: true,
            ..Exclusive::default()
        };
        assert_eq!(
            with.write(document.root_element(), None),
            "<doc>Hello<!-- Comment 1 --><?pi-without-data?><?p a b ?></doc>"
        );
    }

    #[test]
    fn listed_prefixes_are_written_though_nothing_uses_them() {
        let doc =
            r#"<a xmlns:x="urn:x" xmlns:y="urn:y" xmlns="urn:d"><y:b t="x:c"><x:d/></y:b></a>"#;
        assert_eq!(
            below(doc, "b", &[]),
            r#"<y:b xmlns:y="urn:y" t="x:c"><x:d xmlns:x="urn:x"></x:d></y:b>"#
        );
        assert_eq!(
            below(doc, "b", &["x", "#default", "none"]),
            r#"<y:b xmlns="urn:d" xmlns:x="urn:x" xmlns:y="urn:y" t="x:c"><x:d></x:d></y:b>"#
        );
    }

    #[test]
    fn two_prefixes_of_one_namespace_stay_apart() {
        let doc = r#"<a:r xmlns:a="urn:x" xmlns:b="urn:x"><b:c a:d="1" b:e="2"/></a:r>"#;
        assert_eq!(
            whole(doc),
            r#"<a:r xmlns:a="urn:x"><b:c xmlns:b="urn:x" a:d="1" b:e="2"></b:c></a:r>"#
        );
    }
}
