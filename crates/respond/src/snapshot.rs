//! The whole state of an identity, to be saved before anything is changed.

use serde_json::{Map, Value, json};
use stockade_model::Arn;

use crate::aws::{Aws, Call, CallError, find, pages};
use crate::inline::{Holder, HolderKind};
use crate::scrub::scrub;

/// Everything that AWS says of a user or a role, by the call that said it. What could not be
/// read stands there with its error.
///
/// Errors: when the identity itself cannot be read; what is not there is an error too.
pub async fn take(aws: &dyn Aws, arn: &Arn) -> Result<Value, CallError> {
    let name = arn.resource_name();
    let mut parts = Map::new();
    match arn.resource_type() {
        "user" => user(aws, name, &mut parts).await?,
        "role" => role(aws, name, &mut parts).await?,
        _ => root(aws, &arn.account, &mut parts).await?,
    }
    Ok(scrub(&Value::Object(parts)))
}

async fn user(aws: &dyn Aws, name: &str, parts: &mut Map<String, Value>) -> Result<(), CallError> {
    let input = json!({ "UserName": name });
    let call = Call::new("iam", "GetUser", input.clone());
    parts.insert("GetUser".to_owned(), Value::Object(aws.call(&call).await?));
    for (operation, key) in [
        ("ListAccessKeys", "AccessKeyMetadata"),
        ("ListGroupsForUser", "Groups"),
        ("ListMFADevices", "MFADevices"),
        (
            "ListServiceSpecificCredentials",
            "ServiceSpecificCredentials",
        ),
        ("ListSSHPublicKeys", "SSHPublicKeys"),
        ("ListSigningCertificates", "Certificates"),
    ] {
        let call = Call::new("iam", operation, input.clone());
        part(
            parts,
            operation,
            pages(aws, &call, key).await.map(Value::Array),
        );
    }
    let call = Call::new("iam", "GetLoginProfile", input);
    let profile = find(aws, &call).await;
    part(
        parts,
        "GetLoginProfile",
        profile.map(|found| found.map_or(Value::Null, Value::Object)),
    );
    policies(aws, &Holder::user(name), parts).await;
    Ok(())
}

async fn role(aws: &dyn Aws, name: &str, parts: &mut Map<String, Value>) -> Result<(), CallError> {
    let call = Call::new("iam", "GetRole", json!({ "RoleName": name }));
    parts.insert("GetRole".to_owned(), Value::Object(aws.call(&call).await?));
    policies(aws, &Holder::role(name), parts).await;
    Ok(())
}

/// What hangs on the account: its service control policies.
async fn root(
    aws: &dyn Aws,
    account: &str,
    parts: &mut Map<String, Value>,
) -> Result<(), CallError> {
    let call = Call::new(
        "organizations",
        "ListPoliciesForTarget",
        json!({"TargetId": account, "Filter": "SERVICE_CONTROL_POLICY"}),
    );
    let policies = pages(aws, &call, "Policies").await?;
    parts.insert("ListPoliciesForTarget".to_owned(), Value::Array(policies));
    Ok(())
}

async fn policies(aws: &dyn Aws, holder: &Holder, parts: &mut Map<String, Value>) {
    let attached = pages(aws, &holder.list_attached(), "AttachedPolicies").await;
    part(parts, "AttachedPolicies", attached.map(Value::Array));
    let inline = async {
        let mut documents = Map::new();
        for name in pages(aws, &holder.list_inline(), "PolicyNames").await? {
            if let Some(name) = name.as_str() {
                let document = holder.read_policy(aws, name).await?;
                documents.insert(name.to_owned(), document.unwrap_or_default());
            }
        }
        Ok(Value::Object(documents))
    };
    debug_assert!(holder.kind != HolderKind::Group, "groups are not saved");
    part(parts, "InlinePolicies", inline.await);
}

fn part(parts: &mut Map<String, Value>, name: &str, result: Result<Value, CallError>) {
    let value = result.unwrap_or_else(|error| json!({ "unknown": error.to_string() }));
    parts.insert(name.to_owned(), value);
}
