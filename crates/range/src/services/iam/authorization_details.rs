//! `GetAccountAuthorizationDetails`: all users, groups, roles and policies of an account with their documents.
//!
//! Owns the shape of that one answer.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::attachments::{Grants, shown as attached};
use super::aws_managed;
use super::boundaries;
use super::documents::encode;
use super::output::time;
use super::policy_usage::several_lists;
use super::scope::iam;
use super::state::State;
use super::tags;
use crate::call::{Call, Reply};
use crate::state::State as Range;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(default)]
    filter: Vec<String>,
    marker: Option<String>,
    max_items: Option<usize>,
}

fn inline(grants: &Grants) -> Vec<Value> {
    let one = |(name, document): (&String, &super::documents::Document)| json!({"PolicyName": name, "PolicyDocument": document.encoded()});
    grants.inline.iter().map(one).collect()
}

fn managed(grants: &Grants) -> Vec<Value> {
    grants.attached.iter().map(|arn| attached(arn)).collect()
}

fn with(mut value: Value, more: Value) -> Value {
    if let (Some(members), Value::Object(more)) = (value.as_object_mut(), more) {
        members.extend(more);
    }
    value
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    let state = iam(range, call)?;
    let account = call.account();
    let wanted = |kind: &str| input.filter.is_empty() || input.filter.iter().any(|f| f == kind);
    let mut found = BTreeMap::new();
    for (key, user) in state.users.iter().filter(|_| wanted("User")) {
        let groups = user.groups.iter().filter_map(|name| state.groups.get(name));
        let groups: Vec<_> = groups.map(|group| group.name.as_str()).collect();
        let more = json!({
            "UserPolicyList": inline(&user.grants),
            "GroupList": groups,
            "AttachedManagedPolicies": managed(&user.grants),
            "PermissionsBoundary": boundaries::shown(user.boundary.as_deref()),
            "Tags": tags::shown(&user.tags),
            "PasswordLastUsed": null,
        });
        let shown = with(user.summary(account), more);
        found.insert(format!("1{key}"), ("UserDetailList", shown));
    }
    for (key, group) in state.groups.iter().filter(|_| wanted("Group")) {
        let more = json!({
            "GroupPolicyList": inline(&group.grants),
            "AttachedManagedPolicies": managed(&group.grants),
        });
        let shown = with(group.shown(account), more);
        found.insert(format!("2{key}"), ("GroupDetailList", shown));
    }
    for (key, role) in state.roles.iter().filter(|_| wanted("Role")) {
        let profiles = state.instance_profiles.values();
        let profiles = profiles.filter(|profile| profile.role.as_ref() == Some(key));
        let profiles: Vec<_> = profiles.map(|p| p.summary(range, state, account)).collect();
        let more = json!({
            "InstanceProfileList": profiles,
            "RolePolicyList": inline(&role.grants),
            "AttachedManagedPolicies": managed(&role.grants),
            "Tags": tags::shown(&role.tags),
            "Description": null,
            "MaxSessionDuration": null,
        });
        let shown = with(role.details(range, account), more);
        found.insert(format!("3{key}"), ("RoleDetailList", shown));
    }
    for (key, value) in policies(state, &wanted) {
        found.insert(format!("4{key}"), ("Policies", value));
    }
    let lists = [
        "UserDetailList",
        "GroupDetailList",
        "RoleDetailList",
        "Policies",
    ];
    several_lists(&lists, found, input.marker.as_deref(), input.max_items)
}

/// The customer's policies, and those of AWS that are in use.
fn policies(state: &State, wanted: &dyn Fn(&str) -> bool) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    if wanted("LocalManagedPolicy") {
        for policy in state.policies.values() {
            let versions = policy.versions.iter().rev().map(|(number, version)| {
                json!({
                    "Document": version.document.encoded(),
                    "VersionId": format!("v{number}"),
                    "IsDefaultVersion": *number == policy.default,
                    "CreateDate": time(version.created),
                })
            });
            let more = json!({
                "Description": policy.description,
                "PolicyVersionList": versions.collect::<Vec<_>>(),
            });
            found.insert(policy.arn.clone(), with(policy.summary(state), more));
        }
    }
    if wanted("AWSManagedPolicy") {
        let attached = state.all_grants().flat_map(|grants| grants.attached.iter());
        let users = state
            .users
            .values()
            .filter_map(|user| user.boundary.as_ref());
        let roles = state
            .roles
            .values()
            .filter_map(|role| role.boundary.as_ref());
        for policy in attached
            .chain(users)
            .chain(roles)
            .filter_map(|arn| aws_managed::find(arn))
        {
            let (arn, version) = (&policy.arn, &policy.version);
            let shown = policy.shown(state.attachment_count(arn), state.boundary_count(arn));
            let more = json!({"PolicyVersionList": [{
                "Document": encode(policy.text()),
                "VersionId": version,
                "IsDefaultVersion": true,
                "CreateDate": time(policy.updated),
            }]});
            found.insert(arn.clone(), with(shown, more));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn one_marker_leads_through_all_lists() {
        let mut cloud = Cloud::new();
        for name in ["a", "b"] {
            cloud.iam("CreateUser", json!({"UserName": name})).unwrap();
        }
        cloud.iam("CreateGroup", json!({"GroupName": "g"})).unwrap();
        cloud
            .iam("AddUserToGroup", json!({"GroupName": "g", "UserName": "a"}))
            .unwrap();
        let all = super::super::bench::ALL;
        cloud
            .iam(
                "CreatePolicy",
                json!({"PolicyName": "p", "PolicyDocument": all}),
            )
            .unwrap();
        cloud
            .iam(
                "AttachUserPolicy",
                json!({"UserName": "a", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
            )
            .unwrap();
        let whole = cloud
            .iam("GetAccountAuthorizationDetails", json!({}))
            .unwrap();
        assert_eq!(whole["UserDetailList"][0]["GroupList"], json!(["g"]));
        assert_eq!(
            whole["Policies"].as_array().unwrap().len(),
            2,
            "AWS's that are in use count"
        );
        let (mut seen, mut marker) = (0, json!(null));
        loop {
            let mut input = json!({"MaxItems": 2});
            if !marker.is_null() {
                input["Marker"] = marker;
            }
            let page = cloud.iam("GetAccountAuthorizationDetails", input).unwrap();
            for list in [
                "UserDetailList",
                "GroupDetailList",
                "RoleDetailList",
                "Policies",
            ] {
                seen += page[list].as_array().unwrap().len();
            }
            if page["IsTruncated"] == false {
                break;
            }
            marker = page["Marker"].clone();
        }
        assert_eq!(seen, 5);
        let users = cloud
            .iam(
                "GetAccountAuthorizationDetails",
                json!({"Filter": ["User"]}),
            )
            .unwrap();
        assert_eq!(
            (
                users["UserDetailList"].as_array().unwrap().len(),
                &users["Policies"]
            ),
            (2, &json!([]))
        );
    }
}
