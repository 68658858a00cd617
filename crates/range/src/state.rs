//! Everything that the range knows.
//!
//! Owns the accounts, the sessions and what belongs to no account. What a service remembers is in its own `state.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use stockade_model::AccountId;
use stockade_wire::AwsError;

use crate::birth::Birth;
use crate::clock::ClockReading;
use crate::delayed::Delayed;
use crate::ids::Ids;
use crate::services;
use crate::table::Table;
use crate::trail::Log;
use crate::usage::Usage;

/// How the range behaves.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// How long a change in IAM or Organizations takes to spread.
    pub iam_delay: SignedDuration,
    /// How often trails deliver.
    pub trail_delay: SignedDuration,
    /// The account that a new range has.
    pub account: AccountId,
}

impl Default for Behaviour {
    #[expect(clippy::unwrap_used, reason = "the text is twelve digits")]
    fn default() -> Self {
        Self {
            iam_delay: SignedDuration::ZERO,
            trail_delay: SignedDuration::from_mins(5),
            account: "123456789012".parse().unwrap(),
        }
    }
}

/// A version of everything that the range knows. A clone is another version of the same cloud, and costs nothing; what every call
/// leaves (the log, the use of keys) they all share.
#[derive(Debug, Clone)]
pub struct State {
    /// How the range behaves.
    pub config: Behaviour,
    /// How it began; none in a state that no range has.
    pub birth: Option<Birth>,
    /// How far the range's clock is ahead; none where nobody moved it.
    pub clock: Option<ClockReading>,
    /// Where ids come from.
    pub ids: Ids,
    /// The accounts.
    pub accounts: Table<AccountId, Arc<Account>>,
    /// The organisation, where there is one.
    pub organizations: Delayed<services::organizations::State>,
    /// Digests of what trails deliver, and the keys that sign them.
    pub digests: services::cloudtrail::digests::State,
    /// Keys and their grants.
    pub kms: services::kms::State,
    /// Buckets and objects: their names are shared by all accounts.
    pub s3: services::s3::State,
    /// The temporary credentials that are out.
    pub sts: services::sts::State,
    /// What happened.
    pub log: Log,
}

crate::rows!(State {
    values: [ids],
    below: [
        birth,
        clock,
        accounts,
        organizations,
        digests,
        kms,
        s3,
        sts,
        log
    ],
    // How a range behaves is said at each start.
    anew: [config = Behaviour::default()],
});

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Twelve digits.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// Its root user's address.
    pub email: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is closed, which may be a while off; none: it is open.
    pub closed: Option<Timestamp>,
    /// Users, roles, policies.
    pub iam: Delayed<services::iam::State>,
    /// Trails.
    pub cloudtrail: services::cloudtrail::State,
    /// Who used what, and when: it spreads at once, and does not make a new version of `iam`.
    pub usage: Usage,
}

crate::rows!(Account {
    values: [id, name, email, created, closed],
    below: [iam, cloudtrail, usage],
});

impl Account {
    /// A new account with nothing in it.
    pub fn new(id: AccountId, name: &str, email: &str, created: Timestamp) -> Self {
        Self {
            iam: Delayed::default(),
            id,
            name: name.to_owned(),
            email: email.to_owned(),
            created,
            closed: None,
            cloudtrail: services::cloudtrail::State::default(),
            usage: Usage::default(),
        }
    }

    /// Whether it is closed: nobody in it may do anything, and nothing of it can be had.
    pub fn is_closed(&self, now: Timestamp) -> bool {
        self.closed.is_some_and(|from| from <= now)
    }
}

impl State {
    /// A cloud with one account.
    pub fn new(config: Behaviour, ids: Ids, now: Timestamp) -> Self {
        let first = Account::new(
            config.account.clone(),
            "Management",
            "root@stockade.example",
            now,
        );
        // A source of its own, so that the range's ids are the same with and without.
        let sts = services::sts::State::new(&mut ids.clone().branch());
        Self {
            accounts: Table::from([(config.account.clone(), Arc::new(first))]),
            config,
            birth: None,
            clock: None,
            ids,
            organizations: Delayed::default(),
            digests: services::cloudtrail::digests::State::default(),
            kms: services::kms::State::default(),
            s3: services::s3::State::default(),
            sts,
            log: Log::default(),
        }
    }

    /// Makes an account that belongs to no organisation, if it is not there yet.
    pub fn add_account(&mut self, id: AccountId, now: Timestamp) {
        let (name, email) = (
            format!("Account {id}"),
            format!("root@{id}.stockade.example"),
        );
        let made = || Arc::new(Account::new(id.clone(), &name, &email, now));
        self.accounts.entry(id.clone()).or_insert_with(made);
    }

    /// Forgets what users and roles did who are gone.
    pub fn forget_the_gone(&self) {
        for account in self.accounts.values() {
            let iam = account.iam.read();
            let mut there: BTreeSet<&str> = BTreeSet::from([account.id.as_str()]);
            there.extend(iam.users.values().map(|user| user.id.as_str()));
            there.extend(iam.roles.values().map(|role| role.id.as_str()));
            account.usage.keep_only(|id| there.contains(id));
        }
    }

    /// The same cloud apart from this one: what versions share is its own.
    #[must_use]
    pub fn apart(&self) -> Self {
        let mut apart = self.clone();
        apart.log = self.log.apart();
        apart.s3.bodies = Arc::default();
        apart.accounts = self
            .accounts
            .iter()
            .map(|(id, account)| {
                let mut account = Account::clone(account);
                account.usage = account.usage.apart();
                (id.clone(), Arc::new(account))
            })
            .collect();
        apart
    }

    /// An account.
    pub fn account(&self, id: &AccountId) -> Result<&Account, AwsError> {
        let account = self.accounts.get(id).map(Arc::as_ref);
        account.ok_or_else(|| no_account(id))
    }

    /// An account, to change.
    pub fn account_mut(&mut self, id: &AccountId) -> Result<&mut Account, AwsError> {
        let account = self.accounts.get_mut(id).map(Arc::make_mut);
        account.ok_or_else(|| no_account(id))
    }
}

/// A caller's account is always there: this is only ever seen after a fault of the range itself.
fn no_account(id: &AccountId) -> AwsError {
    AwsError::new(
        500,
        "InternalFailure",
        format!("the account {id} is not in this range"),
    )
}

#[cfg(test)]
mod tests;
