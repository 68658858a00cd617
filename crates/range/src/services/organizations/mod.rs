//! Organizations: accounts, the tree that they are in, and the policies that bind them.
//!
//! Owns the behaviour of Organizations, and the table of its operations. What is not in the table is not done,
//! and says so.

mod accounts;
mod attachments;
pub mod closing;
mod delegates;
pub mod documents;
mod effective;
mod errors;
mod features;
pub mod handshakes;
mod inheritance;
mod invitations;
mod membership;
mod organization;
mod policies;
pub mod policy_types;
pub mod resource_policy;
mod resources;
mod scope;
mod state;
pub mod tags;
pub mod transfers;
mod trusted_access;
mod units;
mod validity;

pub use state::{CreateRequest, Joined, Member, Organization, OrganizationPolicy, State, Unit};

use resources::named;
use stockade_wire::AwsError;

use crate::call::{Call, Reply};
use crate::row::{Access, EventKind, Handler, Needs, Row};
use crate::state::State as Range;

const fn read(
    operation: &'static str,
    handler: fn(&Range, &Call<'_>) -> Result<Reply, AwsError>,
) -> Row {
    Row {
        operation,
        needs: Needs::These(named),
        access: Access::Read,
        event: EventKind::Management,
        handler: Handler::Read(handler),
    }
}

const fn write(
    operation: &'static str,
    handler: fn(&mut Range, &Call<'_>) -> Result<Reply, AwsError>,
) -> Row {
    Row {
        operation,
        needs: Needs::These(named),
        access: Access::Write,
        event: EventKind::Management,
        handler: Handler::Write(handler),
    }
}

/// The operations that the range has. Each needs the action of its own name.
pub const ROWS: &[Row] = &[
    write("CreateOrganization", organization::create),
    read("DescribeOrganization", organization::describe),
    write("DeleteOrganization", organization::delete),
    read("ListRoots", organization::roots),
    write("EnablePolicyType", organization::enable_type),
    write("DisablePolicyType", organization::disable_type),
    write("CreateOrganizationalUnit", units::create),
    read("DescribeOrganizationalUnit", units::describe),
    write("UpdateOrganizationalUnit", units::update),
    write("DeleteOrganizationalUnit", units::delete),
    read("ListOrganizationalUnitsForParent", units::list_for_parent),
    read("ListChildren", units::children),
    read("ListParents", units::parents),
    write("CreateAccount", accounts::create),
    read("DescribeCreateAccountStatus", accounts::describe_request),
    read("ListCreateAccountStatus", accounts::list_requests),
    read("ListAccounts", accounts::list),
    read("ListAccountsForParent", accounts::list_for_parent),
    read("DescribeAccount", accounts::describe),
    write("MoveAccount", accounts::move_to),
    write("LeaveOrganization", accounts::leave),
    write("RemoveAccountFromOrganization", accounts::remove),
    write("CreatePolicy", policies::create),
    read("DescribePolicy", policies::describe),
    write("UpdatePolicy", policies::update),
    write("DeletePolicy", policies::delete),
    read("ListPolicies", policies::list),
    write("AttachPolicy", attachments::attach),
    write("DetachPolicy", attachments::detach),
    read("ListPoliciesForTarget", attachments::on_target),
    read("ListTargetsForPolicy", attachments::targets),
    write("TagResource", tags::put),
    write("UntagResource", tags::remove),
    read("ListTagsForResource", tags::list),
    write("CloseAccount", closing::close),
    write("CreateGovCloudAccount", accounts::create_in_govcloud),
    write("InviteAccountToOrganization", invitations::invite),
    write("EnableAllFeatures", features::enable),
    read("DescribeHandshake", handshakes::describe),
    write("AcceptHandshake", handshakes::accept),
    write("DeclineHandshake", handshakes::decline),
    write("CancelHandshake", handshakes::cancel),
    read("ListHandshakesForAccount", handshakes::received),
    read("ListHandshakesForOrganization", handshakes::sent),
    write("EnableAWSServiceAccess", trusted_access::enable),
    write("DisableAWSServiceAccess", trusted_access::disable),
    read("ListAWSServiceAccessForOrganization", trusted_access::list),
    write("RegisterDelegatedAdministrator", delegates::register),
    write("DeregisterDelegatedAdministrator", delegates::deregister),
    read("ListDelegatedAdministrators", delegates::list),
    read("ListDelegatedServicesForAccount", delegates::services),
    write("PutResourcePolicy", resource_policy::put),
    read("DescribeResourcePolicy", resource_policy::describe),
    write("DeleteResourcePolicy", resource_policy::delete),
    read("DescribeEffectivePolicy", effective::describe),
    read(
        "ListAccountsWithInvalidEffectivePolicy",
        effective::invalid_accounts,
    ),
    read("ListEffectivePolicyValidationErrors", effective::faults),
    write(
        "InviteOrganizationToTransferResponsibility",
        transfers::invite,
    ),
    read("DescribeResponsibilityTransfer", transfers::describe),
    write("UpdateResponsibilityTransfer", transfers::update),
    write("TerminateResponsibilityTransfer", transfers::terminate),
    read("ListInboundResponsibilityTransfers", transfers::inbound),
    read("ListOutboundResponsibilityTransfers", transfers::outbound),
];
