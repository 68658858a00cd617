//! Accounts: made, shown, moved, and gone from the organisation.
//!
//! Owns the membership of accounts. What is in an account belongs to the other services.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::{AccountId, Timestamp};
use stockade_wire::AwsError;

use super::membership::{self, Departed};
use super::scope::{changed, managed, member, page};
use super::state::{CreateRequest, Joined, Member, Organization};
use super::tags::{self, Tag};
use super::{closing, effective, errors, invitations, units};
use crate::call::{Call, Reply, ServiceEvent};
use crate::delayed::Delayed;
use crate::services::iam;
use crate::services::iam::output::{reply, time};
use crate::state::{Account, State as Range};
use crate::trail;

/// The role that lets the management account into an account that it made.
const ACCESS_ROLE: &str = "OrganizationAccountAccessRole";

pub(super) fn shown(
    range: &Range,
    organization: &Organization,
    id: &AccountId,
    member: &Member,
    now: Timestamp,
) -> Value {
    let account = range.account(id).ok();
    let (status, state) = account.map_or(("ACTIVE", "ACTIVE"), |account| {
        closing::standing(account, now)
    });
    json!({
        "Id": id,
        "Arn": organization.target_arn(id.as_str()),
        "Email": account.map(|account| &account.email),
        "Name": account.map(|account| &account.name),
        "Status": status,
        "State": state,
        "Paths": [organization.full_path_of(id.as_str())],
        "JoinedMethod": member.method,
        "JoinedTimestamp": time(member.joined),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    email: String,
    account_name: String,
    role_name: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// Makes an account at once; its request shows as in progress once and as succeeded from then on, as clients
/// that wait for it expect.
pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let organization = managed(range, call)?;
    let management = organization.management.clone();
    let role = input.role_name.as_deref().unwrap_or(ACCESS_ROLE);
    if role.starts_with("AWSServiceRoleFor") {
        return Err(errors::invalid(
            "INVALID_ROLE_NAME",
            "You provided a role name that isn't valid. A role name can't begin with the reserved prefix AWSServiceRoleFor.",
        ));
    }
    if !membership::has_room(organization, 0) {
        return Err(errors::constraint(
            "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
            "You have exceeded the allowed number of AWS accounts.",
        ));
    }
    let tags = tags::merged(&[], input.tags)?;
    let taken = range
        .accounts
        .values()
        .any(|account| account.email.eq_ignore_ascii_case(&input.email));
    let outcome = if !invitations::is_address(&input.email) {
        Err("INVALID_EMAIL".to_owned())
    } else if taken {
        Err("EMAIL_ALREADY_EXISTS".to_owned())
    } else {
        Ok(loop {
            let id = range.ids.account_id();
            if !range.accounts.contains_key(&id) {
                break id;
            }
        })
    };
    let request = format!("car-{}", range.ids.hex(32));
    if let Ok(id) = &outcome {
        let role_id = range.ids.unique("AROA");
        let mut account = Account::new(id.clone(), &input.account_name, &input.email, call.now);
        account.iam = Delayed::new(first_state(&management, role, role_id, call)?);
        range.accounts.insert(id.clone(), Arc::new(account));
        membership::add_role(range, call, id)?;
    }
    let organization = changed(range, call)?;
    let made = CreateRequest {
        name: input.account_name,
        at: call.now,
        outcome,
    };
    let mut answer = reply(json!({"CreateAccountStatus": {
        "Id": request,
        "AccountName": made.name,
        "State": "IN_PROGRESS",
        "RequestedTimestamp": time(made.at),
    }}));
    let events = &mut answer.record.service_events;
    events.push(result(organization, &request, &made));
    if let Ok(id) = &made.outcome {
        membership::admit(organization, id, Joined::Created, tags, call.now);
        let joined = membership::joined(organization, id, Joined::Created, call.now);
        events.push(joined);
    }
    organization.requests.insert(request, made);
    Ok(answer)
}

/// What the management account's log says once the account is there, or is not.
fn result(organization: &Organization, id: &str, request: &CreateRequest) -> ServiceEvent {
    let mut status = json!({
        "id": id,
        "state": if request.outcome.is_ok() { "SUCCEEDED" } else { "FAILED" },
        "accountName": trail::WITHHELD,
        "requestedTimestamp": trail::in_words(request.at),
        "completedTimestamp": trail::in_words(request.at),
    });
    if let Some(members) = status.as_object_mut() {
        match &request.outcome {
            Ok(account) => members.insert("accountId".to_owned(), json!(account)),
            Err(reason) => members.insert("failureReason".to_owned(), json!(reason)),
        };
    }
    let details = json!({"createAccountStatus": status});
    membership::event(organization, "CreateAccountResult", details)
}

/// The range has no partner in another partition: AWS refuses an organisation that has none in the same words.
pub(super) fn create_in_govcloud(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    managed(range, call)?;
    Err(errors::constraint(
        "MASTER_ACCOUNT_NOT_GOVCLOUD_ENABLED",
        "To complete this operation, the management account must have an associated account in the AWS GovCloud (US-West) Region.",
    ))
}

fn first_state(
    management: &AccountId,
    role: &str,
    role_id: String,
    call: &Call<'_>,
) -> Result<iam::State, AwsError> {
    let mut state = iam::State::default();
    let role = iam::roles::administrator_for(management, role, role_id, call.now)?;
    state.roles.insert(iam::key(&role.name), role.into());
    Ok(state)
}

fn request_shown(id: &str, request: &CreateRequest) -> Value {
    let (state, account, reason) = match &request.outcome {
        Ok(account) => ("SUCCEEDED", Some(account), None),
        Err(reason) => ("FAILED", None, Some(reason)),
    };
    json!({
        "Id": id,
        "AccountName": request.name,
        "State": state,
        "RequestedTimestamp": time(request.at),
        "CompletedTimestamp": time(request.at),
        "AccountId": account,
        "FailureReason": reason,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfRequest {
    create_account_request_id: String,
}

pub(super) fn describe_request(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfRequest {
        create_account_request_id: id,
    } = call.read()?;
    let request = managed(range, call)?.requests.get(&id).ok_or_else(|| {
        errors::of(
            "CreateAccountStatusNotFoundException",
            "You specified a create account status that doesn't exist.",
        )
    })?;
    Ok(reply(
        json!({"CreateAccountStatus": request_shown(&id, request)}),
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListRequests {
    #[serde(default)]
    states: Vec<String>,
}

pub(super) fn list_requests(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let ListRequests { states } = call.read()?;
    let requests = managed(range, call)?
        .requests
        .iter()
        .map(|(id, request)| (id.clone(), request_shown(id, request)));
    let wanted = |value: &Value| {
        states.is_empty()
            || states
                .iter()
                .any(|state| value.get("State") == Some(&json!(state)))
    };
    page(
        call,
        "CreateAccountStatuses",
        requests.filter(|(_, value)| wanted(value)),
    )
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let organization = managed(range, call)?;
    let accounts = organization.members.iter().map(|(id, member)| {
        (
            id.to_string(),
            shown(range, organization, id, member, call.now),
        )
    });
    page(call, "Accounts", accounts)
}

pub(super) fn list_for_parent(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let organization = managed(range, call)?;
    let parent = units::parent(organization, call)?;
    let accounts = organization
        .members
        .iter()
        .filter(|(_, member)| member.parent == parent)
        .map(|(id, member)| {
            (
                id.to_string(),
                shown(range, organization, id, member, call.now),
            )
        });
    page(call, "Accounts", accounts)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfAccount {
    pub(super) account_id: String,
}

/// The account that a call names, which must be a member.
pub(super) fn named<'a>(
    organization: &'a Organization,
    id: &str,
) -> Result<(AccountId, &'a Member), AwsError> {
    let id: AccountId = id.parse().map_err(|_| errors::no_account())?;
    let member = organization
        .members
        .get(&id)
        .ok_or_else(errors::no_account)?;
    Ok((id, member))
}

pub(super) fn describe(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfAccount { account_id } = call.read()?;
    let organization = managed(range, call)?;
    let (id, member) = named(organization, &account_id)?;
    let answer = shown(range, organization, &id, member, call.now);
    Ok(reply(json!({"Account": answer})))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Move {
    account_id: String,
    source_parent_id: String,
    destination_parent_id: String,
}

pub(super) fn move_to(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Move = call.read()?;
    let organization = managed(range, call)?;
    let (id, member) = named(organization, &input.account_id)?;
    if member.parent != input.source_parent_id {
        return Err(errors::of(
            "SourceParentNotFoundException",
            "You specified a source parent that doesn't exist.",
        ));
    }
    if !organization.is_parent(&input.destination_parent_id) {
        return Err(errors::of(
            "DestinationParentNotFoundException",
            "You specified a destination parent that doesn't exist.",
        ));
    }
    if input.source_parent_id == input.destination_parent_id {
        return Err(errors::of(
            "DuplicateAccountException",
            "The account is already present in the specified destination.",
        ));
    }
    let before = organization.clone();
    let organization = changed(range, call)?;
    if let Some(member) = organization.members.get_mut(&id) {
        member.parent = input.destination_parent_id;
        member.moved = call.now;
    }
    let mut answer = Reply::empty();
    let kinds = organization.enabled.iter();
    answer.record.service_events = kinds
        .flat_map(|kind| effective::verdicts(&before, organization, *kind, call.now))
        .collect();
    Ok(answer)
}

/// Takes an account out.
fn take_out(
    range: &mut Range,
    call: &Call<'_>,
    id: &AccountId,
    how: Departed,
) -> Result<Reply, AwsError> {
    let organization = member(range, call)?;
    membership::check_departure(range, organization, id, call.now)?;
    let event = membership::departed(organization, id, how, call.now);
    changed(range, call)?.drop_member(id);
    let mut answer = Reply::empty();
    answer.record.service_events.push(event);
    Ok(answer)
}

pub(super) fn leave(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    take_out(range, call, call.account(), Departed::Left)
}

pub(super) fn remove(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfAccount { account_id } = call.read()?;
    let (id, _) = named(managed(range, call)?, &account_id)?;
    take_out(range, call, &id, Departed::Removed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::services::iam::bench::Cloud;

    fn made(cloud: &mut Cloud, name: &str, email: &str) -> serde_json::Value {
        let asked = cloud
            .organizations(
                "CreateAccount",
                json!({"AccountName": name, "Email": email}),
            )
            .unwrap();
        assert_eq!(asked["CreateAccountStatus"]["State"], "IN_PROGRESS");
        let id = json!({"CreateAccountRequestId": asked["CreateAccountStatus"]["Id"]});
        cloud
            .organizations("DescribeCreateAccountStatus", id)
            .unwrap()["CreateAccountStatus"]
            .clone()
    }

    #[test]
    fn a_new_account_lets_the_management_account_in() {
        let mut cloud = Cloud::new();
        cloud
            .organizations("CreateOrganization", json!({}))
            .unwrap();
        let status = made(&mut cloud, "Sales", "sales@stockade.example");
        assert_eq!(status["State"], "SUCCEEDED");
        let id = status["AccountId"].as_str().unwrap().to_owned();
        let role = cloud.role(&id, "OrganizationAccountAccessRole");
        cloud
            .call(&role, "iam", "CreateUser", json!({"UserName": "first"}))
            .unwrap();
        let listed = cloud.organizations("ListAccounts", json!({})).unwrap();
        assert_eq!(listed["Accounts"].as_array().unwrap().len(), 2);
        let twin = made(&mut cloud, "Twin", "sales@stockade.example");
        assert_eq!(
            (&twin["State"], &twin["FailureReason"]),
            (&json!("FAILED"), &json!("EMAIL_ALREADY_EXISTS"))
        );
        // A member may see its organisation, and nothing else of it.
        let own = cloud
            .call(&role, "organizations", "DescribeOrganization", json!({}))
            .unwrap();
        assert_eq!(own["Organization"]["MasterAccountId"], "123456789012");
        let refused = cloud
            .call(&role, "organizations", "ListAccounts", json!({}))
            .unwrap_err();
        assert_eq!(refused.code, "AccessDeniedException");
        assert_eq!(
            refused.message,
            "You don't have permissions to access this resource."
        );
    }

    #[test]
    fn accounts_move_and_leave() {
        let mut cloud = Cloud::new();
        cloud
            .organizations("CreateOrganization", json!({}))
            .unwrap();
        let root = cloud.organizations("ListRoots", json!({})).unwrap()["Roots"][0]["Id"].clone();
        let unit = cloud
            .organizations(
                "CreateOrganizationalUnit",
                json!({"ParentId": root, "Name": "u"}),
            )
            .unwrap();
        let unit = unit["OrganizationalUnit"]["Id"].clone();
        let id = made(&mut cloud, "Sales", "sales@stockade.example")["AccountId"].clone();
        let to_unit = json!({"AccountId": id, "SourceParentId": root, "DestinationParentId": unit});
        cloud.organizations("MoveAccount", to_unit.clone()).unwrap();
        assert_eq!(
            cloud
                .organizations("MoveAccount", to_unit)
                .unwrap_err()
                .code,
            "SourceParentNotFoundException"
        );
        let there = cloud
            .organizations("ListAccountsForParent", json!({"ParentId": unit}))
            .unwrap();
        assert_eq!(there["Accounts"][0]["Id"], id);
        let management = cloud
            .organizations("LeaveOrganization", json!({}))
            .unwrap_err();
        assert_eq!(management.code, "MasterCannotLeaveOrganizationException");
        let role = cloud.role(id.as_str().unwrap(), "OrganizationAccountAccessRole");
        let young = cloud
            .call(&role, "organizations", "LeaveOrganization", json!({}))
            .unwrap_err();
        assert_eq!(young.fields["Reason"], "WAIT_PERIOD_ACTIVE");
        cloud.now += jiff::SignedDuration::from_hours(96);
        cloud
            .call(&role, "organizations", "LeaveOrganization", json!({}))
            .unwrap();
        let gone = cloud
            .organizations("DescribeAccount", json!({"AccountId": id}))
            .unwrap_err();
        assert_eq!(gone.code, "AccountNotFoundException");
        let alone = cloud
            .call(&role, "organizations", "DescribeOrganization", json!({}))
            .unwrap_err();
        assert_eq!(alone.code, "AWSOrganizationsNotInUseException");
    }
}
