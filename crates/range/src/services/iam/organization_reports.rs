//! Access reports over an organisation: which services its policies let accounts reach, and which were reached.
//!
//! Owns the report jobs. The record of use is the request path's; a job is a look at it at one time.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use stockade_model::{AccountId, Timestamp};
use stockade_policy::{Effect, Policy};
use stockade_wire::AwsError;

use super::access_advisor::is_tracked;
use super::errors;
use super::output::{page, reply, time};
use super::scope::{iam, iam_mut};
use super::service_names;
use crate::call::{Call, Reply};
use crate::services::organizations::Organization;
use crate::services::organizations::policy_types::PolicyType;
use crate::state::State as Range;

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrganizationJob {
    made: Timestamp,
    /// By namespace; an error's code and message where the report failed.
    outcome: Result<BTreeMap<String, ServiceUse>, (String, String)>,
}

crate::row!(OrganizationJob);

/// The use of one service by an organisation's accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct ServiceUse {
    /// The last use: when, in which region, and the path of the account.
    last: Option<(Timestamp, String, String)>,
    /// How many accounts used it.
    accounts: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Generate {
    entity_path: String,
    organizations_policy_id: Option<String>,
}

pub(super) fn generate(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Generate = call.read()?;
    iam(range, call)?;
    let job = OrganizationJob {
        made: call.now,
        outcome: report(range, call, &input),
    };
    let id = range.ids.uuid();
    iam_mut(range, call)?
        .organization_jobs
        .insert(id.clone(), Arc::new(job));
    Ok(reply(json!({"JobId": id})))
}

type Failure = (String, String);

fn failure(code: &str, message: impl Into<String>) -> Failure {
    (code.to_owned(), message.into())
}

fn report(
    range: &Range,
    call: &Call<'_>,
    input: &Generate,
) -> Result<BTreeMap<String, ServiceUse>, Failure> {
    let organizations = range.organizations.read();
    let organization = organizations
        .of(call.account())
        .filter(|organization| organization.management == *call.account())
        .ok_or_else(|| {
            failure(
                "AccessDenied",
                "The report can be made by the organization's management account only.",
            )
        })?;
    if !organization.enabled.contains(&PolicyType::ServiceControl) {
        return Err(failure(
            "PolicyTypeNotEnabled",
            "Service control policies are not enabled for the organization's root.",
        ));
    }
    let line: Vec<&str> = input.entity_path.trim_end_matches('/').split('/').collect();
    let (Some(id), Some(target)) = (line.first(), line.last()) else {
        return Err(no_entity(input));
    };
    let ancestry = organization.ancestry(target);
    let known = *id == organization.id
        && organization.is_target(target)
        && line
            .iter()
            .skip(1)
            .copied()
            .eq(ancestry.iter().map(String::as_str));
    if !known {
        return Err(no_entity(input));
    }
    let levels = match organization.management.as_str() == *target {
        // No policy binds it.
        true if input.organizations_policy_id.is_none() => Vec::new(),
        _ => levels(organization, &ancestry, input)?,
    };
    let mut services: BTreeMap<String, ServiceUse> = service_names::all()
        .filter(|namespace| levels.iter().all(|level| permits(level, namespace)))
        .map(|namespace| (namespace.to_owned(), ServiceUse::default()))
        .collect();
    let members = organization.members.keys();
    for account in members.filter(|id| is_below(organization, id, target)) {
        count(range, call.now, organization, account, &mut services);
    }
    Ok(services)
}

fn no_entity(input: &Generate) -> Failure {
    failure(
        "NoSuchEntity",
        format!(
            "The entity with path {} cannot be found.",
            input.entity_path
        ),
    )
}

/// Whether an account is an entity, or below it. No policy binds the management account.
fn is_below(organization: &Organization, account: &AccountId, target: &str) -> bool {
    if account.as_str() == target {
        return true;
    }
    let line = organization.ancestry(account.as_str());
    organization.management != *account && line.iter().any(|above| above == target)
}

/// The policies that bind an entity, a level each; with a policy's id that one alone.
fn levels(
    organization: &Organization,
    ancestry: &[String],
    input: &Generate,
) -> Result<Vec<Vec<Arc<Policy>>>, Failure> {
    if let Some(id) = &input.organizations_policy_id {
        let found = organization
            .policy(id)
            .filter(|policy| policy.kind == PolicyType::ServiceControl)
            .ok_or_else(|| failure("NoSuchEntity", format!("The policy {id} cannot be found.")))?;
        return Ok(vec![found.document.access().cloned().into_iter().collect()]);
    }
    let of = |target: &String| {
        let policies = organization.policies_on(target, PolicyType::ServiceControl);
        policies
            .iter()
            .filter_map(|policy| policy.document.access().cloned())
            .collect()
    };
    Ok(ancestry.iter().map(of).collect())
}

/// Whether a level's policies let anything of a service through.
fn permits(level: &[Arc<Policy>], namespace: &str) -> bool {
    let mut allowed = false;
    for statement in level.iter().flat_map(|policy| policy.statements()) {
        let all_of_it = |action: &str| {
            action == "*"
                || action.split_once(':').is_some_and(|(service, name)| {
                    name == "*" && (service == "*" || service.eq_ignore_ascii_case(namespace))
                })
        };
        let some_of_it = |action: &str| {
            action == "*"
                || action.split_once(':').is_some_and(|(service, _)| {
                    service == "*" || service.eq_ignore_ascii_case(namespace)
                })
        };
        match statement.effect() {
            Effect::Allow => {
                allowed |= match statement.is_not_action() {
                    true => !statement.actions().any(all_of_it),
                    false => statement.actions().any(some_of_it),
                };
            }
            Effect::Deny => {
                let everywhere = statement.resources().any(|resource| resource == "*");
                let shut = match statement.is_not_action() {
                    true => !statement.actions().any(some_of_it),
                    false => statement.actions().any(all_of_it),
                };
                if shut && everywhere && statement.conditions().is_empty() {
                    return false;
                }
            }
        }
    }
    allowed
}

/// Adds what one account used to the services of a report.
fn count(
    range: &Range,
    now: Timestamp,
    organization: &Organization,
    account: &AccountId,
    services: &mut BTreeMap<String, ServiceUse>,
) {
    let Ok(known) = range.account(account) else {
        return;
    };
    let path = format!(
        "{}/{}/",
        organization.id,
        organization.ancestry(account.as_str()).join("/")
    );
    for (namespace, used) in known.usage.services() {
        if !is_tracked(used.at, now) {
            continue;
        }
        let Some(service) = services.get_mut(&namespace) else {
            continue;
        };
        service.accounts += 1;
        if service.last.as_ref().is_none_or(|(at, ..)| *at < used.at) {
            service.last = Some((used.at, used.region.to_string(), path.clone()));
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Get {
    job_id: String,
    sort_key: Option<String>,
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Get = call.read()?;
    let job = iam(range, call)?
        .organization_jobs
        .get(&input.job_id)
        .ok_or_else(|| {
            errors::no_such_entity(format!(
                "A report with the job id {} cannot be found.",
                input.job_id
            ))
        })?;
    let done = time(job.made);
    let services = match &job.outcome {
        Ok(services) => services,
        Err((code, message)) => {
            return Ok(reply(json!({
                "JobStatus": "FAILED",
                "JobCreationDate": done,
                "JobCompletionDate": done,
                "ErrorDetails": {"Code": code, "Message": message},
            })));
        }
    };
    let unused = services.values().filter(|used| used.last.is_none()).count();
    let head = json!({
        "JobStatus": "COMPLETED",
        "JobCreationDate": done,
        "JobCompletionDate": done,
        "NumberOfServicesAccessible": services.len(),
        "NumberOfServicesNotAccessed": unused,
    });
    let mut sorted: Vec<_> = services.iter().collect();
    let at = |used: &ServiceUse| used.last.as_ref().map(|(at, ..)| *at);
    match input.sort_key.as_deref() {
        Some("SERVICE_NAMESPACE_DESCENDING") => sorted.reverse(),
        Some("LAST_AUTHENTICATED_TIME_ASCENDING") => sorted.sort_by_key(|(_, used)| at(used)),
        Some("LAST_AUTHENTICATED_TIME_DESCENDING") => {
            sorted.sort_by_key(|(_, used)| std::cmp::Reverse(at(used)));
        }
        _ => {}
    }
    let shown = sorted
        .into_iter()
        .enumerate()
        .map(|(place, (namespace, used))| {
            let last = used.last.as_ref();
            let value = json!({
                "ServiceName": service_names::name_of(namespace),
                "ServiceNamespace": namespace,
                "Region": last.map(|(_, region, _)| region),
                "EntityPath": last.map(|(_, _, path)| path),
                "LastAuthenticatedTime": last.map(|(at, ..)| time(*at)),
                "TotalAuthenticatedEntities": used.accounts,
            });
            (format!("{place:06}"), value)
        });
    page(call, "AccessDetails", head, shown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::{ACCOUNT, Cloud};
    use super::*;

    /// An organisation with one member, and their paths.
    fn organisation() -> (Cloud, String, AccountId) {
        let mut cloud = Cloud::new();
        cloud
            .organizations("CreateOrganization", json!({}))
            .unwrap();
        cloud
            .organizations(
                "CreateAccount",
                json!({"AccountName": "m", "Email": "m@example.com"}),
            )
            .unwrap();
        let management: AccountId = ACCOUNT.parse().unwrap();
        let organizations = cloud.range.organizations.read();
        let organization = organizations.of(&management).unwrap();
        let root = format!("{}/{}", organization.id, organization.root);
        let member = organization.members.keys().find(|id| **id != management);
        let member = member.unwrap().clone();
        let root_id = organization.root.clone();
        cloud
            .organizations(
                "EnablePolicyType",
                json!({"RootId": root_id, "PolicyType": "SERVICE_CONTROL_POLICY"}),
            )
            .ok();
        (cloud, root, member)
    }

    fn report(cloud: &mut Cloud, input: serde_json::Value) -> serde_json::Value {
        let job = cloud
            .iam("GenerateOrganizationsAccessReport", input)
            .unwrap();
        cloud.iam("GetOrganizationsAccessReport", job).unwrap()
    }

    #[test]
    fn what_accounts_used_is_told_for_what_their_policies_permit() {
        let (mut cloud, root, member) = organisation();
        let (now, region) = (cloud.now, "eu-west-1".parse().unwrap());
        let usage = &mut cloud.range.account_mut(&member).unwrap().usage;
        usage.record_action("arn:aws:iam::1:user/a", "s3:GetObject", now, &region);
        let all = report(&mut cloud, json!({"EntityPath": root}));
        assert_eq!(all["JobStatus"], "COMPLETED");
        let count = service_names::all().count();
        assert_eq!(all["NumberOfServicesAccessible"], count);
        assert_eq!(all["NumberOfServicesNotAccessed"], count - 1);
        let job = cloud
            .iam(
                "GenerateOrganizationsAccessReport",
                json!({"EntityPath": root}),
            )
            .unwrap();
        let newest = cloud
            .iam("GetOrganizationsAccessReport", json!({"JobId": job["JobId"], "SortKey": "LAST_AUTHENTICATED_TIME_DESCENDING", "MaxItems": 1}))
            .unwrap();
        assert_eq!(newest["IsTruncated"], true);
        let s3 = &newest["AccessDetails"][0];
        assert_eq!(
            (
                &s3["ServiceNamespace"],
                &s3["TotalAuthenticatedEntities"],
                &s3["Region"]
            ),
            (&json!("s3"), &json!(1), &json!("eu-west-1"))
        );
        assert_eq!(s3["EntityPath"], format!("{root}/{member}/"));

        let deny = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]});
        let made = cloud
            .organizations("CreatePolicy", json!({"Name": "no-s3", "Description": "", "Type": "SERVICE_CONTROL_POLICY", "Content": deny.to_string()}))
            .unwrap();
        let policy = made["Policy"]["PolicySummary"]["Id"].clone();
        cloud
            .organizations(
                "AttachPolicy",
                json!({"PolicyId": policy, "TargetId": member}),
            )
            .unwrap();
        let path = format!("{root}/{member}");
        let bound = report(&mut cloud, json!({"EntityPath": path}));
        assert_eq!(bound["NumberOfServicesAccessible"], count - 1);
        let one = json!({"EntityPath": path, "OrganizationsPolicyId": policy});
        assert_eq!(report(&mut cloud, one)["NumberOfServicesAccessible"], 0);
    }

    #[test]
    fn a_report_of_what_there_is_not_fails() {
        let (mut cloud, root, _) = organisation();
        let other = format!("{root}/999999999999");
        for (input, code) in [
            (json!({"EntityPath": other}), "NoSuchEntity"),
            (json!({"EntityPath": "o-0000000000/r-0000"}), "NoSuchEntity"),
            (
                json!({"EntityPath": root, "OrganizationsPolicyId": "p-none0000"}),
                "NoSuchEntity",
            ),
        ] {
            let failed = report(&mut cloud, input);
            assert_eq!(failed["JobStatus"], "FAILED");
            assert_eq!(failed["ErrorDetails"]["Code"], code);
        }
        let none = json!({"JobId": "00000000-0000-0000-0000-000000000000"});
        assert_eq!(
            cloud.refused("GetOrganizationsAccessReport", none).0,
            "NoSuchEntity"
        );
        let mut alone = Cloud::new();
        let failed = report(&mut alone, json!({"EntityPath": "o-0000000000/r-0000"}));
        assert_eq!(failed["ErrorDetails"]["Code"], "AccessDenied");
    }
}
