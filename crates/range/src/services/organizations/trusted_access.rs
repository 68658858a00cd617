//! Trusted access: which services may act in the accounts of an organisation.
//!
//! Owns the services that there are for it. What a service does with the trust is the service's own business.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use stockade_model::Timestamp;
use stockade_wire::AwsError;

use super::errors;
use super::scope::{changed, managed, page};
use crate::call::{Call, Reply};
use crate::services::iam::output::time;
use crate::state::State as Range;

/// A service that works with Organizations: its principal, and how many accounts may administer it for an
/// organisation (none: it knows no such account).
pub(super) struct Service {
    name: &'static str,
    pub(super) delegates: usize,
}

const fn of(name: &'static str, delegates: usize) -> Service {
    Service { name, delegates }
}

/// In the order of their names.
const SERVICES: &[Service] = &[
    of("access-analyzer.amazonaws.com", 1),
    of("account.amazonaws.com", 1),
    of("auditmanager.amazonaws.com", 1),
    of("aws-artifact-account-sync.amazonaws.com", 0),
    of("backup.amazonaws.com", 5),
    of("bcm-data-exports.amazonaws.com", 0),
    of("cloudtrail.amazonaws.com", 3),
    of("compute-optimizer.amazonaws.com", 1),
    of("config-multiaccountsetup.amazonaws.com", 3),
    of("config.amazonaws.com", 3),
    of("controltower.amazonaws.com", 0),
    of("cost-optimization-hub.bcm.amazonaws.com", 1),
    of("detective.amazonaws.com", 1),
    of("devops-guru.amazonaws.com", 1),
    of("ds.amazonaws.com", 0),
    of("ec2.amazonaws.com", 0),
    of("fms.amazonaws.com", 10),
    of("guardduty.amazonaws.com", 1),
    of("health.amazonaws.com", 5),
    of("iam.amazonaws.com", 1),
    of("inspector2.amazonaws.com", 1),
    of("ipam.amazonaws.com", 1),
    of("license-management.marketplace.amazonaws.com", 0),
    of("license-manager-linux-subscriptions.amazonaws.com", 1),
    of("license-manager.amazonaws.com", 1),
    of("license-manager.member-account.amazonaws.com", 0),
    of("macie.amazonaws.com", 1),
    of("malware-protection.guardduty.amazonaws.com", 0),
    of("member.org.stacksets.cloudformation.amazonaws.com", 5),
    of("mgn.amazonaws.com", 1),
    of("network-security-director.amazonaws.com", 1),
    of("networkmanager.amazonaws.com", 10),
    of("notifications.amazonaws.com", 1),
    of("observabilityadmin.amazonaws.com", 1),
    of("ram.amazonaws.com", 0),
    of("reachabilityanalyzer.networkinsights.amazonaws.com", 5),
    of("reporting.trustedadvisor.amazonaws.com", 5),
    of("resource-explorer-2.amazonaws.com", 1),
    of("securityhub.amazonaws.com", 1),
    of("securityincidentresponse.amazonaws.com", 1),
    of("securitylake.amazonaws.com", 1),
    of("servicecatalog.amazonaws.com", 50),
    of("servicequotas.amazonaws.com", 0),
    of("ssm-incidents.amazonaws.com", 1),
    of("ssm-quicksetup.amazonaws.com", 1),
    of("ssm.amazonaws.com", 1),
    of("sso.amazonaws.com", 1),
    of("storage-lens.s3.amazonaws.com", 3),
    of("tagpolicies.tag.amazonaws.com", 1),
    of("wellarchitected.amazonaws.com", 0),
];

/// The service with this principal.
pub(super) fn service(principal: &str) -> Result<&'static Service, AwsError> {
    SERVICES
        .iter()
        .find(|service| service.name == principal)
        .ok_or_else(|| {
            errors::invalid(
                "UNRECOGNIZED_SERVICE_PRINCIPAL",
                "You specified an unrecognized service principal.",
            )
        })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfService {
    service_principal: String,
}

pub(super) fn enable(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfService { service_principal } = call.read()?;
    let organization = managed(range, call)?;
    service(&service_principal)?;
    if organization.features != "ALL" {
        return Err(errors::not_all_features());
    }
    // What is trusted already goes on being trusted, since when it was.
    if !organization.trusts(&service_principal) {
        let organization = changed(range, call)?;
        organization.trusted.insert(service_principal, call.now);
    }
    Ok(Reply::empty())
}

pub(super) fn disable(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfService { service_principal } = call.read()?;
    let organization = managed(range, call)?;
    service(&service_principal)?;
    let mut enabled = organization.enabled.iter();
    if enabled.any(|kind| kind.service() == Some(&service_principal)) {
        return Err(errors::constraint(
            "POLICY_TYPE_ENABLED_FOR_THIS_SERVICE",
            "You attempted to disable service access before you disabled the policy type. To complete this operation, you must first disable the policy type.",
        ));
    }
    let administers =
        |services: &BTreeMap<String, Timestamp>| services.contains_key(&service_principal);
    if organization.delegates.values().any(administers) {
        return Err(errors::constraint(
            "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE",
            "You attempted to disable service access while a delegated administrator is registered for the service. To complete this operation, you must first deregister any existing delegated administrators for this service.",
        ));
    }
    if organization.trusts(&service_principal) {
        changed(range, call)?.trusted.remove(&service_principal);
    }
    Ok(Reply::empty())
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let organization = managed(range, call)?;
    let trusted = organization.trusted.iter().map(|(name, since)| {
        let shown = json!({"ServicePrincipal": name, "DateEnabled": time(*since)});
        (name.clone(), shown)
    });
    page(call, "EnabledServicePrincipals", trusted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::iam::bench::Cloud;

    #[test]
    fn services_stand_once_and_in_order() {
        assert!(SERVICES.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn a_service_is_trusted_until_it_is_not() {
        let mut cloud = Cloud::new();
        cloud
            .organizations("CreateOrganization", json!({}))
            .unwrap();
        let trail = json!({"ServicePrincipal": "cloudtrail.amazonaws.com"});
        let list = |cloud: &mut Cloud| {
            cloud
                .organizations("ListAWSServiceAccessForOrganization", json!({}))
                .unwrap()["EnabledServicePrincipals"]
                .clone()
        };
        cloud
            .organizations("EnableAWSServiceAccess", trail.clone())
            .unwrap();
        cloud
            .organizations("EnableAWSServiceAccess", trail.clone())
            .unwrap();
        assert_eq!(
            list(&mut cloud)[0]["ServicePrincipal"],
            "cloudtrail.amazonaws.com"
        );
        cloud
            .organizations("DisableAWSServiceAccess", trail)
            .unwrap();
        assert_eq!(list(&mut cloud), json!([]));
        let unknown = json!({"ServicePrincipal": "nothing.amazonaws.com"});
        for operation in ["EnableAWSServiceAccess", "DisableAWSServiceAccess"] {
            let refused = cloud.organizations(operation, unknown.clone()).unwrap_err();
            assert_eq!(refused.fields["Reason"], "UNRECOGNIZED_SERVICE_PRINCIPAL");
        }
    }
}
