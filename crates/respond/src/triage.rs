//! Triage: what is known of an incident's subject. It changes nothing.
//!
//! Every fact is known or unknown with its reason; one that cannot be read does not stop the
//! others. `user.rs` gathers, `callers.rs` tells who uses the keys, `policies.rs` reads policies.

mod callers;
mod organization;
mod policies;
mod related;
mod usage;
mod user;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stockade_model::{AccountId, Arn, Event, Finding, Region};

pub use callers::{Caller, Suspects, group, program};
pub use organization::{Organization, organization};
pub use policies::{PolicyDocument, ScpLevel, managed, of_holder, scp_levels};
pub use usage::ServiceAccess;
pub use user::{TriageError, user};

use crate::aws::Identity;
use crate::events::Coverage;
use crate::fact::Fact;
use crate::lineage::Lineage;
use crate::persistence::{Persistence, SecretRead};

/// Finds what stands out in events.
pub type Detect = fn(&[Event]) -> Vec<Finding>;

/// What a triage is told.
#[derive(Debug, Clone, Default)]
pub struct TriageOptions {
    /// The subject's account; the responder's own when it is not given.
    pub account: Option<AccountId>,
    /// Events from log files.
    pub events: Vec<Event>,
    /// The regions to ask LookupEvents in, beside `us-east-1`. None: it is not asked.
    pub lookup: Option<Vec<Region>>,
    /// What was detected: it tells the attacker's callers.
    pub findings: Vec<Finding>,
    /// Detects in all events that were read, those of LookupEvents too, what `findings` does not have.
    pub detect: Option<Detect>,
    /// Source addresses of the attacker, where they are known otherwise.
    pub suspect_addresses: Vec<String>,
}

/// A group that the user is in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its policies.
    pub policies: Fact<Vec<PolicyDocument>>,
}

/// The last use of an access key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastUsed {
    /// When; none if never.
    pub at: Option<Timestamp>,
    /// With which service.
    pub service: Option<String>,
    /// In which region.
    pub region: Option<String>,
}

/// An access key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessKey {
    /// `AKIA…`.
    pub id: String,
    /// `Active` or `Inactive`.
    pub status: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last used.
    pub last_used: Fact<LastUsed>,
}

/// Another credential of a user: its id, its status, what it is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherCredential {
    /// Its id.
    pub id: String,
    /// `Active` or `Inactive`.
    pub status: String,
    /// The service that takes it, or the key's fingerprint.
    pub note: String,
}

/// What is known of a user, and what was going on with their keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserFacts {
    /// When the facts were gathered.
    pub at: Timestamp,
    /// Who gathered them, in the subject's account.
    pub responder: Identity,
    /// The same in the account that was given.
    pub home: Identity,
    /// The user's account.
    pub account: AccountId,
    /// The user's name.
    pub name: String,
    /// The user's ARN.
    pub arn: Arn,
    /// `AIDA…`.
    pub id: String,
    /// The user's path.
    pub path: String,
    /// When the user was made.
    pub created: Option<Timestamp>,
    /// The user's tags.
    pub tags: Fact<BTreeMap<String, String>>,
    /// The groups, with their policies.
    pub groups: Fact<Vec<Group>>,
    /// Policies attached to the user.
    pub attached: Fact<Vec<PolicyDocument>>,
    /// Inline policies.
    pub inline: Fact<Vec<PolicyDocument>>,
    /// The permissions boundary.
    pub boundary: Fact<Option<PolicyDocument>>,
    /// The access keys.
    pub keys: Fact<Vec<AccessKey>>,
    /// When the console password was made; none without one.
    pub login_profile: Fact<Option<Option<Timestamp>>>,
    /// The serial numbers of the MFA devices.
    pub mfa: Fact<Vec<String>>,
    /// Service-specific credentials.
    pub service_credentials: Fact<Vec<OtherCredential>>,
    /// SSH public keys.
    pub ssh_keys: Fact<Vec<OtherCredential>>,
    /// Signing certificates.
    pub certificates: Fact<Vec<OtherCredential>>,
    /// Which services were used, by Access Advisor.
    pub service_access: Fact<Vec<ServiceAccess>>,
    /// The user's row of the credential report.
    pub credential_report: Fact<BTreeMap<String, String>>,
    /// The organisation; none when the account is in none.
    pub organization: Fact<Option<Organization>>,
    /// AWS's own quarantine policies that are attached. They limit fraud; they are no containment.
    pub aws_quarantine: Fact<Vec<String>>,
    /// Keys, sessions, roles and users that came out of the user.
    pub lineage: Fact<Lineage>,
    /// Who uses the keys and sessions, from where, with what.
    pub callers: Vec<Caller>,
    /// Who else uses the roles of the lineage.
    pub role_callers: Vec<Caller>,
    /// The roles of the lineage, with their trust policies and policies.
    pub roles: Vec<RoleFacts>,
    /// Where events were looked for.
    pub coverage: Vec<Coverage>,
    /// How many events were read.
    pub events: usize,
    /// Other users whom the lineage made, or gave a key or a password.
    pub other_users: Vec<OtherUser>,
    /// What the lineage left behind, to be removed.
    pub persistence: Vec<Persistence>,
    /// The secrets that the lineage has read, to be rotated.
    pub secrets_read: Vec<SecretRead>,
    /// What was detected in the calls of the lineage.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

/// Another user through whom the lineage can come back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherUser {
    /// The account.
    pub account: AccountId,
    /// The user's name.
    pub name: String,
    /// Whether the lineage made the user.
    pub made: bool,
    /// Whether the lineage set the console password.
    pub password: bool,
    /// The keys that the lineage made.
    pub lineage_keys: Vec<String>,
    /// How the user is now.
    pub state: Fact<OtherUserState>,
}

/// How another user is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherUserState {
    /// The user.
    pub arn: Arn,
    /// The access keys.
    pub keys: Vec<AccessKey>,
    /// The inline policies.
    pub inline: Vec<PolicyDocument>,
}

/// What is known of a role of the lineage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleFacts {
    /// The role.
    pub arn: Arn,
    /// Its account.
    pub account: AccountId,
    /// Who the responder is there.
    pub responder: Fact<Identity>,
    /// Who may assume it.
    pub trust: Fact<Value>,
    /// Its inline policies.
    pub inline: Fact<Vec<PolicyDocument>>,
    /// Whether the role may be edited in IAM: not if it is Identity Center's or service-linked.
    pub editable: bool,
    /// Whether the lineage made it.
    pub made: bool,
}

impl UserFacts {
    /// Whether something speaks against some caller. If not, none may be taken for honest: the
    /// attacker is among them.
    pub fn attacker_is_known(&self) -> bool {
        // Others who use the roles tell nothing of who used the subject's keys.
        self.callers.iter().any(|caller| caller.suspect.is_some())
    }

    /// Everything that is not known, in a line each.
    pub fn unknowns(&self) -> Vec<String> {
        let mut unknowns = Vec::new();
        let mut add = |what: &str, why: Option<&str>| {
            if let Some(why) = why {
                unknowns.push(format!("{what}: {why}"));
            }
        };
        add("tags", self.tags.why());
        add("groups", self.groups.why());
        for group in self.groups.known().into_iter().flatten() {
            let what = format!("policies of group {}", group.name);
            add(&what, group.policies.why());
        }
        add("attached policies", self.attached.why());
        add("inline policies", self.inline.why());
        add("permissions boundary", self.boundary.why());
        add("access keys", self.keys.why());
        for key in self.keys.known().into_iter().flatten() {
            add(&format!("last use of {}", key.id), key.last_used.why());
        }
        add("login profile", self.login_profile.why());
        add("MFA devices", self.mfa.why());
        add(
            "service-specific credentials",
            self.service_credentials.why(),
        );
        add("SSH public keys", self.ssh_keys.why());
        add("signing certificates", self.certificates.why());
        add("services last accessed", self.service_access.why());
        add("credential report", self.credential_report.why());
        add("organisation", self.organization.why());
        if let Some(Some(organization)) = self.organization.known() {
            add("service control policies", organization.scps.why());
        }
        add("AWS's quarantine", self.aws_quarantine.why());
        add("session lineage", self.lineage.why());
        for role in &self.roles {
            let what = format!("role {}", role.arn);
            add(&what, role.responder.why());
            add(&format!("trust policy of {what}"), role.trust.why());
        }
        for user in &self.other_users {
            add(&format!("user {}", user.name), user.state.why());
        }
        for place in &self.coverage {
            let what = format!("events of {} in {}", place.account, place.region);
            add(&what, place.failed.as_deref());
        }
        unknowns
    }
}
