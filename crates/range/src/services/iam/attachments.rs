//! What users, groups and roles are granted, and the attaching and detaching of managed policies.
//!
//! Owns [`Grants`] and the three kinds of their holders. Inline policies have a file of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::aws_managed;
use super::documents::Document;
use super::errors;
use super::output::{UnderPath, page};
use super::scope::{iam, iam_mut};
use super::state::{State, key};
use crate::call::{Call, Reply};
use crate::state::State as Range;

/// Policies that one entity may have attached.
pub(super) const ATTACHED_LIMIT: usize = 10;

/// The policies of a user, a group or a role.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Grants {
    /// Inline policies by name.
    pub inline: BTreeMap<String, Document>,
    /// Attached managed policies, by ARN.
    pub attached: BTreeSet<String>,
}

/// Who holds grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    User(String),
    Group(String),
    Role(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfHolder {
    user_name: Option<String>,
    group_name: Option<String>,
    role_name: Option<String>,
}

impl Holder {
    /// The holder that a call names.
    pub fn of(call: &Call<'_>) -> Result<Self, AwsError> {
        let input: OfHolder = call.read()?;
        match (input.user_name, input.group_name, input.role_name) {
            (Some(name), _, _) => Ok(Self::User(name)),
            (_, Some(name), _) => Ok(Self::Group(name)),
            (_, _, Some(name)) => Ok(Self::Role(name)),
            _ => Err(errors::must_name_user()),
        }
    }

    /// `user`, `group` or `role`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Group(_) => "group",
            Self::Role(_) => "role",
        }
    }

    /// The name, as the call gives it.
    pub fn name(&self) -> &str {
        match self {
            Self::User(name) | Self::Group(name) | Self::Role(name) => name,
        }
    }

    /// What it is granted; an error where it does not exist.
    pub fn grants<'a>(&self, state: &'a State) -> Result<&'a Grants, AwsError> {
        match self {
            Self::User(name) => state
                .user(name)
                .map(|user| &user.grants)
                .ok_or_else(|| errors::no_user(name)),
            Self::Group(name) => state
                .group(name)
                .map(|group| &group.grants)
                .ok_or_else(|| errors::no_group(name)),
            Self::Role(name) => state
                .role(name)
                .map(|role| &role.grants)
                .ok_or_else(|| errors::no_role(name)),
        }
    }

    /// As [`Holder::grants`], for a change: a role that AWS keeps is refused.
    pub fn changeable<'a>(&self, state: &'a State) -> Result<&'a Grants, AwsError> {
        if let Self::Role(name) = self
            && let Some(role) = state.role(name)
        {
            role.check_modifiable()?;
        }
        self.grants(state)
    }

    /// What it is granted, to change.
    pub fn grants_mut<'a>(&self, state: &'a mut State) -> Result<&'a mut Grants, AwsError> {
        let missing = || match self {
            Self::User(name) => errors::no_user(name),
            Self::Group(name) => errors::no_group(name),
            Self::Role(name) => errors::no_role(name),
        };
        let name = key(self.name());
        match self {
            Self::User(_) => state
                .users
                .get_mut(&name)
                .map(|user| &mut Arc::make_mut(user).grants),
            Self::Group(_) => state
                .groups
                .get_mut(&name)
                .map(|group| &mut Arc::make_mut(group).grants),
            Self::Role(_) => state
                .roles
                .get_mut(&name)
                .map(|role| &mut Arc::make_mut(role).grants),
        }
        .ok_or_else(missing)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfPolicy {
    policy_arn: String,
}

/// Refuses an ARN that is none of a policy.
pub(super) fn check_arn(arn: &str) -> Result<(), AwsError> {
    let shaped = arn
        .parse::<stockade_model::Arn>()
        .is_ok_and(|arn| arn.service == "iam" && arn.resource.starts_with("policy/"));
    if shaped {
        return Ok(());
    }
    Err(errors::invalid_input(format!("ARN {arn} is not valid.")))
}

pub(super) fn attach(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfPolicy { policy_arn } = call.read()?;
    let holder = Holder::of(call)?;
    let state = iam(range, call)?;
    check_arn(&policy_arn)?;
    let grants = holder.changeable(state)?;
    if state.policy(&policy_arn).is_none() && aws_managed::find(&policy_arn).is_none() {
        return Err(errors::not_attachable(&policy_arn));
    }
    if aws_managed::is_of_service_linked_roles(&policy_arn) {
        return Err(AwsError::new(
            400,
            "PolicyNotAttachable",
            "Cannot attach a Service Role Policy to a Customer Role.",
        ));
    }
    if !grants.attached.contains(&policy_arn) {
        let quota = match holder {
            Holder::User(_) => "PoliciesPerUser",
            Holder::Group(_) => "PoliciesPerGroup",
            Holder::Role(_) => "PoliciesPerRole",
        };
        errors::check_quota(quota, grants.attached.len(), ATTACHED_LIMIT)?;
    }
    holder
        .grants_mut(iam_mut(range, call)?)?
        .attached
        .insert(policy_arn);
    Ok(Reply::empty())
}

pub(super) fn detach(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfPolicy { policy_arn } = call.read()?;
    let holder = Holder::of(call)?;
    check_arn(&policy_arn)?;
    let grants = holder.changeable(iam(range, call)?)?;
    if !grants.attached.contains(&policy_arn) {
        return Err(errors::no_policy(&policy_arn));
    }
    holder
        .grants_mut(iam_mut(range, call)?)?
        .attached
        .remove(&policy_arn);
    Ok(Reply::empty())
}

/// The path of a policy, from its ARN.
pub(super) fn policy_path(arn: &str) -> &str {
    let resource = arn.split_once(":policy").map_or("/", |(_, rest)| rest);
    resource
        .rfind('/')
        .and_then(|end| resource.get(..=end))
        .unwrap_or("/")
}

/// A policy as lists of attachments show it.
pub(super) fn shown(arn: &str) -> Value {
    json!({"PolicyName": arn.rsplit('/').next(), "PolicyArn": arn})
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: UnderPath = call.read()?;
    let attached = Holder::of(call)?
        .grants(iam(range, call)?)?
        .attached
        .iter()
        .filter(|arn| input.has(policy_path(arn)))
        .map(|arn| (arn.clone(), shown(arn)));
    page(call, "AttachedPolicies", Value::Null, attached)
}

#[cfg(test)]
mod tests {
    use super::super::bench::Cloud;
    use super::*;

    #[test]
    fn paths_come_from_the_arn() {
        for (arn, path) in [
            ("arn:aws:iam::aws:policy/AdministratorAccess", "/"),
            (
                "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
                "/job-function/",
            ),
            ("arn:aws:iam::123456789012:policy/a/b/c", "/a/b/"),
        ] {
            assert_eq!(policy_path(arn), path);
        }
    }

    #[test]
    fn only_arns_of_policies_are_taken() {
        assert!(check_arn("arn:aws:iam::aws:policy/X").is_ok());
        for bad in [
            "",
            "AdministratorAccess",
            "arn:aws:iam::123456789012:user/anna",
            "arn:aws:s3:::policy/x",
        ] {
            assert_eq!(check_arn(bad).unwrap_err().code, "InvalidInput", "{bad}");
        }
    }

    #[test]
    fn policies_are_attached_counted_and_detached() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        let input = json!({"UserName": "a", "PolicyArn": arn});
        for _ in 0..2 {
            cloud.iam("AttachUserPolicy", input.clone()).unwrap();
        }
        let count = |cloud: &mut Cloud| {
            cloud.iam("GetPolicy", json!({"PolicyArn": arn})).unwrap()["Policy"]["AttachmentCount"]
                .clone()
        };
        assert_eq!(count(&mut cloud), 1);
        let holders = cloud
            .iam("ListEntitiesForPolicy", json!({"PolicyArn": arn}))
            .unwrap();
        assert_eq!(holders["PolicyUsers"][0]["UserName"], "a");
        let attached = cloud
            .iam("ListAttachedUserPolicies", json!({"UserName": "a"}))
            .unwrap();
        assert_eq!(
            attached["AttachedPolicies"],
            json!([{"PolicyName": "ReadOnlyAccess", "PolicyArn": arn}])
        );
        let listed = cloud
            .iam("ListPolicies", json!({"OnlyAttached": true}))
            .unwrap();
        assert_eq!(listed["Policies"].as_array().unwrap().len(), 1);
        cloud.iam("DetachUserPolicy", input.clone()).unwrap();
        assert_eq!(count(&mut cloud), 0);
        let again = cloud.refused("DetachUserPolicy", input);
        assert_eq!(
            again,
            (
                "NoSuchEntity".into(),
                format!("Policy {arn} was not found.")
            )
        );
    }

    #[test]
    fn what_cannot_be_attached_is_refused() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        let attach = |arn: &str| json!({"UserName": "a", "PolicyArn": arn});
        let missing = "arn:aws:iam::123456789012:policy/none";
        let refused = cloud.refused("AttachUserPolicy", attach(missing));
        assert_eq!(
            refused.1,
            format!("Policy {missing} does not exist or is not attachable.")
        );
        let linked = "arn:aws:iam::aws:policy/aws-service-role/AWSSupportServiceRolePolicy";
        assert_eq!(
            cloud.refused("AttachUserPolicy", attach(linked)).0,
            "PolicyNotAttachable"
        );
        let names = [
            "ReadOnlyAccess",
            "AdministratorAccess",
            "SecurityAudit",
            "PowerUserAccess",
            "IAMFullAccess",
            "AmazonS3FullAccess",
            "AmazonEC2FullAccess",
            "AWSLambda_FullAccess",
            "AmazonSQSFullAccess",
            "AmazonSNSFullAccess",
        ];
        for name in names {
            cloud
                .iam(
                    "AttachUserPolicy",
                    attach(&format!("arn:aws:iam::aws:policy/{name}")),
                )
                .unwrap();
        }
        let eleventh = cloud.refused(
            "AttachUserPolicy",
            attach("arn:aws:iam::aws:policy/AmazonRDSFullAccess"),
        );
        assert_eq!(
            eleventh,
            (
                "LimitExceeded".into(),
                "Cannot exceed quota for PoliciesPerUser: 10".into()
            )
        );
    }

    #[test]
    fn the_condition_on_the_policys_arn_holds() {
        let mut cloud = Cloud::new();
        let only = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "iam:AttachUserPolicy", "Resource": "*",
            "Condition": {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/ReadOnlyAccess"}},
        }]});
        let low = cloud.user_with("low", only);
        let attach = |name: &str| json!({"UserName": "low", "PolicyArn": format!("arn:aws:iam::aws:policy/{name}")});
        cloud
            .call(&low, "iam", "AttachUserPolicy", attach("ReadOnlyAccess"))
            .unwrap();
        let refused = cloud
            .call(
                &low,
                "iam",
                "AttachUserPolicy",
                attach("AdministratorAccess"),
            )
            .unwrap_err();
        assert_eq!(refused.code, "AccessDenied");
    }
}
