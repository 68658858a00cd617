//! What opens a resource to others without a policy document: access lists, snapshot and image attributes,
//! permissions that a call adds, grants, shares.
//!
//! Owns where each call names them. Must not read policy documents.

use serde_json::Value;

use super::{Access, Call, account_of};

/// Values are looked for no deeper than this.
const DEPTH: usize = 16;

/// S3's groups of everybody, and of everybody who has an AWS account at all.
const GROUPS: [&str; 2] = [
    "acs.amazonaws.com/groups/global/AllUsers",
    "acs.amazonaws.com/groups/global/AuthenticatedUsers",
];

/// S3's ready-made lists that open to those.
const CANNED: [&str; 3] = ["public-read", "public-read-write", "authenticated-read"];

pub(super) fn read(call: &Call<'_>, request: &Value, access: &mut Access) {
    let name: &str = &call.name;
    if call.is_of("s3") {
        return access_list(name, request, access);
    }
    if call.is_of("ec2") {
        return match name {
            "ModifySnapshotAttribute" | "ModifyImageAttribute" | "ModifyFpgaImageAttribute" => {
                let added = [
                    "createVolumePermission",
                    "launchPermission",
                    "loadPermission",
                ]
                .iter()
                .filter_map(|list| request.get(list)?.get("add"));
                added.for_each(|added| accounts(added, call, access));
                // As the older form of the call has it.
                let older = request.get("operationType").and_then(Value::as_str) == Some("add");
                if older {
                    for list in ["userId", "userIds", "userGroup", "groups", "group"] {
                        if let Some(list) = request.get(list) {
                            accounts(list, call, access);
                        }
                    }
                }
            }
            "ModifyVpcEndpointServicePermissions" => each(
                request,
                &["addallowedprincipals", "addallowedprincipal"],
                &mut |added| accounts(added, call, access),
            ),
            _ => {}
        };
    }
    if call.is_of("rds") {
        if name.starts_with("ModifyDB") && name.ends_with("SnapshotAttribute") {
            let restore = request
                .get("attributeName")
                .and_then(Value::as_str)
                .is_none_or(|n| n == "restore");
            if let (true, Some(added)) = (restore, request.get("valuesToAdd")) {
                accounts(added, call, access);
            }
        }
        return;
    }
    if call.is_of("lambda") {
        return function(name, request, call, access);
    }
    let members: &[&str] = match (call.source.split('.').next().unwrap_or_default(), name) {
        ("sns" | "sqs", "AddPermission") => &["awsaccountids", "awsaccountid"],
        ("kms", "CreateGrant") => &["granteeprincipal"],
        ("ram", "CreateResourceShare" | "AssociateResourceShare") => &["principals"],
        ("redshift", "AuthorizeSnapshotAccess") => &["accountwithrestoreaccess"],
        ("redshift", "AuthorizeEndpointAccess") => &["account"],
        ("ssm", "ModifyDocumentPermission") => &["accountidstoadd"],
        ("events", "PutPermission") if !has_condition(request) => &["principal"],
        _ => return,
    };
    each(request, members, &mut |found| accounts(found, call, access));
}

/// `PutBucketAcl`, `PutObjectAcl`, and what is put or made with a list at once.
fn access_list(name: &str, request: &Value, access: &mut Access) {
    let lists = name.ends_with("Acl")
        || matches!(
            name,
            "CreateBucket" | "PutObject" | "CopyObject" | "CreateMultipartUpload"
        );
    if !lists || name.starts_with("Get") {
        return;
    }
    let mut grants = |text: &str| GROUPS.iter().any(|group| text.contains(group));
    access.everybody |= any_text(request, DEPTH, &mut grants);
    each(request, &["x-amz-acl", "acl"], &mut |canned| {
        access.everybody |= any_text(canned, 4, &mut |text| CANNED.contains(&text));
    });
}

fn function(name: &str, request: &Value, call: &Call<'_>, access: &mut Access) {
    let text = |member: &str| request.get(member).and_then(Value::as_str);
    // The date at the end is the API's version.
    if name.starts_with("AddPermission") || name.starts_with("AddLayerVersionPermission") {
        let held = text("principalOrgID").is_some()
            || text("organizationId").is_some()
            || text("sourceAccount").is_some()
            || text("sourceArn").is_some();
        match text("principal") {
            Some("*") => access.everybody |= !held,
            Some(principal) => {
                if let Some(account) = account_of(principal) {
                    access.let_in(account, call);
                }
            }
            None => {}
        }
    } else if name.starts_with("CreateFunctionUrlConfig")
        || name.starts_with("UpdateFunctionUrlConfig")
    {
        access.everybody |= text("authType") == Some("NONE");
    }
}

/// An event bus may be opened to all, on the condition of the organisation.
fn has_condition(request: &Value) -> bool {
    request.get("condition").is_some_and(|c| !c.is_null())
}

/// Takes every account, ARN, `all` and `*` below a value for somebody who is let in.
fn accounts(value: &Value, call: &Call<'_>, access: &mut Access) {
    let (mut everybody, mut found) = (false, Vec::new());
    any_text(value, DEPTH, &mut |text: &str| {
        if matches!(text, "all" | "*") {
            everybody = true;
        } else if let Some(account) = account_of(text) {
            found.push(account.to_owned());
        }
        false
    });
    access.everybody |= everybody;
    found
        .iter()
        .for_each(|account| access.let_in(account, call));
}

/// Shows `visit` every member with one of the names (in lower case), at any depth.
fn each(value: &Value, names: &[&str], visit: &mut dyn FnMut(&Value)) {
    each_within(value, names, visit, DEPTH);
}

fn each_within(value: &Value, names: &[&str], visit: &mut dyn FnMut(&Value), depth: usize) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    match value {
        Value::Array(items) => items
            .iter()
            .for_each(|item| each_within(item, names, visit, depth)),
        Value::Object(map) => {
            for (name, inner) in map {
                if names.contains(&&*name.to_ascii_lowercase()) {
                    visit(inner);
                } else {
                    each_within(inner, names, visit, depth);
                }
            }
        }
        _ => {}
    }
}

/// Whether `fits` answers true of a text below a value.
fn any_text(value: &Value, depth: usize, fits: &mut dyn FnMut(&str) -> bool) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    match value {
        Value::String(text) => fits(text),
        Value::Array(items) => items.iter().any(|item| any_text(item, depth, fits)),
        Value::Object(map) => map.values().any(|inner| any_text(inner, depth, fits)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{access, foreign};
    use serde_json::json;

    #[test]
    fn lists_and_attributes_that_open_to_everybody() {
        for (source, name, request) in [
            (
                "s3",
                "PutBucketAcl",
                json!({"bucketName": "b", "x-amz-acl": "public-read", "acl": ""}),
            ),
            (
                "s3",
                "PutBucketAcl",
                json!({"bucketName": "b", "AccessControlPolicy": {"AccessControlList": {"Grant": [
                {"Grantee": {"xsi:type": "CanonicalUser", "ID": "own"}, "Permission": "FULL_CONTROL"},
                {"Grantee": {"xsi:type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}, "Permission": "READ"}]}}}),
            ),
            (
                "s3",
                "CreateBucket",
                json!({"bucketName": "b", "x-amz-grant-read": "uri=\"http://acs.amazonaws.com/groups/global/AuthenticatedUsers\""}),
            ),
            (
                "ec2",
                "ModifySnapshotAttribute",
                json!({"snapshotId": "snap-1", "createVolumePermission": {"add": {"items": [{"group": "all"}]}}, "attributeType": "CREATE_VOLUME_PERMISSION"}),
            ),
            (
                "ec2",
                "ModifyImageAttribute",
                json!({"imageId": "ami-1", "launchPermission": {"add": {"items": [{"group": "all"}]}}}),
            ),
            (
                "rds",
                "ModifyDBSnapshotAttribute",
                json!({"attributeName": "restore", "valuesToAdd": ["all"], "dBSnapshotIdentifier": "s"}),
            ),
            (
                "rds",
                "ModifyDBClusterSnapshotAttribute",
                json!({"attributeName": "restore", "valuesToAdd": ["all"]}),
            ),
            (
                "lambda",
                "AddPermission20150331v2",
                json!({"principal": "*", "functionName": "f", "action": "lambda:InvokeFunction"}),
            ),
            (
                "lambda",
                "CreateFunctionUrlConfig",
                json!({"authType": "NONE"}),
            ),
            (
                "ssm",
                "ModifyDocumentPermission",
                json!({"name": "d", "permissionType": "Share", "accountIdsToAdd": ["all"]}),
            ),
            (
                "events",
                "PutPermission",
                json!({"principal": "*", "statementId": "s"}),
            ),
        ] {
            assert!(access(source, name, &request).everybody, "{name} {request}");
        }
    }

    #[test]
    fn shares_with_another_account() {
        for (source, name, request) in [
            (
                "ec2",
                "ModifySnapshotAttribute",
                json!({"createVolumePermission": {"add": {"items": [{"userId": "444455556666"}]}}}),
            ),
            (
                "ec2",
                "ModifyImageAttribute",
                json!({"launchPermission": {"add": {"items": [{"userId": "444455556666"}, {"userId": "111122223333"}]}}}),
            ),
            (
                "ec2",
                "ModifyVpcEndpointServicePermissions",
                json!({"ModifyVpcEndpointServicePermissionsRequest": {"AddAllowedPrincipals": {"tag": 1, "content": "arn:aws:iam::444455556666:root"}}}),
            ),
            (
                "rds",
                "ModifyDBSnapshotAttribute",
                json!({"attributeName": "restore", "valuesToAdd": ["444455556666"]}),
            ),
            (
                "lambda",
                "AddPermission20150331v2",
                json!({"principal": "444455556666"}),
            ),
            (
                "lambda",
                "AddLayerVersionPermission20181031",
                json!({"principal": "444455556666"}),
            ),
            (
                "sns",
                "AddPermission",
                json!({"aWSAccountId": ["444455556666"], "actionName": ["Publish"]}),
            ),
            (
                "sqs",
                "AddPermission",
                json!({"aWSAccountIds": ["444455556666"], "actions": ["*"]}),
            ),
            (
                "kms",
                "CreateGrant",
                json!({"granteePrincipal": "arn:aws:iam::444455556666:role/x", "operations": ["Decrypt"]}),
            ),
            (
                "ram",
                "CreateResourceShare",
                json!({"principals": ["444455556666"], "resourceArns": ["arn:aws:ec2:us-east-1:111122223333:subnet/s"]}),
            ),
            (
                "redshift",
                "AuthorizeSnapshotAccess",
                json!({"accountWithRestoreAccess": "444455556666"}),
            ),
            (
                "ssm",
                "ModifyDocumentPermission",
                json!({"accountIdsToAdd": ["444455556666"]}),
            ),
            (
                "events",
                "PutPermission",
                json!({"principal": "444455556666"}),
            ),
        ] {
            assert_eq!(
                foreign(source, name, &request),
                ["444455556666"],
                "{name} {request}"
            );
            assert!(
                !access(source, name, &request).everybody,
                "{name} {request}"
            );
        }
    }

    #[test]
    fn what_takes_away_or_stays_at_home_opens_nothing() {
        for (source, name, request) in [
            ("s3", "PutBucketAcl", json!({"x-amz-acl": "private"})),
            ("s3", "GetBucketAcl", json!({"x-amz-acl": "public-read"})),
            (
                "ec2",
                "ModifySnapshotAttribute",
                json!({"createVolumePermission": {"remove": {"items": [{"group": "all"}, {"userId": "444455556666"}]}}}),
            ),
            (
                "rds",
                "ModifyDBSnapshotAttribute",
                json!({"attributeName": "restore", "valuesToRemove": ["all"]}),
            ),
            (
                "lambda",
                "AddPermission20150331v2",
                json!({"principal": "s3.amazonaws.com", "sourceAccount": "111122223333"}),
            ),
            (
                "lambda",
                "AddPermission20150331v2",
                json!({"principal": "*", "principalOrgID": "o-abcdefghij"}),
            ),
            (
                "lambda",
                "CreateFunctionUrlConfig",
                json!({"authType": "AWS_IAM"}),
            ),
            (
                "kms",
                "CreateGrant",
                json!({"granteePrincipal": "arn:aws:iam::111122223333:role/x"}),
            ),
            (
                "events",
                "PutPermission",
                json!({"principal": "*", "condition": {"type": "StringEquals", "key": "aws:PrincipalOrgID", "value": "o-1"}}),
            ),
            ("dynamodb", "DescribeTable", json!({"principal": "*"})),
        ] {
            assert_eq!(
                access(source, name, &request),
                super::Access::default(),
                "{name} {request}"
            );
        }
    }
}
