//! The IAM policy language and its evaluation.
//!
//! Owns: reading a policy document as AWS reads it ([`Policy`]), and deciding a request against every
//! policy that has a say ([`evaluate`]), with the reason. Must not do I/O and must not read a clock: all
//! that a decision depends on is in the [`Request`], its [`Context`] and the [`Policies`].

mod context;
mod decision;
mod document;
mod evaluate;
mod principal;

pub use context::{CANONICAL_USER_ID, Context};
pub use decision::{Decision, PolicyKind, StatementRef, Verdict};
pub use document::{Effect, Policy, PolicyError, Statement};
pub use evaluate::{Named, Policies, Request, ResourceRule, evaluate};
pub use principal::Principal;
