//! The IAM policy language and its evaluation.
//!
//! Owns: reading a policy document as AWS reads it ([`Policy`]), and deciding a request against every
//! policy that has a say ([`evaluate`]), with the reason. Must not do I/O and must not read a clock: all
//! that a decision depends on is in the [`Request`], its [`Context`] and the [`Policies`].

pub mod actions;
mod arn_pattern;
mod condition;
mod context;
mod decision;
mod document;
mod entry;
mod evaluate;
mod explain;
mod layer;
mod operations;
mod pattern;
mod policy;
mod position;
mod principal;
mod question;
mod rcp;
mod resource_format;
pub mod simulation;
mod statement;
mod typed_value;
mod value;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod document_tests;
#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod property;
#[cfg(test)]
mod reference;

pub use condition::Condition;
pub use context::{CANONICAL_USER_ID, Context};
pub use decision::{Decision, Gap, Missing, PolicyKind, StatementRef, Verdict};
pub use document::{DOCUMENT_ELEMENTS, STATEMENT_ELEMENTS};
pub use entry::PrincipalEntry;
pub use evaluate::{
    Named, Outcome, Policies, Request, ResourceRule, decide, evaluate, evaluate_some,
};
pub use layer::matching;
pub use policy::{DocumentKind, Policy, PolicyError};
pub use position::{Position, Span, spans};
pub use principal::{Principal, PrincipalError};
pub use rcp::rcp_binds;
pub use statement::{Effect, Statement};
pub use typed_value::ValueType;
