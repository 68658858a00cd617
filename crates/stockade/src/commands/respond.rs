//! `stockade respond user NAME`: a plan to read, and with its hash the plan run and verified.

use clap::{Args, Subcommand};
use stockade_model::Timestamp;
use stockade_respond::approve;
use stockade_respond::incident;
use stockade_respond::pace::Pace;
use stockade_respond::plan::{ContainOptions, Plan, PlanKind, contain};
use stockade_respond::report::plan_text;
use stockade_respond::status::{self, UNDONE};
use stockade_respond::triage::UserFacts;
use stockade_store::{Incident, IncidentId, PlanRecord};

use super::carry::{self, Approval};
use super::target::{Session, Target};
use super::triage::UserSubject;
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
    User(Box<UserArguments>),
}

#[derive(Args)]
struct UserArguments {
    #[command(flatten)]
    subject: UserSubject,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    approval: Approval,
    /// The ARN of a principal that no deny may hit: the break-glass role; may be given more than once
    #[arg(long, value_name = "ARN")]
    break_glass: Vec<String>,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Status {
    let Subject::User(arguments) = &arguments.subject;
    waiting(async {
        let session = match arguments.target.session().await {
            Ok(session) => session,
            Err(status) => return status,
        };
        let done = if arguments.approval.is_given() {
            approved(arguments, &session).await
        } else {
            proposed(arguments, &session).await
        };
        done.unwrap_or_else(|status| status)
    })
}

/// Triage, an incident, a plan; nothing is changed.
async fn proposed(arguments: &UserArguments, session: &Session) -> Result<Status, Status> {
    let (facts, _) = arguments.subject.facts(session).await?;
    let now = session.pace.now();
    let incident = opened(session, &facts, now).await?;
    let options = ContainOptions {
        break_glass: arguments.break_glass.clone(),
        ..ContainOptions::new(incident, now)
    };
    let plan = contain(&facts, &options).map_err(|error| out::fail(&error))?;
    let record = approve::propose(&session.store, &plan)
        .await
        .map_err(|error| out::fail(&error))?;
    show(&plan, &record, arguments.json)?;
    if !arguments.json {
        let short = record.hash.get(..16).unwrap_or(&record.hash);
        out::print(&format!(
            "\nNothing has been changed. This is incident {incident}. To run exactly this plan:\n\n  \
             stockade respond user {} --approve {short}{}\n",
            facts.name,
            arguments.target.typed()
        ));
    }
    Ok(Status::Fine)
}

/// Shows a plan to the person who is to approve it.
pub fn show(plan: &Plan, record: &PlanRecord, json: bool) -> Result<(), Status> {
    if json {
        let value = serde_json::json!({"plan": plan, "id": record.id, "hash": record.hash});
        out::print(&format!("{value:#}\n"));
    } else {
        out::print(&plan_text(plan));
    }
    Ok(())
}

/// The open incident about this user, brought up to date, or a new one.
async fn opened(
    session: &Session,
    facts: &UserFacts,
    now: Timestamp,
) -> Result<IncidentId, Status> {
    let failed = |error: stockade_store::StoreError| out::fail(&error);
    let about = incidents(session, &facts.arn.to_string()).await?;
    let is_open = |incident: &Incident| status::containment(&incident.status) != UNDONE;
    match about.into_iter().find(is_open) {
        Some(incident) => {
            incident::update(&session.store, incident.id, facts, now)
                .await
                .map_err(failed)?;
            Ok(incident.id)
        }
        None => Ok(incident::open(&session.store, facts, &facts.findings, now)
            .await
            .map_err(failed)?
            .id),
    }
}

/// The incidents about a user, newest first; `who` is the ARN or the name.
async fn incidents(session: &Session, who: &str) -> Result<Vec<Incident>, Status> {
    let mut incidents = session
        .store
        .incidents()
        .await
        .map_err(|error| out::fail(&error))?;
    let name = format!("/{who}");
    incidents.retain(|incident| incident.subject == who || incident.subject.ends_with(&name));
    incidents.sort_by_key(|incident| std::cmp::Reverse(incident.id));
    Ok(incidents)
}

/// Runs the plan of this hash, and verifies it.
async fn approved(arguments: &UserArguments, session: &Session) -> Result<Status, Status> {
    let name = &arguments.subject.name;
    let about = incidents(session, name).await?;
    let Some(newest) = about.first() else {
        return Err(out::fail(&format!(
            "there is no plan for `{name}` yet: run `stockade respond user {name}` first, and read what it shows"
        )));
    };
    // Users of the same name in two accounts have an incident each: the hash tells which is meant.
    let mut meant = newest.id;
    for incident in &about {
        let plans = session.store.plans(incident.id).await;
        let plans = plans.map_err(|error| out::fail(&error))?;
        if plans
            .iter()
            .any(|plan| carry::has_hash(plan, arguments.approval.hash()))
        {
            meant = incident.id;
        }
    }
    carry::run(session, meant, PlanKind::Contain, &arguments.approval).await
}
