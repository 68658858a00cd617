//! The run: observe, journal, apply one write, read it back; then the next step.
//!
//! Owns the order of these and what follows when one fails. After a crash the same call goes on
//! where the journal ends: a step whose outcome is unknown is looked at again.

mod step;

pub(crate) use step::Shown;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_store::{IncidentId, IncidentLock, PlanRecord, Store, StoreError};

use crate::actions::ActionError;
use crate::approve::{self, ApproveError, WHOLE};
use crate::aws::Reach;
use crate::diff;
use crate::journal::{Journal, Progress, Stage, word};
use crate::pace::{Moment, Pace};
use crate::plan::{Before, Plan, PlanKind, Requirement, Step, Work};
use crate::status::{self, ACTED, STUCK};
use crate::verify::{CONTAINED, NOT_CONTAINED};

/// How long to wait between two looks at a write that does not show yet, in seconds.
pub(crate) const LOOKS: [i64; 6] = [0, 1, 2, 2, 5, 5];

/// What a run works with.
#[derive(Clone, Copy)]
pub struct Engine<'a> {
    /// Where plans and journals are.
    pub store: &'a Store,
    /// The accounts.
    pub reach: &'a Reach,
    /// Time and moments.
    pub pace: &'a dyn Pace,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every step is done.
    Done,
    /// The state is not the one of the plan: make a new plan.
    Drift,
    /// A step failed, and its write did not happen.
    Failed,
    /// Nobody knows whether a write happened.
    Unknown,
    /// What is left needs an approval of its own, or its time has not come.
    Waiting,
}

impl RunOutcome {
    /// The outcome in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Drift => "drift",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Waiting => "waiting",
        }
    }
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Its id.
    pub id: String,
    /// What it does.
    pub title: String,
    /// How far it is; none when it was not begun.
    pub stage: Option<Stage>,
    /// Why it is not done, or what else is to be said: an error, a diff.
    pub detail: Option<String>,
}

/// What became of a run, or of an undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The plan.
    pub plan: String,
    /// The incident.
    pub incident: IncidentId,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Every step, in order.
    pub steps: Vec<StepReport>,
    /// What to do next.
    pub next: String,
}

impl RunReport {
    /// The steps that are done, and those that are not.
    pub fn counts(&self) -> (usize, usize) {
        let done = self
            .steps
            .iter()
            .filter(|step| step.stage == Some(Stage::Done))
            .count();
        (done, self.steps.len() - done)
    }
}

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store failed. What was journalled stands; run again to go on.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plan cannot be read or trusted.
    #[error(transparent)]
    Plan(#[from] ApproveError),
    /// The plan names an action that there is not.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// Nobody approved it.
    #[error("plan `{plan}` is not approved: read it, then approve its hash {hash}")]
    NotApproved {
        /// The plan.
        plan: String,
        /// Its hash.
        hash: String,
    },
    /// It was taken back.
    #[error("plan `{0}` was undone, wholly or in part: make a new plan")]
    Undone(String),
    /// An undo failed before.
    #[error(
        "{0} is stuck: an undo failed. Look at the journal, set the state right by hand, then undo again"
    )]
    Stuck(IncidentId),
    /// The responder is among those whom the plan stops.
    #[error(
        "the plan stops {0}, and that is who you are: use other credentials for the response; nothing was done"
    )]
    Lockout(String),
    /// Something cannot be taken back.
    #[error("plan `{plan}` cannot be undone: these steps have no way back and are done: {steps}")]
    OneWayDone {
        /// The plan.
        plan: String,
        /// The steps.
        steps: String,
    },
}

/// A run that goes on: the engine with what it has taken hold of.
pub(crate) struct Running<'a> {
    pub(crate) engine: Engine<'a>,
    pub(crate) record: PlanRecord,
    pub(crate) plan: Plan,
    pub(crate) journal: Journal<'a>,
    pub(crate) progress: Progress,
    pub(crate) _lock: IncidentLock,
}

/// How a step ended, when it did not end the run.
pub(crate) enum Stop {
    /// The run ends so, for this reason.
    Ends(RunOutcome, String),
    /// An error of our own.
    Broken(RunError),
}

impl<E: Into<RunError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Broken(error.into())
    }
}

impl<'a> Engine<'a> {
    /// Runs the plan, or goes on with it where a run ended or died.
    ///
    /// Errors say why nothing was begun. What happened to the steps is in the report.
    pub async fn run(&self, plan: &str) -> Result<RunReport, RunError> {
        let mut running = self.begin(plan, "run").await?;
        if !approve::is_approved(self.store, &running.record, WHOLE).await? {
            return Err(RunError::NotApproved {
                plan: plan.to_owned(),
                hash: running.record.hash,
            });
        }
        if running.progress.is_undone() {
            return Err(RunError::Undone(plan.to_owned()));
        }
        let incident = self.store.incident(running.record.incident).await?;
        if incident.status == STUCK {
            return Err(RunError::Stuck(incident.id));
        }
        running.refuse_lockout().await?;
        running.open("run").await?;
        self.status(&running, "acting").await?;
        let ended = running.all().await;
        let (outcome, at_step, why) = match ended {
            Ok(()) => (RunOutcome::Done, None, None),
            Err((step, Stop::Ends(outcome, why))) => (outcome, step, Some(why)),
            Err((_, Stop::Broken(error))) => return Err(error),
        };
        let status = match outcome {
            RunOutcome::Done if running.plan.kind == PlanKind::Contain => ACTED,
            RunOutcome::Done => "done",
            RunOutcome::Waiting => "waiting",
            _ => "interrupted",
        };
        self.status(&running, status).await?;
        running.close(outcome.as_str()).await?;
        running.report(outcome, at_step, why).await
    }

    /// Takes the incident's lock and reads the plan and its journal.
    pub(crate) async fn begin(&self, plan: &str, _kind: &str) -> Result<Running<'a>, RunError> {
        let (record, content) = approve::load(self.store, plan).await?;
        let lock = self.store.lock(record.incident)?;
        let entries = self.store.journal(record.incident).await?;
        let progress = Progress::read(&entries, plan);
        let journal = Journal {
            store: self.store,
            incident: record.incident,
            run: None,
            plan: plan.to_owned(),
        };
        Ok(Running {
            engine: *self,
            record,
            plan: content,
            journal,
            progress,
            _lock: lock,
        })
    }

    /// Notes how far the plan is, beside how the containment stands if it is another plan's.
    async fn status(&self, running: &Running<'_>, word: &str) -> Result<(), StoreError> {
        let id = running.record.incident;
        let before = self.store.incident(id).await?.status;
        let status = status::moved(&before, running.plan.kind, word);
        self.store.set_status(id, &status, self.pace.now()).await
    }
}

impl Running<'_> {
    pub(crate) async fn open(&mut self, kind: &str) -> Result<(), RunError> {
        let now = self.engine.pace.now();
        let run = self
            .engine
            .store
            .begin_run(&self._lock, &self.record.id, kind, now)
            .await?;
        self.journal.run = Some(run);
        let identity = self.engine.reach.identity();
        let body = json!({"kind": kind, "as": identity.arn.to_string(), "hash": self.record.hash});
        Ok(self.journal.write(now, word::BEGAN, None, body).await?)
    }

    pub(crate) async fn close(&self, outcome: &str) -> Result<(), RunError> {
        let now = self.engine.pace.now();
        let body = json!({ "outcome": outcome });
        self.journal.write(now, word::ENDED, None, body).await?;
        if let Some(run) = self.journal.run {
            self.engine.store.end_run(run, outcome, now).await?;
        }
        Ok(())
    }

    /// The plan was made by somebody; whoever runs it must not be among those whom it stops.
    async fn refuse_lockout(&self) -> Result<(), RunError> {
        let mut accounts: Vec<_> = self.plan.steps.iter().map(|step| &step.account).collect();
        accounts.sort();
        accounts.dedup();
        for account in accounts {
            // An account that is not reached fails at its step, with its reason.
            let Ok(identity) = self.engine.reach.identity_in(account).await else {
                continue;
            };
            for arn in &self.plan.quarantined {
                if crate::plan::lockout::is_same(arn, &identity) {
                    return Err(RunError::Lockout(arn.clone()));
                }
            }
        }
        Ok(())
    }

    async fn all(&mut self) -> Result<(), (Option<String>, Stop)> {
        self.preflight().await.map_err(|stop| (None, stop))?;
        for step in self.plan.steps.clone() {
            let id = step.id.clone();
            self.one(&step).await.map_err(|stop| (Some(id), stop))?;
        }
        Ok(())
    }

    /// Looks at everything before anything is written: drift must be found while it is cheap.
    async fn preflight(&mut self) -> Result<(), Stop> {
        let mut drifts = Vec::new();
        for step in &self.plan.steps {
            let Some(change) = step.change() else {
                continue;
            };
            let Before::Observed(expected) = &change.before else {
                continue;
            };
            if self.progress.stage(&step.id).is_some() {
                continue;
            }
            let observed = match self.observe(step, change, &change.params).await? {
                Ok(observed) => observed,
                Err(why) => {
                    let why = format!("step {}: {why}. Nothing more was changed", step.id);
                    return Err(Stop::Ends(RunOutcome::Failed, why));
                }
            };
            if observed.state != *expected {
                drifts.push((step.id.clone(), diff::json(expected, &observed.state)));
            }
        }
        if drifts.is_empty() {
            return Ok(());
        }
        let mut why = String::new();
        for (step, diff) in &drifts {
            let body = json!({ "diff": diff });
            let now = self.engine.pace.now();
            self.journal
                .write(now, word::DRIFT, Some(step), body)
                .await?;
            why.push_str(&format!(
                "step {step} finds another state than the plan saw:\n{diff}"
            ));
        }
        Err(Stop::Ends(RunOutcome::Drift, why))
    }

    async fn one(&mut self, step: &Step) -> Result<(), Stop> {
        let pace = self.engine.pace;
        if self.progress.stage(&step.id) == Some(Stage::Done) {
            return Ok(());
        }
        self.permitted(step).await?;
        pace.at(Moment::BeforeStep(&step.id, &step.title)).await;
        match &step.work {
            Work::Save(subjects) => self.save(step, subjects).await?,
            Work::Change(change) => self.change(step, change).await?,
            Work::Sweep(sweep) => {
                for write in self.expand(step, sweep).await? {
                    Box::pin(self.one(&write)).await?;
                }
                self.mark(step, word::DONE, json!({})).await?;
            }
        }
        pace.at(Moment::AfterStep(&step.id, &step.title)).await;
        if step.settle > 0 {
            let why = format!("until step {} counts everywhere", step.id);
            pace.wait(SignedDuration::from_secs(step.settle), &why)
                .await;
        }
        Ok(())
    }

    /// Whether the step may run now.
    async fn permitted(&self, step: &Step) -> Result<(), Stop> {
        if let Some(one_way) = self.plan.covering(step) {
            let scope = approve::scope(&one_way.id);
            if !approve::is_approved(self.engine.store, &self.record, &scope).await? {
                let why = format!(
                    "step {} ({}) has no way back and needs an approval of its own",
                    one_way.id, one_way.title
                );
                return Err(Stop::Ends(RunOutcome::Waiting, why));
            }
        }
        let Some(Requirement::CleanSoak { since, hours }) = &step.requires else {
            return Ok(());
        };
        let verdicts = self.engine.store.verdicts(self.record.incident).await?;
        let after: Vec<_> = verdicts.iter().filter(|v| v.at >= *since).collect();
        let clean = after.iter().all(|v| v.outcome != NOT_CONTAINED);
        let long = after.last().is_some_and(|v| {
            v.outcome == CONTAINED
                && v.at.duration_since(*since) >= SignedDuration::from_hours(*hours)
        });
        if clean && long {
            return Ok(());
        }
        let why = format!(
            "step {} ({}) needs a clean soak: no verdict \"not contained\" since {since}, and a verdict \"contained\" {hours} hours after it or later. Verify again then",
            step.id, step.title
        );
        Err(Stop::Ends(RunOutcome::Waiting, why))
    }

    pub(crate) async fn mark(&mut self, step: &Step, kind: &str, body: Value) -> Result<(), Stop> {
        let now = self.engine.pace.now();
        self.journal.write(now, kind, Some(&step.id), body).await?;
        Ok(())
    }

    /// Every step as the journal has it now.
    pub(crate) async fn report(
        &self,
        outcome: RunOutcome,
        at_step: Option<String>,
        why: Option<String>,
    ) -> Result<RunReport, RunError> {
        let entries = self.engine.store.journal(self.record.incident).await?;
        let progress = Progress::read(&entries, &self.record.id);
        let steps = progress.steps(&self.plan);
        let steps = steps
            .into_iter()
            .map(|step| {
                let trace = progress.traces.get(&step.id);
                StepReport {
                    stage: trace.map(|trace| trace.stage),
                    detail: trace.and_then(|trace| trace.note.clone()),
                    id: step.id,
                    title: step.title,
                }
            })
            .collect();
        let plan = &self.record.id;
        let place = at_step.map_or(String::new(), |step| format!("at step {step}: "));
        let why = why.unwrap_or_default();
        let next = match outcome {
            RunOutcome::Done => match self.plan.kind {
                PlanKind::Contain => "verify, for done is not proved",
                PlanKind::Eradicate => {
                    "look again for what was left: there must be nothing, and the containment must still hold"
                }
                PlanKind::Recover => "see that the honest callers work with the new role",
            }
            .to_owned(),
            RunOutcome::Drift => format!(
                "{place}{why}\nNothing was written by this step. Make a new plan from the state as it is now, or undo `{plan}`"
            ),
            RunOutcome::Failed => {
                format!("{place}{why}\nRun `{plan}` again to go on, or undo it")
            }
            RunOutcome::Unknown => format!(
                "{place}{why}\nRun `{plan}` again to look at it once more and go on, or undo it: what is unknown is undone too"
            ),
            RunOutcome::Waiting => format!("{place}{why}"),
        };
        Ok(RunReport {
            plan: plan.clone(),
            incident: self.record.incident,
            outcome,
            steps,
            next,
        })
    }
}
