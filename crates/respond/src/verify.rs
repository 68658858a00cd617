//! The proof of a containment: contained, not contained with the evidence, or unknown with what is
//! missing. Unknown is never shown as contained.
//!
//! Three layers: what the policies allow now (`policies.rs`), whether the
//! credentials still work (`credentials.rs`), and whether the trail has a success since
//! (`trail.rs`).

mod credentials;
mod doors;
mod policies;
mod trail;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stockade_model::{Event, Region};
use stockade_store::{IncidentId, StoreError, VerdictRecord};

pub use credentials::{Attempt, Attempted, AwsCanary, Canary};

use crate::aws::Reach;
use crate::journal::{Progress, Stage};
use crate::pace::Pace;
use crate::plan::{Plan, PlanKind};
use crate::run::{Engine, RunError};
use crate::status::{self, STUCK};
use crate::triage::UserFacts;

/// The word of a verdict that proves.
pub(crate) const CONTAINED: &str = "contained";
/// The word of a verdict that refutes.
pub(crate) const NOT_CONTAINED: &str = "not-contained";

/// The verdict in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Proved in every layer.
    Contained,
    /// Refuted in some layer.
    NotContained,
    /// Some layer could not tell.
    Unknown,
}

impl Outcome {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contained => CONTAINED,
            Self::NotContained => NOT_CONTAINED,
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Contained => "CONTAINED",
            Self::NotContained => "NOT CONTAINED",
            Self::Unknown => "UNKNOWN",
        })
    }
}

/// What one layer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// `policies`, `credentials`, `trail`.
    pub name: String,
    /// The layer's verdict.
    pub outcome: Outcome,
    /// What speaks for containment: what was looked at and was as it should be.
    pub proved: Vec<String>,
    /// What speaks against it.
    pub evidence: Vec<String>,
    /// What could not be told, and how to find out.
    pub missing: Vec<String>,
    /// What else is worth knowing, as that the attacker still tries.
    pub remarks: Vec<String>,
}

impl Layer {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            outcome: Outcome::Unknown,
            proved: Vec::new(),
            evidence: Vec::new(),
            missing: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Evidence beats what is missing, and that beats what is proved. Nothing proved is unknown.
    pub(crate) fn judged(mut self) -> Self {
        self.outcome = match (&*self.evidence, &*self.missing, &*self.proved) {
            ([_, ..], _, _) => Outcome::NotContained,
            ([], [_, ..], _) | ([], [], []) => Outcome::Unknown,
            ([], [], [_, ..]) => Outcome::Contained,
        };
        self
    }
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// When it was given.
    pub at: Timestamp,
    /// The verdict.
    pub outcome: Outcome,
    /// When the containment was complete.
    pub contained_at: Timestamp,
    /// From when on no call may succeed: containment and propagation.
    pub from: Timestamp,
    /// For how long it was watched, in seconds; 0 for one look.
    pub watched: i64,
    /// The layers.
    pub layers: Vec<Layer>,
    /// What to do next.
    pub next: String,
}

/// How a containment is verified.
#[derive(Clone)]
pub struct VerifyOptions<'a> {
    /// Regions to ask LookupEvents in, beside `us-east-1`; none: it is not asked.
    pub lookup: Option<Vec<Region>>,
    /// Events from log files.
    pub events: &'a [Event],
    /// How late an event may still arrive. CloudTrail says 15 minutes.
    pub trail_delay: SignedDuration,
    /// Credentials of the attacker's, or like the attacker's, to be tried.
    pub canaries: &'a [&'a dyn Canary],
}

impl VerifyOptions<'_> {
    /// LookupEvents in `us-east-1`, 15 minutes of delay, no canary.
    pub fn new() -> Self {
        Self {
            lookup: Some(Vec::new()),
            events: &[],
            trail_delay: SignedDuration::from_mins(15),
            canaries: &[],
        }
    }
}

impl Default for VerifyOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// Gives the verdict on a containment that was complete at `contained_at`. Changes nothing.
pub async fn containment(
    reach: &Reach,
    pace: &dyn Pace,
    facts: &UserFacts,
    plan: &Plan,
    contained_at: Timestamp,
    options: &VerifyOptions<'_>,
) -> Verdict {
    let from = contained_at
        .checked_add(SignedDuration::from_secs(plan.propagation))
        .unwrap_or(contained_at);
    let now = pace.now();
    let (lineage, trail) = trail::layer(reach, facts, from, now, options).await;
    let layers = vec![
        policies::layer(reach, facts, &lineage, now).await,
        credentials::layer(reach, facts, &lineage, options).await,
        trail,
    ];
    let has = |outcome| layers.iter().any(|layer| layer.outcome == outcome);
    let outcome = if has(Outcome::NotContained) {
        Outcome::NotContained
    } else if has(Outcome::Unknown) {
        Outcome::Unknown
    } else {
        Outcome::Contained
    };
    let next = match outcome {
        Outcome::Contained => {
            "go on watching (30 minutes or more), then eradicate what was left behind"
        }
        Outcome::NotContained => {
            "the attacker can still act: triage again, make a new plan from what is there now, approve and run it"
        }
        Outcome::Unknown => "not proved: see what is missing, and verify again",
    };
    Verdict {
        at: now,
        outcome,
        contained_at,
        from,
        watched: 0,
        layers,
        next: next.to_owned(),
    }
}

impl Engine<'_> {
    /// When the plan's last step was done; none while some step is not.
    pub async fn completed_at(&self, plan: &str) -> Result<Option<Timestamp>, RunError> {
        let (record, content) = crate::approve::load(self.store, plan).await?;
        let entries = self.store.journal(record.incident).await?;
        let progress = Progress::read(&entries, plan);
        let steps = progress.steps(&content);
        let done = |id: &str| {
            let trace = progress.traces.get(id)?;
            (trace.stage == Stage::Done).then_some(trace.at)
        };
        let times: Option<Vec<Timestamp>> = steps.iter().map(|step| done(&step.id)).collect();
        Ok(times.and_then(|times| times.into_iter().max()))
    }

    /// Verifies the containment plan, writes the verdict down and sets the incident's status.
    /// A plan that is not wholly done is at best unknown.
    pub async fn verify(
        &self,
        plan: &str,
        facts: &UserFacts,
        options: &VerifyOptions<'_>,
    ) -> Result<Verdict, RunError> {
        let verdict = self.look(plan, facts, options).await?;
        let (record, _) = crate::approve::load(self.store, plan).await?;
        self.record(record.incident, &verdict).await?;
        Ok(verdict)
    }

    /// Verifies again and again for so long. Ends at once when the containment is refuted;
    /// else the last verdict counts.
    pub async fn watch(
        &self,
        plan: &str,
        facts: &UserFacts,
        options: &VerifyOptions<'_>,
        total: SignedDuration,
        every: SignedDuration,
        mut each: impl FnMut(&Verdict),
    ) -> Result<Verdict, RunError> {
        let began = self.pace.now();
        loop {
            let mut verdict = self.look(plan, facts, options).await?;
            let watched = verdict.at.duration_since(began);
            verdict.watched = watched.as_secs();
            each(&verdict);
            if verdict.outcome == Outcome::NotContained || watched >= total {
                let (record, _) = crate::approve::load(self.store, plan).await?;
                self.record(record.incident, &verdict).await?;
                return Ok(verdict);
            }
            let step = every.min(total - watched).max(SignedDuration::from_secs(1));
            self.pace.wait(step, "watching").await;
        }
    }

    async fn look(
        &self,
        plan: &str,
        facts: &UserFacts,
        options: &VerifyOptions<'_>,
    ) -> Result<Verdict, RunError> {
        let (_, content) = crate::approve::load(self.store, plan).await?;
        let completed = match content.kind {
            PlanKind::Contain => self.completed_at(plan).await?,
            PlanKind::Eradicate | PlanKind::Recover => None,
        };
        let now = self.pace.now();
        let at = completed.unwrap_or(now);
        let mut verdict = containment(self.reach, self.pace, facts, &content, at, options).await;
        if completed.is_none() {
            let mut layer = Layer::new("plan");
            layer.missing.push(format!(
                "plan `{plan}` is no containment that is wholly done: run it to its end"
            ));
            verdict.layers.push(layer.judged());
            if verdict.outcome == Outcome::Contained {
                verdict.outcome = Outcome::Unknown;
            }
        }
        Ok(verdict)
    }

    async fn record(&self, incident: IncidentId, verdict: &Verdict) -> Result<(), StoreError> {
        let outcome = verdict.outcome.as_str();
        let body = serde_json::to_value(verdict).unwrap_or_else(|_| json!({}));
        let record = VerdictRecord {
            at: verdict.at,
            outcome: outcome.to_owned(),
            body,
        };
        self.store.add_verdict(incident, &record).await?;
        // Nothing runs on a stuck incident until it is set right; a verdict does not set it right.
        let before = self.store.incident(incident).await?.status;
        if before == STUCK {
            return Ok(());
        }
        let status = status::judged(&before, outcome);
        self.store.set_status(incident, &status, verdict.at).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_never_contained_and_evidence_beats_all() {
        let layer = |proved: usize, evidence: usize, missing: usize| {
            let some = |n| vec!["x".to_owned(); n];
            let mut layer = Layer::new("trail");
            (layer.proved, layer.evidence, layer.missing) =
                (some(proved), some(evidence), some(missing));
            layer.judged().outcome
        };
        assert_eq!(layer(1, 0, 0), Outcome::Contained);
        assert_eq!(layer(0, 0, 0), Outcome::Unknown);
        assert_eq!(layer(9, 0, 1), Outcome::Unknown);
        assert_eq!(layer(9, 1, 1), Outcome::NotContained);
    }
}
