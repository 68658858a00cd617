//! What the lineage left behind: keys, users, roles, policies, trust, by its successful calls.
//!
//! Reads events and nothing else. What is to be done about it is `plan/eradicate.rs`'s.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stockade_model::Event;

use crate::document;
use crate::inline::{Holder, HolderKind};
use crate::lineage::{Lineage, Renames};
use crate::triage::Suspects;

/// A thing that the lineage made or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// An access key.
    AccessKey {
        /// Whose.
        user: String,
        /// `AKIA…`.
        id: String,
    },
    /// An access key that was there, switched on.
    SwitchedOn {
        /// Whose.
        user: String,
        /// `AKIA…`.
        id: String,
    },
    /// A user.
    User {
        /// The name.
        name: String,
    },
    /// A role.
    Role {
        /// The name.
        name: String,
    },
    /// A console password.
    LoginProfile {
        /// Whose.
        user: String,
    },
    /// Who may assume a role.
    Trust {
        /// The role.
        role: String,
        /// What the lineage put there.
        put: Option<Value>,
        /// What was there before, where an earlier event tells.
        earlier: Option<Value>,
    },
    /// A managed policy, attached.
    Attached {
        /// To whom.
        holder: Holder,
        /// The policy.
        policy_arn: String,
    },
    /// An inline policy.
    Inline {
        /// On whom.
        holder: Holder,
        /// The policy's name.
        policy_name: String,
    },
    /// A managed policy.
    Policy {
        /// The policy.
        arn: String,
    },
    /// A version of a managed policy.
    PolicyVersion {
        /// The policy.
        arn: String,
        /// As in `v2`.
        version: String,
    },
    /// Another version made the default.
    DefaultVersion {
        /// The policy.
        arn: String,
        /// The version that the lineage chose.
        version: String,
    },
    /// A membership.
    Membership {
        /// The user.
        user: String,
        /// The group.
        group: String,
    },
    /// A bucket's policy.
    BucketPolicy {
        /// The bucket.
        bucket: String,
        /// What was there before, where an earlier event tells.
        earlier: Option<Value>,
    },
    /// Something that a person must look at.
    ByHand {
        /// What it concerns, from the call's parameters.
        about: String,
    },
}

impl Left {
    /// The name of the user whom it concerns.
    fn user_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::AccessKey { user, .. }
            | Self::SwitchedOn { user, .. }
            | Self::LoginProfile { user }
            | Self::Membership { user, .. }
            | Self::User { name: user } => Some(user),
            Self::Attached { holder, .. } | Self::Inline { holder, .. }
                if holder.kind == HolderKind::User =>
            {
                Some(&mut holder.name)
            }
            _ => None,
        }
    }
}

/// A thing that the lineage left, with its proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Persistence {
    /// The account.
    pub account: String,
    /// What.
    pub left: Left,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// From where.
    pub source_address: String,
    /// The call, as in `CreateAccessKey`.
    pub call: String,
    /// `eventID`.
    pub event: Option<String>,
}

/// A secret that the lineage has read, and that must be rotated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretRead {
    /// The secret's or parameter's name.
    pub name: String,
    /// The account.
    pub account: String,
    /// The first read.
    pub first: Timestamp,
    /// The last read.
    pub last: Timestamp,
}

/// Calls that leave something which no action of ours removes.
const BY_HAND: [&str; 38] = [
    "AddPermission20150331v2",
    "AddRoleToInstanceProfile",
    "AuthorizeSecurityGroupIngress",
    "CreateFunction20150331",
    "CreateFunctionUrlConfig",
    "CreateGrant",
    "CreateGroup",
    "CreateInstanceProfile",
    "CreateKeyPair",
    "CreateOpenIDConnectProvider",
    "CreateSAMLProvider",
    "CreateServiceSpecificCredential",
    "DeactivateMFADevice",
    "DeleteBucketPublicAccessBlock",
    "DeleteRolePermissionsBoundary",
    "DeleteTrail",
    "DeleteUserPermissionsBoundary",
    "EnableMFADevice",
    "ImportKeyPair",
    "LeaveOrganization",
    "ModifyImageAttribute",
    "ModifySnapshotAttribute",
    "PutBucketAcl",
    "PutBucketLifecycle",
    "PutBucketReplication",
    "PutEventSelectors",
    "PutKeyPolicy",
    "PutResourcePolicy",
    "PutRolePermissionsBoundary",
    "PutUserPermissionsBoundary",
    "RunInstances",
    "StopLogging",
    "UpdateAccessKey",
    "UpdateFunctionCode20150331v2",
    "UpdateSAMLProvider",
    "UpdateTrail",
    "UploadSSHPublicKey",
    "UploadSigningCertificate",
];

/// What the lineage left. Where the attacker's addresses are known, what its honest callers did
/// from other addresses is left out.
pub fn find(lineage: &Lineage, events: &[Event], suspects: &Suspects) -> Vec<Persistence> {
    let mut found: Vec<Persistence> = Vec::new();
    let renames = Renames::of(events);
    let owned = lineage.events(events);
    let suspect = |event: &Event| suspects.against(event.source_address()?).map(str::to_owned);
    // A suspect elsewhere does not make the callers of this lineage honest.
    let is_known = owned.iter().any(|event| suspect(event).is_some());
    for event in owned {
        let honest = is_known && suspect(event).is_none();
        if event.error_code().is_some() || honest {
            continue;
        }
        let Some(mut left) = left(event, events, lineage) else {
            continue;
        };
        if let (Some(user), Some(account)) = (left.user_mut(), event.account()) {
            *user = renames.name_now(account, user, event.time());
        }
        if found.iter().any(|known| known.left == left) {
            continue;
        }
        found.push(Persistence {
            account: event.account().unwrap_or_default().to_owned(),
            left,
            at: event.time(),
            by: event.principal(),
            source_address: event.source_address().unwrap_or_default().to_owned(),
            call: event.name().to_owned(),
            event: event.id().map(str::to_owned),
        });
    }
    found
}

fn left(event: &Event, events: &[Event], lineage: &Lineage) -> Option<Left> {
    let asked = |name: &str| event.text(&["requestParameters", name]).map(str::to_owned);
    let own = || {
        let arn = event.text(&["userIdentity", "arn"])?;
        Some(arn.rsplit('/').next()?.to_owned())
    };
    let user = || asked("userName").or_else(own);
    Some(match event.name() {
        "CreateAccessKey" => Left::AccessKey {
            user: user()?,
            id: event.issued_access_key()?.to_owned(),
        },
        "UpdateAccessKey" if asked("status").as_deref() == Some("Active") => Left::SwitchedOn {
            user: user()?,
            id: asked("accessKeyId")?,
        },
        "CreateUser" => Left::User { name: user()? },
        "CreateRole" => Left::Role {
            name: asked("roleName")?,
        },
        "CreateLoginProfile" | "UpdateLoginProfile" => Left::LoginProfile { user: user()? },
        "UpdateAssumeRolePolicy" => {
            let role = asked("roleName")?;
            let earlier = earlier_trust(&role, event, events, lineage);
            Left::Trust {
                put: document::read(event.at(&["requestParameters", "policyDocument"])),
                role,
                earlier,
            }
        }
        "AttachUserPolicy" => attached(Holder::user(&user()?), asked("policyArn")?),
        "AttachRolePolicy" => attached(Holder::role(&asked("roleName")?), asked("policyArn")?),
        "AttachGroupPolicy" => attached(Holder::group(&asked("groupName")?), asked("policyArn")?),
        "PutUserPolicy" => inline(Holder::user(&user()?), asked("policyName")?),
        "PutRolePolicy" => inline(Holder::role(&asked("roleName")?), asked("policyName")?),
        "PutGroupPolicy" => inline(Holder::group(&asked("groupName")?), asked("policyName")?),
        "CreatePolicy" => Left::Policy {
            arn: event
                .text(&["responseElements", "policy", "arn"])?
                .to_owned(),
        },
        "CreatePolicyVersion" => Left::PolicyVersion {
            arn: asked("policyArn")?,
            version: event
                .text(&["responseElements", "policyVersion", "versionId"])?
                .to_owned(),
        },
        "SetDefaultPolicyVersion" => Left::DefaultVersion {
            arn: asked("policyArn")?,
            version: asked("versionId")?,
        },
        "AddUserToGroup" => Left::Membership {
            user: user()?,
            group: asked("groupName")?,
        },
        "PutBucketPolicy" => {
            let bucket = asked("bucketName")?;
            let earlier = earlier_bucket(&bucket, event, events, lineage);
            Left::BucketPolicy { bucket, earlier }
        }
        name if BY_HAND.contains(&name) => Left::ByHand {
            about: about(event),
        },
        _ => return None,
    })
}

fn attached(holder: Holder, policy_arn: String) -> Left {
    Left::Attached { holder, policy_arn }
}

fn inline(holder: Holder, policy_name: String) -> Left {
    Left::Inline {
        holder,
        policy_name,
    }
}

/// The text parameters of a call, so that a person finds what it was about.
fn about(event: &Event) -> String {
    let parameters = event.at(&["requestParameters"]).and_then(Value::as_object);
    let texts = parameters
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| {
            let text = value.as_str()?;
            Some(format!(
                "{name} {}",
                text.chars().take(120).collect::<String>()
            ))
        });
    texts.collect::<Vec<_>>().join(", ")
}

/// The last document before the event that somebody else put, from a call of these names.
fn earlier(
    event: &Event,
    events: &[Event],
    lineage: &Lineage,
    matches: impl Fn(&Event) -> Option<Value>,
) -> Option<Value> {
    events
        .iter()
        .filter(|other| other.time() < event.time() && other.error_code().is_none())
        .filter(|other| !lineage.owns(other))
        .filter_map(|other| Some((other.time(), matches(other)?)))
        .max_by_key(|(at, _)| *at)
        .map(|(_, document)| document)
}

fn earlier_trust(role: &str, event: &Event, events: &[Event], lineage: &Lineage) -> Option<Value> {
    earlier(event, events, lineage, |other| {
        let member = match other.name() {
            "CreateRole" => "assumeRolePolicyDocument",
            "UpdateAssumeRolePolicy" => "policyDocument",
            _ => return None,
        };
        let same = other.text(&["requestParameters", "roleName"]) == Some(role)
            && other.account() == event.account();
        same.then(|| document::read(other.at(&["requestParameters", member])))?
    })
}

fn earlier_bucket(
    bucket: &str,
    event: &Event,
    events: &[Event],
    lineage: &Lineage,
) -> Option<Value> {
    earlier(event, events, lineage, |other| {
        let same = other.name() == "PutBucketPolicy"
            && other.text(&["requestParameters", "bucketName"]) == Some(bucket);
        same.then(|| document::read(other.at(&["requestParameters", "bucketPolicy"])))?
    })
}

/// The secrets that the lineage has read.
pub fn secrets(lineage: &Lineage, events: &[Event]) -> Vec<SecretRead> {
    let mut reads: Vec<SecretRead> = Vec::new();
    for event in lineage.events(events) {
        if event.error_code().is_some() {
            continue;
        }
        for name in secret_names(event) {
            let account = event.account().unwrap_or_default();
            match reads
                .iter_mut()
                .find(|read| read.name == name && read.account == account)
            {
                Some(read) => {
                    read.first = read.first.min(event.time());
                    read.last = read.last.max(event.time());
                }
                None => reads.push(SecretRead {
                    name,
                    account: account.to_owned(),
                    first: event.time(),
                    last: event.time(),
                }),
            }
        }
    }
    reads
}

fn secret_names(event: &Event) -> Vec<String> {
    let parameter = |name: &str| event.at(&["requestParameters", name]);
    let decrypted = parameter("withDecryption").and_then(Value::as_bool) == Some(true);
    let names = match event.name() {
        "GetSecretValue" => document::list(parameter("secretId")),
        "BatchGetSecretValue" => document::list(parameter("secretIdList")),
        "GetParameter" if decrypted => document::list(parameter("name")),
        "GetParameters" if decrypted => document::list(parameter("names")),
        "GetParametersByPath" if decrypted => document::list(parameter("path")),
        _ => Vec::new(),
    };
    names
        .into_iter()
        .filter_map(|name| Some(name.as_str()?.to_owned()))
        .collect()
}
