//! At the identities: the user, what the lineage made, the sessions of roles.

use serde_json::{Value, json};

use super::{Making, inline_state, role_policy_name, user_policy_name};
use crate::actions::{
    PutRoleSessionRevocation, PutUserDeny, RestoreTrustPolicy, SetAccessKeyStatus,
    SetServiceSpecificCredentialStatus, SetSigningCertificateStatus, SetSshKeyStatus,
};
use crate::moment;
use crate::plan::{Phase, trust};

impl Making<'_> {
    /// The user's own policies and credentials.
    pub(super) fn subject(&mut self) {
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
    pub(super) fn descendants(&mut self) {
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
    pub(super) fn sessions(&mut self) {
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
}
