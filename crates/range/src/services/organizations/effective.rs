//! Effective policies: what the management policies on the way from the root to an account come to for it.
//!
//! Owns what is shown of them, and whether they can work. The merging is `inheritance.rs`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::{AccountId, Timestamp};
use stockade_wire::AwsError;

use super::accounts::{named, shown};
use super::inheritance::{self, Setting};
use super::policy_types::PolicyType;
use super::scope::{managed, member, page};
use super::state::{Organization, OrganizationPolicy};
use super::validity::{self, Fault};
use super::{errors, membership};
use crate::call::{Call, Reply, ServiceEvent};
use crate::services::iam::output::{reply, time};
use crate::state::State as Range;
use crate::trail;

/// The effective policy of a type for an account; none where no policy of the type reaches it.
fn effective(
    organization: &Organization,
    account: &AccountId,
    kind: PolicyType,
) -> Option<Setting> {
    if !organization.enabled.contains(&kind) {
        return None;
    }
    let line = organization.ancestry(account.as_str());
    let levels: Vec<Vec<Arc<OrganizationPolicy>>> = line
        .iter()
        .map(|target| organization.policies_on(target, kind))
        .collect();
    if levels.iter().all(Vec::is_empty) {
        return None;
    }
    let said: Vec<Vec<inheritance::Said<'_>>> = levels
        .iter()
        .map(|level| {
            let said = level
                .iter()
                .filter_map(|policy| Some((policy.id.as_str(), policy.document.management()?)));
            said.collect()
        })
        .collect();
    Some(inheritance::merge(&said))
}

/// The events of accounts whose effective policy a change has broken, or mended.
pub(super) fn verdicts(
    before: &Organization,
    after: &Organization,
    kind: PolicyType,
    now: Timestamp,
) -> Vec<ServiceEvent> {
    if !validity::is_checked(kind) {
        return Vec::new();
    }
    let faults = |organization: &Organization, account: &AccountId| {
        let policy = effective(organization, account, kind);
        policy.map_or_else(Vec::new, |policy| validity::faults(kind, &policy))
    };
    let told = |account: &AccountId| {
        let (then, now_faults) = (faults(before, account), faults(after, account));
        (then != now_faults).then(|| verdict(after, account, kind, &now_faults, now))
    };
    after.members.keys().filter_map(told).collect()
}

fn verdict(
    organization: &Organization,
    account: &AccountId,
    kind: PolicyType,
    faults: &[Fault],
    now: Timestamp,
) -> ServiceEvent {
    let at = trail::in_words(now);
    let mut details = json!({
        "accountId": account,
        "policyType": kind.name(),
        "state": if faults.is_empty() { "VALID" } else { "INVALID" },
        "requestTimestamp": at,
        "info": match faults.is_empty() {
            true => "Previous effective policy validation error(s) resolved for this account/policyType",
            false => "All validation errors listed",
        },
    });
    let listed = faults.iter().map(|fault| {
        json!({
            "accountPath": organization.full_path_of(account.as_str()),
            "evaluationTimestamp": at,
            "errorCode": fault.code,
            "errorMessage": fault.message,
            "pathToError": fault.path,
            "contributingPolicies": fault.policies,
        })
    });
    if let Some(members) = details.as_object_mut().filter(|_| !faults.is_empty()) {
        members.insert("validationErrors".to_owned(), listed.collect());
    }
    ServiceEvent {
        read_only: true,
        region: None,
        resources: None,
        ..membership::event(organization, "EffectivePolicyValidation", details)
    }
}

/// When what an account's effective policy comes from last changed.
fn updated(organization: &Organization, account: &AccountId, kind: PolicyType) -> Timestamp {
    let moved = organization.members.get(account).map(|member| member.moved);
    let touched = organization.touched.get(&kind).copied();
    moved.max(touched).unwrap_or_default()
}

/// A type whose policies are merged.
fn management_type(name: &str) -> Result<PolicyType, AwsError> {
    let kind = PolicyType::read(name)?;
    match kind.is_management() {
        true => Ok(kind),
        false => Err(errors::invalid(
            "INVALID_ENUM_POLICY_TYPE",
            "You specified an invalid policy type string.",
        )),
    }
}

fn none() -> AwsError {
    errors::of(
        "EffectivePolicyNotFoundException",
        "The effective policy for the specified target and policy type doesn't exist.",
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    policy_type: String,
    target_id: Option<String>,
}

/// Every account may see its own; the management account those of all.
pub(super) fn describe(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Describe = call.read()?;
    let own = call.account().as_str();
    let target = input.target_id.as_deref().unwrap_or(own);
    let organization = match target == own {
        true => member(range, call)?,
        false => managed(range, call)?,
    };
    let kind = management_type(&input.policy_type)?;
    if organization.is_parent(target) {
        return Err(errors::invalid(
            "TARGET_NOT_SUPPORTED",
            "You can't perform the specified operation on that target entity.",
        ));
    }
    let account: AccountId = target.parse().map_err(|_| errors::no_target())?;
    if !organization.members.contains_key(&account) {
        return Err(errors::no_target());
    }
    let policy = effective(organization, &account, kind).ok_or_else(none)?;
    let content = policy.result().unwrap_or_else(|| json!({}));
    Ok(reply(json!({"EffectivePolicy": {
        "PolicyContent": content.to_string(),
        "LastUpdatedTimestamp": time(updated(organization, &account, kind)),
        "TargetId": account,
        "PolicyType": kind.name(),
    }})))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfType {
    policy_type: String,
    account_id: Option<String>,
}

pub(super) fn invalid_accounts(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfType = call.read()?;
    let organization = managed(range, call)?;
    let kind = management_type(&input.policy_type)?;
    if !organization.enabled.contains(&kind) {
        return Err(none());
    }
    let invalid = organization.members.iter().filter(|(id, _)| {
        effective(organization, id, kind)
            .is_some_and(|policy| !validity::faults(kind, &policy).is_empty())
    });
    let accounts = invalid.map(|(id, member)| {
        let account = shown(range, organization, id, member, call.now);
        (id.to_string(), account)
    });
    let mut answer = page(call, "Accounts", accounts)?;
    answer
        .output
        .insert("PolicyType".to_owned(), kind.name().into());
    Ok(answer)
}

pub(super) fn faults(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfType = call.read()?;
    let organization = managed(range, call)?;
    let kind = management_type(&input.policy_type)?;
    let (id, _) = named(organization, &input.account_id.unwrap_or_default())?;
    let policy = effective(organization, &id, kind).ok_or_else(none)?;
    let faults = validity::faults(kind, &policy);
    // Pages go by keys in their order.
    let shown = faults.into_iter().enumerate().map(|(at, fault)| {
        let shown: Value = json!({
            "ErrorCode": fault.code,
            "ErrorMessage": fault.message,
            "PathToError": fault.path,
            "ContributingPolicies": fault.policies,
        });
        (format!("{at:06}"), shown)
    });
    let mut answer = page(call, "EffectivePolicyValidationErrors", shown)?;
    let more = json!({
        "AccountId": id,
        "PolicyType": kind.name(),
        "Path": organization.full_path_of(id.as_str()),
        "EvaluationTimestamp": time(updated(organization, &id, kind)),
    });
    if let Value::Object(more) = more {
        answer.output.extend(more);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::services::iam::bench::{ACCOUNT, Cloud};

    fn founded(kind: &str) -> (Cloud, Value) {
        let mut cloud = Cloud::new();
        cloud
            .organizations("CreateOrganization", json!({}))
            .unwrap();
        let root = cloud.organizations("ListRoots", json!({})).unwrap()["Roots"][0]["Id"].clone();
        let on = json!({"RootId": root, "PolicyType": kind});
        cloud.organizations("EnablePolicyType", on).unwrap();
        (cloud, root)
    }

    fn attach(cloud: &mut Cloud, kind: &str, name: &str, target: &Value, content: Value) -> Value {
        let made =
            json!({"Type": kind, "Name": name, "Description": "", "Content": content.to_string()});
        let made = cloud.organizations("CreatePolicy", made).unwrap();
        let id = made["Policy"]["PolicySummary"]["Id"].clone();
        let pair = json!({"PolicyId": id, "TargetId": target});
        cloud.organizations("AttachPolicy", pair).unwrap();
        id
    }

    #[test]
    fn the_effective_policy_is_what_the_line_comes_to() {
        let (mut cloud, root) = founded("TAG_POLICY");
        let own = json!({"PolicyType": "TAG_POLICY"});
        let none = cloud
            .organizations("DescribeEffectivePolicy", own.clone())
            .unwrap_err();
        assert_eq!(none.code, "EffectivePolicyNotFoundException");
        let key = json!({"tags": {"cc": {"tag_key": {"@@assign": "CC"}, "tag_value": {"@@assign": ["a"]}}}});
        attach(&mut cloud, "TAG_POLICY", "root", &root, key);
        let more = json!({"tags": {"cc": {"tag_value": {"@@append": ["b"]}}}});
        attach(&mut cloud, "TAG_POLICY", "own", &json!(ACCOUNT), more);
        let shown =
            cloud.organizations("DescribeEffectivePolicy", own).unwrap()["EffectivePolicy"].clone();
        let content: Value =
            serde_json::from_str(shown["PolicyContent"].as_str().unwrap()).unwrap();
        assert_eq!(
            content,
            json!({"tags": {"cc": {"tag_key": "CC", "tag_value": ["a", "b"]}}})
        );
        assert_eq!(
            (&shown["TargetId"], &shown["PolicyType"]),
            (&json!(ACCOUNT), &json!("TAG_POLICY"))
        );
        let of_root = json!({"PolicyType": "TAG_POLICY", "TargetId": root});
        let refused = cloud
            .organizations("DescribeEffectivePolicy", of_root)
            .unwrap_err();
        assert_eq!(refused.fields["Reason"], "TARGET_NOT_SUPPORTED");
    }

    #[test]
    fn a_backup_plan_with_too_many_rules_is_told_with_the_policies_that_made_it() {
        let (mut cloud, root) = founded("BACKUP_POLICY");
        let rules = |names: std::ops::Range<usize>| -> Value {
            let rule = json!({"target_backup_vault_name": {"@@assign": "v"}});
            names
                .map(|n| (format!("r{n}"), rule.clone()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let tags = json!({"daily": {"iam_role_arn": {"@@assign": "arn:aws:iam::$account:role/b"},
            "tag_key": {"@@assign": "backup"}, "tag_value": {"@@assign": ["yes"]}}});
        let plan = json!({"plans": {"p": {"regions": {"@@assign": ["eu-west-1"]}, "rules": rules(0..9),
            "selections": {"tags": tags}}}});
        let first = attach(&mut cloud, "BACKUP_POLICY", "root", &root, plan);
        let of_type = json!({"PolicyType": "BACKUP_POLICY"});
        let list = |cloud: &mut Cloud| {
            cloud
                .organizations("ListAccountsWithInvalidEffectivePolicy", of_type.clone())
                .unwrap()["Accounts"]
                .clone()
        };
        assert_eq!(list(&mut cloud), json!([]));
        let more = json!({"plans": {"p": {"rules": rules(9..11)}}});
        let second = attach(&mut cloud, "BACKUP_POLICY", "own", &json!(ACCOUNT), more);
        assert_eq!(list(&mut cloud)[0]["Id"], ACCOUNT);
        let of_account = json!({"PolicyType": "BACKUP_POLICY", "AccountId": ACCOUNT});
        let told = cloud
            .organizations("ListEffectivePolicyValidationErrors", of_account)
            .unwrap();
        let mut policies = [first, second];
        policies.sort_by_key(ToString::to_string);
        let fault = &told["EffectivePolicyValidationErrors"][0];
        assert_eq!(fault["ErrorCode"], "ELEMENTS_TOO_MANY");
        assert_eq!(fault["PathToError"], "plans/p/rules");
        assert_eq!(fault["ContributingPolicies"], json!(policies));
    }
}
