//! What follows a plan: `verify`, `undo`, `eradicate`, `recover`, and the incidents themselves.

use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;
use serde_json::{Value, json};
use stockade_respond::pace::Pace;
use stockade_respond::plan::{
    EradicateOptions, Plan, PlanKind, RecoverOptions, eradicate, recover, recover_survey,
};
use stockade_respond::report::{self, undo_text};
use stockade_respond::survey::survey;
use stockade_respond::triage::UserFacts;
use stockade_respond::undo::UndoOutcome;
use stockade_respond::{approve, incident};
use stockade_store::IncidentId;

use super::carry::{self, Approval};
use super::range::duration;
use super::respond::show;
use super::target::{Session, Target};
use super::waiting;
use crate::out::{self, Status};

/// How long a write takes until it counts everywhere, in seconds.
const PROPAGATION: i64 = 10;

#[derive(Args)]
pub struct VerifyArguments {
    /// The incident, as in INC-1
    incident: IncidentId,
    #[command(flatten)]
    target: Target,
    /// Go on looking for so long, as in 30m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    watch: Option<SignedDuration>,
    /// How late the trail may still deliver an event; 15m on AWS, and nothing on a range
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "15m")]
    trail_delay: SignedDuration,
}

#[derive(Args)]
pub struct UndoArguments {
    /// The incident, as in INC-1
    incident: IncidentId,
    #[command(flatten)]
    target: Target,
    /// The plan to take back; without it the newest containment
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Leave alone what somebody has changed since, and take back the rest
    #[arg(long)]
    past_drift: bool,
}

#[derive(Args)]
pub struct EradicateArguments {
    /// The incident, as in INC-1
    incident: IncidentId,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    approval: Approval,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct RecoverArguments {
    /// The incident, as in INC-1
    incident: IncidentId,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    approval: Approval,
    /// The name of the role that takes the place of the user's keys
    #[arg(long, value_name = "NAME", required_unless_present = "approve")]
    role: Option<String>,
    /// Who may take that role: a service (ec2.amazonaws.com) or an ARN
    #[arg(long, value_name = "PRINCIPAL", required_unless_present = "approve")]
    trust: Option<String>,
    /// How long the containment must have held before anything is deleted
    #[arg(long, value_name = "HOURS", default_value_t = 72)]
    soak_hours: i64,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct IncidentArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List the incidents
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Show all of an incident: timeline, facts, plans, steps, verdicts
    Show {
        /// The incident, as in INC-1
        incident: IncidentId,
        #[command(flatten)]
        target: Target,
        /// How to show it
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people, on a terminal
    Text,
    /// For programs
    Json,
    /// One page without outside references
    Html,
}

pub fn verify(arguments: &VerifyArguments) -> Status {
    waiting(async {
        match arguments.target.session().await {
            Ok(session) => carry::verify(
                &session,
                arguments.incident,
                arguments.watch,
                Some(arguments.trail_delay),
            )
            .await
            .unwrap_or_else(|s| s),
            Err(status) => status,
        }
    })
}

pub fn undo(arguments: &UndoArguments) -> Status {
    waiting(async {
        let undone = async {
            let session = arguments.target.session().await?;
            let plan = match &arguments.plan {
                Some(plan) => plan.clone(),
                None => {
                    carry::newest(&session, arguments.incident, PlanKind::Contain)
                        .await?
                        .id
                }
            };
            session
                .engine()
                .undo(&plan, arguments.past_drift)
                .await
                .map_err(|error| out::fail(&error))
        };
        match undone.await {
            Ok(report) => {
                out::print(&undo_text(&report));
                match report.outcome {
                    UndoOutcome::Undone => Status::Fine,
                    UndoOutcome::Drift => Status::Incomplete,
                    UndoOutcome::Stuck => Status::Failed,
                }
            }
            Err(status) => status,
        }
    })
}

async fn facts(session: &Session, id: IncidentId) -> Result<UserFacts, Status> {
    let found = session
        .store
        .incident(id)
        .await
        .map_err(|error| out::fail(&error))?;
    incident::facts(&found).map_err(|error| out::fail(&error))
}

async fn propose(
    session: &Session,
    plan: &Plan,
    command: &str,
    target: &Target,
    json: bool,
) -> Result<Status, Status> {
    let record = approve::propose(&session.store, plan)
        .await
        .map_err(|error| out::fail(&error))?;
    show(plan, &record, json)?;
    if !json {
        let short = record.hash.get(..16).unwrap_or(&record.hash);
        let typed = target.typed();
        let one_way: Vec<String> = plan
            .one_way()
            .map(|step| format!(" --one-way {}", step.id))
            .collect();
        out::print(&format!(
            "\nNothing has been changed. To run exactly this plan:\n\n  stockade {command} {} --approve {short}{typed}\n",
            plan.incident
        ));
        if !one_way.is_empty() {
            out::print(&format!(
                "\nSteps that cannot be taken back need an approval each. With all of them:\n\n  stockade {command} {} --approve {short}{}{typed}\n",
                plan.incident,
                one_way.concat()
            ));
        }
    }
    Ok(Status::Fine)
}

pub fn eradicate_command(arguments: &EradicateArguments) -> Status {
    waiting(async {
        let done = async {
            let session = arguments.target.session().await?;
            let id = arguments.incident;
            if arguments.approval.is_given() {
                return carry::run(&session, id, PlanKind::Eradicate, &arguments.approval).await;
            }
            let facts = facts(&session, id).await?;
            let items = survey(&session.reach, &facts).await;
            let options = EradicateOptions {
                incident: id,
                now: session.pace.now(),
                propagation: PROPAGATION,
            };
            let plan = eradicate(&facts, &items, &options).map_err(|error| out::fail(&error))?;
            propose(
                &session,
                &plan,
                "eradicate",
                &arguments.target,
                arguments.json,
            )
            .await
        };
        done.await.unwrap_or_else(|status| status)
    })
}

/// A principal of a trust policy, from what was typed.
fn principal(text: &str) -> Value {
    if text.starts_with("arn:") || text.bytes().all(|b| b.is_ascii_digit()) {
        json!({"AWS": text})
    } else {
        json!({"Service": text})
    }
}

pub fn recover_command(arguments: &RecoverArguments) -> Status {
    waiting(async {
        let done = async {
            let session = arguments.target.session().await?;
            let id = arguments.incident;
            if arguments.approval.is_given() {
                return carry::run(&session, id, PlanKind::Recover, &arguments.approval).await;
            }
            let facts = facts(&session, id).await?;
            let contained = carry::newest(&session, id, PlanKind::Contain).await?;
            let done = session
                .engine()
                .completed_at(&contained.id)
                .await
                .map_err(|error| out::fail(&error))?;
            let Some(contained_at) = done else {
                return Err(out::fail(&format!(
                    "{id} is not contained yet: run its containment first"
                )));
            };
            let now_there = recover_survey(&session.reach, &facts)
                .await
                .map_err(|error| out::fail(&error))?;
            let options = RecoverOptions {
                incident: id,
                now: session.pace.now(),
                role: arguments.role.clone().unwrap_or_default(),
                trust: principal(arguments.trust.as_deref().unwrap_or_default()),
                contained_at,
                soak_hours: arguments.soak_hours,
                propagation: PROPAGATION,
            };
            let plan = recover(&facts, &now_there, &options).map_err(|error| out::fail(&error))?;
            propose(
                &session,
                &plan,
                "recover",
                &arguments.target,
                arguments.json,
            )
            .await
        };
        done.await.unwrap_or_else(|status| status)
    })
}

pub fn incident_command(arguments: &IncidentArguments) -> Status {
    waiting(async {
        match &arguments.what {
            What::List { target } => list(target).await,
            What::Show {
                incident,
                target,
                format,
            } => show_incident(*incident, target, *format).await,
        }
        .unwrap_or_else(|status| status)
    })
}

async fn list(target: &Target) -> Result<Status, Status> {
    let store = target.store().await?;
    let incidents = store.incidents().await.map_err(|error| out::fail(&error))?;
    for incident in incidents {
        out::print(&format!(
            "{:<8} {:<30} {}  {}\n",
            incident.id.to_string(),
            incident.status,
            incident.opened_at,
            incident.title
        ));
    }
    Ok(Status::Fine)
}

async fn show_incident(id: IncidentId, target: &Target, format: Format) -> Result<Status, Status> {
    let store = target.store().await?;
    let gathered = report::gather(&store, id)
        .await
        .map_err(|error| out::fail(&error))?;
    let text = match format {
        Format::Text => report::text(&gathered),
        Format::Html => report::html(&gathered),
        Format::Json => {
            serde_json::to_string_pretty(&gathered).map_err(|error| out::fail(&error))? + "\n"
        }
    };
    out::print(&text);
    Ok(Status::Fine)
}
