//! The policy simulator: what policies would decide of calls that nobody makes.
//!
//! Owns the two operations and their pages. What they are asked is `question.rs`, whose policies have a say
//! `sources.rs`, what is answered `verdict.rs`; the context keys of policies are `context_keys.rs`.

pub(super) mod context_keys;
mod entries;
mod exclusions;
mod question;
mod sources;
#[cfg(test)]
mod tests;
mod verdict;

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_wire::AwsError;

use self::question::Question;
use self::verdict::result;
use super::errors;
use super::output::{read_marker, reply, write_marker};
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// How many actions a page has unless the caller says.
const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Paging {
    marker: Option<String>,
    max_items: Option<usize>,
}

impl Paging {
    /// From which action on, and how many. A marker holds for a changed question too, as it does on AWS.
    fn read(call: &Call<'_>) -> Result<(usize, usize), AwsError> {
        let paging: Self = call.read()?;
        let invalid = || errors::invalid_input("Invalid marker for pagination.");
        let start = match &paging.marker {
            Some(marker) => read_marker(marker)
                .ok()
                .and_then(|place| place.parse().ok())
                .ok_or_else(invalid)?,
            None => 0,
        };
        Ok((start, paging.max_items.unwrap_or(PAGE).max(1)))
    }
}

fn run(call: &Call<'_>, question: &Question) -> Result<Reply, AwsError> {
    let (start, size) = Paging::read(call)?;
    let rest = question.actions.get(start..).unwrap_or_default();
    let results: Vec<Value> = rest
        .iter()
        .take(size)
        .map(|action| result(question, action))
        .collect();
    let is_truncated = rest.len() > size;
    let marker = is_truncated.then(|| write_marker(&(start + size).to_string()));
    Ok(reply(json!({
        "EvaluationResults": results,
        "IsTruncated": is_truncated,
        "Marker": marker,
    })))
}

pub(super) fn principal(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    run(call, &Question::of_principal(range, call)?)
}

pub(super) fn custom(_range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    run(call, &Question::of_policies(call)?)
}
