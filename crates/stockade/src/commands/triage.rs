//! `stockade triage user NAME`: the facts, and what is not known. Changes nothing.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use stockade_detect::RuleSet;
use stockade_ingest::read_paths;
use stockade_model::AccountId;
use stockade_respond::report::triage_text;
use stockade_respond::triage::{TriageOptions, UserFacts, user};

use super::target::{self, Session, Target};
use super::waiting;
use crate::out::{self, Status};

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// An IAM user, by name or ARN
    User(UserArguments),
}

#[derive(Args)]
struct UserArguments {
    #[command(flatten)]
    subject: UserSubject,
    #[command(flatten)]
    target: Target,
    /// Print the facts as JSON
    #[arg(long)]
    json: bool,
}

/// Which user, and which logs tell of it.
#[derive(Args, Clone)]
pub struct UserSubject {
    /// The user's name, or its ARN
    pub name: String,
    /// The user's account; without it the account of your credentials, or of the ARN
    #[arg(long, value_name = "ID", value_parser = target::account)]
    account: Option<AccountId>,
    /// CloudTrail files or folders, in addition to the event history
    #[arg(long, value_name = "PATH")]
    logs: Vec<PathBuf>,
    /// Do not ask CloudTrail's event history
    #[arg(long)]
    no_lookup: bool,
    /// An address that is the attacker's; may be given more than once
    #[arg(long, value_name = "ADDRESS")]
    suspect: Vec<String>,
}

pub fn run(arguments: &Arguments) -> Status {
    let Subject::User(arguments) = &arguments.subject;
    waiting(async {
        let session = match arguments.target.session().await {
            Ok(session) => session,
            Err(status) => return status,
        };
        let (facts, is_whole) = match arguments.subject.facts(&session).await {
            Ok(facts) => facts,
            Err(status) => return status,
        };
        if arguments.json {
            match serde_json::to_string_pretty(&facts) {
                Ok(text) => out::print(&(text + "\n")),
                Err(error) => return out::fail(&error),
            }
        } else {
            out::print(&triage_text(&facts));
        }
        if facts.unknowns().is_empty() && is_whole {
            Status::Fine
        } else {
            Status::Incomplete
        }
    })
}

impl UserSubject {
    /// Gathers the facts, and whether all of the logs could be read. Changes nothing.
    pub async fn facts(&self, session: &Session) -> Result<(UserFacts, bool), Status> {
        let mut events = Vec::new();
        let mut is_whole = true;
        if !self.logs.is_empty() {
            let summary = read_paths(&self.logs, &mut |event| events.push(event))
                .map_err(|e| out::fail(&e))?;
            is_whole = summary.skipped_count == 0;
            for skipped in &summary.skipped {
                out::note(&format!("stockade: skipped {skipped}"));
            }
        }
        let options = TriageOptions {
            account: self.account.clone(),
            findings: Vec::new(),
            // What speaks against a caller may be in the event history alone.
            detect: Some(|events| RuleSet::builtin().hunt(events)),
            events,
            lookup: (!self.no_lookup).then(|| session.regions.clone()),
            suspect_addresses: self.suspect.clone(),
        };
        let facts = user(&session.reach, &session.pace, &self.name, &options).await;
        Ok((facts.map_err(|error| out::fail(&error))?, is_whole))
    }
}
