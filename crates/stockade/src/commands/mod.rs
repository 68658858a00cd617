//! The commands, a file each.

mod carry;
mod drill;
mod hunt;
mod incident;
mod pace;
mod policy;
mod range;
mod respond;
mod rules;
mod target;
mod timeline;
mod trail;
mod triage;

use clap::Subcommand;

use crate::out::Status;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Look through logs: what was done, by whom, from where
    Hunt(hunt::Arguments),
    /// The detections: list, test, lint
    Rules(rules::Arguments),
    /// The facts about somebody who may be compromised; changes nothing
    Triage(triage::Arguments),
    /// A plan to contain; with its hash, the plan run and verified
    Respond(respond::Arguments),
    /// Prove that a containment holds, or say what is missing
    Verify(incident::VerifyArguments),
    /// Take a plan back: what was there before is there again
    Undo(incident::UndoArguments),
    /// A plan to remove what the attacker left; with its hash, the plan run
    Eradicate(incident::EradicateArguments),
    /// A plan to put a role in the place of the keys and renew the user; with its hash, the plan run
    Recover(Box<incident::RecoverArguments>),
    /// The incidents: list, show
    Incident(incident::IncidentArguments),
    /// An attack and the response to it, on a range of its own: run it to learn, or to test a change
    Drill(drill::Arguments),
    /// What IAM policies allow: ask the engine that the range decides with
    Policy(policy::Arguments),
    /// CloudTrail's files: whether they are what was delivered
    Trail(trail::Arguments),
    /// Start a local AWS that authenticates, authorises and records every call
    Range(range::Arguments),
}

/// Runs a command.
pub fn run(command: Command) -> Status {
    match command {
        Command::Hunt(arguments) => hunt::run(&arguments),
        Command::Rules(arguments) => rules::run(&arguments),
        Command::Triage(arguments) => triage::run(&arguments),
        Command::Respond(arguments) => respond::run(&arguments),
        Command::Verify(arguments) => incident::verify(&arguments),
        Command::Undo(arguments) => incident::undo(&arguments),
        Command::Eradicate(arguments) => incident::eradicate_command(&arguments),
        Command::Recover(arguments) => incident::recover_command(&arguments),
        Command::Incident(arguments) => incident::incident_command(&arguments),
        Command::Drill(arguments) => drill::run(&arguments),
        Command::Policy(arguments) => policy::run(&arguments),
        Command::Trail(arguments) => trail::run(&arguments),
        Command::Range(arguments) => range::run(arguments),
    }
}

/// Runs a command that waits for the network.
fn waiting<F: Future<Output = Status>>(work: F) -> Status {
    match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => crate::out::fail(&format!("cannot start: {error}")),
    }
}
