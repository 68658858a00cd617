//! IAM: users, groups, roles, policies, credentials, and what is known of their use.
//!
//! Owns IAM's behaviour, and the table of its operations. What is not in the table is not done, and says so.

pub mod access_advisor;
pub mod access_keys;
pub mod account;
mod account_settings;
pub mod attachments;
mod authorization_details;
pub mod aws_managed;
#[cfg(test)]
pub(crate) mod bench;
mod boundaries;
pub mod credential_report;
pub mod delegation_requests;
mod delegation_review;
pub mod documents;
mod errors;
pub mod groups;
mod inline_policies;
pub mod instance_profiles;
pub mod login_profiles;
pub mod managed_policies;
pub mod mfa_devices;
pub mod oidc_providers;
pub mod organization_reports;
pub mod outbound_federation;
pub(in crate::services) mod output;
mod policy_usage;
pub mod policy_versions;
mod qr_code;
mod resources;
mod role_templates;
pub mod roles;
pub mod root_access;
pub mod saml_providers;
mod scope;
pub mod server_certificates;
pub mod service_credentials;
pub mod service_linked_roles;
mod service_names;
pub mod signing_certificates;
mod simulate;
pub mod ssh_keys;
mod state;
pub mod tags;
mod templates;
mod trust;
pub mod unique_ids;
pub mod users;

pub use access_keys::{AccessKey, KeyOwner, KeyStatus};
pub use roles::Role;
pub use state::{State, key};
pub use users::User;

use resources as on;
use stockade_wire::AwsError;

use crate::call::{Call, Reply};
use crate::row::{Access, EventKind, Handler, Need, Needs, Row};
use crate::state::State as Range;

type Resources = fn(&Range, &Call<'_>) -> Vec<Need>;
type Look = fn(&Range, &Call<'_>) -> Result<Reply, AwsError>;
type Change = fn(&mut Range, &Call<'_>) -> Result<Reply, AwsError>;

const fn read(operation: &'static str, needs: Resources, handler: Look) -> Row {
    Row {
        operation,
        needs: Needs::These(needs),
        access: Access::Read,
        event: EventKind::Management,
        handler: Handler::Read(handler),
    }
}

const fn write(operation: &'static str, needs: Resources, handler: Change) -> Row {
    Row {
        operation,
        needs: Needs::These(needs),
        access: Access::Write,
        event: EventKind::Management,
        handler: Handler::Write(handler),
    }
}

/// A call that only looks, for which the range must remember something all the same.
const fn look(operation: &'static str, needs: Resources, handler: Change) -> Row {
    Row {
        operation,
        needs: Needs::These(needs),
        access: Access::Read,
        event: EventKind::Management,
        handler: Handler::Write(handler),
    }
}

/// The operations that the range has. Each needs the action of its own name.
pub const ROWS: &[Row] = &[
    write("CreateUser", on::user, users::create),
    read("GetUser", on::user, users::get),
    read("ListUsers", on::users, users::list),
    write("UpdateUser", on::user, users::update),
    write("DeleteUser", on::user, users::delete),
    write("CreateAccessKey", on::user, access_keys::create),
    read("ListAccessKeys", on::user, access_keys::list),
    write("UpdateAccessKey", on::user, access_keys::update),
    write("DeleteAccessKey", on::user, access_keys::delete),
    read(
        "GetAccessKeyLastUsed",
        on::key_owner,
        access_keys::last_used,
    ),
    write("CreateGroup", on::group, groups::create),
    read("GetGroup", on::group, groups::get),
    read("ListGroups", on::groups, groups::list),
    read("ListGroupsForUser", on::user, groups::list_for_user),
    write("UpdateGroup", on::group, groups::update),
    write("DeleteGroup", on::group, groups::delete),
    write("AddUserToGroup", on::group, groups::add_user),
    write("RemoveUserFromGroup", on::group, groups::remove_user),
    write("CreateRole", on::role, roles::create),
    read("GetRole", on::role, roles::get),
    read("ListRoles", on::roles, roles::list),
    write("UpdateRole", on::role, roles::update),
    write("UpdateRoleDescription", on::role, roles::update_description),
    write("UpdateAssumeRolePolicy", on::role, roles::update_trust),
    write("DeleteRole", on::role, roles::delete),
    write("PutUserPolicy", on::user, inline_policies::put),
    read("GetUserPolicy", on::user, inline_policies::get),
    read("ListUserPolicies", on::user, inline_policies::list),
    write("DeleteUserPolicy", on::user, inline_policies::delete),
    write("PutGroupPolicy", on::group, inline_policies::put),
    read("GetGroupPolicy", on::group, inline_policies::get),
    read("ListGroupPolicies", on::group, inline_policies::list),
    write("DeleteGroupPolicy", on::group, inline_policies::delete),
    write("PutRolePolicy", on::role, inline_policies::put),
    read("GetRolePolicy", on::role, inline_policies::get),
    read("ListRolePolicies", on::role, inline_policies::list),
    write("DeleteRolePolicy", on::role, inline_policies::delete),
    write("CreatePolicy", on::policy, managed_policies::create),
    read("GetPolicy", on::policy, managed_policies::get),
    read("ListPolicies", on::policies, managed_policies::list),
    write("DeletePolicy", on::policy, managed_policies::delete),
    write("CreatePolicyVersion", on::policy, policy_versions::create),
    read("GetPolicyVersion", on::policy, policy_versions::get),
    read("ListPolicyVersions", on::policy, policy_versions::list),
    write(
        "SetDefaultPolicyVersion",
        on::policy,
        policy_versions::set_default,
    ),
    write("DeletePolicyVersion", on::policy, policy_versions::delete),
    write("AttachUserPolicy", on::user, attachments::attach),
    write("DetachUserPolicy", on::user, attachments::detach),
    read("ListAttachedUserPolicies", on::user, attachments::list),
    write("AttachGroupPolicy", on::group, attachments::attach),
    write("DetachGroupPolicy", on::group, attachments::detach),
    read("ListAttachedGroupPolicies", on::group, attachments::list),
    write("AttachRolePolicy", on::role, attachments::attach),
    write("DetachRolePolicy", on::role, attachments::detach),
    read("ListAttachedRolePolicies", on::role, attachments::list),
    read(
        "ListEntitiesForPolicy",
        on::policy,
        policy_usage::list_entities,
    ),
    read(
        "ListPoliciesGrantingServiceAccess",
        on::source,
        policy_usage::granting_service,
    ),
    write("PutUserPermissionsBoundary", on::user, boundaries::put),
    write(
        "DeleteUserPermissionsBoundary",
        on::user,
        boundaries::delete,
    ),
    write("PutRolePermissionsBoundary", on::role, boundaries::put),
    write(
        "DeleteRolePermissionsBoundary",
        on::role,
        boundaries::delete,
    ),
    write("CreateLoginProfile", on::user, login_profiles::create),
    read("GetLoginProfile", on::user, login_profiles::get),
    write("UpdateLoginProfile", on::user, login_profiles::update),
    write("DeleteLoginProfile", on::user, login_profiles::delete),
    write("ChangePassword", on::own_password, login_profiles::change),
    write("TagUser", on::user, tags::put),
    write("UntagUser", on::user, tags::remove),
    read("ListUserTags", on::user, tags::list),
    write("TagRole", on::role, tags::put),
    write("UntagRole", on::role, tags::remove),
    read("ListRoleTags", on::role, tags::list),
    write("TagPolicy", on::policy, tags::put),
    write("UntagPolicy", on::policy, tags::remove),
    read("ListPolicyTags", on::policy, tags::list),
    write("TagInstanceProfile", on::instance_profile, tags::put),
    write("UntagInstanceProfile", on::instance_profile, tags::remove),
    read("ListInstanceProfileTags", on::instance_profile, tags::list),
    write("TagMFADevice", on::mfa_device, tags::put),
    write("UntagMFADevice", on::mfa_device, tags::remove),
    read("ListMFADeviceTags", on::mfa_device, tags::list),
    write(
        "CreateInstanceProfile",
        on::instance_profile,
        instance_profiles::create,
    ),
    read(
        "GetInstanceProfile",
        on::instance_profile,
        instance_profiles::get,
    ),
    read(
        "ListInstanceProfiles",
        on::instance_profiles,
        instance_profiles::list,
    ),
    read(
        "ListInstanceProfilesForRole",
        on::role,
        instance_profiles::list_for_role,
    ),
    write(
        "AddRoleToInstanceProfile",
        on::instance_profile,
        instance_profiles::add_role,
    ),
    write(
        "RemoveRoleFromInstanceProfile",
        on::instance_profile,
        instance_profiles::remove_role,
    ),
    write(
        "DeleteInstanceProfile",
        on::instance_profile,
        instance_profiles::delete,
    ),
    write(
        "CreateVirtualMFADevice",
        on::mfa_device,
        mfa_devices::create,
    ),
    write("EnableMFADevice", on::user, mfa_devices::enable),
    write("ResyncMFADevice", on::user, mfa_devices::resync),
    write("DeactivateMFADevice", on::user, mfa_devices::deactivate),
    read("GetMFADevice", on::user, mfa_devices::get),
    read("ListMFADevices", on::user, mfa_devices::list),
    read(
        "ListVirtualMFADevices",
        on::mfa_device,
        mfa_devices::list_virtual,
    ),
    write(
        "DeleteVirtualMFADevice",
        on::mfa_device,
        mfa_devices::delete,
    ),
    write(
        "CreateServiceSpecificCredential",
        on::service_credential,
        service_credentials::create,
    ),
    read(
        "ListServiceSpecificCredentials",
        on::user,
        service_credentials::list,
    ),
    write(
        "UpdateServiceSpecificCredential",
        on::user,
        service_credentials::update,
    ),
    write(
        "ResetServiceSpecificCredential",
        on::user,
        service_credentials::reset,
    ),
    write(
        "DeleteServiceSpecificCredential",
        on::user,
        service_credentials::delete,
    ),
    write("UploadSSHPublicKey", on::user, ssh_keys::upload),
    read("ListSSHPublicKeys", on::user, ssh_keys::list),
    read("GetSSHPublicKey", on::user, ssh_keys::get),
    write("UpdateSSHPublicKey", on::user, ssh_keys::update),
    write("DeleteSSHPublicKey", on::user, ssh_keys::delete),
    write(
        "UploadSigningCertificate",
        on::user,
        signing_certificates::upload,
    ),
    read(
        "ListSigningCertificates",
        on::user,
        signing_certificates::list,
    ),
    write(
        "UpdateSigningCertificate",
        on::user,
        signing_certificates::update,
    ),
    write(
        "DeleteSigningCertificate",
        on::user,
        signing_certificates::delete,
    ),
    write(
        "UploadServerCertificate",
        on::server_certificate,
        server_certificates::upload,
    ),
    read(
        "GetServerCertificate",
        on::server_certificate,
        server_certificates::get,
    ),
    read(
        "ListServerCertificates",
        on::server_certificates,
        server_certificates::list,
    ),
    write(
        "UpdateServerCertificate",
        on::server_certificate,
        server_certificates::update,
    ),
    write(
        "DeleteServerCertificate",
        on::server_certificate,
        server_certificates::delete,
    ),
    write("TagServerCertificate", on::server_certificate, tags::put),
    write(
        "UntagServerCertificate",
        on::server_certificate,
        tags::remove,
    ),
    read(
        "ListServerCertificateTags",
        on::server_certificate,
        tags::list,
    ),
    write(
        "CreateServiceLinkedRole",
        on::service_linked_role,
        service_linked_roles::create,
    ),
    write(
        "DeleteServiceLinkedRole",
        on::role,
        service_linked_roles::delete,
    ),
    read(
        "GetServiceLinkedRoleDeletionStatus",
        on::deletion_task,
        service_linked_roles::deletion_status,
    ),
    read(
        "GetRoleTemplateVersion",
        on::role_template,
        role_templates::get,
    ),
    write(
        "AcquireRole",
        role_templates::needs,
        role_templates::acquire,
    ),
    write(
        "CreateDelegationRequest",
        on::new_delegation_request,
        delegation_requests::create,
    ),
    write(
        "AssociateDelegationRequest",
        on::delegation_request,
        delegation_requests::associate,
    ),
    write(
        "UpdateDelegationRequest",
        on::delegation_request,
        delegation_requests::update,
    ),
    write(
        "AcceptDelegationRequest",
        on::delegation_request,
        delegation_requests::accept,
    ),
    write(
        "RejectDelegationRequest",
        on::delegation_request,
        delegation_requests::reject,
    ),
    write(
        "SendDelegationToken",
        on::delegation_request,
        delegation_requests::send_token,
    ),
    read(
        "GetDelegationRequest",
        on::delegation_request,
        delegation_requests::get,
    ),
    read(
        "ListDelegationRequests",
        on::anything,
        delegation_requests::list,
    ),
    read(
        "GetHumanReadableSummary",
        on::delegation_request,
        delegation_review::summary,
    ),
    write("CreateAccountAlias", on::anything, account::create_alias),
    read("ListAccountAliases", on::anything, account::list_aliases),
    write("DeleteAccountAlias", on::anything, account::delete_alias),
    write(
        "UpdateAccountPasswordPolicy",
        on::anything,
        account::update_passwords,
    ),
    read(
        "GetAccountPasswordPolicy",
        on::password_rules,
        account::get_passwords,
    ),
    write(
        "DeleteAccountPasswordPolicy",
        on::anything,
        account::delete_passwords,
    ),
    write(
        "EnableOrganizationsRootCredentialsManagement",
        on::anything,
        root_access::enable_credentials,
    ),
    write(
        "DisableOrganizationsRootCredentialsManagement",
        on::anything,
        root_access::disable_credentials,
    ),
    write(
        "EnableOrganizationsRootSessions",
        on::anything,
        root_access::enable_sessions,
    ),
    write(
        "DisableOrganizationsRootSessions",
        on::anything,
        root_access::disable_sessions,
    ),
    read("ListOrganizationsFeatures", on::anything, root_access::list),
    write(
        "SetSecurityTokenServicePreferences",
        on::anything,
        account_settings::set_token_version,
    ),
    read(
        "GetAccountProperties",
        on::anything,
        account_settings::get_properties,
    ),
    write(
        "PutAccountProperties",
        on::anything,
        account_settings::put_properties,
    ),
    read("GetAccountSummary", on::anything, account::summary),
    read(
        "GetAccountAuthorizationDetails",
        on::anything,
        authorization_details::get,
    ),
    look(
        "GenerateCredentialReport",
        on::anything,
        credential_report::generate,
    ),
    read("GetCredentialReport", on::anything, credential_report::get),
    look(
        "GenerateServiceLastAccessedDetails",
        on::source,
        access_advisor::generate,
    ),
    read(
        "GetServiceLastAccessedDetails",
        on::anything,
        access_advisor::details,
    ),
    read(
        "GetServiceLastAccessedDetailsWithEntities",
        on::anything,
        access_advisor::entities,
    ),
    look(
        "GenerateOrganizationsAccessReport",
        on::access_report,
        organization_reports::generate,
    ),
    read(
        "GetOrganizationsAccessReport",
        on::anything,
        organization_reports::get,
    ),
    read("SimulatePrincipalPolicy", on::source, simulate::principal),
    read("SimulateCustomPolicy", on::anything, simulate::custom),
    read(
        "GetContextKeysForPrincipalPolicy",
        on::source,
        simulate::context_keys::principal,
    ),
    write(
        "CreateOpenIDConnectProvider",
        on::oidc_provider,
        oidc_providers::create,
    ),
    read(
        "GetOpenIDConnectProvider",
        on::oidc_provider,
        oidc_providers::get,
    ),
    read(
        "ListOpenIDConnectProviders",
        on::anything,
        oidc_providers::list,
    ),
    write(
        "DeleteOpenIDConnectProvider",
        on::oidc_provider,
        oidc_providers::delete,
    ),
    write(
        "AddClientIDToOpenIDConnectProvider",
        on::oidc_provider,
        oidc_providers::add_client,
    ),
    write(
        "RemoveClientIDFromOpenIDConnectProvider",
        on::oidc_provider,
        oidc_providers::remove_client,
    ),
    write(
        "UpdateOpenIDConnectProviderThumbprint",
        on::oidc_provider,
        oidc_providers::update_thumbprints,
    ),
    write("TagOpenIDConnectProvider", on::oidc_provider, tags::put),
    write(
        "UntagOpenIDConnectProvider",
        on::oidc_provider,
        tags::remove,
    ),
    read(
        "ListOpenIDConnectProviderTags",
        on::oidc_provider,
        tags::list,
    ),
    write(
        "CreateSAMLProvider",
        on::saml_provider,
        saml_providers::create,
    ),
    read("GetSAMLProvider", on::saml_provider, saml_providers::get),
    read("ListSAMLProviders", on::anything, saml_providers::list),
    write(
        "UpdateSAMLProvider",
        on::saml_provider,
        saml_providers::update,
    ),
    write(
        "DeleteSAMLProvider",
        on::saml_provider,
        saml_providers::delete,
    ),
    write("TagSAMLProvider", on::saml_provider, tags::put),
    write("UntagSAMLProvider", on::saml_provider, tags::remove),
    read("ListSAMLProviderTags", on::saml_provider, tags::list),
    write(
        "EnableOutboundWebIdentityFederation",
        on::anything,
        outbound_federation::enable,
    ),
    write(
        "DisableOutboundWebIdentityFederation",
        on::anything,
        outbound_federation::disable,
    ),
    read(
        "GetOutboundWebIdentityFederationInfo",
        on::anything,
        outbound_federation::info,
    ),
    read(
        "GetContextKeysForCustomPolicy",
        on::anything,
        simulate::context_keys::custom,
    ),
];
