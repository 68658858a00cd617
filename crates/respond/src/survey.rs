//! How the things that the lineage left are now: facts for the plan that removes them, and after
//! it the proof that nothing of them is left. It changes nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::AccountId;

use crate::actions::{
    Action, DeleteLoginProfile, DeletePolicy, DetachIdentityPolicy, RemoveInlinePolicy,
    RemoveUserFromGroup, RestoreBucketPolicy, RestoreTrustPolicy, SetAccessKeyStatus,
};
use crate::aws::{Aws, Call, CallError, Reach, find, pages};
use crate::fact::Fact;
use crate::inline::{Holder, HolderKind};
use crate::persistence::{Left, Persistence};
use crate::triage::{PolicyDocument, UserFacts};

/// What an identity holds: what must go before it can be deleted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Holdings {
    /// ARNs of attached policies.
    pub attached: Vec<String>,
    /// Inline policies.
    pub inline: Vec<PolicyDocument>,
    /// Groups.
    pub groups: Vec<String>,
    /// Access keys with their status.
    pub keys: Vec<(String, String)>,
    /// Whether there is a console password.
    pub login_profile: bool,
    /// Other things that no action removes: MFA devices, certificates, instance profiles, …
    pub others: Vec<String>,
}

/// A version of a managed policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// As in `v2`.
    pub id: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether it is the default.
    pub default: bool,
    /// Its document, for those that the lineage made.
    pub document: Option<Value>,
}

/// How a thing is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remains {
    /// It is not there any more.
    Gone,
    /// It is there; the state as its action reads it.
    There(Value),
    /// An identity, with what it holds.
    Identity(Holdings),
    /// A managed policy, with its versions.
    Versions(Vec<Version>),
    /// A person must look.
    ByHand,
}

/// A thing that the lineage left, as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The thing.
    pub found: Persistence,
    /// How it is.
    pub now: Fact<Remains>,
}

impl Item {
    /// What is left of it, in a line; none when nothing is.
    pub fn left(&self) -> Option<String> {
        let what = describe(&self.found);
        match &self.now {
            Fact::Unknown { why } => Some(format!("{what}: unknown ({why})")),
            Fact::Known(Remains::Gone) => None,
            Fact::Known(Remains::ByHand) => Some(format!("{what}: look at it by hand")),
            Fact::Known(Remains::There(state)) => Some(format!("{what}: {state}")),
            Fact::Known(Remains::Identity(_)) => Some(format!("{what}: it is there")),
            Fact::Known(Remains::Versions(versions)) => {
                let ours = match &self.found.left {
                    Left::PolicyVersion { version, .. } | Left::DefaultVersion { version, .. } => {
                        version
                    }
                    _ => return Some(format!("{what}: it is there")),
                };
                let chosen = matches!(self.found.left, Left::DefaultVersion { .. });
                versions
                    .iter()
                    .any(|version| version.id == *ours && (version.default || !chosen))
                    .then(|| format!("{what}: it is there"))
            }
        }
    }
}

/// The thing in words.
pub fn describe(found: &Persistence) -> String {
    let account = &found.account;
    match &found.left {
        Left::AccessKey { user, id } => format!("access key {id} of user {user} ({account})"),
        Left::SwitchedOn { user, id } => {
            format!("access key {id} of user {user}, switched on ({account})")
        }
        Left::User { name } => format!("user {name} ({account})"),
        Left::Role { name } => format!("role {name} ({account})"),
        Left::LoginProfile { user } => format!("console password of user {user} ({account})"),
        Left::Trust { role, .. } => format!("trust policy of role {role} ({account})"),
        Left::Attached { holder, policy_arn } => {
            format!("{policy_arn} attached to {holder} ({account})")
        }
        Left::Inline {
            holder,
            policy_name,
        } => format!("inline policy {policy_name} of {holder} ({account})"),
        Left::Policy { arn } => format!("managed policy {arn}"),
        Left::PolicyVersion { arn, version } => format!("version {version} of {arn}"),
        Left::DefaultVersion { arn, version } => format!("{version} as the default of {arn}"),
        Left::Membership { user, group } => format!("user {user} in group {group} ({account})"),
        Left::BucketPolicy { bucket, .. } => format!("policy of bucket {bucket} ({account})"),
        Left::ByHand { about } => format!("{} {about} ({account})", found.call),
    }
}

/// Looks at everything that the lineage left.
pub async fn survey(reach: &Reach, facts: &UserFacts) -> Vec<Item> {
    let mut items = Vec::new();
    for found in &facts.persistence {
        items.push(item(reach, found).await);
    }
    items
}

/// Looks at one thing.
pub(crate) async fn item(reach: &Reach, found: &Persistence) -> Item {
    let looked = async {
        let call = Call::new("sts", "AssumeRole", json!({}));
        let account: AccountId = found.account.parse().map_err(|error| {
            let why = format!("{error}");
            CallError::new(&call, crate::aws::Fault::Refused, "", &why)
        })?;
        let aws = reach.account(&account).await?;
        look(aws.as_ref(), found).await
    };
    Item {
        now: looked.await.into(),
        found: found.clone(),
    }
}

/// The state as the action reads it, or gone when it is the state that the action makes.
async fn there<A: Action>(aws: &dyn Aws, params: &A::Params) -> Result<Remains, CallError> {
    let state = A::observe(aws, params).await?.state;
    Ok(if state == A::after(params, &state) {
        Remains::Gone
    } else {
        Remains::There(state)
    })
}

async fn look(aws: &dyn Aws, found: &Persistence) -> Result<Remains, CallError> {
    match &found.left {
        Left::AccessKey { user, id } => {
            let params = SetAccessKeyStatus::inactive(user, id);
            let state = SetAccessKeyStatus::observe(aws, &params).await?.state;
            Ok(match state {
                Value::Null => Remains::Gone,
                state => Remains::There(state),
            })
        }
        Left::SwitchedOn { user, id } => {
            let params = SetAccessKeyStatus::inactive(user, id);
            let state = SetAccessKeyStatus::observe(aws, &params).await?.state;
            let is_off = state.is_null() || state == SetAccessKeyStatus::after(&params, &state);
            Ok(if is_off {
                Remains::Gone
            } else {
                Remains::There(state)
            })
        }
        Left::User { name } => identity(aws, &Holder::user(name)).await,
        Left::Role { name } => identity(aws, &Holder::role(name)).await,
        Left::LoginProfile { user } => {
            there::<DeleteLoginProfile>(aws, &DeleteLoginProfile::params(user)).await
        }
        Left::Trust { role, earlier, .. } => {
            let wanted = earlier.clone().unwrap_or_default();
            let params = RestoreTrustPolicy::params(role, wanted);
            let state = RestoreTrustPolicy::observe(aws, &params).await?.state;
            let document = state.get("document");
            let put_is_there = match &found.left {
                Left::Trust { put: Some(put), .. } => document == Some(put),
                _ => document.is_some_and(|d| Some(d) != earlier.as_ref()),
            };
            Ok(if put_is_there {
                Remains::There(state)
            } else {
                Remains::Gone
            })
        }
        Left::Attached { holder, policy_arn } => {
            let params = DetachIdentityPolicy::params(holder.clone(), policy_arn);
            there::<DetachIdentityPolicy>(aws, &params).await
        }
        Left::Inline {
            holder,
            policy_name,
        } => {
            let params = RemoveInlinePolicy::params(holder.clone(), policy_name);
            there::<RemoveInlinePolicy>(aws, &params).await
        }
        Left::Policy { arn } => {
            let params = DeletePolicy::params(arn);
            match there::<DeletePolicy>(aws, &params).await? {
                Remains::Gone => Ok(Remains::Gone),
                _ => versions(aws, arn).await,
            }
        }
        Left::PolicyVersion { arn, .. } | Left::DefaultVersion { arn, .. } => {
            versions(aws, arn).await
        }
        Left::Membership { user, group } => {
            let params = RemoveUserFromGroup::params(user, group);
            there::<RemoveUserFromGroup>(aws, &params).await
        }
        Left::BucketPolicy { bucket, earlier } => {
            let wanted = earlier.clone().unwrap_or_default();
            let params = RestoreBucketPolicy::params(bucket, wanted);
            there::<RestoreBucketPolicy>(aws, &params).await
        }
        Left::ByHand { .. } => Ok(Remains::ByHand),
    }
}

async fn versions(aws: &dyn Aws, arn: &str) -> Result<Remains, CallError> {
    let call = Call::new("iam", "ListPolicyVersions", json!({ "PolicyArn": arn }));
    let list = match pages(aws, &call, "Versions").await {
        Err(error) if error.is_not_found() => return Ok(Remains::Gone),
        other => other?,
    };
    let mut versions = Vec::new();
    for item in list {
        let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
        let id = text("VersionId").to_owned();
        let params = crate::actions::DeletePolicyVersion::params(arn, &id);
        let read = crate::actions::DeletePolicyVersion::observe(aws, &params).await?;
        versions.push(Version {
            created: text("CreateDate").parse().ok(),
            default: item.get("IsDefaultVersion").and_then(Value::as_bool) == Some(true),
            document: read.state.get("document").cloned(),
            id,
        });
    }
    Ok(Remains::Versions(versions))
}

async fn identity(aws: &dyn Aws, holder: &Holder) -> Result<Remains, CallError> {
    Ok(match holdings(aws, holder).await? {
        Some(holdings) => Remains::Identity(holdings),
        None => Remains::Gone,
    })
}

/// What a user or a role holds; none when it is not there.
pub async fn holdings(aws: &dyn Aws, holder: &Holder) -> Result<Option<Holdings>, CallError> {
    let is_user = holder.kind == HolderKind::User;
    let (operation, member) = if is_user {
        ("GetUser", "UserName")
    } else {
        ("GetRole", "RoleName")
    };
    let name = json!({ member: holder.name });
    let call = Call::new("iam", operation, name.clone());
    if find(aws, &call).await?.is_none() {
        return Ok(None);
    }
    let (attached, inline) = crate::triage::of_holder(aws, holder).await?;
    let mut holdings = Holdings {
        attached: attached.into_iter().map(|policy| policy.name).collect(),
        inline,
        ..Holdings::default()
    };
    let list = async |operation: &str, key: &str, id: &str| {
        let call = Call::new("iam", operation, name.clone());
        let items = pages(aws, &call, key).await?;
        let text = |item: &Value, id: &str| {
            let text = item.get(id).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        Ok::<Vec<(String, String)>, CallError>(
            items
                .iter()
                .map(|item| (text(item, id), text(item, "Status")))
                .collect(),
        )
    };
    if !is_user {
        let key = ("InstanceProfiles", "InstanceProfileName");
        for (id, _) in list("ListInstanceProfilesForRole", key.0, key.1).await? {
            holdings.others.push(format!("instance profile {id}"));
        }
        return Ok(Some(holdings));
    }
    holdings.keys = list("ListAccessKeys", "AccessKeyMetadata", "AccessKeyId").await?;
    let groups = list("ListGroupsForUser", "Groups", "GroupName").await?;
    holdings.groups = groups.into_iter().map(|(group, _)| group).collect();
    let params = DeleteLoginProfile::params(&holder.name);
    let state = DeleteLoginProfile::observe(aws, &params).await?.state;
    holdings.login_profile = state.get("login_profile") == Some(&Value::Bool(true));
    for (operation, key, id, noun) in [
        ("ListMFADevices", "MFADevices", "SerialNumber", "MFA device"),
        (
            "ListSigningCertificates",
            "Certificates",
            "CertificateId",
            "signing certificate",
        ),
        (
            "ListSSHPublicKeys",
            "SSHPublicKeys",
            "SSHPublicKeyId",
            "SSH key",
        ),
        (
            "ListServiceSpecificCredentials",
            "ServiceSpecificCredentials",
            "ServiceSpecificCredentialId",
            "service-specific credential",
        ),
    ] {
        match list(operation, key, id).await {
            Ok(found) => {
                let found = found.into_iter().map(|(id, _)| format!("{noun} {id}"));
                holdings.others.extend(found);
            }
            // What is not known stands in the way of a deletion as well.
            Err(error) => holdings.others.push(format!("{noun}s, not known: {error}")),
        }
    }
    Ok(Some(holdings))
}

/// The roles of the account whose trust policy names this ARN.
pub async fn trusting(aws: &dyn Aws, arn: &str) -> Result<Vec<String>, CallError> {
    let call = Call::new("iam", "ListRoles", json!({}));
    let roles = pages(aws, &call, "Roles").await?;
    let names = roles.iter().filter_map(|role| {
        let trust = crate::document::read(role.get("AssumeRolePolicyDocument"))?;
        let named = trust.to_string().contains(&format!("\"{arn}\""));
        named.then(|| Some(role.get("RoleName")?.as_str()?.to_owned()))?
    });
    Ok(names.collect())
}
