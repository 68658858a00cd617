//! `cargo xtask bench`: how fast the program is, always beside a peer that is measured in the same run.

mod client;
pub mod hunt;
mod peers;
pub mod range;

/// Which benchmark.
#[derive(clap::Subcommand)]
pub enum Bench {
    /// The range beside the moto server: requests a second, latency, memory, time to the first answer
    Range(range::RangeArgs),
    /// A hunt beside `zcat | wc -c`: processor time, events a second, memory, growth with the rules
    Hunt(hunt::HuntArgs),
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A program that is needed did not run.
    #[error("cannot run {program}: {source}")]
    Run {
        /// Which.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program that is needed failed.
    #[error("{0} failed")]
    Failed(String),
    /// A peer does not answer.
    #[error("{0} gives no good answer within a minute")]
    Silent(String),
    /// The connection to a peer broke.
    #[error("the connection to the server broke: {0}")]
    Connection(#[from] std::io::Error),
    /// An answer is not what it should be: then its speed says nothing.
    #[error("{operation} was answered with status {status}: {body}")]
    Status {
        /// What was asked.
        operation: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        body: String,
    },
    /// An answer that is no HTTP that the client knows.
    #[error("an answer that cannot be read: {0}")]
    Answer(String),
    /// A file that is needed.
    #[error("`{path}`: {source}")]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The corpus has no list of what was planted.
    #[error("`{0}` was not made by `cargo xtask corpus`: it has no list of what was planted")]
    NoList(std::path::PathBuf),
    /// A request could not be made.
    #[error("cannot make the request {0}")]
    Request(String),
}

/// Runs a benchmark.
pub fn run(bench: &Bench) -> Result<(), BenchError> {
    match bench {
        Bench::Range(arguments) => range::run(arguments),
        Bench::Hunt(arguments) => hunt::run(arguments),
    }
}
