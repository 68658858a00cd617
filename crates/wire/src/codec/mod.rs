//! The codecs: members to bytes and back, a file for each way of writing.
//!
//! Owns the encodings, used by both ends. Which operation is meant, and HTTP itself, is the ends' matter.

pub(crate) mod cbor;
pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod query;
pub(crate) mod rest;
pub(crate) mod scalar;
pub(crate) mod xml;
pub(crate) mod xml_text;
pub(crate) mod xml_tree;

use crate::table::{Kind, Member};

/// What is wrong with a message: the path of the member, what it should have been, and what was there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) member: String,
    pub(crate) expected: Expected,
    pub(crate) found: Found,
}

/// What a member should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Structure,
    List,
    Map,
    Text,
    Bytes,
    Integer,
    Long,
    Number,
    Boolean,
    Time,
    Json,
    Xml,
    Cbor,
    Utf8,
    HeaderText,
    Given,
    Member,
    Shallow,
    Packed,
    Shorter,
}

impl Expected {
    /// What a kind of shape is called.
    pub(crate) fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Structure { .. } => Self::Structure,
            Kind::List { .. } => Self::List,
            Kind::Map { .. } => Self::Map,
            Kind::String { .. } => Self::Text,
            Kind::Blob => Self::Bytes,
            Kind::Integer => Self::Integer,
            Kind::Long => Self::Long,
            Kind::Float | Kind::Double => Self::Number,
            Kind::Boolean => Self::Boolean,
            Kind::Timestamp => Self::Time,
            Kind::Document => Self::Json,
        }
    }

    /// What it is called in a message of ours.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Structure => "a structure",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Text => "text",
            Self::Bytes => "bytes in base64",
            Self::Integer | Self::Long => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Time => "an RFC 3339 time",
            Self::Json => "JSON",
            Self::Xml => "well-formed XML",
            Self::Cbor => "CBOR",
            Self::Utf8 => "UTF-8",
            Self::HeaderText => "what a header can carry",
            Self::Given => "given",
            Self::Member => "a member",
            Self::Shallow => "less deep",
            Self::Packed => "gzip",
            Self::Shorter => "shorter",
        }
    }
}

/// What was there instead, as the readers of JSON name it; `Other` where that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Other,
    Nothing,
    Text,
    Whole,
    Decimal,
    True,
    False,
    List,
    Structure,
}

impl Found {
    pub(crate) fn of(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(true) => Self::True,
            Value::Bool(false) => Self::False,
            Value::Number(number) if number.is_f64() => Self::Decimal,
            Value::Number(_) => Self::Whole,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Structure,
        }
    }
}

impl Fault {
    pub(crate) fn new(member: &str, expected: Expected) -> Self {
        Self {
            member: member.to_owned(),
            expected,
            found: Found::Other,
        }
    }

    /// A value that is not of its member's kind.
    pub(crate) fn kind(member: &Member, kind: &Kind, value: &serde_json::Value) -> Self {
        Self {
            found: Found::of(value),
            ..Self::new(&member.name, Expected::of(kind))
        }
    }

    /// A text that is none of its member's values.
    pub(crate) fn text(member: &Member, kind: &Kind, text: &str) -> Self {
        let found = if text.is_empty() {
            Found::Nothing
        } else {
            Found::Text
        };
        Self {
            found,
            ..Self::new(&member.name, Expected::of(kind))
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

/// Refuses to go deeper.
pub(crate) fn shallow(member: &str, depth: usize) -> Result<(), Fault> {
    if depth > DEEPEST {
        return Err(Fault::new(member, Expected::Shallow));
    }
    Ok(())
}
