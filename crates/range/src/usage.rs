//! Who used which key, service and action, and when: what *last used* and Access Advisor tell.
//!
//! Owns the record of use in one account. The request path writes it; IAM reads it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stockade_model::Region;

/// The last use of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// The region that was asked.
    pub region: Region,
    /// The service's namespace, as in `iam`.
    pub service: String,
}

/// Who used what, in one account.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// By access key id.
    keys: BTreeMap<String, LastUse>,
    /// By the service's namespace, whoever used it, also those who are gone.
    services: BTreeMap<String, LastUse>,
    /// By the ARN of the user or role, then by action (`iam:ListUsers`).
    actions: BTreeMap<String, BTreeMap<String, LastUse>>,
}

impl Usage {
    /// A key signed a call.
    pub fn record_key(&mut self, key: &str, at: Timestamp, region: &Region, service: &str) {
        self.keys.insert(
            key.to_owned(),
            LastUse {
                at,
                region: region.clone(),
                service: service.to_owned(),
            },
        );
    }

    /// A user or role did an action.
    pub fn record_action(
        &mut self,
        principal_arn: &str,
        action: &str,
        at: Timestamp,
        region: &Region,
    ) {
        let service = action.split(':').next().unwrap_or_default().to_owned();
        let last = LastUse {
            at,
            region: region.clone(),
            service,
        };
        match self.services.get_mut(&last.service) {
            Some(kept) => kept.clone_from(&last),
            None => {
                self.services.insert(last.service.clone(), last.clone());
            }
        }
        self.actions
            .entry(principal_arn.to_owned())
            .or_default()
            .insert(action.to_owned(), last);
    }

    /// When a key was last used; none: never.
    pub fn key(&self, key: &str) -> Option<&LastUse> {
        self.keys.get(key)
    }

    /// The services that anybody of the account used, each with its last time.
    pub fn services(&self) -> impl Iterator<Item = (&str, &LastUse)> {
        self.services
            .iter()
            .map(|(service, last)| (service.as_str(), last))
    }

    /// What a user or role did, by action, each with its last time.
    pub fn actions(&self, principal_arn: &str) -> impl Iterator<Item = (&str, &LastUse)> {
        self.actions
            .get(principal_arn)
            .into_iter()
            .flat_map(|actions| actions.iter().map(|(action, last)| (action.as_str(), last)))
    }

    /// The ARNs of all who did something, with what they did.
    pub fn principals(&self) -> impl Iterator<Item = &str> {
        self.actions.keys().map(String::as_str)
    }

    /// A user or role is gone, and its record with it.
    pub fn forget(&mut self, principal_arn: &str) {
        self.actions.remove(principal_arn);
    }
}
