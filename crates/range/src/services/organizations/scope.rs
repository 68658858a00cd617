//! Which organisation a call is about, and pages of answers.
//!
//! Owns the rule that only the management account may look and change.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::errors;
use super::state::Organization;
use crate::call::{Call, Reply};
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

/// The organisation that the caller's account manages.
pub fn managed<'a>(range: &'a Range, call: &Call<'_>) -> Result<&'a Organization, AwsError> {
    let organization = member(range, call)?;
    if organization.management != *call.account() {
        return Err(errors::denied());
    }
    Ok(organization)
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
