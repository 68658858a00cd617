//! The condition keys that policies name, so that a simulation can give their values.
//!
//! Owns `GetContextKeysForCustomPolicy` and `GetContextKeysForPrincipalPolicy`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;
use stockade_policy::Policy;
use stockade_wire::AwsError;

use super::super::errors;
use super::super::output::reply;
use super::super::scope::iam;
use super::sources::{Granted, source_arn};
use crate::call::{Call, Reply};
use crate::state::State as Range;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(default)]
    policy_source_arn: String,
    #[serde(default)]
    policy_input_list: Vec<String>,
}

/// The policies that stand in a call: they may be of resources too.
fn given(input: &Input) -> Result<Vec<Policy>, AwsError> {
    let read = |text: &String| Policy::parse(text).or_else(|_| Policy::parse_resource(text));
    let numbered = input.policy_input_list.iter().enumerate();
    numbered
        .map(|(index, text)| {
            read(text).map_err(|_| {
                let place = index + 1;
                errors::invalid_input(format!(
                    "Policy input list item {place} has invalid content"
                ))
            })
        })
        .collect()
}

fn told<'a>(policies: impl Iterator<Item = &'a Policy>) -> Reply {
    let keys: BTreeSet<&str> = policies.flat_map(Policy::context_keys).collect();
    reply(json!({"ContextKeyNames": keys}))
}

pub(in crate::services::iam) fn custom(_range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    Ok(told(given(&call.read()?)?.iter()))
}

pub(in crate::services::iam) fn principal(
    range: &Range,
    call: &Call<'_>,
) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    let arn = source_arn(&input.policy_source_arn, call)?;
    let given = given(&input)?;
    let granted = Granted::of(iam(range, call)?, &arn)?;
    let own = granted.identity.iter().chain(&granted.boundary);
    Ok(told(own.map(|source| &*source.named.policy).chain(&given)))
}
