//! Which policies stand on which targets.
//!
//! Owns attaching and detaching, with their limits.

use serde::Deserialize;
use serde_json::json;
use stockade_wire::AwsError;

use super::organization::type_not_enabled;
use super::policies::summary;
use super::policy_types::PolicyType;
use super::scope::{changed, managed, page};
use super::state::Organization;
use super::{effective, errors};
use crate::call::{Call, Reply};
use crate::state::State as Range;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pair {
    policy_id: String,
    target_id: String,
}

/// The type of the call's policy; both the policy and the target must exist, and the type be switched on.
fn check(organization: &Organization, pair: &Pair) -> Result<PolicyType, AwsError> {
    let policy = organization
        .policy(&pair.policy_id)
        .ok_or_else(errors::no_policy)?;
    if !organization.is_target(&pair.target_id) {
        return Err(errors::no_target());
    }
    if !organization.enabled.contains(&policy.kind) {
        return Err(type_not_enabled());
    }
    Ok(policy.kind)
}

/// An empty answer, and the events of what the change has broken or mended.
fn told(before: &Organization, after: &Organization, kind: PolicyType, call: &Call<'_>) -> Reply {
    let mut answer = Reply::empty();
    answer.record.service_events = effective::verdicts(before, after, kind, call.now);
    answer
}

pub(super) fn attach(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let pair: Pair = call.read()?;
    let organization = managed(range, call)?;
    let kind = check(organization, &pair)?;
    if organization.is_attached(&pair.policy_id, &pair.target_id) {
        return Err(errors::of(
            "DuplicatePolicyAttachmentException",
            "The selected policy is already attached to the specified target.",
        ));
    }
    if organization.policies_on(&pair.target_id, kind).len() >= kind.per_target() {
        return Err(errors::constraint(
            "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You have attached the maximum number of policies to the specified target.",
        ));
    }
    let before = organization.clone();
    let organization = changed(range, call)?;
    organization.touched.insert(kind, call.now);
    organization
        .attachments
        .entry(pair.target_id)
        .or_default()
        .push(pair.policy_id);
    Ok(told(&before, organization, kind, call))
}

pub(super) fn detach(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let pair: Pair = call.read()?;
    let organization = managed(range, call)?;
    let kind = check(organization, &pair)?;
    if !organization.is_attached(&pair.policy_id, &pair.target_id) {
        return Err(errors::of(
            "PolicyNotAttachedException",
            "The policy isn't attached to the specified target in the specified root.",
        ));
    }
    if kind == PolicyType::ResourceControl && Some(&*pair.policy_id) == kind.full_access_id() {
        return Err(errors::invalid(
            "NON_DETACHABLE_POLICY",
            "You can't detach this Amazon Web Services managed policy.",
        ));
    }
    if !kind.is_management() && organization.policies_on(&pair.target_id, kind).len() <= 1 {
        return Err(errors::constraint(
            "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You cannot remove the last policy attached to the specified target. You should have at least one attached at all times.",
        ));
    }
    let before = organization.clone();
    let organization = changed(range, call)?;
    organization.touched.insert(kind, call.now);
    if let Some(attached) = organization.attachments.get_mut(&pair.target_id) {
        attached.retain(|id| *id != pair.policy_id);
    }
    Ok(told(&before, organization, kind, call))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfTarget {
    target_id: String,
    filter: String,
}

pub(super) fn on_target(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfTarget = call.read()?;
    let organization = managed(range, call)?;
    if !organization.is_target(&input.target_id) {
        return Err(errors::no_target());
    }
    let kind = PolicyType::read(&input.filter)?;
    let mut policies: Vec<_> = organization
        .policies_on(&input.target_id, kind)
        .iter()
        .map(|policy| (policy.id.clone(), summary(organization, policy)))
        .collect();
    policies.sort_by(|one, other| one.0.cmp(&other.0));
    page(call, "Policies", policies)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfPolicy {
    policy_id: String,
}

pub(super) fn targets(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfPolicy { policy_id } = call.read()?;
    let organization = managed(range, call)?;
    organization
        .policy(&policy_id)
        .ok_or_else(errors::no_policy)?;
    let carrying = organization
        .attachments
        .iter()
        .filter(|(_, attached)| attached.contains(&policy_id));
    let targets = carrying.map(|(id, _)| {
        let (kind, name) = if *id == organization.root {
            ("ROOT", Some("Root"))
        } else if let Some(unit) = organization.units.get(id) {
            ("ORGANIZATIONAL_UNIT", Some(unit.name.as_str()))
        } else {
            let account = id.parse().ok().and_then(|id| range.accounts.get(&id));
            ("ACCOUNT", account.map(|account| account.name.as_str()))
        };
        let shown = json!({
            "TargetId": id,
            "Arn": organization.target_arn(id),
            "Name": name,
            "Type": kind,
        });
        (id.clone(), shown)
    });
    page(call, "Targets", targets)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::services::iam::bench::Cloud;

    const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:CreateUser","Resource":"*"}]}"#;
    const SCP: &str = "SERVICE_CONTROL_POLICY";

    struct Tree {
        cloud: Cloud,
        root: serde_json::Value,
        unit: serde_json::Value,
        account: String,
    }

    /// A management account, and a member in a unit, with service control policies switched on.
    fn tree() -> Tree {
        let mut cloud = Cloud::new();
        cloud
            .organizations("CreateOrganization", json!({}))
            .unwrap();
        let root = cloud.organizations("ListRoots", json!({})).unwrap()["Roots"][0]["Id"].clone();
        cloud
            .organizations(
                "EnablePolicyType",
                json!({"RootId": root, "PolicyType": SCP}),
            )
            .unwrap();
        let unit = cloud
            .organizations(
                "CreateOrganizationalUnit",
                json!({"ParentId": root, "Name": "u"}),
            )
            .unwrap();
        let unit = unit["OrganizationalUnit"]["Id"].clone();
        cloud
            .organizations(
                "CreateAccount",
                json!({"AccountName": "m", "Email": "m@stockade.example"}),
            )
            .unwrap();
        let listed = cloud.organizations("ListAccounts", json!({})).unwrap();
        let mut ids = listed["Accounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["Id"].as_str().unwrap().to_owned());
        let account = ids.find(|id| id != "123456789012").unwrap();
        let to_unit =
            json!({"AccountId": account, "SourceParentId": root, "DestinationParentId": unit});
        cloud.organizations("MoveAccount", to_unit).unwrap();
        Tree {
            cloud,
            root,
            unit,
            account,
        }
    }

    fn policy(cloud: &mut Cloud, name: &str) -> serde_json::Value {
        let input = json!({"Content": DENY, "Description": "", "Name": name, "Type": SCP});
        cloud.organizations("CreatePolicy", input).unwrap()["Policy"]["PolicySummary"]["Id"].clone()
    }

    #[test]
    fn a_policy_stops_a_members_administrator_at_every_level_and_never_the_management() {
        let Tree {
            mut cloud,
            root,
            unit,
            account,
        } = tree();
        let id = policy(&mut cloud, "deny");
        let role = cloud.role(&account, "OrganizationAccountAccessRole");
        for (n, target) in [root, unit, json!(account)].into_iter().enumerate() {
            let make = json!({"UserName": format!("u{n}")});
            let pair = json!({"PolicyId": id, "TargetId": target});
            cloud.organizations("AttachPolicy", pair.clone()).unwrap();
            let refused = cloud
                .call(&role, "iam", "CreateUser", make.clone())
                .unwrap_err();
            assert!(
                refused
                    .message
                    .contains("explicit deny in a service control policy"),
                "{}",
                refused.message
            );
            cloud.iam("CreateUser", make.clone()).unwrap();
            let root_of_member = Cloud::root(&account);
            assert!(
                cloud
                    .call(&root_of_member, "iam", "CreateUser", make.clone())
                    .is_err(),
                "root is bound too"
            );
            cloud.organizations("DetachPolicy", pair).unwrap();
            cloud.call(&role, "iam", "CreateUser", make).unwrap();
        }
    }

    #[test]
    fn attachments_have_their_limits() {
        let Tree {
            mut cloud, unit, ..
        } = tree();
        let on_unit = |id: &serde_json::Value| json!({"PolicyId": id, "TargetId": unit});
        let full = json!("p-FullAWSAccess");
        let last = cloud
            .organizations("DetachPolicy", on_unit(&full))
            .unwrap_err();
        assert_eq!(
            last.fields["Reason"],
            "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"
        );
        let ids: Vec<_> = (0..10)
            .map(|n| policy(&mut cloud, &format!("p{n}")))
            .collect();
        for id in &ids[..9] {
            cloud.organizations("AttachPolicy", on_unit(id)).unwrap();
        }
        let eleventh = cloud
            .organizations("AttachPolicy", on_unit(&ids[9]))
            .unwrap_err();
        assert_eq!(
            eleventh.fields["Reason"],
            "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"
        );
        let twice = cloud
            .organizations("AttachPolicy", on_unit(&ids[0]))
            .unwrap_err();
        assert_eq!(twice.code, "DuplicatePolicyAttachmentException");
        let none = cloud
            .organizations("DetachPolicy", on_unit(&ids[9]))
            .unwrap_err();
        assert_eq!(none.code, "PolicyNotAttachedException");
        let in_use = cloud
            .organizations("DeletePolicy", json!({"PolicyId": ids[0]}))
            .unwrap_err();
        assert_eq!(in_use.code, "PolicyInUseException");
        let targets = cloud
            .organizations("ListTargetsForPolicy", json!({"PolicyId": ids[0]}))
            .unwrap();
        assert_eq!(
            (
                &targets["Targets"][0]["Name"],
                &targets["Targets"][0]["Type"]
            ),
            (&json!("u"), &json!("ORGANIZATIONAL_UNIT"))
        );
        let nowhere = json!({"PolicyId": ids[0], "TargetId": "ou-none-none0000"});
        assert_eq!(
            cloud
                .organizations("AttachPolicy", nowhere)
                .unwrap_err()
                .code,
            "TargetNotFoundException"
        );
    }

    #[test]
    fn without_full_access_nothing_is_allowed() {
        let Tree {
            mut cloud,
            unit,
            account,
            ..
        } = tree();
        let id = policy(&mut cloud, "deny");
        cloud
            .organizations("AttachPolicy", json!({"PolicyId": id, "TargetId": unit}))
            .unwrap();
        cloud
            .organizations(
                "DetachPolicy",
                json!({"PolicyId": "p-FullAWSAccess", "TargetId": unit}),
            )
            .unwrap();
        let role = cloud.role(&account, "OrganizationAccountAccessRole");
        let refused = cloud
            .call(&role, "iam", "ListUsers", json!({}))
            .unwrap_err();
        assert!(
            refused.message.contains("no service control policy allows"),
            "{}",
            refused.message
        );
    }
}
