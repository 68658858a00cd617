//! How a range came to be: what it needs to begin anew, and what a reopened one is held to.
//!
//! Owns the first account and its administrator. What happened since is in the state.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stockade_model::{AccountId, Clock, Secret, exposed};
use stockade_wire::AwsError;

use crate::clock::RangeClock;
use crate::ids::Ids;
use crate::server::{Config, StartError};
use crate::services::iam;
use crate::state::{Behaviour, State};

/// How a range came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Birth {
    /// The account that it had at first.
    pub account: AccountId,
    /// The administrator's access key id.
    pub key: String,
    /// The administrator's secret.
    #[serde(with = "exposed")]
    pub secret: Secret,
    /// What the user gave for the ids to repeat; none: nobody can foretell them.
    pub seed: Option<u64>,
    /// Where the ids came from at first.
    pub ids: Ids,
}

crate::row!(Birth);

impl Birth {
    /// The state of a new range: one account and its administrator.
    ///
    /// # Errors
    /// An administrator's key that cannot be one.
    pub fn state(&self, behaviour: &Behaviour, now: Timestamp) -> Result<State, AwsError> {
        let behaviour = Behaviour {
            account: self.account.clone(),
            ..behaviour.clone()
        };
        let mut state = State::new(behaviour, self.ids.clone(), now);
        let secret = self.secret.clone();
        iam::users::add_administrator(&mut state, &self.account, &self.key, secret, now)?;
        state.birth = Some(self.clone());
        Ok(state)
    }
}

/// What a new range begins with, and where the ids of its requests come from.
pub(crate) fn first_state(
    config: &Config,
    behaviour: &Behaviour,
    clock: &RangeClock,
) -> Result<(State, Ids), StartError> {
    let mut ids = match config.seed {
        Some(seed) => Ids::seeded(seed),
        None => Ids::unforeseeable()?,
    };
    let account = config.account.as_ref().unwrap_or(&behaviour.account);
    let (key, secret) = config
        .admin_key
        .clone()
        .unwrap_or_else(|| (ids.access_key("AKIA", account), ids.secret()));
    let birth = Birth {
        account: account.clone(),
        key,
        secret,
        seed: config.seed,
        ids: ids.clone(),
    };
    let state = birth
        .state(behaviour, clock.now())
        .map_err(StartError::Administrator)?;
    Ok((state, ids.branch()))
}

/// A range that is there stays what it is: who asks for another is told.
pub(crate) fn check_same(folder: &Path, config: &Config, birth: &Birth) -> Result<(), StartError> {
    let other = |flag, is| StartError::Other {
        folder: folder.to_owned(),
        flag,
        is,
    };
    if let Some(account) = &config.account
        && *account != birth.account
    {
        return Err(other("--account", format!("{}", birth.account)));
    }
    if let Some((key, secret)) = &config.admin_key
        && (key, secret) != (&birth.key, &birth.secret)
    {
        let is = if *key == birth.key {
            "that key with another secret".to_owned()
        } else {
            birth.key.clone()
        };
        return Err(other("--admin-key", is));
    }
    if let Some(seed) = config.seed
        && Some(seed) != birth.seed
    {
        let is = birth
            .seed
            .map_or_else(|| "none".to_owned(), |seed| seed.to_string());
        return Err(other("--seed", is));
    }
    Ok(())
}
