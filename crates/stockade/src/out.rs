//! Output and exit statuses, the same for every command.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All is well: nothing found, everything done.
    Fine,
    /// Something was found, or a verdict is not what it should be.
    Found,
    /// The arguments make no sense, there was nothing to work on, or it could not be done.
    Failed,
    /// Some of the input could not be read, or some of the answer is unknown.
    Incomplete,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Fine => 0,
            Status::Found => 1,
            Status::Failed => 2,
            Status::Incomplete => 3,
        })
    }
}

/// Writes to standard output. A reader that went away (`| head`) is no error.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a line to standard error.
pub fn note(text: &str) {
    let mut out = io::stderr().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Says why a command failed.
pub fn fail(why: &dyn std::fmt::Display) -> Status {
    note(&format!("stockade: {why}"));
    Status::Failed
}

/// Whether a person reads standard output, and wants colours.
pub fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The terminal's width in columns.
pub fn width() -> usize {
    let told = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    told.or_else(|| {
        console::Term::stdout()
            .size_checked()
            .map(|(_, columns)| usize::from(columns))
    })
    .unwrap_or(120)
}
