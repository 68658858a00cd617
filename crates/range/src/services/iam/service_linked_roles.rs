//! Service-linked roles: made for a service by its name, and taken away in a task of their own.
//!
//! Owns which service has which role, and the tasks that delete them. What protects them is `roles.rs`'s.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};
use serde_json::json;
use stockade_model::AccountId;
use stockade_wire::AwsError;

use super::attachments::Grants;
use super::documents::Document;
use super::errors;
use super::output::reply;
use super::roles::{self, Role, SERVICE_LINKED};
use super::scope::{iam, iam_mut};
use super::state::key;
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// A service a line: its principal, its role's name, the policy, and whether it may have several roles.
const TABLE: &str = include_str!("../../../data/service-linked-roles.tsv");

/// The service-linked role that every account of an organisation has.
const OF_ORGANIZATIONS: &str = "organizations.amazonaws.com";
/// The one that no account can do without.
const OF_SUPPORT: &str = "support.amazonaws.com";

/// What a service's role is like.
#[derive(Debug, Clone, Copy)]
struct Linked {
    role: &'static str,
    policy: &'static str,
    suffix: bool,
}

static BY_SERVICE: LazyLock<BTreeMap<&'static str, Linked>> = LazyLock::new(|| {
    let line = |line: &'static str| {
        let mut cells = line.split('\t');
        let service = cells.next()?;
        let linked = Linked {
            role: cells.next()?,
            policy: cells.next()?,
            suffix: cells.next()? == "suffix",
        };
        Some((service, linked))
    };
    TABLE.lines().filter_map(line).collect()
});

/// The ARN of the policy of a service's role; none: the service has no such role.
pub(super) fn policy_of(service: &str) -> Option<String> {
    let linked = BY_SERVICE.get(service)?;
    Some(format!(
        "arn:aws:iam::aws:policy/aws-service-role/{}",
        linked.policy
    ))
}

/// The name of a service's role.
pub(super) fn name_of(service: &str, suffix: Option<&str>) -> Option<String> {
    let role = BY_SERVICE.get(service)?.role;
    Some(match suffix {
        Some(suffix) => format!("{role}_{suffix}"),
        None => role.to_owned(),
    })
}

/// What came of a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionTask {
    /// Why the role is still there; none: it is gone.
    pub failure: Option<String>,
}

crate::row!(DeletionTask);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    #[serde(rename = "AWSServiceName")]
    service: String,
    description: Option<String>,
    custom_suffix: Option<String>,
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let service = &input.service;
    let Some(linked) = BY_SERVICE.get(service.as_str()) else {
        return Err(errors::invalid_input(format!(
            "{service} is not the name of a service that has a service-linked role"
        )));
    };
    if input.custom_suffix.is_some() && !linked.suffix {
        return Err(errors::invalid_input(format!(
            "Custom suffix is not allowed for {service}"
        )));
    }
    let name = name_of(service, input.custom_suffix.as_deref()).unwrap_or_default();
    let state = iam(range, call)?;
    if name.len() > roles::NAME_LENGTH {
        return Err(errors::invalid_input(format!(
            "The role name {name} is longer than {} characters",
            roles::NAME_LENGTH
        )));
    }
    if state.role(&name).is_some() {
        return Err(errors::invalid_input(format!(
            "Service role name {name} has been taken in this account, please try a different suffix."
        )));
    }
    roles::check_room(state)?;
    let role = linked_role(
        service,
        name,
        range.ids.unique("AROA"),
        input.description,
        call,
    )?;
    let mut answer = role.identity(range, call.account());
    if let Some(members) = answer.as_object_mut() {
        members.insert("Description".into(), role.description.clone().into());
    }
    iam_mut(range, call)?
        .roles
        .insert(key(&role.name), Arc::new(role));
    Ok(reply(json!({"Role": answer})))
}

fn linked_role(
    service: &str,
    name: String,
    id: String,
    description: Option<String>,
    call: &Call<'_>,
) -> Result<Role, AwsError> {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Action": ["sts:AssumeRole"],
            "Effect": "Allow",
            "Principal": {"Service": [service]},
        }],
    })
    .to_string();
    let mut grants = Grants::default();
    grants.attached.extend(policy_of(service));
    Ok(Role {
        name,
        id,
        path: format!("{SERVICE_LINKED}{service}/"),
        created: call.now,
        description: description.filter(|text| !text.is_empty()),
        max_session: roles::MAX_SESSION,
        trust: Document::trust(&trust, &trust)?,
        boundary: None,
        tags: Vec::new(),
        grants,
        template: None,
    })
}

/// The role that Organizations has in every account of an organisation.
pub fn of_organizations(id: String, call: &Call<'_>) -> Result<Role, AwsError> {
    let name = name_of(OF_ORGANIZATIONS, None).unwrap_or_default();
    let description = "Service-linked role used by AWS Organizations to enable integration of other AWS services with Organizations.";
    linked_role(
        OF_ORGANIZATIONS,
        name,
        id,
        Some(description.to_owned()),
        call,
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    role_name: String,
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Delete = call.read()?;
    let role = roles::named(iam(range, call)?, &input.role_name)?;
    if !role.is_service_linked() {
        return Err(errors::no_such_entity(format!(
            "The service-linked role with name {} cannot be found.",
            input.role_name
        )));
    }
    let service = role
        .path
        .strip_prefix(SERVICE_LINKED)
        .unwrap_or_default()
        .trim_end_matches('/')
        .to_owned();
    let failure = in_use(range, &service, call.account());
    let name = role.name.clone();
    let task = format!("task{SERVICE_LINKED}{service}/{name}/{}", range.ids.uuid());
    let gone = failure.is_none();
    let state = iam_mut(range, call)?;
    state
        .deletions
        .insert(task.clone(), DeletionTask { failure });
    if gone {
        state.roles.remove(&key(&name));
    }
    Ok(reply(json!({"DeletionTaskId": task})))
}

/// Why a service does not let go of its role; none: it does.
fn in_use(range: &Range, service: &str, account: &AccountId) -> Option<String> {
    match service {
        OF_ORGANIZATIONS => range.organizations.read().has_account(account).then(|| {
            "The account is a member of an organization: remove it from the organization first."
                .to_owned()
        }),
        OF_SUPPORT => Some("The role is required by AWS Support and cannot be deleted.".to_owned()),
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    deletion_task_id: String,
}

pub(super) fn deletion_status(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Status = call.read()?;
    let id = &input.deletion_task_id;
    if !id.starts_with("task/aws-service-role/") || id.split('/').count() != 5 {
        return Err(errors::invalid_input(format!(
            "The deletion task id {id} is not valid."
        )));
    }
    let Some(task) = iam(range, call)?.deletions.get(id) else {
        return Err(errors::no_such_entity(format!(
            "The deletion task with id {id} cannot be found."
        )));
    };
    Ok(reply(match &task.failure {
        None => json!({"Status": "SUCCEEDED"}),
        Some(why) => json!({"Status": "FAILED", "Reason": {"Reason": why}}),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::aws_managed;
    use super::super::bench::Cloud;
    use super::*;

    #[test]
    fn every_line_names_a_policy_that_there_is() {
        assert_eq!(BY_SERVICE.len(), TABLE.lines().count());
        for (service, linked) in BY_SERVICE.iter() {
            let policy = policy_of(service).unwrap();
            assert!(aws_managed::find(&policy).is_some(), "{policy}");
            assert!(linked.role.starts_with("AWSServiceRoleFor"), "{service}");
        }
    }

    #[test]
    fn a_role_is_made_for_a_service_and_only_the_service_changes_it() {
        let mut cloud = Cloud::new();
        let made = cloud
            .iam(
                "CreateServiceLinkedRole",
                json!({"AWSServiceName": "es.amazonaws.com", "Description": "search"}),
            )
            .unwrap();
        let name = "AWSServiceRoleForAmazonElasticsearchService";
        assert_eq!(
            made["Role"]["Arn"],
            format!("arn:aws:iam::123456789012:role/aws-service-role/es.amazonaws.com/{name}")
        );
        let attached = cloud
            .iam("ListAttachedRolePolicies", json!({"RoleName": name}))
            .unwrap();
        assert_eq!(
            attached["AttachedPolicies"][0]["PolicyName"],
            "AmazonElasticsearchServiceRolePolicy"
        );
        let taken = cloud.refused(
            "CreateServiceLinkedRole",
            json!({"AWSServiceName": "es.amazonaws.com"}),
        );
        assert_eq!(
            taken,
            (
                "InvalidInput".into(),
                format!(
                    "Service role name {name} has been taken in this account, please try a different suffix."
                )
            )
        );
        let read_only = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        for (operation, input) in [
            ("DeleteRole", json!({"RoleName": name})),
            (
                "AttachRolePolicy",
                json!({"RoleName": name, "PolicyArn": read_only}),
            ),
            (
                "PutRolePolicy",
                json!({"RoleName": name, "PolicyName": "p", "PolicyDocument": super::super::bench::ALL}),
            ),
            (
                "UpdateAssumeRolePolicy",
                json!({"RoleName": name, "PolicyDocument": "{}"}),
            ),
            (
                "PutRolePermissionsBoundary",
                json!({"RoleName": name, "PermissionsBoundary": read_only}),
            ),
            (
                "UpdateRole",
                json!({"RoleName": name, "MaxSessionDuration": 7200}),
            ),
        ] {
            assert_eq!(
                cloud.refused(operation, input),
                (
                    "UnmodifiableEntity".into(),
                    format!(
                        "Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
                    )
                ),
                "{operation}"
            );
        }
        // What people say about it is theirs.
        for (operation, input) in [
            (
                "UpdateRole",
                json!({"RoleName": name, "Description": "ours"}),
            ),
            (
                "UpdateRoleDescription",
                json!({"RoleName": name, "Description": "ours"}),
            ),
            (
                "TagRole",
                json!({"RoleName": name, "Tags": [{"Key": "k", "Value": "v"}]}),
            ),
        ] {
            cloud.iam(operation, input).unwrap();
        }
        let task = cloud
            .iam("DeleteServiceLinkedRole", json!({"RoleName": name}))
            .unwrap();
        let id = task["DeletionTaskId"].as_str().unwrap();
        assert!(id.starts_with(&format!("task/aws-service-role/es.amazonaws.com/{name}/")));
        let status = cloud
            .iam("GetServiceLinkedRoleDeletionStatus", task.clone())
            .unwrap();
        assert_eq!(status, json!({"Status": "SUCCEEDED"}));
        assert_eq!(
            cloud.refused("GetRole", json!({"RoleName": name})).0,
            "NoSuchEntity"
        );
    }

    #[test]
    fn suffixes_are_for_services_that_have_several_roles() {
        let mut cloud = Cloud::new();
        let with = |service: &str, suffix: &str| json!({"AWSServiceName": service, "CustomSuffix": suffix});
        let made = cloud
            .iam(
                "CreateServiceLinkedRole",
                with("autoscaling.amazonaws.com", "blue"),
            )
            .unwrap();
        assert_eq!(
            made["Role"]["RoleName"],
            "AWSServiceRoleForAutoScaling_blue"
        );
        assert_eq!(
            cloud.refused("CreateServiceLinkedRole", with("es.amazonaws.com", "blue")),
            (
                "InvalidInput".into(),
                "Custom suffix is not allowed for es.amazonaws.com".into()
            )
        );
        let long = "x".repeat(64);
        for bad in [
            with("autoscaling.amazonaws.com", &long),
            json!({"AWSServiceName": "none.amazonaws.com"}),
        ] {
            assert_eq!(
                cloud.refused("CreateServiceLinkedRole", bad).0,
                "InvalidInput"
            );
        }
    }

    #[test]
    fn a_service_that_needs_its_role_keeps_it() {
        let mut cloud = Cloud::new();
        cloud
            .organizations("CreateOrganization", json!({}))
            .unwrap();
        let service = json!({"AWSServiceName": "organizations.amazonaws.com"});
        let name = "AWSServiceRoleForOrganizations";
        // The organisation may have made it already.
        let _ = cloud.iam("CreateServiceLinkedRole", service);
        let task = cloud
            .iam("DeleteServiceLinkedRole", json!({"RoleName": name}))
            .unwrap();
        let status = cloud
            .iam("GetServiceLinkedRoleDeletionStatus", task)
            .unwrap();
        assert_eq!(status["Status"], "FAILED");
        cloud.iam("GetRole", json!({"RoleName": name})).unwrap();
        for (id, code) in [
            ("x", "InvalidInput"),
            ("task/aws-service-role/es.amazonaws.com/r/1", "NoSuchEntity"),
        ] {
            let refused = cloud.refused(
                "GetServiceLinkedRoleDeletionStatus",
                json!({"DeletionTaskId": id}),
            );
            assert_eq!(refused.0, code);
        }
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        cloud
            .iam(
                "CreateRole",
                json!({"RoleName": "own", "AssumeRolePolicyDocument": trust}),
            )
            .unwrap();
        assert_eq!(
            cloud
                .refused("DeleteServiceLinkedRole", json!({"RoleName": "own"}))
                .0,
            "NoSuchEntity"
        );
    }
}
