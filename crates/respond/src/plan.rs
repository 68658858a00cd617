//! The plan: what will be done, step by step, so that a person can read it, and approve exactly it.
//!
//! Owns the shape of a plan and its hash. Making one is pure: facts in, steps out; nothing here
//! calls AWS. `contain.rs`, `eradicate.rs` and `recover.rs` make one each.

mod contain;
mod draft;
mod eradicate;
mod impact;
pub(crate) mod lockout;
mod quarantine;
mod recover;
mod remove;
mod trust;

pub use contain::{
    ContainOptions, PlanError, contain, role_policy_name, scp_name, user_policy_name,
};

pub use eradicate::{EradicateOptions, eradicate};
pub use recover::{RecoverOptions, RecoverSurvey, recover, recover_survey};

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stockade_model::{AccountId, Arn};
use stockade_store::IncidentId;

use crate::aws::Call;
use crate::canonical;

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanKind {
    /// Stop the attacker.
    Contain,
    /// Remove what the attacker left.
    Eradicate,
    /// Give the honest users something better, and remove the compromised user.
    Recover,
}

impl PlanKind {
    /// The name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contain => "contain",
            Self::Eradicate => "eradicate",
            Self::Recover => "recover",
        }
    }
}

impl fmt::Display for PlanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A part of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Save everything as it is.
    Save,
    /// Above the account: an SCP that the attacker cannot reach.
    Quarantine,
    /// At the identity itself.
    Identity,
    /// What was derived from it: sessions, and what the attacker made.
    Descendants,
    /// Once more, after everything has propagated.
    SecondPass,
    /// Take out what the attacker left.
    Remove,
    /// Put something better in its place.
    Replace,
    /// What cannot be taken back.
    OneWay,
}

/// What the plan expects to find before a step's write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// What was seen when the plan was made.
    Observed(Value),
    /// What an earlier step of this plan leaves.
    After(String),
}

/// An identity whose whole state is saved before the first write.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// The account.
    pub account: AccountId,
    /// The ARN of a user or a role, or the account's root for what hangs on the account.
    pub arn: Arn,
}

/// One write with its way back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The action's name (see [`crate::actions`]).
    pub action: String,
    /// The action's parameters. `{now}` stands for the moment of the step, `{now+15s}` for later.
    pub params: Value,
    /// What must be found before.
    pub before: Before,
    /// The write as it will be sent; what is only known then stands in angle brackets.
    pub call: Call,
    /// The write that takes it back; none for a one-way step.
    pub inverse: Option<Call>,
    /// How the step is known to have worked.
    pub check: String,
    /// The state before and after, as a unified diff.
    pub diff: String,
}

/// A look for what has changed since the plan was made, with the writes that set it right. Its
/// writes are steps of their own, journalled and undone like any other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// The sweep's name (see [`crate::sweep`]).
    pub sweep: String,
    /// Its parameters.
    pub params: Value,
    /// What it may write, in a line: this is what is approved.
    pub may: String,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Saves the whole state of these identities, with its hash, before any write.
    Save(Vec<Subject>),
    /// One write.
    Change(Box<Change>),
    /// A look, and the writes that follow from it.
    Sweep(Sweep),
}

/// What must be true before a step may run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// No verdict since then was "not contained", and the last one was "contained", so many hours
    /// after it or later.
    CleanSoak {
        /// From when.
        since: Timestamp,
        /// For how long.
        hours: i64,
    },
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its id in the plan: `1`, `2`, …; the writes of a sweep are `7.1`, `7.2`, …
    pub id: String,
    /// What it does, in a line.
    pub title: String,
    /// The part of the plan.
    pub phase: Phase,
    /// The account in which it is done.
    pub account: AccountId,
    /// Why it is done, and why now.
    pub why: String,
    /// What it does.
    pub work: Work,
    /// Seconds to wait after it, until it has propagated.
    pub settle: i64,
    /// What must be true before it may run.
    pub requires: Option<Requirement>,
}

impl Step {
    /// The write, where the step is one.
    pub fn change(&self) -> Option<&Change> {
        match &self.work {
            Work::Change(change) => Some(change),
            Work::Save(_) | Work::Sweep(_) => None,
        }
    }

    /// Whether it cannot be taken back. Such a step needs an approval of its own.
    pub fn is_one_way(&self) -> bool {
        self.change().is_some_and(|change| change.inverse.is_none())
    }
}

/// Who legitimate is hurt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// The identity that stops working: an ARN.
    pub identity: String,
    /// The key that is used, where it is known.
    pub access_key: Option<String>,
    /// From where.
    pub source_address: String,
    /// With what.
    pub user_agent: String,
    /// How many calls the trail has of it.
    pub calls: u64,
    /// The actions it uses, most frequent first.
    pub actions: Vec<String>,
    /// Its last call.
    pub last: Timestamp,
    /// What will happen to it.
    pub effect: String,
}

/// The order of a containment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanOrder {
    /// The SCP first, then the identity, then a second pass.
    #[default]
    Safe,
    /// The deny and the keys alone: what published playbooks do. It loses to an attacker who acts
    /// within the propagation time, and exists so that a drill can show that. Never for a response.
    NaiveForDrillsOnly,
}

/// A plan. Its content never changes: another content is another plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The incident.
    pub incident: IncidentId,
    /// What it is for.
    pub kind: PlanKind,
    /// The identity that it is about: an ARN.
    pub subject: String,
    /// When it was made, from facts of that time.
    pub created: Timestamp,
    /// The order.
    pub order: PlanOrder,
    /// How long a write takes until it counts everywhere, in seconds.
    pub propagation: i64,
    /// The principals that the plan stops: ARNs of users, roles and federated users.
    pub quarantined: Vec<String>,
    /// What is done.
    pub steps: Vec<Step>,
    /// Who legitimate is hurt, from what the trail has of the last 30 days.
    pub impact: Vec<Impact>,
    /// What is not known, and what follows from it.
    pub unknowns: Vec<String>,
    /// What the person who approves must know.
    pub notes: Vec<String>,
    /// Why the responder does not lock themselves out, check by check.
    pub lockout: Vec<String>,
}

impl Plan {
    /// SHA-256 over the canonical JSON of everything in the plan: what a person approves.
    pub fn hash(&self) -> String {
        canonical::hash(&serde_json::to_value(self).unwrap_or_default())
    }

    /// The plan's id: its kind and the beginning of its hash.
    pub fn id(&self) -> String {
        let hash = self.hash();
        format!("{}-{}", self.kind, hash.get(..10).unwrap_or(&hash))
    }

    /// The step of this id.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// The one-way step whose approval this step needs: itself, or the next one if this stands
    /// among what cannot be taken back, for then it only makes way for that.
    pub fn covering<'s>(&'s self, step: &'s Step) -> Option<&'s Step> {
        if step.is_one_way() {
            return Some(step);
        }
        if step.phase != Phase::OneWay {
            return None;
        }
        let mut from = self.steps.iter().skip_while(|other| other.id != step.id);
        from.find(|step| step.is_one_way())
    }

    /// The steps that cannot be taken back.
    pub fn one_way(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.is_one_way())
    }
}
