//! What an account's IAM holds: its entities by name, and the questions that the request path asks of them.
//!
//! Owns the tables and the look-ups. Changes nothing on its own: handlers do.

use std::collections::BTreeSet;
use std::sync::Arc;

use stockade_policy::Named;

use super::access_advisor::Job;
use super::access_keys::{AccessKey, KeyOwner};
use super::account::PasswordPolicy;
use super::attachments::Grants;
use super::aws_managed;
use super::credential_report::Report;
use super::delegation_requests::DelegationRequest;
use super::documents::Document;
use super::groups::Group;
use super::instance_profiles::InstanceProfile;
use super::managed_policies::ManagedPolicy;
use super::mfa_devices::MfaDevice;
use super::oidc_providers::OidcProvider;
use super::organization_reports::OrganizationJob;
use super::outbound_federation::Issuer;
use super::roles::Role;
use super::root_access::RootFeature;
use super::saml_providers::SamlProvider;
use super::server_certificates::ServerCertificate;
use super::service_linked_roles::DeletionTask;
use super::users::User;
use crate::table::Table;

/// An account's IAM. Entities are shared between versions, so that a copy is cheap; names are unique
/// without regard to case, as AWS has them.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// By name in lower case.
    pub users: Table<String, Arc<User>>,
    /// By name in lower case.
    pub groups: Table<String, Arc<Group>>,
    /// By name in lower case.
    pub roles: Table<String, Arc<Role>>,
    /// The customer's managed policies, by name in lower case.
    pub policies: Table<String, Arc<ManagedPolicy>>,
    /// By name in lower case.
    pub instance_profiles: Table<String, Arc<InstanceProfile>>,
    /// Virtual MFA devices, by serial number (their ARN).
    pub mfa_devices: Table<String, Arc<MfaDevice>>,
    /// OpenID Connect providers, by their address without `https://`.
    pub oidc_providers: Table<String, Arc<OidcProvider>>,
    /// SAML providers, by name.
    pub saml_providers: Table<String, Arc<SamlProvider>>,
    /// The account as an issuer of tokens, once it was made one.
    pub issuer: Option<Issuer>,
    /// Access keys of users and of root, by id.
    pub access_keys: Table<String, Arc<AccessKey>>,
    /// The account's alias.
    pub alias: Option<String>,
    /// The rules for passwords, where the account has its own.
    pub password_policy: Option<PasswordPolicy>,
    /// The last credential report.
    pub report: Option<Arc<Report>>,
    /// Access Advisor's reports, by job id.
    pub jobs: Table<String, Arc<Job>>,
    /// Access reports over the organisation, by job id.
    pub organization_jobs: Table<String, Arc<OrganizationJob>>,
    /// By name in lower case.
    pub server_certificates: Table<String, Arc<ServerCertificate>>,
    /// The tasks that deleted service-linked roles, or tried to, by id.
    pub deletions: Table<String, DeletionTask>,
    /// The delegation requests that the account made, by id.
    pub delegation_requests: Table<String, Arc<DelegationRequest>>,
    /// What the account may do as its organisation's members' root, where it manages one.
    pub root_features: BTreeSet<RootFeature>,
    /// Whether the tokens of the global STS endpoint are good in every region (version 2).
    pub tokens_for_all_regions: bool,
    /// The account's properties that were set, by namespace and name.
    pub properties: Table<String, String>,
}

crate::rows!(State {
    values: [
        alias,
        password_policy,
        report,
        root_features,
        tokens_for_all_regions,
        issuer
    ],
    below: [
        users,
        groups,
        roles,
        policies,
        instance_profiles,
        mfa_devices,
        oidc_providers,
        saml_providers,
        access_keys,
        jobs,
        organization_jobs,
        server_certificates,
        deletions,
        delegation_requests,
        properties
    ],
});

/// The name under which an entity stands in its table.
pub fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

impl State {
    /// The access key with this id, of a user or of root.
    pub fn access_key(&self, id: &str) -> Option<&AccessKey> {
        self.access_keys.get(id).map(Arc::as_ref)
    }

    /// The user with this name, in any case.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.get(&key(name)).map(Arc::as_ref)
    }

    /// The user with this unique id (`AIDA…`).
    pub fn user_by_id(&self, id: &str) -> Option<&User> {
        self.users.values().find(|u| u.id == id).map(Arc::as_ref)
    }

    /// The group with this name, in any case.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(&key(name)).map(Arc::as_ref)
    }

    /// The role with this name, in any case.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(&key(name)).map(Arc::as_ref)
    }

    /// The role with this unique id (`AROA…`).
    pub fn role_by_id(&self, id: &str) -> Option<&Role> {
        self.roles.values().find(|r| r.id == id).map(Arc::as_ref)
    }

    /// The customer's managed policy with this ARN.
    pub fn policy(&self, arn: &str) -> Option<&ManagedPolicy> {
        let name = arn.rsplit('/').next().unwrap_or_default();
        self.policies
            .get(&key(name))
            .map(Arc::as_ref)
            .filter(|policy| policy.arn == arn)
    }

    /// The document in force of a managed policy, the customer's or AWS's.
    pub fn managed_document(&self, arn: &str) -> Option<Document> {
        match self.policy(arn) {
            Some(policy) => policy.default_document().cloned(),
            None => aws_managed::document(arn),
        }
    }

    /// Every policy that gives a user its permissions: its own and those of its groups.
    pub fn policies_of_user(&self, name: &str) -> Vec<Named> {
        let Some(user) = self.user(name) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        self.add_grants(&user.grants, "", &mut found);
        for group in user.groups.iter().filter_map(|name| self.groups.get(name)) {
            self.add_grants(&group.grants, &format!("group {} ", group.name), &mut found);
        }
        found
    }

    /// Every policy that a group gives its users.
    pub fn policies_of_group(&self, name: &str) -> Vec<Named> {
        let mut found = Vec::new();
        if let Some(group) = self.group(name) {
            self.add_grants(&group.grants, "", &mut found);
        }
        found
    }

    /// Every policy that gives a role its permissions.
    pub fn policies_of_role(&self, name: &str) -> Vec<Named> {
        let mut found = Vec::new();
        if let Some(role) = self.role(name) {
            self.add_grants(&role.grants, "", &mut found);
        }
        found
    }

    fn add_grants(&self, grants: &Grants, prefix: &str, found: &mut Vec<Named>) {
        for (name, document) in &grants.inline {
            found.push(Named::new(
                format!("{prefix}inline {name}"),
                Arc::clone(&document.policy),
            ));
        }
        for arn in &grants.attached {
            if let Some(document) = self.managed_document(arn) {
                found.push(Named::new(arn.clone(), document.policy));
            }
        }
    }

    /// The permissions boundary of a user.
    pub fn boundary_of_user(&self, name: &str) -> Option<Named> {
        self.boundary(self.user(name)?.boundary.as_deref()?)
    }

    /// The permissions boundary of a role.
    pub fn boundary_of_role(&self, name: &str) -> Option<Named> {
        self.boundary(self.role(name)?.boundary.as_deref()?)
    }

    fn boundary(&self, arn: &str) -> Option<Named> {
        Some(Named::new(arn, self.managed_document(arn)?.policy))
    }

    /// The access keys of a user, by id.
    pub fn access_keys_of(&self, user: &str) -> impl Iterator<Item = &AccessKey> {
        self.access_keys
            .values()
            .map(Arc::as_ref)
            .filter(move |key| matches!(&key.owner, KeyOwner::User(name) if name.eq_ignore_ascii_case(user)))
    }

    /// The users of a group, by name.
    pub fn members<'a>(&'a self, group: &str) -> impl Iterator<Item = &'a Arc<User>> + use<'a> {
        let group = key(group);
        self.users
            .values()
            .filter(move |user| user.groups.contains(&group))
    }

    /// How many users, groups and roles a managed policy is attached to.
    pub fn attachment_count(&self, arn: &str) -> usize {
        self.all_grants()
            .filter(|grants| grants.attached.contains(arn))
            .count()
    }

    /// How many users and roles have a policy as their boundary.
    pub fn boundary_count(&self, arn: &str) -> usize {
        let users = self.users.values().map(|user| user.boundary.as_deref());
        let roles = self.roles.values().map(|role| role.boundary.as_deref());
        users.chain(roles).filter(|b| *b == Some(arn)).count()
    }

    /// What every user, group and role is granted.
    pub fn all_grants(&self) -> impl Iterator<Item = &Grants> {
        let users = self.users.values().map(|user| &user.grants);
        let groups = self.groups.values().map(|group| &group.grants);
        let roles = self.roles.values().map(|role| &role.grants);
        users.chain(groups).chain(roles)
    }

    /// The MFA devices that are enabled for a user.
    pub fn mfa_devices_of(&self, user: &str) -> impl Iterator<Item = &Arc<MfaDevice>> {
        self.mfa_devices.values().filter(move |device| {
            device
                .enabled
                .as_ref()
                .is_some_and(|enabled| enabled.user.eq_ignore_ascii_case(user))
        })
    }
}
