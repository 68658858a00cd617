//! Which accounts the responder reaches, and as whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Arn};
use tokio::sync::Mutex;

use super::{Aws, Call, CallError, Fault};

/// The role that Organizations makes in every account that it creates.
const ORGANIZATION_ROLE: &str = "OrganizationAccountAccessRole";
/// How our sessions are called, so that a trail tells them.
const SESSION: &str = "stockade-responder";

/// Who the responder is in an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The account.
    pub account: AccountId,
    /// As GetCallerIdentity has it: a user's ARN or a session's.
    pub arn: Arn,
    /// As GetCallerIdentity has it.
    pub user_id: String,
}

impl Identity {
    /// The name of the role whose session this is; none for a user or root.
    pub fn role_name(&self) -> Option<&str> {
        let mut parts = self.arn.resource.split('/');
        match (self.arn.service.as_str(), parts.next(), parts.next()) {
            ("sts", Some("assumed-role"), Some(name)) => Some(name),
            _ => None,
        }
    }

    /// Patterns for `aws:PrincipalArn` that match this identity. A session's ARN lacks the path
    /// of its role, so a role gives two.
    pub fn principal_patterns(&self) -> Vec<String> {
        let Arn {
            partition, account, ..
        } = &self.arn;
        match self.role_name() {
            Some(name) => vec![
                format!("arn:{partition}:iam::{account}:role/{name}"),
                format!("arn:{partition}:iam::{account}:role/*/{name}"),
            ],
            None => vec![self.arn.to_string()],
        }
    }
}

/// A client with who it is.
type Entered = (Arc<dyn Aws>, Identity);

/// The clients of a response: the one that was given, and those that it leads to.
pub struct Reach {
    home: Arc<dyn Aws>,
    identity: Identity,
    role_name: String,
    roles: BTreeMap<AccountId, String>,
    clients: Mutex<BTreeMap<AccountId, Entered>>,
}

impl Reach {
    /// Asks who the client is.
    ///
    /// Errors: what GetCallerIdentity answered; a wrong endpoint or key shows here first.
    pub async fn new(home: Arc<dyn Aws>) -> Result<Self, CallError> {
        let identity = identify(home.as_ref()).await?;
        Ok(Self {
            home,
            identity,
            role_name: ORGANIZATION_ROLE.to_owned(),
            roles: BTreeMap::new(),
            clients: Mutex::default(),
        })
    }

    /// Assumes the role of this name in other accounts, in place of `OrganizationAccountAccessRole`.
    #[must_use]
    pub fn with_role_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.role_name);
        self
    }

    /// Assumes this role to work in the account.
    #[must_use]
    pub fn with_role(mut self, account: AccountId, role_arn: &str) -> Self {
        self.roles.insert(account, role_arn.to_owned());
        self
    }

    /// The client that was given.
    pub fn home(&self) -> Arc<dyn Aws> {
        self.home.clone()
    }

    /// Who the given client is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// A client for the account: the given one, or a session of a role there.
    pub async fn account(&self, account: &AccountId) -> Result<Arc<dyn Aws>, CallError> {
        Ok(self.enter(account).await?.0)
    }

    /// Who the responder is in the account.
    pub async fn identity_in(&self, account: &AccountId) -> Result<Identity, CallError> {
        Ok(self.enter(account).await?.1)
    }

    async fn enter(&self, account: &AccountId) -> Result<Entered, CallError> {
        if *account == self.identity.account {
            return Ok((self.home.clone(), self.identity.clone()));
        }
        let mut clients = self.clients.lock().await;
        if let Some(known) = clients.get(account) {
            return Ok(known.clone());
        }
        let partition = &self.identity.arn.partition;
        let role = match self.roles.get(account) {
            Some(role) => role.clone(),
            None => format!("arn:{partition}:iam::{account}:role/{}", self.role_name),
        };
        let client = self.home.assume_role(&role, SESSION).await?;
        let identity = identify(client.as_ref()).await?;
        if identity.account != *account {
            let call = Call::new("sts", "AssumeRole", json!({"RoleArn": role}));
            let message = format!("{role} leads to account {}", identity.account);
            return Err(CallError::new(&call, Fault::Refused, "", &message));
        }
        clients.insert(account.clone(), (client.clone(), identity.clone()));
        Ok((client, identity))
    }
}

async fn identify(aws: &dyn Aws) -> Result<Identity, CallError> {
    let call = Call::new("sts", "GetCallerIdentity", json!({}));
    let answer = aws.call(&call).await?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let read = || -> Option<Identity> {
        Some(Identity {
            account: text("Account").parse().ok()?,
            arn: text("Arn").parse().ok()?,
            user_id: text("UserId").to_owned(),
        })
    };
    read().ok_or_else(|| {
        CallError::new(
            &call,
            Fault::Refused,
            "",
            "the answer names no account: is this an AWS endpoint?",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_matched_by_its_role_with_or_without_a_path() {
        let identity = Identity {
            account: "111122223333".parse().unwrap(),
            arn: "arn:aws:sts::111122223333:assumed-role/Responder/ines"
                .parse()
                .unwrap(),
            user_id: "AROA1:ines".into(),
        };
        assert_eq!(identity.role_name(), Some("Responder"));
        assert_eq!(
            identity.principal_patterns(),
            [
                "arn:aws:iam::111122223333:role/Responder",
                "arn:aws:iam::111122223333:role/*/Responder"
            ]
        );
    }
}
