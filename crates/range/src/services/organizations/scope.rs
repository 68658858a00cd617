//! Which organisation a call is about, and pages of answers.
//!
//! Owns the rule whom an organisation's affairs concern: the management account; of the members those who administer a
//! service, who may look; and those whom the organisation's resource policy lets.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_policy::{Named, ResourceRule};
use stockade_wire::AwsError;

use super::state::Organization;
use super::{errors, resource_policy, resources};
use crate::authz;
use crate::call::{Call, Reply};
use crate::row::Access;
use crate::services;
use crate::services::iam::output::reply;
use crate::state::State as Range;

/// How many items a page has unless the caller says.
const PAGE: usize = 20;

/// The organisation that the caller's account is in.
pub fn member<'a>(range: &'a Range, call: &Call<'_>) -> Result<&'a Organization, AwsError> {
    range
        .organizations
        .read()
        .of(call.account())
        .ok_or_else(errors::not_in_use)
}

/// The organisation whose affairs the call is about, if they are the caller's to see or change.
pub fn managed<'a>(range: &'a Range, call: &Call<'_>) -> Result<&'a Organization, AwsError> {
    let organization = member(range, call)?;
    let account = call.account();
    let may = organization.management == *account
        || organization.is_delegate(account, None) && looks(call.operation)
        || resource_policy::is_delegable(call.operation) && is_let(range, organization, call);
    match may {
        true => Ok(organization),
        false => Err(errors::denied()),
    }
}

/// Whether a delegated administrator may call an operation: to look at the organisation, but for its bills.
fn looks(operation: &str) -> bool {
    services::row("organizations", operation).is_some_and(|row| row.access == Access::Read)
        && !operation.contains("ResponsibilityTransfer")
}

/// Whether the organisation's resource policy lets the caller do what the call asks for, as another account's policy
/// would: the caller's own policies have to as well.
fn is_let(range: &Range, organization: &Organization, call: &Call<'_>) -> bool {
    let Some(policy) = &organization.resource_policy else {
        return false;
    };
    let policy = Named::new("resource policy", Arc::clone(&policy.policy));
    resources::named(range, call).into_iter().all(|mut need| {
        need.owner = Some(organization.management.clone());
        need.policy = Some((policy.clone(), ResourceRule::Ordinary));
        authz::allowed(range, call, &need)
    })
}

/// The caller's organisation, to change. Only after every check: from here on it is a new version.
pub fn changed<'a>(
    range: &'a mut Range,
    call: &Call<'_>,
) -> Result<&'a mut Organization, AwsError> {
    range
        .organizations
        .write(call.now, range.config.iam_delay)
        .of_mut(call.account())
        .ok_or_else(errors::not_in_use)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Paging {
    next_token: Option<String>,
    max_results: Option<usize>,
}

/// One page of `items` (which come in the order of their keys) as an answer whose member `list` they are.
pub fn page(
    call: &Call<'_>,
    list: &str,
    items: impl IntoIterator<Item = (String, Value)>,
) -> Result<Reply, AwsError> {
    let paging: Paging = call.read()?;
    let wrong = || {
        errors::invalid(
            "INVALID_NEXT_TOKEN",
            "You provided an invalid NextToken value.",
        )
    };
    let after = paging.next_token.map(|token| {
        let bytes = STANDARD.decode(token).map_err(|_| wrong())?;
        String::from_utf8(bytes).map_err(|_| wrong())
    });
    let after = after.transpose()?;
    let mut rest = items
        .into_iter()
        .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let (mut last, mut taken) = (None, Vec::new());
    for (key, value) in rest
        .by_ref()
        .take(paging.max_results.unwrap_or(PAGE).clamp(1, PAGE))
    {
        taken.push(value);
        last = Some(key);
    }
    let next = last.filter(|_| rest.next().is_some());
    Ok(reply(json!({
        list: taken,
        "NextToken": next.map(|key| STANDARD.encode(key)),
    })))
}
