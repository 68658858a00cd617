//! `cargo xtask coverage`
#[derive(clap::Args)]
pub struct CoverageArgs {}
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct CoverageError;
pub fn run(_: &CoverageArgs) -> Result<(), CoverageError> { Ok(()) }
