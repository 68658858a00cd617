//! Delegation requests: a partner asks a customer for permissions for a time, the customer approves and sends a token.
//!
//! Owns a request's life from its making to the token. What AWS agrees with partners beforehand has no call: here any
//! account may ask, the template of what it asks for is a managed policy of its own with places to fill in, and what
//! it is sent can be read with the control call `notifications`. The token is exchanged by STS.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Arn, Secret, Timestamp};
use stockade_wire::AwsError;

use super::delegation_review;
use super::documents::Document;
use super::errors;
use super::output::{page, reply, time};
use super::scope::iam;
use super::state::State;
use super::templates;
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// How long a request waits for somebody to take it.
const UNASSIGNED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long it then stays in each state.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Where a request is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DelegationState {
    /// Nobody has taken it yet.
    Unassigned,
    /// Somebody has.
    Assigned,
    /// It was forwarded to an administrator.
    PendingApproval,
    /// It was approved; the token is not out.
    Accepted,
    /// The token is out.
    Finalized,
    /// It was refused.
    Rejected,
    /// It waited too long.
    Expired,
}

/// A parameter of the permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyParameter {
    /// Its name, as it stands in the template.
    #[serde(default)]
    pub name: String,
    /// Its values.
    #[serde(default)]
    pub values: Vec<String>,
    /// `string` or `stringList`.
    #[serde(default)]
    pub r#type: Option<String>,
}

/// A token for a partner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// The token itself.
    #[serde(with = "stockade_model::exposed")]
    pub value: Secret,
    /// Since when it is out.
    pub sent: Timestamp,
}

/// A delegation request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DelegationRequest {
    /// Its id.
    pub id: String,
    /// The partner's account.
    pub requestor: AccountId,
    /// The partner's own id of what it is doing; unique among its requests.
    pub workflow: String,
    /// The customer's account, once it is known.
    pub owner_account: Option<AccountId>,
    /// The ARN of who took it.
    pub owner: Option<String>,
    /// The ARN of who approved it.
    pub approver: Option<String>,
    /// What it is for.
    pub description: String,
    /// Why it is made now.
    pub message: Option<String>,
    /// The policy that the permissions are made from.
    pub template: String,
    /// What was filled in.
    pub parameters: Vec<PolicyParameter>,
    /// The permissions asked for.
    pub policy: Arc<str>,
    /// Where it is, unless it has expired since.
    pub state: DelegationState,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Until when it stays in its state.
    pub expires: Timestamp,
    /// How long the partner's session lasts, in seconds.
    pub session_seconds: u32,
    /// Where to go afterwards.
    pub redirect: Option<String>,
    /// The topic that the partner is told by.
    pub channel: String,
    /// Whether the owner alone may send the token.
    pub only_owner_sends: bool,
    /// What the owner wrote to the administrator.
    pub notes: Option<String>,
    /// Why it was refused.
    pub rejection: Option<String>,
    /// The token, once it is out.
    pub token: Option<Token>,
}

crate::row!(DelegationRequest);

impl DelegationRequest {
    /// Its state now.
    pub fn state_at(&self, now: Timestamp) -> DelegationState {
        match self.state {
            DelegationState::Finalized => DelegationState::Finalized,
            _ if now >= self.expires => DelegationState::Expired,
            state => state,
        }
    }

    /// Its ARN, in the customer's account once that is known.
    pub fn arn(&self, caller: &AccountId) -> Arn {
        let account = self.owner_account.as_ref().unwrap_or(caller);
        let resource = format!("delegation-request/{}", self.id);
        Arn::aws("iam", "", account.as_str(), resource)
    }

    /// Whether an account may know of it: everybody's while it is nobody's, else the customer's.
    pub fn is_visible_to(&self, account: &AccountId) -> bool {
        self.owner_account
            .as_ref()
            .is_none_or(|owner| owner == account)
    }

    fn shown(&self, now: Timestamp) -> Value {
        json!({
            "DelegationRequestId": self.id,
            "OwnerAccountId": self.owner_account,
            "Description": self.description,
            "RequestMessage": self.message,
            "Permissions": {
                "PolicyTemplateArn": self.template,
                "Parameters": self.parameters,
            },
            "PermissionPolicy": self.policy,
            "OwnerId": self.owner,
            "ApproverId": self.approver,
            "State": self.state_at(now),
            "ExpirationTime": time(self.expires),
            "RequestorId": self.requestor,
            "CreateDate": time(self.created),
            "SessionDuration": self.session_seconds,
            "RedirectUrl": self.redirect,
            "Notes": self.notes,
            "RejectionReason": self.rejection,
            "OnlySendByOwner": self.only_owner_sends,
            "UpdatedTime": time(self.updated),
        })
    }

    fn move_to(&mut self, state: DelegationState, now: Timestamp) {
        self.state = state;
        self.updated = now;
        self.expires = now.checked_add(KEPT_FOR).unwrap_or(now);
    }
}

/// What a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegated {
    /// The partner's account.
    pub requestor: AccountId,
    /// The customer's account.
    pub account: AccountId,
    /// Whose permissions the session has, bounded by the policy.
    pub approver: String,
    /// The permissions that were asked for.
    pub policy: Arc<str>,
    /// Until when the session lasts.
    pub until: Timestamp,
}

/// What a token stands for; none: it is no token of this range.
pub fn exchange(range: &Range, token: &str) -> Option<Delegated> {
    let request = all(range).find(|request| {
        let kept = request.token.as_ref().map(|token| token.value.expose());
        kept.is_some_and(|kept| {
            aws_lc_rs::constant_time::verify_slices_are_equal(kept.as_bytes(), token.as_bytes())
                .is_ok()
        })
    })?;
    let sent = &request.token.as_ref()?.sent;
    Some(Delegated {
        requestor: request.requestor.clone(),
        account: request.owner_account.clone()?,
        approver: request.approver.clone()?,
        policy: Arc::clone(&request.policy),
        until: sent
            .checked_add(SignedDuration::from_secs(request.session_seconds.into()))
            .ok()?,
    })
}

/// What the range's partners were sent, by topic: what SNS would have carried.
pub fn notifications(range: &Range) -> Vec<Value> {
    all(range)
        .filter_map(|request| {
            let Token { value, sent } = request.token.as_ref()?;
            Some(json!({
                "topicArn": request.channel,
                "time": sent.to_string(),
                "message": {
                    "delegationRequestId": request.id,
                    "requestorWorkflowId": request.workflow,
                    "state": "FINALIZED",
                    "exchangeToken": value.expose(),
                },
            }))
        })
        .collect()
}

/// Every request of the range; each is kept in its partner's account.
fn all(range: &Range) -> impl Iterator<Item = &DelegationRequest> {
    range
        .accounts
        .values()
        .flat_map(|account| account.iam.read().delegation_requests.values())
        .map(Arc::as_ref)
}

fn no_request(id: &str) -> AwsError {
    errors::no_such_entity(format!("Delegation request {id} cannot be found."))
}

/// The request with this id, as far as the caller's account may know of it.
pub(super) fn find<'a>(
    range: &'a Range,
    call: &Call<'_>,
    id: &str,
) -> Result<&'a DelegationRequest, AwsError> {
    all(range)
        .find(|request| request.id == id)
        .filter(|request| request.is_visible_to(call.account()))
        .ok_or_else(|| no_request(id))
}

/// The request, to change. Only after every check.
fn change(
    range: &mut Range,
    call: &Call<'_>,
    id: &str,
    deed: impl FnOnce(&mut DelegationRequest),
) -> Result<(), AwsError> {
    let partner = find(range, call, id)?.requestor.clone();
    let delay = range.config.iam_delay;
    let state: &mut State = range.account_mut(&partner)?.iam.write(call.now, delay);
    if let Some(request) = state.delegation_requests.get_mut(id) {
        deed(Arc::make_mut(request));
    }
    Ok(())
}

/// Refuses a request that is in none of these states.
fn check_state(
    request: &DelegationRequest,
    now: Timestamp,
    wanted: &[DelegationState],
) -> Result<(), AwsError> {
    let state = request.state_at(now);
    if wanted.contains(&state) {
        return Ok(());
    }
    Err(errors::invalid_input(format!(
        "Delegation request {} is in the state {}, in which this cannot be done.",
        request.id,
        json!(state).as_str().unwrap_or_default()
    )))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    owner_account_id: Option<AccountId>,
    description: String,
    permissions: Permissions,
    request_message: Option<String>,
    requestor_workflow_id: String,
    redirect_url: Option<String>,
    notification_channel: String,
    session_duration: u32,
    #[serde(default)]
    only_send_by_owner: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Permissions {
    policy_template_arn: Option<String>,
    #[serde(default)]
    parameters: Vec<PolicyParameter>,
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let state = iam(range, call)?;
    let topic = input.notification_channel.parse::<Arn>();
    if !topic.is_ok_and(|arn| arn.service == "sns") {
        return Err(errors::invalid_input(
            "The notification channel must be the ARN of an Amazon SNS topic.",
        ));
    }
    let template = input.permissions.policy_template_arn.ok_or_else(|| {
        errors::invalid_input("The permissions must name a policy template by its ARN.")
    })?;
    let policy = fill(state, &template, &input.permissions.parameters)?;
    let same = |request: &Arc<DelegationRequest>| request.workflow == input.requestor_workflow_id;
    if state.delegation_requests.values().any(same) {
        return Err(errors::already_exists(format!(
            "A delegation request with the workflow id {} already exists.",
            input.requestor_workflow_id
        )));
    }
    let id = range.ids.uuid();
    let made = DelegationRequest {
        id: id.clone(),
        requestor: call.account().clone(),
        workflow: input.requestor_workflow_id,
        owner_account: input.owner_account_id,
        owner: None,
        approver: None,
        description: input.description,
        message: input.request_message,
        template,
        parameters: input.permissions.parameters,
        policy: policy.into(),
        state: DelegationState::Unassigned,
        created: call.now,
        updated: call.now,
        expires: call.now.checked_add(UNASSIGNED_FOR).unwrap_or(call.now),
        session_seconds: input.session_duration,
        redirect: input.redirect_url,
        channel: input.notification_channel,
        only_owner_sends: input.only_send_by_owner,
        notes: None,
        rejection: None,
        token: None,
    };
    super::scope::iam_mut(range, call)?
        .delegation_requests
        .insert(id.clone(), Arc::new(made));
    Ok(reply(json!({
        "ConsoleDeepLink": format!("https://us-east-1.console.aws.amazon.com/iam/home#/delegation-requests/{id}"),
        "DelegationRequestId": id,
    })))
}

/// The permissions that a template and its parameters make.
fn fill(state: &State, template: &str, parameters: &[PolicyParameter]) -> Result<String, AwsError> {
    let unknown =
        || errors::invalid_input(format!("The policy template {template} is not registered."));
    let document = state.managed_document(template).ok_or_else(unknown)?;
    let mut values = BTreeMap::new();
    for parameter in parameters {
        let name = parameter.name.trim_start_matches("@{");
        let name = name.trim_end_matches('}').to_owned();
        let one = parameter.r#type.as_deref() != Some("stringList");
        if parameter.values.is_empty() || (one && parameter.values.len() > 1) {
            return Err(errors::invalid_input(format!(
                "The values of the policy parameter {} do not fit its type.",
                parameter.name
            )));
        }
        if values.insert(name, parameter.values.clone()).is_some() {
            return Err(errors::invalid_input(format!(
                "The policy parameter {} is given twice.",
                parameter.name
            )));
        }
    }
    let places = templates::places(&document.text);
    if let Some(name) = values.keys().find(|name| !places.contains(*name)) {
        return Err(errors::invalid_input(format!(
            "The policy template has no parameter {name}."
        )));
    }
    let text: Value = serde_json::from_str(&document.text).map_err(|_| unknown())?;
    let filled = templates::fill(&text, &values)
        .map_err(|error| errors::invalid_input(error.to_string()))?
        .to_string();
    Document::identity(&filled)?;
    Ok(filled)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfRequest {
    delegation_request_id: String,
    notes: Option<String>,
    #[serde(default)]
    delegation_permission_check: bool,
}

pub(super) fn associate(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfRequest = call.read()?;
    let id = &input.delegation_request_id;
    let request = find(range, call, id)?;
    check_state(request, call.now, &[DelegationState::Unassigned])?;
    change(range, call, id, |request| {
        request.owner_account = Some(call.account().clone());
        request.owner = Some(call.caller.arn.clone());
        request.move_to(DelegationState::Assigned, call.now);
    })?;
    Ok(Reply::empty())
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfRequest = call.read()?;
    let id = &input.delegation_request_id;
    let open = [DelegationState::Assigned, DelegationState::PendingApproval];
    check_state(find(range, call, id)?, call.now, &open)?;
    change(range, call, id, |request| {
        request.notes = input.notes.or(request.notes.take());
        request.move_to(DelegationState::PendingApproval, call.now);
    })?;
    Ok(Reply::empty())
}

pub(super) fn accept(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfRequest = call.read()?;
    let id = &input.delegation_request_id;
    let open = [DelegationState::Assigned, DelegationState::PendingApproval];
    check_state(find(range, call, id)?, call.now, &open)?;
    change(range, call, id, |request| {
        request.approver = Some(call.caller.arn.clone());
        request.move_to(DelegationState::Accepted, call.now);
    })?;
    Ok(Reply::empty())
}

pub(super) fn reject(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfRequest = call.read()?;
    let id = &input.delegation_request_id;
    let open = [
        DelegationState::Assigned,
        DelegationState::PendingApproval,
        DelegationState::Accepted,
    ];
    check_state(find(range, call, id)?, call.now, &open)?;
    change(range, call, id, |request| {
        request.rejection = input.notes;
        request.move_to(DelegationState::Rejected, call.now);
    })?;
    Ok(Reply::empty())
}

pub(super) fn send_token(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfRequest = call.read()?;
    let id = &input.delegation_request_id;
    let request = find(range, call, id)?;
    check_state(request, call.now, &[DelegationState::Accepted])?;
    if request.only_owner_sends && request.owner.as_ref() != Some(&call.caller.arn) {
        return Err(AwsError::new(
            403,
            "AccessDenied",
            format!("Only the owner of delegation request {id} may send its token."),
        ));
    }
    let token = range.ids.token(0);
    change(range, call, id, |request| {
        request.token = Some(Token {
            value: token,
            sent: call.now,
        });
        request.move_to(DelegationState::Finalized, call.now);
    })?;
    Ok(Reply::empty())
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfRequest = call.read()?;
    let request = find(range, call, &input.delegation_request_id)?;
    let check = input
        .delegation_permission_check
        .then(|| delegation_review::check(range, call, &request.policy));
    Ok(reply(json!({
        "DelegationRequest": request.shown(call.now),
        "PermissionCheckStatus": check.map(|_| "COMPLETE"),
        "PermissionCheckResult": check,
    })))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    owner_id: Option<String>,
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: List = call.read()?;
    let mut found: Vec<_> = all(range)
        .filter(|request| request.owner.is_some() && request.is_visible_to(call.account()))
        .filter(|request| input.owner_id.is_none() || request.owner == input.owner_id)
        .map(|request| (request.id.clone(), request.shown(call.now)))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let mut answer = page(call, "DelegationRequests", Value::Null, found)?;
    // This list alone has it so.
    if let Some(truncated) = answer.output.remove("IsTruncated") {
        answer.output.insert("isTruncated".to_owned(), truncated);
    }
    Ok(answer)
}
