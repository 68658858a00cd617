//! Why a drill could not be played to its end.

use stockade_cloud::CloudError;
use stockade_respond::approve::ApproveError;
use stockade_respond::aws::CallError;
use stockade_respond::plan::PlanError;
use stockade_respond::run::RunError;
use stockade_respond::triage::TriageError;
use stockade_store::StoreError;

/// Why a drill could not be played to its end. A response that fails is no error: it is scored.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The range did not start.
    #[error("the drill's cloud did not start: {0}")]
    Start(#[from] stockade_range::server::StartError),
    /// A call that the story needs was not answered as it must be. This is a fault of the drill.
    #[error("the drill cannot go on at `{at}`: {why}")]
    Stuck {
        /// What was to be done.
        at: String,
        /// What happened.
        why: String,
    },
    /// Files of the drill could not be written.
    #[error("the drill's temporary files cannot be written: {0}")]
    Io(#[from] std::io::Error),
    /// The delivered logs hold nothing.
    #[error("the delivered logs cannot be read: {0}")]
    Logs(#[from] stockade_ingest::IngestError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The triage failed.
    #[error(transparent)]
    Triage(#[from] TriageError),
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan could not be approved.
    #[error(transparent)]
    Approve(#[from] ApproveError),
    /// The plan could not be begun.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The responder's credentials do not work.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl DrillError {
    pub(crate) fn stuck(at: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Stuck {
            at: at.into(),
            why: why.into(),
        }
    }
}

impl From<CloudError> for DrillError {
    fn from(error: CloudError) -> Self {
        Self::stuck("a call of the drill's own", error.to_string())
    }
}
