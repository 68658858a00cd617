//! The second pass: later moments, and a look whether everything holds.

use serde_json::Value;

use super::{Making, role_policy_name, scp_name, user_policy_name};
use crate::actions::{Action, CreateQuarantineScp, PutRoleSessionRevocation, UpdateQuarantineScp};
use crate::moment;
use crate::plan::quarantine::{self, Version};
use crate::plan::{Phase, Sweep};
use crate::sweep::{Guard, HoldParams, Watched};

impl Making<'_> {
    /// Once more, when the first has propagated everywhere.
    pub(super) fn second_pass(&mut self) {
        // Whoever is new is stopped first: it could else take a session after the last revocation.
        let why = "whoever could still act for some seconds may have taken the deny off, switched a key on, or made another";
        let place = self.place(Phase::SecondPass, &self.facts.account, why);
        let sweep = Sweep {
            sweep: "hold_quarantine".to_owned(),
            params: serde_json::to_value(self.guard()).unwrap_or_default(),
            may: "put the same denies back, make keys of these users inactive, attach the service control policy again, and do so to users that the lineage has made since".to_owned(),
        };
        let title = "look whether everything holds, and set right what does not";
        self.draft.sweep(&place, title, sweep);
        self.draft.settle(self.options.propagation);
        self.revoke_again();
        self.thaw();
    }

    /// The sessions of the roles, with a later moment.
    fn revoke_again(&mut self) {
        let why =
            "a session that was taken while the first pass propagated is older than this moment";
        let policy = role_policy_name(self.options.incident);
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
    }

    /// The service control policy with a later moment, and without its freeze.
    fn thaw(&mut self) {
        let Some((made, whom, _)) = &self.scp else {
            return;
        };
        let why = "the same moment from above; and the honest may change identities again, for everybody new is stopped";
        let place = self.place(Phase::SecondPass, &self.facts.home.account, why);
        let name = scp_name(self.options.incident);
        let document = quarantine::document(whom, self.first_version());
        let first = CreateQuarantineScp::params(&name, "", document);
        let left = CreateQuarantineScp::after(&first, &Value::Null);
        let document = quarantine::document(whom, Version::Second);
        let params = UpdateQuarantineScp::params(&name, document);
        let made = made.clone();
        self.draft
            .then::<UpdateQuarantineScp>(&place, &params, &made, &left);
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
}
