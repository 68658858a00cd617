//! Forms: names and values, and the tree that their dotted names make (`Tags.member.1.Key`).
//!
//! Owns the reading of the bytes. What a name means is `query`'s matter.

use std::borrow::Cow;

use super::DEEPEST;

/// A name and its value.
pub(crate) type Field<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The fields of a form's body or a query string, in their order.
pub(crate) fn fields(text: &[u8]) -> impl Iterator<Item = Field<'_>> {
    text.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut half = || unescaped(halves.next().unwrap_or_default());
            (half(), half())
        })
}

fn unescaped(text: &[u8]) -> Cow<'_, str> {
    let plain = |byte: &u8| !matches!(byte, b'+' | b'%');
    if text.iter().all(plain) {
        return String::from_utf8_lossy(text);
    }
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_encoding::percent_decode(&spaced)
        .decode_utf8_lossy()
        .into_owned()
        .into()
}

/// The first field of a name.
pub(crate) fn find<'a>(fields: &'a [Field<'_>], name: &str) -> Option<&'a str> {
    fields
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| &**value)
}

/// What stands at and below a name.
#[derive(Default)]
pub(crate) struct Node<'a> {
    /// The value at the name itself.
    pub(crate) value: Option<&'a str>,
    /// What stands below it, sorted by name.
    children: Vec<(&'a str, Node<'a>)>,
}

impl<'a> Node<'a> {
    /// The tree of some fields. Of two with one name the first counts.
    pub(crate) fn tree(fields: &'a [Field<'_>]) -> Self {
        let mut sorted: Vec<(Vec<&'a str>, &'a str)> = fields
            .iter()
            // What is deeper than anything that a table knows is nobody's.
            .filter(|(name, _)| name.bytes().filter(|byte| *byte == b'.').count() < DEEPEST)
            .map(|(name, value)| (name.split('.').collect(), &**value))
            .collect();
        // Stable: fields of one name keep their order.
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut root = Self::default();
        for (path, value) in sorted {
            let mut at = &mut root;
            for piece in path {
                if at.children.last().is_none_or(|(name, _)| *name != piece) {
                    at.children.push((piece, Self::default()));
                }
                let Some((_, child)) = at.children.last_mut() else {
                    break;
                };
                at = child;
            }
            at.value.get_or_insert(value);
        }
        root
    }

    /// What stands below at a name, which may have dots itself.
    pub(crate) fn at(&self, name: &str) -> Option<&Self> {
        name.split('.').try_fold(self, |node, piece| {
            let at = node
                .children
                .binary_search_by(|(name, _)| (*name).cmp(piece));
            at.ok()
                .and_then(|at| node.children.get(at))
                .map(|(_, child)| child)
        })
    }

    /// What stands below at numbers, in their order. Numbers may be left out.
    pub(crate) fn numbered(&self) -> Vec<&Self> {
        let mut numbered: Vec<(u64, &Self)> = self
            .children
            .iter()
            .filter_map(|(name, child)| Some((name.parse().ok()?, child)))
            .collect();
        numbered.sort_by_key(|(number, _)| *number);
        numbered.into_iter().map(|(_, child)| child).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_make_a_tree() {
        let text =
            b"A.member.10.K=z&A.member.2.K=b&A.member.2.V=%C3%A9+%2B&B=first&B=second&C&A-x.1=q";
        let fields: Vec<_> = fields(text).collect();
        let tree = Node::tree(&fields);
        let members = tree.at("A.member").unwrap().numbered();
        let keys: Vec<_> = members
            .iter()
            .map(|node| node.at("K").unwrap().value)
            .collect();
        assert_eq!(keys, [Some("b"), Some("z")]);
        assert_eq!(members[0].at("V").unwrap().value, Some("é +"));
        assert_eq!(tree.at("B").unwrap().value, Some("first"));
        assert_eq!(tree.at("C").unwrap().value, Some(""));
        assert!(tree.at("A.member.3").is_none() && tree.at("D").is_none());
        assert_eq!(tree.at("A-x.1").unwrap().value, Some("q"));
    }

    #[test]
    fn no_name_is_too_deep() {
        let text = "a.".repeat(1_000_000);
        let fields: Vec<_> = fields(text.as_bytes()).collect();
        assert!(Node::tree(&fields).at("a").is_none());
    }
}
