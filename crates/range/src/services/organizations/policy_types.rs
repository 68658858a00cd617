//! The types of policies that an organisation can have, and AWS's own policy of each.
//!
//! Owns which types there are and how their documents are read.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};
use stockade_policy::{Policy, PolicyError};
use stockade_wire::AwsError;

use super::errors;
use super::state::OrganizationPolicy;

/// What a policy controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PolicyType {
    /// What an account's users and roles may do.
    ServiceControl,
    /// What may be done to an account's resources.
    ResourceControl,
}

/// Policies of one type that a target may carry.
pub(super) const PER_TARGET: usize = 5;
/// The characters that a policy may have.
pub(super) const CONTENT_LIMIT: usize = 5120;

static SERVICE_CONTROL: LazyLock<Option<Arc<OrganizationPolicy>>> =
    LazyLock::new(|| PolicyType::ServiceControl.read_full_access().ok());
static RESOURCE_CONTROL: LazyLock<Option<Arc<OrganizationPolicy>>> =
    LazyLock::new(|| PolicyType::ResourceControl.read_full_access().ok());

impl PolicyType {
    /// Every type.
    pub const ALL: [Self; 2] = [Self::ServiceControl, Self::ResourceControl];

    /// The type with this name, as in `SERVICE_CONTROL_POLICY`.
    pub(super) fn read(name: &str) -> Result<Self, AwsError> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            errors::of(
                "PolicyTypeNotAvailableForOrganizationException",
                "You can't use the specified policy type with the feature set currently enabled for this organization.",
            )
        })
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceControl => "SERVICE_CONTROL_POLICY",
            Self::ResourceControl => "RESOURCE_CONTROL_POLICY",
        }
    }

    /// Reads a document of this type.
    pub(super) fn parse(self, content: &str) -> Result<Policy, PolicyError> {
        match self {
            Self::ServiceControl => Policy::parse_scp(content),
            Self::ResourceControl => Policy::parse_rcp(content),
        }
    }

    /// The id of AWS's policy of this type, which allows everything.
    pub fn full_access_id(self) -> &'static str {
        match self {
            Self::ServiceControl => "p-FullAWSAccess",
            Self::ResourceControl => "p-RCPFullAWSAccess",
        }
    }

    /// AWS's policy of this type, which allows everything.
    pub fn full_access(self) -> Option<Arc<OrganizationPolicy>> {
        match self {
            Self::ServiceControl => SERVICE_CONTROL.clone(),
            Self::ResourceControl => RESOURCE_CONTROL.clone(),
        }
    }

    fn read_full_access(self) -> Result<Arc<OrganizationPolicy>, PolicyError> {
        let (name, principal) = match self {
            Self::ServiceControl => ("FullAWSAccess", ""),
            Self::ResourceControl => ("RCPFullAWSAccess", r#""Principal":"*","#),
        };
        let content = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{principal}"Action":"*","Resource":"*"}}]}}"#
        );
        Ok(Arc::new(OrganizationPolicy {
            id: self.full_access_id().to_owned(),
            name: name.to_owned(),
            description: "Allows access to every operation".to_owned(),
            kind: self,
            policy: Arc::new(self.parse(&content)?),
            content: content.into(),
            aws: true,
            tags: Vec::new(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_full_access() {
        for kind in PolicyType::ALL {
            assert_eq!(kind.full_access().unwrap().id, kind.full_access_id());
            assert_eq!(PolicyType::read(kind.name()).unwrap(), kind);
        }
        let refused = PolicyType::read("TAG_POLICY").unwrap_err();
        assert_eq!(
            refused.code,
            "PolicyTypeNotAvailableForOrganizationException"
        );
    }
}
