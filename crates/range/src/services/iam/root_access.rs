//! Central root access: what an organisation's management account may do as the root of its members.
//!
//! Owns which of the two features are on. Taking the root's sessions is STS's.

use serde::{Deserialize, Serialize};
use serde_json::json;
use stockade_wire::AwsError;

use super::output::reply;
use super::scope::iam;
use crate::call::{Call, Reply};
use crate::services::organizations::Organization;
use crate::state::State as Range;

/// The service that an organisation must trust first.
pub const TRUSTED_SERVICE: &str = "iam.amazonaws.com";

/// A feature of central root access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RootFeature {
    /// The members' root credentials may be looked at and taken away.
    RootCredentialsManagement,
    /// Privileged tasks may be done as a member's root.
    RootSessions,
}

fn error(code: &str, message: impl Into<String>) -> AwsError {
    AwsError::new(400, code, message)
}

/// The caller's organisation, which must trust IAM.
fn trusting<'a>(range: &'a Range, call: &Call<'_>) -> Result<&'a Organization, AwsError> {
    let organization = range
        .organizations
        .read()
        .of(call.account())
        .ok_or_else(|| {
            error(
                "OrganizationNotFoundException",
                "The request was rejected because no organization is associated with your account.",
            )
        })?;
    let manages = organization.management == *call.account();
    let services = organization.delegates.get(call.account());
    let delegated = services.is_some_and(|services| services.contains_key(TRUSTED_SERVICE));
    if !manages && !delegated {
        return Err(error(
            "AccountNotManagementOrDelegatedAdministratorException",
            "The request was rejected because the account making the request is not the management account or delegated administrator account for centralized root access.",
        ));
    }
    if organization.features != "ALL" {
        return Err(error(
            "OrganizationNotInAllFeaturesModeException",
            "The request was rejected because your organization does not have All features enabled.",
        ));
    }
    if !organization.trusts(TRUSTED_SERVICE) {
        return Err(error(
            "ServiceAccessNotEnabledException",
            format!(
                "Trusted Access for IAM not enabled by organization of input account {}.",
                call.account()
            ),
        ));
    }
    Ok(organization)
}

fn shown(range: &Range, organization: &Organization) -> Result<Reply, AwsError> {
    let features = &range
        .account(&organization.management)?
        .iam
        .read()
        .root_features;
    Ok(reply(json!({
        "OrganizationId": organization.id,
        "EnabledFeatures": features,
    })))
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    // The account must be there, as for every call.
    iam(range, call)?;
    shown(range, trusting(range, call)?)
}

/// Switches one feature.
fn switch(
    range: &mut Range,
    call: &Call<'_>,
    feature: RootFeature,
    on: bool,
) -> Result<Reply, AwsError> {
    let organization = trusting(range, call)?;
    if organization.management != *call.account() {
        return Err(error(
            "CallerIsNotManagementAccountException",
            "The request was rejected because the account making the request is not the management account for the organization.",
        ));
    }
    let management = organization.management.clone();
    let delay = range.config.iam_delay;
    let features = &mut range
        .account_mut(&management)?
        .iam
        .write(call.now, delay)
        .root_features;
    match on {
        true => features.insert(feature),
        false => features.remove(&feature),
    };
    shown(range, trusting(range, call)?)
}

pub(super) fn enable_credentials(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    switch(range, call, RootFeature::RootCredentialsManagement, true)
}

pub(super) fn disable_credentials(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    switch(range, call, RootFeature::RootCredentialsManagement, false)
}

pub(super) fn enable_sessions(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    switch(range, call, RootFeature::RootSessions, true)
}

pub(super) fn disable_sessions(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    switch(range, call, RootFeature::RootSessions, false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::{ACCOUNT, Cloud};
    use super::*;

    const FEATURES: [(&str, &str); 4] = [
        (
            "EnableOrganizationsRootCredentialsManagement",
            "RootCredentialsManagement",
        ),
        ("EnableOrganizationsRootSessions", "RootSessions"),
        ("DisableOrganizationsRootCredentialsManagement", ""),
        ("DisableOrganizationsRootSessions", ""),
    ];

    #[test]
    fn features_are_switched_by_the_management_account_once_iam_is_trusted() {
        let mut cloud = Cloud::new();
        for (operation, _) in FEATURES {
            let alone = cloud.refused(operation, json!({}));
            assert_eq!(alone.0, "OrganizationNotFoundException");
        }
        cloud
            .organizations("CreateOrganization", json!({}))
            .unwrap();
        let untrusted = cloud.refused("ListOrganizationsFeatures", json!({}));
        assert_eq!(untrusted.0, "ServiceAccessNotEnabledException");
        let iam = json!({"ServicePrincipal": TRUSTED_SERVICE});
        cloud.organizations("EnableAWSServiceAccess", iam).unwrap();
        let on = |cloud: &mut Cloud| {
            cloud.iam("ListOrganizationsFeatures", json!({})).unwrap()["EnabledFeatures"].clone()
        };
        assert_eq!(on(&mut cloud), json!([]));
        for (operation, feature) in FEATURES.iter().take(2) {
            let answer = cloud.iam(operation, json!({})).unwrap();
            assert!(answer["OrganizationId"].as_str().unwrap().starts_with("o-"));
            assert!(
                answer["EnabledFeatures"]
                    .as_array()
                    .unwrap()
                    .contains(&json!(feature))
            );
        }
        assert_eq!(
            on(&mut cloud),
            json!(["RootCredentialsManagement", "RootSessions"])
        );
        cloud
            .iam("DisableOrganizationsRootCredentialsManagement", json!({}))
            .unwrap();
        assert_eq!(on(&mut cloud), json!(["RootSessions"]));
        let account = cloud.range.account(&ACCOUNT.parse().unwrap()).unwrap();
        assert!(
            account
                .iam
                .read()
                .root_features
                .contains(&RootFeature::RootSessions)
        );
    }
}
