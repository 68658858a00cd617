//! The plan that stops the attacker: P1 for the user, P2 for the sessions, in the order of R4.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use stockade_model::{AccountId, Arn};
use stockade_store::IncidentId;

use super::draft::{Draft, Place};
use super::quarantine::{self, Whom};
use super::{Phase, Plan, PlanKind, PlanOrder, Subject, Sweep, Work, impact, lockout, trust};
use crate::actions::{
    Action, AttachQuarantineScp, CreateQuarantineScp, PutRoleSessionRevocation, PutUserDeny,
    RestoreTrustPolicy, SetAccessKeyStatus, SetServiceSpecificCredentialStatus,
    SetSigningCertificateStatus, SetSshKeyStatus, UpdateQuarantineScp,
};
use crate::moment;
use crate::scp;
use crate::sweep::{Guard, HoldParams, Watched};
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
        let title = format!("save the state of {} identities", subjects.len());
        self.draft.push(&place, title, Work::Save(subjects));
    }

    /// The service control policy, where there is an organisation and we may write one.
    fn quarantine(&mut self) -> Result<(), PlanError> {
        let open = "An attacker who may change IAM can take a deny off, or a key's status back, in the 4 seconds until it counts; the second pass looks for that";
        let organization = match self.facts.organization.known() {
            Some(Some(organization)) => organization,
            Some(None) => {
                let note = format!(
                    "The account is in no organisation: no service control policy holds while IAM propagates. {open}."
                );
                self.notes.push(note);
                return Ok(());
            }
            None => {
                let note = format!(
                    "Whether there is an organisation is unknown: no service control policy is written. {open}."
                );
                self.notes.push(note);
                return Ok(());
            }
        };
        if let Some(why) = organization.scps.why() {
            let note = format!("No service control policy is written: {why}. {open}.");
            self.notes.push(note);
            return Ok(());
        }
        let whom = self.whom();
        let members = organization.accounts.known();
        let mut targets: BTreeSet<AccountId> = BTreeSet::from([self.facts.account.clone()]);
        targets.extend(self.facts.roles.iter().map(|role| role.account.clone()));
        targets.extend(
            self.facts
                .other_users
                .iter()
                .map(|user| user.account.clone()),
        );
        if targets.remove(&organization.management_account) {
            let note = format!(
                "No service control policy binds the management account {}. {open}.",
                organization.management_account
            );
            self.notes.push(note);
        }
        targets.retain(|account| {
            let member = members.is_none_or(|members| members.contains(account));
            if !member {
                self.unknowns.push(format!(
                    "account {account} is not in the organisation: no service control policy reaches it; tell its owner"
                ));
            }
            member
        });
        if targets.is_empty() {
            return Ok(());
        }
        let document = quarantine::document(&whom, self.options.propagation + 5);
        let length = document.to_string().len();
        if length > scp::LONGEST {
            self.unknowns.push(format!(
                "the quarantine is too long for a service control policy ({length} of {} characters): it is not written. {open}",
                scp::LONGEST
            ));
            return Ok(());
        }
        self.simulate(&document, &targets)?;
        self.attach(&whom, document, targets)
    }

    fn attach(
        &mut self,
        whom: &Whom,
        document: Value,
        targets: BTreeSet<AccountId>,
    ) -> Result<(), PlanError> {
        let name = scp_name(self.options.incident);
        let home = self.facts.home.account.clone();
        let why = "above the account, where the attacker cannot reach it, before anything at the identity shows that we are here";
        let place = Place {
            phase: Phase::Quarantine,
            account: &home,
            why,
        };
        let description = format!("Stockade quarantine of {}", self.options.incident);
        let params = CreateQuarantineScp::params(&name, &description, document);
        let Some(made) = self
            .draft
            .change::<CreateQuarantineScp>(&place, &params, Value::Null)
        else {
            return Ok(());
        };
        for target in &targets {
            let params = AttachQuarantineScp::params(&name, target.as_str());
            let before = json!({ "attached": false });
            self.draft
                .change::<AttachQuarantineScp>(&place, &params, before);
        }
        self.draft.settle(self.options.propagation);
        self.scp = Some((made, whom.clone(), targets.into_iter().collect()));
        Ok(())
    }

    fn whom(&self) -> Whom {
        let facts = self.facts;
        let mut whom = Whom::default();
        whom.denied.push(facts.arn.to_string());
        for user in &facts.other_users {
            if let (true, Some(state)) = (user.made || user.password, user.state.known()) {
                whom.denied.push(state.arn.to_string());
            }
        }
        if let Some(lineage) = facts.lineage.known() {
            whom.denied.extend(lineage.federated.iter().cloned());
        }
        for role in &facts.roles {
            let list = if role.made {
                &mut whom.denied
            } else {
                &mut whom.revoked
            };
            list.push(role.arn.to_string());
        }
        let mut exempt = BTreeSet::new();
        exempt.extend(facts.home.principal_patterns());
        exempt.extend(facts.responder.principal_patterns());
        for role in &facts.roles {
            exempt.extend(
                role.responder
                    .known()
                    .into_iter()
                    .flat_map(|id| id.principal_patterns()),
            );
        }
        exempt.extend(self.options.break_glass.iter().cloned());
        whom.exempt = exempt.into_iter().collect();
        whom
    }

    /// R7: would the responder still be able to undo?
    fn simulate(
        &mut self,
        document: &Value,
        targets: &BTreeSet<AccountId>,
    ) -> Result<(), PlanError> {
        let document = moment::resolve(document, self.options.now);
        let facts = self.facts;
        let mut identities = vec![&facts.responder];
        identities.extend(facts.roles.iter().filter_map(|role| role.responder.known()));
        identities.sort_by_key(|identity| identity.arn.to_string());
        identities.dedup();
        for identity in identities {
            if !targets.contains(&identity.account) {
                continue;
            }
            let resources: Vec<String> = self
                .quarantined()
                .into_iter()
                .filter(|arn| arn.contains(&format!(":iam::{}:", identity.account)))
                .collect();
            let checked = lockout::simulate(&document, identity, &resources);
            self.lockout.push(checked.map_err(PlanError::NoWayBack)?);
        }
        let management = "the management account, from which the quarantine is lifted, is bound by no service control policy";
        self.lockout.push(management.to_owned());
        Ok(())
    }

    /// The user's own policies and credentials.
    fn subject(&mut self) {
        let facts = self.facts;
        let why = "stops the user, and with it every session of GetSessionToken and GetFederationToken, which follow the user's policies";
        let place = self.place(Phase::Identity, &facts.account, why);
        let policy = user_policy_name(self.options.incident);
        if let Some(inline) = facts.inline.known() {
            let params = PutUserDeny::params(&facts.name, &policy);
            let before = inline_state(inline, &policy);
            self.draft.change::<PutUserDeny>(&place, &params, before);
        } else {
            let params = PutUserDeny::params(&facts.name, &policy);
            self.draft
                .change::<PutUserDeny>(&place, &params, Value::Null);
        }
        let why = "every key: which of them leaked is a guess. None is deleted, for an application may use it";
        let place = self.place(Phase::Identity, &facts.account, why);
        for key in facts.keys.known().into_iter().flatten() {
            let params = SetAccessKeyStatus::inactive(&facts.name, &key.id);
            self.draft
                .change::<SetAccessKeyStatus>(&place, &params, json!({"status": key.status}));
        }
        let why = "works beside access keys, and is not stopped by making those inactive";
        let place = self.place(Phase::Identity, &facts.account, why);
        for other in facts.service_credentials.known().into_iter().flatten() {
            let params = SetServiceSpecificCredentialStatus::inactive(&facts.name, &other.id);
            let before = json!({"status": other.status});
            self.draft
                .change::<SetServiceSpecificCredentialStatus>(&place, &params, before);
        }
        for other in facts.ssh_keys.known().into_iter().flatten() {
            let params = SetSshKeyStatus::inactive(&facts.name, &other.id);
            let before = json!({"status": other.status});
            self.draft
                .change::<SetSshKeyStatus>(&place, &params, before);
        }
        for other in facts.certificates.known().into_iter().flatten() {
            let params = SetSigningCertificateStatus::inactive(&facts.name, &other.id);
            let before = json!({"status": other.status});
            self.draft
                .change::<SetSigningCertificateStatus>(&place, &params, before);
        }
    }

    /// What the lineage made for itself, and could come back through.
    fn descendants(&mut self) {
        let facts = self.facts;
        let policy = user_policy_name(self.options.incident);
        for user in &facts.other_users {
            let Some(state) = user.state.known() else {
                continue;
            };
            if user.made || user.password {
                let why = if user.made {
                    "the lineage made this user"
                } else {
                    "the lineage set this user's console password and knows it"
                };
                let place = self.place(Phase::Descendants, &user.account, why);
                let params = PutUserDeny::params(&user.name, &policy);
                let before = inline_state(&state.inline, &policy);
                self.draft.change::<PutUserDeny>(&place, &params, before);
                if !user.made {
                    self.notes.push(format!(
                        "User {} is an honest user whose console password the lineage has set: they are denied everything until they have a new one.",
                        state.arn
                    ));
                }
            }
            let why = "the lineage made this key and holds its secret";
            let place = self.place(Phase::Descendants, &user.account, why);
            for key in &state.keys {
                if user.made || user.lineage_keys.contains(&key.id) {
                    let params = SetAccessKeyStatus::inactive(&user.name, &key.id);
                    let before = json!({"status": key.status});
                    self.draft
                        .change::<SetAccessKeyStatus>(&place, &params, before);
                }
            }
        }
        for left in &facts.persistence {
            let restored = trust::restored(left, facts);
            match restored {
                trust::Restored::Not => {}
                trust::Restored::To(role, before, document) => {
                    let why = "the lineage let somebody else assume this role: stop new sessions before revoking those that run";
                    let place = self.place(Phase::Descendants, &role.account, why);
                    let params = RestoreTrustPolicy::params(role.arn.resource_name(), document);
                    self.draft
                        .change::<RestoreTrustPolicy>(&place, &params, before);
                }
                trust::Restored::Unknown(why) => self.unknowns.push(why),
            }
        }
    }

    /// P2: the sessions of every role that the lineage has taken.
    fn sessions(&mut self) {
        let policy = role_policy_name(self.options.incident);
        for role in &self.facts.roles {
            if !role.editable {
                self.unknowns.push(format!(
                    "the sessions of {} cannot be revoked in IAM: the role is Identity Center's or service-linked",
                    role.arn
                ));
                continue;
            }
            let Some(inline) = role.inline.known() else {
                let why = role.inline.why().unwrap_or_default();
                self.unknowns.push(format!(
                    "the sessions of {} are not revoked: {why}",
                    role.arn
                ));
                continue;
            };
            let why = if role.made {
                "the lineage made this role: no session of it is honest"
            } else {
                "a session that the lineage has taken lives on without its key; whoever is honest assumes the role again"
            };
            let place = self.place(Phase::Descendants, &role.account, why);
            let cutoff = (!role.made).then_some(moment::NOW);
            let params =
                PutRoleSessionRevocation::params(role.arn.resource_name(), &policy, cutoff);
            let before = inline_state(inline, &policy);
            if let Some(step) = self
                .draft
                .change::<PutRoleSessionRevocation>(&place, &params, before)
            {
                self.revocations.push((role.clone(), step));
            }
        }
    }

    /// Once more, when the first has propagated everywhere.
    fn second_pass(&mut self) {
        let why =
            "a session that was taken while the first pass propagated is older than this moment";
        let policy = role_policy_name(self.options.incident);
        if let Some((made, whom, _)) = &self.scp
            && !whom.revoked.is_empty()
        {
            let place = self.place(Phase::SecondPass, &self.facts.home.account, why);
            let document = quarantine::document(whom, 0);
            let name = scp_name(self.options.incident);
            let first = CreateQuarantineScp::params(
                &name,
                "",
                quarantine::document(whom, self.options.propagation + 5),
            );
            let left = CreateQuarantineScp::after(&first, &Value::Null);
            let params = UpdateQuarantineScp::params(&name, document);
            let made = made.clone();
            self.draft
                .then::<UpdateQuarantineScp>(&place, &params, &made, &left);
        }
        for (role, step) in std::mem::take(&mut self.revocations) {
            if role.made {
                continue;
            }
            let name = role.arn.resource_name();
            let params = PutRoleSessionRevocation::params(name, &policy, Some(moment::NOW));
            let left = PutRoleSessionRevocation::after(&params, &Value::Null);
            let place = self.place(Phase::SecondPass, &role.account, why);
            self.draft
                .then::<PutRoleSessionRevocation>(&place, &params, &step, &left);
        }
        let params = self.guard();
        let why = "whoever could still act for some seconds may have taken the deny off, switched a key on, or made another";
        let place = self.place(Phase::SecondPass, &self.facts.account, why);
        let sweep = Sweep {
            sweep: "hold_quarantine".to_owned(),
            params: serde_json::to_value(params).unwrap_or_default(),
            may: "put the same denies back, make keys of these users inactive, attach the service control policy again, and do so to users that the lineage has made since".to_owned(),
        };
        let title = "look whether everything holds, and set right what does not";
        self.draft.sweep(&place, title, sweep);
    }

    fn guard(&self) -> HoldParams {
        let facts = self.facts;
        let policy = user_policy_name(self.options.incident);
        let mut users = vec![Watched {
            account: facts.account.clone(),
            name: facts.name.clone(),
            guard: Guard::Everything,
        }];
        for user in &facts.other_users {
            users.push(Watched {
                account: user.account.clone(),
                name: user.name.clone(),
                guard: match (user.made, user.password) {
                    (true, _) => Guard::Everything,
                    (false, true) => Guard::DenyAndKeys(user.lineage_keys.clone()),
                    (false, false) => Guard::Keys(user.lineage_keys.clone()),
                },
            });
        }
        let keys = facts.lineage.known().into_iter().flat_map(|l| &l.keys);
        HoldParams {
            policy_name: policy,
            users,
            scp: self
                .scp
                .as_ref()
                .map(|(_, _, targets)| (scp_name(self.options.incident), targets.clone())),
            since: facts.at,
            lineage_keys: keys.map(|key| key.id.clone()).collect(),
            lineage_principals: self.quarantined(),
        }
    }

    fn remarks(&mut self) {
        let facts = self.facts;
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
