//! Settings of the account as a whole that are neither its alias nor its rules for passwords: the kind of token that
//! the global STS endpoint gives, and the account properties.
//!
//! Owns which properties there are. What a setting does is its user's.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use stockade_wire::AwsError;

use super::errors;
use super::output::reply;
use super::scope::{iam, iam_mut};
use crate::call::{Call, Reply};
use crate::state::State as Range;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Preferences {
    global_endpoint_token_version: String,
}

pub(super) fn set_token_version(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Preferences = call.read()?;
    let all_regions = match input.global_endpoint_token_version.as_str() {
        "v1Token" => false,
        "v2Token" => true,
        other => {
            return Err(errors::validation(format!(
                "1 validation error detected: Value '{other}' at 'globalEndpointTokenVersion' failed to satisfy constraint: Member must satisfy enum value set: [v2Token, v1Token]"
            )));
        }
    };
    iam_mut(range, call)?.tokens_for_all_regions = all_regions;
    Ok(Reply::empty())
}

/// What a property may be.
#[derive(Clone, Copy)]
enum Kind {
    Boolean,
}

/// The properties of an account, by namespace and name.
const PROPERTIES: &[(&str, Kind)] = &[("RoleManager/Enabled", Kind::Boolean)];

impl Kind {
    fn accepts(self, value: &str) -> bool {
        match self {
            Self::Boolean => matches!(value, "true" | "false"),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    properties: BTreeMap<String, String>,
}

/// The namespace of a property's key, which has one slash, inside.
fn namespace(key: &str) -> Result<&str, AwsError> {
    match key.split_once('/') {
        Some((namespace, name))
            if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
        {
            Ok(namespace)
        }
        _ => Err(errors::invalid_input(format!(
            "The property key {key} is not valid: it must be of the form Namespace/PropertyName."
        ))),
    }
}

fn check(properties: &BTreeMap<String, String>) -> Result<(), AwsError> {
    let mut first = None;
    for (name, value) in properties {
        let namespace = namespace(name)?;
        if *first.get_or_insert(namespace) != namespace {
            return Err(errors::invalid_input(
                "All properties in a request must belong to the same namespace.",
            ));
        }
        let known = PROPERTIES.iter().find(|(known, _)| known == name);
        let Some((_, kind)) = known else {
            return Err(errors::invalid_input(format!(
                "The property {name} is not supported."
            )));
        };
        if !kind.accepts(value) {
            return Err(errors::invalid_input(format!(
                "The value of the property {name} must be {}.",
                kind.expected()
            )));
        }
    }
    match first {
        Some(_) => Ok(()),
        None => Err(errors::invalid_input("No property is given.")),
    }
}

pub(super) fn put_properties(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let Put { properties } = call.read()?;
    check(&properties)?;
    let kept = &mut iam_mut(range, call)?.properties;
    for (name, value) in properties {
        kept.insert(name, value);
    }
    Ok(Reply::empty())
}

pub(super) fn get_properties(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let state = iam(range, call)?;
    // What was never set is off.
    let mut shown: BTreeMap<&str, &str> = PROPERTIES
        .iter()
        .map(|(name, kind)| match kind {
            Kind::Boolean => (*name, "false"),
        })
        .collect();
    let set = state.properties.iter();
    shown.extend(set.map(|(name, value)| (name.as_str(), value.as_str())));
    Ok(reply(json!({"Properties": shown})))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn the_token_version_shows_in_the_summary() {
        let mut cloud = Cloud::new();
        let version = |cloud: &mut Cloud| {
            cloud.iam("GetAccountSummary", json!({})).unwrap()["SummaryMap"]["GlobalEndpointTokenVersion"].clone()
        };
        assert_eq!(version(&mut cloud), 1);
        for (name, number) in [("v2Token", 2), ("v1Token", 1)] {
            cloud
                .iam(
                    "SetSecurityTokenServicePreferences",
                    json!({"GlobalEndpointTokenVersion": name}),
                )
                .unwrap();
            assert_eq!(version(&mut cloud), number);
        }
        let bad = cloud.refused(
            "SetSecurityTokenServicePreferences",
            json!({"GlobalEndpointTokenVersion": "v3Token"}),
        );
        assert_eq!(bad.0, "ValidationError");
    }

    #[test]
    fn properties_are_checked_and_kept() {
        let mut cloud = Cloud::new();
        let got = |cloud: &mut Cloud| {
            cloud.iam("GetAccountProperties", json!({})).unwrap()["Properties"].clone()
        };
        assert_eq!(got(&mut cloud), json!({"RoleManager/Enabled": "false"}));
        for bad in [
            json!({}),
            json!({"RoleManager/Enabled": "yes"}),
            json!({"RoleManager/Colour": "true"}),
            json!({"RoleManager": "true"}),
            json!({"a/b/c": "true"}),
            json!({"RoleManager/Enabled": "true", "Other/Enabled": "true"}),
        ] {
            let refused = cloud.refused("PutAccountProperties", json!({"Properties": bad}));
            assert_eq!(refused.0, "InvalidInput", "{bad}");
        }
        assert_eq!(got(&mut cloud), json!({"RoleManager/Enabled": "false"}));
        cloud
            .iam(
                "PutAccountProperties",
                json!({"Properties": {"RoleManager/Enabled": "true"}}),
            )
            .unwrap();
        assert_eq!(got(&mut cloud), json!({"RoleManager/Enabled": "true"}));
    }
}
