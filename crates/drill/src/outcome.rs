//! What came of a drill: everything that the report and `--json` show.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stockade_detect::Story;
use stockade_model::Finding;
use stockade_respond::plan::Plan;
use stockade_respond::run::{RunOutcome, RunReport};
use stockade_respond::verify::Verdict;

use crate::actor::Deed;
use crate::telling::Line;

/// Whether a criterion is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Met {
    /// It is, by what was done and recorded.
    Met,
    /// It is not.
    NotMet,
    /// It could not be told. This is never a pass.
    Unknown,
}

/// A line of the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Criterion {
    /// What had to be so.
    pub name: String,
    /// Whether it is.
    pub met: Met,
    /// By what this is known.
    pub how: String,
}

/// When things happened, by the times of events and of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// The attacker's first call in the delivered logs.
    pub attack_began: Option<Timestamp>,
    /// The first event of the first finding.
    pub first_finding: Option<Timestamp>,
    /// When the logs with it were read.
    pub detected: Option<Timestamp>,
    /// When the plan was approved.
    pub approved: Option<Timestamp>,
    /// When the last step of the containment was done.
    pub contained: Option<Timestamp>,
    /// From when on no call of the attacker's may succeed.
    pub counted_from: Timestamp,
    /// When the application worked again.
    pub recovered: Option<Timestamp>,
}

/// How many calls, and how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Calls that were done.
    pub done: usize,
    /// Calls that were refused.
    pub refused: usize,
    /// Calls that failed otherwise.
    pub failed: usize,
}

impl Tally {
    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.done + self.refused + self.failed
    }
}

/// What the attacker did, in three parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attacker {
    /// Before the response began to act.
    pub before: Tally,
    /// While it acted, until the containment counted.
    pub race: Tally,
    /// After.
    pub after: Tally,
    /// What it got through during the race.
    pub won_in_race: Vec<Deed>,
    /// What it got through after the containment counted; it must be nothing.
    pub won_after: Vec<Deed>,
    /// Every key and session that it has held.
    pub credentials: Vec<String>,
    /// How many customers' records it has read.
    pub records_read: usize,
}

/// What an honest caller lived through, from the first step of the response on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Honest {
    /// Who.
    pub name: String,
    /// The user or role: an ARN.
    pub identity: String,
    /// From where.
    pub source_address: String,
    /// Calls that went well.
    pub done: usize,
    /// Calls that failed.
    pub failed: usize,
    /// What the plan foretold; none if nothing.
    pub foretold: Option<String>,
}

/// A plan, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanRun {
    /// Its id.
    pub id: String,
    /// The hash that was approved.
    pub hash: String,
    /// The plan as it was approved.
    pub plan: Plan,
    /// How its last run ended; none if it was never run.
    pub report: Option<RunReport>,
}

impl PlanRun {
    /// How the run ended.
    pub fn outcome(&self) -> Option<RunOutcome> {
        self.report.as_ref().map(|report| report.outcome)
    }
}

/// The undo on a copy of everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndoProof {
    /// How the plan's run on the copy ended.
    pub run: String,
    /// The verdict on the copy.
    pub verdict: String,
    /// How the undo ended.
    pub undo: String,
    /// How many things were compared.
    pub compared: usize,
    /// What had changed while the plan was in force.
    pub changed_by_plan: usize,
    /// What is not as it was; it must be nothing.
    pub differences: Vec<String>,
    /// What was left out of the comparison, and why.
    pub left_out: String,
}

/// What came of a drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The drill's name.
    pub drill: String,
    /// The seed.
    pub seed: u64,
    /// The accounts: name and id.
    pub accounts: Vec<(String, String)>,
    /// The account of it, line by line.
    pub lines: Vec<Line>,
    /// The score.
    pub score: Vec<Criterion>,
    /// When.
    pub times: Times,
    /// The attacker.
    pub attacker: Attacker,
    /// The honest.
    pub honest: Vec<Honest>,
    /// What was found in the delivered logs.
    pub findings: Vec<Finding>,
    /// The findings by who is behind them.
    pub stories: Vec<Story>,
    /// The plans in the order in which they were approved.
    pub plans: Vec<PlanRun>,
    /// The undo on the copy.
    pub undo: Option<UndoProof>,
    /// The verdict after the watch.
    pub verdict: Option<Verdict>,
    /// What the attacker left that is still there after the eradication; none where it did not come to that.
    pub left_behind: Option<Vec<String>>,
}

impl Outcome {
    /// Whether every criterion is met.
    pub fn is_passed(&self) -> bool {
        !self.score.is_empty() && self.score.iter().all(|criterion| criterion.met == Met::Met)
    }

    /// How many criteria are met, and how many there are.
    pub fn points(&self) -> (usize, usize) {
        let met = self
            .score
            .iter()
            .filter(|criterion| criterion.met == Met::Met);
        (met.count(), self.score.len())
    }
}
