//! Every row is held to the tables of actions: its action is one that there is, and its resources have a form that the
//! action takes.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stockade_policy::actions;
use stockade_wire::table::{self, Kind};

use super::SERVICES;
use super::iam::bench::{ACCOUNT, Cloud, Surroundings};
use crate::row::{Need, Needs};

/// What is newer than the table.
const UNLISTED: &[&str] = &[
    "iam:GetAccountProperties",
    "iam:GetRoleTemplateVersion",
    "iam:PutAccountProperties",
    "iam:UpdateDelegationRequest",
    "kms:Decapsulate",
    "kms:Encapsulate",
    "kms:GetKeyLastUsage",
];

/// Where AWS's own refusals name a resource though the table has no resource type: IAM's lists are allowed by path.
const BY_PATH: &[&str] = &[
    "iam:ListGroups",
    "iam:ListInstanceProfiles",
    "iam:ListPolicies",
    "iam:ListRoles",
    "iam:ListServerCertificates",
    "iam:ListUsers",
    "iam:ListVirtualMFADevices",
];

/// Rows whose resource cannot be told from a sample of input: a key that there is not, root's password, a role that the
/// call itself will name; a handshake, a transfer or a resource policy that there is not; whom an invitation is for; an
/// account where the sample is a root.
const BY_STATE: &[&str] = &[
    "AcceptHandshake",
    "AcquireRole",
    "CancelHandshake",
    "ChangePassword",
    "DeclineHandshake",
    "DescribeEffectivePolicy",
    "DescribeHandshake",
    "DescribeResponsibilityTransfer",
    "GetAccessKeyLastUsed",
    "InviteAccountToOrganization",
    "InviteOrganizationToTransferResponsibility",
    "PutResourcePolicy",
    "TerminateResponsibilityTransfer",
    "UpdateResponsibilityTransfer",
];

/// A value for a member, by its name: the row's resources are made from it.
fn sample(service: &str, operation: &str, member: &str, ids: &[(&str, String)]) -> Value {
    let arn = |resource: &str| json!(format!("arn:aws:iam::{ACCOUNT}:{resource}"));
    if let Some((_, id)) = ids
        .iter()
        .find(|(own, _)| matches!(service, "kms" | "organizations") && *own == member)
    {
        return json!(id);
    }
    let of_identity =
        operation.contains("Principal") || operation == "ListPoliciesGrantingServiceAccess";
    match (service, member) {
        ("iam", "PolicySourceArn" | "Arn") if of_identity => arn("user/anna"),
        ("iam", "PolicyArn" | "Arn" | "PermissionsBoundary") => arn("policy/p"),
        (_, "RoleArn") => arn("role/r"),
        (_, "SAMLProviderArn" | "PrincipalArn") => arn("saml-provider/s"),
        (_, "OpenIDConnectProviderArn") => arn("oidc-provider/example.com"),
        (_, "SerialNumber") => arn("mfa/m"),
        ("iam", "EntityArn") => arn("delegation-request/d"),
        ("iam", "DeletionTaskId") => {
            json!("task/aws-service-role/x.amazonaws.com/AWSServiceRoleForX/1")
        }
        (_, "Path" | "NewPath" | "PathPrefix") => json!("/p/"),
        ("cloudtrail", "Name" | "TrailName" | "TrailARN" | "ResourceId") => {
            json!(format!(
                "arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/trail"
            ))
        }
        (_, "Bucket") => json!("bucket"),
        ("kms", "AliasName") => json!("alias/x"),
        _ => json!("x"),
    }
}

#[test]
fn every_rows_action_and_resources_stand_in_the_tables() {
    let mut cloud = Cloud::new();
    let root = Cloud::root(ACCOUNT);
    cloud
        .call(&root, "s3", "CreateBucket", json!({"Bucket": "bucket"}))
        .unwrap();
    let key = cloud.call(&root, "kms", "CreateKey", json!({})).unwrap();
    let key = key["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let mut made = |operation: &str, input: Value| cloud.organizations(operation, input).unwrap();
    made("CreateOrganization", json!({}));
    let root_id = made("ListRoots", json!({}))["Roots"][0]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    let unit = made(
        "CreateOrganizationalUnit",
        json!({"ParentId": root_id, "Name": "u"}),
    );
    let unit = unit["OrganizationalUnit"]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    let document = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let policy = json!({"Name": "p", "Description": "", "Type": "SERVICE_CONTROL_POLICY", "Content": document.to_string()});
    let policy = made("CreatePolicy", policy)["Policy"]["PolicySummary"]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    let ids = [
        ("KeyId", key.clone()),
        ("TargetKeyId", key.clone()),
        ("SourceKeyId", key.clone()),
        ("DestinationKeyId", key),
        ("RootId", root_id.clone()),
        ("ParentId", root_id.clone()),
        ("SourceParentId", root_id.clone()),
        ("DestinationParentId", root_id.clone()),
        ("TargetId", root_id),
        ("OrganizationalUnitId", unit),
        ("AccountId", ACCOUNT.to_owned()),
        ("ChildId", ACCOUNT.to_owned()),
        ("ResourceId", ACCOUNT.to_owned()),
        ("PolicyId", policy),
    ];
    let around = Surroundings::at(cloud.now);
    let mut wrong = BTreeSet::new();
    let mut seen = 0;
    for (name, rows) in SERVICES {
        let service = table::service(name).unwrap();
        for row in *rows {
            let operation = &service.operations[row.operation];
            let mut input = serde_json::Map::new();
            if let Some(shape) = operation.input
                && let Kind::Structure { members, .. } = &service.shape(shape).kind
            {
                for member in members {
                    if matches!(service.shape(member.shape).kind, Kind::String { .. }) {
                        input.insert(
                            member.name.clone(),
                            sample(name, row.operation, &member.name, &ids),
                        );
                    }
                }
            }
            let call = around.call(&root, name, row.operation, &input);
            let needs: Vec<Need> = match row.needs {
                Needs::Nothing => Vec::new(),
                Needs::Action { action, on } => on(&cloud.range, &call)
                    .into_iter()
                    .map(|on| Need::new(action, on))
                    .collect(),
                Needs::These(needs) => needs(&cloud.range, &call),
                Needs::Checked(needs) => needs(&cloud.range, &call).unwrap_or_default(),
            };
            for need in needs {
                seen += 1;
                let (prefix, own) = need.action.split_once(':').unwrap();
                let action = need.action.as_str();
                let by_path = BY_PATH.contains(&action) && need.resource != "*";
                if UNLISTED.contains(&action) || BY_STATE.contains(&row.operation) || by_path {
                    continue;
                }
                match actions::service(prefix).and_then(|s| Some((s, s.action(own)?))) {
                    None => {
                        wrong.insert(format!(
                            "{name} {}: there is no {}",
                            row.operation, need.action
                        ));
                    }
                    Some((table, action)) if !table.takes(action, &need.resource) => {
                        wrong.insert(format!(
                            "{name} {}: {} is not allowed on {}; it takes {:?}",
                            row.operation,
                            need.action,
                            need.resource,
                            action.on.keys()
                        ));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    assert!(seen > 200, "{seen}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
