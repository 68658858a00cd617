//! Groups and who is in them.
//!
//! Owns a group's identity. Membership is kept with the user.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Arn, Timestamp};
use stockade_wire::AwsError;

use super::attachments::Grants;
use super::errors;
use super::output::{UnderPath, page, reply, time};
use super::scope::{iam, iam_mut};
use super::state::{State, key};
use crate::call::{Call, Reply};
use crate::state::State as Range;

const GROUPS_PER_ACCOUNT: usize = 300;
const GROUPS_PER_USER: usize = 10;

/// A group of users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The name as it was given; unique without regard to case.
    pub name: String,
    /// `AGPA…`.
    pub id: String,
    /// Begins and ends with `/`.
    pub path: String,
    /// When it was made.
    pub created: Timestamp,
    /// Inline and attached policies.
    pub grants: Grants,
}
crate::row!(Group);

impl Group {
    /// Its ARN in this account.
    pub fn arn(&self, account: &AccountId) -> Arn {
        Arn::aws(
            "iam",
            "",
            account.as_str(),
            format!("group{}{}", self.path, self.name),
        )
    }

    pub(super) fn shown(&self, account: &AccountId) -> Value {
        json!({
            "Path": self.path,
            "GroupName": self.name,
            "GroupId": self.id,
            "Arn": self.arn(account).to_string(),
            "CreateDate": time(self.created),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfGroup {
    group_name: String,
    path: Option<String>,
    user_name: Option<String>,
}

fn named<'a>(state: &'a State, name: &str) -> Result<&'a Group, AwsError> {
    state.group(name).ok_or_else(|| errors::no_group(name))
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfGroup = call.read()?;
    let state = iam(range, call)?;
    if state.group(&input.group_name).is_some() {
        return Err(errors::already_exists(format!(
            "Group with name {} already exists.",
            input.group_name
        )));
    }
    errors::check_quota("GroupsPerAccount", state.groups.len(), GROUPS_PER_ACCOUNT)?;
    let group = Group {
        name: input.group_name,
        id: range.ids.unique("AGPA"),
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        created: call.now,
        grants: Grants::default(),
    };
    let answer = json!({"Group": group.shown(call.account())});
    iam_mut(range, call)?
        .groups
        .insert(key(&group.name), Arc::new(group));
    Ok(reply(answer))
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfGroup = call.read()?;
    let state = iam(range, call)?;
    let group = named(state, &input.group_name)?;
    let users = state
        .members(&group.name)
        .map(|user| (key(&user.name), user.summary(call.account())));
    page(
        call,
        "Users",
        json!({"Group": group.shown(call.account())}),
        users,
    )
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: UnderPath = call.read()?;
    let groups = iam(range, call)?
        .groups
        .iter()
        .filter(|(_, group)| input.has(&group.path))
        .map(|(key, group)| (key.clone(), group.shown(call.account())));
    page(call, "Groups", Value::Null, groups)
}

pub(super) fn list_for_user(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let state = iam(range, call)?;
    let groups = super::scope::user(state, call)?
        .groups
        .iter()
        .filter_map(|name| state.groups.get_key_value(name))
        .map(|(key, group)| (key.clone(), group.shown(call.account())));
    page(call, "Groups", Value::Null, groups)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    group_name: String,
    new_path: Option<String>,
    new_group_name: Option<String>,
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Update = call.read()?;
    let state = iam(range, call)?;
    let group = named(state, &input.group_name)?;
    let old = key(&group.name);
    let name = input.new_group_name.unwrap_or_else(|| group.name.clone());
    if key(&name) != old && state.group(&name).is_some() {
        return Err(errors::already_exists(format!(
            "Group with name {name} already exists."
        )));
    }
    let state = iam_mut(range, call)?;
    let Some(mut group) = state.groups.remove(&old) else {
        return Err(errors::no_group(&input.group_name));
    };
    let changed = Arc::make_mut(&mut group);
    if let Some(path) = input.new_path {
        changed.path = path;
    }
    changed.name.clone_from(&name);
    state.groups.insert(key(&name), group);
    state.users.change_where(
        |_, user| user.groups.contains(&old),
        |user| {
            let user = Arc::make_mut(user);
            user.groups.remove(&old);
            user.groups.insert(key(&name));
        },
    );
    Ok(Reply::empty())
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfGroup = call.read()?;
    let state = iam(range, call)?;
    let group = named(state, &input.group_name)?;
    if state.members(&group.name).next().is_some() {
        return Err(errors::delete_conflict(
            "must remove users from group first.",
        ));
    }
    if !group.grants.attached.is_empty() {
        return Err(errors::delete_conflict("must detach all policies first."));
    }
    if !group.grants.inline.is_empty() {
        return Err(errors::delete_conflict("must delete policies first."));
    }
    iam_mut(range, call)?.groups.remove(&key(&input.group_name));
    Ok(Reply::empty())
}

/// The group and the user of a call, both of which must exist.
fn membership<'a>(
    state: &'a State,
    input: &OfGroup,
) -> Result<(&'a Group, &'a super::users::User), AwsError> {
    let name = input.user_name.as_deref().unwrap_or_default();
    let user = state.user(name).ok_or_else(|| errors::no_user(name))?;
    Ok((named(state, &input.group_name)?, user))
}

pub(super) fn add_user(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfGroup = call.read()?;
    let (group, user) = membership(iam(range, call)?, &input)?;
    let (group, name) = (key(&group.name), key(&user.name));
    if !user.groups.contains(&group) {
        errors::check_quota("GroupsPerUser", user.groups.len(), GROUPS_PER_USER)?;
    }
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&name) {
        Arc::make_mut(user).groups.insert(group);
    }
    Ok(Reply::empty())
}

pub(super) fn remove_user(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfGroup = call.read()?;
    let (group, user) = membership(iam(range, call)?, &input)?;
    let (group, name) = (key(&group.name), key(&user.name));
    if let Some(user) = iam_mut(range, call)?.users.get_mut(&name) {
        Arc::make_mut(user).groups.remove(&group);
    }
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn a_group_gives_its_users_its_policies_even_under_a_new_name() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        cloud
            .iam("CreateGroup", json!({"GroupName": "Ops"}))
            .unwrap();
        let all = super::super::bench::ALL;
        let put = json!({"GroupName": "ops", "PolicyName": "p", "PolicyDocument": all});
        cloud.iam("PutGroupPolicy", put).unwrap();
        let anna = cloud.user("a");
        assert_eq!(
            cloud
                .call(&anna, "iam", "ListUsers", json!({}))
                .unwrap_err()
                .code,
            "AccessDenied"
        );
        cloud
            .iam(
                "AddUserToGroup",
                json!({"GroupName": "OPS", "UserName": "A"}),
            )
            .unwrap();
        assert!(cloud.call(&anna, "iam", "ListUsers", json!({})).is_ok());
        cloud
            .iam(
                "UpdateGroup",
                json!({"GroupName": "Ops", "NewGroupName": "Operators"}),
            )
            .unwrap();
        assert!(cloud.call(&anna, "iam", "ListUsers", json!({})).is_ok());
        let groups = cloud
            .iam("ListGroupsForUser", json!({"UserName": "a"}))
            .unwrap();
        assert_eq!(groups["Groups"][0]["GroupName"], "Operators");
        let members = cloud
            .iam("GetGroup", json!({"GroupName": "Operators"}))
            .unwrap();
        assert_eq!(members["Users"][0]["UserName"], "a");

        let kept = cloud.refused("DeleteGroup", json!({"GroupName": "Operators"}));
        assert_eq!(
            kept.1,
            "Cannot delete entity, must remove users from group first."
        );
        cloud
            .iam(
                "RemoveUserFromGroup",
                json!({"GroupName": "Operators", "UserName": "a"}),
            )
            .unwrap();
        assert_eq!(
            cloud
                .call(&anna, "iam", "ListUsers", json!({}))
                .unwrap_err()
                .code,
            "AccessDenied"
        );
        // Who is not in the group is out of it.
        cloud
            .iam(
                "RemoveUserFromGroup",
                json!({"GroupName": "Operators", "UserName": "a"}),
            )
            .unwrap();
        let kept = cloud.refused("DeleteGroup", json!({"GroupName": "Operators"}));
        assert_eq!(kept.1, "Cannot delete entity, must delete policies first.");
    }

    #[test]
    fn ten_groups_are_the_most_for_a_user() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        for n in 0..11 {
            cloud
                .iam("CreateGroup", json!({"GroupName": format!("g{n}")}))
                .unwrap();
        }
        for n in 0..10 {
            cloud
                .iam(
                    "AddUserToGroup",
                    json!({"GroupName": format!("g{n}"), "UserName": "a"}),
                )
                .unwrap();
        }
        let eleventh = cloud.refused(
            "AddUserToGroup",
            json!({"GroupName": "g10", "UserName": "a"}),
        );
        assert_eq!(
            eleventh,
            (
                "LimitExceeded".into(),
                "Cannot exceed quota for GroupsPerUser: 10".into()
            )
        );
        cloud
            .iam(
                "AddUserToGroup",
                json!({"GroupName": "g3", "UserName": "a"}),
            )
            .unwrap();
    }
}
