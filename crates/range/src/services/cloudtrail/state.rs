//! The trails of an account: what they are set to, how their deliveries went.
//!
//! Owns the types and the look-ups. Which records a trail wants is `selectors.rs`; how they get into the bucket is
//! `delivery.rs`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stockade_model::{AccountId, Arn, Region};

use super::selectors::Selectors;
use crate::table::Table;

/// The trails that an account made.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// By home region and name.
    pub trails: Table<(Region, String), Trail>,
}

crate::rows!(State {
    values: [],
    below: [trails],
});

/// A trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trail {
    /// The account that made it.
    pub account: AccountId,
    /// Its name, unique in its account and region.
    pub name: String,
    /// The region in which it was made, and in which alone it is changed.
    pub home: Region,
    /// Where it delivers, and from where it takes.
    pub settings: Settings,
    /// Which records it wants.
    pub selectors: Selectors,
    /// What tells it from another of the same name, before it or after it.
    pub serial: String,
    /// In the order in which they were added.
    pub tags: Vec<(String, String)>,
    /// Whether it logs now.
    pub logging: bool,
    /// When it was last told to start.
    pub started: Option<Timestamp>,
    /// When it was last told to stop.
    pub stopped: Option<Timestamp>,
    /// When a file last arrived in the bucket.
    pub delivered: Option<Timestamp>,
    /// When it last tried to deliver.
    pub attempted: Option<Timestamp>,
    /// Why the last try failed, in S3's code; none if it did not.
    pub error: Option<String>,
    /// When a digest last arrived in the bucket.
    #[serde(default)]
    pub digested: Option<Timestamp>,
    /// Why the last digest did not, in S3's code.
    #[serde(default)]
    pub digest_error: Option<String>,
}
crate::row!(Trail);

/// What can be set of a trail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The bucket that it delivers to.
    pub bucket: String,
    /// What stands before `AWSLogs` in the keys.
    pub prefix: Option<String>,
    /// Whether it takes the events of global services.
    pub global_events: bool,
    /// Whether it takes from every region.
    pub multi_region: bool,
    /// Whether it is to deliver digest files.
    pub validation: bool,
    /// Whether it takes from every account of the organisation.
    pub organization: bool,
}

impl Trail {
    /// Its ARN.
    pub fn arn(&self) -> Arn {
        arn(&self.account, &self.home, &self.name)
    }
}

/// The ARN of a trail.
pub fn arn(account: &AccountId, home: &Region, name: &str) -> Arn {
    Arn::aws(
        "cloudtrail",
        home.as_str(),
        account.as_str(),
        format!("trail/{name}"),
    )
}
