//! The organisation itself and its root: founded, shown, dissolved; types of policies switched on and off.
//!
//! Owns the organisation's own settings.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::errors;
use super::membership::{self, Departed};
use super::policy_types::PolicyType;
use super::scope::{changed, managed, member, page};
use super::state::{Joined, Member, Organization};
use super::transfers;
use crate::call::{Call, Reply};
use crate::services::iam::output::reply;
use crate::state::State as Range;
use crate::table::Table;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    feature_set: Option<String>,
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    if range.organizations.read().has_account(call.account()) {
        return Err(errors::of(
            "AlreadyInOrganizationException",
            "The AWS account is already a member of an organization.",
        ));
    }
    let root = format!("r-{}", range.ids.lower(4));
    let founder = Member {
        parent: root.clone(),
        joined: call.now,
        method: Joined::Invited,
        moved: call.now,
        tags: Vec::new(),
    };
    let organization = Organization {
        id: format!("o-{}", range.ids.lower(10)),
        management: call.account().clone(),
        features: input.feature_set.unwrap_or_else(|| "ALL".to_owned()),
        root,
        root_tags: Vec::new(),
        units: Table::new(),
        members: Table::from([(call.account().clone(), founder)]),
        policies: Table::new(),
        enabled: BTreeSet::new(),
        attachments: Table::new(),
        requests: Table::new(),
        touched: BTreeMap::new(),
        trusted: BTreeMap::new(),
        delegates: Table::new(),
        resource_policy: None,
        closings: Vec::new(),
    };
    if organization.features == "ALL" {
        membership::add_role(range, call, call.account())?;
    }
    let event = membership::joined(&organization, call.account(), Joined::Invited, call.now);
    let mut answer = reply(shown(range, &organization));
    answer.record.service_events.push(event);
    range
        .organizations
        .write(call.now, range.config.iam_delay)
        .add(organization);
    Ok(answer)
}

fn shown(range: &Range, organization: &Organization) -> Value {
    let management = organization.management.as_str();
    let email = range
        .account(&organization.management)
        .map(|account| account.email.as_str());
    // What this member shows is out of date on AWS too: it names the type whether or not it is switched on.
    let types = match organization.features.as_str() {
        "ALL" => json!([{"Type": PolicyType::ServiceControl.name(), "Status": "ENABLED"}]),
        _ => json!([]),
    };
    json!({"Organization": {
        "Id": organization.id,
        "Arn": organization.own_arn(),
        "FeatureSet": organization.features,
        "MasterAccountArn": organization.target_arn(management),
        "MasterAccountId": management,
        "MasterAccountEmail": email.unwrap_or_default(),
        "AvailablePolicyTypes": types,
    }})
}

/// The one call that every account of an organisation may make.
pub(super) fn describe(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    Ok(reply(shown(range, member(range, call)?)))
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let organization = managed(range, call)?;
    if organization.members.len() > 1
        || !organization.units.is_empty()
        || !organization.policies.is_empty()
    {
        return Err(errors::of(
            "OrganizationNotEmptyException",
            "To delete an organization you must first remove all member accounts (except the master).",
        ));
    }
    if transfers::is_pending(range, &organization.id, call.now) {
        return Err(errors::constraint(
            "ACTIVE_RESPONSIBILITY_TRANSFER_PROCESS",
            "You cannot delete organization due to an ongoing responsibility transfer process.",
        ));
    }
    let id = organization.id.clone();
    let mut answer = Reply::empty();
    let event = membership::departed(organization, call.account(), Departed::Left, call.now);
    answer.record.service_events.push(event);
    let organizations = range.organizations.write(call.now, range.config.iam_delay);
    organizations.remove(&id);
    // What nobody can answer any more is gone with it.
    organizations
        .handshakes
        .retain(|_, handshake| handshake.organization != id);
    Ok(answer)
}

fn root(organization: &Organization) -> Value {
    let enabled = organization.enabled.iter();
    let types: Vec<_> = enabled
        .map(|kind| json!({"Type": kind.name(), "Status": "ENABLED"}))
        .collect();
    json!({
        "Id": organization.root,
        "Arn": organization.target_arn(&organization.root),
        "Name": "Root",
        "PolicyTypes": types,
    })
}

pub(super) fn roots(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let organization = managed(range, call)?;
    page(
        call,
        "Roots",
        [(organization.root.clone(), root(organization))],
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfType {
    root_id: String,
    policy_type: String,
}

impl OfType {
    fn check(&self, organization: &Organization) -> Result<PolicyType, AwsError> {
        if self.root_id != organization.root {
            return Err(errors::of(
                "RootNotFoundException",
                "You specified a root that doesn't exist.",
            ));
        }
        let kind = PolicyType::read(&self.policy_type)?;
        if organization.features != "ALL" {
            return Err(errors::type_not_available());
        }
        Ok(kind)
    }
}

pub(super) fn enable_type(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfType = call.read()?;
    let organization = managed(range, call)?;
    let kind = input.check(organization)?;
    if organization.enabled.contains(&kind) {
        return Err(errors::of(
            "PolicyTypeAlreadyEnabledException",
            "The specified policy type is already enabled.",
        ));
    }
    if kind
        .service()
        .is_some_and(|service| !organization.trusts(service))
    {
        return Err(errors::constraint(
            "SERVICE_ACCESS_NOT_ENABLED",
            "You attempted to enable a policy type before you enabled service access. Call the EnableAWSServiceAccess API first.",
        ));
    }
    let organization = changed(range, call)?;
    organization.enabled.insert(kind);
    organization.touched.insert(kind, call.now);
    if let Some(full_access) = kind.full_access_id() {
        for target in organization.targets() {
            let attached = organization.attachments.entry(target).or_default();
            attached.push(full_access.to_owned());
        }
    }
    Ok(reply(json!({"Root": root(organization)})))
}

pub(super) fn disable_type(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfType = call.read()?;
    let organization = managed(range, call)?;
    let kind = input.check(organization)?;
    if !organization.enabled.contains(&kind) {
        return Err(type_not_enabled());
    }
    let of_kind = organization
        .policies
        .values()
        .filter(|policy| policy.kind == kind);
    let mut gone: BTreeSet<String> = of_kind.map(|policy| policy.id.clone()).collect();
    gone.extend(kind.full_access_id().map(str::to_owned));
    let organization = changed(range, call)?;
    organization.enabled.remove(&kind);
    organization.touched.insert(kind, call.now);
    organization.attachments.change_where(
        |_, attached| attached.iter().any(|id| gone.contains(id)),
        |attached| attached.retain(|id| !gone.contains(id)),
    );
    Ok(reply(json!({"Root": root(organization)})))
}

pub(super) fn type_not_enabled() -> AwsError {
    errors::of(
        "PolicyTypeNotEnabledException",
        "This operation can be performed only for enabled policy types.",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::services::iam::bench::Cloud;

    #[test]
    fn an_organisation_is_founded_once_and_dissolved_when_empty() {
        let mut cloud = Cloud::new();
        let none = cloud
            .organizations("DescribeOrganization", json!({}))
            .unwrap_err();
        assert_eq!(none.code, "AWSOrganizationsNotInUseException");
        let made = cloud
            .organizations("CreateOrganization", json!({}))
            .unwrap()["Organization"]
            .clone();
        assert_eq!(
            (&made["FeatureSet"], &made["MasterAccountId"]),
            (&json!("ALL"), &json!("123456789012"))
        );
        assert_eq!(
            cloud
                .organizations("DescribeOrganization", json!({}))
                .unwrap()["Organization"],
            made
        );
        let twice = cloud
            .organizations("CreateOrganization", json!({}))
            .unwrap_err();
        assert_eq!(twice.code, "AlreadyInOrganizationException");
        let roots = cloud.organizations("ListRoots", json!({})).unwrap();
        assert_eq!(roots["Roots"][0]["PolicyTypes"], json!([]));
        cloud
            .organizations("DeleteOrganization", json!({}))
            .unwrap();
        assert_eq!(
            cloud
                .organizations("ListRoots", json!({}))
                .unwrap_err()
                .code,
            "AWSOrganizationsNotInUseException"
        );
    }

    #[test]
    fn a_type_is_switched_on_with_full_access_everywhere() {
        let mut cloud = Cloud::new();
        cloud
            .organizations("CreateOrganization", json!({}))
            .unwrap();
        let root = cloud.organizations("ListRoots", json!({})).unwrap()["Roots"][0]["Id"].clone();
        let kind = json!({"RootId": root, "PolicyType": "SERVICE_CONTROL_POLICY"});
        let off = cloud
            .organizations("DisablePolicyType", kind.clone())
            .unwrap_err();
        assert_eq!(off.code, "PolicyTypeNotEnabledException");
        let on = cloud
            .organizations("EnablePolicyType", kind.clone())
            .unwrap();
        assert_eq!(
            on["Root"]["PolicyTypes"][0],
            json!({"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"})
        );
        let twice = cloud.organizations("EnablePolicyType", kind).unwrap_err();
        assert_eq!(twice.code, "PolicyTypeAlreadyEnabledException");
        let input = json!({"ParentId": root, "Name": "later"});
        let unit = cloud
            .organizations("CreateOrganizationalUnit", input)
            .unwrap()["OrganizationalUnit"]["Id"]
            .clone();
        for target in [root, unit, json!("123456789012")] {
            let on = json!({"TargetId": target, "Filter": "SERVICE_CONTROL_POLICY"});
            let listed = cloud.organizations("ListPoliciesForTarget", on).unwrap();
            assert_eq!(listed["Policies"][0]["Id"], "p-FullAWSAccess");
            assert_eq!(listed["Policies"][0]["AwsManaged"], true);
        }
        let wrong = json!({"RootId": "r-none", "PolicyType": "SERVICE_CONTROL_POLICY"});
        assert_eq!(
            cloud
                .organizations("EnablePolicyType", wrong)
                .unwrap_err()
                .code,
            "RootNotFoundException"
        );
    }
}
