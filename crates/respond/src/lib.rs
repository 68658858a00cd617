//! Incident response on AWS: triage, plan, run, verify, undo.
//!
//! Owns what a responder does and in which order, and the proof that it worked. Talks to AWS by
//! the trait [`aws::Aws`] alone, which `stockade-cloud` implements; knows nothing of the range.
//!
//! The way of an incident: [`triage`] gathers facts and changes nothing; [`plan`] makes of them
//! steps to be read and approved by their hash; [`run`] carries them out with a journal; [`undo`]
//! takes them back; [`verify`] proves the containment or says what is missing.

pub mod actions;
pub mod approve;
pub mod aws;
pub mod canonical;
pub mod diff;
pub mod document;
pub mod events;
pub mod fact;
mod iam_action;
pub mod incident;
pub mod inline;
pub mod journal;
pub mod lineage;
pub mod moment;
pub mod pace;
pub mod persistence;
pub mod plan;
pub mod report;
pub mod run;
pub mod scp;
pub mod scrub;
pub mod snapshot;
pub mod status;
pub mod survey;
pub mod sweep;
pub mod triage;
pub mod undo;
pub mod verify;

pub use fact::Fact;
pub use run::Engine;
