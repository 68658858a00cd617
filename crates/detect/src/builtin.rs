//! The project's own detections, carried in the binary.
//!
//! Owns the table that the build script makes of `content/detections`. Must not read a file.

/// A detection's folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Embedded {
    /// `<tactic>/<name>`.
    pub(crate) path: &'static str,
    /// `rule.yml`.
    pub(crate) rule: &'static str,
    /// `fires.ndjson`, where there is one.
    pub(crate) fires: Option<&'static str>,
    /// `quiet.ndjson`, where there is one.
    pub(crate) quiet: Option<&'static str>,
}

/// Every one of them, sorted by path.
pub(crate) const DETECTIONS: &[Embedded] = include!(concat!(env!("OUT_DIR"), "/detections.rs"));
