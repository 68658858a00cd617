//! Who asks: every kind of caller that a policy can tell apart.
//!
//! Owns a caller's identity as policies see it. Which statement names whom is `entry.rs`.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use stockade_model::{AccountId, Arn};

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Principal {
    /// An account's root user.
    Root {
        /// The account.
        account: AccountId,
    },
    /// An IAM user, by a long-term key or a session of `GetSessionToken`.
    User {
        /// `arn:aws:iam::123456789012:user/path/anna`.
        arn: Arn,
        /// `AIDA…`.
        user_id: String,
    },
    /// A session of a role, however the role was assumed.
    Role {
        /// `arn:aws:iam::123456789012:role/path/name`.
        role_arn: Arn,
        /// `arn:aws:sts::123456789012:assumed-role/name/session`.
        session_arn: Arn,
        /// `AROA…`.
        role_id: String,
        /// The identity provider through which the role was assumed (an ARN for SAML and OIDC, or a domain
        /// such as `cognito-identity.amazonaws.com`), which a policy may name as `Federated`.
        provider: Option<String>,
    },
    /// A session of `GetFederationToken`.
    FederatedUser {
        /// `arn:aws:sts::123456789012:federated-user/name`.
        arn: Arn,
        /// The IAM user (or root, `arn:aws:iam::123456789012:root`) who asked for the session.
        issuer: Arn,
        /// `123456789012:name`.
        user_id: String,
    },
    /// Somebody whom an identity provider vouches for and who holds no AWS credentials yet: the caller of
    /// `AssumeRoleWithSAML` and `AssumeRoleWithWebIdentity`.
    Federated {
        /// The provider's ARN, or its domain (`accounts.google.com`).
        provider: String,
    },
    /// An AWS service on its own behalf.
    Service {
        /// As in `cloudtrail.amazonaws.com`.
        name: String,
    },
    /// A request without credentials.
    Anonymous,
}

impl Principal {
    /// The account that the caller belongs to; none for services, strangers and the anonymous.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Root { account } => Some(account.as_str()),
            Self::User { arn, .. } | Self::FederatedUser { arn, .. } => Some(&arn.account),
            Self::Role { session_arn, .. } => Some(&session_arn.account),
            Self::Federated { .. } | Self::Service { .. } | Self::Anonymous => None,
        }
    }

    /// Whether the caller is a service's own role, which no organisation's policy binds.
    pub fn is_service_linked(&self) -> bool {
        matches!(self, Self::Role { role_arn, .. } if role_arn.resource.starts_with("role/aws-service-role/"))
    }

    /// How AWS names the caller, in `GetCallerIdentity` and in refusals: the ARN of a user, of a role's
    /// session, of root; a service's name; a provider; `anonymous`.
    pub fn name(&self) -> String {
        match self {
            Self::Root { account } => format!("arn:aws:iam::{account}:root"),
            Self::User { arn, .. } | Self::FederatedUser { arn, .. } => arn.to_string(),
            Self::Role { session_arn, .. } => session_arn.to_string(),
            Self::Federated { provider } => provider.clone(),
            Self::Service { name } => name.clone(),
            Self::Anonymous => "anonymous".to_owned(),
        }
    }

    /// The value of `aws:PrincipalArn`: for a session the role's ARN, not the session's.
    pub fn principal_arn(&self) -> Option<String> {
        match self {
            Self::Role { role_arn, .. } => Some(role_arn.to_string()),
            Self::Root { .. } | Self::User { .. } | Self::FederatedUser { .. } => Some(self.name()),
            Self::Federated { .. } | Self::Service { .. } | Self::Anonymous => None,
        }
    }

    /// The value of `aws:PrincipalType`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Root { .. } => "Account",
            Self::User { .. } => "User",
            Self::Role { .. } => "AssumedRole",
            Self::FederatedUser { .. } => "FederatedUser",
            Self::Federated { .. } => "Federated",
            Self::Service { .. } => "Service",
            Self::Anonymous => "Anonymous",
        }
    }

    /// The value of `aws:userid`.
    pub fn user_id(&self) -> Option<String> {
        match self {
            Self::Root { account } => Some(account.to_string()),
            Self::User { user_id, .. } | Self::FederatedUser { user_id, .. } => {
                Some(user_id.clone())
            }
            Self::Role {
                role_id,
                session_arn,
                ..
            } => Some(format!("{role_id}:{}", session_arn.resource_name())),
            Self::Federated { .. } | Self::Service { .. } | Self::Anonymous => None,
        }
    }
}

/// Not the name of a caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no principal: use the ARN of a user, root, assumed-role session, role or federated user, a service such as \
     ec2.amazonaws.com, or Anonymous"
)]
pub struct PrincipalError(String);

impl FromStr for Principal {
    type Err = PrincipalError;

    /// Reads an ARN, a service's name or `Anonymous`. Unique ids stay empty, for an ARN does not tell them; the role
    /// of a session is taken to have no path; a role's own ARN stands for a session without a name.
    fn from_str(text: &str) -> Result<Self, PrincipalError> {
        let error = || PrincipalError(text.chars().take(200).collect());
        if text.eq_ignore_ascii_case("anonymous") {
            return Ok(Self::Anonymous);
        }
        let Ok(arn) = text.parse::<Arn>() else {
            let service = text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn");
            return service
                .then(|| Self::Service {
                    name: text.to_owned(),
                })
                .ok_or_else(error);
        };
        let iam = |resource: String| Arn {
            service: "iam".to_owned(),
            resource,
            ..arn.clone()
        };
        let (kind, name) = arn
            .resource
            .split_once('/')
            .unwrap_or((arn.resource.as_str(), ""));
        match (arn.service.as_str(), kind) {
            ("iam", "root") => Ok(Self::Root {
                account: arn.account.parse().map_err(|_| error())?,
            }),
            ("iam", "user") if !name.is_empty() => Ok(Self::User {
                arn,
                user_id: String::new(),
            }),
            ("iam", "role") if !name.is_empty() => Ok(Self::Role {
                session_arn: arn.clone(),
                role_arn: arn,
                role_id: String::new(),
                provider: None,
            }),
            ("iam", "saml-provider" | "oidc-provider") => Ok(Self::Federated {
                provider: text.to_owned(),
            }),
            ("sts", "assumed-role") => {
                let (role, _session) = name.split_once('/').ok_or_else(error)?;
                Ok(Self::Role {
                    role_arn: iam(format!("role/{role}")),
                    session_arn: arn.clone(),
                    role_id: String::new(),
                    provider: None,
                })
            }
            ("sts", "federated-user") if !name.is_empty() => Ok(Self::FederatedUser {
                issuer: iam(format!("user/{name}")),
                user_id: format!("{}:{name}", arn.account),
                arn: arn.clone(),
            }),
            _ => Err(error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_read_from_their_names() {
        for text in [
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:user/path/anna",
            "arn:aws:sts::111122223333:assumed-role/app/i-1",
            "arn:aws:sts::111122223333:federated-user/anna",
            "ec2.amazonaws.com",
        ] {
            assert_eq!(text.parse::<Principal>().unwrap().name(), text);
        }
        for text in [
            "",
            "anna",
            "arn:aws:s3:::b",
            "arn:aws:iam::1:root",
            "arn:aws:sts::1:assumed-role/x",
        ] {
            assert!(text.parse::<Principal>().is_err(), "{text}");
        }
        let session: Principal = "arn:aws:sts::111122223333:assumed-role/app/i-1"
            .parse()
            .unwrap();
        assert_eq!(
            session.principal_arn().as_deref(),
            Some("arn:aws:iam::111122223333:role/app")
        );
    }
}
