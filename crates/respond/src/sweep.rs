//! Sweeps: a look at what has changed since the plan was made, and the writes that set it right.
//!
//! A sweep writes nothing itself. It answers steps, which run like any other. `hold_quarantine`
//! is the second pass of a containment.

mod hold_quarantine;

use jiff::Timestamp;
use serde::Deserialize as _;

pub use hold_quarantine::{Guard, HoldParams, Watched};

use crate::aws::{CallError, Reach};
use crate::plan::{Step, Sweep};

/// Why a sweep could not look.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// No sweep of this name.
    #[error("there is no sweep `{0}`: the plan was made by another version; make a new plan")]
    Unknown(String),
    /// Its parameters do not fit.
    #[error("the parameters of sweep `{sweep}` do not fit: {why}; make a new plan")]
    Params {
        /// The sweep.
        sweep: String,
        /// What does not fit.
        why: String,
    },
    /// AWS did not let it look.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What a sweep found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Swept {
    /// The writes that set it right, their ids below the sweep's.
    pub steps: Vec<Step>,
    /// What a person must look at.
    pub notes: Vec<String>,
}

/// Looks.
pub(crate) async fn look(
    reach: &Reach,
    step: &Step,
    sweep: &Sweep,
    now: Timestamp,
) -> Result<Swept, SweepError> {
    match sweep.sweep.as_str() {
        "hold_quarantine" => {
            let params = HoldParams::deserialize(&sweep.params);
            let params = params.map_err(|error| SweepError::Params {
                sweep: sweep.sweep.clone(),
                why: error.to_string(),
            })?;
            Ok(hold_quarantine::look(reach, step, &params, now).await?)
        }
        other => Err(SweepError::Unknown(other.to_owned())),
    }
}
