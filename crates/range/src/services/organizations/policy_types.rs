//! The types of policies that an organisation can have, AWS's own policy of each, and their limits.
//!
//! Owns which types there are. How their documents are read is `documents.rs`.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};
use stockade_wire::AwsError;

use super::documents::Document;
use super::errors;
use super::state::OrganizationPolicy;

/// What a policy controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PolicyType {
    /// What an account's users and roles may do.
    ServiceControl,
    /// What may be done to an account's resources.
    ResourceControl,
    /// How tags are written.
    Tag,
    /// What is backed up.
    Backup,
    /// Which AI services may keep content.
    AiServicesOptOut,
    /// Which chat applications reach the accounts.
    Chatbot,
    /// Settings of EC2.
    DeclarativeEc2,
    /// Where Security Hub is on.
    SecurityHub,
    /// Where Security Hub CSPM is on.
    SecurityHubCspm,
    /// Where Inspector is on.
    Inspector,
    /// In which order upgrades are rolled out.
    UpgradeRollout,
    /// Guardrails of Bedrock.
    Bedrock,
    /// Public access to S3.
    S3,
    /// Where Network Security Director is on.
    NetworkSecurityDirector,
    /// Where GuardDuty is on.
    GuardDuty,
}

/// What sets a type apart from the others.
struct Facts {
    name: &'static str,
    /// The characters that a document may have.
    content: usize,
    /// How many policies of the type an organisation may have.
    number: usize,
    /// How many of them a target may carry.
    per_target: usize,
    /// The key that a document of a management policy has at its top.
    top: Option<&'static str>,
    /// The service that must be trusted before the type is switched on.
    service: Option<&'static str>,
}

static SERVICE_CONTROL: LazyLock<Option<Arc<OrganizationPolicy>>> =
    LazyLock::new(|| full_access(PolicyType::ServiceControl, "FullAWSAccess", ""));
static RESOURCE_CONTROL: LazyLock<Option<Arc<OrganizationPolicy>>> = LazyLock::new(|| {
    let principal = r#""Principal":"*","#;
    full_access(PolicyType::ResourceControl, "RCPFullAWSAccess", principal)
});

impl PolicyType {
    /// Every type.
    pub const ALL: [Self; 15] = [
        Self::ServiceControl,
        Self::ResourceControl,
        Self::Tag,
        Self::Backup,
        Self::AiServicesOptOut,
        Self::Chatbot,
        Self::DeclarativeEc2,
        Self::SecurityHub,
        Self::SecurityHubCspm,
        Self::Inspector,
        Self::UpgradeRollout,
        Self::Bedrock,
        Self::S3,
        Self::NetworkSecurityDirector,
        Self::GuardDuty,
    ];

    fn facts(self) -> Facts {
        let control = |name, content, number, per_target| Facts {
            name,
            content,
            number,
            per_target,
            top: None,
            service: None,
        };
        let management = |name, top| Facts {
            name,
            content: 10_000,
            number: 1_000,
            per_target: 10,
            top: Some(top),
            service: None,
        };
        match self {
            Self::ServiceControl => control("SERVICE_CONTROL_POLICY", 10_240, 10_000, 10),
            Self::ResourceControl => control("RESOURCE_CONTROL_POLICY", 5_120, 2_000, 5),
            Self::Tag => management("TAG_POLICY", "tags"),
            Self::Backup => management("BACKUP_POLICY", "plans"),
            Self::AiServicesOptOut => Facts {
                content: 2_500,
                per_target: 5,
                ..management("AISERVICES_OPT_OUT_POLICY", "services")
            },
            Self::Chatbot => Facts {
                per_target: 5,
                ..management("CHATBOT_POLICY", "chatbot")
            },
            Self::DeclarativeEc2 => management("DECLARATIVE_POLICY_EC2", "ec2_attributes"),
            Self::SecurityHub => Facts {
                service: Some("securityhub.amazonaws.com"),
                ..management("SECURITYHUB_POLICY", "securityhub")
            },
            Self::SecurityHubCspm => Facts {
                service: Some("securityhub.amazonaws.com"),
                ..management("SECURITYHUB_CSPM_POLICY", "securityhub_cspm")
            },
            Self::Inspector => Facts {
                service: Some("inspector2.amazonaws.com"),
                ..management("INSPECTOR_POLICY", "inspector")
            },
            Self::UpgradeRollout => management("UPGRADE_ROLLOUT_POLICY", "upgrade_rollout"),
            Self::Bedrock => management("BEDROCK_POLICY", "bedrock"),
            Self::S3 => management("S3_POLICY", "s3_attributes"),
            Self::NetworkSecurityDirector => Facts {
                service: Some("network-security-director.amazonaws.com"),
                ..management(
                    "NETWORK_SECURITY_DIRECTOR_POLICY",
                    "network_security_director",
                )
            },
            Self::GuardDuty => Facts {
                service: Some("guardduty.amazonaws.com"),
                ..management("GUARDDUTY_POLICY", "guardduty")
            },
        }
    }

    /// The type with this name, as in `SERVICE_CONTROL_POLICY`.
    pub(super) fn read(name: &str) -> Result<Self, AwsError> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == name).ok_or_else(|| {
            errors::invalid(
                "INVALID_ENUM_POLICY_TYPE",
                "You specified an invalid policy type string.",
            )
        })
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The characters that a document may have.
    pub(super) fn content_limit(self) -> usize {
        self.facts().content
    }

    /// How many policies of the type an organisation may have.
    pub(super) fn number_limit(self) -> usize {
        self.facts().number
    }

    /// How many policies of the type a target may carry.
    pub(super) fn per_target(self) -> usize {
        self.facts().per_target
    }

    /// The key at the top of a management policy's document; none for the types that decide about access.
    pub(super) fn top(self) -> Option<&'static str> {
        self.facts().top
    }

    /// Whether documents of the type are merged along the tree into one effective policy.
    pub fn is_management(self) -> bool {
        self.top().is_some()
    }

    /// The service that must be trusted as long as the type is switched on.
    pub(super) fn service(self) -> Option<&'static str> {
        self.facts().service
    }

    /// The id of AWS's policy of this type, which allows everything; management policies have none.
    pub fn full_access_id(self) -> Option<&'static str> {
        match self {
            Self::ServiceControl => Some("p-FullAWSAccess"),
            Self::ResourceControl => Some("p-RCPFullAWSAccess"),
            _ => None,
        }
    }

    /// AWS's policy of this type, which allows everything.
    pub fn full_access(self) -> Option<Arc<OrganizationPolicy>> {
        match self {
            Self::ServiceControl => SERVICE_CONTROL.clone(),
            Self::ResourceControl => RESOURCE_CONTROL.clone(),
            _ => None,
        }
    }
}

fn full_access(kind: PolicyType, name: &str, principal: &str) -> Option<Arc<OrganizationPolicy>> {
    let content = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{principal}"Action":"*","Resource":"*"}}]}}"#
    );
    Some(Arc::new(OrganizationPolicy {
        id: kind.full_access_id()?.to_owned(),
        name: name.to_owned(),
        description: "Allows access to every operation".to_owned(),
        kind,
        document: Document::read(kind, &content).ok()?,
        content: content.into(),
        aws: true,
        tags: Vec::new(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_name_and_those_of_access_have_their_full_access() {
        for kind in PolicyType::ALL {
            assert_eq!(PolicyType::read(kind.name()).unwrap(), kind);
            let full = kind.full_access().map(|policy| policy.id.clone());
            assert_eq!(full.as_deref(), kind.full_access_id());
            assert_eq!(kind.full_access_id().is_none(), kind.is_management());
        }
        let refused = PolicyType::read("NO_POLICY").unwrap_err();
        assert_eq!(refused.fields["Reason"], "INVALID_ENUM_POLICY_TYPE");
    }
}
