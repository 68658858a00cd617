//! The codecs: members to bytes and back, a file for each way of writing.
//!
//! Owns the encodings, used by both ends. Which operation is meant, and HTTP itself, is the ends' matter.

pub(crate) mod json;
pub(crate) mod query;
pub(crate) mod rest;
pub(crate) mod scalar;
pub(crate) mod xml;
pub(crate) mod xml_tree;

/// What is wrong with a message: the path of the member, and what it should have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) member: String,
    pub(crate) expected: &'static str,
}

impl Fault {
    pub(crate) fn new(member: &str, expected: &'static str) -> Self {
        Self {
            member: member.to_owned(),
            expected,
        }
    }

    /// The same fault, seen from the structure around.
    pub(crate) fn under(mut self, outer: &str) -> Self {
        self.member = if self.member.is_empty() {
            outer.to_owned()
        } else {
            format!("{outer}.{}", self.member)
        };
        self
    }
}

/// How deep values may be nested.
pub(crate) const DEEPEST: usize = 128;
