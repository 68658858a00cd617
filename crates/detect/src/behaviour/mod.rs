//! What one event does not tell: detectors in Rust, a file each.
//!
//! Owns the list of them. To add one, write its file and name it in [`ALL`].

use std::sync::Arc;

use stockade_model::Finding;

use crate::rule::Meta;
use crate::timeline::Timeline;

/// A detector: its description, and its run over the events in order.
pub(crate) trait Detector: Send + Sync {
    /// What it is.
    fn meta(&self) -> &Arc<Meta>;
    /// What it finds.
    fn detect(&self, timeline: &Timeline<'_>) -> Vec<Finding>;
}

/// Every detector.
static ALL: &[fn() -> &'static dyn Detector] = &[];

/// The descriptions of all detectors.
pub(crate) fn metas() -> impl Iterator<Item = &'static Meta> {
    ALL.iter().map(|detector| detector().meta().as_ref())
}

/// Runs all detectors.
pub(crate) fn detect(timeline: &Timeline<'_>) -> Vec<Finding> {
    ALL.iter()
        .flat_map(|detector| detector().detect(timeline))
        .collect()
}
