//! What the organisations of the range are: their trees, their accounts, and which policies stand where.
//!
//! Owns the tree and the questions that the request path asks of it. Changes nothing on its own: handlers do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stockade_model::{AccountId, Timestamp};
use stockade_policy::Named;

use super::closing::Due;
use super::documents::Document;
use super::handshakes::Handshake;
use super::policy_types::PolicyType;
use super::resource_policy::ResourcePolicy;
use super::tags::Tag;
use super::transfers::Transfer;
use crate::table::Table;

/// The organisations. Most ranges have one; an account that leaves may found another.
#[derive(Debug, Clone, Default)]
pub struct State {
    organizations: Table<String, Arc<Organization>>,
    /// By id (`h-…`): they go from one organisation to accounts outside it.
    pub(super) handshakes: Table<String, Arc<Handshake>>,
    /// By id (`rt-…`): each is between two organisations.
    pub(super) transfers: Table<String, Arc<Transfer>>,
    /// What becomes of accounts that were closed, and when.
    pub(super) due: BTreeSet<Due>,
}

crate::rows!(State {
    values: [due],
    below: [organizations, handshakes, transfers],
});

/// An organisation.
#[derive(Debug, Clone)]
pub struct Organization {
    /// `o-…`.
    pub id: String,
    /// The account that founded it, which no policy of it binds.
    pub management: AccountId,
    /// `ALL` or `CONSOLIDATED_BILLING`.
    pub features: String,
    /// `r-…`.
    pub root: String,
    /// The root's tags.
    pub root_tags: Vec<Tag>,
    /// By id (`ou-…`).
    pub units: Table<String, Unit>,
    /// The management account too.
    pub members: Table<AccountId, Member>,
    /// The customer's policies, by id (`p-…`).
    pub policies: Table<String, Arc<OrganizationPolicy>>,
    /// The types that are switched on.
    pub enabled: BTreeSet<PolicyType>,
    /// By target (root, unit or account): the ids of the policies on it, in the order in which they were attached.
    pub attachments: Table<String, Vec<String>>,
    /// When something last changed in what the policies of a type come to.
    pub touched: BTreeMap<PolicyType, Timestamp>,
    /// How the making of accounts went, by request (`car-…`).
    pub requests: Table<String, CreateRequest>,
    /// The services that may act in the accounts, and since when.
    pub trusted: BTreeMap<String, Timestamp>,
    /// The accounts that administer a service for the organisation: which services, and since when.
    pub delegates: Table<AccountId, BTreeMap<String, Timestamp>>,
    /// What members may do of the organisation's own affairs.
    pub resource_policy: Option<Arc<ResourcePolicy>>,
    /// When accounts were closed: how many may be is limited.
    pub closings: Vec<Timestamp>,
}

crate::rows!(Organization {
    values: [
        id,
        management,
        features,
        root,
        root_tags,
        enabled,
        touched,
        trusted,
        resource_policy,
        closings
    ],
    below: [units, members, policies, attachments, requests, delegates],
});

/// An organizational unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its name, unique under its parent.
    pub name: String,
    /// A root's or a unit's id.
    pub parent: String,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
}
crate::row!(Unit);

/// How an account came into its organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Joined {
    /// It was made there.
    Created,
    /// It was there before, and was asked in.
    Invited,
}

/// An account in an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// A root's or a unit's id.
    pub parent: String,
    /// Since when.
    pub joined: Timestamp,
    /// How it came.
    pub method: Joined,
    /// When it was last moved within the tree, or joined it.
    pub moved: Timestamp,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
}
crate::row!(Member);

/// A policy of an organisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrganizationPolicy {
    /// `p-…`.
    pub id: String,
    /// Unique among its type.
    pub name: String,
    /// What it is for, in its maker's words.
    pub description: String,
    /// What it controls.
    pub kind: PolicyType,
    /// The text, as it was given.
    pub content: Arc<str>,
    /// What it says.
    pub document: Document,
    /// Whether it is AWS's, and cannot be changed.
    pub aws: bool,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
}
crate::row!(OrganizationPolicy);

/// How the making of an account went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateRequest {
    /// The name that was asked for.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// The account, or why there is none.
    pub outcome: Result<AccountId, String>,
}
crate::row!(CreateRequest);

impl State {
    /// The organisation that an account is in.
    pub fn of(&self, account: &AccountId) -> Option<&Organization> {
        self.organizations
            .values()
            .map(Arc::as_ref)
            .find(|organization| organization.members.contains_key(account))
    }

    /// The organisation that an account is in, to change.
    pub(super) fn of_mut(&mut self, account: &AccountId) -> Option<&mut Organization> {
        let id = self.of(account)?.id.clone();
        self.organizations.get_mut(&id).map(Arc::make_mut)
    }

    /// The organisation with this id, to change.
    pub(super) fn by_id_mut(&mut self, id: &str) -> Option<&mut Organization> {
        self.organizations.get_mut(id).map(Arc::make_mut)
    }

    /// The organisation with this id.
    pub(super) fn by_id(&self, id: &str) -> Option<&Organization> {
        self.organizations.get(id).map(Arc::as_ref)
    }

    pub(super) fn add(&mut self, organization: Organization) {
        self.organizations
            .insert(organization.id.clone(), Arc::new(organization));
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.organizations.remove(id);
    }

    /// Whether an account's organisation lets a service act in its accounts.
    pub fn trusts(&self, account: &AccountId, service: &str) -> bool {
        self.of(account)
            .is_some_and(|organization| organization.trusts(service))
    }

    /// Whether an account is in an organisation.
    pub fn has_account(&self, account: &AccountId) -> bool {
        self.of(account).is_some()
    }

    /// The id (`o-…`) of the range's organisation; of the first, where there are several.
    pub fn organization_id(&self) -> Option<&str> {
        self.organizations.keys().next().map(String::as_str)
    }

    /// The id (`o-…`) of the organisation that an account is in.
    pub fn organization_id_of(&self, account: &AccountId) -> Option<&str> {
        self.of(account)
            .map(|organization| organization.id.as_str())
    }

    /// The path of an account in its organisation, as `aws:PrincipalOrgPaths` has it.
    pub fn path_of(&self, account: &AccountId) -> Option<String> {
        self.of(account)?.path_of(account)
    }

    /// The management account of the range's organisation; of the first, where there are several.
    pub fn management_account(&self) -> Option<&AccountId> {
        self.organizations
            .values()
            .next()
            .map(|organization| &organization.management)
    }

    /// The service control policies that bind an account, a level each: root, units, account. Empty where none
    /// bind: outside an organisation, in its management account, and while they are switched off.
    pub fn scp_levels(&self, account: &AccountId) -> Vec<Vec<Named>> {
        self.levels(account, PolicyType::ServiceControl)
    }

    /// The resource control policies that bind an account's resources, as [`State::scp_levels`].
    pub fn rcp_levels(&self, account: &AccountId) -> Vec<Vec<Named>> {
        self.levels(account, PolicyType::ResourceControl)
    }

    fn levels(&self, account: &AccountId, kind: PolicyType) -> Vec<Vec<Named>> {
        let Some(organization) = self.of(account) else {
            return Vec::new();
        };
        if organization.management == *account || !organization.enabled.contains(&kind) {
            return Vec::new();
        }
        let targets = organization.ancestry(account.as_str());
        let level = |target: &String| {
            let policies = organization.policies_on(target, kind);
            let named = |policy: &Arc<OrganizationPolicy>| {
                let document = policy.document.access()?;
                Some(Named::new(
                    organization.policy_arn(policy),
                    Arc::clone(document),
                ))
            };
            policies.iter().filter_map(named).collect()
        };
        targets.iter().map(level).collect()
    }
}

impl Organization {
    /// The targets from the root down to an account or unit, itself last.
    pub fn ancestry(&self, target: &str) -> Vec<String> {
        let mut line = vec![target.to_owned()];
        let mut at = target;
        while let Some(parent) = self.parent_of(at) {
            // The tree has no loops, for a unit cannot be moved; its depth is limited to five.
            line.push(parent.to_owned());
            at = parent;
        }
        line.reverse();
        line
    }

    /// The parent of an account or unit.
    pub fn parent_of(&self, child: &str) -> Option<&str> {
        if let Some(unit) = self.units.get(child) {
            return Some(&unit.parent);
        }
        let account: AccountId = child.parse().ok()?;
        self.members
            .get(&account)
            .map(|member| member.parent.as_str())
    }

    /// Whether an id is the root's or a unit's.
    pub fn is_parent(&self, id: &str) -> bool {
        self.root == id || self.units.contains_key(id)
    }

    /// Whether an id is the root's, a unit's or an account's.
    pub fn is_target(&self, id: &str) -> bool {
        self.is_parent(id) || self.parent_of(id).is_some()
    }

    /// The policies of a type on a target, AWS's own first, the others in the order in which they were attached.
    pub fn policies_on(&self, target: &str, kind: PolicyType) -> Vec<Arc<OrganizationPolicy>> {
        let ids = self.attachments.get(target);
        let mut found: Vec<_> = ids
            .into_iter()
            .flatten()
            .filter_map(|id| self.policy(id))
            .filter(|policy| policy.kind == kind)
            .collect();
        found.sort_by_key(|policy| !policy.aws);
        found
    }

    /// A policy, the customer's or AWS's.
    pub fn policy(&self, id: &str) -> Option<Arc<OrganizationPolicy>> {
        match self.policies.get(id) {
            Some(policy) => Some(Arc::clone(policy)),
            None => PolicyType::ALL
                .into_iter()
                .filter_map(PolicyType::full_access)
                .find(|policy| policy.id == id),
        }
    }

    /// Every target that can carry a policy: the root, the units, the accounts.
    pub fn targets(&self) -> Vec<String> {
        let accounts = self.members.keys().map(ToString::to_string);
        std::iter::once(self.root.clone())
            .chain(self.units.keys().cloned())
            .chain(accounts)
            .collect()
    }

    /// Puts AWS's policy of every type that is switched on upon a new unit or account.
    pub(super) fn attach_defaults(&mut self, target: &str) {
        let defaults = self.enabled.iter().filter_map(|kind| kind.full_access_id());
        self.attachments
            .entry(target.to_owned())
            .or_default()
            .extend(defaults.map(str::to_owned));
    }

    /// Whether a policy stands on a target.
    pub(super) fn is_attached(&self, policy: &str, target: &str) -> bool {
        let attached = self.attachments.get(target);
        attached.is_some_and(|attached| attached.iter().any(|id| id == policy))
    }

    /// The path of an account as condition keys have it: `o-…/r-…/ou-…/`, without the account.
    fn path_of(&self, account: &AccountId) -> Option<String> {
        let mut line = self.ancestry(account.as_str());
        line.pop()?;
        Some(format!("{}/{}/", self.id, line.join("/")))
    }

    /// The path of a unit or an account, with itself at the end, as Organizations shows it.
    pub(super) fn full_path_of(&self, target: &str) -> String {
        format!("{}/{}/", self.id, self.ancestry(target).join("/"))
    }

    /// Whether a service may act in the accounts.
    pub fn trusts(&self, service: &str) -> bool {
        self.trusted.contains_key(service)
    }

    /// Whether an account administers a service for the organisation; without one: any service.
    pub fn is_delegate(&self, account: &AccountId, service: Option<&str>) -> bool {
        self.delegates.get(account).is_some_and(|services| {
            service.map_or(!services.is_empty(), |name| services.contains_key(name))
        })
    }

    /// Takes an account out of the tree, and all that was said of it with it.
    pub(super) fn drop_member(&mut self, account: &AccountId) {
        self.members.remove(account);
        self.attachments.remove(account.as_str());
        self.delegates.remove(account);
    }

    pub(super) fn arn(&self, resource: &str) -> String {
        format!("arn:aws:organizations::{}:{resource}", self.management)
    }

    /// The organisation's ARN.
    pub fn own_arn(&self) -> String {
        self.arn(&format!("organization/{}", self.id))
    }

    /// The ARN of the root, a unit or an account.
    pub fn target_arn(&self, target: &str) -> String {
        let kind = match target.split('-').next() {
            Some("r") => "root",
            Some("ou") => "ou",
            _ => "account",
        };
        self.arn(&format!("{kind}/{}/{target}", self.id))
    }

    /// A policy's ARN.
    pub fn policy_arn(&self, policy: &OrganizationPolicy) -> String {
        let kind = policy.kind.name().to_ascii_lowercase();
        if policy.aws {
            return format!("arn:aws:organizations::aws:policy/{kind}/{}", policy.id);
        }
        self.arn(&format!("policy/{}/{kind}/{}", self.id, policy.id))
    }
}
