//! Amazon Resource Names: `arn:partition:service:region:account:resource`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An ARN in its six parts. Region and account are empty where the resource has none
/// (`arn:aws:s3:::bucket`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The service's namespace, as in `iam`.
    pub service: String,
    /// The region, or empty.
    pub region: String,
    /// Twelve digits, `aws` for resources that AWS owns, or empty.
    pub account: String,
    /// All that follows the fifth colon: `user/path/name`, `bucket/key`.
    pub resource: String,
}

/// Why a text is not an ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ARN: it must read arn:partition:service:region:account:resource")]
pub struct ArnError(pub String);

impl Arn {
    /// An ARN in the partition `aws`.
    pub fn aws(service: &str, region: &str, account: &str, resource: impl Into<String>) -> Self {
        Self {
            partition: "aws".to_owned(),
            service: service.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            resource: resource.into(),
        }
    }

    /// The kind of resource: what stands before the first `/` or `:` (`user`, `role`, `key`).
    pub fn resource_type(&self) -> &str {
        self.resource.split(['/', ':']).next().unwrap_or_default()
    }

    /// The last part of the resource, as in the name of `user/path/name`.
    pub fn resource_name(&self) -> &str {
        self.resource.rsplit(['/', ':']).next().unwrap_or_default()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:{}:{}:{}:{}:{}",
            self.partition, self.service, self.region, self.account, self.resource
        )
    }
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let error = || ArnError(text.chars().take(200).collect());
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().ok_or_else(error);
        if next()? != "arn" {
            return Err(error());
        }
        let arn = Self {
            partition: next()?.to_owned(),
            service: next()?.to_owned(),
            region: next()?.to_owned(),
            account: next()?.to_owned(),
            resource: next()?.to_owned(),
        };
        if arn.partition.is_empty() || arn.service.is_empty() || arn.resource.is_empty() {
            return Err(error());
        }
        Ok(arn)
    }
}

impl TryFrom<String> for Arn {
    type Error = ArnError;

    fn try_from(text: String) -> Result<Self, ArnError> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_back() {
        for text in [
            "arn:aws:iam::123456789012:user/path/anna",
            "arn:aws:s3:::bucket/key:with:colons",
            "arn:aws:iam::aws:policy/AdministratorAccess",
            "arn:aws:logs:eu-west-1:123456789012:log-group:name:*",
        ] {
            assert_eq!(text.parse::<Arn>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_not_an_arn() {
        for text in [
            "",
            "arn",
            "arn:aws:iam",
            "arn:aws:iam::1:",
            "urn:aws:s3:::b",
            "arn::s3:::b",
        ] {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_the_resource() {
        let arn: Arn = "arn:aws:iam::123456789012:user/path/anna".parse().unwrap();
        assert_eq!((arn.resource_type(), arn.resource_name()), ("user", "anna"));
    }
}
