//! From above the account: the service control policy, and that it locks nobody out.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stockade_model::AccountId;

use super::{Making, PlanError, scp_name};
use crate::actions::{AttachQuarantineScp, CreateQuarantineScp};
use crate::plan::draft::Place;
use crate::plan::quarantine::{self, Version, Whom};
use crate::plan::{Phase, lockout};
use crate::{moment, scp};

impl Making<'_> {
    /// The service control policy, where there is an organisation and we may write one.
    pub(super) fn quarantine(&mut self) -> Result<(), PlanError> {
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
        let mut whom = self.whom();
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
        let left_out = quarantine::fit(&mut whom, self.first_version(), scp::LONGEST);
        if !left_out.is_empty() {
            self.unknowns.push(format!(
                "{} identities do not fit into a service control policy of {} characters: each is stopped by its own deny, and when the second pass has ended the freeze they are not held from above: {}",
                left_out.len(),
                scp::LONGEST,
                left_out.join(", ")
            ));
        }
        let document = quarantine::document(&whom, self.first_version());
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

    /// The version that the policy is made in.
    pub(super) fn first_version(&self) -> Version {
        Version::First {
            seconds: self.options.propagation + 5,
        }
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
        let accounts: Vec<&str> = targets.iter().map(AccountId::as_str).collect();
        self.notes.push(format!(
            "From the attachment of the service control policy until the second pass, a minute or less, nobody but the responder and the break-glass role changes users, roles, keys or policies in {}: a deployment that does so just then fails, and must be run again.",
            accounts.join(", ")
        ));
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
        for role in &facts.roles {
            let list = if role.made {
                &mut whom.denied
            } else {
                &mut whom.revoked
            };
            list.push(role.arn.to_string());
        }
        // Last, for what does not fit is left out from the end: the deny of the user stops these too.
        if let Some(lineage) = facts.lineage.known() {
            whom.denied.extend(lineage.federated.iter().cloned());
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
}
