//! What a call must be allowed to do: its action, on which ARN, with IAM's condition keys.
//!
//! Owns the ARNs on which IAM's actions are authorised. Decides nothing.

use serde::Deserialize;
use stockade_policy::Context;

use super::attachments::Holder;
use super::boundaries;
use super::scope;
use super::state::{State, key};
use super::tags::Tag;
use super::users;
use crate::call::Call;
use crate::row::Need;
use crate::state::State as Range;

/// Every member that tells what a call is about.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct About {
    user_name: Option<String>,
    group_name: Option<String>,
    role_name: Option<String>,
    policy_arn: Option<String>,
    policy_name: Option<String>,
    instance_profile_name: Option<String>,
    serial_number: Option<String>,
    #[serde(rename = "VirtualMFADeviceName")]
    virtual_mfa_device_name: Option<String>,
    access_key_id: Option<String>,
    policy_source_arn: Option<String>,
    arn: Option<String>,
    path: Option<String>,
    path_prefix: Option<String>,
    new_path: Option<String>,
    new_user_name: Option<String>,
    new_group_name: Option<String>,
    permissions_boundary: Option<String>,
    tags: Vec<Tag>,
    tag_keys: Vec<String>,
}

/// The state and the input of a call; an account's IAM is always there.
struct Asked<'a> {
    state: Option<&'a State>,
    about: About,
    call: &'a Call<'a>,
}

impl<'a> Asked<'a> {
    fn read(range: &'a Range, call: &'a Call<'a>) -> Self {
        Self {
            state: scope::iam(range, call).ok(),
            about: call.read().unwrap_or_default(),
            call,
        }
    }

    fn arn(&self, kind: &str, path: &str, name: &str) -> String {
        format!("arn:aws:iam::{}:{kind}{path}{name}", self.call.account())
    }

    /// The ARN of an entity: with its own path where it exists, else with the path that the call gives it.
    fn entity(&self, kind: &str, name: &str, path: Option<&str>) -> String {
        let given = self.about.path.as_deref().unwrap_or("/");
        self.arn(kind, path.unwrap_or(given), name)
    }

    fn user(&self, name: &str) -> String {
        let found = self.state.and_then(|state| state.user(name));
        self.entity(
            "user",
            found.map_or(name, |u| &u.name),
            found.map(|u| &*u.path),
        )
    }

    fn group(&self, name: &str) -> String {
        let found = self.state.and_then(|state| state.group(name));
        self.entity(
            "group",
            found.map_or(name, |g| &g.name),
            found.map(|g| &*g.path),
        )
    }

    fn role(&self, name: &str) -> String {
        let found = self.state.and_then(|state| state.role(name));
        self.entity(
            "role",
            found.map_or(name, |r| &r.name),
            found.map(|r| &*r.path),
        )
    }

    fn instance_profile(&self, name: &str) -> String {
        let found = self.state.and_then(|s| s.instance_profiles.get(&key(name)));
        self.entity(
            "instance-profile",
            found.map_or(name, |p| &p.name),
            found.map(|p| &*p.path),
        )
    }

    fn prefix(&self, kind: &str) -> String {
        self.arn(kind, self.about.path_prefix.as_deref().unwrap_or("/"), "")
    }

    fn need(&self, resource: String) -> Need {
        let mut need = Need::new(&format!("iam:{}", self.call.operation), resource);
        need.context = self.context();
        need
    }

    /// IAM's condition keys: what the call asks for, and what its entity carries.
    fn context(&self) -> Context {
        let about = &self.about;
        let mut context = Context::new();
        for tag in &about.tags {
            context.set(&format!("aws:RequestTag/{}", tag.key), &tag.value);
        }
        let keys: Vec<&str> = match about.tag_keys.is_empty() {
            true => about.tags.iter().map(|tag| tag.key.as_str()).collect(),
            false => about.tag_keys.iter().map(String::as_str).collect(),
        };
        context.insert("aws:TagKeys", keys);
        if let Some(arn) = &about.policy_arn
            && (self.call.operation.starts_with("Attach")
                || self.call.operation.starts_with("Detach"))
        {
            context.set("iam:PolicyARN", arn);
        }
        let Some(state) = self.state else {
            return context;
        };
        let holder = Holder::of(self.call).ok();
        let carried = holder.as_ref().and_then(|h| boundaries::current(state, h));
        if let Some(arn) = about.permissions_boundary.as_deref().or(carried) {
            context.set("iam:PermissionsBoundary", arn);
        }
        for tag in self.tags(state) {
            context.set(&format!("iam:ResourceTag/{}", tag.key), &tag.value);
            context.set(&format!("aws:ResourceTag/{}", tag.key), &tag.value);
        }
        context
    }

    /// The tags of the entity that the call is about.
    fn tags<'s>(&self, state: &'s State) -> &'s [Tag] {
        let about = &self.about;
        let user = about
            .user_name
            .as_ref()
            .and_then(|name| state.user(name))
            .map(|u| &*u.tags);
        let role = about
            .role_name
            .as_ref()
            .and_then(|name| state.role(name))
            .map(|r| &*r.tags);
        let policy = about
            .policy_arn
            .as_ref()
            .and_then(|arn| state.policy(arn))
            .map(|p| &*p.tags);
        let profile = about.instance_profile_name.as_ref();
        let profile = profile
            .and_then(|n| state.instance_profiles.get(&key(n)))
            .map(|p| &*p.tags);
        user.or(role).or(policy).or(profile).unwrap_or_default()
    }
}

/// On nothing in particular.
pub fn anything(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    vec![asked.need("*".to_owned())]
}

/// On the user that the call names, or on the caller. A change of name or path needs the new ARN as well.
pub fn user(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let about = &asked.about;
    let Some(name) = &about.user_name else {
        let caller = asked.state.map(|state| users::caller_arn(state, call));
        return vec![asked.need(caller.unwrap_or_else(|| call.caller.arn.clone()))];
    };
    let mut needs = vec![asked.need(asked.user(name))];
    if about.new_path.is_some() || about.new_user_name.is_some() {
        let found = asked.state.and_then(|state| state.user(name));
        let path = about.new_path.as_deref().or(found.map(|u| &*u.path));
        let name = about.new_user_name.as_deref().unwrap_or(name);
        needs.push(asked.need(asked.arn("user", path.unwrap_or("/"), name)));
    }
    needs
}

/// On every user under a path.
pub fn users(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    vec![asked.need(asked.prefix("user"))]
}

/// On the user who owns the access key that the call names.
pub fn key_owner(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let id = asked.about.access_key_id.as_deref().unwrap_or_default();
    let owner = asked
        .state
        .and_then(|state| state.access_key(id))
        .and_then(|key| key.user());
    let resource = owner.map_or_else(|| "*".to_owned(), |name| asked.user(name));
    vec![asked.need(resource)]
}

/// On the group that the call names. A change of name or path needs the new ARN as well.
pub fn group(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let about = &asked.about;
    let name = about.group_name.as_deref().unwrap_or_default();
    let mut needs = vec![asked.need(asked.group(name))];
    if about.new_path.is_some() || about.new_group_name.is_some() {
        let found = asked.state.and_then(|state| state.group(name));
        let path = about.new_path.as_deref().or(found.map(|g| &*g.path));
        let name = about.new_group_name.as_deref().unwrap_or(name);
        needs.push(asked.need(asked.arn("group", path.unwrap_or("/"), name)));
    }
    needs
}

/// On every group under a path.
pub fn groups(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    vec![asked.need(asked.prefix("group"))]
}

/// On the role that the call names.
pub fn role(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let name = asked.about.role_name.as_deref().unwrap_or_default();
    vec![asked.need(asked.role(name))]
}

/// On every role under a path.
pub fn roles(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    vec![asked.need(asked.prefix("role"))]
}

/// On the managed policy that the call names or makes.
pub fn policy(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let about = &asked.about;
    let resource = match (&about.policy_arn, &about.policy_name) {
        (Some(arn), _) => arn.clone(),
        (None, Some(name)) => asked.entity("policy", name, None),
        (None, None) => "*".to_owned(),
    };
    vec![asked.need(resource)]
}

/// On every managed policy. AWS names no ARN here, so that only `*` allows it.
pub fn policies(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let path = asked.about.path_prefix.as_deref().unwrap_or("/");
    vec![asked.need(format!("policy path {path}"))]
}

/// On the instance profile that the call names. Putting a role in needs `iam:PassRole` on the role as well.
pub fn instance_profile(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let name = asked
        .about
        .instance_profile_name
        .as_deref()
        .unwrap_or_default();
    let mut needs = vec![asked.need(asked.instance_profile(name))];
    if let Some(role) = asked
        .about
        .role_name
        .as_deref()
        .filter(|_| call.operation == "AddRoleToInstanceProfile")
    {
        needs.push(Need::new("iam:PassRole", asked.role(role)));
    }
    needs
}

/// On every instance profile under a path.
pub fn instance_profiles(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    vec![asked.need(asked.prefix("instance-profile"))]
}

/// On the MFA device that the call names or makes.
pub fn mfa_device(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let about = &asked.about;
    let resource = match (&about.serial_number, &about.virtual_mfa_device_name) {
        (Some(serial), _) => serial.clone(),
        (None, Some(name)) => asked.entity("mfa", name, None),
        (None, None) => asked.prefix("mfa"),
    };
    vec![asked.need(resource)]
}

/// On the user, group, role or policy whose ARN the call gives.
pub fn source(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let about = &asked.about;
    let arn = about.policy_source_arn.as_ref().or(about.arn.as_ref());
    vec![asked.need(arn.cloned().unwrap_or_else(|| "*".to_owned()))]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    fn allow(action: &str, resource: &str) -> serde_json::Value {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})
    }

    #[test]
    fn a_path_is_part_of_the_resource() {
        let mut cloud = Cloud::new();
        let low = cloud.user_with(
            "low",
            allow("iam:*", "arn:aws:iam::123456789012:user/dev/*"),
        );
        let make = |path: &str, name: &str| json!({"UserName": name, "Path": path});
        cloud
            .call(&low, "iam", "CreateUser", make("/dev/", "one"))
            .unwrap();
        let refused = cloud
            .call(&low, "iam", "CreateUser", make("/ops/", "two"))
            .unwrap_err();
        assert_eq!(refused.code, "AccessDenied");
        assert_eq!(
            refused.message,
            "User: arn:aws:iam::123456789012:user/low is not authorized to perform: iam:CreateUser on resource: arn:aws:iam::123456789012:user/ops/two because no identity-based policy allows the iam:CreateUser action"
        );
        // The user's own path counts, not one that the caller makes up.
        cloud
            .call(&low, "iam", "GetUser", json!({"UserName": "one"}))
            .unwrap();
        // A user must not be moved out of what one may touch.
        let out = json!({"UserName": "one", "NewPath": "/ops/"});
        assert_eq!(
            cloud.call(&low, "iam", "UpdateUser", out).unwrap_err().code,
            "AccessDenied"
        );
    }

    #[test]
    fn tags_of_the_entity_and_of_the_request_are_conditions() {
        let mut cloud = Cloud::new();
        let own_team = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*", "Condition": {"StringEquals": {"iam:ResourceTag/team": "red"}}},
            {"Effect": "Allow", "Action": "iam:TagUser", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}, "StringEquals": {"aws:RequestTag/team": "red"}}},
        ]});
        let low = cloud.user_with("low", own_team);
        cloud
            .iam(
                "CreateUser",
                json!({"UserName": "a", "Tags": [{"Key": "team", "Value": "red"}]}),
            )
            .unwrap();
        cloud.iam("CreateUser", json!({"UserName": "b"})).unwrap();
        assert!(
            cloud
                .call(&low, "iam", "GetUser", json!({"UserName": "a"}))
                .is_ok()
        );
        assert!(
            cloud
                .call(&low, "iam", "GetUser", json!({"UserName": "b"}))
                .is_err()
        );
        let tag = |tags| json!({"UserName": "b", "Tags": tags});
        assert!(
            cloud
                .call(
                    &low,
                    "iam",
                    "TagUser",
                    tag(json!([{"Key": "team", "Value": "blue"}]))
                )
                .is_err()
        );
        assert!(
            cloud
                .call(
                    &low,
                    "iam",
                    "TagUser",
                    tag(json!([{"Key": "team", "Value": "red"}, {"Key": "x", "Value": ""}]))
                )
                .is_err()
        );
        assert!(
            cloud
                .call(
                    &low,
                    "iam",
                    "TagUser",
                    tag(json!([{"Key": "team", "Value": "red"}]))
                )
                .is_ok()
        );
    }

    #[test]
    fn a_boundary_can_be_demanded_of_new_users() {
        let mut cloud = Cloud::new();
        let boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        let low = cloud.user_with("low", json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["iam:CreateUser", "iam:AttachUserPolicy"], "Resource": "*",
            "Condition": {"StringEquals": {"iam:PermissionsBoundary": boundary}},
        }]}));
        assert!(
            cloud
                .call(&low, "iam", "CreateUser", json!({"UserName": "a"}))
                .is_err()
        );
        let with = json!({"UserName": "a", "PermissionsBoundary": boundary});
        assert!(cloud.call(&low, "iam", "CreateUser", with).is_ok());
        cloud
            .iam("CreateUser", json!({"UserName": "free"}))
            .unwrap();
        let attach = |name: &str| json!({"UserName": name, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
        assert!(
            cloud
                .call(&low, "iam", "AttachUserPolicy", attach("a"))
                .is_ok()
        );
        assert!(
            cloud
                .call(&low, "iam", "AttachUserPolicy", attach("free"))
                .is_err()
        );
    }

    #[test]
    fn every_operation_is_refused_to_a_user_without_permissions() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "low"})).unwrap();
        let low = cloud.user("low");
        for row in super::super::ROWS {
            let input = json!({"UserName": "low", "RoleName": "r", "GroupName": "g", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"});
            let refused = cloud.call(&low, "iam", row.operation, input).unwrap_err();
            assert_eq!(refused.code, "AccessDenied", "{}", row.operation);
            assert!(
                refused.message.contains(&format!("iam:{}", row.operation)),
                "{}",
                refused.message
            );
        }
    }
}
