//! The plan that stops the attacker: P1 for the user, P2 for the sessions, in the order of R4.

mod above;
mod identity;
mod second_pass;

use jiff::Timestamp;
use serde_json::{Value, json};
use stockade_model::{AccountId, Arn};
use stockade_store::IncidentId;

use super::draft::{Draft, Place};
use super::quarantine::Whom;
use super::{Phase, Plan, PlanKind, PlanOrder, Subject, Work, impact, lockout};
use crate::triage::{PolicyDocument, RoleFacts, UserFacts};

/// What a containment is told.
#[derive(Debug, Clone)]
pub struct ContainOptions {
    /// The incident.
    pub incident: IncidentId,
    /// The time.
    pub now: Timestamp,
    /// ARNs that no deny of ours may hit, beside the responder: the break-glass role.
    pub break_glass: Vec<String>,
    /// The order.
    pub order: PlanOrder,
    /// How long a write takes until it counts everywhere, in seconds. IAM takes about 4.
    pub propagation: i64,
}

impl ContainOptions {
    /// The safe order, 10 seconds of propagation, no break-glass role.
    pub fn new(incident: IncidentId, now: Timestamp) -> Self {
        Self {
            incident,
            now,
            break_glass: Vec::new(),
            order: PlanOrder::Safe,
            propagation: 10,
        }
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The responder is among those whom the plan would stop.
    #[error("the plan would stop {0}, and that is who you are: respond with other credentials")]
    Lockout(String),
    /// The responder could not undo.
    #[error("the plan would lock the responder out: {0}")]
    NoWayBack(String),
    /// Nothing is known to act on.
    #[error("there is nothing to plan: {0}")]
    Nothing(String),
}

/// The name of our inline policy on users.
pub fn user_policy_name(incident: IncidentId) -> String {
    format!("StockadeQuarantine-{incident}")
}

/// The name of our inline policy on roles.
pub fn role_policy_name(incident: IncidentId) -> String {
    format!("StockadeRevoke-{incident}")
}

/// The name of our service control policy.
pub fn scp_name(incident: IncidentId) -> String {
    format!("stockade-quarantine-{incident}").to_lowercase()
}

/// The state of an inline policy among those that were read.
pub(super) fn inline_state(policies: &[PolicyDocument], name: &str) -> Value {
    let found = policies.iter().find(|policy| policy.name == name);
    found.map_or(Value::Null, |policy| json!({ "document": policy.document }))
}

/// Makes the plan. Pure.
pub fn contain(facts: &UserFacts, options: &ContainOptions) -> Result<Plan, PlanError> {
    let mut making = Making {
        facts,
        options,
        draft: Draft::default(),
        notes: Vec::new(),
        unknowns: facts.unknowns(),
        lockout: Vec::new(),
        revocations: Vec::new(),
        scp: None,
    };
    making.refuse_own()?;
    let safe = options.order == PlanOrder::Safe;
    making.save();
    if safe {
        making.quarantine()?;
    }
    making.subject();
    if safe {
        making.descendants();
    }
    making.sessions();
    making.draft.settle(options.propagation);
    if safe {
        making.second_pass();
    }
    if making
        .draft
        .steps
        .iter()
        .all(|step| step.change().is_none())
    {
        let why = format!(
            "everything that is known of {} is stopped already; verify it",
            facts.arn
        );
        return Err(PlanError::Nothing(why));
    }
    making.remarks();
    let quarantined = making.quarantined();
    Ok(Plan {
        incident: options.incident,
        kind: PlanKind::Contain,
        subject: facts.arn.to_string(),
        created: options.now,
        order: options.order,
        propagation: options.propagation,
        quarantined,
        steps: making.draft.steps,
        impact: impact::of_containment(facts),
        unknowns: making.unknowns,
        notes: making.notes,
        lockout: making.lockout,
    })
}

struct Making<'a> {
    facts: &'a UserFacts,
    options: &'a ContainOptions,
    draft: Draft,
    notes: Vec<String>,
    unknowns: Vec<String>,
    lockout: Vec<String>,
    /// Role, step that revoked its sessions, whether the lineage made it.
    revocations: Vec<(RoleFacts, String)>,
    /// The step that made the service control policy, and where it is attached.
    scp: Option<(String, Whom, Vec<AccountId>)>,
}

impl Making<'_> {
    /// Users and roles that the plan stops.
    fn quarantined(&self) -> Vec<String> {
        let mut arns = vec![self.facts.arn.to_string()];
        for user in &self.facts.other_users {
            if let Some(state) = user.state.known() {
                arns.push(state.arn.to_string());
            }
        }
        arns.extend(self.facts.roles.iter().map(|role| role.arn.to_string()));
        if let Some(lineage) = self.facts.lineage.known() {
            arns.extend(lineage.federated.iter().cloned());
        }
        arns
    }

    fn refuse_own(&mut self) -> Result<(), PlanError> {
        let roles = &self.facts.roles;
        let mut identities = vec![&self.facts.home, &self.facts.responder];
        identities.extend(roles.iter().filter_map(|role| role.responder.known()));
        for arn in self.quarantined() {
            if identities.iter().any(|id| lockout::is_same(&arn, id)) {
                return Err(PlanError::Lockout(arn));
            }
        }
        self.lockout.push(format!(
            "the responder ({}) is neither the subject nor in its lineage",
            self.facts.home.arn
        ));
        Ok(())
    }

    fn place<'p>(&self, phase: Phase, account: &'p AccountId, why: &'p str) -> Place<'p> {
        Place {
            phase,
            account,
            why,
        }
    }

    fn save(&mut self) {
        let user = |account: &AccountId, arn: &Arn| Subject {
            account: account.clone(),
            arn: arn.clone(),
        };
        let facts = self.facts;
        let mut subjects = vec![user(&facts.account, &facts.arn)];
        for other in &facts.other_users {
            if let Some(state) = other.state.known() {
                subjects.push(user(&other.account, &state.arn));
            }
        }
        for role in facts
            .roles
            .iter()
            .filter(|role| role.trust.known().is_some())
        {
            subjects.push(user(&role.account, &role.arn));
        }
        let why = "every write replaces what is there; what was there is kept, with its hash";
        let place = self.place(Phase::Save, &facts.account, why);
        let title = match &*subjects {
            [one] => format!("save the state of {}", one.arn),
            more => format!("save the state of {} identities", more.len()),
        };
        self.draft.push(&place, title, Work::Save(subjects));
    }

    fn remarks(&mut self) {
        let facts = self.facts;
        if !facts.callers.is_empty() && !facts.attacker_is_known() {
            self.notes.push("Nothing tells which of the callers is the attacker: those that are named as hurt may be the attacker's own. Name the attacker's addresses with --suspect.".to_owned());
        }
        if facts.login_profile.known().is_some_and(Option::is_some) {
            self.notes.push("The user has a console password. The deny stops the console too; the password is left alone, for deleting it has no way back.".to_owned());
        }
        if facts
            .aws_quarantine
            .known()
            .is_some_and(|list| !list.is_empty())
        {
            self.notes.push("AWS's own quarantine policy is attached: it limits fraud and is no containment. It is left as it is.".to_owned());
        }
        if !facts.secrets_read.is_empty() {
            let names: Vec<&str> = facts.secrets_read.iter().map(|s| s.name.as_str()).collect();
            self.notes.push(format!(
                "Secrets that the lineage has read must be made invalid at their target: {}.",
                names.join(", ")
            ));
        }
        if self.options.order == PlanOrder::NaiveForDrillsOnly {
            self.notes.push("NAIVE ORDER, FOR DRILLS ONLY: no service control policy, no second pass. An attacker who acts within the propagation time wins.".to_owned());
        }
    }
}
