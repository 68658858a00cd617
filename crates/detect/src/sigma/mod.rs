//! One Sigma rule, compiled: its patterns, its fields, its condition.
//!
//! Owns the meaning of Sigma's modifiers and conditions. Must not know where rules come from, nor
//! what becomes of a match.

pub(crate) mod compile;
pub(crate) mod encode;
pub(crate) mod field;
pub(crate) mod item;
pub(crate) mod node;
pub(crate) mod pattern;

pub(crate) use compile::{Placeholders, compile};
pub(crate) use field::{FieldPath, percent_decoded};
pub(crate) use item::{Item, Subject, Test};
pub(crate) use node::Node;
