//! Whether a containment still holds: denies as put, keys inactive, the service control policy
//! attached, and nobody new.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Event, Region};

use super::Swept;
use crate::actions::{self, Action, AttachQuarantineScp, PutUserDeny, SetAccessKeyStatus};
use crate::aws::{Aws, Call, CallError, Reach, pages};
use crate::events::{self, Wanted};
use crate::plan::{Before, Step, Work};

/// What of a user is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The deny, and every key, new ones too.
    Everything,
    /// The deny, and these keys.
    DenyAndKeys(Vec<String>),
    /// These keys.
    Keys(Vec<String>),
}

/// A user who is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// The account.
    pub account: AccountId,
    /// The user's name.
    pub name: String,
    /// What is watched.
    pub guard: Guard,
}

/// The parameters of the sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldParams {
    /// The name of our deny.
    pub policy_name: String,
    /// Who is watched.
    pub users: Vec<Watched>,
    /// The service control policy's name, and the accounts that it is attached to.
    pub scp: Option<(String, Vec<AccountId>)>,
    /// When the triage looked: users made since are new.
    pub since: Timestamp,
    /// The keys of the lineage: what they made since is theirs.
    pub lineage_keys: Vec<String>,
    /// The users and roles of the lineage.
    pub lineage_principals: Vec<String>,
}

struct Looking<'a> {
    step: &'a Step,
    params: &'a HoldParams,
    swept: Swept,
}

pub(super) async fn look(
    reach: &Reach,
    step: &Step,
    params: &HoldParams,
    now: Timestamp,
) -> Result<Swept, CallError> {
    let mut looking = Looking {
        step,
        params,
        swept: Swept::default(),
    };
    if let Some((name, targets)) = &params.scp {
        for target in targets {
            let home = reach.home();
            let attach = AttachQuarantineScp::params(name, target.as_str());
            let account = &reach.identity().account;
            let why = "the quarantine was detached";
            looking
                .set_right::<AttachQuarantineScp>(home.as_ref(), account, why, &attach)
                .await?;
        }
    }
    for user in &params.users {
        let aws = reach.account(&user.account).await?;
        looking.user(aws.as_ref(), user).await?;
    }
    let accounts: BTreeSet<&AccountId> = params.users.iter().map(|user| &user.account).collect();
    for account in accounts {
        let aws = reach.account(account).await?;
        looking.newcomers(aws.as_ref(), account, now).await?;
    }
    Ok(looking.swept)
}

impl Looking<'_> {
    /// Adds the write when the state is not what it makes.
    async fn set_right<A: Action>(
        &mut self,
        aws: &dyn Aws,
        account: &AccountId,
        why: &str,
        params: &A::Params,
    ) -> Result<(), CallError> {
        let before = A::observe(aws, params).await?.state;
        if before != A::after(params, &before) {
            self.push::<A>(account, why, params, &before);
        }
        Ok(())
    }

    fn push<A: Action>(
        &mut self,
        account: &AccountId,
        why: &str,
        params: &A::Params,
        before: &Value,
    ) {
        let (title, change) =
            actions::change::<A>(params, Before::Observed(before.clone()), before);
        self.swept.steps.push(Step {
            id: format!("{}.{}", self.step.id, self.swept.steps.len() + 1),
            title,
            phase: self.step.phase,
            account: account.clone(),
            why: why.to_owned(),
            work: Work::Change(Box::new(change)),
            settle: 0,
            requires: None,
        });
    }

    async fn user(&mut self, aws: &dyn Aws, user: &Watched) -> Result<(), CallError> {
        let list = Call::new("iam", "ListAccessKeys", json!({ "UserName": user.name }));
        let keys = match pages(aws, &list, "AccessKeyMetadata").await {
            Ok(keys) => keys,
            Err(error) if error.is_not_found() => {
                let note = format!("user {} is gone: look who deleted it", user.name);
                self.swept.notes.push(note);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if !matches!(user.guard, Guard::Keys(_)) {
            let params = PutUserDeny::params(&user.name, &self.params.policy_name);
            let why = "the deny was taken off or changed";
            self.set_right::<PutUserDeny>(aws, &user.account, why, &params)
                .await?;
        }
        for key in keys {
            let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
            let id = text("AccessKeyId");
            let watched = match &user.guard {
                Guard::Everything => true,
                Guard::DenyAndKeys(ids) | Guard::Keys(ids) => ids.iter().any(|known| known == id),
            };
            if watched && text("Status") != "Inactive" {
                let params = SetAccessKeyStatus::inactive(&user.name, id);
                let before = json!({"status": text("Status")});
                let why = "the key was switched on again, or is new";
                self.push::<SetAccessKeyStatus>(&user.account, why, &params, &before);
            }
        }
        Ok(())
    }

    /// Users made since the triage: the lineage's are stopped, the others are named.
    async fn newcomers(
        &mut self,
        aws: &dyn Aws,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let list = Call::new("iam", "ListUsers", json!({}));
        for user in pages(aws, &list, "Users").await? {
            let text = |name: &str| user.get(name).and_then(Value::as_str).unwrap_or_default();
            let name = text("UserName");
            let created: Option<Timestamp> = text("CreateDate").parse().ok();
            // AWS keeps the date by the second.
            let new = created.is_some_and(|at| at.as_second() >= self.params.since.as_second());
            let known = self
                .params
                .users
                .iter()
                .any(|known| known.account == *account && known.name == name);
            if !new || known {
                continue;
            }
            match self.maker(aws, name, now).await {
                Ok(Some(true)) => {
                    let watched = Watched {
                        account: account.clone(),
                        name: name.to_owned(),
                        guard: Guard::Everything,
                    };
                    self.user(aws, &watched).await?;
                }
                Ok(Some(false)) => {}
                Ok(None) => self.swept.notes.push(format!(
                    "user {name} is new in account {account}; who made it is not in the trail yet: look at it"
                )),
                Err(error) => self.swept.notes.push(format!(
                    "user {name} is new in account {account}; who made it is not known ({error}): look at it"
                )),
            }
        }
        Ok(())
    }

    /// Whether the lineage made the user; none when the trail does not tell.
    async fn maker(
        &self,
        aws: &dyn Aws,
        user: &str,
        now: Timestamp,
    ) -> Result<Option<bool>, CallError> {
        let aws = aws.in_region(&Region::us_east_1());
        let since = self.params.since;
        let found = events::lookup(aws.as_ref(), &Wanted::Resource(user), since, now).await?;
        let made = found
            .iter()
            .find(|event| event.name() == "CreateUser" && event.error_code().is_none());
        Ok(made.map(|event| self.owns(event)))
    }

    fn owns(&self, event: &Event) -> bool {
        let key = event.access_key();
        let arn = event.text(&["userIdentity", "arn"]);
        key.is_some_and(|key| self.params.lineage_keys.iter().any(|known| known == key))
            || arn.is_some_and(|arn| {
                self.params
                    .lineage_principals
                    .iter()
                    .any(|known| known == arn)
            })
    }
}
