//! The whole state of identities in the organisation, read over the wire, to be compared to the letter.
//!
//! One thing is left out, for AWS itself changes it whenever somebody looks: `RoleLastUsed`, which moves when the
//! responder takes `OrganizationAccountAccessRole`. Nothing else is normalised.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stockade_cloud::Client;
use stockade_model::AccountId;
use stockade_respond::document;

use crate::error::DrillError;
use crate::world::access_role;

/// Every identity, policy and attachment, by a name that tells where it is.
pub(crate) type Snapshot = BTreeMap<String, Value>;

/// What is read of an account, with the member that names each thing.
const PARTS: [(&str, &str); 4] = [
    ("UserDetailList", "UserName"),
    ("GroupDetailList", "GroupName"),
    ("RoleDetailList", "RoleName"),
    ("Policies", "Arn"),
];

/// Reads the members and the organisation's service control policies.
pub(crate) async fn read(admin: &Client, members: &[&AccountId]) -> Result<Snapshot, DrillError> {
    let mut snapshot = Snapshot::new();
    for account in members {
        let client = admin.assume_role(&access_role(account), "referee").await?;
        member(&client, account, &mut snapshot).await?;
    }
    policies(admin, &mut snapshot).await?;
    Ok(snapshot)
}

async fn member(
    client: &Client,
    account: &AccountId,
    into: &mut Snapshot,
) -> Result<(), DrillError> {
    for (part, name) in PARTS {
        let items = client
            .pages("iam", "GetAccountAuthorizationDetails", json!({}), part)
            .await?;
        for mut item in items {
            let id = item
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            if let Some(members) = item.as_object_mut() {
                members.remove("RoleLastUsed");
            }
            if part == "UserDetailList" {
                let of = json!({"UserName": id});
                let keys = client
                    .pages("iam", "ListAccessKeys", of.clone(), "AccessKeyMetadata")
                    .await?;
                into.insert(format!("{account} keys of {id}"), json!(keys));
                let profile = match client.call("iam", "GetLoginProfile", of).await {
                    Ok(profile) => Value::Object(profile),
                    Err(error) if error.is_not_found() => Value::Null,
                    Err(error) => return Err(error.into()),
                };
                into.insert(format!("{account} console password of {id}"), profile);
            }
            into.insert(format!("{account} {part} {id}"), item);
        }
    }
    Ok(())
}

async fn policies(admin: &Client, into: &mut Snapshot) -> Result<(), DrillError> {
    let filter = json!({"Filter": "SERVICE_CONTROL_POLICY"});
    for policy in admin
        .pages("organizations", "ListPolicies", filter, "Policies")
        .await?
    {
        let id = policy.get("Id").and_then(Value::as_str).unwrap_or_default();
        let of = json!({"PolicyId": id});
        let document = admin
            .call("organizations", "DescribePolicy", of.clone())
            .await?;
        let targets = admin
            .pages("organizations", "ListTargetsForPolicy", of, "Targets")
            .await?;
        let name = format!("service control policy {id}");
        into.insert(name, json!({"policy": document, "targets": targets}));
    }
    Ok(())
}

/// What differs, in a line each.
pub(crate) fn differences(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let mut found = Vec::new();
    for (name, was) in before {
        match after.get(name) {
            None => found.push(format!("{name}: is gone")),
            Some(is) if is != was => {
                let diff = stockade_respond::diff::json(was, is);
                found.push(format!("{name}: is another\n{diff}"));
            }
            Some(_) => {}
        }
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        found.push(format!("{name}: is new"));
    }
    found
}

/// What is there now and was not there before, apart from what the response itself put there.
pub(crate) fn left_behind(before: &Snapshot, now: &Snapshot) -> Vec<String> {
    let mut left = Vec::new();
    for (name, is) in now {
        let Some(was) = before.get(name) else {
            // The keys and the password of a new user are named with the user.
            let twice = name.contains(" keys of ") || name.contains(" console password of ");
            let ours = name.starts_with("service control policy");
            if !twice && !ours {
                left.push(format!("{name} is new"));
            }
            continue;
        };
        if name.contains(" keys of ") {
            let ids = |value: &Value| names(Some(value), "AccessKeyId");
            grown(name, "key", &ids(was), &ids(is), &mut left);
            continue;
        }
        for (list, member, noun) in [
            ("AttachedManagedPolicies", "PolicyArn", "policy"),
            ("UserPolicyList", "PolicyName", "inline policy"),
            ("RolePolicyList", "PolicyName", "inline policy"),
        ] {
            let of = |value: &Value| names(value.get(list), member);
            grown(name, noun, &of(was), &of(is), &mut left);
        }
        let trust = |value: &Value| document::read(value.get("AssumeRolePolicyDocument"));
        if trust(was) != trust(is) {
            left.push(format!("{name} trusts others than before"));
        }
    }
    left
}

fn names(list: Option<&Value>, member: &str) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| Some(item.get(member)?.as_str()?.to_owned()))
        .collect()
}

fn grown(name: &str, noun: &str, was: &[String], is: &[String], left: &mut Vec<String>) {
    let ours = |id: &str| id.starts_with("Stockade");
    for id in is.iter().filter(|id| !was.contains(id) && !ours(id)) {
        left.push(format!("{name} has {noun} {id}"));
    }
}
