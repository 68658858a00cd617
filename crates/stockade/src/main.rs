//! The command line. Owns arguments, output and exit statuses; what is done is in the crates below.

mod commands;
mod out;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use commands::Command;

/// A range answers with many small pieces of memory, made on one thread and let go on another: the system's allocator spends
/// as long on them as the range does on the rest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The AWS security incident loop: detect, triage, contain, prove it, recover, and drill all of it.
#[derive(Parser)]
#[command(name = "stockade", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Say more about what happens, on standard error: `info`, `debug`, or a filter such as `stockade_range=debug`
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "STOCKADE_LOG",
        default_value = "warn"
    )]
    log: String,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and the version are no errors.
            let asked = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            let _ = error.print();
            return if asked {
                ExitCode::SUCCESS
            } else {
                out::Status::Failed.into()
            };
        }
    };
    if let Err(why) = start_log(&arguments.log) {
        return out::fail(&why).into();
    }
    commands::run(arguments.command).into()
}

fn start_log(filter: &str) -> Result<(), String> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|e| format!("--log {filter}: {e}; use a level such as info, or a filter such as stockade_range=debug"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}
