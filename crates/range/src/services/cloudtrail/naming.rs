//! How calls name trails: by name in the caller's region, or by ARN.
//!
//! Owns the rules for names and ARNs, and which resource each operation is authorised on.

use stockade_model::{AccountId, Arn, Region};
use stockade_wire::AwsError;

use super::errors;
use super::state::arn;
use crate::call::Call;
use crate::state::State;

/// A trail as a call names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrailId {
    pub(super) account: AccountId,
    pub(super) home: Region,
    pub(super) name: String,
}

impl TrailId {
    /// The ARN.
    pub(super) fn arn(&self) -> String {
        arn(&self.account, &self.home, &self.name).to_string()
    }
}

/// Reads a name or an ARN.
pub(super) fn read(call: &Call<'_>, text: &str) -> Result<TrailId, AwsError> {
    if text.is_empty() {
        return Err(errors::invalid_name("Trail name cannot be blank!"));
    }
    if !text.starts_with("arn:") {
        check_name(text)?;
        return Ok(TrailId {
            account: call.account().clone(),
            home: call.region.clone(),
            name: text.to_owned(),
        });
    }
    let wrong = || errors::invalid_arn(format!("Trail ARN is invalid: {text}"));
    let arn: Arn = text.parse().map_err(|_| wrong())?;
    let name = arn.resource.strip_prefix("trail/").ok_or_else(wrong)?;
    if arn.service != "cloudtrail" {
        return Err(wrong());
    }
    Ok(TrailId {
        account: arn.account.parse().map_err(|_| wrong())?,
        home: arn.region.parse().map_err(|_| wrong())?,
        name: name.to_owned(),
    })
}

/// Checks the name of a trail.
pub(super) fn check_name(name: &str) -> Result<(), AwsError> {
    let length = name.chars().count();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let ends_well = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if length < 3 {
        return Err(errors::invalid_name(format!(
            "Trail name too short. Minimum allowed length: 3 characters. Specified name length: {length} characters."
        )));
    }
    if length > 128 {
        return Err(errors::invalid_name(format!(
            "Trail name too long. Maximum allowed length: 128 characters. Specified name length: {length} characters."
        )));
    }
    if !name.chars().all(allowed) {
        return Err(errors::invalid_name(
            "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).",
        ));
    }
    if !ends_well(name.chars().next()) {
        return Err(errors::invalid_name(
            "Trail name must starts with a letter or number.",
        ));
    }
    if !ends_well(name.chars().last()) {
        return Err(errors::invalid_name(
            "Trail name must ends with a letter or number.",
        ));
    }
    let doubled = name
        .chars()
        .zip(name.chars().skip(1))
        .any(|(one, next)| !one.is_ascii_alphanumeric() && !next.is_ascii_alphanumeric());
    if doubled {
        return Err(errors::invalid_name(
            "Trail name must not contain adjacent periods, hyphens or underscores.",
        ));
    }
    Ok(())
}

fn text<'a>(call: &Call<'a>, member: &str) -> Option<&'a str> {
    call.input.get(member)?.as_str()
}

fn arn_of(call: &Call<'_>, text: &str) -> String {
    read(call, text).map_or_else(|_| text.to_owned(), |id| id.arn())
}

/// The trail that the call names.
pub(super) fn on_trail(_: &State, call: &Call<'_>) -> Vec<String> {
    let named = text(call, "Name").or_else(|| text(call, "TrailName"));
    vec![arn_of(call, named.unwrap_or_default())]
}

/// The resource whose tags are meant.
pub(super) fn on_resource(_: &State, call: &Call<'_>) -> Vec<String> {
    vec![text(call, "ResourceId").unwrap_or("*").to_owned()]
}

/// Every resource whose tags are asked for.
pub(super) fn on_resources(_: &State, call: &Call<'_>) -> Vec<String> {
    call.input
        .get("ResourceIdList")
        .and_then(serde_json::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect()
}

/// No resource.
pub(super) fn on_nothing(_: &State, _: &Call<'_>) -> Vec<String> {
    vec!["*".to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        for good in ["abc", "my-trail_1.x", "A2c"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in [
            "ab",
            "-abc",
            "abc-",
            "a--b",
            "a b c",
            "trail/x",
            &"x".repeat(129),
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
