//! Who has which policy, and which services a policy lets its holders reach.
//!
//! Owns the look from a policy to its holders and back. Evaluates nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Arn};
use stockade_policy::Effect;
use stockade_wire::AwsError;

use super::access_advisor::namespaces;
use super::attachments::{Grants, check_arn};
use super::aws_managed;
use super::documents::Document;
use super::errors;
use super::output::{UnderPath, read_marker, reply, write_marker};
use super::scope::iam;
use super::state::State;
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// A user or role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entity {
    pub arn: String,
    pub name: String,
    /// `USER` or `ROLE`.
    pub kind: String,
    pub id: String,
    pub path: String,
}

fn no_subject(arn: &Arn) -> AwsError {
    errors::no_such_entity(format!("ARN {arn} cannot be found."))
}

/// The users and roles that an ARN stands for: itself, a group's members, a policy's holders.
pub(super) fn principals_of(
    state: &State,
    subject: &Arn,
    account: &AccountId,
) -> Result<Vec<Entity>, AwsError> {
    let arn = subject.to_string();
    let name = subject.resource_name();
    let wanted = |grants: &Grants| grants.attached.contains(&arn);
    let kind = subject.resource_type();
    let users = state.users.values().filter(|user| match kind {
        "user" => user.arn(account) == *subject,
        "group" => user.groups.contains(&super::state::key(name)),
        _ => {
            let of_groups = user.groups.iter().filter_map(|name| state.groups.get(name));
            wanted(&user.grants) || of_groups.map(|g| &g.grants).any(wanted)
        }
    });
    let roles = state.roles.values().filter(|role| match kind {
        "role" => role.arn(account) == *subject,
        "policy" => wanted(&role.grants),
        _ => false,
    });
    let users = users.map(|user| Entity {
        arn: user.arn(account).to_string(),
        name: user.name.clone(),
        kind: "USER".to_owned(),
        id: user.id.clone(),
        path: user.path.clone(),
    });
    let roles = roles.map(|role| Entity {
        arn: role.arn(account).to_string(),
        name: role.name.clone(),
        kind: "ROLE".to_owned(),
        id: role.id.clone(),
        path: role.path.clone(),
    });
    let found: Vec<_> = users.chain(roles).collect();
    if found.is_empty() && matches!(kind, "user" | "role") {
        return Err(no_subject(subject));
    }
    Ok(found)
}

/// The documents that grant something to an ARN's bearer, each with its name and its managed policy's ARN or
/// the inline policy's holder.
struct Granted {
    name: String,
    arn: Option<String>,
    /// `USER`, `ROLE` or `GROUP`, and the holder's name.
    inline: Option<(&'static str, String)>,
    document: Document,
}

fn documents_of(
    state: &State,
    subject: &Arn,
    account: &AccountId,
) -> Result<Vec<Granted>, AwsError> {
    let name = subject.resource_name();
    let mut found = Vec::new();
    let mut add = |grants: &Grants, kind: &'static str, holder: &str| {
        for (name, document) in &grants.inline {
            found.push(Granted {
                name: name.clone(),
                arn: None,
                inline: Some((kind, holder.to_owned())),
                document: document.clone(),
            });
        }
        for arn in &grants.attached {
            if let Some(document) = state.managed_document(arn) {
                found.push(Granted {
                    name: arn.rsplit('/').next().unwrap_or_default().to_owned(),
                    arn: Some(arn.clone()),
                    inline: None,
                    document,
                });
            }
        }
    };
    match subject.resource_type() {
        "user" => {
            let user = state
                .user(name)
                .filter(|user| user.arn(account) == *subject);
            let user = user.ok_or_else(|| no_subject(subject))?;
            add(&user.grants, "USER", &user.name);
            for group in user.groups.iter().filter_map(|name| state.groups.get(name)) {
                add(&group.grants, "GROUP", &group.name);
            }
        }
        "group" => {
            let group = state
                .group(name)
                .filter(|group| group.arn(account) == *subject);
            let group = group.ok_or_else(|| no_subject(subject))?;
            add(&group.grants, "GROUP", &group.name);
        }
        "role" => {
            let role = state
                .role(name)
                .filter(|role| role.arn(account) == *subject);
            let role = role.ok_or_else(|| no_subject(subject))?;
            add(&role.grants, "ROLE", &role.name);
        }
        "policy" => {
            let document = state.managed_document(&subject.to_string());
            found.push(Granted {
                name: name.to_owned(),
                arn: Some(subject.to_string()),
                inline: None,
                document: document.ok_or_else(|| no_subject(subject))?,
            });
        }
        _ => {
            return Err(errors::invalid_input(format!(
                "ARN {subject} is not valid."
            )));
        }
    }
    Ok(found)
}

/// The namespaces of the services that a document's `Allow` statements name.
fn services_in(document: &Document) -> BTreeSet<String> {
    namespaces(allowed_actions(document))
}

/// Whether a document allows something of a service.
fn grants_service(document: &Document, namespace: &str) -> bool {
    allowed_actions(document).any(|action| {
        action == "*"
            || action.split_once(':').is_some_and(|(service, _)| {
                service == "*" || service.eq_ignore_ascii_case(namespace)
            })
    })
}

fn allowed_actions(document: &Document) -> impl Iterator<Item = &str> {
    let statements = document.policy.statements().iter();
    let allowing = statements.filter(|statement| statement.effect() == Effect::Allow);
    allowing.flat_map(|statement| {
        // NotAction allows all but some.
        let all = statement.is_not_action().then_some("*");
        let named = statement.actions().filter(|_| !statement.is_not_action());
        all.into_iter().chain(named)
    })
}

/// The services that an ARN's policies name.
pub(super) fn services_granted(
    state: &State,
    subject: &Arn,
    account: &AccountId,
) -> Result<BTreeSet<String>, AwsError> {
    let documents = documents_of(state, subject, account)?;
    Ok(documents
        .iter()
        .flat_map(|granted| services_in(&granted.document))
        .collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Granting {
    arn: String,
    service_namespaces: Vec<String>,
}

pub(super) fn granting_service(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Granting = call.read()?;
    let subject: Arn = input
        .arn
        .parse()
        .map_err(|_| errors::invalid_input(format!("ARN {} is not valid.", input.arn)))?;
    let documents = documents_of(iam(range, call)?, &subject, call.account())?;
    let answers = input.service_namespaces.iter().map(|namespace| {
        let policies: Vec<_> = documents
            .iter()
            .filter(|granted| grants_service(&granted.document, namespace))
            .map(|granted| {
                let holder = granted.inline.as_ref();
                json!({
                    "PolicyName": granted.name,
                    "PolicyType": if holder.is_some() { "INLINE" } else { "MANAGED" },
                    "PolicyArn": granted.arn,
                    "EntityType": holder.map(|(kind, _)| kind),
                    "EntityName": holder.map(|(_, name)| name),
                })
            })
            .collect();
        json!({"ServiceNamespace": namespace, "Policies": policies})
    });
    let answers: Vec<_> = answers.collect();
    Ok(reply(
        json!({"PoliciesGrantingServiceAccess": answers, "IsTruncated": false}),
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entities {
    policy_arn: String,
    entity_filter: Option<String>,
    policy_usage_filter: Option<String>,
    marker: Option<String>,
    max_items: Option<usize>,
}

pub(super) fn list_entities(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Entities = call.read()?;
    let path: UnderPath = call.read()?;
    let arn = &input.policy_arn;
    check_arn(arn)?;
    let state = iam(range, call)?;
    if state.policy(arn).is_none() && aws_managed::find(arn).is_none() {
        return Err(errors::no_policy(arn));
    }
    let kind = |kind: &str| {
        input
            .entity_filter
            .as_deref()
            .is_none_or(|wanted| wanted == kind)
    };
    let holds = |grants: Option<&Grants>, boundary: Option<&str>| match input
        .policy_usage_filter
        .as_deref()
    {
        Some("PermissionsBoundary") => boundary == Some(arn),
        Some("PermissionsPolicy") => grants.is_some_and(|g| g.attached.contains(arn)),
        _ => boundary == Some(arn) || grants.is_some_and(|g| g.attached.contains(arn)),
    };
    // One sequence over the three lists, so that one marker serves.
    let mut found = BTreeMap::new();
    for (key, group) in state.groups.iter().filter(|_| kind("Group")) {
        if path.has(&group.path) && holds(Some(&group.grants), None) {
            let shown = json!({"GroupName": group.name, "GroupId": group.id});
            found.insert(format!("1{key}"), ("PolicyGroups", shown));
        }
    }
    for (key, user) in state.users.iter().filter(|_| kind("User")) {
        if path.has(&user.path) && holds(Some(&user.grants), user.boundary.as_deref()) {
            let shown = json!({"UserName": user.name, "UserId": user.id});
            found.insert(format!("2{key}"), ("PolicyUsers", shown));
        }
    }
    for (key, role) in state.roles.iter().filter(|_| kind("Role")) {
        if path.has(&role.path) && holds(Some(&role.grants), role.boundary.as_deref()) {
            let shown = json!({"RoleName": role.name, "RoleId": role.id});
            found.insert(format!("3{key}"), ("PolicyRoles", shown));
        }
    }
    let lists = ["PolicyGroups", "PolicyUsers", "PolicyRoles"];
    several_lists(&lists, found, input.marker.as_deref(), input.max_items)
}

/// One page over several lists: items in the order of their keys, each with the list that it belongs to.
pub(super) fn several_lists(
    lists: &[&str],
    items: BTreeMap<String, (&str, Value)>,
    marker: Option<&str>,
    size: Option<usize>,
) -> Result<Reply, AwsError> {
    let after = marker.map(read_marker).transpose()?;
    let mut answer: serde_json::Map<String, Value> = lists
        .iter()
        .map(|list| ((*list).to_owned(), json!([])))
        .collect();
    let mut rest = items
        .into_iter()
        .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let mut last = None;
    for (key, (list, value)) in rest.by_ref().take(size.unwrap_or(100).max(1)) {
        if let Some(Value::Array(members)) = answer.get_mut(list) {
            members.push(value);
        }
        last = Some(key);
    }
    let truncated = rest.next().is_some();
    answer.insert("IsTruncated".to_owned(), truncated.into());
    if let Some(last) = last.filter(|_| truncated) {
        answer.insert("Marker".to_owned(), write_marker(&last).into());
    }
    Ok(reply(Value::Object(answer)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn the_policies_that_reach_a_service_are_named() {
        let mut cloud = Cloud::new();
        let own = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]});
        let anna = cloud.user_with("anna", own);
        let arn = "arn:aws:iam::aws:policy/AdministratorAccess";
        cloud
            .iam(
                "AttachUserPolicy",
                json!({"UserName": "anna", "PolicyArn": arn}),
            )
            .unwrap();
        let input = json!({"Arn": anna.arn, "ServiceNamespaces": ["s3", "ec2"]});
        let found = cloud
            .iam("ListPoliciesGrantingServiceAccess", input)
            .unwrap();
        let lists = found["PoliciesGrantingServiceAccess"].as_array().unwrap();
        let names = |list: &serde_json::Value| -> Vec<String> {
            list["Policies"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| p["PolicyName"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(names(&lists[0]), ["own", "AdministratorAccess"]);
        assert_eq!(names(&lists[1]), ["AdministratorAccess"]);
    }
}
